//! How a statement adds up; of its chunks, `chunks.rs` knows.

use std::sync::Arc;
use std::time::Duration;

use crate::fault::ErrorClass;
use crate::nanos::{Elapsed, nanos};
use crate::plugin::clock::Tick;
use crate::record::body::Body;
use crate::record::chunk::Chunk;
use crate::record::trace_parent::TraceParent;
use crate::record::{OperationDetail, RecordKind, SqlExecution};
use crate::record::{OperationType, ResultFormat, StatementType};

use crate::pipeline::chunks::{ChunkTotals, Tally};
use crate::pipeline::failure::Failure;
use crate::pipeline::packed_id::PackedId;

/// One statement, from its start to its end. Whatever happens to it goes through [`apply`](Self::apply),
/// whether a handle owns it or the aggregator does; [`take_body`](Self::take_body) and
/// [`take_errors`](Self::take_errors) make its records.
#[derive(Debug)]
pub(crate) struct StatementAggregate {
    id: Option<PackedId>,
    started: Tick,
    latency: Elapsed,
    ready: Elapsed,
    consumed: Elapsed,
    /// In nanoseconds.
    poll_latency: u64,
    polls: u32,
    /// Whether the driver says that it counted them, be it to zero.
    polls_known: bool,
    chunks: ChunkTotals,
    /// Where the chunks come together that others download.
    tally: Option<Arc<Tally>>,
    present: Option<u32>,
    retries: Option<u32>,
    rows: Sum,
    bytes: Sum,
    trace_parent: Option<Box<TraceParent>>,
    kind: Option<StatementType>,
    operation: OperationType,
    internal: Option<bool>,
    format: Option<ResultFormat>,
    compressed: Option<bool>,
    patched_arrow: Option<bool>,
    max_errors: u16,
    errors: Option<Box<Errors>>,
    failure: Option<Box<Failure>>,
    events: u64,
}

/// What can happen to a statement between its start and its end.
#[derive(Debug)]
pub(crate) enum StatementEvent {
    Kind(StatementType),
    /// It began then.
    Began(Tick),
    TraceParent(Box<TraceParent>),
    Operation(OperationType),
    Internal(bool),
    Polled(Duration),
    NotPolled,
    Retried(u32),
    Rows(u64),
    Bytes(u64),
    Format(ResultFormat),
    Compressed(bool),
    ResultReady(Duration),
    ResultConsumed(Duration),
    ChunksPresent(u32),
    Chunk(Chunk),
    Failed(Box<Failure>),
    PatchedArrow(bool),
}

impl StatementEvent {
    /// Whether a statement may take more bytes with it than without.
    pub(crate) fn has_heap_bytes(&self) -> bool {
        matches!(self, StatementEvent::Failed(_) | StatementEvent::TraceParent(_))
    }
}

/// A sum, if anything was added.
#[derive(Clone, Copy, Debug)]
struct Sum(u64);

impl Sum {
    const UNKNOWN: Sum = Sum(u64::MAX);

    fn known(self) -> Option<u64> {
        (self.0 != u64::MAX).then_some(self.0)
    }

    fn add(&mut self, more: u64) {
        self.0 = self.known().unwrap_or(0).saturating_add(more).min(u64::MAX - 1);
    }
}

/// The errors kept with a statement.
#[derive(Debug, Default)]
struct Errors {
    kept: Vec<Failure>,
    refused: u64,
    /// How many bytes they take, without their text.
    bytes: u64,
}

/// What became of something that happened to a statement.
#[derive(Debug)]
pub(crate) enum Applied {
    Folded,
    /// A terminal error, which doesn't wait with its statement, and when it happened.
    AtOnce(Tick, Box<Body>),
    /// One error too many.
    TooManyErrors,
}

impl StatementAggregate {
    /// A statement that starts at `now`, and keeps so many errors. The start is its first event.
    pub(crate) fn start(now: Tick, max_errors: usize) -> Self {
        StatementAggregate {
            id: None,
            started: now,
            latency: Elapsed::UNKNOWN,
            ready: Elapsed::UNKNOWN,
            consumed: Elapsed::UNKNOWN,
            poll_latency: 0,
            polls: 0,
            polls_known: false,
            chunks: ChunkTotals::default(),
            tally: None,
            present: None,
            retries: None,
            rows: Sum::UNKNOWN,
            bytes: Sum::UNKNOWN,
            trace_parent: None,
            kind: None,
            operation: OperationType::ExecuteStatement,
            internal: None,
            format: None,
            compressed: None,
            patched_arrow: None,
            max_errors: u16::try_from(max_errors).unwrap_or(u16::MAX),
            errors: None,
            failure: None,
            events: 1,
        }
    }

