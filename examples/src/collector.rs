//! A collector of OpenTelemetry's on this machine: it takes what comes, and says what it has.

use std::collections::BTreeMap;

use serde_json::Value;
use telemetry_core::{BuildError, Sink};
use telemetry_databricks::otlp::{OtlpConfig, OtlpExporter, Protocol};
use telemetry_export_http::ReqwestTransport;
use telemetry_testkit::{Answer, FakeWorkspace};

/// The sink that tells a collector.
///
/// # Errors
///
/// [`BuildError`] for a URL that can't be called.
pub fn sink(config: OtlpConfig) -> Result<Sink, BuildError> {
    // A transport of its own: what the driver's is configured with is no matter of a collector's.
    let transport = std::sync::Arc::new(ReqwestTransport::new()?);
    Ok(Sink::new("collector", OtlpExporter::new(transport, config)?))
}

/// A collector, as far as one that keeps what it receives is one. It reads JSON.
#[derive(Debug)]
pub struct Collector {
    server: FakeWorkspace,
}

impl Collector {
    /// Starts it on a port of its own.
    pub fn start() -> Self {
        let take = |path: &str| {
            path.starts_with("/v1/").then(|| Answer::json(200, &Value::Object(Default::default())))
        };
        Collector { server: FakeWorkspace::builder().route(move |request| take(&request.path)).start() }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// How it is told.
    pub fn config(&self) -> OtlpConfig {
        OtlpConfig::default().all(|all| all.endpoint(self.url()).protocol(Protocol::HttpJson))
    }

    /// What it has received.
    pub fn received(&self) -> Received {
        let mut received = Received::default();
        for request in self.server.received() {
            if let Ok(message) = serde_json::from_slice(&request.body) {
                received.add(&message);
            }
        }
        received
    }
}

/// What a collector has received.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Received {
    /// How many spans, by the operation that they are of.
    pub spans: BTreeMap<String, u64>,
    /// How many log records, by what they are called.
    pub logs: BTreeMap<String, u64>,
    /// What each metric adds up to: its sum, or, of durations, how many there are.
    pub metrics: BTreeMap<String, u64>,
    /// The statements that spans are of, each as often as it came.
    pub statements: Vec<String>,
}

impl Received {
    fn add(&mut self, message: &Value) {
        for span in items(message, ["resourceSpans", "scopeSpans", "spans"]) {
            let operation = attribute(span, "db.operation.name").unwrap_or_default();
            *self.spans.entry(operation.to_owned()).or_default() += 1;
            if attribute(span, "databricks.statement.type").is_some() {
                self.statements.extend(attribute(span, "databricks.statement.id").map(str::to_owned));
            }
        }
        for log in items(message, ["resourceLogs", "scopeLogs", "logRecords"]) {
            let name = log["eventName"].as_str().unwrap_or_default();
            *self.logs.entry(name.to_owned()).or_default() += 1;
        }
        for metric in items(message, ["resourceMetrics", "scopeMetrics", "metrics"]) {
            let sum = self.metrics.entry(metric["name"].as_str().unwrap_or_default().to_owned()).or_default();
            for point in each(&metric["sum"]["dataPoints"]) {
                *sum += number(&point["asInt"]);
            }
            for point in each(&metric["histogram"]["dataPoints"]) {
                *sum += number(&point["count"]);
            }
        }
    }
}

/// The items of a message, of all resources and scopes.
fn items<'a>(
    message: &'a Value,
    [resources, scopes, items]: [&'a str; 3],
) -> impl Iterator<Item = &'a Value> {
    let scopes = each(&message[resources]).iter().flat_map(move |resource| each(&resource[scopes]));
    scopes.flat_map(move |scope| each(&scope[items]))
}

fn each(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// An integer of 64 bits, which is text in this JSON.
fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn attribute<'a>(item: &'a Value, key: &str) -> Option<&'a str> {
    each(&item["attributes"]).iter().find(|attribute| attribute["key"] == key)?["value"]["stringValue"]
        .as_str()
}
