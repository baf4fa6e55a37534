//! A breaker for every host.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use telemetry_core::plugin::BreakerSource;
use telemetry_core::{Breaker, Host};

use crate::breaker::{CircuitBreaker, Observer};
use crate::config::{BreakerConfig, InvalidConfig};
use crate::machine::Transition;
use crate::sync::{Mutex, MutexGuard};

/// How many breakers are kept unless something else is said.
pub const DEFAULT_CAPACITY: usize = 1000;

/// Gives every host its own breaker, and keeps it when nobody uses it, so that closing and opening
/// connections doesn't make anybody forget an open breaker. Clones are the same registry.
///
/// It keeps a [bounded number](BreakerRegistryBuilder::capacity) of them, 1000 by default. Past it, a new
/// host takes the place of the one that was asked for least recently among those whose breaker is as good as
/// new and in nobody's hands; if there is none, of the one asked for least recently. Whoever holds a breaker
/// that was forgotten goes on using it.
///
/// ```
/// use telemetry_breaker::BreakerRegistry;
/// use telemetry_core::{Host, HostPolicy};
/// use telemetry_core::plugin::BreakerSource;
///
/// # fn main() -> Result<(), telemetry_core::InvalidHost> {
/// let registry = BreakerRegistry::default();
/// let breaker = registry.breaker(&Host::parse("dbc-a1b2.cloud.databricks.com", HostPolicy::Public)?);
/// # drop(breaker);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BreakerRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    config: BreakerConfig,
    capacity: usize,
    observer: Option<HostObserver>,
    breakers: Mutex<Breakers>,
}

type HostObserver = Arc<dyn Fn(&Host, &Transition) + Send + Sync>;

#[derive(Default)]
struct Breakers {
    entries: HashMap<Host, Entry>,
    asked: u64,
}

struct Entry {
    breaker: CircuitBreaker,
    asked: u64,
}

impl Default for BreakerRegistry {
    fn default() -> Self {
        let BreakerRegistryBuilder { config, capacity, observer } = BreakerRegistry::builder();
        BreakerRegistry::of(config, capacity, observer)
    }
}

/// The settings of a [`BreakerRegistry`].
#[derive(Clone)]
#[must_use]
pub struct BreakerRegistryBuilder {
    config: BreakerConfig,
    capacity: usize,
    observer: Option<HostObserver>,
}

impl BreakerRegistryBuilder {
    /// The settings of its breakers.
    pub fn config(mut self, config: BreakerConfig) -> Self {
        self.config = config;
        self
    }

    /// How many breakers it keeps: [`DEFAULT_CAPACITY`] by default, and at least one.
    pub fn capacity(mut self, breakers: usize) -> Self {
        self.capacity = breakers.max(1);
        self
    }

    /// Is told of every transition, with its host; see [`CircuitBreaker::observed`].
    pub fn observer(mut self, observer: impl Fn(&Host, &Transition) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// The registry.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] when a setting of the breakers makes no sense.
    pub fn build(self) -> Result<BreakerRegistry, InvalidConfig> {
        let BreakerRegistryBuilder { config, capacity, observer } = self;
        config.validate()?;
        Ok(BreakerRegistry::of(config, capacity, observer))
    }
}

impl fmt::Debug for BreakerRegistryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BreakerRegistryBuilder { config, capacity, observer } = self;
        f.debug_struct("BreakerRegistryBuilder")
            .field("config", config)
            .field("capacity", capacity)
            .field("observed", &observer.is_some())
            .finish()
    }
}

impl BreakerRegistry {
    /// A registry of breakers with these settings.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] when a setting makes no sense.
    pub fn new(config: BreakerConfig) -> Result<Self, InvalidConfig> {
        BreakerRegistry::builder().config(config).build()
    }

    /// A registry with what is to be otherwise than by default.
    pub fn builder() -> BreakerRegistryBuilder {
        let config = BreakerConfig::default();
        BreakerRegistryBuilder { config, capacity: DEFAULT_CAPACITY, observer: None }
    }

    fn of(config: BreakerConfig, capacity: usize, observer: Option<HostObserver>) -> Self {
        let inner = Inner { config, capacity, observer, breakers: Mutex::default() };
        BreakerRegistry { inner: Arc::new(inner) }
    }

    /// How many breakers it keeps now.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The breaker of this host.
    pub fn get(&self, host: &Host) -> CircuitBreaker {
        let mut breakers = self.lock();
        breakers.asked += 1;
        let asked = breakers.asked;
        if let Some(entry) = breakers.entries.get_mut(host) {
            entry.asked = asked;
            return entry.breaker.clone();
        }
        let forgotten =
            if breakers.entries.len() >= self.inner.capacity { breakers.forget_one() } else { None };
        let breaker = CircuitBreaker::valid(self.inner.config.clone(), self.observer_of(host));
        breakers.entries.insert(host.clone(), Entry { breaker: breaker.clone(), asked });
        drop(breakers);
        drop(forgotten);
        breaker
    }

    fn observer_of(&self, host: &Host) -> Option<Observer> {
        let observer = Arc::clone(self.inner.observer.as_ref()?);
        let host = host.clone();
        Some(Arc::new(move |transition: &Transition| observer(&host, transition)))
    }

    fn lock(&self) -> MutexGuard<'_, Breakers> {
        self.inner.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Breakers {
    fn forget_one(&mut self) -> Option<Entry> {
        let least = |entries: &mut dyn Iterator<Item = (&Host, &Entry)>| {
            entries.min_by_key(|(_, entry)| entry.asked).map(|(host, _)| host.clone())
        };
        let host = least(&mut self.entries.iter().filter(|(_, entry)| entry.breaker.is_forgettable()))
            .or_else(|| least(&mut self.entries.iter()))?;
        self.entries.remove(&host)
    }
}

impl BreakerSource for BreakerRegistry {
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker> {
        Arc::new(self.get(host))
    }

    /// Only where it has an observer, which is foreign code.
    fn may_block(&self) -> bool {
        self.inner.observer.is_some()
    }
}

impl fmt::Debug for BreakerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerRegistry").field("breakers", &self.len()).finish_non_exhaustive()
    }
}
