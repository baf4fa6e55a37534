//! The cache: however many ask, a host is asked by one.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use telemetry_core::FeatureFlagSource;
use telemetry_core::plugin::{FlagOrigin, FlagQuery, FlagSet, PluginError, Tick};
use tokio::sync::Notify;

use crate::machine::{Key, Lookup, MAX_RETRY, MIN_RETRY, Machine, concerns_the_caller_alone};

/// How many hosts are kept unless something else is said.
pub const DEFAULT_CAPACITY: usize = 1000;

/// How long until a host that could not be asked is asked again, unless something else is said: 60 s.
pub const DEFAULT_RETRY: Duration = Duration::from_secs(60);

/// Keeps what a source said for as long as that is fresh, and asks again once, for all who want to know.
/// Clones are the same cache.
///
/// - Flags belong to a workspace, or to a host that is one: connections of all principals share them.
/// - A value counts as fresh for up to a tenth less than its source says, at random, so that processes which
///   started together don't ask together ever after.
/// - While nothing is known, all wait for one answer. If the one who asks goes away, another asks; so does
///   the first who comes when the asking has taken 30 s, and what the slower of the two is answered doesn't
///   replace what the later was.
/// - Past its time, a value is given out as [stale](telemetry_core::plugin::FlagOrigin::Stale) while one
///   caller asks for a new one, and when that fails.
/// - Three askings in a row that were given up before an answer came, as by connections that were closed
///   meanwhile, are a failure.
/// - After a failure the host is asked again after 60 s, or [another time](FlagCacheBuilder::retry_after), or
///   later when its `Retry-After` says so, and up to a quarter later at random; but within 15 min. A 401 or
///   403 is the failure of one caller, and keeps no other from asking.
/// - Of hosts, or workspaces, it keeps 1000; past that, what isn't fresh goes first.
pub struct FlagCache<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    source: S,
    machine: Mutex<Machine>,
    /// The least that a host is left alone after a failure.
    retry: Duration,
    /// Somebody's asking is over.
    over: Notify,
}

impl<S: FeatureFlagSource> FlagCache<S> {
    /// A cache before this source, for [`DEFAULT_CAPACITY`] hosts, which asks again [`DEFAULT_RETRY`] after a
    /// failure.
    pub fn new(source: S) -> Self {
        FlagCache::builder(source).build()
    }

    /// A cache before this source, with what is to be otherwise.
    pub fn builder(source: S) -> FlagCacheBuilder<S> {
        FlagCacheBuilder { source, capacity: DEFAULT_CAPACITY, retry: DEFAULT_RETRY }
    }
}

/// The settings of a [`FlagCache`].
#[derive(Clone, Debug)]
#[must_use]
pub struct FlagCacheBuilder<S> {
    source: S,
    capacity: usize,
    retry: Duration,
}

impl<S: FeatureFlagSource> FlagCacheBuilder<S> {
    /// How many hosts it keeps: [`DEFAULT_CAPACITY`] by default, and at least one.
    pub fn capacity(mut self, hosts: usize) -> Self {
        self.capacity = hosts.max(1);
        self
    }

    /// The wait until a host that could not be asked is asked again: [`DEFAULT_RETRY`] by default; held
    /// within 1 s and 15 min.
    ///
    /// A provider that asks this cache waits for the longer of this and
    /// [`TelemetryConfig::flag_retry`](telemetry_core::TelemetryConfig::flag_retry): the cache says with each
    /// failure when it will ask again, and the provider asks no earlier. So to ask more often than each 60 s,
    /// set both.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry = wait;
        self
    }

    /// The cache.
    pub fn build(self) -> FlagCache<S> {
        let FlagCacheBuilder { source, capacity, retry } = self;
        let retry = retry.clamp(MIN_RETRY, MAX_RETRY);
        let machine = Mutex::new(Machine::new(capacity, retry));
        FlagCache { inner: Arc::new(Inner { source, machine, retry, over: Notify::new() }) }
    }
}

impl<S> Inner<S> {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        // Every change is whole before the lock is released.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same flags, fresh for up to a tenth less: processes that were started together, and so asked together,
/// don't go on to do so for as long as they live.
fn fresh_for_a_little_less(flags: FlagSet) -> FlagSet {
    if flags.origin == FlagOrigin::Fixed {
        return flags;
    }
    flags.given_out_as(flags.origin, flags.fresh_for.mul_f64(1.0 - fastrand::f64() / 10.0))
}

/// The same failure, after which the host is left alone for up to a quarter longer: processes that failed
/// together don't come back together.
fn left_alone_a_little_longer(failure: PluginError, retry: Duration) -> PluginError {
    if concerns_the_caller_alone(failure.fault) {
        return failure;
    }
    let wait = failure.retry_after.map_or(retry, |asked| asked.clamp(retry, MAX_RETRY));
    failure.with_retry_after(Some(wait.mul_f64(1.0 + fastrand::f64() / 4.0)))
}

/// Somebody who asks a host. Gone without an answer, another takes over.
struct Asking<'a, S> {
    cache: &'a Inner<S>,
    key: &'a Key,
    number: u64,
    since: Tick,
    is_over: bool,
}

impl<S> Asking<'_, S> {
    fn over(
        mut self,
        answer: Result<FlagSet, PluginError>,
        now: Tick,
    ) -> Option<Result<FlagSet, PluginError>> {
        self.is_over = true;
        self.cache.lock().asked(self.key, self.number, answer, now)
    }
}

impl<S> Drop for Asking<'_, S> {
    fn drop(&mut self) {
        if !self.is_over {
            self.cache.lock().given_up(self.key, self.number, self.since);
        }
        self.cache.over.notify_waiters();
    }
}

#[async_trait]
impl<S: FeatureFlagSource> FeatureFlagSource for FlagCache<S> {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        let cache = &*self.inner;
        let key = Key {
            host: query.host.clone(),
            workspace: query.workspace,
            client: query.driver.client().to_owned(),
            version: query.driver.version().to_owned(),
        };
        loop {
            let mut over = pin!(cache.over.notified());
            // From here on no end of an asking is missed.
            over.as_mut().enable();
            let look = cache.lock().look(&key, query.now);
            match look {
                Lookup::Answer(answer) => return answer,
                Lookup::Wait => over.await,
                Lookup::Fetch(number) => {
                    let asking = Asking { cache, key: &key, number, since: query.now, is_over: false };
                    let answer = cache.source.flags(query).await.map(fresh_for_a_little_less);
                    let answer = answer.map_err(|failure| left_alone_a_little_longer(failure, cache.retry));
                    if let Some(answer) = asking.over(answer, query.now) {
                        return answer;
                    }
                }
            }
        }
    }

    fn may_block(&self) -> bool {
        self.inner.source.may_block()
    }
}

impl<S> Clone for FlagCache<S> {
    fn clone(&self) -> Self {
        FlagCache { inner: Arc::clone(&self.inner) }
    }
}

impl<S: fmt::Debug> fmt::Debug for FlagCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlagCache")
            .field("source", &self.inner.source)
            .field("hosts", &self.inner.lock().len())
            .finish_non_exhaustive()
    }
}
