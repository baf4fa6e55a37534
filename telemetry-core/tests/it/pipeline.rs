//! From a handle to an exporter.

use std::sync::{Arc, Mutex, Weak};

use crate::common::*;
use telemetry_core::plugin::{Attempt, PluginError, Receipt};
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::{Do, Script, ScriptedFlags};

#[test]
fn a_statement_with_chunks_becomes_one_record_within_the_flush_interval() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    statement.id("statement-1");
    statement.chunks_present(3);
    let recorders = [statement.chunk_recorder(), statement.chunk_recorder()];
    statement.chunk(Chunk::new(0, 5 * MS).bytes(10));
    recorders[0].chunk(Chunk::new(1, 9 * MS).bytes(20));
    recorders[1].chunk(Chunk::new(2, 7 * MS).bytes(30));
    drop(recorders);
    bench.clock.advance(40 * MS);
    statement.result_ready();
    bench.clock.advance(2 * MS);
    statement.complete();
    bench.pass(2 * SECOND);
    assert!(bench.exporter.attempts().is_empty(), "before half of the interval is over");
    bench.pass(7 * SECOND);
    let records = bench.exporter.accepted();
    let kinds: Vec<_> = records.iter().map(|record| record.body.kind).collect();
    assert_eq!(kinds, [RecordKind::Connection, RecordKind::Statement]);
    assert_eq!(records[1].body.latency, Some(42 * MS));
    assert_eq!(records[1].body.statement_id, StatementId::new("statement-1"));
    let sql = records[1].body.sql.as_ref().unwrap();
    let chunks = sql.chunks.unwrap();
    assert_eq!((chunks.present, chunks.iterated, chunks.bytes), (Some(3), 3, 60));
    assert_eq!(sql.result_ready, Some(40 * MS));
    let status = lease.status();
    assert_eq!((status.records.made, status.records.accepted), (2, 2));
    assert_eq!(status.events.seen, 1 + 8, "the opening, and the statement's own from its start to its end");
    assert_balanced(&lease);
}

#[test]
fn a_terminal_error_goes_out_at_once_and_the_statement_gives_no_second_record_of_it() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(SECOND);
    let mut statement = session.statement();
    statement.id("s1");
    statement.error(|| ErrorDetails::new("PERMISSION_DENIED").fault(403).message("no"));
    bench.provider.step();
    let sent = bench.exporter.accepted();
    assert_eq!(sent.last().unwrap().body.kind, RecordKind::Error);
    statement.complete();
    bench.pass(10 * SECOND);
    let errors = bench.exporter.accepted().iter().filter(|record| record.body.error.is_some()).count();
    assert_eq!((errors, bench.exporter.accepted().len()), (1, 3));
    assert_balanced(&lease);
}

/// On a worker of its own, while the clock stands still: what goes out, goes because of what was recorded.
/// Forced, so that no answer about the flag wakes the worker, and with a record held, so that not every event
/// does. With an interval of an hour, as a clock that stands still is helped by the machine's after some
/// seconds more than the interval.
fn awake(config: TelemetryConfig) -> (Bench, Lease, Session) {
    let config = config.mode(Mode::Forced).max_age(7200 * SECOND).flush_interval(3600 * SECOND);
    let bench = Bench::with(config, |builder| builder.runtime(Runtime::Own));
    let lease = bench.lease();
    let session = open(&lease);
    eventually("the connection is taken in", || lease.status().records.held == 1);
    (bench, lease, session)
}

#[test]
fn a_terminal_error_wakes_the_worker_and_takes_along_what_waited() {
    let (bench, lease, session) = awake(config());
    session.error(|| ErrorDetails::new("PERMISSION_DENIED").fault(403));
    eventually("the error goes out", || bench.exporter.accepted().len() == 2);
    assert_balanced(&lease);
}

#[test]
fn a_full_batch_goes_out_within_a_tenth_of_a_second() {
    let (bench, lease, session) = awake(config().batch_size(3));
    let soon = bench.now() + 100 * MS;
    eventually("the worker is to look then", || bench.clock.next_wake() == Some(soon));
    for _ in 0..3 {
        session.statement().complete();
    }
    bench.clock.advance(100 * MS);
    eventually("a batch goes out", || bench.exporter.accepted().len() == 3);
    assert_balanced(&lease);
}

