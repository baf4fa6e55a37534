//! May this host be called?

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::guard::panic::catch_panic;
use crate::host::Host;
use crate::plugin::clock::Tick;

/// Leave to make one call, as a value: settle it with the breaker that gave it, or drop it.
///
/// It is stamped with the generation of the breaker's state that admitted it, so that a late result can be told from a
/// timely one. A half-open probe's permit also holds the probe's slot, and gives it back when it is dropped
/// unsettled: a call that was cancelled or panicked doesn't lose the slot.
pub struct Permit {
    generation: u64,
    give_back: Option<Box<dyn FnOnce() + Send>>,
}

impl Permit {
    /// A permit of an ordinary call.
    pub fn new(generation: u64) -> Self {
        Permit { generation, give_back: None }
    }

    /// A permit of a half-open probe. `give_back` is called once if the permit is dropped unsettled; a panic in it
    /// is swallowed.
    pub fn probe(generation: u64, give_back: impl FnOnce() + Send + 'static) -> Self {
        Permit { generation, give_back: Some(Box::new(give_back)) }
    }

    /// The generation that admitted the call.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether this is a half-open probe's.
    pub fn is_probe(&self) -> bool {
        self.give_back.is_some()
    }

    /// Takes the permit apart, for the breaker that settles it: its generation, and whether it was a probe's. The slot
    /// is not given back by this; the breaker does that as part of settling.
    pub fn into_parts(mut self) -> (u64, bool) {
        (self.generation, self.give_back.take().is_some())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(give_back) = self.give_back.take() {
            catch_panic(give_back);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("generation", &self.generation)
            .field("probe", &self.is_probe())
            .finish()
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

/// Watches the calls to one host, and stops them while the host doesn't work.
///
/// Obligations of an implementation:
///
/// - It never waits, and reads no clock: the caller passes `now`, which may be a little older than at an earlier call.
/// - [`admit`](Breaker::admit) is a promise about one call. Its permit comes back through
///   [`settle`](Breaker::settle), or is dropped, which counts as [`Outcome::Neutral`].
/// - A result whose permit is of an earlier generation changes nothing.
/// - No callback runs while a lock is held.
pub trait Breaker: fmt::Debug + Send + Sync + 'static {
    /// Asks for leave to make one call.
    fn admit(&self, now: Tick) -> Result<Permit, Rejected>;
    /// Says how an admitted call went.
    fn settle(&self, permit: Permit, outcome: Outcome, now: Tick);
    /// What it is doing now.
    fn state(&self, now: Tick) -> BreakerState;
}

/// Where the breaker of a host comes from: usually a registry.
///
/// The same host gives the same breaker for as long as that breaker's state means something, also when nobody holds it.
pub trait BreakerSource: fmt::Debug + Send + Sync + 'static {
    /// The breaker of this host.
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker>;
}

#[deny(clippy::missing_trait_methods)]
impl<T: Breaker + ?Sized> Breaker for Arc<T> {
    fn admit(&self, now: Tick) -> Result<Permit, Rejected> {
        (**self).admit(now)
    }

    fn settle(&self, permit: Permit, outcome: Outcome, now: Tick) {
        (**self).settle(permit, outcome, now);
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
}

/// Admits everything: for exporters that call no service.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a unit type, complete as it is")]
pub struct AlwaysClosed;

impl Breaker for AlwaysClosed {
    fn admit(&self, _now: Tick) -> Result<Permit, Rejected> {
        Ok(Permit::new(0))
    }

    fn settle(&self, _permit: Permit, _outcome: Outcome, _now: Tick) {}

    fn state(&self, _now: Tick) -> BreakerState {
        BreakerState::Closed
    }
}

impl BreakerSource for AlwaysClosed {
    fn breaker(&self, _host: &Host) -> Arc<dyn Breaker> {
        Arc::new(AlwaysClosed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counted() -> (Arc<AtomicU32>, Permit) {
        let count = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&count);
        (
            count,
            Permit::probe(7, move || {
                seen.fetch_add(1, Ordering::Relaxed);
            }),
        )
    }

    #[test]
    fn a_dropped_probe_gives_its_slot_back_once() {
        let (count, permit) = counted();
        drop(permit);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_settled_probe_keeps_quiet() {
        let (count, permit) = counted();
        assert_eq!(permit.into_parts(), (7, true));
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_panic_while_giving_back_is_swallowed() {
        drop(Permit::probe(0, || panic!("in the registry")));
    }

    #[test]
    fn a_payload_that_panics_when_dropped_does_not_escape_a_permit() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in drop");
            }
        }
        drop(Permit::probe(0, || std::panic::panic_any(Bomb)));
    }
}
