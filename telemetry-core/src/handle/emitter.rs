//! Speaks of statements by their id, for drivers that can't keep a handle with each.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::handle::error_details::{ErrorDetails, describe};
use crate::handle::session_scope::{SessionScope, ago};
use crate::ledger::Refusal;
use crate::pipeline::event::EventKind;
use crate::pipeline::packed_id::PackedId;
use crate::pipeline::statement::StatementEvent;
use crate::record::chunk::Chunk;
use crate::record::trace_parent::TraceParent;
use crate::record::{OperationType, ResultFormat, StatementType};

/// Records what happens to statements by their ids. Every call is one event in the client's bounded buffer.
///
/// A statement is open from [`started`](Emitter::started) to [`completed`](Emitter::completed). What comes
/// for one that isn't open is refused and counted, except for an error, which becomes a record of its own.
/// One that stays quiet for an hour, or is the quietest when there are too many, is ended as it is. Bounds:
/// [`abandoned_after`](crate::TelemetryConfig::abandoned_after),
/// [`max_open_statements`](crate::TelemetryConfig::max_open_statements).
///
/// No method fails, waits, or does I/O. What isn't an id (see [`StatementId`](crate::record::StatementId)) is
/// refused and counted. An id that is no UUID in small letters takes 64 bytes more, with each call.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{Chunk, Session, StatementType};
///
/// # let session = Session::disabled();
/// let emitter = session.emitter();
/// emitter.started("01f0a1b2-0001", StatementType::Query);
/// emitter.chunk("01f0a1b2-0001", Chunk::new(0, Duration::from_millis(12)).bytes(65_536));
/// emitter.completed("01f0a1b2-0001", Duration::from_millis(42));
/// ```
#[derive(Clone, Default)]
pub struct Emitter(Option<Arc<SessionScope>>);

impl Emitter {
    pub(crate) fn new(session: Option<Arc<SessionScope>>) -> Self {
        Emitter(session)
    }

    /// An emitter that records nothing; the default.
    pub fn disabled() -> Self {
        Emitter(None)
    }

    #[inline]
    fn live(&self) -> Option<&SessionScope> {
        self.0.as_deref().filter(|session| session.client().may_record())
    }

    #[inline]
    fn emit(&self, id: &str, make: impl FnOnce(&SessionScope, PackedId) -> Option<EventKind>) {
        if let Some(session) = self.live()
            && let Some(id) = session.statement(id)
            && let Some(kind) = make(session, id)
        {
            session.record(kind);
        }
    }

    #[inline]
    fn happened(&self, id: &str, what: StatementEvent) {
        if let Some(session) = self.live() {
            session.happened(id, what);
        }
    }

    /// Records that the statement starts, now.
    #[inline]
    pub fn started(&self, id: &str, kind: StatementType) {
        self.emit(id, |_, id| Some(EventKind::Started { id, kind }));
    }

    /// Records the call by which it runs; [`OperationType::ExecuteStatement`] unless said otherwise.
    #[inline]
    pub fn operation(&self, id: &str, operation: OperationType) {
        self.happened(id, StatementEvent::Operation(operation));
    }

    /// Records that it began so long ago; a day at the most. Without this it began when it was
    /// [`started`](Emitter::started).
    #[inline]
    pub fn began(&self, id: &str, time: Duration) {
        self.emit(id, |session, id| {
            let what = StatementEvent::Began(ago(session.client(), time));
            Some(EventKind::Happened { id, what })
        });
    }

    /// Records the caller's span that it and its errors belong under; see
    /// [`Statement::trace_parent`](crate::Statement::trace_parent).
    #[inline]
    pub fn trace_parent(&self, id: &str, parent: impl TryInto<TraceParent>) {
        self.emit(id, |session, id| match parent.try_into() {
            Ok(parent) => {
                Some(EventKind::Happened { id, what: StatementEvent::TraceParent(Box::new(parent)) })
            }
            Err(_) => {
                session.client().refuse(Refusal::InvalidId, 1);
                None
            }
        });
    }

