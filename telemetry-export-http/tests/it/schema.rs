//! Whatever a record holds, what is sent follows the schema, and without credentials nothing that correlates
//! is sent.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::common::arbitrary::{batch, record as any_record};
use crate::common::checker::{checked, pointers};
use crate::common::expected::{expected, upload_time};
use crate::common::{CANARY, credentials, public_host, record, session, wall};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::Serialize;
use serde_json::{Value, json};
use telemetry_core::plugin::Attempt;
use telemetry_core::record::{Audience, Encoded, Record, SessionContext};
use telemetry_export_http::HttpExporter;
use telemetry_export_http::wire::{Frontend, OssSqlDriverTelemetryLog, Upload};
use telemetry_testkit::{Schema, ScriptedTransport, strategies};

/// Fields that must not be there without credentials.
const CORRELATES: [&str; 9] = [
    "workspace_id",
    "session_id",
    "sql_statement_id",
    "system_configuration",
    "driver_connection_params",
    "stack_trace",
    "auth_type",
    "volume_path",
    "local_file",
];

/// The body that goes out for these.
fn body(records: &[Arc<Record>], authenticated: bool, wall: SystemTime) -> Vec<u8> {
    let transport = ScriptedTransport::answering(500, "");
    let exporter = HttpExporter::new(Arc::new(transport)).max_body_bytes(usize::MAX);
    let (host, credentials) = (public_host(), credentials());
    let attempt = Attempt::new(&host, records, wall);
    exporter.request(&attempt.with_credentials(Some(&credentials).filter(|_| authenticated))).unwrap().body
}

/// The one record of a body of one, checked.
fn sent(record: &Arc<Record>, authenticated: bool) -> Value {
    checked(&body(std::slice::from_ref(record), authenticated, wall())).unwrap().remove(0)
}

