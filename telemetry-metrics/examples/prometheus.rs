//! A program that a Prometheus can scrape, with a driver in it whose telemetry goes two ways.
//!
//! ```sh
//! cargo run -p telemetry-metrics --example prometheus
//! curl http://127.0.0.1:9184/metrics
//! ```
#![allow(clippy::print_stdout, reason = "it says where it can be scraped")]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};
use telemetry_core::plugin::{AlwaysClosed, Attempt, PluginError, Receipt};
use telemetry_core::record::Level;
use telemetry_core::{
    ClientProvider, ConnectionInfo, DriverIdentity, ErrorDetails, Exporter, Mode, Sink, Target,
    TelemetryConfig, async_trait,
};
use telemetry_flags::StaticFlags;
use telemetry_metrics::ProviderMetrics;

fn main() -> Result<(), Box<dyn Error>> {
    // The program's: a driver leaves the recorder to it.
    let recorder = recorder()?;
    let prometheus = recorder.handle();
    metrics::set_global_recorder(recorder)?;

    let metrics = ProviderMetrics::new();
    let provider = provider(&metrics)?;
    let driver = provider.clone();
    thread::spawn(move || {
        loop {
            work(&driver);
            thread::sleep(Duration::from_secs(1));
        }
    });

    let listener = TcpListener::bind("127.0.0.1:9184")?;
    println!("http://{}/metrics", listener.local_addr()?);
    serve(&listener, || {
        metrics.collect(&provider);
        prometheus.render()
    });
    Ok(())
}

/// What keeps the metrics. Without buckets, durations would be summaries, which can't be added up.
pub(crate) fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let durations = Matcher::Full("telemetry_attempt_duration_seconds".to_owned());
    Ok(PrometheusBuilder::new().set_buckets_for_metric(durations, &seconds)?.build_recorder())
}

/// A driver's provider, with a sink for what went wrong.
pub(crate) fn provider(metrics: &ProviderMetrics) -> Result<ClientProvider, telemetry_core::BuildError> {
    let flag = "enableTelemetryForMyDriver";
    let identity = DriverIdentity::builder().name("My Driver").version("1.0.0").client("MYDRIVER").flag(flag);
    ClientProvider::builder(identity.build()?)
        .config(TelemetryConfig::default().mode(Mode::On))
        .exporter(Flaky::default())
        .flags(StaticFlags::new([(flag, true)]))
        .breakers(AlwaysClosed)
        .sink(Sink::new("errors", Flaky::default()).level(Level::Warn))
        .observer(metrics.clone())
        .build()
}

/// What the driver does: a connection, three statements, one of which fails.
pub(crate) fn work(provider: &ClientProvider) {
    let lease = provider.acquire(Target::new("dbc-a1b2.cloud.databricks.com"));
    let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    session.statement().complete();
    session.statement().complete();
    session.statement().failed(|| ErrorDetails::new("TABLE_OR_VIEW_NOT_FOUND"));
    drop(session);
    drop(lease.close_blocking(Duration::from_secs(10)));
}

/// Sends nothing, and is busy, or refuses, now and then.
#[derive(Debug, Default)]
struct Flaky(AtomicUsize);

#[async_trait]
impl Exporter for Flaky {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        match self.0.fetch_add(1, Ordering::Relaxed) % 5 {
            1 => Err(PluginError::new(503)),
            4 => Err(PluginError::new(403)),
            _ => Ok(Receipt::new(attempt.records.len())),
        }
    }
}

/// Answers each connection with what `scrape` gives, one after another. A program has an HTTP server already,
/// or `metrics-exporter-prometheus` brings one.
pub(crate) fn serve(listener: &TcpListener, scrape: impl Fn() -> String) {
    for connection in listener.incoming() {
        // Who hung up needs no answer.
        let _ = connection.and_then(|connection| answer(connection, &scrape()));
    }
}

fn answer(mut connection: TcpStream, body: &str) -> io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut request, mut part) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16 * 1024 {
        match connection.read(&mut part)? {
            0 => break,
            length => request.extend_from_slice(&part[..length]),
        }
    }
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}
