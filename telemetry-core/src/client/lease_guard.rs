//! One lease of a client: what gives it back.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::client::key::Key;
use crate::client::shared::Shared;
use crate::guard::panic::catch_panic;
use crate::guard::sync::atomic::{AtomicBool, Ordering};
use crate::plugin::clock::Tick;
use crate::plugin::credentials::CredentialProvider;

/// One lease of a client, given back once: by a close, or when the last handle that needs it is dropped.
pub(crate) struct LeaseGuard {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: Key,
    pub(crate) client: Arc<Client>,
    /// Its number among the client's.
    number: u64,
    /// Whether anybody's credentials may come, as the client is this connection's alone.
    anybody: bool,
    /// How long the final flush may take when it is dropped.
    pub(crate) close_timeout: Duration,
    released: AtomicBool,
}

impl LeaseGuard {
    pub(crate) fn new(
        shared: Arc<Shared>,
        key: Key,
        client: Arc<Client>,
        number: u64,
        anybody: bool,
        close_timeout: Duration,
    ) -> Self {
        LeaseGuard { shared, key, client, number, anybody, close_timeout, released: AtomicBool::new(false) }
    }

    /// The connection has credentials, or others than before.
    pub(crate) fn provide(&self, credentials: Arc<dyn CredentialProvider>) {
        let leftover = self.client.provide(self.number, credentials);
        self.shared.let_go(&self.client.host, leftover);
    }

    /// Whether these are credentials of the connection's principal.
    pub(crate) fn is_of(&self, credentials: &dyn CredentialProvider) -> bool {
        self.anybody || catch_panic(|| credentials.scope()).is_some_and(|scope| self.key.scope == Some(scope))
    }

    /// The connection has opened.
    pub(crate) fn opened(&self) {
        let leftover = self.client.opened(self.number);
        self.shared.let_go(&self.client.host, leftover);
    }

    fn ended(&self) {
        let leftover = self.client.ended(self.number);
        self.shared.let_go(&self.client.host, leftover);
    }

    /// Begins the close of this lease, which ends after `within` at the latest: the deadline of the final
    /// flush, if this was the client's last lease.
    pub(crate) fn begin_close(&self, within: Duration) -> Result<Tick, NotLast> {
        if !self.client.plugins.in_parent_process() {
            return Err(NotLast::InForkedChild);
        }
        if self.released.swap(true, Ordering::AcqRel) {
            return Err(NotLast::Already);
        }
        let deadline = self.client.plugins.clock.now() + within;
        self.ended();
        if self.shared.registry.release_to_close(&self.key, &self.client, deadline) {
            Ok(deadline)
        } else {
            self.client.wake_up();
            Err(NotLast::Shared)
        }
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        if !self.released.swap(true, Ordering::AcqRel) && self.client.plugins.in_parent_process() {
            self.ended();
            self.shared.registry.release(&self.key, &self.client, self.close_timeout);
        }
    }
}

impl std::fmt::Debug for LeaseGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseGuard").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Why a close has nothing to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotLast {
    /// Others use the client.
    Shared,
    /// The lease had been closed before.
    Already,
    /// In a forked child there is nothing to close.
    InForkedChild,
}
