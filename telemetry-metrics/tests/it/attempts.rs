//! Attempts by outcome, and how long they took.

use metrics::with_local_recorder;
use telemetry_core::plugin::{Attempt, PluginError, Receipt};
use telemetry_core::{ClientProviderBuilder, Exporter, Sink, async_trait};
use telemetry_metrics::ProviderMetrics;
use telemetry_testkit::{Accept, Do};

use crate::common::*;

const OUTCOMES: [&str; 5] = ["accepted", "written", "retryable", "terminal", "unknown"];

fn attempts(recorder: &Remembering, sink: &str) -> [u64; 5] {
    OUTCOMES.map(|outcome| recorder.value(&format!("telemetry_attempts_total outcome={outcome} sink={sink}")))
}

fn durations(recorder: &Remembering, sink: &str, outcome: &str) -> Vec<f64> {
    recorder.durations(&format!("telemetry_attempt_duration_seconds outcome={outcome} sink={sink}"))
}

/// Each attempt that an exporter saw is counted, but for those that the end of a client cut short, and each
/// has a duration.
pub(crate) fn assert_attempts(bench: &Bench, recorder: &Remembering) {
    for (sink, exporter) in [("vendor", &bench.vendor), ("collector", &bench.collector)] {
        let counted = attempts(recorder, sink);
        let timed = OUTCOMES.map(|outcome| durations(recorder, sink, outcome).len() as u64);
        assert_eq!(counted, timed, "{sink}");
        let seen = exporter.attempts().len() as u64;
        assert!(counted.iter().sum::<u64>() <= seen, "{sink}: {counted:?} of {seen}");
    }
}

#[test]
fn attempts_are_counted_and_timed_by_sink_and_by_how_they_end() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let bench = Bench::new(config().max_retries(0).request_timeout(10 * SECOND));
        let fates = [
            Do::Give(Accept::All),
            Do::Fail(PluginError::new(403)),
            Do::Fail(PluginError::new(418)),
            Do::Hang,
            Do::Give(Accept::All),
        ];
        for (host, fate) in fates.into_iter().enumerate() {
            bench.vendor.script().set(fate);
            let lease = bench.lease(host);
            drop(open(&lease));
            bench.pass(6 * SECOND);
            // What hangs ends meanwhile, and goes again.
            bench.vendor.script().set(Do::Give(Accept::All));
            bench.pass(120 * SECOND);
        }
        assert_equal(&bench, &recorder);
        assert_eq!(attempts(&recorder, "vendor"), [3, 0, 1, 1, 1]);
        assert_eq!(attempts(&recorder, "collector"), [5, 0, 0, 0, 0]);
        assert_attempts(&bench, &recorder);
        assert_eq!(bench.vendor.attempts().len(), 6);
        assert_eq!(durations(&recorder, "vendor", "accepted"), [0.0; 3]);
        let [timed_out] = durations(&recorder, "vendor", "retryable")[..] else { panic!("one timed out") };
        assert!((10.0..=11.0).contains(&timed_out), "in seconds: {timed_out}");
    });
}

/// Writes to a file, as far as its receipt says.
#[derive(Debug)]
struct Writing;

#[async_trait]
impl Exporter for Writing {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        Ok(Receipt::written(attempt.records.len()))
    }
}

#[test]
fn what_is_written_to_a_file_is_an_outcome_of_its_own() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let with_file = |builder: ClientProviderBuilder| builder.sink(Sink::new("file", Writing));
        let bench = Bench::with(config(), ProviderMetrics::new(), with_file);
        let lease = bench.lease(0);
        drop(open(&lease));
        bench.pass(10 * SECOND);
        assert_equal(&bench, &recorder);
        assert_eq!(attempts(&recorder, "file"), [0, 1, 0, 0, 0]);
        assert_eq!(durations(&recorder, "file", "written"), [0.0]);
        assert_eq!(recorder.value("telemetry_records_written_total sink=file"), 1);
    });
}

#[test]
fn a_batch_costs_the_recorder_one_call_however_many_records_it_has() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let bench = Bench::new(config().max_events(1000));
        let lease = bench.lease(0);
        let session = open(&lease);
        bench.pass(10 * SECOND);
        assert_eq!(recorder.calls(), 2, "one for each way");
        (0..90).for_each(|_| session.statement().complete());
        bench.pass(10 * SECOND);
        assert_eq!(bench.vendor.accepted().len(), 91);
        assert_eq!(bench.vendor.attempts().len(), 2);
        assert_eq!(recorder.calls(), 4);
    });
}
