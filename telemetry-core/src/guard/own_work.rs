//! What the workspace does on its own account, so that none of it is recorded as the driver's.

use std::cell::Cell;

use crate::guard::sync::thread_local;

thread_local! {
    static OWN_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread does the workspace's own work, so that what it logs or records is none of the
/// driver's.
pub(crate) fn is_own_work() -> bool {
    OWN_WORK.try_with(Cell::get).unwrap_or(false)
}

/// Does the workspace's own work: what it logs or records meanwhile, on this thread, is not recorded as the
/// driver's.
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
        $crate::guard::own_work::own_work(|| {
            $crate::guard::panic::catch_panic(|| tracing::debug!($($arg)*));
        })
    };
}
pub(crate) use log;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::panic::catch_panic;

    #[test]
    fn own_work_ends_also_by_a_panic() {
        assert!(catch_panic(|| own_work(|| panic!("in here"))).is_none());
        assert!(!is_own_work());
        own_work(|| {
            own_work(|| ());
            assert!(is_own_work());
        });
    }
}
