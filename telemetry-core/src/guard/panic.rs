//! Keeps a panic of foreign code from going anywhere else.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs foreign code; `None` when it panicked.
///
/// For whoever calls code of others from a plug-in, such as a breaker that tells an observer. The panic's
/// payload is dropped unseen, as it may hold anything; a payload that panics when it is dropped is caught
/// too. The process's panic hook still hears of both.
pub fn catch_panic<T>(call: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // A payload's own drop may panic too.
            if let Err(again) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
                std::mem::forget(again);
            }
            None
        }
    }
}

/// A foreign value that lets no panic out when it is dropped, wherever that happens.
pub(crate) struct DropGuarded<T>(pub(crate) Option<T>);

impl<T> Default for DropGuarded<T> {
    fn default() -> Self {
        DropGuarded(None)
    }
}

impl<T> Drop for DropGuarded<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        catch_panic(move || drop(value));
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A foreign future, of which neither the making, the polling nor the dropping lets a panic out.
pub(crate) struct GuardedFuture<'a, T>(Option<Boxed<'a, T>>);

impl<'a, T> GuardedFuture<'a, T> {
    pub(crate) fn new(make: impl FnOnce() -> Boxed<'a, T>) -> Self {
        GuardedFuture(catch_panic(make))
    }

    fn clear(&mut self) {
        let future = self.0.take();
        catch_panic(move || drop(future));
    }
}

impl<T> Future for GuardedFuture<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.0 else { return Poll::Ready(None) };
        let polled = catch_panic(|| future.as_mut().poll(cx));
        match polled {
            Some(Poll::Pending) => Poll::Pending,
            Some(Poll::Ready(value)) => {
                self.clear();
                Poll::Ready(Some(value))
            }
            None => {
                self.clear();
                Poll::Ready(None)
            }
        }
    }
}

impl<T> Drop for GuardedFuture<'_, T> {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        assert!(catch_panic(|| std::panic::panic_any(Bomb)).is_none());
    }
}
