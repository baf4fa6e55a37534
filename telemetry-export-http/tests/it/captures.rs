//! Bodies as shipped drivers sent them: what is read of them, what is written again, and that a workspace
//! takes them as they are.

use crate::common::checker::pointers;
use serde_json::{Value, json};
use telemetry_export_http::wire::{EnumOrUnknown, Frontend, Upload};
use telemetry_testkit::Schema;

/// What was sent at a place, and what is written there instead; `None` for nothing.
type Difference = (&'static str, Option<Value>, Option<Value>);

/// One captured body.
struct Capture {
    name: &'static str,
    body: &'static str,
    records: usize,
    authenticated: bool,
    /// Of the envelope.
    envelope: Vec<Difference>,
    /// Of all records together, in order.
    differences: Vec<Difference>,
}

fn captures() -> [Capture; 5] {
    [
        Capture {
            name: "node-2.1.0-authenticated",
            body: include_str!("../../fixtures/node-2.1.0-authenticated.json"),
            records: 18,
            authenticated: true,
            envelope: Vec::new(),
            // In one record of them all the number came as a string.
            differences: vec![(
                "/workspace_id",
                Some(json!("1234567890123456")),
                Some(json!(1_234_567_890_123_456_i64)),
            )],
        },
        Capture {
            name: "node-2.1.0-unauthenticated",
            body: include_str!("../../fixtures/node-2.1.0-unauthenticated.json"),
            records: 18,
            authenticated: false,
            envelope: Vec::new(),
            differences: Vec::new(),
        },
        Capture {
            name: "python-4.9.0-authenticated",
            body: include_str!("../../fixtures/python-4.9.0-authenticated.json"),
            records: 9,
            authenticated: true,
            envelope: Vec::new(),
            differences: Vec::new(),
        },
        Capture {
            name: "python-4.9.0-every-field",
            body: include_str!("../../fixtures/python-4.9.0-every-field.json"),
            records: 17,
            authenticated: true,
            envelope: Vec::new(),
            differences: Vec::new(),
        },
        Capture {
            name: "sql-kernel-1.3.0-authenticated",
            body: include_str!("../../fixtures/sql-kernel-1.3.0-authenticated.json"),
            records: 3,
            authenticated: true,
            // It leaves out what is always empty.
            envelope: vec![("/items", None, Some(json!([])))],
            differences: Vec::new(),
        },
    ]
}

impl Capture {
    fn upload(&self) -> Upload {
        Upload::read(self.body.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    fn read(&self) -> Vec<Frontend> {
        self.upload()
            .records()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The records as they were sent.
    fn sent(&self) -> Vec<Value> {
        self.upload().proto_logs.iter().map(|record| serde_json::from_str(record).unwrap()).collect()
    }
}

fn written(message: &impl serde::Serialize) -> Value {
    serde_json::to_value(message).unwrap()
}

/// Where two values differ, at the innermost.
fn differences(before: &Value, after: &Value) -> Vec<(String, Option<Value>, Option<Value>)> {
    let places: std::collections::BTreeSet<_> = pointers(before).union(&pointers(after)).cloned().collect();
    let is_inner = |value: Option<&Value>| value.is_some_and(Value::is_object);
    places
        .into_iter()
        .map(|place| {
            let (before, after) = (before.pointer(&place), after.pointer(&place));
            (place.clone(), before.cloned(), after.cloned())
        })
        .filter(|(_, before, after)| {
            before != after && !(is_inner(before.as_ref()) && is_inner(after.as_ref()))
        })
        .collect()
}

fn assert_differences(
    name: &str,
    found: Vec<(String, Option<Value>, Option<Value>)>,
    expected: &[Difference],
) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(place, before, after)| ((*place).to_owned(), before.clone(), after.clone()))
        .collect();
    assert_eq!(found, expected, "{name}");
}

#[test]
fn every_record_of_every_capture_is_read() {
    for capture in captures() {
        let records = capture.read();
        assert_eq!(records.len(), capture.records, "{}", capture.name);
        for record in records {
            assert!(record.frontend_log_event_id.is_some() && record.log().is_some(), "{}", capture.name);
            assert!(record.timestamp_millis().is_some_and(|millis| millis > 0), "{}", capture.name);
        }
    }
}

#[test]
fn what_is_read_and_written_again_means_the_same_but_for_what_is_said_here() {
    for capture in captures() {
        let found = capture.sent().into_iter().zip(capture.read());
        let found = found.flat_map(|(sent, read)| differences(&sent, &written(&read))).collect();
        assert_differences(capture.name, found, &capture.differences);
    }
}

#[test]
fn of_the_envelope_nothing_changes_but_that_empty_items_are_there() {
    for capture in captures() {
        let sent: Value = serde_json::from_str(capture.body).unwrap();
        assert_differences(capture.name, differences(&sent, &written(&capture.upload())), &capture.envelope);
    }
}

#[test]
fn what_was_written_again_is_read_as_the_same_and_no_longer_changes() {
    for capture in captures() {
        let mut upload = capture.upload();
        let records = capture.read();
        upload.proto_logs = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let again = Upload::read(&serde_json::to_vec(&upload).unwrap()).unwrap();
        assert_eq!(again, upload);
        assert_eq!(again.records().collect::<Result<Vec<_>, _>>().unwrap(), records, "{}", capture.name);
    }
}

#[test]
fn what_was_written_again_follows_the_schema() {
    let schema = Schema::new();
    for capture in captures() {
        for record in capture.read() {
            let record = written(&record);
            assert_eq!(schema.check_log(&record["entry"]["sql_driver_log"]), Ok(()), "{}", capture.name);
            // One driver has the date in another place, where it stays, and ids of another form.
            let is_other = record["context"].get("timestamp_millis").is_some();
            assert_eq!(is_other, capture.name.starts_with("sql-kernel"));
            assert_eq!(schema.check_record(&record.to_string()).is_err(), is_other, "{}", capture.name);
        }
    }
}

#[test]
fn every_enum_value_that_shipped_drivers_send_is_known() {
    fn is_known<E>(value: &Option<EnumOrUnknown<E>>) -> bool {
        !matches!(value, Some(EnumOrUnknown::Unknown(_)))
    }
    for capture in captures() {
        for record in capture.read() {
            let log = record.log().cloned().unwrap();
            let (params, sql) =
                (log.driver_connection_params.unwrap_or_default(), log.sql_operation.unwrap_or_default());
            let host = params.host_info.unwrap_or_default();
            assert!(is_known(&params.mode) && is_known(&params.auth_mech) && is_known(&params.auth_flow));
            assert!(is_known(&host.proxy_auth_type));
            assert!(is_known(&sql.statement_type) && is_known(&sql.execution_result));
            assert!(is_known(&sql.operation_detail.unwrap_or_default().operation_type));
            assert!(is_known(&log.vol_operation.unwrap_or_default().volume_operation_type));
        }
    }
}

#[test]
fn without_credentials_shipped_drivers_send_nothing_that_correlates_either() {
    for capture in captures() {
        let correlates = capture.read().iter().any(|record| {
            let log = record.log().unwrap();
            record.workspace_id.is_some() || log.session_id.is_some() || log.system_configuration.is_some()
        });
        assert_eq!(correlates, capture.authenticated, "{}", capture.name);
    }
}

#[test]
fn numbers_and_truths_may_come_as_strings() {
    /// As another driver might have written the same.
    fn respelled(value: &Value) -> Value {
        match value {
            Value::Number(number) => number.to_string().into(),
            Value::Bool(flag) => if *flag { "True" } else { "FALSE" }.into(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), respelled(value))).collect()
            }
            other => other.clone(),
        }
    }
    for capture in captures() {
        for (sent, read) in capture.sent().iter().zip(capture.read()) {
            let other: Frontend = serde_json::from_value(respelled(sent)).unwrap();
            assert_eq!(other, read, "{}", capture.name);
        }
    }
}

