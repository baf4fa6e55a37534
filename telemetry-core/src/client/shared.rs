//! What the handles and the workers of one provider share.

use std::io;
use std::sync::{Arc, Weak};

use crate::client::logins::{Leftover, may_block};
use crate::client::own_runtime::OwnRuntime;
use crate::client::plugins::Plugins;
use crate::client::registry::Registry;
use crate::client::runtime::{Calls, Runner};
use crate::guard::lock::lock;
use crate::guard::panic::DropGuarded;
use crate::guard::sync::Mutex;
use crate::host::Host;

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

    /// Lets go of a connection's credentials: foreign code, which may take its time where it is the last to
    /// hold what it holds, and not on the driver's thread.
    pub(crate) fn let_go(&self, host: &Host, leftover: Leftover) {
        let Some(provider) = leftover else { return };
        let is_last = Arc::strong_count(&provider) == 1;
        let provider = DropGuarded(Some(provider));
        let blocks =
            is_last && provider.0.as_ref().is_some_and(|provider| may_block(|| provider.may_block()));
        if let Some(Calls { pool, .. }) = self.runner.calls().filter(|_| blocks) {
            // Without a thread it happens here.
            _ = pool.run(host, move || drop(provider));
        }
    }

    pub(crate) fn step(&self) {
        if self.runner.is_manual() {
            for client in self.registry.clients() {
                client.wake_up();
                client.outlets().iter().for_each(|outlet| outlet.wake_up());
            }
            self.runner.step();
        }
    }
}
