//! Where a connection goes, and as whom.

use std::fmt;
use std::sync::Arc;

use crate::config::{ConnectionSettings, Mode};
use crate::plugin::credentials::CredentialProvider;
use crate::record::id::ScopeId;

/// Whose credentials come later.
#[derive(Clone, Copy, Debug)]
pub(super) enum Later {
    Of(ScopeId),
    Anybody,
}

/// What a connection wants telemetry for.
///
/// ```
/// use telemetry_core::{Mode, StaticToken, Target};
///
/// let target = Target::new("dbc-a1b2.cloud.databricks.com");
/// let target = target.credentials(StaticToken::new("…")).mode(Mode::On);
/// # drop(target);
/// ```
#[derive(Clone)]
pub struct Target {
    pub(super) host: String,
    pub(super) workspace: Option<i64>,
    pub(super) later: Option<Later>,
    pub(super) credentials: Option<Arc<dyn CredentialProvider>>,
    pub(super) settings: ConnectionSettings,
}

impl Target {
    /// A host, in any spelling that [`Host::parse`](crate::Host::parse) takes. Without credentials: only what
    /// doesn't correlate is sent, and only where the flag is known of another connection to the host, or with
    /// [`Mode::Forced`].
    pub fn new(host: impl Into<String>) -> Self {
        let settings = ConnectionSettings::default();
        Target { host: host.into(), workspace: None, later: None, credentials: None, settings }
    }

    /// The same for one of the host's workspaces, where one host has several: the id that the driver sends as
    /// `x-databricks-org-id`, or as `o` in a path. Workspaces have flags of their own, and are kept apart as
    /// principals are.
    #[must_use]
    pub fn workspace(mut self, id: i64) -> Self {
        self.workspace = Some(id);
        self
    }

    /// The same with the connection's credentials.
    #[must_use]
    pub fn credentials(mut self, credentials: impl CredentialProvider) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// The same for a connection whose credentials come later, with [`Lease::credentials`], as they do when
    /// the driver acquires the lease before it has logged in. What it records meanwhile waits.
    ///
    /// Connections of one `principal` share a client, as they do by [`CredentialProvider::scope`], and
    /// credentials of another are refused. `None`, where it isn't known who will log in, keeps the connection
    /// apart from all others.
    ///
    /// ```
    /// use telemetry_core::plugin::ScopeId;
    /// use telemetry_core::{ClientProvider, ConnectionInfo, StaticToken, Target};
    ///
    /// # fn connect(provider: &ClientProvider) {
    /// let ann = ScopeId::derived_from("ann");
    /// let target = Target::new("dbc-a1b2.cloud.databricks.com").credentials_later(Some(ann));
    /// let lease = provider.acquire(target);
    /// let opening = lease.opening(ConnectionInfo::new());
    /// // … the driver logs in …
    /// lease.credentials(StaticToken::new("…").of(ann));
    /// let session = opening.opened("01f0a1b2-c3d4");
    /// # drop(session);
    /// # }
    /// ```
    ///
    /// [`Lease::credentials`]: crate::Lease::credentials
    #[must_use]
    pub fn credentials_later(mut self, principal: Option<ScopeId>) -> Self {
        self.later = Some(principal.map_or(Later::Anybody, Later::Of));
        self
    }

    /// The same with the user's mode for this connection, which wins over the provider's: the most wanted of
    /// its [`settings`](Self::settings).
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.settings = self.settings.mode(mode);
        self
    }

    /// The same with the user's settings for this connection, in the place of the provider's. What is outside
    /// its bounds counts as the nearest of them.
    #[must_use]
    pub fn settings(mut self, settings: ConnectionSettings) -> Self {
        self.settings = settings;
        self
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A host that wasn't checked yet may hold a password.
        let Target { host: _, workspace, later, credentials, settings } = self;
        f.debug_struct("Target")
            .field("authenticated", &(credentials.is_some() || later.is_some()))
            .field("workspace", workspace)
            .field("settings", settings)
            .finish_non_exhaustive()
    }
}
