//! What a record becomes, field by field.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use telemetry_core::record::{
    Body, ErrorInfo, EventId, OperationDetail, Record, RecordKind, SqlExecution, TraceParent,
    VolumeOperation, VolumeOperationType,
};
use telemetry_core::{ErrorClass, OperationType};
use telemetry_export_otlp::OtlpConfig;

use crate::common::{
    PARENT, Sent, at, error, error_alone, record, sent, session, shown, statement, under_parent,
};

/// What a record of this body, made 10 s after the date, is sent as.
async fn of(body: Body, config: OtlpConfig) -> Sent {
    sent(&[record(&session(), 3, Duration::from_secs(10), body)], config).await
}

async fn span(body: Body) -> Span {
    let sent = of(body, OtlpConfig::default()).await;
    sent.spans().remove(0).clone()
}

#[tokio::test]
async fn a_statement_is_a_client_span_with_the_conventions_names() {
    let sent = of(statement(), OtlpConfig::default()).await;
    let span = sent.spans().remove(0).clone();
    assert_eq!((span.trace_id, span.span_id), (vec![3; 16], vec![3; 8]));
    assert_eq!((span.parent_span_id, span.flags, span.kind), (vec![], 0, 3));
    assert_eq!(span.name, "EXECUTE_STATEMENT dbc-a1.cloud.databricks.com:443");
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (at(8.5), at(10.0)));
    assert_eq!(span.status, None);
    let expected = [
        "db.system.name=databricks",
        "db.operation.name=EXECUTE_STATEMENT",
        "server.address=dbc-a1.cloud.databricks.com",
        "server.port=443",
        "databricks.session.id=session-1",
        "databricks.workspace.id=7",
        "databricks.statement.id=statement-1",
        "databricks.statement.type=QUERY",
        "databricks.result.format=EXTERNAL_LINKS",
        "databricks.result.compressed=true",
        "db.response.returned_rows=1000",
        "databricks.result.bytes=512",
        "databricks.retry.count=2",
        "databricks.chunk.present=3",
        "databricks.chunk.count=2",
        "databricks.chunk.bytes=4096",
        "databricks.poll.count=4",
        "databricks.operation.internal=false",
    ];
    assert_eq!(shown(&span.attributes), expected);
    let events: Vec<_> = span
        .events
        .iter()
        .map(|event| (event.name.as_str(), event.time_unix_nano, shown(&event.attributes)))
        .collect();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("databricks.result.ready", at(9.0), texts(&["databricks.duration=0.5"])),
        ("databricks.result.consumed", at(9.75), texts(&["databricks.duration=1.25"])),
        ("databricks.polls", at(10.0), texts(&["databricks.poll.count=4", "databricks.duration=0.04"])),
        (
            "databricks.chunks",
            at(10.0),
            texts(&[
                "databricks.chunk.count=2",
                "databricks.duration=0.033",
                "databricks.chunk.first.duration=0.011",
                "databricks.chunk.slowest.duration=0.022",
            ]),
        ),
    ];
    assert_eq!(events, expected);
    assert_eq!(sent.log_records().len(), 0);
}

#[tokio::test]
async fn the_program_is_the_resource_and_the_driver_the_scope() {
    let sent = of(statement(), OtlpConfig::default()).await;
    let resource = &sent.traces.resource_spans[0];
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        "service.name=unknown_service:reports",
        "telemetry.sdk.name=telemetry-export-otlp",
        "telemetry.sdk.language=rust",
        &format!("telemetry.sdk.version={version}"),
        "process.executable.name=reports",
        "process.runtime.name=rust",
        "os.type=darwin",
        "host.arch=amd64",
    ];
    assert_eq!(shown(&resource.resource.as_ref().unwrap().attributes), expected);
    let scope = resource.scope_spans[0].scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("Test Driver", "1.2.3"));
    assert_eq!(resource.schema_url, "https://opentelemetry.io/schemas/1.44.0");
    assert_eq!(resource.scope_spans[0].schema_url, resource.schema_url);
    // The metrics, of which there are some, are of the same.
    assert_eq!(sent.metrics.resource_metrics[0].resource, resource.resource);
    assert_eq!(sent.metrics.resource_metrics[0].scope_metrics[0].scope, resource.scope_spans[0].scope);
}

