//! The connection that a provider opened last, beside which the next is read and cleaned.

use std::sync::{Arc, Weak};

use crate::guard::lock::try_lock;
use crate::guard::sync::Mutex;
use crate::host::{Host, HostPolicy, InvalidHost};
use crate::record::SessionContext;
use crate::record::message::Held;

/// What the connection was like that was opened last: most are configured alike, and what is equal is read
/// and cleaned once. Nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct LastOpened {
    host: Mutex<Option<Host>>,
    /// As it was cleaned, for as long as anything else holds it, and what is known of its texts.
    context: Mutex<Option<(Weak<SessionContext>, Held)>>,
}

impl LastOpened {
    /// Reads a host, as [`Host::parse`] does.
    pub(crate) fn host(&self, text: &str, policy: HostPolicy) -> Result<Host, InvalidHost> {
        if let Some(last) = try_lock(&self.host)
            && let Some(host) = last.as_ref().filter(|host| host.is_spelled(text, policy))
        {
            return Ok(host.clone());
        }
        let host = Host::parse(text, policy)?;
        if let Some(mut last) = try_lock(&self.host) {
            *last = Some(host.clone());
        }
        Ok(host)
    }

    pub(crate) fn context(&self) -> Option<(Arc<SessionContext>, Held)> {
        let last = try_lock(&self.context)?;
        let (context, held) = last.as_ref()?;
        Some((context.upgrade()?, *held))
    }

    pub(crate) fn set_context(&self, context: &Arc<SessionContext>, held: Held) {
        if let Some(mut last) = try_lock(&self.context) {
            *last = Some((Arc::downgrade(context), held));
        }
    }
}
