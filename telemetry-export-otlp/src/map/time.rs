//! Times, as OpenTelemetry has them: nanoseconds since 1970, and seconds.

use std::time::{Duration, SystemTime};

/// A date in nanoseconds since 1970; what is before that is 1970, and what is after 2554 is then.
pub(super) fn nanos(date: SystemTime) -> u64 {
    date.duration_since(SystemTime::UNIX_EPOCH).map_or(0, length)
}

/// A length in nanoseconds, at the most some 584 years.
pub(super) fn length(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_out_of_range_are_at_its_ends() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(nanos(epoch - Duration::from_secs(1)), 0);
        assert_eq!(nanos(epoch + Duration::from_nanos(1)), 1);
        assert_eq!(length(Duration::MAX), u64::MAX);
    }
}
