//! The programs as a shell runs them: what they print, where, and their exit codes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

fn quickstart(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    for variable in ["DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_WAREHOUSE_ID"] {
        command.env_remove(variable);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_report_says_where_it_ran_and_has_no_colour_in_a_pipe() {
    let output = quickstart(&[]).output().unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success() && error.is_empty(), "{error}");
    assert!(out.starts_with("A small SQL driver with telemetry, against a workspace on this machine"));
    assert!(!out.contains('\x1b'));
    for heading in ["Statements", "Telemetry of each connection", "Books", "At the service"] {
        assert!(out.contains(&format!("\n{heading}\n")), "{heading}");
    }
}

/// In the place of cargo: says how it was called, and what the file has in it.
#[test]
fn view_shows_what_was_sent_with_the_books() {
    use std::os::unix::fs::PermissionsExt;
    let cargo = std::env::temp_dir().join(format!("cargo-for-a-test-{}", std::process::id()));
    std::fs::write(&cargo, "#!/bin/sh\necho \"called: $1 $2 $3 $4\"\ncat \"$6\"\nrm \"$6\"\n").unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o700)).unwrap();
    let output = quickstart(&["--view"]).env("CARGO", &cargo).output().unwrap();
    std::fs::remove_file(&cargo).unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let (_, shown) = out.split_once("called: run --quiet -p telemetry-view\n").unwrap();
    let lines: Vec<serde_json::Value> =
        shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let books: Vec<_> = lines.iter().filter_map(|line| line.get("books")).collect();
    let accepted: u64 = books.iter().map(|books| books["accepted"].as_u64().unwrap()).sum();
    assert!(!books.is_empty() && accepted > 0, "{shown}");
    assert!(lines.iter().any(|line| line.get("protoLogs").is_some()), "{shown}");
}

#[test]
fn a_run_ends_by_saying_how_to_look() {
    let (out, _) = texts(&quickstart(&[]).output().unwrap());
    assert!(out.ends_with("To look at what was sent, in a browser: the same with --view.\n"), "{out}");
}

#[test]
fn a_collector_on_this_machine_is_shown_with_its_books() {
    let output = quickstart(&["--otlp"]).output().unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let (_, books) = out.split_once("\nBooks\n").unwrap();
    let (books, collector) = books.split_once("\nAt the collector\n").unwrap();
    assert!(books.contains("collector  30 made = 30 accepted"), "{books}");
    for line in
        ["46      spans, of which", "3       log records, of which", "46      db.client.operation.duration"]
    {
        assert!(collector.contains(line), "{collector}");
    }
}

#[test]
fn a_collector_at_a_url_is_told_in_protobuf_with_the_headers_that_the_variables_have() {
    let collector = telemetry_testkit::FakeWorkspace::builder()
        .route(|request| request.path.starts_with("/v1/").then(|| telemetry_testkit::Answer::new(200, "")))
        .start();
    let output = quickstart(&["--otlp", &collector.url()])
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ann")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", texts(&output).1);
    let received = collector.received();
    for signal in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        let request = received.iter().find(|request| request.path == signal).unwrap();
        assert_eq!(request.headers.get("content-type"), Some("application/x-protobuf"));
        assert_eq!(request.headers.get("x-tenant"), Some("ann"));
        assert_eq!(request.headers.get("authorization"), None);
    }
    let output = quickstart(&["--otlp"]).env("OTEL_SDK_DISABLED", "true").output().unwrap();
    assert!(output.status.success(), "of the collector here no variable matters");
    let output = quickstart(&["--otlp", &collector.url()]).env("OTEL_SDK_DISABLED", "true").output().unwrap();
    assert!(texts(&output).1.contains("OTEL_SDK_DISABLED is set"));
}

#[test]
fn whoever_reads_may_stop_reading() {
    let mut child = quickstart(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), texts(&output).1), (Some(0), String::new()));
}

#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = quickstart(&[]).stdout(full).output().unwrap();
    let error = texts(&output).1;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(error, "error: standard output can't be written: No space left on device (os error 28)\n");
}

#[test]
fn a_dump_that_can_not_be_written_is_named() {
    let output = quickstart(&["--dump", "/nonexistent/dump"]).output().unwrap();
    let error = texts(&output).1;
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with("error: /nonexistent/dump can't be written: No such file"), "{error}");
}

#[test]
fn a_host_that_accepts_and_never_answers_is_named_after_the_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    // Through a proxy that is the silent one, as the driver speaks HTTPS alone to a host by name.
    let output = quickstart(&["--timeout", "1"])
        .env("DATABRICKS_HOST", "workspace.example.com")
        .env("DATABRICKS_TOKEN", "t")
        .env("DATABRICKS_WAREHOUSE_ID", "w")
        .env("HTTPS_PROXY", format!("http://{}", silent.local_addr().unwrap()))
        .env("DO_NOT_TRACK", "1")
        .output()
        .unwrap();
    let error = texts(&output).1;
    assert_eq!(output.status.code(), Some(1));
    assert!(error.starts_with("error: a request to workspace.example.com failed: "), "{error}");
    assert!(error.contains("timed out"), "{error}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    let output = quickstart(&["--fault", "504"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(texts(&output).1.contains("503, 429, hang, flag-off, flag-hang, garbage, reset"));
}

