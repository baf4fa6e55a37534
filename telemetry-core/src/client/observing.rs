//! What is told to the provider's observer, and to the log, of one way that records take.

use std::sync::Arc;

use crate::client::plugins::Plugins;
use crate::guard::own_work::log;
use crate::guard::panic::catch_panic;
use crate::host::Host;
use crate::ledger::{Counts, DropReason, Reason, Refusal};
use crate::pipeline::delivery::AttemptOutcome;
use crate::plugin::breaker::BreakerState;
use crate::plugin::clock::Tick;
use crate::plugin::observer::{Observation, Observed};

/// Watches the books of one client's way to one place.
#[derive(Debug)]
pub(crate) struct Watch {
    plugins: Arc<Plugins>,
    host: Host,
    /// The sink's name; `None` for the vendor's service.
    sink: Option<Arc<str>>,
    dropped: Counts<DropReason>,
    refused: Counts<Refusal>,
}

impl Watch {
    pub(crate) fn new(plugins: &Arc<Plugins>, host: &Host, sink: Option<Arc<str>>) -> Self {
        let (plugins, host) = (Arc::clone(plugins), host.clone());
        Watch { plugins, host, sink, dropped: Counts::default(), refused: Counts::default() }
    }

    fn sink(&self) -> &str {
        self.sink.as_deref().unwrap_or("vendor")
    }

    fn tell(&self, what: Observed) {
        let Some(observer) = &self.plugins.observer else { return };
        let observation = Observation { host: &self.host, sink: self.sink.as_deref(), what };
        catch_panic(|| observer.observed(&observation));
    }

    /// Says what was lost since the books were last seen.
    pub(crate) fn saw_losses(&mut self, dropped: Counts<DropReason>, refused: Counts<Refusal>) {
        if dropped != self.dropped {
            for (reason, count) in dropped.since(&self.dropped).iter() {
                log!(host = %self.host, sink = self.sink(), reason = reason.as_str(), count, "telemetry dropped");
                self.tell(Observed::Dropped { reason, count });
            }
            self.dropped = dropped;
        }
        if refused != self.refused {
            for (reason, count) in refused.since(&self.refused).iter() {
                log!(host = %self.host, reason = reason.as_str(), count, "telemetry refused");
                self.tell(Observed::Refused { reason, count });
            }
            self.refused = refused;
        }
    }

    /// Says how an attempt ended that began then.
    pub(crate) fn saw_attempt(&self, attempted: AttemptOutcome, began: Tick) {
        let (host, sink) = (&self.host, self.sink());
        let took = self.plugins.clock.now().since(began);
        match attempted {
            AttemptOutcome::Answered(Ok(receipt)) if receipt.written => {
                log!(%host, sink, written = receipt.accepted, "telemetry written to a file");
                self.tell(Observed::Delivered { receipt, took });
            }
            AttemptOutcome::Answered(Ok(receipt)) => {
                log!(%host, sink, accepted = receipt.accepted, "telemetry delivered");
                self.tell(Observed::Delivered { receipt, took });
            }
            AttemptOutcome::Answered(Err(failure)) => {
                log!(%host, sink, %failure, "telemetry not delivered");
                self.tell(Observed::Failed { failure, took });
            }
            AttemptOutcome::NoCredentials(failure) => {
                log!(%host, sink, %failure, "no credentials for telemetry");
                self.tell(Observed::Failed { failure, took });
            }
            AttemptOutcome::Rejected { .. } => log!(%host, sink, "telemetry waits for the breaker"),
        }
    }

    /// Says that a breaker does something else than before.
    pub(crate) fn saw_breaker(&self, from: BreakerState, to: BreakerState) {
        log!(host = %self.host, sink = self.sink(), ?from, ?to, "the breaker of telemetry's host changed");
        self.tell(Observed::Breaker { from, to });
    }
}
