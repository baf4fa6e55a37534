//! The handles of a connection: while it is being opened, and while it is open.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clean::clean;
use crate::client::Client;
use crate::clock::Tick;
use crate::details::{ErrorDetails, describe};
use crate::emitter::Emitter;
use crate::event::{Body, Event, EventKind};
use crate::fault::ErrorClass;
use crate::id::{SessionId, StatementId};
use crate::lease::Hold;
use crate::ledger::Refusal;
use crate::model::{ConnectionParams, OperationType, VolumeOperationType};
use crate::record::{Encoded, ErrorInfo, RecordKind, SessionContext, VolumeOperation};
use crate::redact::{base_name, field};
use crate::shown::Shown;
use crate::statement::Statement;

/// What a driver knows of a connection before it opens. All of it is optional.
#[derive(Clone, Default)]
#[must_use]
pub struct ConnectionInfo {
    params: ConnectionParams,
    auth_type: Option<String>,
    user_agent: Option<String>,
    workspace_id: Option<i64>,
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConnectionInfo { params, auth_type, user_agent, workspace_id } = self;
        f.debug_struct("ConnectionInfo")
            .field("params", params)
            .field("auth_type", &auth_type.shown())
            .field("user_agent", &user_agent.shown())
            .field("workspace_id", workspace_id)
            .finish()
    }
}

impl ConnectionInfo {
    /// Nothing known.
    pub fn new() -> Self {
        ConnectionInfo::default()
    }

    /// How it is configured.
    pub fn params(mut self, params: ConnectionParams) -> Self {
        self.params = params;
        self
    }

    /// The authentication type as the driver's configuration names it, such as `pat` or `databricks-oauth`.
    pub fn auth_type(mut self, auth_type: impl Into<String>) -> Self {
        self.auth_type = Some(auth_type.into());
        self
    }

    /// The connection's user agent; the driver's name and version by default.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = Some(user_agent.into());
        self
    }

    /// The workspace's id, where it is known.
    pub fn workspace_id(mut self, workspace_id: i64) -> Self {
        self.workspace_id = Some(workspace_id);
        self
    }

    fn context(self, hold: &Hold, session_id: Option<SessionId>) -> Arc<SessionContext> {
        let ConnectionInfo { params, auth_type, user_agent, workspace_id } = self;
        Arc::new(SessionContext {
            driver: Arc::clone(&hold.client.plugins.driver),
            session_id,
            workspace_id,
            user_agent: clean(user_agent, field),
            auth_type: clean(auth_type, field),
            params: params.cleaned(),
            encoded: Encoded::default(),
        })
    }
}

/// A connection that is being opened: say [`opened`](Opening::opened) or [`failed`](Opening::failed). Dropped before, it
/// counts as failed for a reason that nobody knows.
#[must_use]
pub struct Opening {
    open: Option<(Arc<Hold>, Tick, ConnectionInfo)>,
}

impl Opening {
    pub(crate) fn new(hold: Option<Arc<Hold>>, info: ConnectionInfo) -> Self {
        let open = hold.filter(|hold| hold.client.plugins.is_home()).map(|hold| {
            let now = hold.client.plugins.clock.now();
            (hold, now, info)
        });
        Opening { open }
    }

    /// The connection is open, under this id of the service's. An id that is none is left out and counted.
    pub fn opened(mut self, session_id: &str) -> Session {
        let Some((hold, started, info)) = self.open.take() else { return Session(None) };
        let id = SessionId::new(session_id);
        if id.is_none() && hold.client.is_recording() {
            hold.client.refuse(Refusal::InvalidId, 1);
        }
        let context = info.context(&hold, id);
        let session = Session(Some(Arc::new(SessionInner { hold, context })));
        session.call(OperationType::CreateSession, RecordKind::Connection, started);
        session
    }

