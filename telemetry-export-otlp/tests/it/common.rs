//! Records and attempts that the tests share, and what OpenTelemetry's own crate reads of what was sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use telemetry_core::plugin::{Attempt, AuthHeaders, HttpRequest, HttpResponse, PluginError, Receipt};
use telemetry_core::record::{
    Body, ChunkDetails, DriverContext, Encoded, ErrorInfo, EventId, OperationDetail, Record, RecordKind,
    SessionContext, SessionId, SqlExecution, StatementId, TraceParent,
};
use telemetry_core::text::{ErrorText, SqlState};
use telemetry_core::{
    DriverIdentity, ErrorClass, Exporter, Host, HostPolicy, OperationType, ResultFormat, StatementType,
    SystemInfo,
};
use telemetry_export_otlp::{OtlpConfig, OtlpExporter, Protocol};
use telemetry_testkit::{Do, Script, ScriptedTransport};

/// 2026-01-01 00:00:00 UTC, in seconds.
pub(crate) const NEW_YEAR: u64 = 1_767_225_600;

pub(crate) fn date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NEW_YEAR)
}

pub(crate) fn host() -> Host {
    Host::parse("dbc-a1.cloud.databricks.com", HostPolicy::Public).unwrap()
}

pub(crate) fn session() -> Arc<SessionContext> {
    let text = |text: &str| Some(text.to_owned());
    let identity = DriverIdentity::builder().name("Test Driver").version("1.2.3").client("TEST").flag("a.b");
    let system = SystemInfo {
        runtime_name: text("rust"),
        os_name: text("macos"),
        os_arch: text("x86_64"),
        process_name: text("reports"),
        ..SystemInfo::default()
    };
    Arc::new(SessionContext {
        driver: Arc::new(DriverContext { identity: identity.build().unwrap(), system }),
        session_id: SessionId::new("session-1"),
        workspace_id: Some(7),
        user_agent: text("app/1"),
        auth_type: text("pat"),
        params: Default::default(),
        encoded: Encoded::default(),
    })
}

/// A record of this session that was made so long after [`date`].
pub(crate) fn record(session: &Arc<SessionContext>, number: u8, after: Duration, body: Body) -> Arc<Record> {
    let id = EventId::from_bytes([number; 16]);
    Arc::new(Record { id, stamp: date() + after, session: Arc::clone(session), body })
}

/// A caller's span, as W3C's own example has it.
pub(crate) const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The same under the caller's span.
pub(crate) fn under_parent(body: Body) -> Body {
    Body { trace_parent: TraceParent::new(PARENT).map(Box::new), ..body }
}

/// A statement that took 1.5 s.
pub(crate) fn statement() -> Body {
    let sql = SqlExecution {
        statement_type: Some(StatementType::Query),
        is_compressed: Some(true),
        execution_result: Some(ResultFormat::ExternalLinks),
        retry_count: Some(2),
        rows: Some(1000),
        bytes: Some(512),
        chunks: Some(ChunkDetails {
            present: Some(3),
            iterated: 2,
            bytes: 4096,
            first: Some(Duration::from_millis(11)),
            slowest: Some(Duration::from_millis(22)),
            sum: Duration::from_millis(33),
        }),
        result_ready: Some(Duration::from_millis(500)),
        result_consumed: Some(Duration::from_millis(1250)),
        operation: Some(OperationDetail {
            status_calls: Some(4),
            status_latency: Some(Duration::from_millis(40)),
            operation_type: Some(OperationType::ExecuteStatement),
            is_internal_call: Some(false),
        }),
        java_uses_patched_arrow: None,
    };
    Body {
        statement_id: StatementId::new("statement-1"),
        latency: Some(Duration::from_millis(1500)),
        sql: Some(sql),
        ..Body::new(RecordKind::Statement)
    }
}

pub(crate) fn error(class: ErrorClass) -> ErrorInfo {
    ErrorInfo {
        chunk: Some(1),
        sqlstate: SqlState::new("42P01"),
        http_status: Some(404),
        vendor_code: Some(1064),
        text: Some(ErrorText::detached("no such table\nat parser")),
        ..ErrorInfo::new("TABLE_OR_VIEW_NOT_FOUND", class)
    }
}

/// An error of no statement's.
pub(crate) fn error_alone() -> Body {
    Body { error: Some(error(ErrorClass::Retryable)), ..Body::new(RecordKind::Error) }
}

