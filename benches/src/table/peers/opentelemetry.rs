//! Spans and logs of OpenTelemetry, through its batch processors, to nowhere and over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogBatches, BatchLogProcessor, LogBatch, LogExporter, SdkLoggerProvider,
};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder as SpanBatches, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter,
};

use crate::table::measure::{Meter, Row};
use crate::table::ours::subject::{DELIVERED, EVENT, STATEMENT};
use crate::table::server::Server;

const PACKAGE: &str = "opentelemetry_sdk";
const OTLP: &str = "opentelemetry-otlp";
const ROOM: usize = 200_000;
const ID: &str = "01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b";

pub fn rows() -> Vec<Row> {
    // For its HTTP client, which shares its features with the library's.
    rustls::crypto::ring::default_provider().install_default().expect("there is none yet");
    vec![
        Row::peer(EVENT, PACKAGE, "an event of a span", one_event()).most(128),
        Row::peer(EVENT, PACKAGE, "a log record", one_log()).times(4000).every(2).cpu(),
        Row::peer(STATEMENT, PACKAGE, "a span with 10 events", span(events)).times(4000).every(2).cpu(),
        Row::peer(STATEMENT, PACKAGE, "a span with sums", span(sums)).times(4000).every(2).cpu(),
        Row::peer(DELIVERED, OTLP, "a span with 10 events", delivered(events)).times(5000).every(20).cpu(),
        Row::peer(DELIVERED, OTLP, "a span with sums", delivered(sums)).times(5000).every(20).cpu(),
        Row::peer(DELIVERED, OTLP, "a log record with sums", delivered_logs()).times(5000).every(20).cpu(),
    ]
}

/// Counts what it is given.
#[derive(Clone, Debug, Default)]
struct Nowhere(Arc<AtomicU64>);

impl SpanExporter for Nowhere {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

impl LogExporter for Nowhere {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.0.fetch_add(batch.iter().count() as u64, Ordering::Relaxed);
        Ok(())
    }
}

fn spans(exporter: impl SpanExporter + 'static) -> (SdkTracerProvider, SdkTracer) {
    let config = SpanBatches::default().with_max_queue_size(ROOM).build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let tracer = provider.tracer("driver");
    (provider, tracer)
}

fn logs(exporter: impl LogExporter + 'static) -> SdkLoggerProvider {
    let config = LogBatches::default().with_max_queue_size(ROOM).build();
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(config).build();
    SdkLoggerProvider::builder().with_log_processor(processor).build()
}

fn chunk(index: i64) -> Vec<KeyValue> {
    vec![KeyValue::new("index", index), KeyValue::new("bytes", 65_536), KeyValue::new("latency_ms", 12)]
}

/// A statement as a driver would trace it.
fn events(tracer: &SdkTracer) {
    let mut span = tracer.start("statement");
    span.set_attribute(KeyValue::new("kind", "query"));
    span.set_attribute(KeyValue::new("id", ID));
    for index in 0..10 {
        span.add_event("chunk", chunk(index));
    }
    span.end();
}

/// The same where the driver adds its chunks up itself.
fn sums(tracer: &SdkTracer) {
    let mut span = tracer.start("statement");
    for attribute in summed() {
        span.set_attribute(attribute);
    }
    span.end();
}

fn summed() -> [KeyValue; 8] {
    [
        KeyValue::new("kind", "query"),
        KeyValue::new("id", ID),
        KeyValue::new("chunks", 10),
        KeyValue::new("bytes", 655_360),
        KeyValue::new("first_ms", 12),
        KeyValue::new("slowest_ms", 12),
        KeyValue::new("sum_ms", 120),
        KeyValue::new("latency_ms", 42),
    ]
}

fn one_event() -> impl FnMut(&mut Meter) {
    let (provider, tracer) = spans(Nowhere::default());
    move |meter| {
        let mut span = tracer.start("statement");
        meter.each(|time| span.add_event("chunk", chunk(time as i64)));
        span.end();
        provider.force_flush().expect("it is exported");
    }
}

fn one_log() -> impl FnMut(&mut Meter) {
    let exporter = Nowhere::default();
    let seen = Arc::clone(&exporter.0);
    let provider = logs(exporter);
    let logger = provider.logger("driver");
    move |meter| {
        let before = seen.load(Ordering::Relaxed);
        meter.each(|time| {
            let mut record = logger.create_log_record();
            record.set_severity_number(Severity::Info);
            record.set_event_name("chunk");
            record.set_body(AnyValue::from("chunk"));
            record.add_attribute("id", ID);
            record.add_attribute("index", time as i64);
            record.add_attribute("bytes", 65_536_i64);
            logger.emit(record);
        });
        meter.rest(|| provider.force_flush()).expect("it is exported");
        assert_eq!(seen.load(Ordering::Relaxed) - before, meter.times);
    }
}

fn span(record: fn(&SdkTracer)) -> impl FnMut(&mut Meter) {
    let exporter = Nowhere::default();
    let seen = Arc::clone(&exporter.0);
    let (provider, tracer) = spans(exporter);
    move |meter| {
        let before = seen.load(Ordering::Relaxed);
        meter.each(|_| record(&tracer));
        meter.rest(|| provider.force_flush()).expect("it is exported");
        assert_eq!(seen.load(Ordering::Relaxed) - before, meter.times);
    }
}

/// Nothing in the exporter says how much was taken: the server says how much came.
fn check(server: &Server, meter: &mut Meter, deliver: impl FnOnce(u64)) {
    let before = server.seen();
    meter.all(deliver);
    let (seen, times) = (server.seen(), meter.times);
    assert!(seen.requests - before.requests >= times / 512, "{seen:?}");
    meter.sent(seen.bytes - before.bytes);
    assert!(seen.bytes - before.bytes >= times * 150, "{seen:?}");
}

fn delivered(record: fn(&SdkTracer)) -> impl FnMut(&mut Meter) {
    let server = Server::start();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", server.url()))
        .build();
    let (provider, tracer) = spans(exporter.expect("it has a client"));
    move |meter| {
        check(&server, meter, |times| {
            (0..times).for_each(|_| record(&tracer));
            provider.force_flush().expect("it is delivered");
        });
    }
}

fn delivered_logs() -> impl FnMut(&mut Meter) {
    let server = Server::start();
    let exporter = opentelemetry_otlp::LogExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/logs", server.url()))
        .build();
    let provider = logs(exporter.expect("it has a client"));
    let logger = provider.logger("driver");
    move |meter| {
        check(&server, meter, |times| {
            for _ in 0..times {
                let mut record = logger.create_log_record();
                record.set_severity_number(Severity::Info);
                record.set_event_name("statement");
                record.set_body(AnyValue::from("statement"));
                record.add_attributes(summed().map(|KeyValue { key, value, .. }| (key, any(value))));
                logger.emit(record);
            }
            provider.force_flush().expect("it is delivered");
        });
    }
}

fn any(value: opentelemetry::Value) -> AnyValue {
    match value {
        opentelemetry::Value::I64(number) => number.into(),
        value => AnyValue::String(value.to_string().into()),
    }
}
