//! Speaks of statements by their id, for drivers that can't keep a handle with each.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::handle::error_details::{ErrorDetails, describe};
use crate::handle::session_scope::SessionScope;
use crate::ledger::Refusal;
use crate::pipeline::event::EventKind;
use crate::pipeline::statement::StatementEvent;
use crate::record::chunk::Chunk;
use crate::record::id::StatementId;
use crate::record::{OperationType, ResultFormat, StatementType};

/// Records what happens to statements by their ids. Every call is one event in the client's bounded buffer.
///
/// A statement is open from [`started`](Emitter::started) to [`completed`](Emitter::completed). What comes
/// for one that isn't open is refused and counted, except for an error, which becomes a record of its own.
/// One that stays quiet for an hour, or is the quietest when there are too many, is ended as it is. Bounds:
/// [`abandoned_after`](crate::TelemetryConfig::abandoned_after),
/// [`max_open_statements`](crate::TelemetryConfig::max_open_statements).
///
/// No method fails, waits, or does I/O. An id that is none is refused and counted.
#[derive(Clone)]
pub struct Emitter(Option<Arc<SessionScope>>);

impl Emitter {
    pub(crate) fn new(session: Option<Arc<SessionScope>>) -> Self {
        Emitter(session)
    }

    /// An emitter that records nothing.
    pub fn disabled() -> Self {
        Emitter(None)
    }

    fn live(&self) -> Option<&SessionScope> {
        self.0.as_deref().filter(|session| session.client().is_recording())
    }

    fn emit(&self, id: &str, make: impl FnOnce(&SessionScope, StatementId) -> Option<EventKind>) {
        let Some(session) = self.live() else { return };
        match StatementId::new(id) {
            None => session.client().refuse(Refusal::InvalidId, 1),
            Some(id) => {
                if let Some(kind) = make(session, id) {
                    session.record(session.now(), kind);
                }
            }
        }
    }

    fn happened(&self, id: &str, what: StatementEvent) {
        self.emit(id, |_, id| Some(EventKind::Happened { id, what }));
    }

    /// The statement starts.
    pub fn started(&self, id: &str, kind: StatementType) {
        self.emit(id, |_, id| Some(EventKind::Started { id, what: StatementEvent::Kind(kind) }));
    }

    /// The call by which it runs.
    pub fn operation(&self, id: &str, operation: OperationType) {
        self.happened(id, StatementEvent::Operation(operation));
    }

    /// The service was asked whether it is done, which took so long.
    pub fn poll(&self, id: &str, latency: Duration) {
        self.happened(id, StatementEvent::Polled(latency));
    }

    /// Requests of it were retried so many times more.
    pub fn retried(&self, id: &str, times: u32) {
        self.happened(id, StatementEvent::Retried(times));
    }

    /// Whether the driver runs it on its own account.
    pub fn internal(&self, id: &str, internal: bool) {
        self.happened(id, StatementEvent::Internal(internal));
    }

    /// How its result comes.
    pub fn format(&self, id: &str, format: ResultFormat) {
        self.happened(id, StatementEvent::Format(format));
    }

    /// Whether its result comes compressed.
    pub fn compressed(&self, id: &str, compressed: bool) {
        self.happened(id, StatementEvent::Compressed(compressed));
    }

    /// Whether a patched Arrow library is in use, for bindings to Java.
    pub fn patched_arrow(&self, id: &str, patched: bool) {
        self.happened(id, StatementEvent::PatchedArrow(patched));
    }

    /// The first row could be read so long after the start. The first call counts.
    pub fn result_ready(&self, id: &str, latency: Duration) {
        self.happened(id, StatementEvent::ResultReady(latency));
    }

    /// The last row had been read so long after the start. The last call counts.
    pub fn result_consumed(&self, id: &str, latency: Duration) {
        self.happened(id, StatementEvent::ResultConsumed(latency));
    }

    /// How many chunks the result has, as the service said.
    pub fn chunks_present(&self, id: &str, count: u32) {
        self.happened(id, StatementEvent::ChunksPresent(count));
    }

    /// A chunk was downloaded.
    pub fn chunk(&self, id: &str, chunk: Chunk) {
        self.happened(id, StatementEvent::Chunk(chunk));
    }

    /// Something went wrong with it; see [`Statement::error`](crate::Statement::error).
    pub fn error(&self, id: &str, details: impl FnOnce() -> ErrorDetails) {
        self.emit(id, |session, id| {
            let error = describe(session.client(), details)?;
            Some(EventKind::Happened { id, what: StatementEvent::Failed(error) })
        });
    }

    /// It is over, and took so long.
    pub fn completed(&self, id: &str, latency: Duration) {
        self.emit(id, |_, id| Some(EventKind::Completed { id, latency: Some(latency) }));
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("on", &self.0.is_some()).finish()
    }
}
