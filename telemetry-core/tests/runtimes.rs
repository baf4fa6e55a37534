//! Runtimes of every kind, and none. The clock is the machine's here, but no outcome depends on how fast it
//! is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod common;

use std::time::Duration;

use common::*;
use telemetry_core::plugin::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;
use tokio::runtime::Builder;

/// Long enough never to be reached on a machine that works at all.
const LONG: Duration = Duration::from_secs(60);

fn provider(worker: Runtime, exporter: &RecordingExporter) -> ClientProvider {
    ClientProvider::builder(identity())
        .config(config())
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .runtime(worker)
        .environment(|_| None)
        .build()
        .unwrap()
}

fn runtimes() -> [tokio::runtime::Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

#[test]
fn works_with_no_runtime_at_all() {
    let exporter = RecordingExporter::new();
    let lease = provider(Runtime::Own, &exporter).acquire(Target::new(HOST));
    open(&lease).statement().complete();
    assert!(lease.close_blocking(LONG).is_delivered());
    assert_eq!(exporter.accepted().len(), 2);
}

#[test]
fn the_close_runs_on_any_executor() {
    let exporter = RecordingExporter::new();
    let lease = provider(Runtime::Own, &exporter).acquire(Target::new(HOST));
    open(&lease).statement().complete();
    // A runtime without timers or sockets.
    let bare = Builder::new_current_thread().build().unwrap();
    assert!(bare.block_on(lease.close(LONG)).is_delivered());
}

#[test]
fn works_inside_runtimes_of_both_kinds_on_its_own_thread_and_on_theirs() {
    for runtime in runtimes() {
        for worker in [Runtime::Own, Runtime::Handle(runtime.handle().clone())] {
            let exporter = RecordingExporter::new();
            let provider = provider(worker, &exporter);
            let closed = runtime.block_on(async {
                let lease = provider.acquire(Target::new(HOST));
                open(&lease).statement().complete();
                let closed = lease.close(LONG).await;
                drop(lease);
                // Dropped inside a runtime, where a blocking shutdown would panic.
                drop(provider);
                closed
            });
            assert_eq!((closed, exporter.accepted().len()), (CloseOutcome::Delivered { accepted: 2 }, 2));
        }
    }
}

#[test]
fn a_blocking_close_delivers_on_any_thread_of_any_runtime() {
    for runtime in runtimes() {
        let exporter = RecordingExporter::new();
        let provider = provider(Runtime::Own, &exporter);
        let record = || {
            let lease = provider.acquire(Target::new(HOST));
            open(&lease).statement().complete();
            lease
        };
        let two = CloseOutcome::Delivered { accepted: 2 };
        runtime.block_on(async {
            assert_eq!(record().close_blocking(LONG), two);
            let lease = record();
            let blocking = tokio::task::spawn_blocking(move || lease.close_blocking(LONG)).await;
            assert_eq!(blocking.unwrap(), two);
            let lease = record();
            let task = tokio::spawn(async move { lease.close_blocking(LONG) }).await;
            assert_eq!(task.unwrap(), two);
        });
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async { assert_eq!(record().close_blocking(LONG), two) });
        assert_eq!(exporter.accepted().len(), 8);
    }
}

#[test]
fn a_blocking_close_does_not_wait_where_the_work_may_wait_for_its_thread() {
    for runtime in runtimes() {
        let exporter = RecordingExporter::new();
        let provider = provider(Runtime::Handle(runtime.handle().clone()), &exporter);
        let lease = provider.acquire(Target::new(HOST));
        open(&lease).statement().complete();
        let blocking = async move { (lease.flush_blocking(LONG), lease.close_blocking(LONG)) };
        let task = runtime.block_on(async { tokio::spawn(blocking).await });
        assert_eq!(task.unwrap(), (FlushOutcome::NotAwaited, CloseOutcome::NotAwaited));
        // It goes on in the background.
        runtime.block_on(async {
            while exporter.accepted().len() < 2 {
                tokio::task::yield_now().await;
            }
        });
    }
}

