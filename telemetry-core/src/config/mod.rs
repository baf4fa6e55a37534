//! The settings, with their defaults and bounds.

mod connection;
mod from_text;
#[cfg(feature = "serde")]
mod serde;

pub use connection::ConnectionSettings;

use std::str::FromStr;
use std::time::Duration;

use crate::error::BuildError;
use crate::host::HostPolicy;

/// Whether telemetry is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// No. The service is asked nothing and sent nothing. Nothing is recorded either, unless the provider
    /// has [sinks](crate::Sink): those get records all the same.
    Off,
    /// Yes, where the service's feature flag allows it.
    On,
    /// Yes, whatever the flag says: for support cases. An opt-out in the environment still wins.
    Forced,
}

impl FromStr for Mode {
    type Err = BuildError;

    /// `off`, `on` or `forced`, in any case, or a boolean as options have it (`true`, `1`, `yes`, `enabled`
    /// and their opposites) for on and off.
    fn from_str(text: &str) -> Result<Self, BuildError> {
        from_text::read("mode", text)
    }
}

/// How much of an error's text may leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TextLevel {
    /// Nothing: errors travel by name, class and [facts](crate::ErrorDetails::sqlstate).
    None,
    /// The author's own templates, and the stack frames of known packages.
    Frames,
    /// These, and the message, as far as its words are known to be harmless.
    #[default]
    Message,
}

/// The variable by which a user narrows the level: `none`, `frames` or `message`, in any case. It never
/// widens what the driver's setting allows. Anything else that isn't empty counts as `none`: who sets it
/// means it, however they spell it.
pub const TEXT_LEVEL_VARIABLE: &str = "DATABRICKS_TELEMETRY_ERROR_TEXT";

impl TextLevel {
    /// The narrower of this level and the one that the user's variable asks for.
    pub(crate) fn narrowed(self, variable: Option<&str>) -> Self {
        let asked = match variable.map(str::trim) {
            None | Some("") => return self,
            Some(level) if level.eq_ignore_ascii_case("message") => TextLevel::Message,
            Some(level) if level.eq_ignore_ascii_case("frames") => TextLevel::Frames,
            Some(_) => TextLevel::None,
        };
        self.min(asked)
    }
}

/// How long closing may take when nothing else is said: 2 s.
pub const DEFAULT_CLOSE: Duration = Duration::from_secs(2);

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The settings: of each its type, its default, its bounds where it has some, and the bounds in words.
macro_rules! settings {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $default:expr $(, |$config:pat_param| $bounds:expr, $words:literal)?;
    )*) => {
        /// The settings of a provider. Every one has a default and bounds; what is outside its bounds is an
        /// error when the provider is built.
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

            /// Whether every setting is within its bounds.
            ///
            /// # Errors
            ///
            /// [`BuildError::OutOfBounds`] for the first that isn't.
            pub fn validate(&self) -> Result<(), BuildError> {
                $($({
                    let $config = self;
                    let name = stringify!($name);
                    if !($bounds).contains(&self.$name) {
                        let value = format!("{:?}", self.$name);
                        return Err(BuildError::OutOfBounds { name, value, expected: $words });
                    }
                })?)*
                Ok(())
            }

            /// The same with what is outside its bounds at the nearest of them.
            fn clamped(mut self) -> Self {
                $($({
                    let $config = &self;
                    let (least, most) = ($bounds).into_inner();
                    self.$name = self.$name.clamp(least, most);
                })?)*
                self
            }

            /// Sets one by its name, from text: a number, a time (`500ms`, `5s`, `1m30s`; a number alone is
            /// milliseconds), or a word as [`Mode::from_str`] and the settings themselves have it. What only
            /// the program may say has no name here: words and packages, and which hosts may be called.
            ///
            /// ```
            /// let mut config = telemetry_core::TelemetryConfig::default();
            /// config.set("mode", "on").unwrap();
            /// config.set("flush_interval", "30s").unwrap();
            /// assert!(config.set("colour", "red").is_err());
            /// ```
            ///
            /// # Errors
            ///
            /// [`BuildError::UnknownSetting`] for another name, [`BuildError::OutOfBounds`] for what can't be
            /// read. Bounds are checked when the provider is built.
            pub fn set(&mut self, name: &str, text: &str) -> Result<(), BuildError> {
                match name {
                    $(stringify!($name) => self.$name = from_text::read(stringify!($name), text)?,)*
                    _ => return Err(BuildError::UnknownSetting(name.to_owned())),
                }
                Ok(())
            }
        }
    };
}

