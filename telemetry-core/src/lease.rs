//! A connection's share of a client: dropping it is the release.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use crate::client::Client;
use crate::clock::Tick;
use crate::contain::{contained, own_work};
use crate::ledger::DropReason;
use crate::provider::Shared;
use crate::registry::Key;
use crate::session::{ConnectionInfo, Opening};
use crate::status::{OffReason, Status};

/// One lease of a client, given back once: by a close, or when the last handle that needs it is dropped.
pub(crate) struct Hold {
    shared: Arc<Shared>,
    key: Key,
    pub(crate) client: Arc<Client>,
    released: AtomicBool,
}

impl Hold {
    pub(crate) fn new(shared: Arc<Shared>, key: Key, client: Arc<Client>) -> Self {
        Hold { shared, key, client, released: AtomicBool::new(false) }
    }

    /// Begins the close; `None` when there is nothing to wait for, with what to say.
    fn begin_close(&self, within: Duration) -> Result<Tick, Closed> {
        if !self.client.plugins.is_home() {
            return Err(Closed::Off);
        }
        if self.released.swap(true, Ordering::AcqRel) {
            return Err(Closed::Already);
        }
        let deadline = self.client.plugins.clock.now() + within;
        if self.shared.registry.release_to_close(&self.key, &self.client, deadline) {
            Ok(deadline)
        } else {
            self.client.wake_up();
            Err(Closed::Shared)
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.released.swap(true, Ordering::AcqRel) && self.client.plugins.is_home() {
            let within = self.client.plugins.config.close_timeout;
            self.shared.registry.release(&self.key, &self.client, within);
        }
    }
}

/// How a close ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// This was the client's last lease, and nothing was held any more when the client ended: every record was accepted, or
    /// had been dropped and counted before.
    Flushed,
    /// This was the client's last lease, and so many records could not be delivered in time. They are counted as dropped.
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

/// A connection's share of telemetry. One per connection; dropping it, and the handles made from it, gives it back.
///
/// The last lease of a client starts its final flush when it is dropped, which takes at most
/// [`TelemetryConfig::close_timeout`](crate::TelemetryConfig::close_timeout) and which nobody waits for. To wait,
/// [`close`](Lease::close) it.
pub struct Lease {
    held: Result<Arc<Hold>, OffReason>,
}

impl Lease {
    pub(crate) fn on(hold: Hold) -> Self {
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
            Ok(hold) if !hold.client.plugins.is_home() => Status::off(OffReason::ForkedChild),
            Ok(hold) => Status::of(&hold.client),
        }
    }

    /// Gives the lease back. If it is its client's last, what is held is flushed, for `within` at the most, and the wait is
    /// for that; at the deadline a request in flight is aborted, and what is left is dropped and counted.
    ///
    /// Close while the credentials still work. It runs on any executor. Given up half-way, it goes on in the background to
    /// the same deadline. What is recorded through handles of this lease after the close of the client is refused and
    /// counted.
    pub async fn close(&self, within: Duration) -> Closed {
        let Ok(hold) = &self.held else { return Closed::Off };
        let deadline = match hold.begin_close(within) {
            Ok(deadline) => deadline,
            Err(closed) => return closed,
        };
        let client = &hold.client;
        if hold.shared.runner.is_manual() {
            end_by(client, &hold.shared, deadline).await;
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
    /// On a thread of a tokio runtime, where waiting is not allowed, it returns [`Closed::NotAwaited`] at once, and the flush
    /// goes on in the background. So it does in `spawn_blocking`, which can't be told apart; wait there with
    /// `Handle::block_on(lease.close(..))`.
    pub fn close_blocking(&self, within: Duration) -> Closed {
        let Ok(hold) = &self.held else { return Closed::Off };
        let deadline = match hold.begin_close(within) {
            Ok(deadline) => deadline,
            Err(closed) => return closed,
        };
        if Handle::try_current().is_ok() {
            return Closed::NotAwaited;
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

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hold").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Waits on this thread until the client is finished, and finishes it at the deadline.
fn watch(hold: &Hold, deadline: Tick) {
    let client = &hold.client;
    own_work(|| {
        contained(|| {
            if let Ok(runtime) = Builder::new_current_thread().enable_time().build() {
                runtime.block_on(end_by(client, &hold.shared, deadline));
            }
        });
        if !client.is_finished() {
            client.finish(DropReason::Closed);
        }
    });
}

/// Completes when the client is finished, and finishes it at the deadline.
async fn end_by(client: &Arc<Client>, shared: &Shared, deadline: Tick) {
    let mut finished = pin!(client.finished());
    let mut late = pin!(client.plugins.clock.sleep_until(deadline));
    std::future::poll_fn(|cx| {
        if shared.runner.is_manual() {
            client.wake_up();
            shared.step();
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

fn outcome(client: &Client) -> Closed {
    let dropped = client.snapshot().records.dropped;
    let reasons = [DropReason::Closed, DropReason::OutcomeUnknown, DropReason::RuntimeGone];
    match reasons.into_iter().map(|reason| dropped.get(reason)).sum() {
        0 => Closed::Flushed,
        undelivered => Closed::Incomplete { undelivered },
    }
}
