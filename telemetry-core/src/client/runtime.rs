//! What workers run on.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use crate::client::call_pool::CallPool;
use crate::client::own_runtime::OwnRuntime;
use crate::guard::lock::lock;
use crate::guard::sync::Mutex;
use crate::guard::sync::atomic::{AtomicBool, Ordering};
use crate::plugin::clock::BoxFuture;

/// What the workers of a provider run on.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Runtime {
    /// A runtime of the provider's own: one background thread, started with the first client, which ends when
    /// the last client has ended and nobody holds the provider. No signal is delivered to it. Works in any
    /// driver, also in one without a runtime.
    #[default]
    Own,
    /// None: workers move when [`ClientProvider::step`](crate::ClientProvider::step) is called, and on that
    /// thread. For tests and simulations; a plug-in that blocks blocks the caller.
    Manual,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Runtime::Own => "Own",
            Runtime::Manual => "Manual",
        })
    }
}

/// Runs workers.
#[derive(Debug)]
pub(crate) enum Runner {
    /// A runtime that is started when it is first needed.
    Own {
        started: OnceLock<Arc<OwnRuntime>>,
        /// Held by who starts it; whoever finds it started takes no lock.
        starting: Mutex<()>,
        calls: Arc<CallPool>,
    },
    Manual(Mutex<Vec<Arc<Task>>>),
}

/// Where calls run that may block.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(crate) pool: Arc<CallPool>,
    pub(crate) on: Arc<OwnRuntime>,
}

impl Runner {
    pub(crate) fn new(runtime: Runtime) -> Self {
        match runtime {
            Runtime::Own => {
                Runner::Own { started: OnceLock::new(), starting: Mutex::default(), calls: Arc::default() }
            }
            Runtime::Manual => Runner::Manual(Mutex::default()),
        }
    }

    /// Makes sure that there is something to run on.
    ///
    /// # Errors
    ///
    /// What the system says when it has no thread or file descriptor to give.
    pub(crate) fn start(&self) -> io::Result<()> {
        let Runner::Own { started, starting, .. } = self else { return Ok(()) };
        if started.get().is_some() {
            return Ok(());
        }
        let _starting = lock(starting);
        if started.get().is_none() {
            _ = started.set(Arc::new(OwnRuntime::start("telemetry")?));
        }
        Ok(())
    }

    /// Where calls run that may block; `None` where workers move by hand.
    pub(crate) fn calls(&self) -> Option<Calls> {
        let Runner::Own { started, calls, .. } = self else { return None };
        Some(Calls { pool: Arc::clone(calls), on: Arc::clone(started.get()?) })
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self {
            // Where it wasn't started the work is dropped here, and its guard finishes its client.
            Runner::Own { started, .. } => {
                drop(started.get().map(|started| started.handle.spawn(work)));
            }
            Runner::Manual(tasks) => {
                let future: BoxFuture<'static, ()> = Box::pin(work);
                lock(tasks)
                    .push(Arc::new(Task { future: Mutex::new(Some(future)), woken: AtomicBool::new(true) }));
            }
        }
    }

    /// Whether workers move by hand.
    pub(crate) fn is_manual(&self) -> bool {
        matches!(self, Runner::Manual(_))
    }

    /// Moves the workers that can move, until none can. A worker that another thread is moving is left
    /// to them.
    pub(crate) fn step(&self) {
        let Runner::Manual(tasks) = self else { return };
        loop {
            let woken: Vec<_> =
                lock(tasks).iter().filter(|task| task.woken.swap(false, Ordering::SeqCst)).cloned().collect();
            if woken.is_empty() {
                return;
            }
            for task in woken {
                // Out of its lock while it moves, because it may come back here.
                let Some(mut future) = lock(&task.future).take() else {
                    task.woken.store(true, Ordering::SeqCst);
                    return;
                };
                let waker = Waker::from(Arc::clone(&task));
                match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Pending => *lock(&task.future) = Some(future),
                    Poll::Ready(()) => lock(tasks).retain(|other| !Arc::ptr_eq(other, &task)),
                }
            }
        }
    }
}

/// A worker that moves by hand.
pub(crate) struct Task {
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    woken: AtomicBool,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