#[tokio::test]
async fn what_the_user_says_of_the_program_wins() {
    let service = |config: OtlpConfig| async move {
        let sent = of(statement(), config).await;
        shown(&sent.traces.resource_spans[0].resource.as_ref().unwrap().attributes)
    };
    let config = || {
        OtlpConfig::default()
            .resource_attribute("os.type", "beos")
            .resource_attribute("service.name", "by attribute")
            .resource_attribute("team", "data")
    };
    let attributes = service(config()).await;
    assert_eq!(attributes[0], "service.name=by attribute");
    assert_eq!(attributes[attributes.len() - 2..], ["os.type=beos", "team=data"]);
    assert_eq!(attributes.iter().filter(|text| text.starts_with("os.type=")).count(), 1);
    assert_eq!(service(config().service_name("by name")).await[0], "service.name=by name");
    // What the driver knows the application by comes before the name of its file.
    let mut own = Arc::into_inner(session()).unwrap();
    let mut driver = (*own.driver).clone();
    driver.system.client_app_name = Some("an app".to_owned());
    own.driver = Arc::new(driver);
    let sent = sent(&[record(&Arc::new(own), 1, Duration::ZERO, statement())], OtlpConfig::default()).await;
    let attributes = shown(&sent.traces.resource_spans[0].resource.as_ref().unwrap().attributes);
    assert_eq!(attributes[0], "service.name=an app");
    assert!(attributes.contains(&"databricks.client.app.name=an app".to_owned()));
}

#[tokio::test]
async fn connections_of_one_driver_are_one_resource_and_those_of_several_are_not() {
    let mut other = Arc::into_inner(session()).unwrap();
    let mut driver = (*other.driver).clone();
    driver.system.os_version = Some("1".to_owned());
    other.driver = Arc::new(driver);
    let other = Arc::new(other);
    for (second, resources) in [(session(), 1), (other, 2)] {
        let records = [
            record(&session(), 1, Duration::ZERO, statement()),
            record(&second, 2, Duration::ZERO, statement()),
        ];
        let sent = sent(&records, OtlpConfig::default()).await;
        let of = (sent.traces.resource_spans.len(), sent.metrics.resource_metrics.len());
        assert_eq!(of, (resources, resources));
    }
}

#[tokio::test]
async fn a_connection_that_failed_to_open_is_fatal() {
    let body = Body { error: Some(error(ErrorClass::Retryable)), ..Body::new(RecordKind::Connection) };
    let sent = of(body, OtlpConfig::default()).await;
    let log = sent.log_records().remove(0);
    assert_eq!((log.severity_number, log.severity_text.as_str()), (21, "FATAL"));
}

#[tokio::test]
async fn a_failed_statement_is_a_span_of_that_status_and_a_log_record_in_it() {
    let body = Body { error: Some(error(ErrorClass::Terminal)), ..statement() };
    let sent = of(body, OtlpConfig::default()).await;
    let span = sent.spans().remove(0);
    let status = span.status.as_ref().unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "no such table"));
    let expected = [
        "db.system.name=databricks",
        "db.operation.name=EXECUTE_STATEMENT",
        "db.response.status_code=42P01",
        "error.type=TABLE_OR_VIEW_NOT_FOUND",
        "server.address=dbc-a1.cloud.databricks.com",
        "server.port=443",
        "databricks.session.id=session-1",
        "databricks.workspace.id=7",
        "databricks.statement.id=statement-1",
    ];
    assert_eq!(shown(&span.attributes)[..expected.len()], expected);
    let log = sent.log_records().remove(0);
    assert_eq!((&log.trace_id, &log.span_id), (&span.trace_id, &span.span_id));
    assert_eq!((log.severity_number, log.severity_text.as_str()), (17, "ERROR"));
    assert_eq!((log.time_unix_nano, log.observed_time_unix_nano), (at(10.0), at(10.0)));
    assert_eq!(log.event_name, "db.client.operation.exception");
    let of_error = [
        "exception.type=TABLE_OR_VIEW_NOT_FOUND",
        "http.response.status_code=404",
        "databricks.error.class=terminal",
        "databricks.error.chunk=1",
    ];
    assert_eq!(shown(&log.attributes), [&expected[..], &of_error[..]].concat());
    let body = opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue(
        "no such table\nat parser".to_owned(),
    );
    assert_eq!(log.body.as_ref().unwrap().value, Some(body));
}

/// An id as a `traceparent` has it.
fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_span_and_its_log_record_are_in_the_callers_trace() {
    let failed = Body { error: Some(error(ErrorClass::Terminal)), ..under_parent(statement()) };
    let sent = of(failed, OtlpConfig::default()).await;
    let (span, log) = (sent.spans().remove(0), sent.log_records().remove(0));
    let parent = format!("00-{}-{}-{:02x}", hex(&span.trace_id), hex(&span.parent_span_id), span.flags);
    assert_eq!(parent, PARENT);
    assert_eq!(span.span_id, [3; 8], "its own");
    assert_eq!((&log.trace_id, &log.span_id, log.flags), (&span.trace_id, &span.span_id, 1));
    assert!(!format!("{:?}", span.attributes).contains("4bf92f"));
}

