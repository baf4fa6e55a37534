//! A further place that records go to, beside the vendor's service.

use std::sync::Arc;

use crate::config::TelemetryConfig;
use crate::error::BuildError;
use crate::plugin::breaker::{AlwaysClosed, BreakerSource};
use crate::plugin::exporter::Exporter;
use crate::record::{Audience, Level, Record};

/// A further place that records go to, beside the vendor's service: a collector, a file, a log of whoever
/// runs the driver.
///
/// Records are made once, and each sink is offered all that are at its [level](Sink::level) or above, as its
/// [audience](Sink::audience) sees them. It has its own exporter, breaker, batches, retries, bounds and
/// [books](crate::status::SinkStatus): one that hangs, fails or falls behind changes nothing of the others,
/// and costs a driver's thread nothing.
///
/// The service's flag and the [mode](TelemetryConfig::mode) of a connection are the vendor's alone: a sink
/// gets records as soon as a connection has a lease, also while the vendor's telemetry is off. The user's
/// [opt-outs](crate::OPT_OUT_VARIABLES) silence every sink. Its exporter is never given credentials.
///
/// ```
/// use telemetry_core::plugin::{Attempt, PluginError, Receipt};
/// use telemetry_core::record::Level;
/// use telemetry_core::{Exporter, Sink, async_trait};
///
/// /// Prints what went wrong.
/// #[derive(Debug)]
/// struct Printing;
///
/// #[async_trait]
/// impl Exporter for Printing {
///     async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
///         for record in attempt.records {
///             println!("{:?}", record.body.error);
///         }
///         Ok(Receipt::new(attempt.records.len()))
///     }
/// }
///
/// let sink = Sink::new("errors", Printing).level(Level::Warn);
/// # let _ = sink;
/// ```
#[derive(Debug)]
#[must_use = "it is given to a provider's builder"]
pub struct Sink {
    pub(crate) name: Arc<str>,
    pub(crate) exporter: Arc<dyn Exporter>,
    pub(crate) breakers: Arc<dyn BreakerSource>,
    pub(crate) audience: Audience,
    pub(crate) level: Level,
    pub(crate) config: TelemetryConfig,
}

impl Sink {
    /// A sink of this name, which its books and its lines in the log bear: 1 to 128 visible ASCII characters,
    /// and neither another of the provider's sinks has it nor the way to the vendor's service, which is
    /// called `vendor`. Records are shown as [`Audience::Customer`] sees them, all levels of them; no breaker
    /// is asked; all else is as [`TelemetryConfig::default`] has it.
    pub fn new(name: &str, exporter: impl Exporter) -> Self {
        Sink {
            name: name.into(),
            exporter: Arc::new(exporter),
            breakers: Arc::new(AlwaysClosed),
            audience: Audience::Customer,
            level: Level::Trace,
            config: TelemetryConfig::default(),
        }
    }

    /// What asks before each attempt whether the place may be called. The breaker is had by the host of the
    /// workspace; a place that is the same for all of them shares one.
    pub fn breakers(mut self, breakers: impl BreakerSource) -> Self {
        self.breakers = Arc::new(breakers);
        self
    }

    /// Whom it is for, which decides what it sees of a record.
    pub fn audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    /// How much a record has to matter. A statement that is taken comes without its polls above
    /// [`Level::Trace`], and without its chunks above [`Level::Debug`].
    pub fn level(mut self, threshold: Level) -> Self {
        self.level = threshold;
        self
    }

    /// How it delivers and what it may hold. Of the settings these count: `max_records`, `batch_size`,
    /// `max_age`, `flush_interval`, `request_timeout`, those of retries and of waits after failures, and
    /// `max_bytes` and `max_total_bytes`, which bound what waits for this sink, of one client and of all.
    pub fn config(mut self, config: TelemetryConfig) -> Self {
        self.config = config;
        self
    }

    /// Whether it takes a record.
    pub(crate) fn takes(&self, record: &Record) -> bool {
        self.level <= Level::of(&record.body)
    }

    /// # Errors
    ///
    /// When its name or one of its settings is out of bounds.
    pub(crate) fn validate(&self) -> Result<(), BuildError> {
        if self.name.is_empty()
            || self.name.len() > 128
            || !self.name.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(BuildError::InvalidName { name: "a sink's name", value: self.name.to_string() });
        }
        self.config.validate()
    }
}
