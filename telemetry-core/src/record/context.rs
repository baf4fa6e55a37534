//! The constant part of records: the driver, the system, the connection.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::guard::panic::catch_panic;
use crate::record::debug::DebugRedacted;
use crate::record::id::SessionId;
use crate::record::identity::DriverIdentity;
use crate::record::params::ConnectionParams;
use crate::record::system::SystemInfo;

/// The constant part of every record of one connection.
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct SessionContext {
    /// The driver and the system it runs on, one for all connections of a provider.
    pub driver: Arc<DriverContext>,
    /// The session's id; `None` for a connection that failed to open.
    pub session_id: Option<SessionId>,
    /// The workspace's id.
    pub workspace_id: Option<i64>,
    /// The user agent of this connection; [`DriverContext::user_agent`] where it has none of its own.
    pub user_agent: Option<String>,
    /// The authentication type, as the driver's configuration names it, such as `pat`.
    pub auth_type: Option<String>,
    /// How the connection was configured.
    pub params: ConnectionParams,
    /// What an exporter made of all this, so that it is made once per connection.
    pub encoded: Encoded,
}

impl fmt::Debug for SessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SessionContext { driver, session_id, workspace_id, user_agent, auth_type, params, encoded } =
            self;
        f.debug_struct("SessionContext")
            .field("driver", driver)
            .field("session_id", session_id)
            .field("workspace_id", workspace_id)
            .field("user_agent", &user_agent.debug_redacted())
            .field("auth_type", &auth_type.debug_redacted())
            .field("params", params)
            .field("encoded", encoded)
            .finish()
    }
}

/// The driver and the system it runs on.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct DriverContext {
    /// Which driver this is.
    pub identity: DriverIdentity,
    /// What the program runs on.
    pub system: SystemInfo,
}

impl DriverContext {
    /// The driver's own user agent, `Name/version`, with what a header's product name can't hold left out.
    pub fn user_agent(&self) -> String {
        let name: String = self.identity.name().chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}/{}", if name.is_empty() { "driver" } else { &name }, self.identity.version())
    }
}

/// A place where an exporter keeps what it made of a [`SessionContext`], for as long as that lives.
///
/// The first type kept in it has it; another exporter's type is made anew each time.
#[derive(Default)]
pub struct Encoded(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Encoded {
    /// What was kept, or what `make` makes.
    pub fn get_or_make<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(kept) = self.0.get() {
            return Arc::clone(kept).downcast().unwrap_or_else(|_| Arc::new(make()));
        }
        let made = Arc::new(make());
        // Losing a race costs one object, no more.
        drop(self.0.set(Arc::clone(&made) as Arc<dyn Any + Send + Sync>));
        made
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        // What an exporter made is foreign code, and a driver's thread may be the last that holds it.
        let kept = self.0.take();
        catch_panic(move || drop(kept));
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded").field("kept", &self.0.get().is_some()).finish()
    }
}
