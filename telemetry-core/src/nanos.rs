//! Times as whole nanoseconds, half the size of what the standard library has.

use std::time::Duration;

/// A time in nanoseconds; 584 years for what is longer.
pub(crate) const fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos() as u64)
}

/// How long something took, if that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elapsed(u64);

impl Elapsed {
    pub(crate) const UNKNOWN: Elapsed = Elapsed(u64::MAX);

    pub(crate) fn known(self) -> Option<Duration> {
        (self.0 != u64::MAX).then_some(Duration::from_nanos(self.0))
    }
}

impl From<Duration> for Elapsed {
    fn from(time: Duration) -> Self {
        Elapsed(nanos(time).min(u64::MAX - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_kept_to_the_nanosecond_and_one_that_is_too_long_as_the_longest() {
        for time in
            [Duration::ZERO, Duration::from_nanos(1), Duration::new(7, 5), Duration::from_secs(1 << 33)]
        {
            assert_eq!((Duration::from_nanos(nanos(time)), Elapsed::from(time).known()), (time, Some(time)));
        }
        assert_eq!(nanos(Duration::MAX), u64::MAX);
        assert_eq!(Elapsed::from(Duration::MAX).known(), Some(Duration::from_nanos(u64::MAX - 1)));
        assert_eq!(Elapsed::UNKNOWN.known(), None);
    }
}
