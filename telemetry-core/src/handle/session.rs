//! An open connection.

use std::sync::Arc;
use std::time::Duration;

use crate::handle::connection_info::ConnectionInfo;
use crate::handle::emitter::Emitter;
use crate::handle::error_details::{ErrorDetails, describe};
use crate::handle::operation::Operation;
use crate::handle::session_scope::{SessionScope, ago};
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
#[derive(Clone, Debug, Default)]
pub struct Session(Option<Arc<SessionScope>>);

impl Session {
    /// A session that records nothing, for drivers that have no lease; the default.
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

    /// The same connection, of which the driver has learned more, such as the workspace's id that came with
    /// an answer. What is said anew counts, the rest stays.
    ///
    /// What is recorded through the session that this gives, and through all that it gives, says so; what is
    /// recorded through this one, its clones and what they gave, before or after, says what was known. A
    /// statement ends by the emitter that it was started with. Where there is no room for its texts, the
    /// session stays as it was.
    ///
    /// A workspace's id is what records say: the flag that is asked for stays that of the
    /// [`Target`](crate::Target::workspace), by which the connection has its client.
    ///
    /// ```
    /// use telemetry_core::{ConnectionInfo, Lease};
    ///
    /// # let lease = Lease::disabled();
    /// let mut session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4");
    /// // … an answer names the workspace …
    /// session = session.learned(ConnectionInfo::new().workspace_id(7));
    /// # drop(session);
    /// ```
    #[must_use = "this session stays as it is"]
    pub fn learned(&self, more: ConnectionInfo) -> Session {
        let learned = self.0.as_ref().filter(|inner| inner.client().plugins.in_parent_process());
        let learned = learned.and_then(|inner| inner.learned(more));
        learned.map_or_else(|| self.clone(), |scope| Session::new(Arc::new(scope)))
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
        inner.client().refuse(Refusal::InvalidId, operation.invalid_ids());
        let failure = operation.failure.take().and_then(|details| describe(inner.client(), || *details));
        let ended = operation.ago.map(|time| ago(inner.client(), time));
        let mut body = operation.into_body();
        let failed = failure.map(|failure| failure.add_to(&mut body));
        inner
            .record_at(|| ended.or(failed).unwrap_or_else(|| inner.now()), EventKind::Single(Box::new(body)));
    }

    /// Records an error that belongs to no statement.
    pub fn error(&self, details: impl FnOnce() -> ErrorDetails) {
        let Some(inner) = self.live() else { return };
        if let Some(failure) = describe(inner.client(), details) {
            let at = failure.at;
            inner.record_at(|| at, EventKind::Failed(failure));
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
        let mut body = Body::call(RecordKind::Connection, OperationType::DeleteSession, Some(latency));
        let failed = describe(inner.client(), details).map(|failure| failure.add_to(&mut body));
        inner.record_at(|| failed.unwrap_or_else(|| inner.now()), EventKind::Single(Box::new(body)));
    }

    /// Records that the connection was opened.
    pub(super) fn opened(&self, started: Tick, opening: Body) {
        let Some(inner) = self.live() else { return };
        let now = inner.now();
        let body = Body { latency: Some(now.since(started)), ..opening };
        inner.record_at(|| now, EventKind::Single(Box::new(body)));
    }
}
