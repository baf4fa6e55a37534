//! The runtimes that do a provider's work: one for all of it, and one beside it for closes that are waited
//! for.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::runtime::{Builder, Handle, Runtime};
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
        // Without a thread it ends here, and here may be a task of the driver's.
        let runtime = EndsAnywhere(Some(runtime));
        thread::spawn(thread, move || {
            if let Some(runtime) = &runtime.0 {
                _ = runtime.block_on(stopped);
            }
        })?;
        Ok(OwnRuntime { handle, _stop: stop })
    }

    /// Polls a future on this thread until it is done. What it waits for is driven by the runtime, in whose
    /// context it is; but this thread drives none, so that the future may drive one of its own and block.
    pub(crate) fn poll_here<T>(&self, future: impl Future<Output = T>) -> T {
        struct Unpark(Thread);

        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        let _inside = self.handle.enter();
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
                return done;
            }
            std::thread::park();
        }
    }
}

/// A runtime that may be dropped where another runs.
struct EndsAnywhere(Option<Runtime>);

impl Drop for EndsAnywhere {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_runtime_without_a_thread_ends_in_a_task_of_another_without_a_panic() {
        let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
        let ours = EndsAnywhere(Some(runtime()));
        runtime().block_on(async move { drop(ours) });
    }

    #[test]
    fn what_is_polled_here_may_wait_for_the_runtime_and_drive_another() {
        let own = OwnRuntime::start("test").unwrap();
        let answer = own.poll_here(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let another = Builder::new_current_thread().enable_all().build().unwrap();
            let there = another.block_on(async { tokio::spawn(async { 3 }).await.unwrap() });
            there + tokio::spawn(async { 4 }).await.unwrap()
        });
        assert_eq!(answer, 7);
    }
}