#[test]
fn while_something_is_held_the_buffer_is_looked_into_often_and_seldom_when_nothing_comes() {
    let config = config().flush_interval(SECOND).request_timeout(300 * SECOND);
    let flags = ScriptedFlags::new(Script::always(Do::Hang));
    let bench = Bench::with(config, |builder| builder.flags(flags).runtime(Runtime::Own));
    let lease = bench.lease();
    drop(open(&lease));
    eventually("the connection is taken in", || lease.status().records.held == 1);
    // Nothing else is to be done before the question is given up.
    let sleeps = |time| {
        let next = bench.now() + time;
        eventually("it sleeps so long", || bench.clock.next_wake() == Some(next));
        bench.clock.advance(time);
    };
    for time in [100, 200, 400, 800, 1000, 1000] {
        sleeps(time * MS);
    }
    let next = bench.now() + SECOND;
    eventually("it has looked", || bench.clock.next_wake() == Some(next));
    lease.opening(ConnectionInfo::new()).failed(|| ErrorDetails::new("E"));
    bench.clock.advance(SECOND);
    sleeps(100 * MS);
    sleeps(200 * MS);
}

#[test]
fn while_nothing_is_held_the_worker_sleeps_until_there_is_something() {
    let bench = Bench::with(config().flush_interval(7 * SECOND), |builder| builder);
    let lease = bench.lease();
    for _ in 0..2 {
        bench.pass(100 * SECOND);
        let interval = bench.now() + 7 * SECOND;
        assert!(bench.clock.next_wake().is_none_or(|at| at > interval), "it has nothing to do");
        drop(open(&lease));
        bench.step();
        let wake = bench.clock.next_wake().unwrap() - bench.now();
        assert!(wake <= 200 * MS, "it looks for more: {wake:?}");
    }
    assert_balanced(&lease);
}

#[test]
fn a_call_that_holds_up_its_thread_is_given_up_a_second_after_its_time() {
    let config = config().request_timeout(20 * SECOND).max_age(7200 * SECOND).flush_interval(3600 * SECOND);
    let bench = Bench::with(config.mode(Mode::Forced), |builder| builder.runtime(Runtime::Own));
    bench.exporter.script().set(Do::Block);
    let lease = bench.lease();
    open(&lease).error(|| ErrorDetails::new("DENIED").fault(403));
    eventually("the exporter is called", || bench.exporter.script().calls() == 1);
    let given_up = bench.now() + 21 * SECOND;
    bench.clock.advance(21 * SECOND - MS);
    eventually("the worker sleeps until then", || bench.clock.next_wake() == Some(given_up));
    bench.clock.advance(MS);
    let timeout = Some(plugin::PluginError::new(Fault::Timeout));
    eventually("it is given up", || lease.status().last_failure == timeout);
    bench.exporter.script().release();
}

#[test]
fn a_worker_that_has_taken_in_much_takes_in_as_much_again() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    bench.step();
    for _ in 0..50 {
        (0..500).for_each(|_| session.closed(MS));
        assert_eq!(lease.status().events.waiting, 500);
        bench.step();
        assert_eq!(lease.status().events.waiting, 0, "all of it at once");
    }
    assert_balanced(&lease);
}

#[test]
fn a_quarter_of_what_the_buffer_holds_wakes_the_worker_before_it_is_full() {
    let (_bench, lease, session) = awake(config().max_events(16).batch_size(100));
    for _ in 0..4 {
        session.closed(MS);
    }
    eventually("they are taken in", || lease.status().records.held == 5);
}

#[test]
fn the_last_lease_wakes_the_worker_when_it_is_dropped() {
    let (bench, lease, session) = awake(config());
    drop((lease, session));
    eventually("what was held goes out", || bench.exporter.accepted().len() == 1);
    eventually("its worker ends", || bench.clock.sleepers() == 0);
}

#[test]
fn a_retryable_error_waits_with_its_statement() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let mut statement = session.statement();
    statement.error(|| ErrorDetails::new("TEMPORARILY_UNAVAILABLE").fault(503));
    bench.pass(20 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 1, "the connection alone");
    statement.complete();
    bench.pass(10 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 3);
}

#[test]
fn a_dropped_statement_is_reported_unfinished() {
    let bench = Bench::new();
    let lease = bench.lease();
    drop(open(&lease).statement());
    bench.pass(10 * SECOND);
    let records = bench.exporter.accepted();
    assert_eq!((records[1].body.kind, records[1].body.latency), (RecordKind::Statement, None));
}

