//! What a driver knows of a connection.

use std::fmt;
use std::sync::Arc;

use crate::client::lease_guard::LeaseGuard;
use crate::guard::memory::Part;
use crate::record::context::{Counted, text_bytes};
use crate::record::id::SessionId;
use crate::record::message::{Held, Merge};
use crate::record::params::ConnectionParams;
use crate::record::{DriverContext, Encoded, SessionContext};
use crate::text::fields::field;

/// What a driver knows of a connection. All of it is optional, and what it learns later it says with
/// [`Opening::learned`](crate::Opening::learned) or [`Session::learned`](crate::Session::learned).
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
    /// It is what records say: which workspace's flag is asked for, the target alone decides.
    pub fn workspace_id(mut self, workspace_id: i64) -> Self {
        self.workspace_id = Some(workspace_id);
        self
    }

    /// This, and what else was known.
    pub(super) fn or(self, before: Self) -> Self {
        let ConnectionInfo { params, auth_type, user_agent, workspace_id } = self;
        ConnectionInfo {
            params: params.or(before.params),
            auth_type: auth_type.or(before.auth_type),
            user_agent: user_agent.or(before.user_agent),
            workspace_id: workspace_id.or(before.workspace_id),
        }
    }

    fn sanitized(self) -> Self {
        let ConnectionInfo { params, auth_type, user_agent, workspace_id } = self;
        ConnectionInfo {
            params: params.sanitized(),
            auth_type: auth_type.and_then(field),
            user_agent: user_agent.and_then(field),
            workspace_id,
        }
    }

    /// Holds its texts to what they may contain, beside what was left of another connection.
    fn sanitize_beside(&mut self, before: &SessionContext, mut held: Held) -> Held {
        self.params.sanitize_beside(&before.params, &mut held);
        held.hold(&mut self.auth_type, &before.auth_type, field);
        held.hold(&mut self.user_agent, &before.user_agent, field);
        held.again()
    }

    /// What is constant in the connection's records. Where its texts have no room, it goes without them.
    pub(super) fn context(mut self, hold: &LeaseGuard, session_id: Option<SessionId>) -> Arc<SessionContext> {
        let plugins = &hold.client.plugins;
        let held = match plugins.last_opened.context() {
            Some((before, held)) => self.sanitize_beside(&before, held),
            None => {
                self = self.sanitized();
                Held::default()
            }
        };
        self.workspace_id = self.workspace_id.or(hold.client.workspace);
        let Some(counted) = self.count(hold) else {
            let bare = ConnectionInfo { workspace_id: self.workspace_id, ..ConnectionInfo::default() };
            let counted = Counted::taken(Arc::clone(&hold.client.memory), 0);
            return bare.into_context(&plugins.driver, session_id, counted);
        };
        let context = self.into_context(&plugins.driver, session_id, counted);
        plugins.last_opened.set_context(&context, held);
        context
    }

    /// What is constant in the records of a connection of which so much was known. `None` where this says
    /// nothing new, and where its texts have no room.
    pub(super) fn added_to(self, known: &SessionContext, hold: &LeaseGuard) -> Option<Arc<SessionContext>> {
        let SessionContext { driver, session_id, workspace_id, user_agent, auth_type, params, encoded: _ } =
            known;
        let before = ConnectionInfo {
            params: params.clone(),
            auth_type: auth_type.clone(),
            user_agent: user_agent.clone(),
            workspace_id: *workspace_id,
        };
        let now = self.sanitized().or(before);
        let is_same = (now.workspace_id, &now.user_agent, &now.auth_type)
            == (*workspace_id, user_agent, auth_type)
            && now.params == *params;
        if is_same {
            return None;
        }
        let counted = now.count(hold)?;
        Some(now.into_context(driver, *session_id, counted))
    }

    /// Counts a connection with what its client holds, if its texts have room.
    fn count(&self, hold: &LeaseGuard) -> Option<Counted> {
        let bytes = text_bytes(&self.params, [&self.user_agent, &self.auth_type]);
        let memory = &hold.client.memory;
        let has_room = bytes == 0 || memory.take(Part::Contexts, bytes);
        has_room.then(|| Counted::taken(Arc::clone(memory), bytes))
    }

    fn into_context(
        self,
        driver: &Arc<DriverContext>,
        session_id: Option<SessionId>,
        counted: Counted,
    ) -> Arc<SessionContext> {
        let ConnectionInfo { params, auth_type, user_agent, workspace_id } = self;
        Arc::new(SessionContext {
            driver: Arc::clone(driver),
            session_id,
            workspace_id,
            user_agent,
            auth_type,
            params,
            encoded: Encoded::counted(counted),
        })
    }
}
