//! What becomes of a batch of which only a part is taken.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use telemetry_core::plugin::{Attempt, HttpResponse, PluginError, Receipt};
use telemetry_core::record::{Body, EventId, Record};
use telemetry_core::{ErrorClass, Exporter, Fault};
use telemetry_export_otlp::OtlpConfig;
use telemetry_testkit::{Do, Script, ScriptedTransport};

use crate::common::{
    Sent, answering, batch, date, error, export, exporter, host, record, session, statement,
};

fn status(status: u16) -> HttpResponse {
    HttpResponse::new(status, "")
}

/// An answer that all but so many items were taken.
fn but(rejected: i64) -> HttpResponse {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: "no".to_owned() };
    let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
    HttpResponse::new(200, answer.encode_to_vec())
}

fn paths(transport: &ScriptedTransport) -> Vec<&'static str> {
    let short = |path: String| match path.as_str() {
        "/v1/traces" => "traces",
        "/v1/logs" => "logs",
        "/v1/metrics" => "metrics",
        _ => "another",
    };
    transport.requests().into_iter().map(|request| short(request.path)).collect()
}

/// What becomes of six records, of which three failed, when the first requests are answered so.
async fn accepted(first: impl IntoIterator<Item = HttpResponse>) -> Result<Receipt, PluginError> {
    let transport = answering(first);
    export(&exporter(&transport, OtlpConfig::default()), &batch(6), None).await
}

#[tokio::test]
async fn what_was_rejected_is_not_in_the_receipt() {
    assert_eq!(accepted([]).await, Ok(Receipt::new(6)));
    assert_eq!(accepted([but(0)]).await, Ok(Receipt::new(6)), "a warning");
    assert_eq!(accepted([but(2)]).await, Ok(Receipt::new(4)));
    assert_eq!(accepted([but(6)]).await, Ok(Receipt::new(0)));
    assert_eq!(accepted([but(i64::MAX)]).await, Ok(Receipt::new(0)), "no more than there were");
    assert_eq!(accepted([status(200), but(1)]).await, Ok(Receipt::new(5)), "of the log records");
    assert_eq!(accepted([status(200), but(9)]).await, Ok(Receipt::new(3)), "of which there were three");
    assert_eq!(accepted([but(1), but(1)]).await, Ok(Receipt::new(4)), "which may be of two records");
    assert_eq!(accepted([but(2), but(1)]).await, Ok(Receipt::new(3)), "also where one had failed");
    assert_eq!(accepted([status(200), status(200), but(3)]).await, Ok(Receipt::new(6)), "of no record's");
    assert_eq!(accepted([but(-1)]).await, Err(Fault::BadAnswer.into()));
}

#[tokio::test]
async fn a_batch_that_comes_again_goes_on_where_it_failed() {
    let transport = answering([status(200), status(503)]);
    let exporter = exporter(&transport, OtlpConfig::default());
    let records = batch(4);
    assert_eq!(export(&exporter, &records, None).await, Err(PluginError::new(503)));
    assert_eq!(export(&exporter, &records, None).await, Ok(Receipt::new(4)));
    assert_eq!(paths(&transport), ["traces", "logs", "logs", "metrics"]);
    // Then it is done, and forgotten.
    assert_eq!(export(&exporter, &records, None).await, Ok(Receipt::new(4)));
    assert_eq!(paths(&transport)[4..], ["traces", "logs", "metrics"]);
}

#[tokio::test]
async fn a_rejection_is_remembered_until_the_receipt() {
    let transport = answering([but(1), status(503), status(503)]);
    let exporter = exporter(&transport, OtlpConfig::default());
    let records = batch(4);
    for _ in 0..2 {
        assert_eq!(export(&exporter, &records, None).await, Err(PluginError::new(503)));
    }
    assert_eq!(export(&exporter, &records, None).await, Ok(Receipt::new(3)));
    assert_eq!(export(&exporter, &records, None).await, Ok(Receipt::new(4)), "as a batch that is new");
}

#[tokio::test]
async fn records_that_come_again_in_other_company_are_known_one_by_one() {
    let transport = answering([status(200), status(503)]);
    let exporter = exporter(&transport, OtlpConfig::default());
    let records = batch(6);
    assert_eq!(export(&exporter, &records[..4], None).await, Err(PluginError::new(503)));
    assert_eq!(export(&exporter, &records[2..], None).await, Ok(Receipt::new(4)));
    let again = Sent::of(&transport.requests()[2..]);
    let ids: Vec<_> = again.spans().iter().map(|span| span.trace_id[0]).collect();
    assert_eq!(ids, [4, 5], "the spans of the others were taken");
    let logs: Vec<_> = again.log_records().iter().map(|log| log.trace_id[0]).collect();
    assert_eq!(logs, [3, 5]);
}

