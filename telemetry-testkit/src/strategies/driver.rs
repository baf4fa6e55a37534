//! What a driver does to a session.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use telemetry_core::record::{TraceParent, VolumeOperationType};
use telemetry_core::{
    Chunk, ErrorClass, ErrorDetails, Operation, OperationType, ResultFormat, Session, StatementType,
};

use super::record::{chunk, trace_parent};
use super::time::duration;
use super::{count, error_class, maybe, text};

/// How many statements are spoken of at a time.
const SLOTS: u8 = 4;

/// One thing that a driver says of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DriverEvent {
    /// A statement starts in this slot; one that is there is left as it is.
    Started {
        /// Where it is until it ends.
        slot: u8,
        /// What it is for.
        kind: StatementType,
    },
    /// Something happens to the statement in this slot.
    Happened {
        /// Where it is.
        slot: u8,
        /// What happens.
        what: StatementEvent,
    },
    /// The statement in this slot ends.
    Ended {
        /// Where it is.
        slot: u8,
        /// How long it took; `None` for one that the driver drops, or forgets, without a word.
        latency: Option<Duration>,
    },
    /// A call that is no statement.
    Operation(Operation),
    /// An error that belongs to no statement.
    Error(DriverError),
    /// The connection is closed, as far as telemetry is told; drivers have been seen to go on after it.
    Closed(Duration),
}

/// What can happen to a statement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StatementEvent {
    /// The service gave it its id.
    Id,
    /// It began so long ago.
    Began(Duration),
    /// The caller's span that it belongs under.
    TraceParent(TraceParent),
    /// The call by which it runs.
    Operation(OperationType),
    /// Whether the driver runs it on its own account.
    Internal(bool),
    /// The service was asked whether it is done.
    Polled(Duration),
    /// The service needn't be asked.
    NotPolled,
    /// Rows of its result were fetched.
    Rows(u64),
    /// Bytes of its result came, in no chunk.
    Bytes(u64),
    /// Requests of it were retried.
    Retried(u32),
    /// How its result came.
    Format(ResultFormat),
    /// Whether its result came compressed.
    Compressed(bool),
    /// Whether a patched Arrow library is in use.
    PatchedArrow(bool),
    /// Its first row could be read.
    ResultReady(Duration),
    /// Its last row was read.
    ResultConsumed(Duration),
    /// How many chunks its result has.
    ChunksPresent(u32),
    /// A chunk was downloaded.
    Chunk(Chunk),
    /// It failed, wholly or in part.
    Failed(DriverError),
}

/// A driver's error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverError {
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: ErrorClass,
    /// Its message, raw.
    pub message: Option<String>,
    /// The chunk that it is about.
    pub chunk: Option<u32>,
}

impl DriverError {
    /// It, as a driver describes it.
    pub fn details(&self) -> ErrorDetails {
        let DriverError { name, class, message, chunk } = self;
        let mut details = ErrorDetails::new(name).class(*class);
        if let Some(message) = message {
            details = details.message(message);
        }
        if let Some(chunk) = chunk {
            details = details.chunk(*chunk);
        }
        details
    }
}

/// Up to `most` events, of statements that run beside each other, in any order: also what makes no sense.
///
/// ```
/// use proptest::prelude::*;
/// use telemetry_core::Session;
/// use telemetry_testkit::strategies;
///
/// proptest! {
///     fn a_disabled_session_takes_anything(events in strategies::driver_events(50)) {
///         strategies::play(&Session::disabled(), &events);
///     }
/// }
/// # a_disabled_session_takes_anything();
/// ```
pub fn driver_events(most: usize) -> impl Strategy<Value = Vec<DriverEvent>> {
    vec(event(), 0..=most)
}

