//! The handle of a statement, which gathers what happens to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::guard::memory::Part;
use crate::handle::chunk_recorder::ChunkRecorder;
use crate::handle::error_details::{ErrorDetails, describe};
use crate::handle::session_scope::{SessionScope, ago};
use crate::ledger::Refusal;
use crate::pipeline::event::EventKind;
use crate::pipeline::failure::Failure;
use crate::pipeline::packed_id::PackedId;
use crate::pipeline::statement::StatementEvent;
use crate::pipeline::statement::{Applied, StatementAggregate};
use crate::record::chunk::Chunk;
use crate::record::trace_parent::TraceParent;
use crate::record::{OperationType, ResultFormat, StatementType};

/// A statement that runs. It gathers what happens in itself, so that a chunk costs a few nanoseconds and no
/// place in a buffer; when it is [completed](Statement::complete) or dropped, all of it becomes one record,
/// with one more for each error that was kept.
///
/// No method fails, waits, or does I/O. While telemetry is off, each is one branch.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{Chunk, ErrorDetails, Fault, Session, StatementType};
///
/// # let session = Session::disabled();
/// let mut statement = session.statement();
/// statement.kind(StatementType::Query);
/// statement.id("01f0a1b2-0001");
/// statement.chunk(Chunk::new(0, Duration::from_millis(12)).bytes(65_536));
/// statement.error(|| ErrorDetails::new("CHUNK_TIMEOUT").fault(Fault::Timeout).chunk(1));
/// statement.result_consumed();
/// statement.complete();
/// ```
#[derive(Default)]
pub struct Statement(Option<Active>);

struct Active {
    session: Arc<SessionScope>,
    aggregate: Box<StatementAggregate>,
}

impl Statement {
    /// A statement that records nothing; the default.
    pub fn disabled() -> Self {
        Statement(None)
    }

    #[inline]
    pub(crate) fn start(session: Option<&Arc<SessionScope>>) -> Self {
        Statement(session.map(Active::start))
    }

    pub(super) fn session(&self) -> Option<&Arc<SessionScope>> {
        self.0.as_ref().map(|active| &active.session)
    }

    #[inline]
    fn apply(&mut self, event: StatementEvent) {
        if let Some(active) = &mut self.0 {
            active.apply(event);
        }
    }

    /// Records what the statement is for.
    #[inline]
    pub fn kind(&mut self, kind: StatementType) {
        self.apply(StatementEvent::Kind(kind));
    }

    /// Records the call by which it runs; [`OperationType::ExecuteStatement`] unless said otherwise.
    #[inline]
    pub fn operation(&mut self, operation: OperationType) {
        self.apply(StatementEvent::Operation(operation));
    }

    /// Records the id that the service gave it. What isn't an id is left out and counted.
    #[inline]
    pub fn id(&mut self, id: &str) {
        if let Some(active) = &mut self.0 {
            active.id(id);
        }
    }

    /// Records that it began so long ago, for a driver that learns only later that it records; a day at the
    /// most. Whatever is timed from its start is timed from then.
    #[inline]
    pub fn began(&mut self, time: Duration) {
        if let Some(active) = &mut self.0 {
            let at = ago(active.session.client(), time);
            active.apply(StatementEvent::Began(at));
        }
    }

    /// Records the caller's span that it and its errors belong under: the text of a `traceparent` header, a
    /// [`TraceParent`], or its ids and flags. What is none is left out and counted.
    ///
    /// ```
    /// # let session = telemetry_core::Session::disabled();
    /// let mut statement = session.statement();
    /// statement.trace_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// statement.trace_parent((0x4bf9_u128.to_be_bytes(), 0xf067_u64.to_be_bytes(), 1));
    /// ```
    #[inline]
    pub fn trace_parent(&mut self, parent: impl TryInto<TraceParent>) {
        if let Some(active) = &mut self.0 {
            active.trace_parent(parent.try_into().ok());
        }
    }

    /// Records that the service was asked whether it is done, and how long that took.
    #[inline]
    pub fn poll(&mut self, latency: Duration) {
        self.apply(StatementEvent::Polled(latency));
    }

