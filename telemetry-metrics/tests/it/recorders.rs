//! Recorders that are late, missing, or broken.

use metrics::{Unit, with_local_recorder};

use crate::common::*;

fn work(bench: &Bench) {
    let lease = bench.lease(0);
    open(&lease).statement().complete();
    bench.pass(10 * SECOND);
    bench.close(&lease, SECOND);
}

#[test]
fn a_recorder_that_panics_harms_nothing_but_its_own_series() {
    let recorder = Remembering::panicking_at("telemetry_records_made_total");
    with_local_recorder(&recorder, || {
        let bench = Bench::new(config());
        work(&bench);
        bench.metrics.collect(&bench.provider);
        assert_eq!(recorder.value("telemetry_records_accepted_total sink=vendor"), 2);
        assert!(!recorder.values().contains_key("telemetry_records_made_total sink=vendor"));
        recorder.panics(Some("telemetry_attempt_duration_seconds"));
        work(&bench);
        // What was lost of a duration is lost; the books have everything.
        let status = assert_equal(&bench, &recorder);
        assert_eq!(status.records.accepted, 4);
        let attempts = recorder.value("telemetry_attempts_total outcome=accepted sink=vendor");
        assert_eq!(attempts, bench.vendor.attempts().len() as u64);
    });
}

#[test]
fn without_a_recorder_nothing_happens_and_one_that_comes_later_gets_all_totals() {
    let bench = Bench::new(config());
    work(&bench);
    bench.metrics.collect(&bench.provider);
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        assert_equal(&bench, &recorder);
        let series = "telemetry_attempts_total outcome=accepted sink=collector";
        assert_eq!(recorder.value(series), bench.collector.attempts().len() as u64);
        work(&bench);
        let durations = "telemetry_attempt_duration_seconds outcome=accepted sink=collector";
        assert!(!recorder.durations(durations).is_empty(), "it is looked up each time");
    });
}

#[test]
fn every_metric_is_described_with_its_unit() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let bench = Bench::new(config());
        work(&bench);
        bench.metrics.collect(&bench.provider);
        let described = recorder.descriptions();
        let series = recorder.values().into_keys().chain(recorder.histograms());
        let mut metrics: Vec<_> = series.map(|series| series.split(' ').next().unwrap().to_owned()).collect();
        metrics.sort();
        metrics.dedup();
        assert!(metrics.iter().eq(described.keys()), "{metrics:?} {described:?}");
        for (metric, unit) in described {
            let expected = if metric.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
            assert_eq!(unit, Some(expected), "{metric}");
        }
    });
}

#[test]
fn the_head_of_the_crate_has_every_metric() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let bench = Bench::new(config());
        bench.metrics.collect(&bench.provider);
        let head = include_str!("../../src/lib.rs");
        let rows = head.lines().filter_map(|line| line.strip_prefix("//! | `telemetry_"));
        let mut told: Vec<_> =
            rows.map(|row| format!("telemetry_{}", row.split('`').next().unwrap())).collect();
        told.sort();
        assert!(told.iter().eq(recorder.descriptions().keys()), "{told:?}");
    });
}
