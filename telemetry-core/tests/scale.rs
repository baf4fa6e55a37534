//! What many clients cost, by counts: memory and threads. A program of its own, as it counts what the whole
//! process allocates and runs: one test, so that nothing else does meanwhile.
#![allow(clippy::unwrap_used, reason = "this is a test")]

#[path = "common/allocated.rs"]
mod allocated;
mod common;

use allocated::allocated;
use common::*;
use telemetry_core::status::TelemetryState;
use telemetry_core::*;
use telemetry_testkit::*;

/// So many clients, of ten hosts, each with a connection.
fn connect(bench: &Bench, count: usize) -> Vec<(Lease, Session)> {
    let connect = |number: usize| {
        let target = Target::new(format!("dbc-{}.cloud.databricks.com", number % 10));
        let lease = bench.provider.acquire(target.credentials(StaticToken::new(&format!("t{number}"))));
        let session = open(&lease);
        session.statement().complete();
        (lease, session)
    };
    let mut all = Vec::with_capacity(count);
    all.extend((0..count).map(connect));
    all
}

/// How many bytes each of so many clients holds when all is delivered.
fn bytes(count: usize) -> usize {
    let bench = Bench::with(config(), |builder| builder.exporter(RecordingExporter::forgetful()));
    let before = allocated();
    let all = connect(&bench, count);
    bench.step();
    // In one step for all of them, though each sends in its own time.
    bench.clock.advance(5 * SECOND);
    bench.step();
    let grown = allocated() - before;
    for (lease, _) in &all {
        assert_balanced(lease);
        assert_eq!(lease.status().records.accepted, 2);
    }
    grown / count
}

/// How many threads there are more with so many clients at work.
#[cfg(target_os = "linux")]
fn threads(count: usize) -> usize {
    let running = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = running();
    let bench = Bench::with(config(), |builder| builder.runtime(Runtime::Own));
    let all = connect(&bench, count);
    eventually("all know their flag", || {
        all.iter().all(|(lease, _)| lease.status().state != TelemetryState::Undecided)
    });
    let more = running() - before;
    drop((all, bench));
    eventually("its thread ends", || running() == before);
    more
}

#[test]
fn a_client_costs_as_much_among_a_thousand_as_among_a_hundred_and_no_more_threads() {
    let [few, many] = [100, 1000].map(bytes);
    eprintln!("{few} bytes for each of 100 clients, {many} for each of 1000");
    assert!(few.abs_diff(many) * 10 <= few);
    assert!(many <= 12 * 1024, "what the buffer had room for is given back");
    #[cfg(target_os = "linux")]
    {
        // One, and eight at the most for plug-ins that may block, as those of this test say.
        let [few, many] = [100, 1000].map(threads);
        assert!(few <= 9 && many <= 9, "{few} threads for 100 clients, {many} for 1000");
    }
}
