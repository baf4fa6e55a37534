//! The settings, with their defaults and bounds.

use std::time::Duration;

use crate::error::BuildError;
use crate::host::HostPolicy;

/// Whether telemetry is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// No. Nothing is recorded, nothing is asked, nothing is sent.
    Off,
    /// Yes, where the service's feature flag allows it.
    On,
    /// Yes, whatever the flag says: for support cases. An opt-out in the environment still wins.
    Forced,
}

/// How long closing may take when nothing else is said.
pub const DEFAULT_CLOSE: Duration = Duration::from_secs(2);

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr;)*) => {
        /// The settings of a provider. Every one has a default and bounds; what is outside its bounds is an error when the
        /// provider is built.
        ///
        /// ```
        /// use std::time::Duration;
        /// use telemetry_core::{Mode, TelemetryConfig};
        ///
        /// let config = TelemetryConfig::default()
        ///     .mode(Mode::On)
        ///     .batch_size(50)
        ///     .flush_interval(Duration::from_secs(30));
        /// assert!(config.validate().is_ok());
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct TelemetryConfig {
            $(pub(crate) $name: $type,)*
        }

        impl Default for TelemetryConfig {
            fn default() -> Self {
                TelemetryConfig { $($name: $default,)* }
            }
        }

        impl TelemetryConfig {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })*
        }
    };
}

settings! {
    /// Whether telemetry is wanted where a connection doesn't say. Off by default: a driver opts in.
    mode: Mode = Mode::Off;
    /// Records in a batch, at the most, and the number of waiting records that starts a flush. 100 by default;
    /// 1 to [`max_records`](Self::max_records).
    batch_size: usize = 100;
    /// The longest that a record waits for its batch to fill. 5 s by default; 10 ms to 1 h, and less than
    /// [`max_age`](Self::max_age).
    flush_interval: Duration = Duration::from_secs(5);
    /// Attempts after the first, before a batch goes back to wait for the next interval. 3 by default; at most 10.
    max_retries: u32 = 3;
    /// The ceiling of the wait before the first of them; it doubles with each, and the wait is drawn evenly from zero to
    /// the ceiling. 100 ms by default; 1 ms to [`backoff_max`](Self::backoff_max).
    backoff_base: Duration = Duration::from_millis(100);
    /// The highest ceiling. 1 s by default; at most 1 min.
    backoff_max: Duration = Duration::from_secs(1);
    /// The longest `Retry-After` that is obeyed; longer ones count as this. 5 min by default; at most 15 min.
    retry_after_cap: Duration = Duration::from_secs(300);
    /// How long one attempt may take, the asking for credentials included. 10 s by default; 1 ms to 5 min.
    request_timeout: Duration = Duration::from_secs(10);
    /// Records held by one client, in flight included. Past it the oldest that is not an error is dropped. 500 by
    /// default; 1 to 100,000.
    max_records: usize = 500;
    /// How long a record is held. 10 min by default; 1 s to 1 day.
    max_age: Duration = Duration::from_secs(600);
    /// Events waiting between the driver's threads and the worker. Past it new ones are refused. 4096 by default; 16 to
    /// 1,000,000.
    max_events: usize = 4096;
    /// Error text held by one client, in bytes. Past it errors travel by name. 1 MiB by default; at most 64 MiB.
    max_text_bytes: usize = 1024 * 1024;
    /// Statements open by id. Past it the one that was quiet for longest is ended as it is. 5000 by default; 1 to
    /// 1,000,000.
    max_open_statements: usize = 5000;
    /// How long a statement open by id may be quiet before it is ended as it is. 1 h by default; 1 s to 1 week.
    abandoned_after: Duration = Duration::from_secs(3600);
    /// Errors kept with one statement. Past it new ones are refused. 50 by default; 1 to 1000.
    max_errors: usize = 50;
    /// How long the final flush may take after the last lease was dropped without closing it. 2 s by default; at most
    /// 1 min.
    close_timeout: Duration = DEFAULT_CLOSE;
    /// The first pause of a client that the service refuses (400, 401, 403, 404, 413) or that has no credentials; it
    /// doubles with each in a row. 1 min by default; 1 ms to [`pause_max`](Self::pause_max).
    pause_base: Duration = Duration::from_secs(60);
    /// The longest pause. 15 min by default; at most 1 day.
    pause_max: Duration = Duration::from_secs(900);
    /// How long until a flag that could not be had is asked for again. 1 min by default; 1 s to 1 h.
    flag_retry: Duration = Duration::from_secs(60);
    /// Clients, one for each host and principal. Past it new connections have no telemetry. 1000 by default; 1 to
    /// 100,000.
    max_clients: usize = 1000;
    /// Which hosts may be called. Only [`HostPolicy::Public`] unless a test says otherwise.
    host_policy: HostPolicy = HostPolicy::Public;
}

