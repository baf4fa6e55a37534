//! The runtimes that do a provider's work: one for all of it, and one beside it for closes that are waited
//! for.

use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::guard::thread;

/// A runtime on a thread of its own, for as long as anybody holds this.
#[derive(Debug)]
pub(crate) struct OwnRuntime {
    pub(crate) handle: Handle,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl OwnRuntime {
    /// Starts it, on a thread of this name.
    ///
    /// # Errors
    ///
    /// What the system says when it has no thread or file descriptor to give.
    pub(crate) fn start(thread: &str) -> io::Result<Self> {
        // Nothing of ours waits on a blocking thread; what a plug-in runs there has few.
        let runtime = Builder::new_current_thread().max_blocking_threads(2).enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        thread::spawn(thread, move || {
            _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(OwnRuntime { handle, _stop: stop })
    }
}