settings! {
    /// Whether telemetry is wanted where a connection doesn't say. Off by default: a driver opts in.
    mode: Mode = Mode::Off;
    /// Records held by one client, in flight included. Past it the oldest that is not an error is dropped.
    /// 500 by default; 1 to 100,000.
    max_records: usize = 500, |_| 1..=100_000, "1 to 100000";
    /// Records in a batch, at the most, and the number of waiting records that starts a flush. 100 by
    /// default; 1 to [`max_records`](Self::max_records).
    batch_size: usize = 100, |config| 1..=config.max_records, "1 to max_records";
    /// How long a record is held. 10 min by default; 1 s to 1 day.
    max_age: Duration = 10 * MINUTE, |_| SECOND..=DAY, "1 s to 1 day";
    /// The longest that a record waits for its batch to fill. The first after a calm of as long waits for
    /// half of it to all of it, at random. 5 s by default; 10 ms to 1 h, and less than
    /// [`max_age`](Self::max_age).
    flush_interval: Duration = 5 * SECOND, |config| 10 * MS..=HOUR.min(config.max_age.saturating_sub(MS)),
        "10 ms to 1 h, and less than max_age";
    /// Attempts after the first, before a batch goes back to wait for the next interval. 3 by default; at
    /// most 10.
    max_retries: u32 = 3, |_| 0..=10, "0 to 10";
    /// The highest ceiling of the wait between attempts. 1 s by default; 1 ms to 1 min.
    backoff_max: Duration = SECOND, |_| MS..=MINUTE, "1 ms to 1 min";
    /// The ceiling of the wait before the first attempt after a failure; it doubles with each, and the wait
    /// is drawn evenly from zero to the ceiling. 100 ms by default; 1 ms to
    /// [`backoff_max`](Self::backoff_max).
    backoff_base: Duration = 100 * MS, |config| MS..=config.backoff_max, "1 ms to backoff_max";
    /// The longest `Retry-After` that is obeyed; longer ones count as this. The wait is longer by up to a
    /// quarter, at random. 5 min by default; at most 15 min.
    retry_after_cap: Duration = 5 * MINUTE, |_| Duration::ZERO..=15 * MINUTE, "at most 15 min";
    /// How long one attempt may take, the asking for credentials included. 10 s by default; 1 ms to 5 min.
    request_timeout: Duration = 10 * SECOND, |_| MS..=5 * MINUTE, "1 ms to 5 min";
    /// Events waiting between the driver's threads and the worker. Past it new ones are refused. 4096 by
    /// default; 16 to 1,000,000.
    max_events: usize = 4096, |_| 16..=1_000_000, "16 to 1000000";
    /// How much of an error's text may leave. [`TextLevel::Message`] by default. A user narrows it by
    /// [`TEXT_LEVEL_VARIABLE`].
    error_text: TextLevel = TextLevel::Message;
    /// Words of the driver's own that are harmless in an error's text, such as its name: each 1 to 24 ASCII
    /// letters and digits, in any case. None by default.
    own_words: &'static [&'static str] = &[];
    /// Packages or modules of the driver's own, by which the symbols of its stack frames begin, such as
    /// `com.acme.driver` or `acme_driver`. None by default.
    own_packages: &'static [&'static str] = &[];
    /// Bytes held by one client: events, open statements, records, and error text, which has half of them at
    /// the most. Past it new events are refused, the oldest record that is not an error is dropped, and
    /// errors travel by name. 2 MiB by default; 16 KiB to 1 GiB.
    max_bytes: usize = 2 * MIB, |_| 16 * KIB..=1024 * MIB, "16 KiB to 1 GiB";
    /// Bytes held by all clients together. 64 MiB by default; 16 KiB to 64 GiB.
    max_total_bytes: usize = 64 * MIB, |_| 16 * KIB..=65_536 * MIB, "16 KiB to 64 GiB";
    /// Statements open by id. Past it the one that was quiet for longest is ended as it is. 5000 by default;
    /// 1 to 1,000,000.
    max_open_statements: usize = 5000, |_| 1..=1_000_000, "1 to 1000000";
    /// How long a statement open by id may be quiet before it is ended as it is. 1 h by default; 1 s to 1
    /// week.
    abandoned_after: Duration = HOUR, |_| SECOND..=7 * DAY, "1 s to 1 week";
    /// Errors kept with one statement. Past it new ones are refused. 50 by default; 1 to 1000.
    max_errors: usize = 50, |_| 1..=1000, "1 to 1000";
    /// How long the final flush may take after the last lease was dropped without closing it. 2 s by default;
    /// at most 1 min.
    close_timeout: Duration = DEFAULT_CLOSE, |_| Duration::ZERO..=MINUTE, "at most 1 min";
    /// The longest pause of a client that the service refuses. 15 min by default; 1 ms to 1 day.
    pause_max: Duration = 15 * MINUTE, |_| MS..=DAY, "1 ms to 1 day";
    /// The first pause of a client that the service refuses (400, 401, 403, 404) or that has no
    /// credentials; it doubles with each in a row. 1 min by default; 1 ms to [`pause_max`](Self::pause_max).
    pause_base: Duration = MINUTE, |config| MS..=config.pause_max, "1 ms to pause_max";
    /// How long until a flag that could not be had is asked for again. 1 min by default; 1 s to 1 h.
    flag_retry: Duration = MINUTE, |_| SECOND..=HOUR, "1 s to 1 h";
    /// Clients, one for each host and principal. Past it new connections have no telemetry. 1000 by default;
    /// 1 to 100,000.
    max_clients: usize = 1000, |_| 1..=100_000, "1 to 100000";
    /// Which hosts may be called. Only [`HostPolicy::Public`] unless a test says otherwise; never
    /// [`HostPolicy::Private`], as tokens are sent to them.
    host_policy: HostPolicy = HostPolicy::Public, |_| HostPolicy::Public..=HostPolicy::AllowLoopback,
        "Public or AllowLoopback";
}

