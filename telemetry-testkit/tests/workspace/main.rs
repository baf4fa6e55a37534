//! The fake workspace over real sockets, spoken to by a client that does no more than each test needs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests end the test where their setup fails"
)]

mod flags;
mod oauth;
mod observed;
mod port;
mod strict;
mod tls;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::json;
use telemetry_testkit::{Answer, Behaviour, FakeWorkspace};

/// Ends a broken test; nothing waits for it in one that works.
const NET: Duration = Duration::from_secs(10);

const PATHS: [&str; 4] =
    ["/api/2.0/sql/telemetry-ext", "/api/2.0/sql/telemetry-unauth", "/telemetry-ext", "/telemetry-unauth"];
const FLAGS: &str = "/api/2.0/connector-service/feature-flags/RUST/1.2.3";

fn connect(workspace: &FakeWorkspace) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", workspace.port())).unwrap();
    stream.set_read_timeout(Some(NET)).unwrap();
    stream
}

/// One request as it stands on the wire, on a connection of its own.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

/// Sends one request, and leaves the answer to be read.
fn send(workspace: &FakeWorkspace, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> TcpStream {
    let mut stream = connect(workspace);
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers = Vec::from_iter(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    stream.write_all(&request(method, path, &headers, body)).unwrap();
    stream
}

/// The answer to one request with headers of its own.
fn ask(workspace: &FakeWorkspace, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
    let (mut stream, mut answer) = (connect(workspace), Vec::new());
    stream.write_all(&request(method, path, headers, body)).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn exchange(workspace: &FakeWorkspace, method: &str, path: &str, token: Option<&str>, body: &[u8]) -> String {
    let mut answer = Vec::new();
    send(workspace, method, path, token, body).read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(workspace: &FakeWorkspace, records: usize) -> String {
    exchange(workspace, "POST", PATHS[0], Some("t"), &envelope(records))
}

fn envelope(records: usize) -> Vec<u8> {
    let logs: Vec<String> = (0..records).map(|number| json!({ "n": number }).to_string()).collect();
    json!({"uploadTime": 1, "items": [], "protoLogs": logs}).to_string().into_bytes()
}

/// The body of an answer, parsed.
fn json(answer: &str) -> serde_json::Value {
    let body = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}")).1;
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer:?}"))
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

#[test]
fn bodies_of_shipped_drivers_are_accepted_and_handed_out_byte_for_byte() {
    let workspace = FakeWorkspace::start();
    let mut sent = Vec::new();
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let body = std::fs::read(&path).unwrap();
            for path in PATHS {
                let answer = exchange(&workspace, "POST", path, Some("t"), &body);
                assert_eq!(status(&answer), 200, "{path}: {answer}");
                sent.push(body.clone());
            }
        }
    }
    assert_eq!(sent.len(), 5 * 4);
    assert_eq!(workspace.bodies(), sent);
    assert!(workspace.records().len() > sent.len());
    assert!(workspace.records().iter().all(|record| record.get("frontend_log_event_id").is_some()));
}

#[test]
fn telemetry_without_a_credential_is_served_on_the_unauthenticated_paths_alone() {
    let workspace = FakeWorkspace::start();
    let statuses = PATHS.map(|path| status(&exchange(&workspace, "POST", path, None, &envelope(1))));
    assert_eq!(statuses, [401, 200, 401, 200]);
    assert_eq!(workspace.records().len(), 2);
    assert_eq!(workspace.telemetry_requests().len(), 4);
}

#[test]
fn other_tokens_than_the_required_ones_are_refused() {
    let workspace = FakeWorkspace::builder().require_tokens(["a", "b"]).start();
    let statuses = ["a", "b", "c"].map(|token| {
        let telemetry = status(&exchange(&workspace, "POST", PATHS[0], Some(token), &envelope(1)));
        (telemetry, status(&exchange(&workspace, "GET", FLAGS, Some(token), b"")))
    });
    assert_eq!(statuses, [(200, 200), (200, 200), (401, 401)]);
}

#[test]
fn a_body_that_is_no_envelope_is_refused_and_remembered() {
    let workspace = FakeWorkspace::start();
    assert_eq!(status(&exchange(&workspace, "POST", PATHS[0], Some("t"), b"{}")), 400);
    assert_eq!(status(&exchange(&workspace, "GET", PATHS[0], Some("t"), b"")), 405);
    assert_eq!(workspace.bodies(), [b"{}".to_vec(), Vec::new()]);
    assert!(workspace.records().is_empty());
}

#[test]
fn a_script_is_played_once_and_then_the_standing_behaviour_returns() {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Status(500));
    let retry = Behaviour::RetryAfter { status: 429, value: "7".into() };
    workspace.script_telemetry([Behaviour::Normal, retry]);
    let answers = [post(&workspace, 1), post(&workspace, 1), post(&workspace, 1)];
    assert_eq!([0, 1, 2].map(|index| status(&answers[index])), [200, 429, 500]);
    assert!(answers[1].contains("retry-after: 7\r\n"));
    assert_eq!(status(&exchange(&workspace, "GET", FLAGS, Some("t"), b"")), 200);
}

