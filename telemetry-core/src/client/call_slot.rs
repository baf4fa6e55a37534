//! One call of plug-ins at a time, for one worker.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::client::call_pool::Call;
use crate::client::runtime::Calls;
use crate::client::safe_clock::SafeClock;
use crate::fault::Fault;
use crate::guard::panic::GuardedFuture;
use crate::host::Host;
use crate::plugin::clock::{BoxFuture, Tick};

/// How much longer than the request timeout a call may take before it counts as lost: one that merely hangs
/// is given up by its own timeout, so one that takes longer blocks its thread, or had none.
const GRACE: Duration = Duration::from_secs(1);

/// A place for one call at a time.
pub(crate) struct Slot<T> {
    /// For calls that may block; `None` where all run in the worker itself.
    calls: Option<Calls>,
    job: Option<Job<T>>,
    deadline: Tick,
}

enum Job<T> {
    /// In the worker itself.
    Here(GuardedFuture<'static, T>),
    /// On a thread of the pool.
    Pooled(Call<T>),
    /// There was no thread for it.
    NoThread,
}

impl<T: Send + 'static> Slot<T> {
    pub(crate) fn new(calls: Option<Calls>) -> Self {
        Slot { calls, job: None, deadline: Tick::MAX }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.job.is_some()
    }

    /// When the call counts as lost.
    pub(crate) fn deadline(&self) -> Tick {
        self.deadline
    }

    pub(crate) fn start(
        &mut self,
        host: &Host,
        deadline: Tick,
        may_block: bool,
        work: BoxFuture<'static, T>,
    ) {
        self.deadline = deadline + GRACE;
        self.job = Some(match self.calls.clone().filter(|_| may_block) {
            Some(Calls { pool, on }) => pool.call(on, host, work).map_or(Job::NoThread, Job::Pooled),
            None => Job::Here(GuardedFuture::new(|| work)),
        });
    }

    /// The call's answer, once there is one; a fault when there will be none.
    pub(crate) fn poll(&mut self, clock: &SafeClock, cx: &mut Context<'_>) -> Poll<Result<T, Fault>> {
        let answer = match &mut self.job {
            None => return Poll::Pending,
            // Worth trying again: nothing was sent.
            Some(Job::NoThread) => Poll::Ready(Err(Fault::NoResources)),
            Some(Job::Here(work)) => Pin::new(work).poll(cx).map(|answer| answer.ok_or(Fault::Panicked)),
            Some(Job::Pooled(call)) => call.poll(cx),
        };
        let answer = match answer {
            Poll::Pending if self.deadline <= clock.now() => Poll::Ready(Err(Fault::Timeout)),
            answer => answer,
        };
        if answer.is_ready() {
            self.job = None;
            self.deadline = Tick::MAX;
        }
        answer
    }
}