/// A record as serde writes it: of its log first what is the same in all records of a connection.
fn by_serde(mut record: Frontend) -> String {
    fn fields(message: &impl Serialize) -> String {
        let json = serde_json::to_string(message).unwrap();
        json[1..json.len() - 1].to_owned()
    }
    let mut varying = record.entry.take().unwrap().sql_driver_log.unwrap();
    let constant = OssSqlDriverTelemetryLog {
        session_id: varying.session_id.take(),
        system_configuration: varying.system_configuration.take(),
        driver_connection_params: varying.driver_connection_params.take(),
        auth_type: varying.auth_type.take(),
        ..OssSqlDriverTelemetryLog::default()
    };
    let mut log = vec![fields(&constant), fields(&varying)];
    log.retain(|fields| !fields.is_empty());
    format!(r#"{{{},"entry":{{"sql_driver_log":{{{}}}}}}}"#, fields(&record), log.join(","))
}

fn log(record: &Value) -> &Value {
    &record["entry"]["sql_driver_log"]
}

proptest! {
    #[test]
    fn without_credentials_nothing_is_sent_but_what_is_marked_for_that(
        record in any_record(0.7), wall in strategies::date(),
    ) {
        let seen = record.seen_by(Audience::Unauthenticated);
        let [whole, seen] = [record, Arc::new(seen)].map(|record| body(&[record], false, wall));
        prop_assert_eq!(String::from_utf8(whole).unwrap(), String::from_utf8(seen).unwrap());
    }

    #[test]
    fn the_vendor_is_sent_what_is_marked_for_the_vendor(record in any_record(0.7), wall in strategies::date()) {
        let seen = record.seen_by(Audience::Vendor);
        let [whole, seen] = [record, Arc::new(seen)].map(|record| body(&[record], true, wall));
        prop_assert_eq!(String::from_utf8(whole).unwrap(), String::from_utf8(seen).unwrap());
    }

    #[test]
    fn what_is_sent_follows_the_schema_and_is_all_that_was_measured_and_nothing_else(
        (wall, records) in batch(), authenticated: bool,
    ) {
        let body = body(&records, authenticated, wall);
        let found = checked(&body).map_err(TestCaseError::fail)?;
        let wanted: Vec<Value> = records.iter().map(|record| expected(record, authenticated)).collect();
        prop_assert_eq!(found, wanted);
        let body: Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(&body["uploadTime"], &upload_time(wall));
    }

    #[test]
    fn the_bytes_are_those_that_serde_writes_of_what_it_reads_in_them(
        records in strategies::batch(0..=4), wall in strategies::date(), authenticated: bool,
    ) {
        let body = body(&records, authenticated, wall);
        let mut upload = Upload::read(&body).unwrap();
        upload.proto_logs = upload.records().map(|record| by_serde(record.unwrap())).collect();
        prop_assert_eq!(String::from_utf8(body).unwrap(), serde_json::to_string(&upload).unwrap());
    }

    #[test]
    fn without_credentials_nothing_that_correlates_is_sent((wall, records) in batch()) {
        let body = body(&records, false, wall);
        for record in checked(&body).map_err(TestCaseError::fail)? {
            for path in pointers(&record) {
                prop_assert!(!CORRELATES.iter().any(|name| path.ends_with(&format!("/{name}"))), "{}", path);
            }
        }
        // An error's name and the driver's own are all of the text that is left, and may be anything.
        let names = records.iter().any(|record| record.body.error.as_ref().is_some_and(|error| error.name.contains(CANARY)));
        prop_assert!(names || !String::from_utf8(body).unwrap().contains(CANARY));
    }

    #[test]
    fn a_record_keeps_its_id_in_every_attempt(
        (wall, records) in batch(), (later, others) in batch(), authenticated: bool, alone: bool,
    ) {
        let ids = |records: &[Arc<Record>], authenticated, wall| -> Vec<Value> {
            let found = checked(&body(records, authenticated, wall)).unwrap();
            found.into_iter().map(|record| record["frontend_log_event_id"].clone()).collect()
        };
        let wanted: Vec<Value> = records.iter().map(|record| record.id.to_string().into()).collect();
        prop_assert_eq!(&ids(&records, authenticated, wall), &wanted);
        let others = if alone { Vec::new() } else { others };
        let again: Vec<_> = others.iter().chain(&records).cloned().collect();
        prop_assert_eq!(&ids(&again, !authenticated, later)[others.len()..], &wanted);
    }
}

#[test]
fn every_field_of_the_schema_can_be_sent() {
    let mut runner = TestRunner::deterministic();
    let record = any_record(1.0).new_tree(&mut runner).unwrap().current();
    assert_eq!(pointers(&sent(&record, true)), pointers(&Schema::new().whole_record()));
}

#[test]
fn a_record_of_nothing_says_who_and_when_and_no_more() {
    let mut runner = TestRunner::deterministic();
    let record = any_record(0.0).new_tree(&mut runner).unwrap().current();
    let identity = &record.session.driver.identity;
    let driver = json!({"driver_name": identity.name(), "driver_version": identity.version()});
    assert_eq!(*log(&sent(&record, true)), json!({"system_configuration": driver}));
    assert_eq!(*log(&sent(&record, false)), json!({}));
}

#[test]
fn zeros_and_false_that_were_measured_are_sent() {
    let record = sent(&record(&session(), 0), true);
    let sql = &log(&record)["sql_operation"];
    for path in [
        "/retry_count",
        "/chunk_id",
        "/operation_detail/n_operation_status_calls",
        "/operation_detail/operation_status_latency_millis",
    ] {
        assert_eq!(sql.pointer(path), Some(&json!(0)), "{path}");
    }
    assert_eq!(sql["is_compressed"], json!(false));
    assert_eq!(sql["operation_detail"]["is_internal_call"], json!(false));
    assert_eq!(log(&record)["driver_connection_params"]["enable_arrow"], json!(false));
    assert_eq!(sql.get("java_uses_patched_arrow"), None);
}

#[test]
fn times_are_in_whole_milliseconds_but_the_socket_timeout_is_in_seconds() {
    let mut session = Arc::into_inner(session()).unwrap();
    session.params.socket_timeout = Some(Duration::from_millis(900_999));
    session.params.async_poll_interval = Some(Duration::from_micros(1_500_999));
    let record = sent(&record(&Arc::new(session), 0), true);
    let log = log(&record);
    assert_eq!(log["driver_connection_params"]["socket_timeout"], json!(900));
    assert_eq!(log["driver_connection_params"]["async_poll_interval_millis"], json!(1500));
    assert_eq!(log["operation_latency_ms"], json!(1234));
    let expected = json!({
        "initial_chunk_latency_millis": 11, "slowest_chunk_latency_millis": 22, "sum_chunks_download_time_millis": 33,
        "total_chunks_present": 3, "total_chunks_iterated": 2,
    });
    assert_eq!(log["sql_operation"]["chunk_details"], expected);
    assert_eq!(
        log["sql_operation"]["result_latency"],
        json!({"result_set_ready_latency_millis": 44, "result_set_consumption_latency_millis": 55})
    );
    assert_eq!(record["context"]["client_context"]["timestamp_millis"], json!(784_111_745_500_i64));
}

fn is_kept(session: &SessionContext) -> bool {
    format!("{:?}", session.encoded).contains("true")
}

#[test]
fn what_is_constant_in_a_session_is_encoded_once() {
    let mut session = session();
    let auth_type =
        |session: &Arc<SessionContext>| log(&sent(&record(session, 0), true))["auth_type"].clone();
    assert_eq!(auth_type(&session), json!("canary-auth"));
    assert!(is_kept(&session));
    // Nobody changes a session that is in use; a test may, to see that it isn't read again.
    Arc::get_mut(&mut session).unwrap().auth_type = Some("changed".to_owned());
    assert_eq!(auth_type(&session), json!("canary-auth"));
    Arc::get_mut(&mut session).unwrap().encoded = Encoded::default();
    assert_eq!(auth_type(&session), json!("changed"));
}

#[test]
fn without_credentials_nothing_is_kept_and_what_was_kept_is_not_used() {
    let session = session();
    let before = sent(&record(&session, 0), false);
    assert!(!is_kept(&session));
    sent(&record(&session, 0), true);
    assert!(is_kept(&session));
    assert_eq!(sent(&record(&session, 0), false), before);
}

#[test]
fn what_another_exporter_keeps_in_a_session_is_in_nobodys_way() {
    let session = session();
    let other = session.encoded.get_or_try_make("another", || Ok::<_, ()>("something else".to_owned()));
    assert_eq!(other.as_deref(), Ok("something else"));
    let record = record(&session, 0);
    assert_eq!(sent(&record, true), expected(&record, true));
}
