//! What is sent, received by two collectors that nobody here wrote, and read by OpenTelemetry's messages in
//! Python. They are where `COLLECTORS` says: a virtual environment, which `.ci/collectors` makes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

#[allow(dead_code, reason = "each test program uses its own part")]
#[path = "../it/common.rs"]
mod common;

mod collector;
mod file;
mod together;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message;
use telemetry_core::plugin::{HttpRequest, Receipt};
use telemetry_core::record::Record;
use telemetry_export_http::ReqwestTransport;
use telemetry_export_otlp::{Compression, OtlpConfig, OtlpExporter, Protocol};

use collector::{Oteltap, Rotel, Running, python, script};
use common::{Sent, accepting, batch, error_alone, export, exporter, record, session, under_parent};

/// Records of all kinds.
fn workload() -> Vec<Arc<Record>> {
    let session = session();
    let alone = (100..110)
        .map(|number| record(&session, number, Duration::from_secs(60), under_parent(error_alone())));
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

#[tokio::test]
#[ignore = "needs a collector; .ci/collectors runs it"]
async fn oteltap_receives_each_span_log_record_and_metric_as_it_was_made() {
    let sent = Sent::of(&requests().await);
    let oteltap = Oteltap::start();
    send(oteltap.port, Protocol::HttpProtobuf, Compression::None).await;
    let count = sent.spans().len() + sent.log_records().len() + sent.metrics().len();
    assert_eq!(count, 40 + 30 + 5);
    let received: Vec<_> = (0..count).map(|_| oteltap.next()).collect();
    let of = |wanted: &str| {
        let of_kind = received.iter().filter(|(kind, _)| kind == wanted);
        let mut all: Vec<Vec<u8>> = of_kind.map(|(_, bytes)| bytes.clone()).collect();
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
    let rotel = Rotel::start().await;
    send(rotel.port, protocol, compression).await;
    let enough =
        |sent: &Sent| sent.spans().len() >= 40 && sent.log_records().len() >= 30 && sent.metrics().len() >= 5;
    rotel.until(enough).await
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
