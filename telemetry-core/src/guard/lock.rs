//! Locks that a panic doesn't poison.

use std::sync::{PoisonError, TryLockError};

use crate::guard::sync::{Mutex, MutexGuard};

/// Locks a mutex whose contents are valid whatever happened to the last holder.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a mutex if nobody holds it.
pub(crate) fn try_lock<T: ?Sized>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Locks a mutex; one that somebody holds only where that is to be waited for. In a forked child it isn't, as
/// the holder may not exist there; to ask for the process every time would take longer than all else.
pub(crate) fn lock_if<T: ?Sized>(
    mutex: &Mutex<T>,
    waits: impl FnOnce() -> bool,
) -> Option<MutexGuard<'_, T>> {
    try_lock(mutex).or_else(|| waits().then(|| lock(mutex)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_somebody_holds_is_waited_for_only_where_it_may_be() {
        let mutex = Mutex::new(0);
        assert!(lock_if(&mutex, || panic!("nobody holds it")).is_some());
        let held = lock(&mutex);
        assert!(lock_if(&mutex, || false).is_none());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| lock_if(&mutex, || true).map(|mut value| *value += 1));
            drop(held);
            assert!(waits.join().unwrap().is_some());
        });
        assert_eq!(*lock(&mutex), 1);
    }
}
