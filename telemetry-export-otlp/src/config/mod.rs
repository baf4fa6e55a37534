//! Where to, how, and in whose name.

mod endpoint;
mod environment;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use telemetry_core::plugin::Headers;
use telemetry_core::{BuildError, Host};

pub use environment::VARIABLES;

/// The longest body that is sent unless something else is said, before it is compressed: 1 MiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How many sets of attributes a metric has in a batch at the most, unless something else is said: 2000, as
/// the specification has it.
pub const MAX_ATTRIBUTE_SETS: usize = 2000;

/// The longest that a request may be given. A timeout of zero, which stands for none in the specification,
/// is this.
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// What OpenTelemetry tells apart. A batch goes out as one request of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metrics.
    Metrics,
}

impl Signal {
    /// All, in the order in which they are sent.
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Logs, Signal::Metrics];

    /// Its path behind a base.
    fn path(self) -> &'static str {
        match self {
            Signal::Traces => "v1/traces",
            Signal::Logs => "v1/logs",
            Signal::Metrics => "v1/metrics",
        }
    }
}

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `http/protobuf`.
    #[default]
    HttpProtobuf,
    /// `http/json`.
    HttpJson,
}

impl Protocol {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Protocol::HttpProtobuf => "application/x-protobuf",
            Protocol::HttpJson => "application/json",
        }
    }
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// By gzip.
    Gzip,
}

/// Where one signal goes and how, or all of them. What isn't said of a signal is what is said of all.
#[derive(Clone, Default)]
#[must_use]
pub struct SignalConfig {
    endpoint: Option<String>,
    protocol: Option<Protocol>,
    compression: Option<Compression>,
    timeout: Option<Duration>,
    headers: Option<Headers>,
    off: bool,
}

impl SignalConfig {
    /// The URL. For all signals it is a base, `http://localhost:4318` by default, to which `v1/traces`,
    /// `v1/logs` and `v1/metrics` are appended; for one signal it is used as it is.
    ///
    /// Plain HTTP goes to this machine and to private addresses alone, as
    /// [`HostPolicy::Private`](telemetry_core::HostPolicy::Private) has it; HTTPS goes anywhere. A transport
    /// that has a proxy for either sends it there, as it does all else.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// How messages are written; [`Protocol::HttpProtobuf`] by default.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// How bodies are compressed; [`Compression::None`] by default.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// How long a request may take, 1 ms to 5 min; 10 s by default. The provider's request timeout holds
    /// besides, for all requests of a batch together.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Adds a header, such as the collector's own key. Those of one signal take the place of those of all.
    /// What [describes a request](Headers::for_another_request) is left out.
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.get_or_insert_default().push(name, value);
        self
    }

    /// Sends none of it: for a collector that doesn't take it.
    pub fn off(mut self) -> Self {
        self.off = true;
        self
    }
}

impl fmt::Debug for SignalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SignalConfig { endpoint, protocol, compression, timeout, headers, off } = self;
        // A URL may hold a key.
        f.debug_struct("SignalConfig")
            .field("endpoint", &endpoint.is_some())
            .field("protocol", protocol)
            .field("compression", compression)
            .field("timeout", timeout)
            .field("headers", headers)
            .field("off", off)
            .finish()
    }
}

/// The settings of an exporter: [`from_env`](Self::from_env) reads the standard variables, and what is set
/// after that wins.
///
/// ```
/// use telemetry_export_otlp::{Compression, OtlpConfig, Signal};
///
/// let config = OtlpConfig::default()
///     .all(|all| all.endpoint("https://otlp.example.com").compression(Compression::Gzip))
///     .signal(Signal::Metrics, |metrics| metrics.off())
///     .service_name("reports");
/// # drop(config);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OtlpConfig {
    all: SignalConfig,
    signals: [SignalConfig; 3],
    pub(crate) service_name: Option<String>,
    pub(crate) resource: Vec<(String, String)>,
    pub(crate) system: String,
    pub(crate) prefix: String,
    pub(crate) max_attribute_sets: usize,
    pub(crate) max_body_bytes: usize,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        OtlpConfig {
            all: SignalConfig::default(),
            signals: Default::default(),
            service_name: None,
            resource: Vec::new(),
            system: "databricks".to_owned(),
            prefix: "databricks".to_owned(),
            max_attribute_sets: MAX_ATTRIBUTE_SETS,
            max_body_bytes: MAX_BODY_BYTES,
        }
    }
}

impl OtlpConfig {
    /// What the process's variables say, read now, once: those in [`VARIABLES`]. `None` where
    /// `OTEL_SDK_DISABLED` is `true`: then nothing is to be sent, and no exporter is to be built.
    ///
    /// As the specification has it, an empty variable is one that isn't set, and a number or a name that
    /// can't be read is left out, with a word at DEBUG. `grpc` is such a name. A URL that can't be called is
    /// an error of the [exporter](crate::OtlpExporter::new), as there is nowhere else to send to.
    /// Certificates are the transport's, and their variables aren't read.
    pub fn from_env() -> Option<Self> {
        OtlpConfig::from_variables(|name| Some(std::env::var_os(name)?.to_string_lossy().into_owned()))
    }

