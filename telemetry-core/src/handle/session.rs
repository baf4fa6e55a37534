//! An open connection.

use std::sync::Arc;
use std::time::Duration;

use crate::handle::emitter::Emitter;
use crate::handle::error_details::{ErrorDetails, describe};
use crate::handle::operation::Operation;
use crate::handle::session_scope::SessionScope;
use crate::handle::statement::Statement;
use crate::ledger::Refusal;
use crate::pipeline::event::EventKind;
use crate::plugin::clock::Tick;
use crate::record::RecordKind;
use crate::record::body::Body;
use crate::record::enums::OperationType;

/// An open connection. Cloning it is cheap; it is `Send` and `Sync`, and works on any thread, with or without
/// a runtime.
///
/// No method fails, waits, or does I/O. While telemetry is off, each is one branch.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{ConnectionInfo, Lease, Operation, OperationType};
///
/// # let lease = Lease::disabled();
/// let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4");
/// session.operation(Operation::new(OperationType::ListTables, Duration::from_millis(31)));
/// session.closed(Duration::from_millis(3));
/// ```
#[derive(Clone, Debug)]
pub struct Session(Option<Arc<SessionScope>>);

impl Session {
    /// A session that records nothing, for drivers that have no lease.
    pub fn disabled() -> Self {
        Session(None)
    }

    pub(super) fn new(scope: Arc<SessionScope>) -> Self {
        Session(Some(scope))
    }

    /// The session while it records.
    #[inline]
    fn live(&self) -> Option<&Arc<SessionScope>> {
        self.0.as_ref().filter(|inner| inner.client().may_record())
    }

    /// Records that a statement starts, now. The handle gathers what happens to it, and reports it whole when
    /// it ends.
    #[must_use = "dropped at once, the statement is over"]
    #[inline]
    pub fn statement(&self) -> Statement {
        Statement::start(self.live())
    }

    /// For drivers that can't keep a handle with a statement: an emitter that speaks of statements by their
    /// id.
    #[must_use]
    pub fn emitter(&self) -> Emitter {
        Emitter::new(self.0.clone())
    }

    /// Records a call of the driver's that is no statement, such as a metadata call or the transfer of a
    /// file, has ended.
    pub fn operation(&self, mut operation: Operation) {
        let Some(inner) = self.live() else { return };
        if operation.invalid_statement {
            inner.client().refuse(Refusal::InvalidId, 1);
        }
        let failure = operation.failure.take().and_then(|details| describe(inner.client(), || *details));
        inner.single(operation.into_body(failure));
    }

    /// Records an error that belongs to no statement.
    pub fn error(&self, details: impl FnOnce() -> ErrorDetails) {
        let Some(inner) = self.live() else { return };
        if let Some(error) = describe(inner.client(), details) {
            inner.single(Body::error(None, error));
        }
    }

    /// Records that the connection was closed, and how long that took.
    pub fn closed(&self, latency: Duration) {
        let Some(inner) = self.live() else { return };
        inner.single(Body::call(RecordKind::Connection, OperationType::DeleteSession, Some(latency)));
    }

    /// Records that the connection could not be closed, after how long, and why.
    pub fn close_failed(&self, latency: Duration, details: impl FnOnce() -> ErrorDetails) {
        let Some(inner) = self.live() else { return };
        let error = describe(inner.client(), details);
        let body = Body::call(RecordKind::Connection, OperationType::DeleteSession, Some(latency));
        inner.single(Body { error, ..body });
    }

    /// Records that the connection was opened.
    pub(super) fn opened(&self, started: Tick, retries: Option<u64>) {
        let Some(inner) = self.live() else { return };
        let now = inner.now();
        let body = Body::opening(now.since(started), retries);
        inner.record_at(|| now, EventKind::Single(Box::new(body)));
    }
}
