//! When a breaker opens, and for how long.

use std::time::Duration;

/// What opens a closed breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// So many failures in a row; a success resets the count.
    ConsecutiveFailures(u32),
    /// A share of failures among the latest calls.
    FailureRate {
        /// How many of the latest calls are looked at, at the most.
        window: u32,
        /// How many there must be before anything is decided.
        minimum: u32,
        /// The percentage of failures at which it opens.
        percent: u32,
    },
}

impl Policy {
    /// Half of the latest 30 calls, and at least 10 of them made.
    pub const FAILURE_RATE: Policy = Policy::FailureRate { window: 30, minimum: 10, percent: 50 };
}

impl Default for Policy {
    /// Five failures in a row.
    fn default() -> Self {
        Policy::ConsecutiveFailures(5)
    }
}

/// A breaker's settings. The defaults are those that Databricks' drivers share.
///
/// ```
/// use std::time::Duration;
/// use telemetry_breaker::{BreakerConfig, Policy};
///
/// let config = BreakerConfig::default().policy(Policy::FAILURE_RATE).open_for(Duration::from_secs(30));
/// assert!(config.validate().is_ok());
/// assert!(config.policy(Policy::ConsecutiveFailures(0)).validate().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerConfig {
    pub(crate) policy: Policy,
    pub(crate) open_for: Duration,
    pub(crate) successes_to_close: u32,
    pub(crate) retry_after_cap: Duration,
    pub(crate) probe_timeout: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        BreakerConfig {
            policy: Policy::default(),
            open_for: Duration::from_secs(60),
            successes_to_close: 2,
            retry_after_cap: Duration::from_secs(300),
            probe_timeout: Duration::from_secs(30),
        }
    }
}

impl BreakerConfig {
    /// What opens it. Five failures in a row by default; counts are 1 to 1000, a percentage 1 to 100.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How long it stays open. 60 s by default; 1 ms to 1 day.
    #[must_use]
    pub fn open_for(mut self, open_for: Duration) -> Self {
        self.open_for = open_for;
        self
    }

    /// How many probes must succeed in a row before it closes. 2 by default; 1 to 1000.
    #[must_use]
    pub fn successes_to_close(mut self, successes: u32) -> Self {
        self.successes_to_close = successes;
        self
    }

    /// The longest that a `Retry-After` can keep it open. 5 min by default; at most 1 day, and at 0 it is not
    /// obeyed.
    #[must_use]
    pub fn retry_after_cap(mut self, cap: Duration) -> Self {
        self.retry_after_cap = cap;
        self
    }

    /// How long a probe may be out. After it the probe counts as lost, and another is admitted. 30 s by
    /// default; 1 ms to 1 day.
    #[must_use]
    pub fn probe_timeout(mut self, timeout: Duration) -> Self {
        self.probe_timeout = timeout;
        self
    }

    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] names the first that doesn't.
    pub fn validate(&self) -> Result<(), InvalidConfig> {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        const MS: Duration = Duration::from_millis(1);
        let BreakerConfig { policy, open_for, successes_to_close, retry_after_cap, probe_timeout } = self;
        let count = |name, value: u32, expected| {
            if (1..=1000).contains(&value) { Ok(()) } else { Err(invalid(name, value, expected)) }
        };
        match *policy {
            Policy::ConsecutiveFailures(failures) => count("consecutive failures", failures, "1 to 1000")?,
            Policy::FailureRate { window, minimum, percent } => {
                count("window", window, "1 to 1000")?;
                if !(1..=window).contains(&minimum) {
                    return Err(invalid("minimum", minimum, "1 to the window"));
                }
                if !(1..=100).contains(&percent) {
                    return Err(invalid("percent", percent, "1 to 100"));
                }
            }
        }
        count("successes_to_close", *successes_to_close, "1 to 1000")?;
        for (name, value, least, expected) in [
            ("open_for", open_for, MS, "1 ms to 1 day"),
            ("retry_after_cap", retry_after_cap, Duration::ZERO, "at most 1 day"),
            ("probe_timeout", probe_timeout, MS, "1 ms to 1 day"),
        ] {
            if !(least..=DAY).contains(value) {
                return Err(InvalidConfig { name, value: format!("{value:?}"), expected });
            }
        }
        Ok(())
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {value}, and must be {expected}")]
pub struct InvalidConfig {
    name: &'static str,
    value: String,
    expected: &'static str,
}

fn invalid(name: &'static str, value: u32, expected: &'static str) -> InvalidConfig {
    InvalidConfig { name, value: value.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let bad = [
            BreakerConfig::default().policy(Policy::ConsecutiveFailures(0)),
            BreakerConfig::default().policy(Policy::FailureRate { window: 0, minimum: 1, percent: 50 }),
            BreakerConfig::default().policy(Policy::FailureRate { window: 10, minimum: 11, percent: 50 }),
            BreakerConfig::default().policy(Policy::FailureRate { window: 10, minimum: 5, percent: 101 }),
            BreakerConfig::default().open_for(Duration::ZERO),
            BreakerConfig::default().successes_to_close(0),
            BreakerConfig::default().probe_timeout(Duration::MAX),
        ];
        for config in bad {
            assert!(config.validate().is_err(), "{config:?}");
        }
        let error = BreakerConfig::default().successes_to_close(0).validate().unwrap_err();
        assert_eq!(error.to_string(), "successes_to_close is 0, and must be 1 to 1000");
        assert_eq!(BreakerConfig::default().validate(), Ok(()));
    }

    #[test]
    fn what_is_said_of_a_bound_is_what_is_checked() {
        let said = |config: BreakerConfig| config.validate().map_err(|error| error.expected);
        let (config, beyond) = (BreakerConfig::default(), Duration::from_secs(24 * 3600 + 1));
        assert_eq!(said(config.clone().retry_after_cap(Duration::ZERO)), Ok(()));
        assert_eq!(said(config.clone().retry_after_cap(beyond)), Err("at most 1 day"));
        assert_eq!(said(config.clone().open_for(Duration::ZERO)), Err("1 ms to 1 day"));
        assert_eq!(said(config.probe_timeout(beyond)), Err("1 ms to 1 day"));
    }
}