#[test]
fn an_outage_is_noticed_by_the_books_alone() {
    let output = quickstart(&["--rate", "40", "--for", "2", "--outage", "1"]).output().unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success() && error.is_empty(), "{error}");
    assert!(out.contains("is out") && out.contains("What the outage cost"), "{out}");
    assert!(!out.contains("failed"), "no statement: {out}");
}

#[test]
fn what_leaves_reads_a_text_or_lines() {
    for (arguments, input, expected) in [
        (&[][..], "connection of ann@example.com refused", "connection of *** refused"),
        (&["--json-lines"], "\"password=hunter2\"\n", "\"password=***\"\n"),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_what-leaves"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(texts(&output).0, expected);
    }
}

/// A workspace in a process of its own, which ends with it.
struct Workspace(Child);

impl Workspace {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workspace"));
        Workspace(command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap()).lines().map(Result::unwrap)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// What is answered at a URL.
fn answer(url: &str, request: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nhost: db.test\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_workspace_says_where_it_is_and_what_it_accepts_and_refuses() {
    let arguments = [
        "--flag",
        "a.b",
        "--strict",
        "--client-id",
        "app",
        "--client-secret",
        "secret",
        "--allow-host",
        "db.test",
    ];
    let mut workspace = Workspace::start(&arguments);
    let mut lines = workspace.lines();
    let url = lines.next().unwrap();
    let form = "grant_type=client_credentials&client_id=app&client_secret=secret";
    assert!(answer(&url, "POST /oidc/v1/token", "", form).contains("issued-token-1"));
    let token = "authorization: Bearer issued-token-1\r\n";
    let flags = answer(&url, "GET /api/2.0/connector-service/feature-flags/X/1.0.0", token, "");
    assert!(flags.contains(r#"{"name":"a.b","value":"true"}"#), "{flags}");
    let statement = r#"{"statement":"SELECT 6 * 7","wait_timeout":"30s"}"#;
    let rows = answer(&url, "POST /api/2.0/sql/statements", token, statement);
    assert!(rows.contains(r#""data_array":[["42"]]"#), "{rows}");

    let record = telemetry_testkit::Schema::new().whole_record();
    let body = serde_json::json!({"uploadTime": 1, "items": [], "protoLogs": [record.to_string()]});
    let post = || answer(&url, "POST /telemetry-ext", token, &body.to_string());
    assert!(post().contains(r#""numProtoSuccess":1"#));
    assert_eq!(lines.next().unwrap(), record.to_string());
    assert!(post().starts_with("HTTP/1.1 400"));
    assert!(lines.next().unwrap().starts_with("refused: event 01234567-"));

    // Nothing is shown in a way that a terminal obeys.
    let body = serde_json::json!({"uploadTime": 1, "items": [], "\u{1b}[31m\u{9b}\n": 1, "protoLogs": []});
    assert!(answer(&url, "POST /telemetry-ext", token, &body.to_string()).starts_with("HTTP/1.1 400"));
    let refused = lines.next().unwrap();
    assert!(refused.starts_with("refused: ") && refused.contains(r"\u001b[31m\u009b\u000a"), "{refused:?}");
}

#[test]
fn a_workspace_runs_nothing_for_a_page_whatever_its_name_leads_to() {
    let mut workspace = Workspace::start(&[]);
    let url = workspace.lines().next().unwrap();
    let statement = r#"{"statement":"SELECT 6 * 7","wait_timeout":"30s"}"#;
    let ask = |headers| answer(&url, "POST /api/2.0/sql/statements", headers, statement);
    assert!(ask("").starts_with("HTTP/1.1 421"));
    assert!(ask("origin: https://page.test\r\n").starts_with("HTTP/1.1 403"));
}

#[test]
fn a_workspace_prints_a_record_in_no_way_that_a_terminal_obeys() {
    let mut workspace = Workspace::start(&["--allow-host", "db.test"]);
    let mut lines = workspace.lines();
    let url = lines.next().unwrap();
    let record = serde_json::json!({"a": "\u{9b}31m\u{7f}\u{1b}\n"});
    let body = serde_json::json!({"uploadTime": 1, "items": [], "protoLogs": [record.to_string()]});
    assert!(answer(&url, "POST /telemetry-unauth", "", &body.to_string()).starts_with("HTTP/1.1 200"));
    let line = lines.next().unwrap();
    assert!(!line.contains(char::is_control), "{line:?}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), record);
}

#[test]
fn a_workspace_writes_the_certificate_that_its_clients_are_to_trust() {
    let directory = std::env::temp_dir().join(format!("workspace-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("ca.pem");
    let mut workspace = Workspace::start(&["--ca-file", file.to_str().unwrap()]);
    let url = workspace.lines().next().unwrap();
    let certificate = std::fs::read_to_string(&file);
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert!(certificate.unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(Workspace::start(&["--tls"]).lines().next().unwrap().starts_with("https://"));
}

#[test]
fn a_workspace_whose_port_is_taken_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_workspace")).args(["--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = format!("error: 127.0.0.1:{port}: Address already in use (os error 98)\n");
    assert_eq!(texts(&output).1, error);
}