    /// The same of other variables than the process's: for bindings whose host language keeps an environment
    /// of its own, and for tests.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        environment::read(&variable)
    }

    /// Changes what holds for all signals.
    pub fn all(mut self, change: impl FnOnce(SignalConfig) -> SignalConfig) -> Self {
        self.all = change(self.all);
        self
    }

    /// Changes what holds for one signal.
    pub fn signal(mut self, signal: Signal, change: impl FnOnce(SignalConfig) -> SignalConfig) -> Self {
        let [traces, logs, metrics] = &mut self.signals;
        let config = match signal {
            Signal::Traces => traces,
            Signal::Logs => logs,
            Signal::Metrics => metrics,
        };
        *config = change(std::mem::take(config));
        self
    }

    /// The name of the program, `service.name`. By default it is what the driver knows the application by,
    /// or else `unknown_service` with the program's file name, as the specification has it.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Adds an attribute of the resource, in the place of one of this name.
    pub fn resource_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.resource.retain(|(known, _)| *known != name);
        self.resource.push((name, value.into()));
        self
    }

    /// Which database it is, as `db.system.name` has it; `databricks` by default. Visible ASCII, 1 to 128.
    pub fn database_system(mut self, name: impl Into<String>) -> Self {
        self.system = name.into();
        self
    }

    /// What attributes, events and metrics begin with that the conventions don't name; `databricks` by
    /// default. Letters, digits and `_.`, 1 to 128.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How many sets of attributes a metric has in a batch; [`MAX_ATTRIBUTE_SETS`] by default, 1 to 100,000.
    /// What is measured for further ones is added up in one more, which is `otel.metric.overflow` alone.
    pub fn max_attribute_sets(mut self, sets: usize) -> Self {
        self.max_attribute_sets = sets;
        self
    }

    /// The longest body, in bytes, before it is compressed; [`MAX_BODY_BYTES`] by default, 1 KiB to 64 MiB. A
    /// batch of which one would be longer is not sent, but comes back in halves; a single record that is
    /// longer is dropped and counted.
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Whether all but where to is as it may be.
    pub(crate) fn validate(&self) -> Result<(), BuildError> {
        let name = |name, value: &String, allowed: fn(u8) -> bool| {
            let valid = (1..=128).contains(&value.len()) && value.bytes().all(allowed);
            if valid { Ok(()) } else { Err(BuildError::InvalidName { name, value: value.clone() }) }
        };
        name("database_system", &self.system, |byte| byte.is_ascii_graphic())?;
        name("prefix", &self.prefix, |byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte))?;
        let bounds = |name, value: usize, bounds: std::ops::RangeInclusive<usize>, expected| {
            let error = BuildError::OutOfBounds { name, value: value.to_string(), expected };
            if bounds.contains(&value) { Ok(()) } else { Err(error) }
        };
        bounds("max_attribute_sets", self.max_attribute_sets, 1..=100_000, "1 to 100000")?;
        bounds("max_body_bytes", self.max_body_bytes, 1024..=64 << 20, "1 KiB to 64 MiB")
    }

    /// Where each signal goes, in the order of [`Signal::ALL`]; `None` for one that is off.
    pub(crate) fn destinations(&self) -> Result<[Option<Destination>; 3], BuildError> {
        let [traces, logs, metrics] = Signal::ALL;
        let all = [self.destination(traces)?, self.destination(logs)?, self.destination(metrics)?];
        if all.iter().all(Option::is_none) {
            return Err(BuildError::Missing("a signal that is on"));
        }
        Ok(all)
    }

    /// Whether a signal is to be sent, or written.
    pub(crate) fn is_on(&self, signal: Signal) -> bool {
        !self.all.off && !self.own(signal).off
    }

    fn own(&self, signal: Signal) -> &SignalConfig {
        let [traces, logs, metrics] = &self.signals;
        match signal {
            Signal::Traces => traces,
            Signal::Logs => logs,
            Signal::Metrics => metrics,
        }
    }

    fn destination(&self, signal: Signal) -> Result<Option<Destination>, BuildError> {
        if !self.is_on(signal) {
            return Ok(None);
        }
        let (own, all) = (self.own(signal), &self.all);
        let (host, path) = match (&own.endpoint, &all.endpoint) {
            (Some(url), _) => endpoint::as_it_is(url)?,
            (None, Some(base)) => endpoint::behind(base, signal.path())?,
            (None, None) => endpoint::behind("http://localhost:4318", signal.path())?,
        };
        let timeout = own.timeout.or(all.timeout).unwrap_or(Duration::from_secs(10));
        if !(Duration::from_millis(1)..=MAX_TIMEOUT).contains(&timeout) {
            let value = format!("{timeout:?}");
            return Err(BuildError::OutOfBounds { name: "timeout", value, expected: "1 ms to 5 min" });
        }
        let headers = own.headers.as_ref().or(all.headers.as_ref()).cloned().unwrap_or_default();
        if let Some((name, _)) = headers.iter().find(|(name, value)| !is_header(name, value)) {
            let reason = format!("{name:?} or its value is no header");
            return Err(BuildError::Setup { what: "OTLP header", reason });
        }
        Ok(Some(Destination {
            host,
            path,
            protocol: own.protocol.or(all.protocol).unwrap_or_default(),
            compression: own.compression.or(all.compression).unwrap_or_default(),
            timeout,
            headers: headers.for_another_request(),
        }))
    }
}

/// Whether this can stand in a request: a name of token characters, and a value of visible ones.
fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    !name.is_empty() && name.bytes().all(token) && value.bytes().all(visible)
}

/// Where a signal goes, and how.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) host: Host,
    pub(crate) path: String,
    pub(crate) protocol: Protocol,
    pub(crate) compression: Compression,
    pub(crate) timeout: Duration,
    pub(crate) headers: Headers,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Destination { host, path: _, protocol, compression, timeout, headers } = self;
        // A path may hold a key.
        f.debug_struct("Destination")
            .field("host", host)
            .field("protocol", protocol)
            .field("compression", compression)
            .field("timeout", timeout)
            .field("headers", headers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