#[test]
fn a_flush_works_on_any_runtime_and_without_one() {
    let exporter = RecordingExporter::new();
    let provider = provider(Runtime::Own, &exporter);
    let lease = provider.acquire(Target::new(HOST));
    let session = open(&lease);
    assert_eq!(lease.flush_blocking(LONG), FlushOutcome::Delivered { accepted: 1 });
    for runtime in runtimes() {
        session.statement().complete();
        assert_eq!(
            runtime.block_on(async { lease.flush(LONG).await }),
            FlushOutcome::Delivered { accepted: 1 }
        );
        session.statement().complete();
        assert_eq!(
            runtime.block_on(async { lease.flush_blocking(LONG) }),
            FlushOutcome::Delivered { accepted: 1 }
        );
    }
    assert_eq!(lease.flush_blocking(LONG), FlushOutcome::Delivered { accepted: 0 }, "there is nothing left");
    assert!(matches!(Lease::disabled().flush_blocking(LONG), FlushOutcome::Off(OffReason::Setting)));
}

#[test]
fn a_runtime_that_shuts_down_under_us_is_counted_and_hurts_nobody() {
    for runtime in runtimes() {
        let exporter = RecordingExporter::scripted(Script::always(Do::Hang));
        let provider = provider(Runtime::Handle(runtime.handle().clone()), &exporter);
        let lease = provider.acquire(Target::new(HOST));
        let session = open(&lease);
        session.statement().complete();
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        session.statement().complete();
        assert_eq!(lease.status().state, TelemetryState::Off(OffReason::Closed));
        let dropped = lease.status().records.dropped;
        assert_eq!(dropped.total(), lease.status().records.made);
        assert_balanced(&lease);
        assert!(matches!(lease.close_blocking(LONG), CloseOutcome::Lost { .. }));
        // And a connection that comes later is none the wiser.
        open(&provider.acquire(Target::new(HOST))).statement().complete();
    }
}

#[test]
fn clients_that_ended_with_their_runtime_take_nobodys_place() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let worker = Runtime::Handle(runtime.handle().clone());
    let bench = Bench::with(config().max_clients(1), |builder| builder.runtime(worker));
    let lease = |host: &str| bench.provider.acquire(Target::new(host));
    let first = lease("a.databricks.com");
    assert_eq!(lease("b.databricks.com").status().state, TelemetryState::Off(OffReason::TooManyClients));
    drop(runtime);
    let second = lease("b.databricks.com");
    assert_eq!(
        second.status().state,
        TelemetryState::Off(OffReason::Closed),
        "there was a place, but no runtime"
    );
    drop(first);
}

#[test]
fn the_closing_deadline_fires_without_the_workers_help() {
    // A runtime of the driver's that nobody runs: its tasks never move.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let exporter = RecordingExporter::new();
    let lease = provider(Runtime::Handle(runtime.handle().clone()), &exporter).acquire(Target::new(HOST));
    open(&lease).statement().complete();
    let closed = lease.close_blocking(Duration::from_millis(20));
    assert!(matches!(closed, CloseOutcome::TimedOut { dropped, .. } if dropped.total() == 2));
    assert_balanced(&lease);
    let other = provider(Runtime::Handle(runtime.handle().clone()), &exporter).acquire(Target::new(HOST));
    open(&other).statement().complete();
    let elsewhere = Builder::new_current_thread().build().unwrap();
    let closed = elsewhere.block_on(other.close(Duration::from_millis(20)));
    assert!(matches!(closed, CloseOutcome::TimedOut { dropped, .. } if dropped.total() == 2));
}

#[test]
fn many_threads_of_a_synchronous_driver_lose_nothing() {
    let exporter = RecordingExporter::new();
    let config = config().max_records(100_000).max_events(100_000);
    let provider = ClientProvider::builder(identity())
        .config(config)
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(HOST));
    let session = open(&lease);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let session = &session;
            scope.spawn(move || {
                let emitter = session.emitter();
                for number in 0..200 {
                    let id = format!("s-{thread}-{number}");
                    emitter.started(&id, StatementType::Query);
                    emitter.chunk(&id, Chunk::new(0, MS));
                    emitter.completed(&id, MS);
                    session.statement().complete();
                }
            });
        }
    });
    assert!(lease.close_blocking(LONG).is_delivered());
    let status = lease.status();
    assert_eq!(status.events.refused.total(), 0, "{}", status.events);
    assert_eq!(status.records.accepted, 1 + 8 * 400);
    assert_eq!(exporter.accepted().len(), 1 + 8 * 400);
    assert_balanced(&lease);
}

#[test]
fn a_flush_that_was_begun_outlives_the_provider() {
    let exporter = RecordingExporter::new();
    let provider = provider(Runtime::Own, &exporter);
    let lease = provider.acquire(Target::new(HOST));
    open(&lease).statement().complete();
    let script = exporter.script().clone();
    drop(lease);
    drop(provider);
    while exporter.accepted().len() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(script.calls(), 1);
}
