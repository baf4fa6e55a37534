//! The end of a provider: all clients closed at once, as a program ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::handle::lease::closed;
use crate::handle::outcome::CloseOutcome;
use crate::handle::provider::ClientProvider;
use crate::handle::waiting::{Until, Waiting};
use crate::plugin::clock::Tick;

impl ClientProvider {
    /// Closes all clients, whoever has a lease of them, and delivers what they hold, for `within` at the most
    /// for all together. For the end of a program, where connections may be open that nobody will close: what
    /// is recorded through their leases after it is refused and counted. A lease that is acquired after it
    /// has a client of its own.
    ///
    /// It runs on any executor. Nothing calls it by itself: a program that ends without it, and without
    /// closing its leases, loses what is held. See [`shutdown_on_drop`](ClientProvider::shutdown_on_drop).
    pub async fn shutdown(&self, within: Duration) -> ShutdownOutcome {
        let mut outcomes = Vec::new();
        for (client, deadline, waiting) in self.begin_shutdown(within) {
            let in_time = waiting.wait(deadline, Until::Finished).await;
            outcomes.push(closed(&client, deadline, in_time));
        }
        ShutdownOutcome(outcomes)
    }

    /// [`shutdown`](ClientProvider::shutdown) for programs without a runtime: waits on this thread, for
    /// `within` at the most, as [`Lease::close_blocking`](crate::Lease::close_blocking) does.
    pub fn shutdown_blocking(&self, within: Duration) -> ShutdownOutcome {
        let close = |(client, deadline, waiting): (Arc<Client>, Tick, Waiting)| {
            let in_time = waiting.wait_blocking(deadline, Until::Finished);
            closed(&client, deadline, in_time)
        };
        ShutdownOutcome(self.begin_shutdown(within).into_iter().map(close).collect())
    }

    /// Shuts down when what is returned is dropped: kept in `main`, it delivers what is held also where a
    /// program returns early, or unwinds. It waits then, for `within` at the most. A call of
    /// [`std::process::exit`] drops nothing, and so skips it.
    ///
    /// ```
    /// use telemetry_core::{ClientProvider, DEFAULT_CLOSE};
    ///
    /// # fn program(provider: &ClientProvider) {
    /// let _telemetry = provider.shutdown_on_drop(DEFAULT_CLOSE);
    /// // … the program …
    /// # }
    /// ```
    #[must_use = "dropped at once, it shuts down at once"]
    pub fn shutdown_on_drop(&self, within: Duration) -> ShutdownOnDrop {
        ShutdownOnDrop { provider: self.clone(), within }
    }

    fn begin_shutdown(&self, within: Duration) -> Vec<(Arc<Client>, Tick, Waiting)> {
        let Some(shared) = self.here().map(|provider| &provider.shared) else { return Vec::new() };
        let deadline = shared.plugins.clock.now() + within;
        let clients = shared.registry.close_all(deadline).into_iter();
        clients.map(|client| (Arc::clone(&client), deadline, Waiting::new(&client, shared))).collect()
    }
}

/// How the clients of a provider were closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it says whether records were lost"]
pub struct ShutdownOutcome(Vec<CloseOutcome>);

impl ShutdownOutcome {
    /// How each client was closed.
    pub fn clients(&self) -> &[CloseOutcome] {
        &self.0
    }

    /// How many records were lost.
    pub fn undelivered(&self) -> u64 {
        self.0.iter().map(CloseOutcome::undelivered).sum()
    }
}

impl fmt::Display for ShutdownOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} clients closed, {} records lost", self.0.len(), self.undelivered())
    }
}

/// Shuts a provider down when it is dropped.
#[derive(Debug)]
pub struct ShutdownOnDrop {
    provider: ClientProvider,
    within: Duration,
}

impl Drop for ShutdownOnDrop {
    fn drop(&mut self) {
        let _ = self.provider.shutdown_blocking(self.within);
    }
}
