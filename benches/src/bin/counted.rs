//! What is hot, for `.ci/instructions` to count the instructions of.
//!
//! `counted ROW` does one row's work, and says how often. Only what runs in [`counted`] is to be counted. No
//! other thread runs meanwhile: the worker has its turns from here.

use std::hint::black_box;
use std::time::Duration;

use benches::connection::{Connection, HOST, ID, MS, by_handle, chunk, config};
use benches::messages::{MESSAGE_100, MESSAGE_500};
use benches::work::statement;
use benches::{BATCH, Known, batch, params};
use telemetry_breaker::{BreakerConfig, CircuitBreaker};
use telemetry_core::plugin::{Outcome, Tick};
use telemetry_core::{
    Breaker, ConnectionInfo, ErrorDetails, Mode, Session, StatementType, StaticToken, Target,
};

/// How often each is done between two turns of the worker: as many as the buffer keeps its place for.
const TIMES: u64 = 200;
const ROUNDS: u64 = 20;

fn main() {
    let row = std::env::args().nth(1).unwrap_or_default();
    let times = match row.as_str() {
        "off" => statements(Mode::Off, by_handle),
        "statement" => statements(Mode::On, by_handle),
        "taken-in" => taken_in(),
        "chunk" => chunks(),
        "event" => events(false),
        "event-taken-in" => events(true),
        "refused" => refused(),
        "error-100" => statements(Mode::On, |session| session.error(|| message(MESSAGE_100))),
        "error-500" => statements(Mode::On, |session| session.error(|| message(MESSAGE_500))),
        "error-template" => statements(Mode::On, |session| session.error(template)),
        "opening" => opening(Known::All),
        "opening-5" => opening(Known::Few),
        "breaker" => breaker(),
        "wire" => wire(),
        "driver-off" => driver(Mode::Off),
        "driver-on" => driver(Mode::On),
        _ => panic!("no row of that name: {row:?}"),
    };
    println!("{times}");
}

/// What is counted: an operation, done so many times.
#[inline(never)]
fn counted<T>(times: u64, mut operation: impl FnMut() -> T) {
    for _ in 0..times {
        black_box(operation());
    }
}

/// An operation that the worker has something to do of; only the driver's side is counted.
fn statements(mode: Mode, operation: impl Fn(&Session)) -> u64 {
    let connection = Connection::unattended(config().mode(mode));
    for _ in 0..ROUNDS {
        counted(TIMES, || operation(black_box(&connection.session)));
        connection.provider.step();
    }
    connection.gained();
    ROUNDS * TIMES
}

/// What the worker does of a statement by handle, until it is with an exporter that does nothing.
fn taken_in() -> u64 {
    let connection = Connection::unattended(config());
    for _ in 0..ROUNDS {
        (0..TIMES).for_each(|_| by_handle(&connection.session));
        counted(1, || connection.provider.step());
    }
    assert!(connection.gained().accepted >= ROUNDS * TIMES);
    ROUNDS * TIMES
}

fn chunks() -> u64 {
    let connection = Connection::unattended(config());
    let mut statement = connection.session.statement();
    counted(TIMES, || statement.chunk(black_box(chunk(3))));
    TIMES
}

/// An event of a statement that is open by its id: what the driver's thread does of it, or the worker.
fn events(worker: bool) -> u64 {
    let connection = Connection::unattended(config());
    let emitter = connection.session.emitter();
    emitter.started(ID, StatementType::Query);
    connection.provider.step();
    connection.gained();
    let poll = || emitter.poll(black_box(ID), MS);
    for _ in 0..ROUNDS {
        if worker {
            (0..TIMES).for_each(|_| poll());
            counted(1, || connection.provider.step());
        } else {
            counted(TIMES, poll);
            connection.provider.step();
        }
    }
    assert_eq!(connection.gained().folded, ROUNDS * TIMES);
    ROUNDS * TIMES
}

/// An event that there is no room for.
fn refused() -> u64 {
    let connection = Connection::unattended(config().max_events(16));
    (0..16).for_each(|_| by_handle(&connection.session));
    connection.gained();
    let emitter = connection.session.emitter();
    counted(TIMES, || emitter.poll(black_box(ID), MS));
    assert_eq!(connection.gained().full, TIMES);
    TIMES
}

fn message(text: &'static str) -> ErrorDetails {
    ErrorDetails::new("QUERY_FAILED").message(text)
}

fn template() -> ErrorDetails {
    ErrorDetails::new("CHUNK_TIMEOUT").template("chunk {} timed out after {}", &[&3, &(30 * MS)])
}

/// From asking for telemetry to the session's handle, with so much known of the connection.
fn opening(known: Known) -> u64 {
    let connection = Connection::unattended(config());
    let prepared = |_| {
        let target = Target::new(HOST).credentials(StaticToken::new("a-token"));
        (target, ConnectionInfo::new().auth_type("pat").params(params(known)))
    };
    let mut prepared: Vec<_> = (0..TIMES).map(prepared).collect();
    let mut opened = Vec::with_capacity(prepared.len());
    counted(TIMES, || {
        let (target, info) = prepared.pop().expect("one for each time");
        let lease = connection.provider.acquire(target);
        let session = lease.opening(info).opened(ID);
        opened.push((lease, session));
    });
    TIMES
}

/// A call that a closed breaker admits, and what came of it.
fn breaker() -> u64 {
    let config = BreakerConfig::default().open_for(Duration::from_secs(3600));
    let breaker = CircuitBreaker::new(config).expect("its settings are within their bounds");
    counted(TIMES, || {
        let permit = breaker.admit(black_box(Tick::ZERO)).expect("it is closed");
        permit.settle(Outcome::Success, black_box(Tick::ZERO));
    });
    TIMES
}

/// A record to the body of a request, in a batch of 100.
fn wire() -> u64 {
    let encode = batch();
    counted(ROUNDS, || encode().len());
    ROUNDS * BATCH
}

/// A driver's statement, with some 20 µs of work of its own, and the worker's part of it.
fn driver(mode: Mode) -> u64 {
    const STEPS: u64 = 16_000;
    let connection = Connection::unattended(config().mode(mode));
    for _ in 0..ROUNDS {
        counted(1, || {
            (0..TIMES).for_each(|_| statement(&connection.session, STEPS));
            connection.provider.step();
        });
    }
    ROUNDS * TIMES
}
