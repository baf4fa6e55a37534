//! A connection's share of a client, and how it is closed and flushed. What gives it back when it is dropped
//! is `client/lease_guard.rs`.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::client::intake::Upto;
use crate::client::lease_guard::{LeaseGuard, NotLast};
use crate::client::status::{OffReason, Status};
use crate::guard::own_work::log;
use crate::guard::panic::DropGuarded;
use crate::handle::connection_info::ConnectionInfo;
use crate::handle::opening::Opening;
use crate::handle::outcome::{self, CloseOutcome, FlushOutcome};
use crate::handle::waiting::Until;
use crate::plugin::clock::Tick;
use crate::plugin::credentials::CredentialProvider;

/// A connection's share of telemetry. One per connection; dropping it, and the handles made from it, gives it
/// back.
///
/// The last lease of a client starts its final flush when it is dropped, which takes at most
/// [`TelemetryConfig::close_timeout`](crate::TelemetryConfig::close_timeout) and which nobody waits for. To
/// wait, [`close`](Lease::close) it: **a program that ends without either loses what is held**, up to a flush
/// interval's records (5 s by default), and what is in flight.
#[must_use = "dropped at once, the connection has no telemetry"]
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

    /// A lease that is off, for drivers that have no provider; the default.
    pub fn disabled() -> Self {
        Lease::off(OffReason::Setting)
    }

    /// Records that a connection is being opened. The clock runs from here.
    pub fn opening(&self, info: ConnectionInfo) -> Opening {
        Opening::new(self.held.as_ref().ok().cloned(), info)
    }

    /// Gives the connection's credentials, where they weren't known when the lease was acquired (see
    /// [`Target::credentials_later`](crate::Target::credentials_later)), or others than before, after another
    /// log-in. What the service refused before is tried again with them.
    ///
    /// They are those of the principal that the lease was acquired for; another's, and any for a lease that
    /// was acquired for none, are ignored, which is logged.
    pub fn credentials(&self, credentials: impl CredentialProvider) {
        let mut credentials = DropGuarded(Some(Arc::new(credentials) as Arc<dyn CredentialProvider>));
        let Ok(hold) = self.held() else { return };
        let fit = credentials.0.as_ref().is_some_and(|credentials| hold.is_of(&**credentials));
        if !(hold.client.has_principal() && fit) {
            log!(host = %hold.key.host, "credentials of another principal for telemetry are ignored");
        } else if let Some(credentials) = credentials.0.take() {
            hold.provide(credentials);
        }
    }

    /// What holds for this connection, and why.
    pub fn status(&self) -> Status {
        match self.held() {
            Err(reason) => Status::off(reason),
            Ok(hold) => Status::of(&hold.client),
        }
    }

    /// How long its close may take, as the user has it: what its connection's
    /// [settings](crate::ConnectionSettings::close_timeout) say, or else the provider's. For a driver that
    /// waits in its close, to be handed to it; zero where the lease is off, as there is nothing to wait for.
    ///
    /// ```
    /// # let lease = telemetry_core::Lease::disabled();
    /// let outcome = lease.close_blocking(lease.close_timeout());
    /// # assert_eq!(outcome.undelivered(), 0);
    /// ```
    pub fn close_timeout(&self) -> Duration {
        self.held().map_or(Duration::ZERO, |hold| hold.close_timeout)
    }

    /// Gives the lease back. If it is its client's last, what is held is flushed, for `within` at the most,
    /// and the wait is for that; at the deadline a request in flight is aborted, and what is left is dropped
    /// and counted.
    ///
    /// Where the provider has [sinks](crate::Sink), it waits for what they hold as well, and its outcome is
    /// the vendor's; one that hangs makes it last to the deadline. What became of theirs is in
    /// [`Status::sinks`].
    ///
    /// Close while the credentials still work. It runs on any executor. Given up half-way, it goes on in the
    /// background to the same deadline. What is recorded through handles of this lease after the close of the
    /// client is refused and counted.
    ///
    /// ```
    /// use telemetry_core::{CloseOutcome, DEFAULT_CLOSE, Lease};
    ///
    /// # async fn shut_down(lease: Lease) {
    /// match lease.close(DEFAULT_CLOSE).await {
    ///     CloseOutcome::Lost { dropped, .. } | CloseOutcome::TimedOut { dropped, .. } => {
    ///         tracing::debug!("telemetry lost {dropped}");
    ///     }
    ///     _ => {}
    /// }
    /// # }
    /// ```
    pub async fn close(&self, within: Duration) -> CloseOutcome {
        let hold = match self.held() {
            Ok(hold) => hold,
            Err(reason) => return CloseOutcome::Off(reason),
        };
        match hold.begin_close(within) {
            Ok(deadline) => {
                let in_time = hold.waiting().wait(deadline, Until::Finished).await;
                closed(&hold.client, deadline, in_time)
            }
            Err(why) => ended(why),
        }
    }

    /// [`close`](Lease::close) for programs without a runtime: waits on this thread, for `within` at the
    /// most.
    ///
    /// On a thread of a runtime it waits as well, and holds up the other tasks of that thread meanwhile;
    /// prefer `close(..).await` there.
    pub fn close_blocking(&self, within: Duration) -> CloseOutcome {
        let hold = match self.held() {
            Ok(hold) => hold,
            Err(reason) => return CloseOutcome::Off(reason),
        };
        match hold.begin_close(within) {
            Ok(deadline) => {
                let in_time = hold.waiting().wait_blocking(deadline, Until::Finished);
                closed(&hold.client, deadline, in_time)
            }
            Err(why) => ended(why),
        }
    }

    /// Delivers what was recorded so far, for `within` at the most, and waits for that; nothing is closed,
    /// and open statements stay open. For programs that are frozen between two calls, for tests, and for
    /// checkpoints.
    ///
    /// It waits for the provider's [sinks](crate::Sink) as well; its outcome is what the vendor's got.
    ///
    /// It obeys what delivery obeys: the flag, the breaker, the pauses that the service asked for. At the
    /// deadline nothing is dropped. It runs on any executor. The records are those of the client, which
    /// connections to the same host as the same principal share.
    ///
    /// ```
    /// use std::time::Duration;
    /// use telemetry_core::Lease;
    ///
    /// # async fn checkpoint(lease: &Lease) {
    /// let outcome = lease.flush(Duration::from_millis(500)).await;
    /// tracing::debug!(?outcome, "telemetry flushed");
    /// # }
    /// ```
    pub async fn flush(&self, within: Duration) -> FlushOutcome {
        let (hold, before, deadline, upto) = match self.begin_flush(within) {
            Ok(begun) => begun,
            Err(reason) => return FlushOutcome::Off(reason),
        };
        let in_time = hold.waiting().wait(deadline, Until::Left(upto.clone())).await;
        let in_time = in_time || hold.client.has_left(&upto);
        outcome::of_flush(&before, Status::of(&hold.client), in_time)
    }

    /// [`flush`](Lease::flush) for programs without a runtime: waits on this thread, as
    /// [`close_blocking`](Lease::close_blocking) does.
    pub fn flush_blocking(&self, within: Duration) -> FlushOutcome {
        let (hold, before, deadline, upto) = match self.begin_flush(within) {
            Ok(begun) => begun,
            Err(reason) => return FlushOutcome::Off(reason),
        };
        let in_time = hold.waiting().wait_blocking(deadline, Until::Left(upto.clone()));
        let in_time = in_time || hold.client.has_left(&upto);
        outcome::of_flush(&before, Status::of(&hold.client), in_time)
    }

    fn begin_flush(&self, within: Duration) -> Result<(&Arc<LeaseGuard>, Status, Tick, Upto), OffReason> {
        let hold = self.held()?;
        let deadline = hold.client.plugins.clock.now() + within;
        let (before, upto) = (Status::of(&hold.client), hold.client.flush());
        Ok((hold, before, deadline, upto))
    }

    /// What it holds, unless it is off, or this is a forked child, which must not touch a lock that may be
    /// held for ever.
    pub(crate) fn held(&self) -> Result<&Arc<LeaseGuard>, OffReason> {
        let hold = self.held.as_ref().map_err(Clone::clone)?;
        if hold.client.plugins.in_parent_process() { Ok(hold) } else { Err(OffReason::ForkedChild) }
    }
}

impl Default for Lease {
    fn default() -> Self {
        Lease::disabled()
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

/// How a close ended that was waited for. At the deadline the worker may have ended the client before who
/// waits did.
pub(super) fn closed(client: &Client, deadline: Tick, in_time: bool) -> CloseOutcome {
    let in_time = in_time && client.plugins.clock.now() < deadline;
    outcome::of_close(Status::of(client), in_time)
}

/// How a close ended that had nothing to wait for.
fn ended(why: NotLast) -> CloseOutcome {
    match why {
        NotLast::Shared => CloseOutcome::Shared,
        NotLast::Already => CloseOutcome::Already,
        NotLast::InForkedChild => CloseOutcome::Off(OffReason::ForkedChild),
    }
}
