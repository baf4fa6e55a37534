//! The collectors, as processes on loopback.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::common::Sent;

/// Ends a broken test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

fn environment() -> PathBuf {
    std::env::var_os("COLLECTORS").unwrap().into()
}

pub(crate) fn python() -> Command {
    Command::new(environment().join("bin/python"))
}

pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/collectors").join(name)
}

/// A process that doesn't outlive its test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    fn kill(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn wait_for(port: u16) {
    let (end, address) = (Instant::now() + PATIENCE, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "nobody listens on port {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// oteltap, and what it has received. It takes protobuf alone, and nothing that is compressed.
pub(crate) struct Oteltap {
    process: Running,
    told: Receiver<String>,
    pub(crate) port: u16,
}

impl Oteltap {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let mut process = python()
            .arg(script("receive.py"))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map(Running)
            .unwrap();
        let (tell, told) = mpsc::channel();
        let out = BufReader::new(process.0.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "ready");
        wait_for(port);
        Oteltap { process, told, port }
    }

    /// The next item that it received: its kind, and its bytes.
    pub(crate) fn next(&self) -> (String, Vec<u8>) {
        let line = self.told.recv_timeout(PATIENCE).unwrap();
        let (kind, hex) = line.split_once(' ').unwrap();
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (kind.to_owned(), (0..hex.len()).step_by(2).map(byte).collect())
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

/// rotel, which hands on what it received to a server of ours.
pub(crate) struct Rotel {
    process: Running,
    onward: MockServer,
    pub(crate) port: u16,
}

impl Rotel {
    pub(crate) async fn start() -> Self {
        let onward = MockServer::start().await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&onward).await;
        let (port, grpc) = (free_port(), free_port());
        let library = environment().join("lib");
        let version = std::fs::read_dir(&library).unwrap().next().unwrap().unwrap().path();
        let place = std::env::temp_dir().join(format!("telemetry-rotel-{port}"));
        let process = Command::new(version.join("site-packages/rotel/rotel-agent"))
            .arg("start")
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{port}")])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-compression", "none", "--batch-timeout", "50ms"])
            .args(["--otlp-exporter-endpoint", &onward.uri()])
            .args(["--pid-file", place.with_extension("pid").to_str().unwrap()])
            .args(["--log-file", place.with_extension("log").to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Running)
            .unwrap();
        wait_for(port);
        Rotel { process, onward, port }
    }

    /// What it has handed on so far.
    async fn so_far(&self) -> Sent {
        let mut sent = Sent::default();
        for request in self.onward.received_requests().await.unwrap() {
            let mut body = Vec::new();
            match request.headers.get("content-encoding") {
                Some(_) => drop(GzDecoder::new(request.body.as_slice()).read_to_end(&mut body).unwrap()),
                None => body = request.body,
            }
            let body = body.as_slice();
            match request.url.path() {
                "/v1/traces" => {
                    let ExportTraceServiceRequest { resource_spans } = Message::decode(body).unwrap();
                    sent.traces.resource_spans.extend(resource_spans);
                }
                "/v1/logs" => {
                    let ExportLogsServiceRequest { resource_logs } = Message::decode(body).unwrap();
                    sent.logs.resource_logs.extend(resource_logs);
                }
                "/v1/metrics" => {
                    let ExportMetricsServiceRequest { resource_metrics } = Message::decode(body).unwrap();
                    sent.metrics.resource_metrics.extend(resource_metrics);
                }
                path => panic!("{path}"),
            }
        }
        sent
    }

    /// What it has handed on once this is enough.
    pub(crate) async fn until(&self, enough: impl Fn(&Sent) -> bool) -> Sent {
        let end = Instant::now() + PATIENCE;
        loop {
            let sent = self.so_far().await;
            if enough(&sent) {
                return sent;
            }
            assert!(Instant::now() < end, "not all of it came");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}
