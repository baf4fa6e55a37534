//! The settings that a connection may have for itself.

use std::borrow::Cow;
use std::time::Duration;

use crate::config::from_text::read;
use crate::config::{Mode, TelemetryConfig};
use crate::error::BuildError;

/// What a user may set for one connection, in the place of the provider's settings: given with
/// [`Target::settings`](crate::Target::settings), each by itself, or by name from text.
///
/// Connections of one principal to one host share a client as long as their settings are equal, those that
/// weren't set counting as the provider's; others have a client of their own. Mode and close time don't part
/// them, but for [`Mode::Forced`].
///
/// ```
/// use telemetry_core::ConnectionSettings;
///
/// # fn main() -> Result<(), telemetry_core::BuildError> {
/// let mut settings = ConnectionSettings::default();
/// for (name, text) in [("mode", "on"), ("batch_size", "50"), ("flush_interval", "30s")] {
///     settings.set(name, text)?;
/// }
/// let error = settings.set("batch_size", "many").unwrap_err();
/// assert_eq!(error.to_string(), "batch_size is \"many\", and must be a whole number");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct ConnectionSettings {
    pub(crate) mode: Option<Mode>,
    pub(crate) batch_size: Option<usize>,
    pub(crate) flush_interval: Option<Duration>,
    pub(crate) max_retries: Option<u32>,
    pub(crate) close_timeout: Option<Duration>,
    pub(crate) authenticated: Option<bool>,
}

impl ConnectionSettings {
    /// The names of these settings, for [`set`](Self::set).
    pub const NAMES: [&'static str; 6] =
        ["mode", "batch_size", "flush_interval", "max_retries", "close_timeout", "authenticated"];

    /// Whether telemetry is wanted.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Whether they say that it isn't. A driver that has built no provider yet needs none for such a
    /// connection, unless the provider has [sinks](crate::Sink): those get records all the same.
    pub fn is_off(&self) -> bool {
        self.mode == Some(Mode::Off)
    }

    /// As [`TelemetryConfig::batch_size`].
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// As [`TelemetryConfig::flush_interval`].
    pub fn flush_interval(mut self, flush_interval: Duration) -> Self {
        self.flush_interval = Some(flush_interval);
        self
    }

    /// As [`TelemetryConfig::max_retries`].
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = Some(max_retries);
        self
    }

    /// As [`TelemetryConfig::close_timeout`]. A close that is waited for is told its time itself:
    /// [`Lease::close_timeout`](crate::Lease::close_timeout) is what was said here.
    pub fn close_timeout(mut self, close_timeout: Duration) -> Self {
        self.close_timeout = Some(close_timeout);
        self
    }

    /// Whether records travel under the connection's credentials; they do by default, where there are any.
    /// `false` sends what an unauthenticated connection sends, which doesn't correlate. The feature flag is
    /// asked for with the credentials all the same.
    pub fn authenticated(mut self, authenticated: bool) -> Self {
        self.authenticated = Some(authenticated);
        self
    }

    /// Sets one by its name, as [`TelemetryConfig::set`] does. Nothing is changed by an error.
    ///
    /// # Errors
    ///
    /// [`BuildError::UnknownSetting`] for another name than these, [`BuildError::OutOfBounds`] for what can't
    /// be read or is outside the bounds that hold for every provider.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), BuildError> {
        let mut changed = *self;
        match name {
            "mode" => changed.mode = Some(read("mode", text)?),
            "batch_size" => changed.batch_size = Some(read("batch_size", text)?),
            "flush_interval" => changed.flush_interval = Some(read("flush_interval", text)?),
            "max_retries" => changed.max_retries = Some(read("max_retries", text)?),
            "close_timeout" => changed.close_timeout = Some(read("close_timeout", text)?),
            "authenticated" => changed.authenticated = Some(read("authenticated", text)?),
            _ => return Err(BuildError::UnknownSetting(name.to_owned())),
        }
        changed.over(&TelemetryConfig::widest()).validate()?;
        *self = changed;
        Ok(())
    }

    /// The provider's settings with these in their places.
    fn over(&self, provider: &TelemetryConfig) -> TelemetryConfig {
        let mut config = provider.clone();
        config.mode = self.mode.unwrap_or(config.mode);
        config.batch_size = self.batch_size.unwrap_or(config.batch_size);
        config.flush_interval = self.flush_interval.unwrap_or(config.flush_interval);
        config.max_retries = self.max_retries.unwrap_or(config.max_retries);
        config.close_timeout = self.close_timeout.unwrap_or(config.close_timeout);
        config
    }

    /// The same, brought within the bounds.
    pub(crate) fn within<'a>(&self, provider: &'a TelemetryConfig) -> Cow<'a, TelemetryConfig> {
        if *self == ConnectionSettings::default() {
            return Cow::Borrowed(provider);
        }
        Cow::Owned(self.over(provider).clamped())
    }
}
