//! What the tests share.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A folder of its own, which goes with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("telemetry-view-it-{}-{number}", std::process::id()));
        _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// Ends a broken test; nothing waits for it in one that works.
pub(crate) const NET: Duration = Duration::from_secs(20);

/// A program that serves, which ends with it.
pub(crate) struct View {
    child: Child,
    /// Where the page is: its port, and the path with the token.
    pub(crate) port: u16,
    pub(crate) path: String,
    /// Where it listens for drivers, if it does.
    pub(crate) listens: Option<u16>,
}

impl View {
    pub(crate) fn start(arguments: &[&str]) -> View {
        View::of(program().args(arguments))
    }

    /// Starts what `program` gave.
    pub(crate) fn of(program: &mut Command) -> View {
        let mut child = program.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let page = lines.next().unwrap();
        let url = page.strip_prefix("page: http://127.0.0.1:").unwrap();
        let (port, path) = url.split_once('/').unwrap();
        let is_listening =
            program.get_args().any(|argument| argument.to_str().unwrap().starts_with("--listen"));
        let listens =
            is_listening.then(|| lines.next().unwrap().rsplit(':').next().unwrap().parse().unwrap());
        View { child, port: port.parse().unwrap(), path: format!("/{path}"), listens }
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A view of the page, as its script gets it.
    pub(crate) fn get(&self, what: &str) -> Value {
        let answer = exchange(
            self.port,
            &request("GET", &format!("{}{what}", self.path), &[("host", &self.host())], b""),
        );
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A view, once it is as it should be.
    pub(crate) fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + NET;
        loop {
            let value = self.get(what);
            if is(&value) {
                return value;
            }
            assert!(Instant::now() < end, "{what}: {value}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Switches as the page does.
    pub(crate) fn switch(&self, change: &Value) -> Answer {
        let headers = [
            ("host", self.host()),
            ("content-type", "application/json".into()),
            ("x-telemetry-view", "1".into()),
        ];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = change.to_string();
        exchange(self.port, &request("POST", &format!("{}try", self.path), &headers, body.as_bytes()))
    }

    /// Sends to where it listens, as a driver that was pointed at that.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let port = self.listens.unwrap();
        let host = format!("127.0.0.1:{port}");
        exchange(port, &request(method, path, &[&[("host", host.as_str())], headers].concat(), body))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// An answer, whose head is in small letters.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(NET)).unwrap();
    stream.set_write_timeout(Some(NET)).unwrap();
    stream
}

/// One request as it stands on the wire, on a connection of its own.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Sends bytes, and reads what comes until the end. Status 0 is no answer.
pub(crate) fn exchange(port: u16, bytes: &[u8]) -> Answer {
    let mut stream = connect(port);
    // It may be answered, and closed, before all of it is sent.
    _ = stream.write_all(bytes);
    let mut read = Vec::new();
    _ = stream.read_to_end(&mut read);
    let text = String::from_utf8_lossy(&read);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// The body of a request with these records.
pub(crate) fn body_of(records: &[Value]) -> String {
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    json!({"uploadTime": 1_795_523_848_610_i64, "items": [], "protoLogs": records}).to_string()
}

/// The record of a statement.
pub(crate) fn statement(number: u64, ms: u64) -> Value {
    json!({
        "frontend_log_event_id": format!("event-{number}"),
        "context": {"client_context": {"timestamp_millis": 1_795_523_848_610_i64, "user_agent": "Test/1"}},
        "entry": {"sql_driver_log": {
            "session_id": "session", "sql_statement_id": format!("statement-{number}"), "operation_latency_ms": ms,
            "sql_operation": {"statement_type": "QUERY", "execution_result": "EXTERNAL_LINKS",
                "operation_detail": {"operation_type": "EXECUTE_STATEMENT"}}}},
    })
}

/// The program, ready to be started.
pub(crate) fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_telemetry-view"));
    // Whatever proxy the machine has is not for what is on it.
    program.env("NO_PROXY", "127.0.0.1");
    program
}

/// Runs it to its end, which it has to come to. It may print as much as a pipe holds.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut child = program().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + NET;
    while child.try_wait().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    _ = child.kill();
    child.wait_with_output().unwrap()
}

/// What a run that went well has printed.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A line of a dry run.
pub(crate) fn dry_run_line(records: &[Value]) -> String {
    let line = json!({
        "host": "h.example.com", "path": "/telemetry-ext", "authenticated": true, "body": body_of(records),
    });
    format!("{line}\n")
}
