//! What workers run on.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::{self, Builder, Handle};

use crate::guard::fork::Process;
use crate::guard::lock::lock;
use crate::guard::own_work::only_own_work;
use crate::guard::panic::catch_panic;
use crate::plugin::clock::BoxFuture;

/// What the workers of a provider run on.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Runtime {
    /// A runtime of the provider's own: one background thread, started with the first client and shut down in
    /// the background with the last reference to the provider. Works in any driver, also in one without a
    /// runtime.
    #[default]
    Own,
    /// A runtime of the driver's, with timers and I/O enabled. When it is shut down, what is held is dropped
    /// and counted.
    Handle(Handle),
    /// None: workers move when [`ClientProvider::step`](crate::ClientProvider::step) is called, and on that
    /// thread. For tests and simulations; a plug-in that blocks blocks the caller.
    Manual,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Runtime::Own => "Own",
            Runtime::Handle(_) => "Handle",
            Runtime::Manual => "Manual",
        })
    }
}

/// How jobs are run.
#[derive(Clone, Debug)]
pub(crate) enum Jobs {
    /// Each on a thread of its own, with the timers and sockets of this runtime.
    Threads(Handle),
    /// In the worker itself, for deterministic tests.
    Inline,
}

/// Runs workers.
#[derive(Debug)]
pub(crate) enum Runner {
    Own(OwnRuntime),
    Handle(Handle),
    Manual(Mutex<Vec<Arc<Task>>>),
}

/// A runtime that is started when it is first needed.
#[derive(Debug)]
pub(crate) struct OwnRuntime {
    runtime: Mutex<Option<runtime::Runtime>>,
    parent: Process,
}

impl Runner {
    pub(crate) fn new(runtime: Runtime) -> Self {
        match runtime {
            Runtime::Own => Runner::Own(OwnRuntime { runtime: Mutex::new(None), parent: Process::this() }),
            Runtime::Handle(handle) => Runner::Handle(handle),
            Runtime::Manual => Runner::Manual(Mutex::default()),
        }
    }

    /// Makes sure that there is something to run on. `false` when the system has no thread to give.
    pub(crate) fn start(&self) -> bool {
        let Runner::Own(own) = self else { return true };
        let mut runtime = lock(&own.runtime);
        if runtime.is_none() {
            let build = || {
                Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("telemetry")
                    .on_thread_start(only_own_work)
                    .enable_all()
                    .build()
            };
            *runtime = catch_panic(build).and_then(Result::ok);
        }
        runtime.is_some()
    }

    pub(crate) fn jobs(&self) -> Jobs {
        match self {
            Runner::Own(own) => own.handle().map_or(Jobs::Inline, Jobs::Threads),
            Runner::Handle(handle) => Jobs::Threads(handle.clone()),
            Runner::Manual(_) => Jobs::Inline,
        }
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self {
            // Without a runtime the work is dropped here, and its guard finishes its client.
            Runner::Own(own) => drop(own.handle().map(|handle| handle.spawn(work))),
            Runner::Handle(handle) => drop(handle.spawn(work)),
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

impl OwnRuntime {
    fn handle(&self) -> Option<Handle> {
        lock(&self.runtime).as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        match runtime {
            // Its threads are the parent's, and its locks may be held for ever.
            Some(runtime) if !self.parent.is_this() => std::mem::forget(runtime),
            // Also in an asynchronous context, where waiting for it would panic.
            Some(runtime) => runtime.shutdown_background(),
            None => {}
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
