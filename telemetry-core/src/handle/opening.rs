//! A connection that is being opened, and what is known of it before.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::lease_guard::LeaseGuard;
use crate::fault::ErrorClass;
use crate::guard::memory::Part;
use crate::handle::error_details::{ErrorDetails, describe};
use crate::handle::session::Session;
use crate::handle::session_scope::SessionScope;
use crate::ledger::Refusal;
use crate::pipeline::event::EventKind;
use crate::plugin::clock::Tick;
use crate::record::body::Body;
use crate::record::context::Counted;
use crate::record::id::SessionId;
use crate::record::params::ConnectionParams;
use crate::record::{Encoded, ErrorInfo, SessionContext};
use crate::text::fields::field;

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
            .field("auth_type", &auth_type.as_deref().and_then(field))
            .field("user_agent", &user_agent.as_deref().and_then(field))
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

    /// The workspace's id, where it is known; that of the [`Target`](crate::Target::workspace) by default.
    pub fn workspace_id(mut self, workspace_id: i64) -> Self {
        self.workspace_id = Some(workspace_id);
        self
    }

    /// What is constant in the connection's records. Where its texts have no room, it goes without them.
    fn context(self, hold: &LeaseGuard, session_id: Option<SessionId>) -> Arc<SessionContext> {
        let ConnectionInfo { params, auth_type, user_agent, workspace_id } = self;
        let mut context = SessionContext {
            driver: Arc::clone(&hold.client.plugins.driver),
            session_id,
            workspace_id: workspace_id.or(hold.client.workspace),
            user_agent: user_agent.and_then(field),
            auth_type: auth_type.and_then(field),
            params: params.sanitized(),
            encoded: Encoded::default(),
        };
        let (memory, mut bytes) = (Arc::clone(&hold.client.memory), context.text_bytes());
        if bytes > 0 && !memory.take(Part::Contexts, bytes) {
            bytes = 0;
            (context.user_agent, context.auth_type) = (None, None);
            context.params = ConnectionParams::default();
        }
        context.encoded = Encoded::counted(Counted::taken(memory, bytes));
        Arc::new(context)
    }
}

/// A connection that is being opened: say [`opened`](Opening::opened) or [`failed`](Opening::failed). Dropped
/// before, it counts as failed for an unknown reason.
///
/// ```
/// use telemetry_core::{ConnectionInfo, ErrorDetails, Lease};
///
/// # let lease = Lease::disabled();
/// # let answer: Result<&str, std::io::Error> = Ok("01f0a1b2-c3d4");
/// let opening = lease.opening(ConnectionInfo::new().auth_type("pat"));
/// match answer {
///     Ok(id) => drop(opening.opened(id)),
///     Err(error) => opening.failed(|| ErrorDetails::new("CONNECT").fault(&error)),
/// }
/// ```
#[must_use]
pub struct Opening {
    open: Option<Open>,
}

struct Open {
    hold: Arc<LeaseGuard>,
    started: Tick,
    retries: Option<u64>,
    info: ConnectionInfo,
}

impl Opening {
    pub(crate) fn new(hold: Option<Arc<LeaseGuard>>, info: ConnectionInfo) -> Self {
        let open = hold.filter(|hold| hold.client.plugins.in_parent_process()).map(|hold| {
            let started = hold.client.plugins.clock.now();
            Open { hold, started, retries: None, info }
        });
        Opening { open }
    }

    /// Says that it began so long ago, as when the driver had to log in before it could have a lease. The
    /// time counts as the opening's.
    pub fn began(mut self, ago: Duration) -> Self {
        if let Some(open) = &mut self.open {
            open.started = open.started.before(ago);
        }
        self
    }

    /// Records retries of its requests; they add up.
    pub fn retried(&mut self, times: u32) {
        if let Some(open) = &mut self.open {
            open.retries = Some(open.retries.unwrap_or(0).saturating_add(u64::from(times)));
        }
    }

    /// Records that the connection is open, under this id of the service's. What isn't an id is left out and
    /// counted; where the service gives none, say [`opened_without_id`](Opening::opened_without_id).
    pub fn opened(self, session_id: &str) -> Session {
        let id = SessionId::new(session_id);
        if let Some(Open { hold, .. }) = &self.open
            && id.is_none()
            && hold.client.is_recording()
        {
            hold.client.refuse(Refusal::InvalidId, 1);
        }
        self.session(id)
    }

    /// Records that the connection is open, and that the service gave it no id.
    pub fn opened_without_id(self) -> Session {
        self.session(None)
    }

    fn session(mut self, id: Option<SessionId>) -> Session {
        let Some(Open { hold, started, retries, info }) = self.open.take() else {
            return Session::disabled();
        };
        hold.opened();
        let context = info.context(&hold, id);
        let session = Session::new(Arc::new(SessionScope::new(hold, context)));
        session.opened(started, retries);
        session
    }

    /// Records that the connection could not be opened.
    pub fn failed(mut self, details: impl FnOnce() -> ErrorDetails) {
        let Some(open) = self.open.take() else { return };
        if open.hold.client.is_recording() {
            let error = describe(&open.hold.client, details);
            fail(open, error);
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let error = ErrorInfo::new("abandoned", ErrorClass::Unknown);
            fail(open, Some(error));
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("on", &self.open.is_some()).finish()
    }
}

fn fail(open: Open, error: Option<ErrorInfo>) {
    let Open { hold, started, retries, info } = open;
    let client = &hold.client;
    if client.is_recording() {
        let now = client.plugins.clock.now();
        let body = Body { error, ..Body::opening(now.since(started), retries) };
        let context = info.context(&hold, None);
        SessionScope::new(Arc::clone(&hold), context).record_at(|| now, EventKind::Single(Box::new(body)));
    }
}