/// Does it all through handles. Statements that are open at the end are dropped, which ends them.
pub fn play(session: &Session, events: &[DriverEvent]) {
    let (mut statements, mut started) = (BTreeMap::new(), 0);
    for event in events {
        match event {
            DriverEvent::Started { slot, kind } => {
                statements.entry(*slot).or_insert_with(|| {
                    started += 1;
                    let mut statement = session.statement();
                    statement.kind(*kind);
                    (statement, started)
                });
            }
            DriverEvent::Happened { slot, what } => {
                let Some((statement, number)) = statements.get_mut(slot) else { continue };
                match what {
                    StatementEvent::Id => statement.id(&id(*number)),
                    StatementEvent::Began(ago) => statement.began(*ago),
                    StatementEvent::TraceParent(parent) => statement.trace_parent(*parent),
                    StatementEvent::Operation(operation) => statement.operation(*operation),
                    StatementEvent::Internal(internal) => statement.internal(*internal),
                    StatementEvent::Polled(latency) => statement.poll(*latency),
                    StatementEvent::NotPolled => statement.not_polled(),
                    StatementEvent::Rows(count) => statement.rows(*count),
                    StatementEvent::Bytes(count) => statement.bytes(*count),
                    StatementEvent::Retried(times) => statement.retried(*times),
                    StatementEvent::Format(format) => statement.format(*format),
                    StatementEvent::Compressed(compressed) => statement.compressed(*compressed),
                    StatementEvent::PatchedArrow(patched) => statement.patched_arrow(*patched),
                    StatementEvent::ResultReady(latency) => statement.result_ready_after(*latency),
                    StatementEvent::ResultConsumed(latency) => statement.result_consumed_after(*latency),
                    StatementEvent::ChunksPresent(count) => statement.chunks_present(*count),
                    StatementEvent::Chunk(chunk) => statement.chunk(*chunk),
                    StatementEvent::Failed(error) => statement.error(|| error.details()),
                }
            }
            DriverEvent::Ended { slot, latency } => {
                let Some((statement, _)) = statements.remove(slot) else { continue };
                match latency {
                    Some(latency) => statement.complete_after(*latency),
                    None => drop(statement),
                }
            }
            other => of_the_session(session, other),
        }
    }
}

/// Does it all by statement ids. Statements that are open at the end, or were forgotten, stay open.
pub fn play_by_id(session: &Session, events: &[DriverEvent]) {
    let emitter = session.emitter();
    let (mut statements, mut started) = (BTreeMap::new(), 0);
    for event in events {
        match event {
            DriverEvent::Started { slot, kind } => {
                statements.entry(*slot).or_insert_with(|| {
                    started += 1;
                    emitter.started(&id(started), *kind);
                    id(started)
                });
            }
            DriverEvent::Happened { slot, what } => {
                let Some(id) = statements.get(slot) else { continue };
                match what {
                    // It has been spoken of by its id from the start.
                    StatementEvent::Id => {}
                    StatementEvent::Began(ago) => emitter.began(id, *ago),
                    StatementEvent::TraceParent(parent) => emitter.trace_parent(id, *parent),
                    StatementEvent::Operation(operation) => emitter.operation(id, *operation),
                    StatementEvent::Internal(internal) => emitter.internal(id, *internal),
                    StatementEvent::Polled(latency) => emitter.poll(id, *latency),
                    StatementEvent::NotPolled => emitter.not_polled(id),
                    StatementEvent::Rows(count) => emitter.rows(id, *count),
                    StatementEvent::Bytes(count) => emitter.bytes(id, *count),
                    StatementEvent::Retried(times) => emitter.retried(id, *times),
                    StatementEvent::Format(format) => emitter.format(id, *format),
                    StatementEvent::Compressed(compressed) => emitter.compressed(id, *compressed),
                    StatementEvent::PatchedArrow(patched) => emitter.patched_arrow(id, *patched),
                    StatementEvent::ResultReady(latency) => emitter.result_ready(id, *latency),
                    StatementEvent::ResultConsumed(latency) => emitter.result_consumed(id, *latency),
                    StatementEvent::ChunksPresent(count) => emitter.chunks_present(id, *count),
                    StatementEvent::Chunk(chunk) => emitter.chunk(id, *chunk),
                    StatementEvent::Failed(error) => emitter.error(id, || error.details()),
                }
            }
            DriverEvent::Ended { slot, latency } => {
                let Some(id) = statements.remove(slot) else { continue };
                if let Some(latency) = latency {
                    emitter.completed(&id, *latency);
                }
            }
            other => of_the_session(session, other),
        }
    }
}

