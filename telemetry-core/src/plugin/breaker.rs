//! May this host be called?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::guard::panic::catch_panic;
use crate::host::Host;
use crate::plugin::clock::Tick;

/// The side of a breaker that its permits come back to, each once.
///
/// Neither method waits.
pub trait PermitIssuer: Send + Sync {
    /// The call that this ticket was given for went so. What it was given for may be long past: the issuer
    /// tells by the ticket.
    fn settled(&self, ticket: u64, outcome: Outcome, now: Tick);
    /// The permit was dropped: the call was cancelled, or panicked. It counts as [`Outcome::Neutral`]. A
    /// panic in here is swallowed.
    fn unsettled(&self, ticket: u64);
}

/// Leave to make one call, as a value: [settle](Permit::settle) it, or drop it.
///
/// It goes back to the breaker that gave it, and to no other. Dropped unsettled, it gives its place back, so
/// that a half-open breaker loses no probe to a call that was cancelled or panicked.
#[must_use = "dropped, it says that the call was never made"]
pub struct Permit<'a> {
    issuer: Option<&'a dyn PermitIssuer>,
    ticket: u64,
}

impl<'a> Permit<'a> {
    /// A permit of this issuer, which knows it again by the ticket.
    #[inline]
    pub fn new(issuer: &'a dyn PermitIssuer, ticket: u64) -> Self {
        Permit { issuer: Some(issuer), ticket }
    }

    /// A permit of a breaker that doesn't want to know how the call went.
    pub const fn unwatched() -> Self {
        Permit { issuer: None, ticket: 0 }
    }

    /// Says how the call went.
    #[inline]
    pub fn settle(mut self, outcome: Outcome, now: Tick) {
        if let Some(issuer) = self.issuer.take() {
            issuer.settled(self.ticket, outcome, now);
        }
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(issuer) = self.issuer.take() {
            give_back(issuer, self.ticket);
        }
    }
}

#[cold]
fn give_back(issuer: &dyn PermitIssuer, ticket: u64) {
    catch_panic(|| issuer.unsettled(ticket));
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

/// How an admitted call went, as far as the service's health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The service works.
    Success,
    /// The service doesn't.
    Failure {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// It says nothing about the service's health: a fault of our own, or a refusal of this one caller.
    Neutral,
}

impl Outcome {
    /// A failure without a wait.
    pub const FAILURE: Outcome = Outcome::Failure { retry_after: None };
}

/// No call may be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// When to ask again. Asking earlier is harmless.
    pub retry_at: Tick,
}

impl Rejected {
    /// Rejected until then.
    pub const fn until(retry_at: Tick) -> Self {
        Rejected { retry_at }
    }
}

/// What a breaker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls are admitted.
    Closed,
    /// Calls are rejected.
    Open {
        /// Until then.
        until: Tick,
    },
    /// Probes are admitted, one at a time.
    HalfOpen,
}

impl BreakerState {
    /// Whether this is the same, but perhaps for when it ends.
    pub(crate) fn is_like(self, other: BreakerState) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// Watches the calls to one host, and stops them while the host doesn't work.
///
/// An implementation never waits and reads no clock: the caller passes `now`, which may be a little older
/// than at an earlier call. No callback runs while a lock is held.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
///
/// use telemetry_core::Breaker;
/// use telemetry_core::plugin::{BreakerState, Outcome, Permit, PermitIssuer, Rejected, Tick};
///
/// /// Gives up after three failures, for ever.
/// #[derive(Debug, Default)]
/// struct ThreeStrikes(AtomicU32);
///
/// impl Breaker for ThreeStrikes {
///     fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected> {
///         match self.state(now) {
///             BreakerState::Closed => Ok(Permit::new(self, 0)),
///             _ => Err(Rejected::until(Tick::MAX)),
///         }
///     }
///
///     fn state(&self, _now: Tick) -> BreakerState {
///         if self.0.load(Ordering::Relaxed) < 3 {
///             BreakerState::Closed
///         } else {
///             BreakerState::Open { until: Tick::MAX }
///         }
///     }
/// }
///
/// impl PermitIssuer for ThreeStrikes {
///     fn settled(&self, _ticket: u64, outcome: Outcome, _now: Tick) {
///         if let Outcome::Failure { .. } = outcome {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
///
///     fn unsettled(&self, _ticket: u64) {}
/// }
/// ```
pub trait Breaker: fmt::Debug + Send + Sync + 'static {
    /// Asks for leave to make one call. How it went comes back through the permit: a result that is late,
    /// from before the last change of state, changes nothing, and one that is neutral decides nothing.
    fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected>;
    /// What it is doing now. Asking changes nothing.
    fn state(&self, now: Tick) -> BreakerState;
}

/// Where the breaker of a host comes from: usually a registry.
///
/// The same host gives the same breaker for as long as that breaker's state means something, also when nobody
/// holds it.
pub trait BreakerSource: fmt::Debug + Send + Sync + 'static {
    /// The breaker of this host.
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker>;

    /// Whether a breaker of it may hold up its thread; `true` by default. See
    /// [`Exporter::may_block`](crate::Exporter::may_block).
    fn may_block(&self) -> bool {
        true
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Breaker + ?Sized> Breaker for Arc<T> {
    fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected> {
        (**self).admit(now)
    }

    fn state(&self, now: Tick) -> BreakerState {
        (**self).state(now)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: BreakerSource + ?Sized> BreakerSource for Arc<T> {
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker> {
        (**self).breaker(host)
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}

/// Admits everything: for exporters that call no service.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit type, complete as it is")]
pub struct AlwaysClosed;

impl Breaker for AlwaysClosed {
    fn admit(&self, _now: Tick) -> Result<Permit<'_>, Rejected> {
        Ok(Permit::unwatched())
    }

    fn state(&self, _now: Tick) -> BreakerState {
        BreakerState::Closed
    }
}

impl BreakerSource for AlwaysClosed {
    fn breaker(&self, _host: &Host) -> Arc<dyn Breaker> {
        Arc::new(AlwaysClosed)
    }

    fn may_block(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Noting(Mutex<Vec<(u64, Option<Outcome>)>>);

    impl PermitIssuer for Noting {
        fn settled(&self, ticket: u64, outcome: Outcome, _now: Tick) {
            self.0.lock().unwrap().push((ticket, Some(outcome)));
        }

        fn unsettled(&self, ticket: u64) {
            self.0.lock().unwrap().push((ticket, None));
        }
    }

    #[test]
    fn a_permit_comes_back_once_settled_or_dropped() {
        let issuer = Noting::default();
        drop(Permit::new(&issuer, 7));
        Permit::new(&issuer, 8).settle(Outcome::Success, Tick::ZERO);
        assert_eq!(*issuer.0.lock().unwrap(), [(7, None), (8, Some(Outcome::Success))]);
    }

    #[test]
    fn a_payload_that_panics_when_dropped_does_not_escape_a_permit() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        struct Panicking;
        impl PermitIssuer for Panicking {
            fn settled(&self, _ticket: u64, _outcome: Outcome, _now: Tick) {}

            fn unsettled(&self, _ticket: u64) {
                std::panic::panic_any(Bomb);
            }
        }
        drop(Permit::new(&Panicking, 0));
    }
}
