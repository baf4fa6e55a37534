//! What connections must have in common to share a client.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::config::{ConnectionSettings, Mode, TelemetryConfig};
use crate::host::Host;
use crate::record::id::ScopeId;

/// The host, the workspace, the principal, and on which terms they report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) host: Host,
    pub(crate) workspace: Option<i64>,
    pub(crate) scope: Option<ScopeId>,
    pub(crate) terms: Terms,
}

impl Hash for Key {
    /// By what tells nearly all of them apart, as each opening of a connection looks for one.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Key { host, workspace, scope, terms: _ } = self;
        (host.name(), workspace, scope).hash(state);
    }
}

/// Those settings of a connection that hold for its whole client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whatever the flag says.
    pub(crate) mode: Mode,
    /// Whether records travel under the principal's credentials, if there are any.
    pub(crate) authenticated: bool,
    batch_size: usize,
    flush_interval: Duration,
    max_retries: u32,
}

impl Terms {
    /// Those of a connection, whose settings have become part of `config`.
    pub(crate) fn new(config: &TelemetryConfig, settings: &ConnectionSettings) -> Self {
        Terms {
            mode: config.mode,
            authenticated: settings.authenticated.unwrap_or(true),
            batch_size: config.batch_size,
            flush_interval: config.flush_interval,
            max_retries: config.max_retries,
        }
    }
}

#[cfg(test)]
impl Key {
    /// One for a host, without a principal.
    pub(crate) fn of(host: Host) -> Self {
        let terms = Terms::new(&TelemetryConfig::default().mode(Mode::On), &ConnectionSettings::default());
        Key { host, workspace: None, scope: None, terms }
    }
}
