//! What a driver's thread pays while it records, and the worker behind it.

use std::hint::black_box;
use std::rc::Rc;

use telemetry_core::{Session, StatementType};

use super::subject::{EVENT, FULL, STATEMENT, TAKE, THREADS};
use crate::table::measure::{Meter, Row};
use benches::connection::{Connection, Gained, ID, MS, by_handle, chunk, config};

/// How many statements are recorded at once by their ids.
const IDS: u64 = 1024;
const WAITING: u64 = 262_144;

pub fn rows() -> Vec<Row> {
    vec![
        Row::ours(EVENT, "by id, beside its worker", one_event()).times(20_000).every(2).cpu(),
        Row::ours(EVENT, "by id, its worker asleep", one_event_alone()).most(20_000),
        Row::ours(EVENT, "a chunk on its handle", chunks(on_a_handle)),
        Row::ours(EVENT, "a chunk by a recorder, as downloads have them", chunks(by_a_recorder)),
        Row::ours(EVENT, "a chunk on a shared statement", chunks(on_a_shared_statement)),
        Row::ours(STATEMENT, "by handle", statement()).times(4000).every(2).cpu(),
        Row::ours(STATEMENT, "by id, 12 events", statement_by_id()).times(4000).every(2).cpu(),
        Row::ours(THREADS, "by handle, from one thread", on_threads(1)).times(40_000).every(10).cpu(),
        Row::ours(THREADS, "by handle, from 2 threads", on_threads(2)).times(40_000).every(10).cpu(),
        Row::ours(THREADS, "by handle, from 8 threads", on_threads(8)).times(40_000).every(10).cpu(),
        Row::ours(FULL, "an event is refused", full_event()),
        Row::ours(FULL, "a statement is refused", full_statement()),
        Row::ours(TAKE, "by the worker", taking_in()).times(WAITING).every(20),
    ]
}

fn one_event() -> impl FnMut(&mut Meter) {
    let connection = Connection::new(config()).settled();
    let emitter = connection.session.emitter();
    emitter.started(ID, StatementType::Query);
    connection.flush();
    connection.delivered(0);
    move |meter| {
        meter.each(|_| emitter.poll(black_box(ID), MS));
        meter.rest(|| connection.flush());
        assert_eq!(connection.gained(), Gained { folded: meter.times, accepted: 0, full: 0 });
    }
}

fn one_event_alone() -> impl FnMut(&mut Meter) {
    let connection = Connection::unattended(config());
    let emitter = connection.session.emitter();
    emitter.started(ID, StatementType::Query);
    connection.provider.step();
    connection.gained();
    move |meter| {
        meter.each(|_| emitter.poll(black_box(ID), MS));
        connection.provider.step();
        let gained = connection.gained();
        assert_eq!((gained.folded, gained.full), (meter.times, 0), "{gained:?}");
    }
}

/// Chunks of one statement, in one of the ways that there are to record them.
fn chunks(record: impl Fn(&Session, &mut Meter)) -> impl FnMut(&mut Meter) {
    let connection = Connection::new(config()).settled();
    move |meter| {
        record(&connection.session, meter);
        connection.flush();
        let gained = connection.gained();
        assert!(gained.folded >= meter.times && gained.accepted == 1, "{gained:?}");
    }
}

fn on_a_handle(session: &Session, meter: &mut Meter) {
    let mut statement = session.statement();
    meter.each(|time| statement.chunk(black_box(chunk(time as u32))));
    statement.complete();
}

fn by_a_recorder(session: &Session, meter: &mut Meter) {
    let mut statement = session.statement();
    let recorder = statement.chunk_recorder();
    meter.each(|time| recorder.chunk(black_box(chunk(time as u32))));
    statement.complete();
}

fn on_a_shared_statement(session: &Session, meter: &mut Meter) {
    let shared = session.statement().shared();
    meter.each(|time| shared.with(|statement| statement.chunk(black_box(chunk(time as u32)))));
    shared.complete();
}

fn statement() -> impl FnMut(&mut Meter) {
    let connection = Connection::new(config()).settled();
    move |meter| {
        meter.each(|_| by_handle(&connection.session));
        meter.rest(|| connection.flush());
        connection.delivered(meter.times);
    }
}

fn statement_by_id() -> impl FnMut(&mut Meter) {
    let connection = Connection::new(config()).settled();
    let ids: Vec<String> = (0..IDS).map(|number| format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012x}")).collect();
    move |meter| {
        let emitter = connection.session.emitter();
        meter.each(|time| {
            let id = &ids[(time % IDS) as usize];
            emitter.started(id, StatementType::Query);
            for index in 0..10 {
                emitter.chunk(id, chunk(index));
            }
            emitter.completed(id, 42 * MS);
        });
        meter.rest(|| connection.flush());
        connection.delivered(meter.times);
    }
}

fn on_threads(threads: u64) -> impl FnMut(&mut Meter) {
    let connection = Connection::new(config()).settled();
    move |meter| {
        let session = &connection.session;
        meter.on_threads(threads, |_| by_handle(session));
        meter.rest(|| connection.flush());
        connection.delivered(meter.times);
    }
}

/// A connection whose buffer is full.
fn full() -> Rc<Connection> {
    let connection = Connection::unattended(config().max_events(16));
    (0..16).for_each(|_| by_handle(&connection.session));
    connection.gained();
    Rc::new(connection)
}

fn full_event() -> impl FnMut(&mut Meter) {
    let connection = full();
    let emitter = connection.session.emitter();
    move |meter| {
        meter.each(|_| emitter.poll(black_box(ID), MS));
        assert_eq!(connection.gained(), Gained { folded: 0, accepted: 0, full: meter.times });
    }
}

fn full_statement() -> impl FnMut(&mut Meter) {
    let connection = full();
    move |meter| {
        meter.each(|_| by_handle(&connection.session));
        assert!(connection.gained().full >= meter.times);
    }
}

fn taking_in() -> impl FnMut(&mut Meter) {
    let connection = Connection::unattended(config());
    let emitter = connection.session.emitter();
    let ids: Vec<String> = (0..IDS).map(|number| format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012x}")).collect();
    ids.iter().for_each(|id| emitter.started(id, StatementType::Query));
    connection.provider.step();
    connection.gained();
    move |meter| {
        (0..WAITING).for_each(|time| emitter.poll(&ids[(time % IDS) as usize], MS));
        assert_eq!(connection.lease.status().events.waiting, WAITING);
        meter.all(|_| connection.provider.step());
        assert_eq!(connection.gained().folded, WAITING);
    }
}