#[tokio::test]
async fn a_batch_that_is_too_large_for_one_signal_comes_again_in_halves_without_the_others() {
    let transport = answering([status(200), status(413)]);
    let exporter = exporter(&transport, OtlpConfig::default());
    let records = batch(4);
    assert_eq!(export(&exporter, &records, None).await, Err(PluginError::new(413)));
    for half in records.chunks(2) {
        assert_eq!(export(&exporter, half, None).await, Ok(Receipt::new(2)));
    }
    assert_eq!(paths(&transport), ["traces", "logs", "logs", "metrics", "logs", "metrics"]);
}

#[tokio::test]
async fn a_batch_that_fails_for_good_is_forgotten() {
    for refused in [400, 401, 403, 404, 501] {
        let transport = answering([status(200), status(refused)]);
        let exporter = exporter(&transport, OtlpConfig::default());
        let records = batch(4);
        assert_eq!(export(&exporter, &records, None).await, Err(PluginError::new(refused)));
        assert_eq!(export(&exporter, &records, None).await, Ok(Receipt::new(4)));
        assert_eq!(paths(&transport), ["traces", "logs", "traces", "logs", "metrics"]);
    }
}

#[tokio::test]
async fn what_was_taken_is_known_after_a_call_that_was_given_up() {
    let taken = Do::Give(status(200));
    let script = Script::always(taken.clone()).first(taken).first(Do::Hang);
    let transport = ScriptedTransport::new(script);
    let exporter = exporter(&transport, OtlpConfig::default());
    let (host, records) = (host(), batch(4));
    let attempt = Attempt::new(&host, &records, date());
    tokio::select! {
        result = exporter.export(&attempt) => panic!("{result:?}"),
        () = async { while transport.requests().len() < 2 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(export(&exporter, &records, None).await, Ok(Receipt::new(4)));
    assert_eq!(paths(&transport), ["traces", "logs", "logs", "metrics"]);
}

#[tokio::test]
async fn so_many_records_are_known_and_no_more() {
    const KNOWN: usize = 4096;
    let session = session();
    let failed = || Body { error: Some(error(ErrorClass::Terminal)), ..statement() };
    let template = record(&session, 1, Duration::ZERO, failed());
    let of = |number: usize| {
        let id = EventId::from_bytes((number as u128 + 1).to_be_bytes());
        Arc::new(Record { id, ..(*template).clone() })
    };
    let records: Vec<_> = (0..KNOWN + 2).map(of).collect();
    let transport = answering([status(200), status(503)]);
    let exporter = exporter(&transport, OtlpConfig::default().max_body_bytes(64 << 20));
    assert_eq!(export(&exporter, &records, None).await, Err(PluginError::new(503)));
    assert_eq!(export(&exporter, &records, None).await, Ok(Receipt::new(KNOWN + 2)));
    let again = Sent::of(&transport.requests()[2..]);
    assert_eq!(again.spans().len(), 2, "those of the oldest");
}

/// A driver's own calls, while the collector fails in the midst of a batch and then takes all but one span.
#[tokio::test(flavor = "multi_thread")]
async fn the_books_say_what_was_taken_and_no_span_is_sent_twice() {
    use telemetry_core::plugin::AlwaysClosed;
    use telemetry_core::status::DropReason;
    use telemetry_core::{
        ClientProvider, CloseOutcome, ConnectionInfo, DriverIdentity, ErrorDetails, Mode, Target,
        TelemetryConfig,
    };
    use telemetry_testkit::ScriptedFlags;

    let transport = answering([but(1), status(503)]);
    let identity = DriverIdentity::builder().name("D").version("1").client("D").flag("f").build().unwrap();
    let provider = ClientProvider::builder(identity)
        .config(TelemetryConfig::default().mode(Mode::Forced))
        .exporter(exporter(&transport, OtlpConfig::default()))
        .flags(ScriptedFlags::fixed("f", true))
        .breakers(AlwaysClosed)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new("dbc-a1.cloud.databricks.com"));
    let session = lease.opening(ConnectionInfo::new()).opened("session-1");
    for number in 0..10 {
        let mut statement = session.statement();
        statement.error(|| ErrorDetails::new("E").fault(Fault::Timeout));
        if number % 2 == 0 {
            statement.complete();
        }
    }
    let outcome = lease.close(Duration::from_secs(30)).await;
    let CloseOutcome::Lost { dropped, .. } = &outcome else { panic!("{outcome}") };
    assert_eq!(dropped.iter().collect::<Vec<_>>(), [(DropReason::NotAccepted, 1)], "{outcome}");
    let requests = transport.requests();
    let traces = requests.iter().filter(|request| request.path == "/v1/traces");
    let mut ids: Vec<_> = traces
        .flat_map(|request| Sent::of(std::slice::from_ref(request)).traces.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .map(|span| span.trace_id)
        .collect();
    assert!(ids.len() > 10, "{}", ids.len());
    let sent = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), sent, "none twice");
}
