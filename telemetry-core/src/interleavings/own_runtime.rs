//! A runtime whose tasks are shuttle's. They are given up where they wait when nobody holds it any more, as
//! the real one's are.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use shuttle::future::{AbortHandle, block_on, spawn};

#[derive(Debug)]
pub(crate) struct OwnRuntime {
    pub(crate) handle: Handle,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Handle(Arc<Mutex<Vec<AbortHandle>>>);

impl OwnRuntime {
    pub(crate) fn start(_thread: &str) -> io::Result<Self> {
        Ok(OwnRuntime { handle: Handle::default() })
    }

    pub(crate) fn poll_here<T>(&self, future: impl Future<Output = T>) -> T {
        block_on(future)
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        let tasks = std::mem::take(&mut *self.handle.0.lock().unwrap_or_else(PoisonError::into_inner));
        tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Handle {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let task = spawn(task).abort_handle();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(task.clone());
        task
    }
}