    pub(crate) fn set_id(&mut self, id: PackedId) {
        self.id = Some(id);
    }

    pub(crate) fn id(&self) -> Option<&PackedId> {
        self.id.as_ref()
    }

    pub(crate) fn started(&self) -> Tick {
        self.started
    }

    /// How many events it has seen, its start and its end included.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// How many bytes it takes, without error text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        let failure = self.failure.as_ref().map_or(0, |failure| failure.bytes());
        let id = self.id.as_ref().map_or(0, PackedId::heap_bytes);
        let trace_parent = self.trace_parent.as_ref().map_or(0, |parent| size_of_val(&**parent)) as u64;
        size_of::<StatementAggregate>() as u64 + id + self.error_bytes() + failure + trace_parent
    }

    /// How many of them the errors take that it keeps.
    pub(crate) fn error_bytes(&self) -> u64 {
        self.errors.as_ref().map_or(0, |errors| size_of::<Errors>() as u64 + errors.bytes)
    }

    /// How many bytes more it takes with this error.
    pub(crate) fn growth_by(&self, error: &Failure) -> u64 {
        let first = if self.errors.is_none() { size_of::<Errors>() as u64 } else { 0 };
        let inherited = self.trace_parent.as_ref().filter(|_| error.trace_parent.is_none());
        first + error.bytes() + inherited.map_or(0, |parent| size_of_val(&**parent)) as u64
    }

    /// Whether it was told of any that it keeps or refused.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors.is_some()
    }

    /// How many of them it refused.
    pub(crate) fn refused(&self) -> u64 {
        self.errors.as_ref().map_or(0, |errors| errors.refused)
    }

    #[inline]
    pub(crate) fn apply(&mut self, event: StatementEvent) -> Applied {
        self.events += 1;
        match event {
            StatementEvent::Kind(kind) => self.kind = Some(kind),
            StatementEvent::Began(at) => self.started = at,
            StatementEvent::TraceParent(parent) => self.trace_parent = Some(parent),
            StatementEvent::Operation(operation) => self.operation = operation,
            StatementEvent::Internal(internal) => self.internal = Some(internal),
            StatementEvent::Polled(latency) => {
                self.polls = self.polls.saturating_add(1);
                self.poll_latency = self.poll_latency.saturating_add(nanos(latency));
            }
            StatementEvent::NotPolled => self.polls_known = true,
            StatementEvent::Retried(times) => {
                self.retries = Some(self.retries.unwrap_or(0).saturating_add(times));
            }
            StatementEvent::Rows(rows) => self.rows.add(rows),
            StatementEvent::Bytes(bytes) => self.bytes.add(bytes),
            StatementEvent::Format(format) => self.format = Some(format),
            StatementEvent::Compressed(compressed) => self.compressed = Some(compressed),
            // The first reading is the one that counts: a result is ready once.
            StatementEvent::ResultReady(latency) if self.ready.known().is_none() => {
                self.ready = latency.into()
            }
            StatementEvent::ResultReady(_) => {}
            StatementEvent::ResultConsumed(latency) => self.consumed = latency.into(),
            StatementEvent::ChunksPresent(count) => self.present = Some(count),
            StatementEvent::Chunk(chunk) => self.chunks.record(chunk),
            StatementEvent::PatchedArrow(patched) => self.patched_arrow = Some(patched),
            StatementEvent::Failed(error) => return self.fail(*error),
        }
        Applied::Folded
    }

    // Apart, so that what happens often is done in a few instructions.
    #[cold]
    fn fail(&mut self, mut failure: Failure) -> Applied {
        failure.trace_parent = failure.trace_parent.or_else(|| self.trace_parent.clone());
        if failure.error.class == ErrorClass::Terminal {
            // It leaves as an event of its own.
            self.events -= 1;
            let (at, body) = failure.into_body(self.id.as_ref().map(PackedId::unpack));
            return Applied::AtOnce(at, Box::new(body));
        }
        let errors = self.errors.get_or_insert_default();
        if errors.kept.len() >= usize::from(self.max_errors) {
            errors.refused += 1;
            return Applied::TooManyErrors;
        }
        errors.bytes += failure.bytes();
        errors.kept.push(failure);
        Applied::Folded
    }

    /// A chunk, without the detour of an event: the hottest call of all.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        self.events += 1;
        self.chunks.record(chunk);
    }

    /// Where the chunks come together that others download.
    pub(crate) fn tally(&mut self) -> Arc<Tally> {
        Arc::clone(self.tally.get_or_insert_default())
    }

    /// Adds the chunks that others downloaded; what comes after is too late. While somebody adds one, all are
    /// left out where that isn't to be waited for.
    pub(crate) fn close_tally(&mut self, waits: impl FnOnce() -> bool) {
        if let Some((chunks, events)) = self.tally.take().and_then(|tally| tally.close(waits)) {
            self.events += events;
            self.chunks.merge(&chunks);
        }
    }

    /// The end: how long the whole took, and what it failed of.
    pub(crate) fn complete(&mut self, latency: Option<Duration>, failure: Option<Box<Failure>>) {
        self.events += 1;
        self.latency = latency.map_or(Elapsed::UNKNOWN, Elapsed::from);
        self.failure = failure;
    }

    /// Whether it failed of what is to be told at once.
    pub(crate) fn is_urgent(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.error.class == ErrorClass::Terminal)
    }

    /// The record of the statement, which ended at `at`. What it had boxed is gone from it then.
    #[inline]
    pub(crate) fn take_body(&mut self, at: Tick) -> Body {
        let &mut StatementAggregate {
            ref id,
            started,
            latency,
            kind,
            operation,
            internal,
            polls,
            polls_known,
            poll_latency,
            retries,
            rows,
            bytes,
            ref mut trace_parent,
            format,
            compressed,
            ready,
            consumed,
            present,
            chunks,
            tally: _,
            errors: _,
            patched_arrow,
            max_errors: _,
            ref mut failure,
            events: _,
        } = self;
        let polled = polls_known || polls > 0;
        let sql = SqlExecution {
            statement_type: kind,
            is_compressed: compressed.or(chunks.compressed()),
            execution_result: format,
            retry_count: retries.map(u64::from),
            rows: rows.known(),
            bytes: bytes.known(),
            chunks: (present.is_some() || !chunks.is_empty()).then(|| chunks.details(present)),
            result_ready: ready.known(),
            result_consumed: consumed.known(),
            operation: Some(OperationDetail {
                status_calls: polled.then_some(polls),
                status_latency: polled.then_some(Duration::from_nanos(poll_latency)),
                operation_type: Some(operation),
                is_internal_call: internal,
            }),
            java_uses_patched_arrow: patched_arrow,
        };
        let (theirs, error) = failure.take().map(|failure| (failure.trace_parent, failure.error)).unzip();
        Body {
            statement_id: id.as_ref().map(PackedId::unpack),
            trace_parent: trace_parent.take().or(theirs.flatten()),
            latency: latency.known(),
            since_start: Some(at.since(started)),
            sql: Some(sql),
            error,
            ..Body::new(RecordKind::Statement)
        }
    }

    /// A record of each error kept with it, and when it happened.
    pub(crate) fn take_errors(&mut self) -> impl Iterator<Item = (Tick, Body)> {
        let id = self.id.as_ref().map(PackedId::unpack);
        self.errors
            .take()
            .into_iter()
            .flat_map(|errors| errors.kept)
            .map(move |failure| failure.into_body(id))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::ErrorInfo;
    use crate::record::id::StatementId;

    pub(crate) fn error(class: ErrorClass) -> Box<Failure> {
        Box::new(Failure { at: Tick::ZERO, trace_parent: None, error: ErrorInfo::new("E", class) })
    }

    fn bodies(mut aggregate: StatementAggregate) -> Vec<Body> {
        let mut bodies = vec![aggregate.take_body(Tick::ZERO)];
        bodies.extend(aggregate.take_errors().map(|(_, body)| body));
        bodies
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn everything_adds_up_in_one_record() {
        let mut statement = StatementAggregate::start(Tick::ZERO, 50);
        statement.set_id(PackedId::new("s1").unwrap());
        for event in [
            StatementEvent::Kind(StatementType::Query),
            StatementEvent::Polled(3 * MS),
            StatementEvent::Polled(4 * MS),
            StatementEvent::Retried(2),
            StatementEvent::Retried(1),
            StatementEvent::Format(ResultFormat::ExternalLinks),
            StatementEvent::ResultReady(20 * MS),
            StatementEvent::ResultReady(30 * MS),
            StatementEvent::ChunksPresent(3),
            StatementEvent::Chunk(Chunk::new(1, 9 * MS).bytes(100).compressed(true)),
            StatementEvent::Chunk(Chunk::new(0, 5 * MS).bytes(50)),
            StatementEvent::ResultConsumed(40 * MS),
        ] {
            assert!(matches!(statement.apply(event), Applied::Folded));
        }
        statement.complete(Some(42 * MS), None);
        assert_eq!(statement.events(), 14);
        let bodies = bodies(statement);
        assert_eq!(bodies.len(), 1);
        assert_eq!(bodies[0].latency, Some(42 * MS));
        assert_eq!(bodies[0].statement_id, StatementId::new("s1"));
        let sql = bodies[0].sql.as_ref().unwrap();
        let operation = sql.operation.unwrap();
        assert_eq!((operation.status_calls, operation.status_latency), (Some(2), Some(7 * MS)));
        assert_eq!((sql.retry_count, sql.is_compressed), (Some(3), Some(true)));
        assert_eq!((sql.result_ready, sql.result_consumed), (Some(20 * MS), Some(40 * MS)));
        let chunks = sql.chunks.unwrap();
        assert_eq!((chunks.present, chunks.iterated, chunks.bytes), (Some(3), 2, 150));
        assert_eq!((chunks.first, chunks.slowest, chunks.sum), (Some(5 * MS), Some(9 * MS), 14 * MS));
    }

    #[test]
    fn what_was_not_measured_is_left_out_and_a_measured_zero_is_kept() {
        let statement = StatementAggregate::start(Tick::ZERO, 50);
        let unknown = bodies(statement).remove(0);
        let sql = unknown.sql.unwrap();
        assert_eq!((unknown.latency, sql.chunks, sql.retry_count), (None, None, None));
        assert_eq!(sql.operation.unwrap().status_calls, None);

        let mut statement = StatementAggregate::start(Tick::ZERO, 50);
        statement.apply(StatementEvent::Polled(Duration::ZERO));
        statement.apply(StatementEvent::Retried(0));
        statement.apply(StatementEvent::ChunksPresent(0));
        statement.complete(Some(Duration::ZERO), None);
        let measured = bodies(statement).remove(0);
        let sql = measured.sql.unwrap();
        assert_eq!((measured.latency, sql.retry_count), (Some(Duration::ZERO), Some(0)));
        assert_eq!(sql.chunks.unwrap().present, Some(0));
        assert_eq!(sql.operation.unwrap().status_latency, Some(Duration::ZERO));
    }

    #[test]
    fn errors_past_the_bound_are_refused_and_counted() {
        let mut statement = StatementAggregate::start(Tick::ZERO, 2);
        for _ in 0..5 {
            statement.apply(StatementEvent::Failed(error(ErrorClass::Retryable)));
        }
        assert_eq!((statement.events(), statement.refused()), (6, 3));
        assert_eq!(bodies(statement).len(), 3);
    }

    #[test]
    fn what_it_takes_is_the_sum_of_what_it_has() {
        let mut statement = StatementAggregate::start(Tick::ZERO, 2);
        let mut before = statement.bytes();
        let mut grown_by = |statement: &StatementAggregate| {
            statement.bytes() - std::mem::replace(&mut before, statement.bytes())
        };
        statement.set_id(PackedId::new("s1").unwrap());
        assert_eq!(grown_by(&statement), size_of::<StatementId>() as u64);
        let parent = TraceParent::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        statement.apply(StatementEvent::TraceParent(Box::new(parent)));
        assert_eq!(grown_by(&statement), size_of::<TraceParent>() as u64);
        let growth = statement.growth_by(&error(ErrorClass::Retryable));
        statement.apply(StatementEvent::Failed(error(ErrorClass::Retryable)));
        assert_eq!(grown_by(&statement), growth);
        let failure = error(ErrorClass::Unknown);
        let bytes = failure.bytes();
        statement.complete(None, Some(failure));
        assert_eq!(grown_by(&statement), bytes);
    }

    #[test]
    fn a_terminal_error_leaves_at_once_and_is_not_kept() {
        let mut statement = StatementAggregate::start(Tick::ZERO, 2);
        statement.set_id(PackedId::new("s1").unwrap());
        let mut terminal = error(ErrorClass::Terminal);
        terminal.error.chunk = Some(4);
        let applied = statement.apply(StatementEvent::Failed(terminal));
        let Applied::AtOnce(_, body) = applied else { panic!("{applied:?}") };
        assert!(body.is_urgent());
        assert_eq!(body.statement_id, StatementId::new("s1"));
        assert_eq!(body.error.unwrap().chunk, Some(4));
        assert_eq!((statement.events(), statement.refused()), (1, 0), "it is an event of its own");
        assert_eq!(bodies(statement).len(), 1);
    }
}
