//! What a strict one refuses, and what it remembers of that.

use serde_json::{Value, json};
use telemetry_testkit::{Behaviour, FakeWorkspace, Schema};

use super::{NET, PATHS, exchange, json as body_of, send, status};

fn strict() -> FakeWorkspace {
    FakeWorkspace::builder().strict().start()
}

/// An event with everything, of this number.
fn event(number: u8) -> Value {
    let mut event = Schema::new().whole_record();
    event["frontend_log_event_id"] = json!(id(number));
    event["entry"]["sql_driver_log"]["sql_statement_id"] = json!(format!("statement-{number}"));
    event
}

fn id(number: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{number:02}")
}

/// The same event under the id of this number.
fn renamed(mut event: Value, number: u8) -> Value {
    event["frontend_log_event_id"] = json!(id(number));
    event
}

fn body(events: &[Value]) -> Vec<u8> {
    let logs: Vec<_> = events.iter().map(Value::to_string).collect();
    json!({"uploadTime": 1, "items": [], "protoLogs": logs}).to_string().into_bytes()
}

fn posted(workspace: &FakeWorkspace, events: &[Value]) -> String {
    exchange(workspace, "POST", PATHS[0], Some("t"), &body(events))
}

#[test]
fn what_follows_the_schema_is_accepted_on_every_path() {
    let workspace = strict();
    for (path, number) in PATHS.into_iter().zip(0..) {
        let answer = exchange(&workspace, "POST", path, Some("t"), &body(&[event(number)]));
        assert_eq!(status(&answer), 200, "{answer}");
    }
    assert_eq!(workspace.records(), (0..4).map(event).collect::<Vec<_>>());
    assert_eq!(workspace.violations(), [""; 0]);
}

#[test]
fn what_does_not_is_refused_with_all_the_reasons_which_are_remembered() {
    let workspace = strict();
    let (mut one, mut other) = (event(1), event(2));
    one["surprise"] = json!(1);
    other["entry"]["sql_driver_log"]["operation_latency_ms"] = json!("7");
    let answer = posted(&workspace, &[one, event(3), other]);
    let reasons = [
        "protoLogs[0]: unknown surprise",
        "protoLogs[2].entry.sql_driver_log.operation_latency_ms: no int64",
    ];
    assert_eq!((status(&answer), &body_of(&answer)["error"]), (400, &json!(reasons.join("; "))));
    assert_eq!(workspace.violations(), reasons);
    assert!(workspace.records().is_empty(), "the good one goes with the others");
    assert_eq!(status(&posted(&workspace, &[event(3)])), 200);
    assert_eq!(status(&exchange(&workspace, "POST", PATHS[1], None, b"no JSON")), 400);
    assert!(workspace.violations()[2].starts_with("the body: "), "{:?}", workspace.violations());
}

#[test]
fn without_being_asked_it_is_not_strict() {
    let workspace = FakeWorkspace::start();
    for _ in 0..2 {
        assert_eq!(status(&posted(&workspace, &[json!({"frontend_log_event_id": "1"})])), 200);
    }
    assert_eq!((workspace.records().len(), workspace.violations().len()), (2, 0));
}

#[test]
fn an_event_that_was_accepted_may_not_come_again() {
    let workspace = strict();
    assert_eq!(status(&posted(&workspace, &[event(1), event(2)])), 200);
    assert_eq!(status(&posted(&workspace, &[event(2), event(3)])), 400);
    assert_eq!(workspace.violations(), [format!("event {} has been accepted before", id(2))]);
    assert_eq!(workspace.records().len(), 2);
}

#[test]
fn however_an_attempt_failed_an_event_keeps_its_id_and_says_the_same() {
    let failures = [
        Behaviour::Status(503),
        Behaviour::Hang,
        Behaviour::Reset,
        Behaviour::Truncated,
        Behaviour::Html,
        Behaviour::MaxBody(1),
        Behaviour::PartiallyAccept(0),
        Behaviour::Errors,
    ];
    for failure in failures {
        let workspace = strict();
        workspace.script_telemetry([failure.clone()]);
        let attempt = send(&workspace, "POST", PATHS[0], Some("t"), &body(&[event(1)]));
        assert!(workspace.wait_for_requests(1, NET));
        let answer = posted(&workspace, &[renamed(event(1), 9)]);
        assert_eq!(status(&answer), 400, "{failure:?}");
        let mut other = event(1);
        other["context"]["client_context"]["user_agent"] = json!("another");
        assert_eq!(status(&posted(&workspace, &[other])), 400, "{failure:?}");
        let wrong = [
            format!("event {} had the id {} in an attempt that failed", id(9), id(1)),
            format!("event {} said something else before", id(1)),
        ];
        assert_eq!(workspace.violations(), wrong, "{failure:?}");
        assert_eq!(status(&posted(&workspace, &[event(1)])), 200, "{failure:?}");
        drop(attempt);
    }
}

#[test]
fn an_attempt_that_failed_is_judged_and_answered_as_it_was_to_be() {
    let workspace = strict();
    workspace.script_telemetry([Behaviour::Status(503)]);
    assert_eq!(status(&posted(&workspace, &[json!({})])), 503);
    assert_eq!(workspace.violations(), ["protoLogs[0]: no frontend_log_event_id"]);
}

#[test]
fn an_attempt_without_a_valid_token_is_one_that_failed() {
    let workspace = FakeWorkspace::builder().strict().require_tokens(["t"]).start();
    assert_eq!(status(&exchange(&workspace, "POST", PATHS[0], Some("old"), &body(&[event(1)]))), 401);
    assert_eq!(status(&posted(&workspace, &[renamed(event(1), 2)])), 400);
    assert_eq!(status(&posted(&workspace, &[event(1)])), 200);
}

#[test]
fn of_a_body_that_was_accepted_in_part_the_rest_may_come_again() {
    let workspace = strict();
    workspace.script_telemetry([Behaviour::PartiallyAccept(1)]);
    assert_eq!(status(&posted(&workspace, &[event(1), event(2)])), 200);
    assert_eq!(status(&posted(&workspace, &[event(2)])), 200);
    assert_eq!(status(&posted(&workspace, &[event(1)])), 400);
    assert_eq!(workspace.records(), [event(1), event(2)]);
}

#[test]
fn a_request_of_another_method_is_no_attempt() {
    let workspace = strict();
    assert_eq!(status(&exchange(&workspace, "PUT", PATHS[0], Some("t"), b"{}")), 405);
    assert_eq!(workspace.violations(), [""; 0]);
}