    /// Records that the service needn't be asked, as the result came with the first answer: of a statement
    /// without a [`poll`](Statement::poll) it isn't known otherwise whether its driver counts them.
    #[inline]
    pub fn not_polled(&mut self) {
        self.apply(StatementEvent::NotPolled);
    }

    /// Records rows of its result, as they are fetched; they add up.
    #[inline]
    pub fn rows(&mut self, count: u64) {
        self.apply(StatementEvent::Rows(count));
    }

    /// Records bytes of its result that are in no [`chunk`](Statement::chunk), as they came over the network;
    /// they add up.
    #[inline]
    pub fn bytes(&mut self, count: u64) {
        self.apply(StatementEvent::Bytes(count));
    }

    /// Records retries of its requests; they add up.
    #[inline]
    pub fn retried(&mut self, times: u32) {
        self.apply(StatementEvent::Retried(times));
    }

    /// Records whether the driver runs it on its own account, not for its caller.
    #[inline]
    pub fn internal(&mut self, internal: bool) {
        self.apply(StatementEvent::Internal(internal));
    }

    /// Records how its result comes.
    #[inline]
    pub fn format(&mut self, format: ResultFormat) {
        self.apply(StatementEvent::Format(format));
    }

    /// Records whether its result comes compressed.
    #[inline]
    pub fn compressed(&mut self, compressed: bool) {
        self.apply(StatementEvent::Compressed(compressed));
    }

    /// Records whether a patched Arrow library is in use, for bindings to Java.
    #[inline]
    pub fn patched_arrow(&mut self, patched: bool) {
        self.apply(StatementEvent::PatchedArrow(patched));
    }

    /// Records that the first row can be read, now. The first call counts.
    #[inline]
    pub fn result_ready(&mut self) {
        if let Some(active) = &mut self.0 {
            active.apply(StatementEvent::ResultReady(active.elapsed()));
        }
    }

    /// Records how long after the start the first row could be read. The first call counts.
    #[inline]
    pub fn result_ready_after(&mut self, latency: Duration) {
        self.apply(StatementEvent::ResultReady(latency));
    }

    /// Records that the last row has been read, now. The last call counts.
    #[inline]
    pub fn result_consumed(&mut self) {
        if let Some(active) = &mut self.0 {
            active.apply(StatementEvent::ResultConsumed(active.elapsed()));
        }
    }

    /// Records how long after the start the last row had been read. The last call counts.
    #[inline]
    pub fn result_consumed_after(&mut self, latency: Duration) {
        self.apply(StatementEvent::ResultConsumed(latency));
    }

    /// Records how many chunks the result has, as the service said.
    #[inline]
    pub fn chunks_present(&mut self, count: u32) {
        self.apply(StatementEvent::ChunksPresent(count));
    }

    /// Records that a chunk was downloaded.
    #[inline]
    pub fn chunk(&mut self, chunk: Chunk) {
        if let Some(active) = &mut self.0 {
            active.aggregate.chunk(chunk);
        }
    }

    /// A recorder for a download on another thread. What it records before the statement ends counts.
    pub fn chunk_recorder(&mut self) -> ChunkRecorder {
        match &mut self.0 {
            Some(active) => ChunkRecorder::new(Arc::clone(&active.session), active.aggregate.tally()),
            None => ChunkRecorder::disabled(),
        }
    }

    /// Records an error. A [terminal](crate::ErrorClass::Terminal) error is sent at once, others with the
    /// statement, which keeps [`max_errors`](crate::TelemetryConfig::max_errors) of them. The closure is
    /// called only while telemetry is on; a panic in it is counted.
    #[inline]
    pub fn error(&mut self, details: impl FnOnce() -> ErrorDetails) {
        let Some(active) = self.0.as_mut().filter(|active| active.session.client().is_recording()) else {
            return;
        };
        if let Some(failure) = describe(active.session.client(), details) {
            active.fail(failure);
        }
    }

    /// Records that it is over, now: after all rows were read, or by a failure.
    #[inline]
    pub fn complete(mut self) {
        if let Some(active) = self.0.take() {
            active.finish(Latency::UntilNow, None);
        }
    }

