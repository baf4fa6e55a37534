//! What is sent, received by two collectors that nobody here wrote, and read by OpenTelemetry's messages in
//! Python. They are where `COLLECTORS` says: a virtual environment, which `.ci/collectors` makes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

#[allow(dead_code, reason = "each test program uses its own part")]
#[path = "../it/common.rs"]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use telemetry_core::plugin::{HttpRequest, Receipt};
use telemetry_core::record::Record;
use telemetry_export_http::ReqwestTransport;
use telemetry_export_otlp::{Compression, OtlpConfig, OtlpExporter, Protocol};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use common::{Sent, accepting, batch, error_alone, export, exporter, record, session};

/// Ends a broken test.
const PATIENCE: Duration = Duration::from_secs(60);

fn environment() -> PathBuf {
    std::env::var_os("COLLECTORS").unwrap().into()
}

fn python() -> Command {
    Command::new(environment().join("bin/python"))
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/collectors").join(name)
}

/// A process that doesn't outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
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

/// Records of all kinds.
fn workload() -> Vec<Arc<Record>> {
    let session = session();
    let alone = (100..110).map(|number| record(&session, number, Duration::from_secs(60), error_alone()));
    batch(40).into_iter().chain(alone).collect()
}

/// What is sent of the workload, as requests.
async fn requests() -> Vec<HttpRequest> {
    let transport = accepting();
    export(&exporter(&transport, OtlpConfig::default()), &workload(), None).await.unwrap();
    transport.requests()
}

/// Sends the workload to the collector on this port, over a real transport.
async fn send(port: u16, protocol: Protocol, compression: Compression) {
    let transport = ReqwestTransport::builder().configure(|client| client.no_proxy()).build().unwrap();
    let config = OtlpConfig::default().all(|all| {
        all.endpoint(format!("http://127.0.0.1:{port}")).protocol(protocol).compression(compression)
    });
    let exporter = OtlpExporter::new(Arc::new(transport), config).unwrap();
    let records = workload();
    let result = export(&exporter, &records, None).await;
    assert_eq!(result, Ok(Receipt::new(records.len())), "{protocol:?} {compression:?}");
}

/// Messages in an order of their own.
fn sorted<M: Message>(messages: impl IntoIterator<Item = M>) -> Vec<Vec<u8>> {
    let mut all: Vec<_> = messages.into_iter().map(|message| message.encode_to_vec()).collect();
    all.sort();
    all
}

#[tokio::test]
#[ignore = "needs Python; .ci/collectors runs it"]
async fn python_reads_every_message_whole() {
    let requests = requests().await;
    let mut child = python()
        .arg(script("decode.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Running)
        .unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut input = child.0.stdin.take().unwrap();
    for request in &requests {
        writeln!(input, "{} {}", request.path, hex(&request.body)).unwrap();
    }
    drop(input);
    let kept: Vec<_> = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert!(child.0.wait().unwrap().success());
    assert_eq!(kept.len(), 3);
    for (kept, request) in kept.iter().zip(&requests) {
        assert!(*kept == hex(&request.body), "{}: something was lost", request.path);
    }
}

/// The lines that a process writes.
fn lines(child: &mut Running) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    let out = BufReader::new(child.0.stdout.take().unwrap());
    std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    told
}

#[tokio::test]
#[ignore = "needs a collector; .ci/collectors runs it"]
async fn oteltap_receives_each_span_log_record_and_metric_as_it_was_made() {
    let sent = Sent::of(&requests().await);
    // It takes protobuf alone, and nothing that is compressed.
    let port = free_port();
    let mut child = python()
        .arg(script("receive.py"))
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Running)
        .unwrap();
    let told = lines(&mut child);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "ready");
    wait_for(port);
    send(port, Protocol::HttpProtobuf, Compression::None).await;
    let count = sent.spans().len() + sent.log_records().len() + sent.metrics().len();
    assert_eq!(count, 40 + 30 + 3);
    let received: Vec<_> = (0..count).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    let of = |kind: &str| {
        let bytes = |line: &String| {
            let hex = line.strip_prefix(kind)?.strip_prefix(' ')?;
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
        };
        let mut all: Vec<Vec<u8>> = received.iter().filter_map(bytes).collect();
        all.sort();
        all
    };
    let own = |messages: Vec<Vec<u8>>, kind: &str| {
        assert!(of(kind) == messages, "{kind}: {} of {}", of(kind).len(), messages.len());
    };
    own(sorted(sent.spans().into_iter().cloned()), "span");
    own(sorted(sent.log_records().into_iter().cloned()), "log");
    own(sorted(sent.metrics().into_iter().cloned()), "metric");
}

/// What rotel hands on of what it received.
async fn through_rotel(protocol: Protocol, compression: Compression) -> Sent {
    let onward = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&onward).await;
    let (port, grpc) = (free_port(), free_port());
    let library = environment().join("lib");
    let version = std::fs::read_dir(&library).unwrap().next().unwrap().unwrap().path();
    let place = std::env::temp_dir().join(format!("telemetry-rotel-{port}"));
    let _rotel = Command::new(version.join("site-packages/rotel/rotel-agent"))
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
    send(port, protocol, compression).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let mut sent = Sent::default();
        for request in onward.received_requests().await.unwrap() {
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
        if sent.spans().len() >= 40 && sent.log_records().len() >= 30 && sent.metrics().len() >= 3 {
            return sent;
        }
        assert!(Instant::now() < end, "not all of it came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The same without the values of metrics: of JSON, rotel reads none that is a string, as the specification
/// has integers of 64 bits, and all else.
fn without_values(mut sent: Sent) -> Sent {
    let scopes = sent.metrics.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
    for metric in scopes.flat_map(|scope| &mut scope.metrics) {
        match &mut metric.data {
            Some(Data::Sum(sum)) => sum.data_points.iter_mut().for_each(|point| point.value = None),
            _ => metric.data = None,
        }
    }
    sent
}

#[tokio::test]
#[ignore = "needs a collector; .ci/collectors runs it"]
async fn rotel_hands_on_what_it_received_as_it_was_made_in_every_form() {
    let expected = Sent::of(&requests().await);
    for (protocol, compression) in [
        (Protocol::HttpProtobuf, Compression::None),
        (Protocol::HttpProtobuf, Compression::Gzip),
        (Protocol::HttpJson, Compression::None),
        (Protocol::HttpJson, Compression::Gzip),
    ] {
        let received = through_rotel(protocol, compression).await;
        let seen = if protocol == Protocol::HttpJson { without_values } else { |sent| sent };
        assert_eq!(seen(received), seen(expected.clone()), "{protocol:?} {compression:?}");
    }
}