    /// The connection could not be opened.
    pub fn failed(mut self, details: impl FnOnce() -> ErrorDetails) {
        let Some((hold, started, info)) = self.open.take() else { return };
        if hold.client.is_recording() {
            let error = describe(&hold.client, details);
            fail(&hold, started, info, error.map(|(error, _)| error));
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some((hold, started, info)) = self.open.take() {
            let error = ErrorInfo { name: "abandoned".to_owned(), class: ErrorClass::Unknown, text: None };
            fail(&hold, started, info, Some(error));
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("on", &self.open.is_some()).finish()
    }
}

fn fail(hold: &Hold, started: Tick, info: ConnectionInfo, error: Option<ErrorInfo>) {
    let client = &hold.client;
    if client.is_recording() {
        let now = client.plugins.clock.now();
        let body = Body::call(RecordKind::Connection, OperationType::CreateSession, Some(now.since(started)));
        let body = Body { error, ..body };
        client.record(Event {
            at: now,
            session: info.context(hold, None),
            kind: EventKind::Single(Box::new(body)),
        });
    }
}

/// What all handles of one connection share.
#[derive(Debug)]
pub(crate) struct SessionInner {
    hold: Arc<Hold>,
    pub(crate) context: Arc<SessionContext>,
}

impl SessionInner {
    pub(crate) fn client(&self) -> &Client {
        &self.hold.client
    }

    pub(crate) fn now(&self) -> Tick {
        self.client().plugins.clock.now()
    }

    pub(crate) fn record(&self, at: Tick, kind: EventKind) {
        self.client().record(Event { at, session: Arc::clone(&self.context), kind });
    }

    pub(crate) fn single(&self, body: Body) {
        self.record(self.now(), EventKind::Single(Box::new(body)));
    }
}

/// An open connection. Cloning it is cheap; it is `Send` and `Sync`, and works on any thread, with or without a runtime.
///
/// No method fails, waits, or does I/O. While telemetry is off, each is one branch.
#[derive(Clone, Debug)]
pub struct Session(Option<Arc<SessionInner>>);

impl Session {
    /// A session that records nothing, for drivers that have no lease.
    pub fn disabled() -> Self {
        Session(None)
    }

    /// The session while it records.
    fn live(&self) -> Option<&Arc<SessionInner>> {
        self.0.as_ref().filter(|inner| inner.client().is_recording())
    }

    /// A statement starts now. The handle gathers what happens to it, and reports it whole when it ends.
    pub fn statement(&self) -> Statement {
        Statement::start(self.live())
    }

    /// For drivers that can't keep a handle with a statement: an emitter that speaks of statements by their id.
    pub fn emitter(&self) -> Emitter {
        Emitter::new(self.0.clone())
    }

    /// A call of the driver's that is no statement, such as a metadata call or the transfer of a file, has ended.
    pub fn operation(&self, operation: Operation) {
        let Some(inner) = self.live() else { return };
        if operation.invalid_statement {
            inner.client().refuse(Refusal::InvalidId, 1);
        }
        inner.single(operation.into_body());
    }

    /// An error that belongs to no statement.
    pub fn error(&self, details: impl FnOnce() -> ErrorDetails) {
        let Some(inner) = self.live() else { return };
        if let Some((error, chunk)) = describe(inner.client(), details) {
            inner.single(Body::error(None, error, chunk));
        }
    }

    /// The connection was closed, which took so long.
    pub fn closed(&self, latency: Duration) {
        let Some(inner) = self.live() else { return };
        inner.single(Body::call(RecordKind::Connection, OperationType::DeleteSession, Some(latency)));
    }

    fn call(&self, operation: OperationType, kind: RecordKind, started: Tick) {
        let Some(inner) = self.live() else { return };
        let now = inner.now();
        let body = Body::call(kind, operation, Some(now.since(started)));
        inner.record(now, EventKind::Single(Box::new(body)));
    }
}

/// A call of a driver's that is no statement: what was called, and how long it took.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{Operation, OperationType};
///
/// let tables = Operation::new(OperationType::ListTables, Duration::from_millis(31)).internal(true);
/// # drop(tables);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Operation {
    operation: OperationType,
    latency: Duration,
    statement_id: Option<StatementId>,
    invalid_statement: bool,
    internal: Option<bool>,
    retries: Option<u32>,
    volume: Option<VolumeOperation>,
}

impl Operation {
    /// A call that took so long.
    pub fn new(operation: OperationType, latency: Duration) -> Self {
        Operation {
            operation,
            latency,
            statement_id: None,
            invalid_statement: false,
            internal: None,
            retries: None,
            volume: None,
        }
    }

    /// The transfer or listing of files in a volume. Of `local_file` the base name alone is kept; `volume_path` is redacted.
    pub fn volume(
        what: VolumeOperationType,
        volume_path: Option<&str>,
        local_file: Option<&str>,
        latency: Duration,
    ) -> Self {
        let volume = VolumeOperation {
            operation: Some(what),
            volume_path: volume_path.and_then(field),
            local_file: local_file.and_then(base_name),
        };
        Operation { volume: Some(volume), ..Operation::new(OperationType::ExecuteStatement, latency) }
    }

    /// The statement that it belongs to, by its id.
    pub fn statement(mut self, id: &str) -> Self {
        self.statement_id = StatementId::new(id);
        self.invalid_statement = self.statement_id.is_none();
        self
    }

    /// Whether the driver made the call on its own account, not for its caller.
    pub fn internal(mut self, internal: bool) -> Self {
        self.internal = Some(internal);
        self
    }

    /// How often its requests were retried.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    fn into_body(self) -> Body {
        let Operation { operation, latency, statement_id, invalid_statement: _, internal, retries, volume } =
            self;
        let mut body = Body::call(RecordKind::Operation, operation, Some(latency));
        if let Some(sql) = &mut body.sql {
            sql.retry_count = retries.map(u64::from);
            if let Some(operation) = &mut sql.operation {
                operation.is_internal_call = internal;
            }
        }
        Body { statement_id, volume, ..body }
    }
}
