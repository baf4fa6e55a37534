//! Counters and gauges.

use std::io;

use metrics::with_local_recorder;
use proptest::prelude::*;
use telemetry_core::plugin::PluginError;
use telemetry_core::status::{DropReason, Reason, Refusal};
use telemetry_core::{Fault, Lease, Session, StatementType};
use telemetry_metrics::ProviderMetrics;
use telemetry_testkit::{Accept, Do, flag};

use crate::common::*;

/// What can become of a batch, each time.
fn fates() -> Vec<Do<Accept>> {
    let faults = [
        Fault::Status(503),
        Fault::Status(403),
        Fault::Status(418),
        Fault::BadAnswer,
        Fault::TooLarge,
        Fault::Write(io::ErrorKind::NotFound),
    ];
    let fails = faults.map(|fault| Do::Fail(PluginError::new(fault)));
    let others = [Do::Give(Accept::All), Do::Give(Accept::Only(0)), Do::Panic, Do::Hang];
    fails.into_iter().chain(others).collect()
}

/// A driver that does all that is refused.
fn misuse(session: &Session, lease: &Lease) {
    let emitter = session.emitter();
    emitter.started("s1", StatementType::Query);
    emitter.started("s1", StatementType::Query);
    emitter.completed("s1", SECOND);
    emitter.completed("s1", SECOND);
    session.statement().id("no id at all");
    session.error(|| panic!("planted"));
    drop(open(lease));
}

#[test]
fn every_reason_is_counted_as_the_ledgers_have_it() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let small = config().max_records(4).batch_size(2).max_events(16).max_age(40 * SECOND);
        let bench = Bench::new(small.max_retries(0).request_timeout(10 * SECOND));
        // Each host has a fate of its own, from start to end.
        for (host, fate) in fates().into_iter().enumerate() {
            bench.vendor.script().set(fate.clone());
            bench.collector.script().set(fate);
            let lease = bench.lease(host);
            let session = open(&lease);
            (0..3).for_each(|_| session.statement().complete());
            misuse(&session, &lease);
            bench.pass(30 * SECOND);
            (0..100).for_each(|_| session.statement().complete());
            assert_equal(&bench, &recorder);
            bench.pass(30 * SECOND);
            session.statement().complete();
            bench.close(&lease, SECOND);
            session.statement().complete();
            assert_equal(&bench, &recorder);
        }
        // One waits for too long, one is in flight at its end, and two may not be told.
        for (host, fate, time) in
            [(98, Do::Fail(PluginError::new(503)), 120 * SECOND), (99, Do::Hang, SECOND / 2)]
        {
            bench.vendor.script().set(fate);
            let lease = bench.lease(host);
            drop(open(&lease));
            bench.pass(time);
            bench.close(&lease, SECOND);
        }
        for (host, answer) in
            [(100, Do::Give(flag(FLAG, false, 900 * SECOND))), (101, Do::Fail(PluginError::new(503)))]
        {
            bench.flags.script().set(answer);
            let lease = bench.lease(host);
            drop(open(&lease));
            bench.pass(30 * SECOND);
            bench.close(&lease, SECOND);
        }
        let status = assert_equal(&bench, &recorder);
        let missing: Vec<_> =
            DropReason::ALL.iter().filter(|reason| status.records.dropped.get(**reason) == 0).collect();
        assert_eq!(missing, [&DropReason::RuntimeGone, &DropReason::InternalFault], "{status:?}");
        for reason in [
            Refusal::BufferFull,
            Refusal::Closed,
            Refusal::InvalidId,
            Refusal::UnknownStatement,
            Refusal::StartedTwice,
            Refusal::Panicked,
        ] {
            assert!(status.events.refused.get(reason) > 0, "{reason:?}");
        }
        assert!(status.sinks[0].1.dropped.total() > 0);
    });
}

#[test]
fn all_series_are_there_at_zero_from_the_first_collection_and_hosts_add_none() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let bench = Bench::new(config());
        bench.metrics.collect(&bench.provider);
        let first = recorder.values();
        assert!(first.values().all(|value| *value == 0), "{first:?}");
        // Those of the head of the crate, but for what is a histogram's.
        assert_eq!(first.len(), 17 + 2 * (32 - 5));
        for host in 0..50 {
            open(&bench.lease(host)).statement().complete();
        }
        bench.pass(10 * SECOND);
        assert_equal(&bench, &recorder);
        assert!(recorder.values().keys().eq(first.keys()));
        assert!(recorder.histograms().len() <= 2 * 5);
    });
}

