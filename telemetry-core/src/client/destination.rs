//! One attempt to deliver: leave of the breaker, the call, and the breaker told how it went.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::client::safe_clock::SafeClock;
use crate::fault::{Fault, PluginError};
use crate::guard::panic::{GuardedFuture, catch_panic};
use crate::host::Host;
use crate::pipeline::delivery::{AttemptOutcome, outcome};
use crate::plugin::breaker::{Breaker, BreakerSource, BreakerState, Outcome, Permit};
use crate::plugin::clock::Tick;
use crate::plugin::exporter::{Attempt, Exporter};

/// What records are delivered by, and whose leave that takes.
pub(crate) struct Destination<'a> {
    pub(crate) exporter: &'a dyn Exporter,
    /// `None` when its source panics.
    pub(crate) breaker: Option<&'a Arc<dyn Breaker>>,
    /// How long to wait when the breaker can't answer.
    pub(crate) unanswered: Duration,
}

impl<'a> Destination<'a> {
    /// Asks the breaker.
    pub(crate) fn admit(&self, clock: &SafeClock) -> Result<Permit<'a>, AttemptOutcome> {
        let now = clock.now();
        match self.breaker.and_then(|breaker| catch_panic(|| breaker.admit(now))) {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(rejected)) => Err(AttemptOutcome::Rejected { retry_at: rejected.retry_at }),
            // A breaker that can't answer admits nothing.
            None => Err(AttemptOutcome::Rejected { retry_at: now + self.unanswered }),
        }
    }

    /// Makes the attempt, and tells the breaker how it went.
    pub(crate) async fn export(
        &self,
        permit: Permit<'a>,
        attempt: &Attempt<'_>,
        deadline: Tick,
        clock: &SafeClock,
    ) -> AttemptOutcome {
        let mut permit = InFlight { permit: Some(permit), clock };
        let export = GuardedFuture::new(|| self.exporter.export(attempt));
        let attempted = AttemptOutcome::Answered(
            clock.limit(deadline, export).await.unwrap_or_else(|fault| Err(fault.into())),
        );
        permit.settle(outcome(&attempted));
        attempted
    }

    /// What the breaker does now.
    pub(crate) fn breaker_state(&self, clock: &SafeClock) -> Option<BreakerState> {
        self.breaker.and_then(|breaker| catch_panic(|| breaker.state(clock.now())))
    }
}

/// The breaker of a host, had from its source once. `None` when the source panics.
pub(crate) fn breaker<'a>(
    had: &'a OnceLock<Arc<dyn Breaker>>,
    source: &dyn BreakerSource,
    host: &Host,
) -> Option<&'a Arc<dyn Breaker>> {
    if had.get().is_none() {
        let breaker = catch_panic(|| source.breaker(host))?;
        let _ = had.set(breaker);
    }
    had.get()
}

/// A permit whose call is under way. A call that is given up, as at the deadline of a close, has failed:
/// otherwise each close would wait for a service that hangs.
struct InFlight<'a> {
    permit: Option<Permit<'a>>,
    clock: &'a SafeClock,
}

impl InFlight<'_> {
    fn settle(&mut self, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            catch_panic(|| permit.settle(outcome, self.clock.now()));
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.settle(Outcome::Failure { retry_after: None });
    }
}

/// How an attempt went, and what the breaker does after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    pub(crate) attempted: AttemptOutcome,
    pub(crate) breaker: Option<BreakerState>,
}

/// Of a job that didn't come back: its thread could not be started, hangs, or died.
impl From<Fault> for Delivered {
    fn from(fault: Fault) -> Self {
        Delivered { attempted: AttemptOutcome::Answered(Err(PluginError::new(fault))), breaker: None }
    }
}
