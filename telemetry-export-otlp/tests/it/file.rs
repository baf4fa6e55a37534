//! Lines in a file.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use telemetry_core::plugin::{AuthHeaders, Receipt};
use telemetry_core::{Exporter, Fault};
use telemetry_export_otlp::{OtlpConfig, OtlpFileExporter, Signal};

use crate::common::{Sent, batch, export, sent};

/// A directory of a test's own, which goes with it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("telemetry-otlp-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("telemetry.jsonl")
    }

    fn read(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(name)).unwrap();
        assert!(text.ends_with('\n'), "the last line is whole");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// What a reader makes of lines, each of which says what it is by its one field.
fn read(lines: &[String]) -> Sent {
    let mut read = Sent::default();
    for line in lines {
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let names: Vec<_> = fields.keys().map(String::as_str).collect();
        match names[..] {
            ["resourceSpans"] => {
                let ExportTraceServiceRequest { resource_spans } = serde_json::from_str(line).unwrap();
                read.traces.resource_spans.extend(resource_spans);
            }
            ["resourceLogs"] => {
                let ExportLogsServiceRequest { resource_logs } = serde_json::from_str(line).unwrap();
                read.logs.resource_logs.extend(resource_logs);
            }
            ["resourceMetrics"] => {
                let ExportMetricsServiceRequest { resource_metrics } = serde_json::from_str(line).unwrap();
                read.metrics.resource_metrics.extend(resource_metrics);
            }
            _ => panic!("{names:?}"),
        }
    }
    read
}

#[tokio::test]
async fn a_batch_is_a_line_for_each_signal_of_what_would_be_sent() {
    let (directory, records) = (Directory::new(), batch(4));
    let exporter = OtlpFileExporter::new(directory.file(), OtlpConfig::default()).unwrap();
    let credentials = AuthHeaders::bearer("canary");
    let receipt = export(&exporter, &records, Some(&credentials)).await;
    assert_eq!(receipt, Ok(Receipt::written(4)));
    let lines = directory.read("telemetry.jsonl");
    assert_eq!(lines.len(), 3);
    assert_eq!(read(&lines), sent(&records, OtlpConfig::default()).await);
    assert!(!lines.concat().contains("canary"));
    assert_eq!(exporter.dry_run(), Some(directory.file()));
    assert!(exporter.may_block(), "as a disk may");
    assert!(!format!("{exporter:?}").contains("telemetry.jsonl"));
}

#[tokio::test]
async fn a_full_file_is_set_aside_between_batches() {
    let (directory, records) = (Directory::new(), batch(2));
    let unbounded = OtlpFileExporter::new(directory.file(), OtlpConfig::default()).unwrap();
    export(&unbounded, &records, None).await.unwrap();
    let batch_bytes = fs::metadata(directory.file()).unwrap().len();
    let bounded =
        OtlpFileExporter::bounded(directory.file(), 2 * batch_bytes, OtlpConfig::default()).unwrap();
    for (written, here, aside) in [(2, 2, None), (3, 1, Some(2)), (4, 2, Some(2)), (5, 1, Some(2))] {
        export(&bounded, &records, None).await.unwrap();
        assert_eq!(directory.read("telemetry.jsonl").len(), 3 * here, "after {written} batches");
        let old = directory.0.join("telemetry.jsonl.1");
        assert_eq!(old.exists().then(|| directory.read("telemetry.jsonl.1").len()), aside.map(|of| 3 * of));
    }
    let small = OtlpFileExporter::bounded(directory.file(), batch_bytes - 1, OtlpConfig::default()).unwrap();
    assert_eq!(export(&small, &records, None).await, Err(Fault::TooLarge.into()));
}

#[tokio::test]
async fn signals_that_are_off_are_not_written() {
    let directory = Directory::new();
    let config = OtlpConfig::default().signal(Signal::Metrics, |metrics| metrics.off());
    let exporter = OtlpFileExporter::new(directory.file(), config.clone()).unwrap();
    export(&exporter, &batch(4), None).await.unwrap();
    assert_eq!(directory.read("telemetry.jsonl").len(), 2);
    let none = OtlpFileExporter::new(directory.file(), config.all(|all| all.off()));
    assert_eq!(none.unwrap_err().to_string(), "a signal that is on is missing");
}

#[tokio::test]
async fn what_can_not_be_written_is_a_fault() {
    let directory = Directory::new();
    let exporter = OtlpFileExporter::new(directory.0.clone(), OtlpConfig::default()).unwrap();
    let failure = export(&exporter, &batch(1), None).await.unwrap_err();
    assert!(matches!(failure.fault, Fault::Write(_)), "{failure:?}");
}