/// Values of every type, in members that the schema doesn't have.
fn unknown() -> [(&'static str, Value); 5] {
    [
        ("client_type", json!("golang")),
        ("enable_surprise", json!(false)),
        ("surprises", json!([null, 1.5, -1, u64::MAX])),
        ("surprise", json!({"session_id": {"a": "b"}})),
        ("no_surprise", json!(null)),
    ]
}

/// The same with members that the schema doesn't have in every object.
fn with_unknown(value: &Value) -> Value {
    let Value::Object(fields) = value else { return value.clone() };
    let known = fields.iter().map(|(name, value)| (name.clone(), with_unknown(value)));
    known.chain(unknown().map(|(name, value)| (name.to_owned(), value))).collect()
}

#[test]
fn what_the_schema_does_not_have_is_written_again_as_it_came() {
    for capture in captures() {
        for (sent, read) in capture.sent().iter().zip(capture.read()) {
            let other: Frontend = serde_json::from_value(with_unknown(sent)).unwrap();
            assert_eq!(written(&other), with_unknown(&written(&read)), "{}", capture.name);
        }
        let sent: Value = serde_json::from_str(capture.body).unwrap();
        let other = Upload::read(with_unknown(&sent).to_string().as_bytes()).unwrap();
        assert_eq!(written(&other), with_unknown(&written(&capture.upload())), "{}", capture.name);
        assert_eq!(other.extra.len(), unknown().len());
    }
}

#[test]
fn what_the_schema_does_not_have_is_found_wherever_it_stands() {
    for capture in captures() {
        for (sent, read) in capture.sent().iter().zip(capture.read()) {
            assert_eq!(read.extra_fields(), [], "{}", capture.name);
            assert!(!format!("{read:?}").contains("extra"));
            let other: Frontend = serde_json::from_value(with_unknown(sent)).unwrap();
            let objects = pointers(sent).into_iter().filter(|at| sent.pointer(at).unwrap().is_object());
            let expected = objects.flat_map(|at| {
                unknown().map(|(name, value)| (format!("{at}/{name}")[1..].replace('/', "."), value))
            });
            let found = other.extra_fields().into_iter().map(|(path, value)| (path, value.clone()));
            let in_order = |fields: Vec<(String, Value)>| {
                let mut fields = fields;
                fields.sort_by(|one, other| one.0.cmp(&other.0));
                fields
            };
            assert_eq!(in_order(found.collect()), in_order(expected.collect()), "{}", capture.name);
            assert_eq!(other.log().unwrap().extra["client_type"], "golang");
            assert!(!format!("{other:?}").contains("surprise"), "names may be anything, too");
        }
    }
}

#[test]
fn null_is_read_as_nothing_anywhere() {
    for capture in captures() {
        for sent in capture.sent() {
            for place in pointers(&sent).iter().filter(|place| !place.is_empty()) {
                let mut other = sent.clone();
                *other.pointer_mut(place).unwrap() = Value::Null;
                let other: Frontend = serde_json::from_value(other).unwrap();
                assert_eq!(written(&other).pointer(place), None, "{}: {place}", capture.name);
            }
        }
    }
}

#[test]
fn an_enum_value_that_this_version_does_not_know_is_kept_by_its_name() {
    let text = r#"{"entry":{"sql_driver_log":{"sql_operation":{"statement_type":"BRAND_NEW"}}}}"#;
    let record: Frontend = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&record).unwrap(), text);
    assert!(!format!("{record:?}").contains("BRAND_NEW"));
}