fn of_the_session(session: &Session, event: &DriverEvent) {
    match event {
        DriverEvent::Operation(operation) => session.operation(operation.clone()),
        DriverEvent::Error(error) => session.error(|| error.details()),
        DriverEvent::Closed(latency) => session.closed(*latency),
        DriverEvent::Started { .. } | DriverEvent::Happened { .. } | DriverEvent::Ended { .. } => {}
    }
}

fn id(number: u32) -> String {
    format!("statement-{number}")
}

fn event() -> impl Strategy<Value = DriverEvent> {
    let slot = || 0..SLOTS;
    prop_oneof![
        6 => (slot(), select(StatementType::ALL)).prop_map(|(slot, kind)| DriverEvent::Started { slot, kind }),
        20 => (slot(), happening()).prop_map(|(slot, what)| DriverEvent::Happened { slot, what }),
        6 => (slot(), maybe(duration())).prop_map(|(slot, latency)| DriverEvent::Ended { slot, latency }),
        2 => operation().prop_map(DriverEvent::Operation),
        2 => error().prop_map(DriverEvent::Error),
        1 => duration().prop_map(DriverEvent::Closed),
    ]
}

fn happening() -> impl Strategy<Value = StatementEvent> {
    prop_oneof![
        2 => Just(StatementEvent::Id),
        1 => duration().prop_map(StatementEvent::Began),
        1 => trace_parent().prop_map(StatementEvent::TraceParent),
        1 => Just(StatementEvent::NotPolled),
        1 => any::<u64>().prop_map(StatementEvent::Rows),
        1 => any::<u64>().prop_map(StatementEvent::Bytes),
        1 => select(OperationType::ALL).prop_map(StatementEvent::Operation),
        1 => any::<bool>().prop_map(StatementEvent::Internal),
        1 => duration().prop_map(StatementEvent::Polled),
        1 => count().prop_map(StatementEvent::Retried),
        1 => select(ResultFormat::ALL).prop_map(StatementEvent::Format),
        1 => any::<bool>().prop_map(StatementEvent::Compressed),
        1 => any::<bool>().prop_map(StatementEvent::PatchedArrow),
        1 => duration().prop_map(StatementEvent::ResultReady),
        1 => duration().prop_map(StatementEvent::ResultConsumed),
        1 => count().prop_map(StatementEvent::ChunksPresent),
        3 => chunk().prop_map(StatementEvent::Chunk),
        2 => error().prop_map(StatementEvent::Failed),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let what = (select(OperationType::ALL), duration());
    let called = what.prop_map(|(operation, latency)| Operation::new(operation, latency));
    let moved = (select(VolumeOperationType::ALL), maybe(text()), maybe(text()), duration()).prop_map(
        |(what, path, file, latency)| {
            let moved = Operation::volume(what, latency);
            let moved = path.iter().fold(moved, |moved, path| moved.volume_path(path));
            file.iter().fold(moved, |moved, file| moved.local_file(file))
        },
    );
    let said = (maybe(text()), maybe(any::<bool>()), maybe(count()));
    (prop_oneof![2 => called.boxed(), 1 => moved.boxed()], said).prop_map(|(operation, said)| {
        let (statement, internal, retries) = said;
        let operation = statement.into_iter().fold(operation, |operation, id| operation.statement(&id));
        let operation = internal.into_iter().fold(operation, Operation::internal);
        retries.into_iter().fold(operation, Operation::retries)
    })
}

fn error() -> impl Strategy<Value = DriverError> {
    let name = prop_oneof![4 => "[A-Z_]{1,30}".boxed(), 1 => text().boxed()];
    (name, error_class(), maybe(text()), maybe(count()))
        .prop_map(|(name, class, message, chunk)| DriverError { name, class, message, chunk })
}
