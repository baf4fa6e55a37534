//! The strategies: they give all that they say, and what they give can be used.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use telemetry_core::plugin::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::strategies::{self, BreakerCall, DriverEvent};
use telemetry_testkit::{FakeClock, RecordingExporter, ScriptedFlags};

/// The same values in every run.
fn samples<S: Strategy>(strategy: S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// The fields that a `Debug` text shows as `None` and as `Some`.
fn fields(shown: &str, value: &str) -> HashSet<String> {
    let before = shown.split(&format!(": {value}")).collect::<Vec<_>>();
    let (_, before) = before.split_last().unwrap();
    let name = |text: &&str| {
        text.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap().to_owned()
    };
    before.iter().map(name).collect()
}

#[test]
fn every_kind_of_record_comes_and_every_field_that_may_be_left_out_is_there_and_is_not() {
    let records = samples(strategies::record(), 400);
    let kinds: HashSet<_> = records.iter().map(|record| record.body.kind).collect();
    assert_eq!(kinds.len(), 4);
    // Only names of fields are wanted, so texts are no matter as long as both sides are looked at alike.
    let shown: String = records.iter().map(|record| format!("{record:?}")).collect();
    let (left_out, there) = (fields(&shown, "None"), fields(&shown, "Some("));
    for field in [
        "session_id",
        "workspace_id",
        "user_agent",
        "auth_type",
        "statement_id",
        "trace_parent",
        "latency",
        "since_start",
        "sql",
        "volume",
        "error",
        "text",
        "statement_type",
        "is_compressed",
        "execution_result",
        "chunk",
        "retry_count",
        "rows",
        "bytes",
        "chunks",
        "present",
        "first",
        "slowest",
        "result_ready",
        "result_consumed",
        "operation",
        "operation_type",
        "status_calls",
        "status_latency",
        "is_internal_call",
        "java_uses_patched_arrow",
        "volume_path",
        "local_file",
        "os_name",
        "runtime_name",
        "process_name",
        "host_url",
        "port",
        "proxy_auth_type",
    ] {
        assert!(left_out.contains(field) && there.contains(field), "{field}");
    }
    let params = ConnectionParams::default();
    let all = fields(&format!("{params:?}"), "None");
    assert_eq!(all.len(), 46);
    let missing: Vec<_> =
        all.iter().filter(|field| !(left_out.contains(*field) && there.contains(*field))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn batches_share_connections() {
    let batches = samples(strategies::batch(0..=20), 50);
    let sessions = |batch: &Vec<std::sync::Arc<Record>>| {
        batch.iter().map(|record| std::sync::Arc::as_ptr(&record.session)).collect::<HashSet<_>>().len()
    };
    assert!(batches.iter().any(|batch| batch.is_empty()));
    assert!(batches.iter().any(|batch| batch.len() == 20));
    assert!(batches.iter().all(|batch| sessions(batch) <= 3));
    assert!(batches.iter().any(|batch| sessions(batch) == 3));
}

#[test]
fn times_reach_their_ends() {
    let ticks = samples(strategies::tick(), 200);
    assert!(ticks.contains(&Tick::ZERO) && ticks.contains(&Tick::MAX));
    let durations = samples(strategies::duration(), 200);
    assert!(durations.contains(&Duration::ZERO) && durations.contains(&Duration::MAX));
    let dates = samples(strategies::date(), 200);
    assert!(dates.iter().any(|date| *date < SystemTime::UNIX_EPOCH));
    let chunks = samples(strategies::chunk(), 200);
    let compressed: HashSet<_> = chunks.iter().map(|chunk| chunk.compressed).collect();
    assert_eq!(compressed.len(), 3);
    assert!(chunks.iter().any(|chunk| chunk.index == u32::MAX));
    let hosts = samples(strategies::host(), 50);
    assert!(hosts.iter().all(Host::is_secure) && hosts.iter().any(|host| host.port() != 443));
}

#[test]
fn breaker_calls_are_of_every_kind() {
    let calls: Vec<_> = samples(strategies::breaker_calls(50), 50).into_iter().flatten().collect();
    let has = |wanted: fn(&BreakerCall) -> bool| assert!(calls.iter().any(wanted));
    has(|call| matches!(call, BreakerCall::Admit));
    has(|call| {
        matches!(call, BreakerCall::Settle { outcome: Outcome::Failure { retry_after: Some(_) }, .. })
    });
    has(|call| matches!(call, BreakerCall::Cancel(_)));
    has(|call| matches!(call, BreakerCall::Pass(_)));
    has(|call| matches!(call, BreakerCall::Back(_)));
}

/// Plays events to a client whose worker moves by hand, until all is delivered that will be; what was, and
/// what the books say.
fn played(events: &[DriverEvent], play: fn(&Session, &[DriverEvent])) -> (Vec<RecordKind>, Status) {
    let (clock, exporter) = (FakeClock::new(), RecordingExporter::new());
    let identity =
        DriverIdentity::builder().name("Test").version("1.0.0").client("TEST").flag("flag").build().unwrap();
    let provider = ClientProvider::builder(identity)
        .config(TelemetryConfig::default().mode(Mode::On).abandoned_after(Duration::from_secs(10)))
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed("flag", true))
        .breakers(AlwaysClosed)
        .clock(clock.clone())
        .runtime(Runtime::Manual)
        .system(SystemInfo::default())
        .environment(|_| None)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new("a.example"));
    play(&lease.opening(ConnectionInfo::new()).opened("session-1"), events);
    // Longer than a statement stays open without a word, in steps, as the worker would wake.
    let end = clock.now() + Duration::from_secs(30);
    provider.step();
    for turn in 0.. {
        assert!(turn < 100_000, "the worker wakes for ever");
        if clock.next_wake().is_none_or(|at| at > end) {
            break;
        }
        clock.advance_to_next();
        provider.step();
    }
    (exporter.accepted().iter().map(|record| record.body.kind).collect(), lease.status())
}

fn count(kinds: &[RecordKind], wanted: RecordKind) -> usize {
    kinds.iter().filter(|kind| **kind == wanted).count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_driver_does_its_books_balance_and_its_statements_arrive(events in strategies::driver_events(60)) {
        let (mut slots, mut started, mut calls, mut closed) = (HashSet::new(), 0, 0, 0);
        for event in &events {
            match event {
                DriverEvent::Started { slot, .. } => started += usize::from(slots.insert(*slot)),
                DriverEvent::Ended { slot, .. } => drop(slots.remove(slot)),
                DriverEvent::Operation(_) => calls += 1,
                DriverEvent::Closed(_) => closed += 1,
                _ => {}
            }
        }
        for play in [strategies::play, strategies::play_by_id] {
            let (kinds, status) = played(&events, play);
            prop_assert!(status.balances(), "{}\n{}", status.events, status.records);
            prop_assert_eq!(count(&kinds, RecordKind::Statement), started);
            prop_assert_eq!(count(&kinds, RecordKind::Operation), calls);
            prop_assert_eq!(count(&kinds, RecordKind::Connection), 1 + closed);
        }
    }
}
