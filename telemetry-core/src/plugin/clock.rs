//! Time, as the pipeline sees it: monotonic ticks for intervals, wall time for stamps.

use std::fmt;
use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::nanos::nanos;

/// A boxed future, as object-safe traits return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A moment on a [`Clock`]: whole nanoseconds since that clock's own origin.
///
/// Ticks of different clocks don't compare. Arithmetic saturates, so that no duration, however absurd,
/// panics; `u64` nanoseconds last 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The clock's origin.
    pub const ZERO: Tick = Tick(0);
    /// Later than every other tick: "never".
    pub const MAX: Tick = Tick(u64::MAX);

    /// The tick `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Tick(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// So much earlier; the origin, when that would be before it.
    pub(crate) fn before(self, time: Duration) -> Tick {
        Tick(self.0.saturating_sub(nanos(time)))
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    pub const fn since(self, earlier: Tick) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Tick {
    type Output = Tick;

    fn add(self, rhs: Duration) -> Tick {
        Tick(self.0.saturating_add(nanos(rhs)))
    }
}

impl Sub<Tick> for Tick {
    type Output = Duration;

    fn sub(self, rhs: Tick) -> Duration {
        self.since(rhs)
    }
}

/// Where the time comes from. The default is [`SystemClock`]; tests use a fake.
///
/// Obligations of an implementation (where its methods run is said [here](crate::plugin#where-they-run)):
///
/// - [`now`](Clock::now) never goes back, and neither waits nor locks. A panic in it is contained; a hang
///   could not be.
/// - [`wall`](Clock::wall) is for stamps alone; nothing is ever timed by it, so it may jump.
/// - The future of [`sleep_until`](Clock::sleep_until) completes at `at` or soon after, at once when `at` has
///   passed, and may be dropped at any time.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use telemetry_core::Clock;
/// use telemetry_core::plugin::{BoxFuture, SystemClock, Tick};
///
/// /// The machine's clock, with stamps rounded to whole minutes.
/// #[derive(Debug)]
/// struct WholeMinutes(SystemClock);
///
/// impl Clock for WholeMinutes {
///     fn now(&self) -> Tick {
///         self.0.now()
///     }
///
///     fn wall(&self) -> SystemTime {
///         let seconds = self.0.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
///         SystemTime::UNIX_EPOCH + Duration::from_secs(seconds / 60 * 60)
///     }
///
///     fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
///         self.0.sleep_until(at)
///     }
/// }
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment, monotonic.
    fn now(&self) -> Tick;
    /// The present date, for stamps.
    fn wall(&self) -> SystemTime;
    /// Completes once [`now`](Clock::now) has reached `at`.
    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()>;
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> Tick {
        (**self).now()
    }

    fn wall(&self) -> SystemTime {
        (**self).wall()
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        (**self).sleep_until(at)
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The machine's own clock; it sleeps on tokio's timer.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    made: Instant,
}

impl SystemClock {
    /// A clock whose origin is a day ago, so that what happened shortly before it was made has a moment too.
    pub fn new() -> Self {
        SystemClock { made: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Tick {
        Tick::ZERO + DAY + self.made.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let wait = at.since(self.now());
        // A year is as good as never, and tokio's timer refuses much more.
        let wait = wait.min(Duration::from_secs(365 * 24 * 3600));
        Box::pin(async move { tokio::time::sleep(wait).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tick_arithmetic_saturates() {
        assert_eq!(Tick::MAX + Duration::MAX, Tick::MAX);
        assert_eq!(Tick::ZERO.since(Tick::MAX), Duration::ZERO);
        assert_eq!(Tick::from_nanos(5) - Tick::from_nanos(2), Duration::from_nanos(3));
    }
}