    /// Records that it is over, and how long it took.
    #[inline]
    pub fn complete_after(mut self, latency: Duration) {
        if let Some(active) = self.0.take() {
            active.finish(Latency::Said(latency), None);
        }
    }

    /// Records that it failed, now, and of what: its own record says so, also when the service never gave it
    /// an id. For errors that it survived, as a retry does, there is [`error`](Statement::error). A
    /// [terminal](crate::ErrorClass::Terminal) failure is sent at once. The closure is called only while
    /// telemetry is on; a panic in it is counted.
    ///
    /// ```
    /// # use telemetry_core::{ErrorDetails, Session};
    /// # let session = Session::disabled();
    /// let statement = session.statement();
    /// statement.failed(|| ErrorDetails::new("TABLE_OR_VIEW_NOT_FOUND").sqlstate("42P01"));
    /// ```
    #[inline]
    pub fn failed(mut self, details: impl FnOnce() -> ErrorDetails) {
        let Some(active) = self.0.take() else { return };
        let client = active.session.client();
        let failure = if client.is_recording() { describe(client, details) } else { None };
        active.finish(Latency::UntilNow, failure);
    }
}

impl Active {
    fn start(session: &Arc<SessionScope>) -> Self {
        let max_errors = session.client().config.max_errors;
        let aggregate = Box::new(StatementAggregate::start(session.now(), max_errors));
        Active { session: Arc::clone(session), aggregate }
    }

    fn id(&mut self, id: &str) {
        match PackedId::new(id) {
            Some(id) => self.aggregate.set_id(id),
            None => self.session.client().refuse(Refusal::InvalidId, 1),
        }
    }

    fn trace_parent(&mut self, parent: Option<TraceParent>) {
        match parent {
            Some(parent) => self.apply(StatementEvent::TraceParent(Box::new(parent))),
            None => self.session.client().refuse(Refusal::InvalidId, 1),
        }
    }

    /// How long the statement has run.
    fn elapsed(&self) -> Duration {
        self.session.now().since(self.aggregate.started())
    }

    fn apply(&mut self, event: StatementEvent) {
        if let Applied::AtOnce(at, body) = self.aggregate.apply(event) {
            self.session.record_at(|| at, EventKind::Single(body));
        }
    }

    fn fail(&mut self, failure: Box<Failure>) {
        let memory = &self.session.client().memory;
        let bytes = self.aggregate.growth_by(&failure);
        if !memory.take(Part::Handles, bytes) {
            return self.session.client().refuse(Refusal::MemoryFull, 1);
        }
        let before = self.aggregate.error_bytes();
        self.apply(StatementEvent::Failed(failure));
        let kept = self.aggregate.error_bytes() - before;
        self.session.client().memory.give_back(Part::Handles, bytes - kept);
    }

    fn finish(mut self, latency: Latency, failure: Option<Box<Failure>>) {
        let client = self.session.client();
        self.aggregate.close_tally(|| client.plugins.in_parent_process());
        let errors = self.aggregate.error_bytes();
        if errors > 0 {
            client.memory.give_back(Part::Handles, errors);
        }
        // With its end.
        if client.has_no_room(self.aggregate.events() + 1) {
            return;
        }
        let now = failure.as_ref().map_or_else(|| self.session.now(), |failure| failure.at);
        let latency = match latency {
            Latency::UntilNow => Some(now.since(self.aggregate.started())),
            Latency::Said(latency) => Some(latency),
            Latency::Unknown => None,
        };
        self.aggregate.complete(latency, failure);
        self.session.push(now, EventKind::Finished(self.aggregate));
    }
}

/// How long a statement took that is over.
enum Latency {
    UntilNow,
    Said(Duration),
    Unknown,
}

impl Drop for Statement {
    /// A statement that was never completed is reported as it is, without a latency.
    #[inline]
    fn drop(&mut self) {
        if let Some(active) = self.0.take() {
            active.finish(Latency::Unknown, None);
        }
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("on", &self.0.is_some()).finish()
    }
}