/// So many statements, every second of which failed.
pub(crate) fn batch(count: u8) -> Vec<Arc<Record>> {
    let session = session();
    let body = |number| match number % 2 {
        0 => statement(),
        _ => Body { error: Some(error(ErrorClass::Terminal)), ..statement() },
    };
    (0..count)
        .map(|number| record(&session, number, Duration::from_secs(number.into()), body(number)))
        .collect()
}

/// A collector that takes everything.
pub(crate) fn accepting() -> ScriptedTransport {
    ScriptedTransport::answering(200, "")
}

/// A collector that answers the first requests so, and takes all others.
pub(crate) fn answering(first: impl IntoIterator<Item = HttpResponse>) -> ScriptedTransport {
    let script = Script::always(Do::Give(HttpResponse::new(200, "")));
    ScriptedTransport::new(first.into_iter().fold(script, |script, answer| script.first(Do::Give(answer))))
}

pub(crate) fn exporter(transport: &ScriptedTransport, config: OtlpConfig) -> OtlpExporter {
    OtlpExporter::new(Arc::new(transport.clone()), config).unwrap()
}

/// One attempt, ended by a safety net.
pub(crate) async fn export(
    exporter: &impl Exporter,
    records: &[Arc<Record>],
    credentials: Option<&AuthHeaders>,
) -> Result<Receipt, PluginError> {
    let host = host();
    let attempt = Attempt::new(&host, records, date()).with_credentials(credentials);
    tokio::time::timeout(Duration::from_secs(30), exporter.export(&attempt)).await.unwrap()
}

/// What OpenTelemetry's crate reads of a batch that was sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sent {
    pub(crate) traces: ExportTraceServiceRequest,
    pub(crate) logs: ExportLogsServiceRequest,
    pub(crate) metrics: ExportMetricsServiceRequest,
}

impl Sent {
    /// Reads requests, and sees that nothing of them was lost.
    pub(crate) fn of(requests: &[HttpRequest]) -> Self {
        let mut sent = Sent::default();
        for request in requests {
            match request.path.as_str() {
                "/v1/traces" => sent.traces = whole(request),
                "/v1/logs" => sent.logs = whole(request),
                "/v1/metrics" => sent.metrics = whole(request),
                path => panic!("{path}"),
            }
        }
        sent
    }

    pub(crate) fn spans(&self) -> Vec<&Span> {
        let scopes = self.traces.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).collect()
    }

    pub(crate) fn log_records(&self) -> Vec<&LogRecord> {
        let scopes = self.logs.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        scopes.flat_map(|scope| &scope.log_records).collect()
    }

    pub(crate) fn metrics(&self) -> Vec<&Metric> {
        let scopes = self.metrics.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics).collect()
    }
}

/// A message of which every byte was understood: what was read writes the same.
fn whole<M: Message + Default + serde::de::DeserializeOwned>(request: &HttpRequest) -> M {
    if request.headers.get("content-type") == Some("application/json") {
        return serde_json::from_slice(&request.body).unwrap();
    }
    let message = M::decode(request.body.as_slice()).unwrap();
    assert!(message.encode_to_vec() == request.body, "{}: something was not understood", request.path);
    message
}

/// What this batch is sent as, read by OpenTelemetry's crate.
pub(crate) async fn sent(records: &[Arc<Record>], config: OtlpConfig) -> Sent {
    let transport = accepting();
    assert_eq!(export(&exporter(&transport, config), records, None).await, Ok(Receipt::new(records.len())));
    Sent::of(&transport.requests())
}

/// The same as JSON.
pub(crate) fn as_json(config: OtlpConfig) -> OtlpConfig {
    config.all(|all| all.protocol(Protocol::HttpJson))
}

/// Attributes as text, in order.
pub(crate) fn shown(attributes: &[KeyValue]) -> Vec<String> {
    attributes.iter().map(|KeyValue { key, value, .. }| format!("{key}={}", show(value.as_ref()))).collect()
}

fn show(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::IntValue(integer)) => integer.to_string(),
        Some(Value::DoubleValue(number)) => format!("{number:?}"),
        other => panic!("{other:?}"),
    }
}

/// So many seconds after [`date`], in nanoseconds since 1970.
pub(crate) fn at(seconds: f64) -> u64 {
    NEW_YEAR * 1_000_000_000 + Duration::from_secs_f64(seconds).as_nanos() as u64
}
