//! Whatever a record holds, what is sent follows the schema, and without credentials nothing that correlates
//! is sent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod common;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::arbitrary::{batch, record as any_record};
use common::checker::{Schema, pointers};
use common::expected::{expected, upload_time};
use common::{CANARY, credentials, public_host, record, session, wall};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::Serialize;
use serde_json::{Value, json};
use telemetry_core::plugin::Attempt;
use telemetry_core::record::{Encoded, Record, SessionContext};
use telemetry_export_http::HttpExporter;
use telemetry_export_http::wire::{Frontend, OssSqlDriverTelemetryLog, Upload};
use telemetry_testkit::{ScriptedTransport, strategies};

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
    Schema::read().check(&body(std::slice::from_ref(record), authenticated, wall())).unwrap().remove(0)
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

/// A good record with every field of the schema in it.
fn whole_record(schema: &Schema) -> Value {
    json!({
        "workspace_id": 1,
        "frontend_log_event_id": "01234567-89ab-cdef-0123-456789abcdef",
        "context": {"client_context": {"timestamp_millis": 0, "user_agent": ""}},
        "entry": {"sql_driver_log": schema.whole_log()},
    })
}

proptest! {
    #[test]
    fn what_is_sent_follows_the_schema_and_is_all_that_was_measured_and_nothing_else(
        (wall, records) in batch(), authenticated: bool,
    ) {
        let body = body(&records, authenticated, wall);
        let found = Schema::read().check(&body).map_err(TestCaseError::fail)?;
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
        for record in Schema::read().check(&body).map_err(TestCaseError::fail)? {
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
        let schema = Schema::read();
        let ids = |records: &[Arc<Record>], authenticated, wall| -> Vec<Value> {
            let found = schema.check(&body(records, authenticated, wall)).unwrap();
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
    let schema = Schema::read();
    let mut runner = TestRunner::deterministic();
    let record = any_record(1.0).new_tree(&mut runner).unwrap().current();
    assert_eq!(pointers(&sent(&record, true)), pointers(&whole_record(&schema)));
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

#[test]
fn the_checker_takes_a_record_with_every_field() {
    let schema = Schema::read();
    assert_eq!(schema.check_record(&whole_record(&schema).to_string()), Ok(whole_record(&schema)));
}

#[test]
fn the_checker_refuses_every_value_of_another_type() {
    let schema = Schema::read();
    let whole = whole_record(&schema);
    let others = [
        json!(null),
        json!(1),
        json!(1.5),
        json!("1"),
        json!(true),
        json!(["a"]),
        json!([1]),
        json!({"a": 1}),
    ];
    for path in pointers(&whole) {
        let of = whole.pointer(&path).unwrap();
        for other in &others {
            let same_type = match other {
                Value::Number(number) => of.is_number() && number.is_i64(),
                // A text that is no name of an enum's and no id.
                Value::String(_) => of == "text" || of == "",
                Value::Bool(_) => of.is_boolean(),
                Value::Array(values) => of.is_array() && values[0].is_string(),
                Value::Null | Value::Object(_) => false,
            };
            let mut broken = whole.clone();
            *broken.pointer_mut(&path).unwrap() = other.clone();
            assert_eq!(schema.check_record(&broken.to_string()).is_ok(), same_type, "{path}: {other}");
        }
    }
}

#[test]
fn the_checker_refuses_an_unknown_field_in_every_message() {
    let schema = Schema::read();
    let whole = whole_record(&schema);
    let objects: Vec<_> =
        pointers(&whole).into_iter().filter(|path| whole.pointer(path).unwrap().is_object()).collect();
    assert!(objects.len() >= 16);
    for path in objects {
        let mut broken = whole.clone();
        broken.pointer_mut(&path).unwrap()["surprise"] = json!("text");
        assert!(schema.check_record(&broken.to_string()).unwrap_err().contains("surprise"), "{path}");
    }
}

#[test]
fn the_checker_refuses_numbers_that_their_type_does_not_hold() {
    let schema = Schema::read();
    for (path, number) in [
        ("/workspace_id", json!(u64::MAX)),
        ("/entry/sql_driver_log/operation_latency_ms", json!(9_223_372_036_854_775_808_u64)),
        ("/entry/sql_driver_log/operation_latency_ms", json!(1e3)),
        ("/entry/sql_driver_log/sql_operation/chunk_details/total_chunks_present", json!(2_147_483_648_u32)),
        ("/entry/sql_driver_log/driver_connection_params/host_info/port", json!(-2_147_483_649_i64)),
    ] {
        let mut broken = whole_record(&schema);
        *broken.pointer_mut(path).unwrap() = number;
        assert!(schema.check_record(&broken.to_string()).is_err(), "{path}");
    }
}

#[test]
fn the_checker_refuses_a_field_that_is_there_twice() {
    let schema = Schema::read();
    let whole = whole_record(&schema).to_string();
    let twice = whole.replacen(r#""auth_type":"text""#, r#""auth_type":"text","auth_type":"text""#, 1);
    assert_ne!(twice, whole);
    assert!(schema.check_record(&twice).is_err());
}

#[test]
fn the_checker_refuses_every_other_envelope() {
    let schema = Schema::read();
    let record = whole_record(&schema).to_string();
    let good = json!({"uploadTime": 1, "items": [], "protoLogs": [record.clone(), record]});
    assert_eq!(schema.check(good.to_string().as_bytes()).map(|records| records.len()), Ok(2));
    for (name, value) in [
        ("uploadTime", json!("1")),
        ("uploadTime", json!(1.5)),
        ("uploadTime", json!(null)),
        ("items", json!([1])),
        ("items", json!({})),
        ("items", json!(null)),
        ("protoLogs", json!({})),
        ("protoLogs", json!([{}])),
        ("protoLogs", json!([whole_record(&schema)])),
        ("protoLogs", json!(["", "{}", "[]", "null"])),
        ("surprise", json!(1)),
    ] {
        let mut broken = good.clone();
        broken[name] = value.clone();
        assert!(schema.check(broken.to_string().as_bytes()).is_err(), "{name}: {value}");
    }
    for name in ["uploadTime", "items", "protoLogs"] {
        let mut broken = good.clone();
        broken.as_object_mut().unwrap().remove(name);
        assert!(schema.check(broken.to_string().as_bytes()).is_err(), "no {name}");
    }
    for body in ["", "null", "[]", "{}", "<html>"] {
        assert!(schema.check(body.as_bytes()).is_err(), "{body}");
    }
    for name in ["frontend_log_event_id", "context", "entry"] {
        let mut broken = whole_record(&schema);
        broken.as_object_mut().unwrap().remove(name);
        assert!(schema.check_record(&broken.to_string()).is_err(), "no {name}");
    }
}
