//! What a batch measured, added up.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, NumberDataPoint};
use telemetry_core::record::{Body, ErrorInfo, Record, RecordKind};
use telemetry_core::{ErrorClass, Fault};
use telemetry_export_otlp::{OtlpConfig, Signal};

use crate::common::{
    Sent, answering, at, batch, error_alone, export, exporter, record, sent, session, shown, statement,
};

fn lasting(millis: &[u64]) -> Vec<Arc<Record>> {
    let session = session();
    let one = |(number, millis): (usize, &u64)| {
        let body = Body { latency: Some(Duration::from_millis(*millis)), ..Body::new(RecordKind::Statement) };
        record(&session, number as u8, Duration::from_secs(number as u64), body)
    };
    millis.iter().enumerate().map(one).collect()
}

fn histogram(metric: &Metric) -> &[HistogramDataPoint] {
    let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!(histogram.aggregation_temporality, 1, "delta");
    &histogram.data_points
}

fn sum(metric: &Metric) -> &[NumberDataPoint] {
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (1, true), "delta");
    &sum.data_points
}

#[tokio::test]
async fn durations_are_a_histogram_with_the_conventions_buckets() {
    // A bound belongs to the bucket that it ends.
    let sent = sent(&lasting(&[0, 1, 2, 500, 501, 10_000, 10_001]), OtlpConfig::default()).await;
    let metrics = sent.metrics();
    assert_eq!(metrics.len(), 1, "nothing is said of chunks and retries that weren't measured");
    assert_eq!((metrics[0].name.as_str(), metrics[0].unit.as_str()), ("db.client.operation.duration", "s"));
    let [point] = histogram(metrics[0]) else { panic!("{metrics:?}") };
    assert_eq!(point.explicit_bounds, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
    assert_eq!(point.bucket_counts, [2, 1, 0, 0, 0, 1, 1, 0, 1, 1]);
    assert_eq!((point.count, point.min, point.max), (7, Some(0.0), Some(10.001)));
    assert!((point.sum.unwrap() - 21.005).abs() < 1e-9);
    // From just before the first record to the last.
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (at(0.0) - 1, at(6.0)));
}

#[tokio::test]
async fn rows_bytes_chunks_and_retries_are_counted() {
    let sent = sent(&batch(3), OtlpConfig::default()).await;
    let metrics = sent.metrics();
    let named: Vec<_> = metrics.iter().map(|metric| (metric.name.as_str(), metric.unit.as_str())).collect();
    let expected = [
        ("db.client.operation.duration", "s"),
        ("databricks.client.rows", "{row}"),
        ("databricks.client.bytes", "By"),
        ("databricks.client.chunks", "{chunk}"),
        ("databricks.client.retries", "{retry}"),
    ];
    assert_eq!(named, expected);
    let values = |metric| sum(metric).iter().map(|point| point.value).collect::<Vec<_>>();
    let of = |values: [i64; 2]| values.map(|value| Some(Value::AsInt(value))).to_vec();
    // Of bytes, those in chunks and those in none.
    assert_eq!((values(metrics[1]), values(metrics[2])), (of([2000, 1000]), of([2 * 4608, 4608])));
    assert_eq!((values(metrics[3]), values(metrics[4])), (of([4, 2]), of([4, 2])));
}

#[tokio::test]
async fn of_a_size_of_which_nothing_was_said_nothing_is_counted_and_a_measured_zero_is() {
    let of = |bytes, chunks: Option<u64>| {
        let mut body = statement();
        let sql = body.sql.as_mut().unwrap();
        (sql.bytes, sql.rows) = (bytes, Some(0));
        sql.chunks.as_mut().unwrap().bytes = chunks.unwrap_or(0);
        [record(&session(), 1, Duration::ZERO, body)]
    };
    for (bytes, chunks, expected) in [
        (None, None, None),
        (Some(0), None, Some(0)),
        (None, Some(7), Some(7)),
        (Some(u64::MAX), Some(7), Some(i64::MAX)),
    ] {
        let sent = sent(&of(bytes, chunks), OtlpConfig::default()).await;
        let value = |name: &str| {
            let metric = sent.metrics().into_iter().find(|metric| metric.name == name)?;
            sum(metric)[0].value
        };
        assert_eq!(value("databricks.client.rows"), Some(Value::AsInt(0)));
        assert_eq!(value("databricks.client.bytes"), expected.map(Value::AsInt), "{bytes:?} {chunks:?}");
    }
}