#[tokio::test]
async fn an_error_alone_names_the_callers_span() {
    let sent = of(under_parent(error_alone()), OtlpConfig::default()).await;
    assert_eq!(sent.spans().len(), 0);
    let log = sent.log_records().remove(0);
    let named = format!("00-{}-{}-{:02x}", hex(&log.trace_id), hex(&log.span_id), log.flags);
    assert_eq!(named, PARENT);
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_is_sent_and_says_so() {
    let text = PARENT.replace("-01", "-00");
    let body = Body { trace_parent: TraceParent::new(&text).map(Box::new), ..statement() };
    let span = span(body).await;
    assert_eq!((hex(&span.trace_id), span.flags), (PARENT[3..35].to_owned(), 0));
}

#[tokio::test]
async fn a_span_begins_when_its_statement_did_however_late_its_end_was_recorded() {
    let times = |latency: Option<u64>, ago| {
        let millis = |millis| Some(Duration::from_millis(millis));
        Body { latency: latency.and_then(millis), since_start: millis(ago), ..statement() }
    };
    for (latency, ago, start, end) in [
        (Some(1500), 2000, 8.0, 9.5),
        (Some(1500), 1500, 8.5, 10.0),
        (Some(1500), 1000, 8.5, 10.0),
        (None, 2000, 8.0, 10.0),
    ] {
        let span = span(times(latency, ago)).await;
        assert_eq!(
            (span.start_time_unix_nano, span.end_time_unix_nano),
            (at(start), at(end)),
            "{latency:?} {ago}"
        );
        assert_eq!(span.events[0].time_unix_nano, at(start + 0.5), "when the result was ready");
    }
}

#[tokio::test]
async fn an_error_alone_is_a_log_record_of_no_span_and_measures_nothing() {
    let sent = of(error_alone(), OtlpConfig::default()).await;
    assert_eq!((sent.spans().len(), sent.metrics().len()), (0, 0));
    let log = sent.log_records().remove(0);
    assert_eq!((&log.trace_id, &log.span_id), (&vec![], &vec![]));
    assert_eq!((log.severity_number, log.severity_text.as_str()), (13, "WARN"));
    assert!(shown(&log.attributes).contains(&"databricks.error.class=retryable".to_owned()));
}

#[tokio::test]
async fn without_a_text_the_name_is_the_body_and_without_a_state_the_vendors_number_the_status() {
    let bare = ErrorInfo { vendor_code: Some(-7), ..ErrorInfo::new("LOST", ErrorClass::Unknown) };
    let body = Body { error: Some(bare), ..Body::new(RecordKind::Operation) };
    let sent = of(body, OtlpConfig::default()).await;
    let log = sent.log_records().remove(0);
    let expected = [
        "db.system.name=databricks",
        "db.response.status_code=-7",
        "error.type=LOST",
        "server.address=dbc-a1.cloud.databricks.com",
        "server.port=443",
        "databricks.session.id=session-1",
        "databricks.workspace.id=7",
        "exception.type=LOST",
    ];
    assert_eq!(shown(&log.attributes), expected);
    assert_eq!(log.severity_number, 13, "nobody knows whether it passes");
    let text = opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue("LOST".to_owned());
    assert_eq!(log.body.as_ref().unwrap().value, Some(text));
    let span = sent.spans().remove(0);
    assert_eq!(span.name, "dbc-a1.cloud.databricks.com:443", "an operation without a name");
    assert_eq!(span.status.as_ref().unwrap().code, 2);
    assert_eq!(span.start_time_unix_nano, span.end_time_unix_nano, "of unknown length");
}

#[tokio::test]
async fn an_opening_says_how_it_was_authenticated_and_other_calls_do_not() {
    let call = |kind, operation| {
        let operation = OperationDetail { operation_type: Some(operation), ..OperationDetail::default() };
        let sql = SqlExecution { operation: Some(operation), ..SqlExecution::default() };
        Body { latency: Some(Duration::from_millis(250)), sql: Some(sql), ..Body::new(kind) }
    };
    let opening = span(call(RecordKind::Connection, OperationType::CreateSession)).await;
    let known = ["user_agent.original=app/1".to_owned(), "databricks.auth.type=pat".to_owned()];
    assert_eq!(opening.name, "CREATE_SESSION dbc-a1.cloud.databricks.com:443");
    assert_eq!(opening.start_time_unix_nano, at(9.75));
    assert!(known.iter().all(|text| shown(&opening.attributes).contains(text)));
    let other = span(call(RecordKind::Operation, OperationType::ListTables)).await;
    assert_eq!(other.name, "LIST_TABLES dbc-a1.cloud.databricks.com:443");
    assert!(!known.iter().any(|text| shown(&other.attributes).contains(text)));
}

#[tokio::test]
async fn a_volume_operation_is_called_by_what_was_done() {
    let volume = VolumeOperation {
        operation: Some(VolumeOperationType::Put),
        volume_path: Some("/Volumes/a".to_owned()),
        local_file: Some("a.csv".to_owned()),
    };
    let span = span(Body { volume: Some(Box::new(volume)), ..Body::new(RecordKind::Operation) }).await;
    assert_eq!(span.name, "PUT dbc-a1.cloud.databricks.com:443");
    let attributes = shown(&span.attributes);
    assert!(attributes.contains(&"db.operation.name=PUT".to_owned()));
    assert!(attributes.ends_with(&[
        "databricks.volume.operation=PUT".to_owned(),
        "databricks.volume.path=/Volumes/a".to_owned(),
        "databricks.volume.file=a.csv".to_owned(),
    ]));
}

#[tokio::test]
async fn another_database_has_its_own_name_and_prefix() {
    let config = OtlpConfig::default().database_system("trino").prefix("acme.trino");
    let sent = of(statement(), config).await;
    let attributes = shown(&sent.spans()[0].attributes);
    assert_eq!(attributes[0], "db.system.name=trino");
    assert!(attributes.contains(&"acme.trino.session.id=session-1".to_owned()));
    assert!(!format!("{sent:?}").contains("\"databricks"), "{sent:?}");
}

#[tokio::test]
async fn an_id_that_is_all_zeros_is_made_one_that_is_valid() {
    let session = session();
    let zero = Record {
        id: EventId::from_bytes([0; 16]),
        ..(*record(&session, 0, Duration::ZERO, statement())).clone()
    };
    let sent = sent(&[Arc::new(zero)], OtlpConfig::default()).await;
    let span = sent.spans().remove(0);
    assert!(span.trace_id.iter().any(|byte| *byte != 0) && span.span_id.iter().any(|byte| *byte != 0));
}

#[tokio::test]
async fn of_unknown_length_events_are_at_the_end_and_keep_their_figures() {
    let span = span(Body { latency: None, ..statement() }).await;
    assert!(span.events.iter().all(|event| event.time_unix_nano == at(10.0)));
    assert_eq!(shown(&span.events[0].attributes), ["databricks.duration=0.5"]);
}

/// What a real driver's calls make, through the whole pipeline: a span is as long as the statement was, and
/// ends when it did.
#[tokio::test]
async fn a_statement_of_the_pipeline_is_a_span_that_ends_when_it_did() {
    use telemetry_core::plugin::AlwaysClosed;
    use telemetry_core::{
        ClientProvider, Clock, ConnectionInfo, DriverIdentity, Mode, Runtime, Target, TelemetryConfig,
    };
    use telemetry_testkit::{FakeClock, ScriptedFlags};

    let (transport, clock) = (crate::common::accepting(), FakeClock::new());
    clock.set_wall(crate::common::date());
    let identity = DriverIdentity::builder().name("D").version("1").client("D").flag("f").build().unwrap();
    let provider = ClientProvider::builder(identity)
        .config(TelemetryConfig::default().mode(Mode::Forced))
        .exporter(crate::common::exporter(&transport, OtlpConfig::default()))
        .flags(ScriptedFlags::fixed("f", true))
        .breakers(AlwaysClosed)
        .clock(clock.clone())
        .runtime(Runtime::Manual)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new("dbc-a1.cloud.databricks.com"));
    let session = lease.opening(ConnectionInfo::new()).opened("session-2");
    clock.advance(Duration::from_secs(5));
    let began = clock.wall();
    let mut statement = session.statement();
    statement.id("statement-2");
    clock.advance(Duration::from_secs(3));
    statement.complete();
    let ended = clock.wall();
    let closing = lease.close(Duration::from_secs(2));
    let stepping = async {
        loop {
            provider.step();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = closing => assert_eq!(outcome.undelivered(), 0, "{outcome}"),
        () = stepping => {}
        () = tokio::time::sleep(Duration::from_secs(30)) => panic!("it was not delivered"),
    }
    let sent = Sent::of(&transport.requests());
    let spans = sent.spans();
    let span = spans.iter().find(|span| span.name.starts_with("EXECUTE_STATEMENT")).unwrap();
    let nanos = |date: std::time::SystemTime| {
        date.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64
    };
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (nanos(began), nanos(ended)));
}
