//! A value that tests wait on, from a task or from a thread.

use std::future::poll_fn;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// A value behind a lock; whoever waits for a condition on it is woken by every change.
#[derive(Debug, Default)]
pub(crate) struct Watched<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State<T> {
    value: T,
    wakers: Vec<Waker>,
}

impl<T> From<T> for Watched<T> {
    fn from(value: T) -> Self {
        Watched { state: Mutex::new(State { value, wakers: Vec::new() }), changed: Condvar::new() }
    }
}

impl<T> Watched<T> {
    pub(crate) fn read<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.lock().value)
    }

    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state.value);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Completes once the condition holds.
    pub(crate) async fn wait(&self, condition: impl Fn(&T) -> bool) {
        poll_fn(|context| {
            let mut state = self.lock();
            if condition(&state.value) {
                return Poll::Ready(());
            }
            if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                state.wakers.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Blocks the thread until the condition holds; `false` if it doesn't within the time given.
    pub(crate) fn wait_blocking(&self, within: Duration, condition: impl Fn(&T) -> bool) -> bool {
        let end = Instant::now() + within;
        let mut state = self.lock();
        while !condition(&state.value) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// A panic of a test must not turn into a second one here.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
