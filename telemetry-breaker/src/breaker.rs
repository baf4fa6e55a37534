//! The breaker of one host.

use std::fmt;
use std::sync::{Arc, PoisonError};

use telemetry_core::Breaker;
use telemetry_core::plugin::{BreakerState, Outcome, Permit, PermitIssuer, Rejected, Tick, catch_panic};

use crate::config::{BreakerConfig, InvalidConfig};
use crate::glance::Glance;
use crate::machine::{Machine, Transition};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Is told of every transition, after it, and under no lock. A panic in it is swallowed.
pub(crate) type Observer = Arc<dyn Fn(&Transition) + Send + Sync>;

/// Watches the calls to one service. Clones are the same breaker.
///
/// - **Closed**, it admits everything, and opens when its [`Policy`](crate::Policy) says so.
/// - **Open**, it rejects everything, and says until when: the open interval, or what `Retry-After` asked,
///   within its cap.
/// - **Half-open**, after that, it admits one probe at a time. Enough successes close it; one failure opens
///   it again. A probe whose permit is dropped gives its place up at once, and one that hangs after
///   [`probe_timeout`](BreakerConfig::probe_timeout). While one is out, the others are told to ask again
///   after 1 s, or when it counts as lost if that is sooner.
///
/// Results that come late, from before the last transition, change nothing. A neutral result never counts.
///
/// ```
/// use telemetry_breaker::{BreakerConfig, CircuitBreaker};
/// use telemetry_core::Breaker;
/// use telemetry_core::plugin::{BreakerState, Outcome, Tick};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let breaker = CircuitBreaker::new(BreakerConfig::default())?;
/// let now = Tick::ZERO;
/// for _ in 0..5 {
///     let permit = breaker.admit(now).map_err(|_| "closed breakers admit")?;
///     permit.settle(Outcome::FAILURE, now);
/// }
/// assert!(matches!(breaker.state(now), BreakerState::Open { .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    inner: Arc<Inner>,
}

struct Inner {
    machine: Mutex<Machine>,
    /// What the machine's state says for most calls, which then take no lock.
    glance: AtomicU64,
    observer: Option<Observer>,
}

impl CircuitBreaker {
    /// A closed breaker.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] when a setting makes no sense.
    pub fn new(config: BreakerConfig) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(CircuitBreaker::valid(config, None))
    }

    /// A closed breaker with an observer, which is told of each transition, under no lock. Two that
    /// follow closely may be told in either order; their times tell.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] when a setting makes no sense.
    pub fn observed(
        config: BreakerConfig,
        observer: impl Fn(&Transition) + Send + Sync + 'static,
    ) -> Result<Self, InvalidConfig> {
        config.validate()?;
        Ok(CircuitBreaker::valid(config, Some(Arc::new(observer))))
    }

    pub(crate) fn valid(config: BreakerConfig, observer: Option<Observer>) -> Self {
        let machine = Machine::new(config);
        let glance = AtomicU64::new(machine.glance().word());
        CircuitBreaker { inner: Arc::new(Inner { machine: Mutex::new(machine), glance, observer }) }
    }

    /// Whether nothing is lost by forgetting it: nobody else holds it, and its state is that of a new one.
    pub(crate) fn is_forgettable(&self) -> bool {
        Arc::strong_count(&self.inner) == 1 && self.inner.lock().is_as_new()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        // Every change is whole before the lock is released, so a poisoned one is as good as any.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn glance(&self) -> Glance {
        Glance::of(self.glance.load(Ordering::Acquire))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Machine) -> T) -> T {
        let mut machine = self.lock();
        let changed = change(&mut machine);
        self.glance.store(machine.glance().word(), Ordering::Release);
        changed
    }

    /// Asks the machine, where a glance doesn't tell.
    #[cold]
    fn admit(&self, now: Tick) -> Result<u64, Tick> {
        let (admitted, transition) = self.change(|machine| machine.admit(now));
        self.tell(transition);
        admitted
    }

    #[cold]
    fn settle(&self, ticket: u64, outcome: Outcome, now: Tick) {
        let transition = self.change(|machine| machine.settle(ticket, outcome, now));
        self.tell(transition);
    }

    fn tell(&self, transition: Option<Transition>) {
        if let (Some(transition), Some(observer)) = (transition, &self.observer) {
            catch_panic(|| observer(&transition));
        }
    }
}

impl PermitIssuer for Inner {
    fn settled(&self, ticket: u64, outcome: Outcome, now: Tick) {
        if !self.glance().settles_nothing(ticket, outcome) {
            self.settle(ticket, outcome, now);
        }
    }

    fn unsettled(&self, ticket: u64) {
        if !self.glance().settles_nothing(ticket, Outcome::Neutral) {
            self.change(|machine| machine.give_back(ticket));
        }
    }
}

impl Breaker for CircuitBreaker {
    fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected> {
        let inner = &*self.inner;
        let admitted = inner.glance().admit(now).unwrap_or_else(|| inner.admit(now));
        let ticket = admitted.map_err(Rejected::until)?;
        Ok(Permit::new(inner, ticket))
    }

    fn state(&self, now: Tick) -> BreakerState {
        self.inner.lock().state(now)
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("machine", &*self.inner.lock()).finish_non_exhaustive()
    }
}
