//! What fails says so in its own record.

use std::sync::Arc;
use std::time::Duration;

use crate::common::*;
use telemetry_core::record::*;
use telemetry_core::*;

fn details() -> ErrorDetails {
    ErrorDetails::new("FAILED").fault(Fault::Timeout)
}

fn name(record: &Record) -> Option<&str> {
    record.body.error.as_ref().map(|error| error.name.as_str())
}

/// What the records say: kind, latency, and what went wrong.
fn told(records: &[Arc<Record>]) -> Vec<(RecordKind, Option<Duration>, Option<&str>)> {
    records.iter().map(|record| (record.body.kind, record.body.latency, name(record))).collect()
}

#[test]
fn a_statement_that_failed_is_one_record_with_its_error_also_without_an_id() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let mut statement = session.statement();
    statement.error(|| ErrorDetails::new("RETRIED").fault(Fault::Reset));
    bench.clock.advance(7 * MS);
    statement.failed(details);
    session.statement().shared().failed(details);
    session.emitter().started("s1", StatementType::Query);
    session.emitter().failed("s1", 9 * MS, details);
    bench.pass(6 * SECOND);
    let records = bench.exporter.accepted();
    assert_eq!(
        told(&records[1..]),
        [
            (RecordKind::Statement, Some(7 * MS), Some("FAILED")),
            (RecordKind::Error, None, Some("RETRIED")),
            (RecordKind::Statement, Some(Duration::ZERO), Some("FAILED")),
            (RecordKind::Statement, Some(9 * MS), Some("FAILED")),
        ]
    );
    assert!(records[1].body.sql.is_some());
    assert_eq!(records[4].body.statement_id, StatementId::new("s1"));
    assert_balanced(&lease);
}

#[test]
fn a_terminal_failure_is_sent_at_once() {
    fn terminal() -> ErrorDetails {
        details().class(ErrorClass::Terminal)
    }
    let by_handle = |session: &Session| session.statement().failed(terminal);
    let by_id = |session: &Session| {
        session.emitter().started("s1", StatementType::Query);
        session.emitter().failed("s1", MS, terminal);
    };
    for fail in [by_handle as fn(&Session), by_id] {
        let bench = Bench::new();
        let lease = bench.lease();
        let session = open(&lease);
        bench.pass(6 * SECOND);
        fail(&session);
        bench.pass(10 * MS);
        assert_eq!(bench.exporter.accepted().len(), 2);
    }
}

#[test]
fn a_failure_of_a_statement_that_nobody_knows_is_a_record_of_its_own() {
    let bench = Bench::new();
    let lease = bench.lease();
    open(&lease).emitter().failed("unknown", MS, details);
    bench.pass(6 * SECOND);
    assert_eq!(told(&bench.exporter.accepted()[1..]), [(RecordKind::Error, None, Some("FAILED"))]);
    assert_balanced(&lease);
}

#[test]
fn calls_that_failed_say_so() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    session.operation(Operation::new(OperationType::ListTables, 3 * MS).failed(details()));
    session.close_failed(4 * MS, details);
    bench.pass(6 * SECOND);
    assert_eq!(
        told(&bench.exporter.accepted()[1..]),
        [
            (RecordKind::Operation, Some(3 * MS), Some("FAILED")),
            (RecordKind::Connection, Some(4 * MS), Some("FAILED")),
        ]
    );
}

#[test]
fn an_opening_began_when_the_driver_says_and_counts_its_retries() {
    let bench = Bench::new();
    let lease = bench.lease();
    for fails in [false, true] {
        let mut opening = lease.opening(ConnectionInfo::new()).began(40 * MS);
        opening.retried(1);
        opening.retried(2);
        bench.clock.advance(2 * MS);
        if fails {
            opening.failed(details);
        } else {
            drop(opening.opened("01f0"));
        }
    }
    // Before time began.
    drop(lease.opening(ConnectionInfo::new()).began(Duration::MAX).opened("01f1"));
    bench.pass(6 * SECOND);
    let records = bench.exporter.accepted();
    for record in &records[..2] {
        assert_eq!(record.body.latency, Some(42 * MS));
        assert_eq!(record.body.sql.as_ref().unwrap().retry_count, Some(3));
    }
    assert_eq!(name(&records[1]), Some("FAILED"));
    assert_eq!(records[2].body.sql.as_ref().unwrap().retry_count, None);
}
