//! What recording costs a driver's thread.
//!
//! `cargo bench` in this folder. Compare lines of one run with each other; absolute figures are the
//! machine's.

use std::time::Duration;

use divan::Bencher;
use telemetry_core::plugin::AlwaysClosed;
use telemetry_core::{
    Chunk, ClientProvider, ConnectionInfo, DriverIdentity, ErrorDetails, Lease, Mode, Session, StatementType,
    Target, TelemetryConfig,
};
use telemetry_testkit::{RecordingExporter, ScriptedFlags};

fn main() {
    divan::main();
}

const FLAG: &str = "flag";

/// A connection whose records go nowhere: nothing but the driver's side is measured.
fn connection(mode: Mode) -> (Lease, Session) {
    let provider = ClientProvider::builder(
        DriverIdentity::builder().name("bench").version("1.0.0").client("BENCH").flag(FLAG).build().unwrap(),
    )
    .config(TelemetryConfig::default().mode(mode).max_events(1_000_000))
    .exporter(RecordingExporter::forgetful())
    .flags(ScriptedFlags::fixed(FLAG, true))
    .breakers(AlwaysClosed)
    .environment(|_| None)
    .build()
    .unwrap();
    let lease = provider.acquire(Target::new("bench.cloud.databricks.com"));
    let session = lease.opening(ConnectionInfo::new()).opened("session");
    (lease, session)
}

const MS: Duration = Duration::from_millis(1);

fn statement_with_ten_chunks(session: &Session) {
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    statement.id("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    for index in 0..10 {
        statement.chunk(Chunk::new(index, MS).bytes(1000));
    }
    statement.complete_after(42 * MS);
}

#[divan::bench]
fn off_statement_with_ten_chunks(bencher: Bencher) {
    let (_lease, session) = connection(Mode::Off);
    bencher.bench_local(|| statement_with_ten_chunks(&session));
}

#[divan::bench]
fn off_error(bencher: Bencher) {
    let (_lease, session) = connection(Mode::Off);
    bencher.bench_local(|| session.error(|| ErrorDetails::new("E").message("never made")));
}

#[divan::bench]
fn on_one_event_by_id(bencher: Bencher) {
    let (_lease, session) = connection(Mode::On);
    let emitter = session.emitter();
    emitter.started("s1", StatementType::Query);
    bencher.bench_local(|| emitter.poll("s1", MS));
}

#[divan::bench]
fn on_one_chunk_by_handle(bencher: Bencher) {
    let (_lease, session) = connection(Mode::On);
    let mut statement = session.statement();
    bencher.bench_local(|| statement.chunk(Chunk::new(1, MS).bytes(1000)));
}

#[divan::bench]
fn on_statement_with_ten_chunks(bencher: Bencher) {
    let (_lease, session) = connection(Mode::On);
    bencher.bench_local(|| statement_with_ten_chunks(&session));
}

#[divan::bench(threads = [1, 2, 8])]
fn on_statement_with_ten_chunks_from_threads(bencher: Bencher) {
    let (_lease, session) = connection(Mode::On);
    bencher.bench(|| statement_with_ten_chunks(&session));
}

#[divan::bench]
fn on_error_with_a_message(bencher: Bencher) {
    let (_lease, session) = connection(Mode::On);
    let message = "[TABLE_OR_VIEW_NOT_FOUND] The table or view `main`.`sales`.`orders` cannot be found. Verify the \
                   spelling and correctness of the schema and catalog. SQLSTATE: 42P01; line 1 pos 14";
    bencher.bench_local(|| session.error(|| ErrorDetails::new("TABLE_OR_VIEW_NOT_FOUND").message(message)));
}
