//! From records to OpenTelemetry's messages. The messages of a record are taken apart whole, so that a new
//! field can't be forgotten here.
//!
//! What a record makes depends on it and the settings alone, so it is the same in every attempt.

mod attributes;
mod log;
mod metrics;
mod names;
mod resource;
mod span;
mod time;

use std::sync::Arc;

use prost::Message;
use telemetry_core::record::{DriverContext, Record, RecordKind};
use telemetry_core::{BuildError, Host};

use crate::config::{OtlpConfig, Signal};
use crate::proto::logs::{ExportLogsServiceRequest, LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::metrics::{ExportMetricsServiceRequest, ResourceMetrics, ScopeMetrics};
use crate::proto::trace::{ExportTraceServiceRequest, ResourceSpans, ScopeSpans, Span};
use attributes::Operation;
use metrics::Aggregates;
use names::Names;

/// The conventions that the names of attributes are from.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// How records become messages: what is the same for all.
#[derive(Debug)]
pub(crate) struct Mapping {
    config: OtlpConfig,
    names: Names,
}

impl Mapping {
    pub(crate) fn new(config: OtlpConfig) -> Result<Self, BuildError> {
        config.validate()?;
        Ok(Mapping { names: Names::new(&config.prefix), config })
    }

    /// Begins a batch for this host.
    pub(crate) fn batch<'a>(&'a self, host: &'a Host) -> Batch<'a> {
        Batch { mapping: self, host, groups: Vec::new(), bytes: 0 }
    }
}

/// What of a record is to be made: what was accepted in an earlier attempt is not made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) traces: bool,
    pub(crate) logs: bool,
    pub(crate) metrics: bool,
}

/// Whether a record makes an item of its own of this signal, which can be rejected by itself.
pub(crate) fn makes(record: &Record, signal: Signal) -> bool {
    match signal {
        Signal::Traces => is_span(record),
        Signal::Logs => is_log(record),
        Signal::Metrics => false,
    }
}

/// All but errors took time.
fn is_span(record: &Record) -> bool {
    record.body.kind != RecordKind::Error
}

/// An error of a statement or a call is one too.
fn is_log(record: &Record) -> bool {
    !is_span(record) || record.body.error.is_some()
}

/// The messages of a batch, while they are made.
pub(crate) struct Batch<'a> {
    mapping: &'a Mapping,
    host: &'a Host,
    groups: Vec<Group<'a>>,
    bytes: usize,
}

/// Whether both are one driver in one program: each connection may have a copy of its own.
fn is_same(one: &Arc<DriverContext>, other: &Arc<DriverContext>) -> bool {
    Arc::ptr_eq(one, other) || (one.identity == other.identity && one.system == other.system)
}

/// What one driver says: as a rule, all of a batch.
struct Group<'a> {
    driver: &'a Arc<DriverContext>,
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    aggregates: Aggregates<'a>,
}

impl<'a> Batch<'a> {
    /// Adds a record.
    pub(crate) fn push(&mut self, record: &'a Record, wanted: Wanted) {
        let Batch { mapping, host, groups, bytes } = self;
        let driver = &record.session.driver;
        let place = groups.iter().position(|group| is_same(group.driver, driver));
        let place = place.unwrap_or_else(|| {
            let aggregates = Aggregates::new(mapping.config.max_attribute_sets);
            groups.push(Group { driver, spans: Vec::new(), logs: Vec::new(), aggregates });
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(place) else { return };
        let operation = Operation::of(&record.body);
        let span = is_span(record).then(|| span::Ids::of(record));
        if let Some(ids) = span.filter(|_| wanted.traces) {
            let span = mapping.span(record, ids, &operation, host);
            *bytes += span.encoded_len();
            group.spans.push(span);
        }
        if is_log(record) && wanted.logs {
            let log = mapping.log(record, span, &operation, host);
            *bytes += log.encoded_len();
            group.logs.push(log);
        }
        if wanted.metrics {
            group.aggregates.measure(record, operation);
        }
    }

    /// About how many bytes the spans and log records take, as protobuf.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The messages; `None` for one that says nothing.
    pub(crate) fn finish(self) -> Messages {
        let Batch { mapping, host, groups, bytes: _ } = self;
        let (mut traces, mut logs, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
        let schema_url = || SCHEMA_URL.to_owned();
        for Group { driver, spans, logs: log_records, aggregates } in groups {
            let resource = || Some(mapping.resource(driver));
            let scope = || Some(resource::scope(driver));
            if !spans.is_empty() {
                let spans = ScopeSpans { scope: scope(), spans, schema_url: schema_url() };
                let spans = vec![spans];
                traces.push(ResourceSpans {
                    resource: resource(),
                    scope_spans: spans,
                    schema_url: schema_url(),
                });
            }
            if !log_records.is_empty() {
                let scope_logs = ScopeLogs { scope: scope(), log_records, schema_url: schema_url() };
                let scope_logs = vec![scope_logs];
                logs.push(ResourceLogs { resource: resource(), scope_logs, schema_url: schema_url() });
            }
            let measured = mapping.metrics(aggregates, host);
            if !measured.is_empty() {
                let measured = ScopeMetrics { scope: scope(), metrics: measured, schema_url: schema_url() };
                let scope_metrics = vec![measured];
                metrics.push(ResourceMetrics {
                    resource: resource(),
                    scope_metrics,
                    schema_url: schema_url(),
                });
            }
        }
        let traces = ExportTraceServiceRequest { resource_spans: traces };
        let logs = ExportLogsServiceRequest { resource_logs: logs };
        let metrics = ExportMetricsServiceRequest { resource_metrics: metrics };
        Messages {
            traces: Some(traces).filter(|traces| !traces.resource_spans.is_empty()),
            logs: Some(logs).filter(|logs| !logs.resource_logs.is_empty()),
            metrics: Some(metrics).filter(|metrics| !metrics.resource_metrics.is_empty()),
        }
    }
}

/// The messages of a batch.
pub(crate) struct Messages {
    pub(crate) traces: Option<ExportTraceServiceRequest>,
    pub(crate) logs: Option<ExportLogsServiceRequest>,
    pub(crate) metrics: Option<ExportMetricsServiceRequest>,
}
