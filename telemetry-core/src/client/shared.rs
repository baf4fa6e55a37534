//! What the handles and the workers of one provider share.

use std::sync::Arc;

use crate::client::plugins::Plugins;
use crate::client::registry::Registry;
use crate::client::runtime::Runner;

/// What the handles and workers of one provider share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) registry: Registry,
    pub(crate) runner: Runner,
    /// The variable by which the user opted out.
    pub(crate) opted_out: Option<&'static str>,
}

impl Shared {
    pub(crate) fn step(&self) {
        if self.runner.is_manual() {
            self.registry.clients().iter().for_each(|client| client.wake_up());
            self.runner.step();
        }
    }
}
