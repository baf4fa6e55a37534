//! The standard variables, as the specification has them.

use std::str::FromStr;
use std::time::Duration;

use super::{Compression, MAX_TIMEOUT, OtlpConfig, Protocol, Signal, SignalConfig, is_header};

/// The variables that [`OtlpConfig::from_env`] reads.
pub const VARIABLES: [&str; 26] = [
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
    "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
    "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
    "OTEL_TRACES_EXPORTER",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRICS_EXPORTER",
];

type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn read(variable: Variable<'_>) -> Option<OtlpConfig> {
    // An empty variable is one that isn't set.
    let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        return None;
    }
    let mut config = OtlpConfig::default().all(|all| signal(all, "OTLP", &variable));
    for (which, name, exporter) in [
        (Signal::Traces, "OTLP_TRACES", "OTEL_TRACES_EXPORTER"),
        (Signal::Logs, "OTLP_LOGS", "OTEL_LOGS_EXPORTER"),
        (Signal::Metrics, "OTLP_METRICS", "OTEL_METRICS_EXPORTER"),
    ] {
        let is_off = variable(exporter).is_some_and(|value| value.trim().eq_ignore_ascii_case("none"));
        config = config.signal(which, |own| {
            let own = signal(own, name, &variable);
            if is_off { own.off() } else { own }
        });
    }
    if let Some(text) = variable("OTEL_RESOURCE_ATTRIBUTES") {
        // With one that can't be read, none counts.
        match pairs(&text).collect::<Option<Vec<_>>>() {
            Some(pairs) => {
                for (name, value) in pairs {
                    config = config.resource_attribute(name, value);
                }
            }
            None => ignored("OTEL_RESOURCE_ATTRIBUTES"),
        }
    }
    match variable("OTEL_SERVICE_NAME") {
        Some(name) => Some(config.service_name(name)),
        None => Some(config),
    }
}

/// Reads what holds for one signal, or for all.
fn signal(mut config: SignalConfig, name: &str, variable: Variable<'_>) -> SignalConfig {
    let variable = |setting: &str| {
        let name = format!("OTEL_EXPORTER_{name}_{setting}");
        variable(&name).map(|value| (name, value.trim().to_owned()))
    };
    if let Some((_, url)) = variable("ENDPOINT") {
        config = config.endpoint(url);
    }
    if let Some((name, value)) = variable("PROTOCOL") {
        config = match value.to_ascii_lowercase().as_str() {
            "http/protobuf" => config.protocol(Protocol::HttpProtobuf),
            "http/json" => config.protocol(Protocol::HttpJson),
            _ => otherwise(config, &name),
        };
    }
    if let Some((name, value)) = variable("COMPRESSION") {
        config = match value.to_ascii_lowercase().as_str() {
            "gzip" => config.compression(Compression::Gzip),
            "none" => config.compression(Compression::None),
            _ => otherwise(config, &name),
        };
    }
    if let Some((name, value)) = variable("TIMEOUT") {
        config = match u64::from_str(&value) {
            // No limit.
            Ok(0) => config.timeout(MAX_TIMEOUT),
            Ok(millis) => config.timeout(Duration::from_millis(millis).min(MAX_TIMEOUT)),
            Err(_) => otherwise(config, &name),
        };
    }
    if let Some((name, value)) = variable("HEADERS") {
        for pair in pairs(&value) {
            config = match pair {
                Some((key, value)) if is_header(&key, &value) => config.header(key, value),
                _ => otherwise(config, &name),
            };
        }
    }
    config
}

/// The pairs of `a=1,b=2`, decoded; `None` for each that can't be read.
fn pairs(text: &str) -> impl Iterator<Item = Option<(String, String)>> {
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let key = decoded(key.trim()).filter(|key| !key.is_empty())?;
        Some((key, decoded(value.trim())?))
    })
}

/// A text with its percent-encoded bytes decoded; `None` where that isn't text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push((digit(digits[0])? * 16 + digit(digits[1])?) as u8);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

fn otherwise(config: SignalConfig, name: &str) -> SignalConfig {
    ignored(name);
    config
}

/// Its value isn't repeated, as it may be a key.
fn ignored(name: &str) {
    tracing::debug!(name, "a variable can't be read, and is left out");
}