#[test]
fn a_partial_answer_counts_and_keeps_only_what_it_accepted() {
    let workspace = FakeWorkspace::start();
    workspace.script_telemetry([
        Behaviour::PartiallyAccept(2),
        Behaviour::Errors,
        Behaviour::PartiallyAccept(9),
    ]);
    assert!(post(&workspace, 3).contains(r#""numProtoSuccess":2"#));
    let errors = post(&workspace, 3);
    assert!(errors.contains(r#""numProtoSuccess":0"#) && !errors.contains(r#""errors":[]"#));
    assert!(post(&workspace, 3).contains(r#""numProtoSuccess":3"#));
    assert_eq!(workspace.records().len(), 5);
}

#[test]
fn a_body_above_its_limit_is_too_large() {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::MaxBody(envelope(2).len()));
    assert_eq!((status(&post(&workspace, 3)), status(&post(&workspace, 2))), (413, 200));
}

#[test]
fn answers_can_lead_astray() {
    let workspace = FakeWorkspace::start();
    workspace.script_telemetry([
        Behaviour::Html,
        Behaviour::Redirect("http://127.0.0.1:1/".into()),
        Behaviour::StatusWith { status: 418, headers: vec![("x-a".into(), "b".into())], body: b"tea".into() },
        Behaviour::StatusWith { status: 200, headers: vec![("x\r\n".into(), "b".into())], body: Vec::new() },
    ]);
    let html = post(&workspace, 1);
    assert!(status(&html) == 200 && html.contains("text/html") && html.contains("Sign in"));
    let redirect = post(&workspace, 1);
    assert!(status(&redirect) == 307 && redirect.contains("location: http://127.0.0.1:1/\r\n"));
    let own = post(&workspace, 1);
    assert!(status(&own) == 418 && own.contains("x-a: b\r\n") && own.ends_with("tea"));
    assert_eq!(status(&post(&workspace, 1)), 500);
    assert!(workspace.records().is_empty());
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_an_end() {
    let workspace = FakeWorkspace::start();
    workspace.script_telemetry([Behaviour::Reset, Behaviour::Close]);
    let mut rest = Vec::new();
    let reset = send(&workspace, "POST", PATHS[0], Some("t"), &envelope(1)).read_to_end(&mut rest);
    assert_eq!(reset.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(post(&workspace, 1), "");
    assert_eq!(workspace.telemetry_requests().len(), 2);
}

#[test]
fn garbage_is_no_http_and_a_truncated_answer_is_shorter_than_it_says() {
    let workspace = FakeWorkspace::start();
    workspace.script_telemetry([Behaviour::Garbage, Behaviour::Truncated]);
    assert!(!post(&workspace, 1).starts_with("HTTP"));
    let truncated = post(&workspace, 1);
    let (head, body) = truncated.split_once("\r\n\r\n").unwrap();
    let says = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    assert!(says.parse::<usize>().unwrap() > body.len(), "{truncated}");
}

#[test]
fn an_endless_answer_goes_on_until_the_client_hangs_up() {
    let workspace = FakeWorkspace::start();
    workspace.on_flags(Behaviour::Endless);
    let mut stream = send(&workspace, "GET", FLAGS, Some("t"), b"");
    let mut megabytes = vec![0; 4 << 20];
    stream.read_exact(&mut megabytes).unwrap();
    assert!(megabytes.starts_with(b"HTTP/1.1 200 OK"));
    assert_eq!(workspace.connections(), 1);
    drop(stream);
    assert!(workspace.wait_for_connections(0, NET));
}

#[test]
fn a_hung_request_never_answers_and_ends_when_the_client_hangs_up() {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Hang);
    let mut stream = send(&workspace, "POST", PATHS[0], Some("t"), &envelope(1));
    assert!(workspace.wait_for_requests(1, NET));
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert!(matches!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert_eq!(workspace.connections(), 1);
    stream.shutdown(Shutdown::Both).unwrap();
    assert!(workspace.wait_for_connections(0, NET));
}

#[test]
fn a_slow_answer_is_whole_in_the_end() {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Slow(Duration::from_micros(1)));
    let answer = post(&workspace, 2);
    assert!(status(&answer) == 200 && answer.contains(r#""numProtoSuccess":2"#) && answer.ends_with('}'));
}

#[test]
fn routes_answer_for_all_other_paths_and_see_the_query() {
    let workspace = FakeWorkspace::builder()
        .route(|request| request.path.starts_with("/none").then(|| Answer::new(204, "")))
        .route(|request| {
            assert_ne!(request.path, "/panic");
            request.path.starts_with("/api/2.0/sql/statements?").then(|| {
                Answer::json(200, &json!({"echo": request.text()})).with_header("x-path", &request.path)
            })
        })
        .start();
    let answer = exchange(&workspace, "POST", "/api/2.0/sql/statements?wait=1", None, b"select");
    assert!(answer.contains("x-path: /api/2.0/sql/statements?wait=1\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"echo":"select"}"#));
    assert_eq!(status(&exchange(&workspace, "GET", "/none", None, b"")), 204);
    assert_eq!(status(&exchange(&workspace, "GET", "/other", None, b"")), 404);
    assert_eq!(status(&exchange(&workspace, "GET", "/panic", None, b"")), 500);
    assert_eq!(status(&post(&workspace, 1)), 200);
    assert_eq!(workspace.received().len(), 5);
}

#[test]
fn waiting_for_records_ends_as_soon_as_they_are_there() {
    let workspace = FakeWorkspace::start();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| workspace.wait_for_records(3, NET));
        post(&workspace, 1);
        post(&workspace, 2);
        assert!(waiting.join().unwrap());
    });
    assert!(!workspace.wait_for_records(4, Duration::ZERO));
}

#[test]
fn dropping_it_closes_its_connections() {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Hang);
    let mut hung = send(&workspace, "POST", PATHS[0], Some("t"), &envelope(1));
    assert!(workspace.wait_for_requests(1, NET));
    let port = workspace.port();
    drop(workspace);
    assert!(hung.read(&mut [0]).map_or(true, |bytes| bytes == 0));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn secrets_do_not_show_in_debug() {
    let workspace = FakeWorkspace::builder().require_tokens(["canary"]).start();
    exchange(&workspace, "POST", PATHS[0], Some("canary"), &envelope(1));
    let shown = format!("{workspace:?} {:?}", workspace.received());
    assert!(shown.contains("authorization") && !shown.contains("canary"), "{shown}");
}