#[test]
fn a_recorder_that_outlives_its_statement_is_counted_and_gives_no_ghost() {
    let bench = Bench::new();
    let lease = bench.lease();
    let mut statement = open(&lease).statement();
    let recorder = statement.chunk_recorder();
    recorder.chunk(Chunk::new(0, MS));
    statement.complete();
    recorder.clone().chunk(Chunk::new(1, MS));
    recorder.chunk(Chunk::new(2, MS));
    bench.pass(10 * SECOND);
    assert_eq!(lease.status().events.refused.get(Refusal::Late), 2);
    let records = bench.exporter.accepted();
    assert_eq!(records.len(), 2);
    let chunks = records[1].body.sql.as_ref().unwrap().chunks.unwrap();
    assert_eq!(chunks.iterated, 1, "what came before the end is in, though the recorder lived on");
    assert_balanced(&lease);
}

#[test]
fn a_shared_statement_is_told_by_many_and_ends_once() {
    let bench = Bench::new();
    let lease = bench.lease();
    let statement = open(&lease).statement().shared();
    std::thread::scope(|scope| {
        for index in 0..8 {
            let statement = statement.clone();
            scope.spawn(move || statement.with(|statement| statement.chunk(Chunk::new(index, MS))));
        }
    });
    statement.complete_after(7 * MS);
    statement.complete();
    statement.with(|statement| statement.id("too-late"));
    drop(statement);
    drop(open(&lease).statement().shared());
    bench.pass(10 * SECOND);
    let records: Vec<_> = bench
        .exporter
        .accepted()
        .into_iter()
        .filter(|record| record.body.kind == RecordKind::Statement)
        .map(|record| (record.body.latency, record.body.sql.as_ref().and_then(|sql| sql.chunks)))
        .collect();
    assert_eq!(records.len(), 2, "one each");
    assert_eq!((records[0].0, records[0].1.unwrap().iterated), (Some(7 * MS), 8));
    assert_eq!(records[1].0, None, "dropped without an end");
    assert_balanced(&lease);
}

#[test]
fn a_shared_statement_that_is_spoken_to_from_within_waits_for_nobody_and_what_is_said_is_counted() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let (one, other) = (session.statement().shared(), session.statement().shared());
    one.with(|statement| {
        statement.chunk(Chunk::new(1, MS));
        one.with(|same| same.chunk(Chunk::new(2, MS)));
        one.clone().complete();
        // Another is spoken to, as long as nobody else does: who does may be waiting for this one.
        other.with(|other| other.chunk(Chunk::new(3, MS)));
        std::thread::scope(|scope| {
            let (holds, held) = std::sync::mpsc::channel();
            let (go, goes) = std::sync::mpsc::channel::<()>();
            let other = &other;
            scope.spawn(move || {
                other.with(|other| {
                    holds.send(()).unwrap();
                    goes.recv().unwrap();
                    other.chunk(Chunk::new(4, MS));
                })
            });
            held.recv().unwrap();
            other.with(|other| other.chunk(Chunk::new(5, MS)));
            go.send(()).unwrap();
        });
    });
    assert_eq!(lease.status().events.refused.get(Refusal::Contended), 3);
    // After a panic within it is as before.
    let panics = || one.with(|_| panic!("planted"));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).is_err());
    one.with(|statement| statement.chunk(Chunk::new(6, MS)));
    one.complete();
    other.complete();
    bench.pass(10 * SECOND);
    let chunks: Vec<_> = bench
        .exporter
        .accepted()
        .iter()
        .filter_map(|record| record.body.sql.as_ref()?.chunks)
        .map(|chunks| chunks.iterated)
        .collect();
    assert_eq!(chunks, [2, 2]);
    assert_balanced(&lease);
}

#[test]
fn statements_by_id_add_up_like_handles() {
    let bench = Bench::new();
    let lease = bench.lease();
    let emitter = open(&lease).emitter();
    emitter.started("s1", StatementType::Update);
    emitter.poll("s1", 3 * MS);
    emitter.poll("s1", 4 * MS);
    emitter.chunk("s1", Chunk::new(0, MS));
    emitter.completed("s1", 42 * MS);
    emitter.chunk("s1", Chunk::new(1, MS));
    emitter.poll("not an id", MS);
    bench.pass(10 * SECOND);
    let records = bench.exporter.accepted();
    assert_eq!(records.len(), 2);
    let sql = records[1].body.sql.as_ref().unwrap();
    assert_eq!(sql.operation.unwrap().status_calls, Some(2));
    assert_eq!(sql.chunks.unwrap().iterated, 1);
    let refused = lease.status().events.refused;
    assert_eq!((refused.get(Refusal::UnknownStatement), refused.get(Refusal::InvalidId)), (1, 1));
    assert_balanced(&lease);
}

