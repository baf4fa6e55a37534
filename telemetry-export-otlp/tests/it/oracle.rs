//! What is sent, read by OpenTelemetry's own crate, with nothing lost, in either form.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use telemetry_core::ErrorClass;
use telemetry_core::plugin::Receipt;
use telemetry_core::record::{Body, Record, RecordKind};
use telemetry_export_otlp::OtlpConfig;
use telemetry_testkit::strategies;

use crate::common::{
    PARENT, Sent, accepting, as_json, error, export, exporter, record, sent, session, statement, under_parent,
};

/// Runs a law on arbitrary batches whose records have ids of their own.
fn on_batches(law: impl Fn(&tokio::runtime::Runtime, &[Arc<Record>]) -> Result<(), TestCaseError>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() })
        .run(&strategies::batch(1..=20), |records| law(&runtime, &records))
        .unwrap();
}

#[test]
fn every_message_is_understood_whole_and_json_says_the_same_as_protobuf() {
    on_batches(|runtime, records| {
        let binary = runtime.block_on(sent(records, OtlpConfig::default()));
        let transport = telemetry_testkit::ScriptedTransport::answering(200, "{}");
        let json = exporter(&transport, as_json(OtlpConfig::default()));
        prop_assert_eq!(runtime.block_on(export(&json, records, None)), Ok(Receipt::new(records.len())));
        prop_assert_eq!(Sent::of(&transport.requests()), binary);
        Ok(())
    });
}

/// What the span of a record is to be called: its own id, its trace's, its parent's, and the flags.
fn ids(record: &Arc<Record>) -> (Vec<u8>, Vec<u8>, Vec<u8>, u32) {
    let mut id = record.id.to_bytes();
    // A last byte of zero is one.
    id[15] = id[15].max(1);
    match record.body.trace_parent.as_deref() {
        Some(parent) => {
            (id[8..].into(), parent.trace_id().into(), parent.parent_id().into(), parent.flags().into())
        }
        None => (id[8..].into(), id.into(), vec![], 0),
    }
}

#[test]
fn every_record_is_there_once_with_ids_of_its_own() {
    on_batches(|runtime, records| {
        let sent = runtime.block_on(sent(records, OtlpConfig::default()));
        let is_span = |record: &&Arc<Record>| record.body.kind != RecordKind::Error;
        let mut expected: Vec<_> = records.iter().filter(is_span).map(ids).collect();
        let own = |span: &&Span| {
            (span.span_id.clone(), span.trace_id.clone(), span.parent_span_id.clone(), span.flags)
        };
        let mut spans: Vec<_> = sent.spans().iter().map(own).collect();
        expected.sort();
        spans.sort();
        prop_assert_eq!(spans, expected);
        for span in sent.spans() {
            prop_assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
            prop_assert!(span.events.len() <= 4);
            let mut keys: Vec<_> = span.attributes.iter().map(|attribute| &attribute.key).collect();
            keys.sort();
            keys.dedup();
            prop_assert_eq!(keys.len(), span.attributes.len(), "no name twice");
        }
        let logs = records.iter().filter(|record| !is_span(record) || record.body.error.is_some()).count();
        prop_assert_eq!(sent.log_records().len(), logs);
        Ok(())
    });
}

