//! `--listen`: a driver is pointed at it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use serde_json::json;

use crate::common::{Folder, NET, View, body_of, connect, program, request, statement, text};

const FLAGS: &str = "/api/2.0/connector-service/feature-flags/NODEJS/2.1.0";
const NODE: &str = "databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForNodeJs";
const TOKEN: (&str, &str) = ("authorization", "Bearer a-secret-token");

#[test]
fn what_a_driver_sends_is_answered_and_shown() {
    let view = View::start(&["--listen"]);
    let flags = view.send("GET", FLAGS, &[TOKEN], b"");
    assert!(flags.status == 200 && flags.body.contains(NODE), "{flags:?}");
    let body = body_of(&[statement(1, 7), statement(2, 8)]);
    let answer = view.send("POST", "/telemetry-ext", &[TOKEN], body.as_bytes());
    assert!(answer.status == 200 && answer.body.contains(r#""numProtoSuccess":2"#), "{answer:?}");
    let unauthenticated = view.send("POST", "/api/2.0/sql/telemetry-unauth", &[], body_of(&[]).as_bytes());
    assert_eq!(unauthenticated.status, 200);
    let page = view.until("requests", |page| page["total"] == 3);
    let line = &page["lines"][1];
    assert_eq!(
        (&line["path"], &line["authenticated"], &line["answer"]),
        (&json!("/telemetry-ext"), &json!(true), &json!("200"))
    );
    assert_eq!((&line["bytes"], &line["records"]), (&json!(body.len()), &json!(2)));
    let whole = view.get(&format!("request?number={}", line["number"]));
    assert_eq!(whole["exact"], json!(body));
    assert!(whole["read"].as_str().unwrap().contains("\"operation_latency_ms\": 7"));
    assert_eq!(view.get("statements?which=statements")["total"], 2);
    assert!(!view.get("requests").to_string().contains("secret"));
}

#[test]
fn the_switches_do_what_they_say() {
    let view = View::start(&["--listen", "--flag", "own.flag"]);
    let post = |number| {
        let body = body_of(&[statement(number, 1), statement(number + 1, 1)]);
        view.send("POST", "/telemetry-ext", &[TOKEN], body.as_bytes())
    };
    assert_eq!(view.switch(&json!({"telemetry": "unavailable"})).status, 200);
    assert_eq!(post(0).status, 503);
    view.switch(&json!({"telemetry": "too-many", "retry_after": 17}));
    let answer = post(0);
    assert!(answer.status == 429 && answer.head.contains("retry-after: 17"), "{answer:?}");
    view.switch(&json!({"telemetry": "partial", "accepted": 1}));
    assert!(post(0).body.contains(r#""numProtoSuccess":1"#));
    view.switch(&json!({"telemetry": "resets"}));
    assert_eq!(post(0).status, 0);
    view.switch(&json!({"telemetry": "hangs"}));
    let mut hanging = connect(view.listens.unwrap());
    hanging.write_all(&request("POST", "/telemetry-unauth", &[("host", "127.0.0.1")], b"{}")).unwrap();
    view.until("requests?q=no+answer", |page| page["total"] == 2);
    view.switch(&json!({"telemetry": "works"}));
    assert_eq!(post(2).status, 200);
    // What was sent again under the same id is no other record.
    let now = view.until("now", |now| now["counts"]["records"] == 4);
    assert_eq!(now["counts"]["again"], 6);

    let flags = || view.send("GET", FLAGS, &[TOKEN], b"");
    let says =
        |name: &str, value: &str| flags().body.contains(&format!(r#"{{"name":"{name}","value":"{value}"}}"#));
    assert!(says(NODE, "true") && says("own.flag", "true"));
    view.switch(&json!({"flags": {NODE: false, "another.flag": true}, "flag_ttl": 60}));
    assert!(
        says(NODE, "false") && says("another.flag", "true") && flags().body.contains(r#""ttl_seconds":60"#)
    );
    view.switch(&json!({"flag_answer": "unavailable"}));
    assert_eq!(flags().status, 503);
    assert_eq!(view.get("try")["switches"]["flag_answer"], "unavailable");
    for wrong in
        [json!({"telemetry": "explodes"}), json!({"x": 1}), json!({"flags": {"a b": true}}), json!("x")]
    {
        assert_eq!(view.switch(&wrong).status, 400, "{wrong}");
    }
}

#[test]
fn a_driver_may_leave_its_books() {
    let view = View::start(&["--listen"]);
    let books = json!({"driver": "d", "made": 5, "accepted": 3, "dropped": {"overflow": 2}});
    assert_eq!(view.send("POST", "/books", &[], books.to_string().as_bytes()).status, 204);
    let shown = view.until("books", |shown| shown["books"] != json!([]));
    assert_eq!(shown["books"][0]["balance"], true);
    assert_eq!(shown["books"][0]["books"]["dropped"]["overflow"], 2);
    assert_eq!(view.send("POST", "/books", &[], b"nonsense").status, 400);
}

#[test]
fn another_answers_with_a_tee() {
    let there = View::start(&["--listen"]);
    let tee = format!("http://127.0.0.1:{}", there.listens.unwrap());
    let view = View::start(&["--listen", "--tee", &tee]);
    let body = body_of(&[statement(1, 7)]);
    assert_eq!(view.send("POST", "/telemetry-ext", &[TOKEN], body.as_bytes()).status, 200);
    assert_eq!(view.send("POST", "/telemetry-ext", &[], body.as_bytes()).status, 401);
    for shown in [&there, &view] {
        shown.until("requests?q=200", |page| page["total"] == 1);
        shown.until("requests?q=401", |page| page["total"] == 1);
    }
    // All else goes there too, and isn't shown.
    assert_eq!(view.send("GET", "/api/2.0/other", &[], b"").status, 404);
    there.until("now", |now| now["counts"]["other_requests"] == 1);
    // A fault that is tried doesn't reach it.
    view.switch(&json!({"telemetry": "unavailable"}));
    assert_eq!(view.send("POST", "/telemetry-ext", &[TOKEN], body.as_bytes()).status, 503);
    assert_eq!(there.get("requests")["total"], 2);
}

#[test]
fn a_tee_to_this_machine_goes_through_no_proxy() {
    let there = View::start(&["--listen"]);
    let tee = format!("http://127.0.0.1:{}", there.listens.unwrap());
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let at = format!("http://{}", proxy.local_addr().unwrap());
    let mut program = program();
    program.args(["--listen", "--tee", &tee]).env_remove("NO_PROXY").env_remove("no_proxy");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        program.env(name, &at);
    }
    let view = View::of(&mut program);
    assert_eq!(view.send("POST", "/telemetry-ext", &[TOKEN], body_of(&[]).as_bytes()).status, 200);
    assert!(proxy.accept().is_err());
}

#[test]
fn a_tee_that_leads_nowhere_is_answered_and_one_to_itself_refused() {
    let view = View::start(&["--listen", "--tee", "http://127.0.0.1:9"]);
    assert_eq!(view.send("POST", "/telemetry-ext", &[TOKEN], b"{}").status, 502);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let itself = format!("http://127.0.0.1:{port}");
    let output = program().args([&format!("--listen={port}"), "--tee", &itself]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("leads to itself"), "{output:?}");
    for wrong in ["http://example.com", "ftp://x", ""] {
        assert!(!program().args(["--listen", "--tee", wrong]).output().unwrap().status.success(), "{wrong}");
    }
}

#[test]
fn a_port_that_would_be_taken_for_a_file_is_an_error() {
    let mut child =
        program().args(["--listen", "8443"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut page = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut page).unwrap();
    // One that serves would never end.
    _ = child.kill();
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(page.is_empty() && said.contains("--listen=8443"), "{page}{said}");
}

#[test]
fn drivers_that_want_https_get_a_certificate_to_trust() {
    let folder = Folder::new();
    let pem = folder.path("ca.pem");
    let view = View::start(&["--listen", "--ca-file", text(&pem)]);
    assert!(std::fs::read_to_string(&pem).unwrap().starts_with("-----BEGIN CERTIFICATE"));
    // Spoken to in plain text it says nothing.
    let mut stream = connect(view.listens.unwrap());
    stream.write_all(&request("GET", FLAGS, &[TOKEN, ("host", "h")], b"")).unwrap();
    stream.set_read_timeout(Some(NET)).unwrap();
    let mut read = Vec::new();
    _ = stream.read_to_end(&mut read);
    assert!(!read.starts_with(b"HTTP"));
}
