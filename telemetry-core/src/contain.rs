//! Keeps what goes wrong in a plug-in from going anywhere else.

use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use crate::clock::{BoxFuture, Clock, SystemClock, Tick};
use crate::fault::Fault;

/// Runs foreign code; `None` when it panicked. The panic's payload is dropped unseen, as it may hold anything.
pub(crate) fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
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
pub(crate) struct LetGo<T>(pub(crate) Option<T>);

impl<T> Drop for LetGo<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        contained(move || drop(value));
    }
}

/// A foreign future, of which neither the making, the polling nor the dropping lets a panic out.
pub(crate) struct Contained<'a, T>(Option<BoxFuture<'a, T>>);

impl<'a, T> Contained<'a, T> {
    pub(crate) fn new(make: impl FnOnce() -> BoxFuture<'a, T>) -> Self {
        Contained(contained(make))
    }

    fn clear(&mut self) {
        let future = self.0.take();
        contained(move || drop(future));
    }
}

impl<T> Future for Contained<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.0 else { return Poll::Ready(None) };
        let polled = contained(|| future.as_mut().poll(cx));
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

impl<T> Drop for Contained<'_, T> {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A clock that doesn't panic and doesn't go back, whatever the one inside does.
#[derive(Clone, Debug)]
pub(crate) struct SafeClock {
    inner: Arc<dyn Clock>,
    latest: Arc<AtomicU64>,
    /// Where the time goes on from when the clock inside panics, so that nothing stands still or spins.
    origin: (Tick, Instant),
    /// Whether what sleeps runs where tokio's timers do. Somebody who moves workers by hand may be anywhere.
    timers: bool,
}

impl SafeClock {
    pub(crate) fn new(inner: Arc<dyn Clock>, timers: bool) -> Self {
        let start = contained(|| inner.now()).unwrap_or_default();
        SafeClock {
            inner,
            latest: Arc::new(AtomicU64::new(start.as_nanos())),
            origin: (start, Instant::now()),
            timers,
        }
    }

    pub(crate) fn inner(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner)
    }

    pub(crate) fn now(&self) -> Tick {
        let (start, since) = self.origin;
        let now = contained(|| self.inner.now()).unwrap_or_else(|| start + since.elapsed()).as_nanos();
        Tick::from_nanos(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    pub(crate) fn wall(&self) -> SystemTime {
        contained(|| self.inner.wall()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Completes at `at`. When the clock inside panics, wakes too early, or doesn't wake at all, the machine's own time counts.
    pub(crate) async fn sleep_until(&self, at: Tick) {
        if at == Tick::MAX {
            return std::future::pending().await;
        }
        let left = at.since(self.now());
        let mut sleep = Contained::new(|| self.inner.sleep_until(at));
        let mut patience = std::pin::pin!(machine_sleep(left.saturating_add(PATIENCE)));
        let slept = std::future::poll_fn(|cx| match Pin::new(&mut sleep).poll(cx) {
            Poll::Ready(slept) => Poll::Ready(Some(slept)),
            Poll::Pending if self.timers => patience.as_mut().poll(cx).map(|()| None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        let left = at.since(self.now());
        if slept.is_some_and(|slept| slept.is_none() || left > Duration::ZERO) {
            machine_sleep(left).await;
        }
    }

    /// Runs a foreign future until it ends, panics, or the time is up.
    pub(crate) async fn limit<T>(&self, at: Tick, future: Contained<'_, T>) -> Result<T, Fault> {
        let mut future = future;
        let mut sleep = std::pin::pin!(self.sleep_until(at));
        std::future::poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
            Poll::Ready(Some(value)) => Poll::Ready(Ok(value)),
            Poll::Ready(None) => Poll::Ready(Err(Fault::Panicked)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| Err(Fault::Timeout)),
        })
        .await
    }
}

/// How much longer than it was to sleep a clock may take, in the machine's time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sleeps by the machine's clock; for ever where there is no runtime that could wake it.
async fn machine_sleep(time: Duration) {
    let timers = tokio::runtime::Handle::try_current().is_ok();
    let sleep = timers.then(|| Contained::new(|| SystemClock::new().sleep_until(Tick::ZERO + time)));
    if let Some(sleep) = sleep
        && sleep.await.is_some()
    {
        return;
    }
    std::future::pending().await
}

thread_local! {
    static OWN_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread does the workspace's own work, so that what it logs or records is none of the driver's.
pub(crate) fn is_own_work() -> bool {
    OWN_WORK.try_with(Cell::get).unwrap_or(false)
}

/// Does the workspace's own work: what it logs or records meanwhile, on this thread, is not recorded as the driver's.
pub(crate) fn own_work<T>(work: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = OWN_WORK.try_with(|own| own.set(self.0));
        }
    }
    let _restore = Restore(OWN_WORK.try_with(|own| own.replace(true)).unwrap_or(false));
    work()
}

/// Says that this thread never does anything but the workspace's own work.
pub(crate) fn only_own_work() {
    let _ = OWN_WORK.try_with(|own| own.set(true));
}

/// Logs at DEBUG, where no lock may be held: a subscriber is foreign code, and may panic or record.
macro_rules! log {
    ($($arg:tt)*) => {
        $crate::contain::own_work(|| {
            $crate::contain::contained(|| tracing::debug!($($arg)*));
        })
    };
}
pub(crate) use log;

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
        assert!(contained(|| std::panic::panic_any(Bomb)).is_none());
    }

    #[test]
    fn own_work_ends_also_by_a_panic() {
        assert!(contained(|| own_work(|| panic!("in here"))).is_none());
        assert!(!is_own_work());
        own_work(|| {
            own_work(|| ());
            assert!(is_own_work());
        });
    }
}
