//! Waits: between quick retries, and after a refusal that concerns one client alone.

use std::time::Duration;

use crate::config::TelemetryConfig;
use crate::plugin::clock::Tick;

/// How much longer than it was asked a client waits at the most, where a quarter of the wait is less.
const LEAST_SPREAD: Duration = Duration::from_secs(1);

/// Exponential backoff with full jitter: each wait is drawn evenly from zero to a ceiling that doubles. Many
/// clients that failed together don't come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    max: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(config: &TelemetryConfig, seed: u64) -> Self {
        Backoff { base: config.backoff_base, max: config.backoff_max, random: fastrand::Rng::with_seed(seed) }
    }

    /// Up to `spread`, evenly.
    pub(crate) fn up_to(&mut self, spread: Duration) -> Duration {
        Duration::from_nanos(self.random.u64(0..=u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// A wait that others were asked for too, as all clients of a breaker are, or all processes that were
    /// told the same date: longer by up to a quarter, so that they don't come back together. A short one is
    /// longer by up to a second, and never more than doubled.
    pub(crate) fn spread(&mut self, wait: Duration) -> Duration {
        wait.saturating_add(self.up_to(wait.min(LEAST_SPREAD.max(wait / 4))))
    }

    /// The wait before retry number `attempt`, from 0.
    pub(crate) fn draw(&mut self, attempt: u32) -> Duration {
        let ceiling = self.base.saturating_mul(2u32.saturating_pow(attempt)).min(self.max);
        self.up_to(ceiling)
    }
}

/// The pause of a client that is refused, doubling with each refusal in a row.
#[derive(Debug)]
pub(crate) struct Pause {
    base: Duration,
    max: Duration,
    next: Duration,
    until: Tick,
}

impl Pause {
    pub(crate) fn new(config: &TelemetryConfig) -> Self {
        Pause { base: config.pause_base, max: config.pause_max, next: config.pause_base, until: Tick::ZERO }
    }

    pub(crate) fn until(&self) -> Tick {
        self.until
    }

    /// One refusal more. A longer `Retry-After`, as much of it as is obeyed, counts, up to the longest
    /// pause.
    pub(crate) fn refused(&mut self, retry_after: Option<Duration>, now: Tick) {
        self.until = now + self.next.max(retry_after.unwrap_or_default()).min(self.max);
        self.next = self.next.saturating_mul(2).min(self.max);
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.base;
        self.until = Tick::ZERO;
    }
}