#[test]
fn metrics_add_up_to_what_was_measured_in_the_batch() {
    on_batches(|runtime, records| {
        // So few rows that their sum is a number.
        let few = |record: &Arc<Record>| {
            let mut record = (**record).clone();
            if let Some(rows) = record.body.sql.as_mut().and_then(|sql| sql.rows.as_mut()) {
                *rows %= 1000;
            }
            Arc::new(record)
        };
        let records: Vec<_> = records.iter().map(few).collect();
        for most in [1, 3, 2000] {
            let sent = runtime.block_on(sent(&records, OtlpConfig::default().max_attribute_sets(most)));
            let spans = || records.iter().filter(|record| record.body.kind != RecordKind::Error);
            let sqls = || spans().filter_map(|record| record.body.sql.as_ref());
            let measured = spans().filter(|record| record.body.latency.is_some()).count() as u64;
            let chunks: u64 =
                sqls().filter_map(|sql| sql.chunks).map(|chunks| u64::from(chunks.iterated)).sum();
            let rows: u64 = sqls().filter_map(|sql| sql.rows).sum();
            let (mut count, mut buckets, mut sum, mut rows_seen) = (0, 0, 0, 0);
            for metric in sent.metrics() {
                match metric.data.as_ref().unwrap() {
                    Data::Histogram(histogram) => {
                        for point in &histogram.data_points {
                            count += point.count;
                            buckets += point.bucket_counts.iter().sum::<u64>();
                            prop_assert!(point.min <= point.max && point.max <= point.sum);
                        }
                    }
                    Data::Sum(chunks) if metric.name == "databricks.client.chunks" => {
                        for point in &chunks.data_points {
                            let Some(Value::AsInt(value)) = point.value else { panic!("{point:?}") };
                            sum += value as u64;
                        }
                    }
                    Data::Sum(rows) if metric.name == "databricks.client.rows" => {
                        for point in &rows.data_points {
                            let Some(Value::AsInt(value)) = point.value else { panic!("{point:?}") };
                            rows_seen += value as u64;
                        }
                    }
                    _ => {}
                }
            }
            prop_assert_eq!((count, buckets, sum), (measured, measured, chunks));
            prop_assert_eq!(rows_seen, rows);
        }
        Ok(())
    });
}

#[test]
fn a_batch_that_is_sent_again_is_the_same_to_the_byte() {
    on_batches(|runtime, records| {
        let transport = accepting();
        let exporter = exporter(&transport, OtlpConfig::default());
        let first = runtime.block_on(export(&exporter, records, None));
        let all = transport.requests();
        prop_assert_eq!(runtime.block_on(export(&exporter, records, None)), first);
        let again = transport.requests().split_off(all.len());
        let bytes = |requests: Vec<telemetry_core::plugin::HttpRequest>| {
            requests.into_iter().map(|request| (request.path, request.body)).collect::<Vec<_>>()
        };
        prop_assert!(bytes(again) == bytes(all));
        Ok(())
    });
}

/// Ids in OTLP's JSON are hexadecimal, where protobuf's own JSON has base64.
#[tokio::test]
async fn ids_in_json_are_hexadecimal_and_one_in_base64_would_be_refused() {
    let transport = telemetry_testkit::ScriptedTransport::answering(200, "{}");
    let failed = Body { error: Some(error(ErrorClass::Terminal)), ..under_parent(statement()) };
    let records = [record(&session(), 0xab, Duration::from_secs(1), failed)];
    export(&exporter(&transport, as_json(OtlpConfig::default())), &records, None).await.unwrap();
    let requests = transport.requests();
    let text = String::from_utf8(requests[0].body.clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!((&span["traceId"], &span["parentSpanId"]), (&PARENT[3..35].into(), &PARENT[36..52].into()));
    assert_eq!(span["flags"], 1);
    assert_eq!(span["spanId"], "abababababababab");
    // Integers of 64 bits are strings, enums are numbers.
    assert_eq!(span["endTimeUnixNano"], "1767225601000000000");
    assert_eq!((&span["kind"], &span["status"]["code"]), (&3.into(), &2.into()));
    let log = &serde_json::from_slice::<serde_json::Value>(&requests[1].body).unwrap();
    let log = &log["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!((&log["traceId"], &log["severityNumber"]), (&span["traceId"], &17.into()));
    assert_eq!((&log["spanId"], &log["flags"]), (&span["spanId"], &1.into()));
    let read = |text: &str| serde_json::from_str::<ExportTraceServiceRequest>(text);
    assert!(read(&text).is_ok());
    for (hex, base64) in [
        (&PARENT[3..35], "S/kvNXezTaajzpKdDg5HNg=="),
        (&PARENT[36..52], "APBnqgupArc="),
        ("\"abababababababab\"", "\"q6urq6urq6s=\""),
    ] {
        assert!(text.contains(hex) && read(&text.replace(hex, base64)).is_err(), "{base64}");
    }
}
