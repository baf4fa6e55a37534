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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::guard::memory::Memory;
    use crate::pipeline::event::tests::session;
    use crate::record::params::HostDetails;

    /// A text that is cut where what is left looks like a token, and what is left of it, of which the rule
    /// leaves less.
    fn torn() -> [String; 2] {
        let text = format!("{}abcdefghijklmN1p-q", "a ".repeat(120));
        let left = field(&*text).unwrap();
        assert_ne!(field(&*left).as_deref(), Some(&*left));
        [text, left]
    }

    /// Texts that their fields keep, change and refuse.
    fn text() -> impl Strategy<Value = Option<String>> {
        let texts =
            ["a", "/sql/a", "host.example.com", "HOST.example.com", "/a?token=b", "dapi0123456789abcdef"];
        let texts = texts.into_iter().map(str::to_owned).chain(torn());
        proptest::option::of(select(texts.collect::<Vec<_>>()))
    }

    prop_compose! {
        fn info()(
            [http_path, scope, key, host, proxy, auth_type, user_agent] in std::array::from_fn::<_, 7, _>(|_| text()),
            port in proptest::option::of(1_u16..3),
            hosts in proptest::option::of(proptest::collection::vec(text(), 0..3)),
        ) -> ConnectionInfo {
            let params = ConnectionParams {
                http_path,
                auth_scope: scope,
                jwt_key_file: key,
                host_info: Some(HostDetails { host_url: host, port, proxy_auth_type: None }),
                discovery_url: proxy,
                non_proxy_hosts: hosts.map(|hosts| hosts.into_iter().flatten().collect()),
                enable_arrow: port.map(|port| port == 1),
                ..ConnectionParams::default()
            };
            ConnectionInfo { params, auth_type, user_agent, workspace_id: None }
        }
    }

    proptest! {
        #[test]
        fn a_connection_is_cleaned_beside_others_as_it_is_alone(
            some in proptest::collection::vec(info(), 1..4),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 1..12),
        ) {
            let (mut before, mut held) = (session(), Held::default());
            for which in order {
                let said = which.get(&some);
                let mut beside = said.clone();
                held = beside.sanitize_beside(&before, held);
                let ConnectionInfo { params, auth_type, user_agent, .. } = said.clone().sanitized();
                prop_assert!(beside.params == params);
                prop_assert_eq!((&beside.auth_type, &beside.user_agent), (&auth_type, &user_agent));
                let nobodys = Counted::taken(Arc::new(Memory::nobodys()), 0);
                before = beside.into_context(&before.driver, None, nobodys);
            }
        }
    }
}
