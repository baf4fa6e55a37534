//! The caller's span, as the driver names it, is in the records of what belongs under it, and in no other.

use std::sync::Arc;

use crate::common::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::RecordingExporter;

const FIRST: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SECOND_ONE: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00";

fn parent(text: &str) -> TraceParent {
    TraceParent::new(text).unwrap()
}

/// A bench with a customer's sink, and its exporter. The vendor's has no record with a caller's span.
struct WithSink(Bench, RecordingExporter);

impl WithSink {
    fn new() -> Self {
        let customers = RecordingExporter::new();
        WithSink(
            Bench::with(config(), |builder| builder.sink(Sink::new("customers", customers.clone()))),
            customers,
        )
    }

    fn accepted(&self) -> Vec<Arc<Record>> {
        let vendors = self.0.exporter.accepted();
        assert!(vendors.iter().all(|record| record.body.trace_parent.is_none()));
        assert_eq!(vendors.len(), self.1.accepted().len());
        self.1.accepted()
    }
}

/// Of each record that is delivered of this, what it is about and its parent's text.
fn parents(
    with_sink: &WithSink,
    happens: impl FnOnce(&Lease, &Session),
) -> Vec<(RecordKind, Option<String>)> {
    let WithSink(bench, _) = with_sink;
    let lease = bench.lease();
    let session = open(&lease);
    let before = with_sink.accepted().len();
    happens(&lease, &session);
    bench.pass(10 * SECOND);
    assert_balanced(&lease);
    let of = |record: &Arc<Record>| {
        (record.body.kind, record.body.trace_parent.as_ref().map(|parent| parent.to_string()))
    };
    with_sink.accepted()[before + 1..].iter().map(of).collect()
}

/// A terminal error that leaves at once, and one that is kept.
fn errors() -> [ErrorDetails; 2] {
    [ErrorClass::Terminal, ErrorClass::Retryable].map(|class| ErrorDetails::new("E").class(class))
}

#[test]
fn a_statement_and_its_errors_have_the_last_parent_that_the_driver_named() {
    let first = || Some(FIRST.to_owned());
    let expected =
        [(RecordKind::Error, first()), (RecordKind::Statement, first()), (RecordKind::Error, first())];
    let by_handle = parents(&WithSink::new(), |_, session| {
        let mut statement = session.statement();
        statement.trace_parent(SECOND_ONE);
        statement.trace_parent(parent(FIRST));
        errors().into_iter().for_each(|error| statement.error(|| error));
        statement.complete();
    });
    assert_eq!(by_handle, expected);
    let by_id = parents(&WithSink::new(), |_, session| {
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        emitter.trace_parent("s1", SECOND_ONE);
        emitter.trace_parent("s1", parent(FIRST));
        errors().into_iter().for_each(|error| emitter.error("s1", || error));
        emitter.completed("s1", MS);
    });
    assert_eq!(by_id, expected);
    let shared = parents(&WithSink::new(), |_, session| {
        let statement = session.statement().shared();
        let ids = (parent(FIRST).trace_id(), parent(FIRST).parent_id(), 1);
        statement.with(|statement| statement.trace_parent(ids));
        errors().into_iter().for_each(|error| statement.with(|statement| statement.error(|| error)));
        statement.complete();
    });
    assert_eq!(shared, expected);
}

#[test]
fn a_call_and_an_opening_have_theirs() {
    let told = parents(&WithSink::new(), |lease, session| {
        session.operation(Operation::new(OperationType::ListTables, MS).trace_parent(FIRST));
        for fails in [false, true] {
            let mut opening = lease.opening(ConnectionInfo::new());
            opening.trace_parent(FIRST);
            if fails {
                opening.failed(|| ErrorDetails::new("E").trace_parent(SECOND_ONE));
            } else {
                drop(opening.opened("session-2"));
            }
        }
    });
    let first = || Some(FIRST.to_owned());
    let connection = || (RecordKind::Connection, first());
    assert_eq!(told, [(RecordKind::Operation, first()), connection(), connection()]);
}

#[test]
fn an_error_has_the_one_that_was_named_with_it_however_it_is_told() {
    for class in [ErrorClass::Terminal, ErrorClass::Retryable] {
        for (way, tell) in TOLD {
            let details = ErrorDetails::new("E").class(class).trace_parent(FIRST);
            let bench = WithSink::new();
            let delivered = delivered_error(&bench.0, |lease, session| tell(lease, session, details));
            let record = bench.accepted().into_iter().find(|record| record.id == delivered.id).unwrap();
            assert_eq!(record.body.trace_parent.as_deref(), Some(&parent(FIRST)), "{way}");
        }
    }
}

#[test]
fn none_is_made_up() {
    let told = parents(&WithSink::new(), |lease, session| {
        let mut statement = session.statement();
        errors().into_iter().for_each(|error| statement.error(|| error));
        statement.complete();
        let mut with_one = session.statement();
        with_one.trace_parent(FIRST);
        with_one.complete();
        session.statement().complete();
        session.operation(Operation::new(OperationType::ListTables, MS));
        session.error(|| ErrorDetails::new("E"));
        session.closed(MS);
        drop(lease.opening(ConnectionInfo::new()));
    });
    let parents: Vec<_> = told.into_iter().map(|(_, parent)| parent).collect();
    let mut expected = vec![None; 9];
    expected[3] = Some(FIRST.to_owned());
    assert_eq!(parents, expected);
}

#[test]
fn what_is_no_trace_parent_is_left_out_and_counted_and_harms_nothing() {
    let bench = WithSink::new();
    let bad = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
    let told = parents(&bench, |lease, session| {
        let mut statement = session.statement();
        statement.trace_parent(FIRST);
        statement.trace_parent(bad);
        statement.complete();
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        emitter.trace_parent("s1", "");
        emitter.trace_parent("s1", ([0; 16], [1; 8], 1));
        emitter.completed("s1", MS);
        session.operation(Operation::new(OperationType::ListTables, MS).trace_parent(bad).statement("no id"));
        session.error(|| ErrorDetails::new("E").trace_parent(bad));
        let mut opening = lease.opening(ConnectionInfo::new());
        opening.trace_parent(bad);
        drop(opening.opened("session-2"));
    });
    let parents: Vec<_> = told.into_iter().map(|(_, parent)| parent).collect();
    assert_eq!(parents, [Some(FIRST.to_owned()), None, None, None, None]);
    let status = bench.0.lease().status();
    assert_eq!((status.events.refused.get(Refusal::InvalidId), status.malformed_names), (6, 1));
}

#[test]
fn while_telemetry_is_off_none_is_counted() {
    let bench = Bench::new();
    let lease = bench.provider.acquire(Target::new(HOST).mode(Mode::Off));
    let session = open(&lease);
    let mut statement = session.statement();
    statement.trace_parent("none");
    session.emitter().trace_parent("s1", "none");
    session.operation(Operation::new(OperationType::ListTables, MS).trace_parent("none"));
    let mut opening = lease.opening(ConnectionInfo::new());
    opening.trace_parent("none");
    drop(opening);
    assert_eq!(lease.status().events.refused.total(), 0);
}
