//! What threads meet at, where shuttle decides before each use who goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LockResult, PoisonError};
use std::time::Duration;

use shuttle::future::spawn;
use shuttle::rand::{Rng, thread_rng};
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
pub(crate) use shuttle::thread_local;

/// A condition variable on which a wait with a limit may come to it at any moment, or never. On shuttle's own
/// it never does.
#[derive(Default)]
pub(crate) struct Condvar(Arc<shuttle::sync::Condvar>);

/// How a wait with a limit ended.
pub(crate) struct Waited(bool);

impl Waited {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, Waited)> {
        let late = Arc::new(AtomicBool::new(false));
        if thread_rng().gen_bool(0.5) {
            let (waiting, late) = (Arc::clone(&self.0), Arc::clone(&late));
            // Whoever else waits is woken for nothing, as it may be at any time.
            drop(spawn(async move {
                waiting.notify_all();
                late.store(true, Ordering::SeqCst);
            }));
        }
        let guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
        Ok((guard, Waited(late.load(Ordering::SeqCst))))
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