impl TelemetryConfig {
    /// Whether every setting is within its bounds.
    ///
    /// # Errors
    ///
    /// [`BuildError::OutOfBounds`] for the first that isn't.
    pub fn validate(&self) -> Result<(), BuildError> {
        const MS: Duration = Duration::from_millis(1);
        const SECOND: Duration = Duration::from_secs(1);
        const HOUR: Duration = Duration::from_secs(3600);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let TelemetryConfig {
            mode: _,
            batch_size,
            flush_interval,
            max_retries,
            backoff_base,
            backoff_max,
            retry_after_cap,
            request_timeout,
            max_records,
            max_age,
            max_events,
            max_text_bytes,
            max_open_statements,
            abandoned_after,
            max_errors,
            close_timeout,
            pause_base,
            pause_max,
            flag_retry,
            max_clients,
            host_policy: _,
        } = self;
        let count = |name, value: usize, bounds: std::ops::RangeInclusive<usize>, expected| {
            if bounds.contains(&value) {
                Ok(())
            } else {
                Err(BuildError::out_of_bounds(name, value, expected))
            }
        };
        let time = BuildError::check_duration;
        count("max_records", *max_records, 1..=100_000, "1 to 100000")?;
        count("batch_size", *batch_size, 1..=*max_records, "1 to max_records")?;
        count("max_retries", *max_retries as usize, 0..=10, "0 to 10")?;
        count("max_events", *max_events, 16..=1_000_000, "16 to 1000000")?;
        count("max_text_bytes", *max_text_bytes, 0..=64 * 1024 * 1024, "at most 64 MiB")?;
        count("max_open_statements", *max_open_statements, 1..=1_000_000, "1 to 1000000")?;
        count("max_errors", *max_errors, 1..=1000, "1 to 1000")?;
        count("max_clients", *max_clients, 1..=100_000, "1 to 100000")?;
        time("flush_interval", *flush_interval, 10 * MS..=HOUR, "10 ms to 1 h")?;
        time("backoff_max", *backoff_max, MS..=60 * SECOND, "1 ms to 1 min")?;
        time("backoff_base", *backoff_base, MS..=*backoff_max, "1 ms to backoff_max")?;
        time("retry_after_cap", *retry_after_cap, Duration::ZERO..=900 * SECOND, "at most 15 min")?;
        time("request_timeout", *request_timeout, MS..=300 * SECOND, "1 ms to 5 min")?;
        time("max_age", *max_age, SECOND..=DAY, "1 s to 1 day")?;
        time("abandoned_after", *abandoned_after, SECOND..=7 * DAY, "1 s to 1 week")?;
        time("close_timeout", *close_timeout, Duration::ZERO..=60 * SECOND, "at most 1 min")?;
        time("pause_max", *pause_max, MS..=DAY, "1 ms to 1 day")?;
        time("pause_base", *pause_base, MS..=*pause_max, "1 ms to pause_max")?;
        if flush_interval >= max_age {
            return Err(BuildError::out_of_bounds(
                "flush_interval",
                format!("{flush_interval:?}"),
                "less than max_age",
            ));
        }
        time("flag_retry", *flag_retry, SECOND..=HOUR, "1 s to 1 h")?;
        Ok(())
    }
}

/// The variables by which a user opts out, whatever the program says.
pub const OPT_OUT_VARIABLES: [&str; 2] = ["DATABRICKS_TELEMETRY_DISABLED", "DO_NOT_TRACK"];

/// The first variable that opts out: one that is set to anything but nothing, `0`, `false`, `no` or `off`, in any case. Who sets it means
/// it, however they spell it.
pub(crate) fn opt_out(environment: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    OPT_OUT_VARIABLES.into_iter().find(|name| {
        environment(name).is_some_and(|value| {
            !["", "0", "false", "no", "off"].iter().any(|no| value.trim().eq_ignore_ascii_case(no))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_bounds() {
        assert_eq!(TelemetryConfig::default().validate(), Ok(()));
        assert_eq!(TelemetryConfig::default().mode, Mode::Off);
    }

    #[test]
    fn a_value_that_makes_no_sense_is_a_clear_error() {
        let error = TelemetryConfig::default().batch_size(0).validate().unwrap_err();
        assert_eq!(error.to_string(), "batch_size is 0, and must be 1 to max_records");
        let error = TelemetryConfig::default().flush_interval(Duration::ZERO).validate().unwrap_err();
        assert_eq!(error.to_string(), "flush_interval is 0ns, and must be 10 ms to 1 h");
        let error =
            TelemetryConfig::default().flush_interval(Duration::from_secs(900)).validate().unwrap_err();
        assert_eq!(error.to_string(), "flush_interval is 900s, and must be less than max_age");
        assert!(TelemetryConfig::default().batch_size(501).validate().is_err());
        assert!(TelemetryConfig::default().max_retries(11).validate().is_err());
    }

    #[test]
    fn a_user_opts_out_by_either_variable() {
        let with = |name: &'static str, value: &'static str| {
            opt_out(move |asked| (asked == name).then(|| value.to_owned()))
        };
        for value in ["1", "true", "YES", " on ", "2", "maybe", "enabled"] {
            assert_eq!(with("DO_NOT_TRACK", value), Some("DO_NOT_TRACK"));
            assert_eq!(with("DATABRICKS_TELEMETRY_DISABLED", value), Some("DATABRICKS_TELEMETRY_DISABLED"));
        }
        for value in ["", " ", "0", "false", "No", "off"] {
            assert_eq!(with("DO_NOT_TRACK", value), None);
        }
        assert_eq!(opt_out(|_| None), None);
    }
}