    /// Records that the service was asked whether it is done, and how long that took.
    #[inline]
    pub fn poll(&self, id: &str, latency: Duration) {
        self.happened(id, StatementEvent::Polled(latency));
    }

    /// Records that the service needn't be asked; see
    /// [`Statement::not_polled`](crate::Statement::not_polled).
    #[inline]
    pub fn not_polled(&self, id: &str) {
        self.happened(id, StatementEvent::NotPolled);
    }

    /// Records rows of its result, as they are fetched; they add up.
    #[inline]
    pub fn rows(&self, id: &str, count: u64) {
        self.happened(id, StatementEvent::Rows(count));
    }

    /// Records bytes of its result that are in no [`chunk`](Emitter::chunk), as they came over the network;
    /// they add up.
    #[inline]
    pub fn bytes(&self, id: &str, count: u64) {
        self.happened(id, StatementEvent::Bytes(count));
    }

    /// Records retries of its requests; they add up.
    #[inline]
    pub fn retried(&self, id: &str, times: u32) {
        self.happened(id, StatementEvent::Retried(times));
    }

    /// Records whether the driver runs it on its own account, not for its caller.
    #[inline]
    pub fn internal(&self, id: &str, internal: bool) {
        self.happened(id, StatementEvent::Internal(internal));
    }

    /// Records how its result comes.
    #[inline]
    pub fn format(&self, id: &str, format: ResultFormat) {
        self.happened(id, StatementEvent::Format(format));
    }

    /// Records whether its result comes compressed.
    #[inline]
    pub fn compressed(&self, id: &str, compressed: bool) {
        self.happened(id, StatementEvent::Compressed(compressed));
    }

    /// Records whether a patched Arrow library is in use, for bindings to Java.
    #[inline]
    pub fn patched_arrow(&self, id: &str, patched: bool) {
        self.happened(id, StatementEvent::PatchedArrow(patched));
    }

    /// Records how long after the start the first row could be read. The first call counts.
    #[inline]
    pub fn result_ready(&self, id: &str, latency: Duration) {
        self.happened(id, StatementEvent::ResultReady(latency));
    }

    /// Records how long after the start the last row had been read. The last call counts.
    #[inline]
    pub fn result_consumed(&self, id: &str, latency: Duration) {
        self.happened(id, StatementEvent::ResultConsumed(latency));
    }

    /// Records how many chunks the result has, as the service said.
    #[inline]
    pub fn chunks_present(&self, id: &str, count: u32) {
        self.happened(id, StatementEvent::ChunksPresent(count));
    }

    /// Records that a chunk was downloaded.
    #[inline]
    pub fn chunk(&self, id: &str, chunk: Chunk) {
        self.happened(id, StatementEvent::Chunk(chunk));
    }

    /// Records an error of it; see [`Statement::error`](crate::Statement::error).
    #[inline]
    pub fn error(&self, id: &str, details: impl FnOnce() -> ErrorDetails) {
        self.emit(id, |session, id| {
            let error = describe(session.client(), details)?;
            Some(EventKind::Happened { id, what: StatementEvent::Failed(error) })
        });
    }

    /// Records that it is over, and how long it took.
    #[inline]
    pub fn completed(&self, id: &str, latency: Duration) {
        self.emit(id, |_, id| Some(EventKind::Completed { id, latency: latency.into(), failure: None }));
    }

    /// Records that it failed, after how long, and of what; see
    /// [`Statement::failed`](crate::Statement::failed).
    #[inline]
    pub fn failed(&self, id: &str, latency: Duration, details: impl FnOnce() -> ErrorDetails) {
        if let Some(session) = self.live()
            && let Some(id) = session.statement(id)
        {
            let failure = describe(session.client(), details);
            let failed = failure.as_ref().map(|failure| failure.at);
            let kind = EventKind::Completed { id, latency: latency.into(), failure };
            session.record_at(|| failed.unwrap_or_else(|| session.now()), kind);
        }
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("on", &self.0.is_some()).finish()
    }
}
