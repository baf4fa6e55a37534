//! Threads of the workspace's own, as tasks of shuttle's: an interleaving may end while some of them wait.

use std::io;

use shuttle::future::{JoinHandle, spawn as spawn_task};
pub(crate) use shuttle::thread::yield_now;

use crate::guard::own_work::only_own_work;

pub(crate) fn spawn<T: Send + 'static>(
    _name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    Ok(spawn_task(async move {
        only_own_work();
        run()
    }))
}

pub(crate) fn number() -> usize {
    usize::from(shuttle::current::me())
}
