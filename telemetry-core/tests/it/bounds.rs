//! Each bound is reached here, and what happens there is what its documentation says.

use crate::common::*;
use telemetry_core::plugin::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

#[test]
fn events_past_the_buffer_are_refused_and_counted() {
    let bench = Bench::with(config().max_events(16), |builder| builder);
    let lease = bench.lease();
    let emitter = open(&lease).emitter();
    emitter.started("s1", StatementType::Query);
    for _ in 0..100 {
        emitter.poll("s1", MS);
    }
    let events = lease.status().events;
    assert_eq!((events.seen, events.waiting, events.refused.get(Refusal::BufferFull)), (102, 16, 86));
    bench.provider.step();
    emitter.completed("s1", MS);
    bench.pass(10 * SECOND);
    let record = bench.exporter.accepted().pop().unwrap();
    assert_eq!(record.body.sql.as_ref().unwrap().operation.unwrap().status_calls, Some(14));
    assert_balanced(&lease);
}

#[test]
fn a_statement_without_room_is_refused_with_all_that_happened_in_it_and_leaves_nothing() {
    let bench = Bench::with(config().max_events(16), |builder| builder);
    let lease = bench.lease();
    let session = open(&lease);
    for room in [true, false, true, false] {
        bench.provider.step();
        bench.pass(10 * SECOND);
        drop(bench.exporter.take());
        assert_eq!(lease.status().held_bytes, 0);
        let mut statement = session.statement();
        statement.poll(MS);
        statement.error(|| ErrorDetails::new("FLAKY").fault(503));
        assert!(lease.status().held_bytes > 0);
        if !room {
            (0..16).for_each(|_| session.closed(MS));
        }
        let refused = || lease.status().events.refused.get(Refusal::BufferFull);
        let before = refused();
        statement.complete();
        assert_eq!(refused() - before, if room { 0 } else { 4 });
        assert_balanced(&lease);
    }
}

#[test]
fn records_past_their_bound_drop_the_oldest_that_is_not_an_error() {
    let bench = Bench::with(config().max_records(5).batch_size(5), |builder| builder);
    bench.exporter.script().set(Do::Fail(PluginError::new(503)));
    let lease = bench.lease();
    let session = open(&lease);
    session.error(|| ErrorDetails::new("KEPT"));
    bench.pass(10 * SECOND);
    for number in 0..20 {
        let mut statement = session.statement();
        statement.id(&format!("s{number}"));
        statement.complete();
        bench.pass(SECOND);
        assert!(lease.status().records.held <= 5);
    }
    let status = lease.status();
    assert_eq!(status.records.dropped.get(DropReason::Overflow), 22 - 5);
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(20 * SECOND);
    let left = bench.exporter.accepted();
    assert_eq!(left.len(), 5);
    assert_eq!(left.iter().filter(|record| record.body.error.is_some()).count(), 1);
    assert_eq!(left.last().unwrap().body.statement_id, StatementId::new("s19"), "the newest stay");
    assert_balanced(&lease);
}

#[test]
fn an_outage_shorter_than_the_buffer_loses_nothing_and_a_longer_one_only_what_is_old() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(6 * SECOND);
    bench.exporter.script().set(Do::Fail(PluginError::new(Fault::Connect)));
    for _ in 0..9 {
        session.statement().complete();
        bench.pass(60 * SECOND);
    }
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(60 * SECOND);
    assert_eq!(lease.status().records.accepted, 10);
    bench.exporter.script().set(Do::Fail(PluginError::new(Fault::Connect)));
    session.statement().complete();
    bench.pass(11 * 60 * SECOND);
    assert_eq!(lease.status().records.dropped.get(DropReason::Expired), 1);
    assert_balanced(&lease);
}

#[test]
fn every_attempt_carries_the_same_event_ids() {
    let bench = Bench::new();
    bench.exporter.script().set(Do::Fail(PluginError::new(500)));
    let lease = bench.lease();
    open(&lease).statement().complete();
    bench.pass(30 * SECOND);
    let attempts = bench.exporter.attempts();
    assert!(attempts.len() >= 8, "{}", attempts.len());
    assert!(attempts.iter().all(|attempt| attempt.ids() == attempts[0].ids()));
    assert_ne!(attempts[0].ids()[0], attempts[0].ids()[1]);
}