#[tokio::test]
async fn operations_are_told_apart_by_the_conventions_attributes_alone() {
    let sent = sent(&batch(4), OtlpConfig::default()).await;
    let [well, failed] = histogram(sent.metrics()[0]) else { panic!("two sets of attributes") };
    assert_eq!((well.count, failed.count), (2, 2));
    let common = ["server.address=dbc-a1.cloud.databricks.com", "server.port=443"];
    let operation = ["db.system.name=databricks", "db.operation.name=EXECUTE_STATEMENT"];
    let error = ["db.response.status_code=42P01", "error.type=TABLE_OR_VIEW_NOT_FOUND"];
    assert_eq!(shown(&well.attributes), [&operation[..], &common].concat());
    assert_eq!(shown(&failed.attributes), [&operation[..], &error, &common].concat());
}

#[tokio::test]
async fn sets_of_attributes_beyond_the_bound_are_added_up_in_one_that_says_so() {
    let session = session();
    let of = |number: u8| {
        let failure = ErrorInfo::new(format!("E{}", number / 2), ErrorClass::Terminal);
        record(&session, number, Duration::ZERO, Body { error: Some(failure), ..statement() })
    };
    // Five sets, of two records each.
    let records: Vec<_> = (0..10).map(of).collect();
    for (most, kept, overflow) in [(5, 5, None), (4, 4, Some(2)), (2, 2, Some(6)), (1, 1, Some(8))] {
        let sent = sent(&records, OtlpConfig::default().max_attribute_sets(most)).await;
        let points = histogram(sent.metrics()[0]);
        let beyond: Vec<_> =
            points.iter().filter(|point| shown(&point.attributes) == ["otel.metric.overflow=true"]).collect();
        assert_eq!(points.len() - beyond.len(), kept);
        assert_eq!(beyond.first().map(|point| point.count), overflow, "{most}");
        assert_eq!(points.iter().map(|point| point.count).sum::<u64>(), 10);
        for counted in &sent.metrics()[1..] {
            assert_eq!(sum(counted).len(), points.len());
        }
    }
}

#[tokio::test]
async fn errors_alone_are_no_operations() {
    let records = [record(&session(), 1, Duration::ZERO, error_alone())];
    assert!(sent(&records, OtlpConfig::default()).await.metrics().is_empty());
}

#[tokio::test]
async fn what_is_measured_is_sent_once_however_often_the_batch_fails_before() {
    use telemetry_core::plugin::HttpResponse;
    let answer = |status| HttpResponse::new(status, "");
    let transport = answering([answer(503), answer(200), answer(502), answer(200), answer(504)]);
    let exporter = exporter(&transport, OtlpConfig::default());
    let records = batch(4);
    let mut faults = Vec::new();
    let receipt = loop {
        match export(&exporter, &records, None).await {
            Ok(receipt) => break receipt,
            Err(failure) => faults.push(failure.fault),
        }
    };
    assert_eq!(faults, [Fault::Status(503), Fault::Status(502), Fault::Status(504)]);
    assert_eq!(receipt.accepted, 4);
    let paths: Vec<_> = transport.requests().iter().map(|request| request.path.clone()).collect();
    // Refused are the first, the third and the fifth.
    let expected = ["/v1/traces", "/v1/traces", "/v1/logs", "/v1/logs", "/v1/metrics", "/v1/metrics"];
    assert_eq!(paths, expected);
    let sent = Sent::of(&transport.requests());
    assert_eq!(histogram(sent.metrics()[0]).iter().map(|point| point.count).sum::<u64>(), 4);
    let bodies: Vec<_> = transport.requests().into_iter().map(|request| request.body).collect();
    assert!(bodies[4] == bodies[5], "the same again");
}

#[tokio::test]
async fn metrics_can_be_off() {
    let config = OtlpConfig::default().signal(Signal::Metrics, |metrics| metrics.off());
    let sent = sent(&batch(2), config).await;
    assert_eq!((sent.spans().len(), sent.log_records().len(), sent.metrics().len()), (2, 1, 0));
}