#[test]
fn gauges_say_what_waits_who_lives_and_what_breakers_do_and_totals_survive_those_who_are_gone() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let bench = Bench::new(config().max_retries(0));
        let leases: Vec<_> = (0..3).map(|host| bench.lease(host)).collect();
        let sessions: Vec<_> = leases.iter().map(open).collect();
        bench.metrics.collect(&bench.provider);
        assert_eq!(recorder.value("telemetry_events_waiting"), 3);
        bench.pass(10 * SECOND);
        // One host's fails from here on, and another's is never called again.
        bench.vendor.script().set(Do::Fail(PluginError::new(503)));
        sessions[0].statement().complete();
        bench.pass(8 * SECOND);
        assert_equal(&bench, &recorder);
        let value = |series: &str| recorder.value(series);
        assert_eq!((value("telemetry_clients"), value("telemetry_events_waiting")), (3, 0));
        assert_eq!(value("telemetry_records_held sink=vendor"), 1);
        assert_eq!(value("telemetry_records_held sink=collector"), 0);
        assert_eq!(value("telemetry_breakers sink=vendor state=open"), 1);
        assert_eq!(value("telemetry_breakers sink=vendor state=closed"), 2);
        assert_eq!(value("telemetry_breakers sink=collector state=closed"), 3);
        bench.vendor.script().set(Do::Give(Accept::All));
        bench.pass(120 * SECOND);
        drop(sessions);
        leases.iter().for_each(|lease| bench.close(lease, SECOND));
        drop(leases);
        bench.pass(SECOND);
        assert_equal(&bench, &recorder);
        assert_eq!((value("telemetry_clients"), value("telemetry_records_held sink=vendor")), (0, 0));
        assert_eq!(value("telemetry_breakers sink=vendor state=closed"), 0);
        assert_eq!(value("telemetry_records_accepted_total sink=vendor"), 4);
        assert_eq!(value("telemetry_records_made_total sink=collector"), 4);
    });
}

#[test]
fn labels_tell_providers_of_one_program_apart() {
    let recorder = Remembering::default();
    with_local_recorder(&recorder, || {
        let benches = ["a", "b"].map(|driver| {
            Bench::with(config(), ProviderMetrics::labelled([("driver", driver)]), |builder| builder)
        });
        let lease = benches[1].lease(0);
        drop(open(&lease));
        benches.iter().for_each(|bench| bench.pass(10 * SECOND));
        // In either order: nobody's numbers are in another's series.
        for bench in benches.iter().rev() {
            bench.metrics.collect(&bench.provider);
        }
        let accepted = |driver: &str| {
            recorder.value(&format!("telemetry_records_accepted_total driver={driver} sink=vendor"))
        };
        assert_eq!((accepted("a"), accepted("b")), (0, 1));
        assert!(recorder.values().keys().all(|series| series.contains(" driver=")));
        let durations = "telemetry_attempt_duration_seconds driver=b outcome=accepted sink=vendor";
        assert_eq!(recorder.durations(durations).len(), 1);
    });
}

/// What happens to a driver and its ways.
#[derive(Clone, Debug)]
enum Happens {
    Statements(usize),
    Misuse,
    Passes(u64),
    Vendor(usize),
    Collector(usize),
    Again,
    Closes,
    Collected,
}

fn happens() -> impl Strategy<Value = Happens> {
    let fate = || 0..fates().len();
    prop_oneof![
        4 => (1usize..40).prop_map(Happens::Statements),
        1 => Just(Happens::Misuse),
        4 => (1u64..40).prop_map(Happens::Passes),
        2 => fate().prop_map(Happens::Vendor),
        2 => fate().prop_map(Happens::Collector),
        1 => Just(Happens::Again),
        1 => Just(Happens::Closes),
        2 => Just(Happens::Collected),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_the_metrics_are_the_ledgers(
        seed: u64,
        all in prop::collection::vec((0usize..3, happens()), 1..60),
    ) {
        fastrand::seed(seed);
        let recorder = Remembering::default();
        with_local_recorder(&recorder, || {
            let small = config().max_records(8).batch_size(3).max_events(32).max_age(60 * SECOND);
            let bench = Bench::new(small.request_timeout(10 * SECOND));
            let mut all_leases = [0, 1, 2].map(|host| bench.lease(host));
            let mut sessions = all_leases.each_ref().map(open);
            for (host, what) in all {
                match what {
                    Happens::Statements(count) => {
                        (0..count).for_each(|_| sessions[host].statement().complete());
                    }
                    Happens::Misuse => misuse(&sessions[host], &all_leases[host]),
                    Happens::Passes(seconds) => (0..seconds).for_each(|_| bench.pass(SECOND)),
                    Happens::Vendor(fate) => bench.vendor.script().set(fates()[fate].clone()),
                    Happens::Collector(fate) => bench.collector.script().set(fates()[fate].clone()),
                    Happens::Again => {
                        all_leases[host] = bench.lease(host);
                        sessions[host] = open(&all_leases[host]);
                    }
                    Happens::Closes => bench.close(&all_leases[host], SECOND),
                    Happens::Collected => drop(assert_equal(&bench, &recorder)),
                }
            }
            assert_equal(&bench, &recorder);
            drop((sessions, all_leases));
            bench.pass(120 * SECOND);
            assert_equal(&bench, &recorder);
            crate::attempts::assert_attempts(&bench, &recorder);
        });
    }
}