#[test]
fn statements_past_their_bound_end_the_quietest_with_its_errors() {
    let bench = Bench::with(config().max_open_statements(2), |builder| builder);
    let lease = bench.lease();
    let emitter = open(&lease).emitter();
    emitter.started("quiet", StatementType::Query);
    emitter.error("quiet", || ErrorDetails::new("FLAKY").fault(503));
    emitter.started("s2", StatementType::Query);
    bench.pass(SECOND);
    emitter.started("s3", StatementType::Query);
    bench.pass(10 * SECOND);
    assert_eq!(lease.status().open_statements, 2);
    let quiet = StatementId::new("quiet");
    let kinds: Vec<_> = bench
        .exporter
        .accepted()
        .iter()
        .filter(|record| record.body.statement_id == quiet)
        .map(|record| record.body.kind)
        .collect();
    assert_eq!(kinds, [RecordKind::Statement, RecordKind::Error]);
    assert_balanced(&lease);
}

#[test]
fn abandoned_statements_are_ended_after_their_time() {
    let bench = Bench::new();
    let lease = bench.lease();
    let emitter = open(&lease).emitter();
    emitter.started("s1", StatementType::Query);
    bench.pass(59 * 60 * SECOND);
    assert_eq!((lease.status().open_statements, bench.exporter.accepted().len()), (1, 1));
    bench.pass(2 * 60 * SECOND);
    assert_eq!((lease.status().open_statements, bench.exporter.accepted().len()), (0, 2));
    emitter.completed("s1", MS);
    bench.pass(10 * SECOND);
    assert_eq!(lease.status().events.refused.get(Refusal::UnknownStatement), 1);
    assert_eq!(bench.exporter.accepted().len(), 2, "no ghost");
}

#[test]
fn errors_past_their_bound_are_refused_and_counted() {
    let bench = Bench::with(config().max_errors(2), |builder| builder);
    let lease = bench.lease();
    let session = open(&lease);
    let mut statement = session.statement();
    session.emitter().started("s1", StatementType::Query);
    for _ in 0..5 {
        statement.error(|| ErrorDetails::new("E"));
        session.emitter().error("s1", || ErrorDetails::new("E"));
    }
    statement.complete();
    session.emitter().completed("s1", MS);
    bench.pass(10 * SECOND);
    assert_eq!(lease.status().events.refused.get(Refusal::TooManyErrors), 6);
    assert_eq!(bench.exporter.accepted().len(), 1 + 3 + 3);
    assert_balanced(&lease);
}

#[test]
fn error_text_past_its_bound_is_left_out_and_the_error_travels_by_name() {
    let bench = Bench::with(config().max_bytes(16 * 1024), |builder| builder);
    let lease = bench.lease();
    let session = open(&lease);
    let long = "no such thing, and nothing like it either. ".repeat(40);
    for _ in 0..7 {
        session.error(|| ErrorDetails::new("E").message(&long));
    }
    assert!(lease.status().text_bytes <= 8 * 1024, "half of all");
    assert_eq!(lease.status().texts_left_out, 3);
    bench.pass(10 * SECOND);
    let records = bench.exporter.accepted();
    assert_eq!(records.len(), 8);
    let with_text = records
        .iter()
        .filter(|record| record.body.error.as_ref().is_some_and(|error| error.text.is_some()))
        .count();
    assert_eq!(with_text, 4);
    drop(records);
    drop(bench.exporter.take());
    assert_eq!(lease.status().text_bytes, 0, "what is delivered is given back");
}

#[test]
fn an_error_text_is_cut_at_2048_characters() {
    let bench = Bench::new();
    let lease = bench.lease();
    let long = "the word is out, ".repeat(300_000);
    open(&lease).error(|| ErrorDetails::new("E").message(&long));
    bench.pass(10 * SECOND);
    let record = bench.exporter.accepted().pop().unwrap();
    let text = record.body.error.as_ref().unwrap().text.as_ref().unwrap();
    assert!(text.chars().count() <= MAX_TEXT_CHARS && text.len() > 1000);
}

#[test]
fn scopes_are_capped_like_hosts() {
    let bench = Bench::with(config().max_clients(3), |builder| builder);
    let leases: Vec<_> = (0..5).map(|n| bench.lease_of(ScriptedCredentials::token(&n.to_string()))).collect();
    let off = |lease: &&Lease| lease.status().state == TelemetryState::Off(OffReason::TooManyClients);
    assert_eq!(leases.iter().filter(off).count(), 2);
}