#[test]
fn what_is_shown_of_a_capture_holds_none_of_its_texts() {
    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::String(text) => vec![text],
            Value::Array(values) => values.iter().flat_map(texts).collect(),
            Value::Object(fields) => fields.values().flat_map(texts).collect(),
            _ => Vec::new(),
        }
    }
    for capture in captures() {
        for (sent, read) in capture.sent().iter().zip(capture.read()) {
            let shown = format!("{read:?}");
            // Short ones, such as `/`, stand in the names of fields.
            let leaked: Vec<_> =
                texts(sent).into_iter().filter(|text| text.len() > 8 && shown.contains(text)).collect();
            assert!(leaked.is_empty(), "{}: {leaked:?}", capture.name);
        }
    }
}

/// What needs a transport.
#[cfg(feature = "reqwest")]
mod over_a_socket {
    use telemetry_core::plugin::{Headers, HttpRequest, Method, Transport};
    use telemetry_export_http::{Endpoints, parse_answer};
    use telemetry_testkit::FakeWorkspace;

    use super::captures;
    use crate::common::{SAFETY_NET, credentials, soon, transport};

    #[tokio::test]
    async fn a_workspace_takes_every_capture_as_it_is_on_all_four_paths() {
        let transport = transport();
        for capture in captures() {
            let workspace = FakeWorkspace::start();
            let mut posted = 0;
            for endpoints in [Endpoints::PLAN, Endpoints::SHIPPED] {
                for (path, headers) in [
                    (endpoints.authenticated(), credentials()),
                    (endpoints.unauthenticated(), Headers::new()),
                ] {
                    let mut request = HttpRequest::new(Method::Post, workspace.host(), path);
                    request.headers = headers.with("content-type", "application/json");
                    request.body = capture.body.into();
                    request.timeout = SAFETY_NET;
                    let response = soon(transport.send(request)).await.unwrap();
                    assert_eq!(response.status, 200, "{} to {path}", capture.name);
                    assert_eq!(parse_answer(&response.body), Some(capture.records));
                    posted += 1;
                }
            }
            assert!(workspace.bodies().iter().all(|body| body == capture.body.as_bytes()), "byte for byte");
            let sent = capture.sent();
            let records = workspace.records();
            assert_eq!((posted, records.len()), (4, 4 * capture.records));
            assert!(records.chunks(capture.records).all(|records| records == sent), "{}", capture.name);
        }
    }
}
