//! What the handles and the workers of one provider share.

use std::io;
use std::sync::{Arc, Mutex, Weak};

use crate::client::own_runtime::OwnRuntime;
use crate::client::plugins::Plugins;
use crate::client::registry::Registry;
use crate::client::runtime::Runner;
use crate::guard::lock::lock;

/// What the handles and workers of one provider share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) registry: Registry,
    pub(crate) runner: Runner,
    /// The variable by which the user opted out.
    pub(crate) opted_out: Option<&'static str>,
    /// What waits for closes and flushes beside the workers, while any is waited for.
    pub(crate) waiting: Mutex<Weak<OwnRuntime>>,
}

impl Shared {
    /// A runtime beside the workers', which neither they nor plug-ins can hold up: one for all that wait.
    ///
    /// # Errors
    ///
    /// What the system says when it has no thread to give.
    pub(crate) fn beside(&self) -> io::Result<Arc<OwnRuntime>> {
        let mut waiting = lock(&self.waiting);
        if let Some(on) = waiting.upgrade() {
            return Ok(on);
        }
        let on = Arc::new(OwnRuntime::start("telemetry-close")?);
        *waiting = Arc::downgrade(&on);
        Ok(on)
    }

    pub(crate) fn step(&self) {
        if self.runner.is_manual() {
            self.registry.clients().iter().for_each(|client| client.wake_up());
            self.runner.step();
        }
    }
}
