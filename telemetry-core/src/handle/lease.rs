//! A connection's share of a client: dropping it is the release.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use crate::client::Client;
use crate::client::lease_guard::{BeginClose, LeaseGuard};
use crate::client::pool::Pool;
use crate::client::status::{OffReason, Status};
use crate::guard::own_work::own_work;
use crate::guard::panic::catch_panic;
use crate::handle::opening::{ConnectionInfo, Opening};
use crate::ledger::DropReason;
use crate::plugin::clock::Tick;

/// How a close ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseOutcome {
    /// This was the client's last lease, and nothing was held any more when the client ended: every record
    /// was accepted, or had been dropped and counted before.
    Flushed,
    /// This was the client's last lease, and some records could not be delivered in time. They are counted
    /// as dropped.
    Incomplete {
        /// How many; those in flight, which may have arrived, included.
        undelivered: u64,
    },
    /// Other connections use the client, which goes on and delivers what this one recorded.
    Shared,
    /// This lease had been closed before.
    Already,
    /// Telemetry is off for this connection, or this is a forked child: there is nothing to close.
    Off,
    /// The client flushes in the background, but a runtime's own thread may not wait for it.
    NotAwaited,
}

/// A connection's share of telemetry. One per connection; dropping it, and the handles made from it, gives it
/// back.
///
/// The last lease of a client starts its final flush when it is dropped, which takes at most
/// [`TelemetryConfig::close_timeout`](crate::TelemetryConfig::close_timeout) and which nobody waits for. To
/// wait, [`close`](Lease::close) it.
pub struct Lease {
    held: Result<Arc<LeaseGuard>, OffReason>,
}

impl Lease {
    pub(crate) fn on(hold: LeaseGuard) -> Self {
        Lease { held: Ok(Arc::new(hold)) }
    }

    pub(crate) fn off(reason: OffReason) -> Self {
        Lease { held: Err(reason) }
    }

    /// A lease that is off, for drivers that have no provider.
    pub fn disabled() -> Self {
        Lease::off(OffReason::Setting)
    }

    /// Says that a connection is being opened. The clock runs from here.
    pub fn opening(&self, info: ConnectionInfo) -> Opening {
        Opening::new(self.held.as_ref().ok().cloned(), info)
    }

    /// What holds for this connection, and why.
    pub fn status(&self) -> Status {
        match &self.held {
            Err(reason) => Status::off(reason.clone()),
            // A forked child must not touch a lock that may be held for ever.
            Ok(hold) if !hold.client.plugins.in_parent_process() => Status::off(OffReason::ForkedChild),
            Ok(hold) => Status::of(&hold.client),
        }
    }

    /// Gives the lease back. If it is its client's last, what is held is flushed, for `within` at the most,
    /// and the wait is for that; at the deadline a request in flight is aborted, and what is left is dropped
    /// and counted.
    ///
    /// Close while the credentials still work. It runs on any executor. Given up half-way, it goes on in the
    /// background to the same deadline. What is recorded through handles of this lease after the close of the
    /// client is refused and counted.
    pub async fn close(&self, within: Duration) -> CloseOutcome {
        let Ok(hold) = &self.held else { return CloseOutcome::Off };
        let deadline = match begin_close(hold, within) {
            Ok(deadline) => deadline,
            Err(outcome) => return outcome,
        };
        let client = &hold.client;
        if hold.pool.runner.is_manual() {
            end_by(client, &hold.pool, deadline).await;
        } else {
            let watched = Arc::clone(hold);
            // A thread of its own, because neither the worker nor the caller's executor can be relied upon.
            let watch = move || watch(&watched, deadline);
            if std::thread::Builder::new().name("telemetry-close".to_owned()).spawn(watch).is_err() {
                client.finish(DropReason::Closed);
            }
            client.finished().await;
        }
        outcome(client)
    }

    /// [`close`](Lease::close) for drivers without a runtime: waits on this thread.
    ///
    /// On a thread of a tokio runtime, where waiting is not allowed, it returns [`CloseOutcome::NotAwaited`]
    /// at once, and the flush goes on in the background. So it does in `spawn_blocking`, which can't be told
    /// apart; wait there with `Handle::block_on(lease.close(..))`.
    pub fn close_blocking(&self, within: Duration) -> CloseOutcome {
        let Ok(hold) = &self.held else { return CloseOutcome::Off };
        let deadline = match begin_close(hold, within) {
            Ok(deadline) => deadline,
            Err(outcome) => return outcome,
        };
        if Handle::try_current().is_ok() {
            return CloseOutcome::NotAwaited;
        }
        watch(hold, deadline);
        outcome(&hold.client)
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.held {
            Ok(hold) => f.debug_struct("Lease").field("host", &hold.key.host).finish_non_exhaustive(),
            Err(reason) => f.debug_struct("Lease").field("off", reason).finish(),
        }
    }
}

/// Begins the close: its deadline, or how it ended already.
fn begin_close(hold: &LeaseGuard, within: Duration) -> Result<Tick, CloseOutcome> {
    match hold.begin_close(within) {
        BeginClose::Last { deadline } => Ok(deadline),
        BeginClose::Shared => Err(CloseOutcome::Shared),
        BeginClose::Already => Err(CloseOutcome::Already),
        BeginClose::InForkedChild => Err(CloseOutcome::Off),
    }
}

/// Waits on this thread until the client is finished, and finishes it at the deadline.
fn watch(hold: &LeaseGuard, deadline: Tick) {
    let client = &hold.client;
    own_work(|| {
        catch_panic(|| {
            if let Ok(runtime) = Builder::new_current_thread().enable_time().build() {
                runtime.block_on(end_by(client, &hold.pool, deadline));
            }
        });
        if !client.is_finished() {
            client.finish(DropReason::Closed);
        }
    });
}

/// Completes when the client is finished, and finishes it at the deadline.
async fn end_by(client: &Arc<Client>, pool: &Pool, deadline: Tick) {
    let mut finished = pin!(client.finished());
    let mut late = pin!(client.plugins.clock.sleep_until(deadline));
    std::future::poll_fn(|cx| {
        if pool.runner.is_manual() {
            client.wake_up();
            pool.step();
        }
        if finished.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        Pin::new(&mut late).poll(cx)
    })
    .await;
    if !client.is_finished() {
        client.finish(DropReason::Closed);
    }
}

fn outcome(client: &Client) -> CloseOutcome {
    let dropped = client.snapshot().records.dropped;
    let reasons = [DropReason::Closed, DropReason::OutcomeUnknown, DropReason::RuntimeGone];
    match reasons.into_iter().map(|reason| dropped.get(reason)).sum() {
        0 => CloseOutcome::Flushed,
        undelivered => CloseOutcome::Incomplete { undelivered },
    }
}