#[test]
fn connections_that_open_fail_and_close_go_out_with_the_next_batch() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    session.closed(3 * MS);
    lease.opening(ConnectionInfo::new()).failed(|| ErrorDetails::new("TIMED_OUT").fault(Fault::Timeout));
    drop(lease.opening(ConnectionInfo::new()));
    bench.pass(10 * SECOND);
    let records = bench.exporter.accepted();
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            let operation = record.body.sql.as_ref().unwrap().operation.unwrap().operation_type.unwrap();
            (record.body.kind, operation, record.body.error.as_ref().map(|error| error.name.as_str()))
        })
        .collect();
    use OperationType::{CreateSession, DeleteSession};
    assert_eq!(
        told,
        [
            (RecordKind::Connection, CreateSession, None),
            (RecordKind::Connection, DeleteSession, None),
            (RecordKind::Connection, CreateSession, Some("TIMED_OUT")),
            (RecordKind::Connection, CreateSession, Some("abandoned")),
        ]
    );
    assert_eq!(bench.exporter.attempts().len(), 1);
}

#[test]
fn a_full_batch_goes_at_once() {
    let bench = Bench::with(config().batch_size(3), |builder| builder);
    let lease = bench.lease();
    let session = open(&lease);
    for _ in 0..5 {
        session.statement().complete();
    }
    bench.provider.step();
    let sizes: Vec<_> = bench.exporter.attempts().iter().map(|attempt| attempt.records.len()).collect();
    assert_eq!(sizes, [3, 3]);
}

#[test]
fn closing_flushes_what_is_held_and_ends_open_statements() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    session.emitter().started("s1", StatementType::Query);
    let (closed, took) = bench.close(&lease, 2 * SECOND);
    assert_eq!((closed, took), (CloseOutcome::Delivered { accepted: 2 }, std::time::Duration::ZERO));
    assert_eq!(bench.exporter.accepted().len(), 2);
    session.statement().complete();
    assert_eq!(lease.status().state, TelemetryState::Off(OffReason::Closed));
    assert_balanced(&lease);
}

#[test]
fn what_ends_after_the_close_is_refused_and_counted_and_waits_for_nobody() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let (mut statement, emitter) = (session.statement(), session.emitter());
    emitter.started("s1", StatementType::Query);
    statement.poll(MS);
    assert!(bench.close(&lease, 2 * SECOND).0.is_delivered());
    let before = lease.status().events;
    statement.complete();
    emitter.completed("s1", MS);
    session.closed(MS);
    drop(session.statement());
    let events = lease.status().events;
    assert_eq!(
        (events.refused.get(Refusal::Closed), events.waiting),
        (6, 0),
        "the statement's three, and three calls"
    );
    assert_eq!(events.seen, before.seen + 6);
    assert_balanced(&lease);
}

#[test]
fn a_hung_export_is_given_up_at_the_closing_deadline_and_counted() {
    let bench = Bench::new();
    let lease = bench.lease();
    bench.exporter.script().set(telemetry_testkit::Do::Hang);
    open(&lease).statement().complete();
    assert_eq!(Bench::timed_out(&bench.close(&lease, 2 * SECOND)), (true, 2, 2 * SECOND));
    assert_eq!(lease.status().records.dropped.get(DropReason::OutcomeUnknown), 2);
    assert_balanced(&lease);
}

/// Accepts everything, and remembers which connections it came from without holding them.
#[derive(Clone, Debug, Default)]
struct Remembering(Arc<Mutex<Vec<Weak<SessionContext>>>>);

#[async_trait]
impl Exporter for Remembering {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let sessions = attempt.records.iter().map(|record| Arc::downgrade(&record.session));
        self.0.lock().unwrap().extend(sessions);
        Ok(Receipt::new(attempt.records.len()))
    }
}

/// With what an exporter keeps in it. The client lives on.
#[test]
fn what_is_constant_in_a_connection_goes_with_its_handle_and_its_last_record() {
    let seen = Remembering::default();
    let bench = Bench::with(config(), |builder| builder.exporter(seen.clone()));
    let lease = bench.lease();
    let session = open(&lease);
    session.statement().complete();
    session.closed(MS);
    bench.pass(10 * SECOND);
    let held =
        || seen.0.lock().unwrap().iter().map(|session| session.upgrade().is_some()).collect::<Vec<_>>();
    assert_eq!(held(), [true; 3]);
    drop(session);
    assert_eq!(held(), [false; 3]);
    assert_balanced(&lease);
}
