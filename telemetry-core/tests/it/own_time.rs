//! What is told later than it happened has the date of when it happened.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::common::*;
use telemetry_core::plugin::AlwaysClosed;
use telemetry_core::record::*;
use telemetry_core::*;
use telemetry_testkit::*;

const DAY: Duration = Duration::from_secs(86_400);

/// How long before the end of this the records of it are dated, and they.
fn before(bench: &Bench, happens: impl FnOnce(&Session)) -> (Vec<Duration>, Vec<Arc<Record>>) {
    let lease = bench.lease();
    let session = open(&lease);
    // The clock can look back so far.
    bench.pass(2 * DAY);
    let count = bench.exporter.accepted().len();
    happens(&session);
    let now = bench.clock.wall();
    bench.pass(10 * SECOND);
    assert_balanced(&lease);
    let records = bench.exporter.accepted().split_off(count);
    let ago = |record: &Arc<Record>| now.duration_since(record.stamp).unwrap();
    (records.iter().map(ago).collect(), records)
}

#[test]
fn an_error_that_is_told_later_is_dated_by_when_it_happened_however_it_is_told() {
    for class in [ErrorClass::Terminal, ErrorClass::Retryable] {
        for (way, tell) in TOLD {
            let bench = Bench::new();
            let now = bench.clock.wall();
            let details = ErrorDetails::new("E").class(class).ago(90 * SECOND);
            let record = delivered_error(&bench, |lease, session| tell(lease, session, details));
            assert_eq!(record.stamp + 90 * SECOND, now, "{way}");
        }
    }
}

#[test]
fn an_error_that_is_kept_with_its_statement_is_dated_by_when_it_was_told() {
    let told: [fn(&Bench, &Session); 2] = [
        |bench, session| {
            let mut statement = session.statement();
            bench.clock.advance(SECOND);
            statement.error(|| ErrorDetails::new("E").fault(503));
            bench.clock.advance(SECOND);
            statement.complete();
        },
        |bench, session| {
            let emitter = session.emitter();
            emitter.started("s1", StatementType::Query);
            bench.clock.advance(SECOND);
            emitter.error("s1", || ErrorDetails::new("E").fault(503));
            bench.clock.advance(SECOND);
            emitter.completed("s1", MS);
        },
    ];
    for tell in told {
        let bench = Bench::new();
        let lease = bench.lease();
        let session = open(&lease);
        let begun = bench.clock.wall();
        tell(&bench, &session);
        bench.pass(10 * SECOND);
        let dated = |record: &Arc<Record>| record.stamp.duration_since(begun).unwrap();
        let dates: Vec<_> = bench.exporter.accepted()[1..].iter().map(dated).collect();
        assert_eq!(dates, [2 * SECOND, SECOND], "of the statement, and of its error");
    }
}

#[test]
fn a_statement_that_began_before_it_was_recorded_is_timed_from_then() {
    let bench = Bench::new();
    let (ago, records) = before(&bench, |session| {
        let mut statement = session.statement();
        statement.began(5 * SECOND);
        statement.result_ready();
        bench.clock.advance(SECOND);
        statement.complete();
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        emitter.began("s1", 5 * SECOND);
        bench.clock.advance(SECOND);
        emitter.completed("s1", 3 * SECOND);
        session.statement().complete_after(7 * SECOND);
        drop(session.statement());
    });
    assert_eq!(ago, [SECOND, Duration::ZERO, Duration::ZERO, Duration::ZERO]);
    let times: Vec<_> = records.iter().map(|record| (record.body.latency, record.body.since_start)).collect();
    assert_eq!(
        times,
        [
            (Some(6 * SECOND), Some(6 * SECOND)),
            (Some(3 * SECOND), Some(6 * SECOND)),
            (Some(7 * SECOND), Some(Duration::ZERO)),
            (None, Some(Duration::ZERO)),
        ]
    );
    assert_eq!(records[0].body.sql.as_ref().unwrap().result_ready, Some(5 * SECOND));
}

#[test]
fn a_statement_that_failed_before_that_was_told_ended_then() {
    let (ago, records) = before(&Bench::new(), |session| {
        let mut statement = session.statement();
        statement.began(10 * SECOND);
        statement.failed(|| ErrorDetails::new("E").ago(3 * SECOND));
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        emitter.began("s1", 10 * SECOND);
        emitter.failed("s1", 6 * SECOND, || ErrorDetails::new("E").ago(4 * SECOND));
    });
    assert_eq!(ago, [3 * SECOND, 4 * SECOND]);
    let times: Vec<_> = records.iter().map(|record| (record.body.latency, record.body.since_start)).collect();
    assert_eq!(times, [7, 6].map(|seconds| (Some(seconds * SECOND), Some(seconds * SECOND))));
}

#[test]
fn a_call_ended_when_the_driver_says() {
    let (ago, records) = before(&Bench::new(), |session| {
        let call = || Operation::new(OperationType::ListTables, MS);
        session.operation(call().ago(4 * SECOND));
        session.operation(call().ago(4 * SECOND).failed(ErrorDetails::new("E").ago(9 * SECOND)));
        session.operation(call().failed(ErrorDetails::new("E").ago(9 * SECOND)));
        session.operation(call());
    });
    assert_eq!(ago, [4 * SECOND, 4 * SECOND, 9 * SECOND, Duration::ZERO]);
    assert!(
        records.iter().all(|record| record.body.latency == Some(MS) && record.body.since_start.is_none())
    );
}

#[test]
fn nothing_happened_more_than_a_day_ago() {
    for long in [DAY + MS, Duration::MAX] {
        let (ago, records) = before(&Bench::new(), |session| {
            session.error(|| ErrorDetails::new("E").ago(long));
            session.operation(Operation::new(OperationType::ListTables, MS).ago(long));
            let mut statement = session.statement();
            statement.began(long);
            statement.complete();
        });
        assert_eq!(ago, [DAY, DAY, Duration::ZERO]);
        assert_eq!(records[2].body.since_start, Some(DAY));
    }
}

#[test]
fn what_began_long_ago_is_not_taken_for_quiet() {
    let bench = Bench::with(config().abandoned_after(60 * SECOND), |builder| builder);
    let lease = bench.lease();
    let session = open(&lease);
    let emitter = session.emitter();
    emitter.started("s1", StatementType::Query);
    emitter.began("s1", 600 * SECOND);
    emitter.error("s1", || ErrorDetails::new("E").fault(503).ago(500 * SECOND));
    bench.pass(30 * SECOND);
    assert_eq!(lease.status().open_statements, 1);
    bench.pass(60 * SECOND);
    assert_eq!(lease.status().open_statements, 0);
}

#[test]
fn a_date_that_jumps_between_moves_nothing() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(10 * SECOND);
    let elsewhere = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    bench.clock.set_wall(elsewhere);
    session.error(|| ErrorDetails::new("E").ago(3 * SECOND));
    bench.pass(10 * SECOND);
    assert_eq!(bench.exporter.accepted()[1].stamp, elsewhere - 3 * SECOND);
}

#[test]
fn what_happened_before_the_provider_was_made_is_timed_by_the_machines_clock_too() {
    let exporter = RecordingExporter::new();
    let provider = ClientProvider::builder(identity())
        .config(config())
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .runtime(Runtime::Manual)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(HOST));
    let opening = lease.opening(ConnectionInfo::new()).began(3600 * SECOND);
    opening.failed(|| ErrorDetails::new("DENIED").fault(403));
    provider.step();
    assert!(exporter.accepted()[0].body.latency >= Some(3600 * SECOND));
}