impl TelemetryConfig {
    /// What leaves the others the most room: one that a value is outside of fits no provider.
    fn widest() -> Self {
        TelemetryConfig { max_records: 100_000, max_age: DAY, ..TelemetryConfig::default() }
    }
}

/// The variables by which a user opts out, whatever the program says.
pub const OPT_OUT_VARIABLES: [&str; 2] = ["DATABRICKS_TELEMETRY_DISABLED", "DO_NOT_TRACK"];

/// The first variable that opts out: one that is set to anything but nothing, `0`, `false`, `no` or `off`, in
/// any case. Who sets it means it, however they spell it.
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
        assert_eq!(
            error.to_string(),
            "flush_interval is 0ns, and must be 10 ms to 1 h, and less than max_age"
        );
        let error =
            TelemetryConfig::default().flush_interval(Duration::from_secs(900)).validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "flush_interval is 900s, and must be 10 ms to 1 h, and less than max_age"
        );
        assert!(TelemetryConfig::default().batch_size(501).validate().is_err());
        assert!(TelemetryConfig::default().max_retries(11).validate().is_err());
        let private = TelemetryConfig::default().host_policy(HostPolicy::Private).validate();
        let said = private.unwrap_err().to_string();
        assert_eq!(said, "host_policy is Private, and must be Public or AllowLoopback");
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

    #[test]
    fn a_users_variable_narrows_and_never_widens() {
        let all = [TextLevel::None, TextLevel::Frames, TextLevel::Message];
        for level in all {
            assert_eq!(level.narrowed(None), level);
            assert_eq!(level.narrowed(Some(" ")), level);
            for (said, asked) in ["none", " Frames ", "MESSAGE"].into_iter().zip(all) {
                assert_eq!(level.narrowed(Some(said)), level.min(asked));
            }
            assert_eq!(level.narrowed(Some("verbose")), TextLevel::None);
        }
    }
}
