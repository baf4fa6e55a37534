//! What is told how telemetry itself fares.

use std::fmt;
use std::time::Duration;

use crate::fault::PluginError;
use crate::host::Host;
use crate::ledger::{DropReason, Refusal};
use crate::plugin::breaker::BreakerState;
use crate::plugin::exporter::Receipt;

/// Something that happened to what telemetry has to deliver.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Observation<'a> {
    /// The workspace's host that the records come from.
    pub host: &'a Host,
    /// The name of the [sink](crate::Sink) that it happened on the way to; `None` on the way to the vendor's
    /// service.
    pub sink: Option<&'a str>,
    /// What happened.
    pub what: Observed,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// A batch was taken.
    Delivered {
        /// What the place said of it.
        receipt: Receipt,
        /// How long the attempt took, with the wait for a thread, the credentials and the breaker's leave.
        took: Duration,
    },
    /// A batch was not taken. It goes again, or is dropped, which is told as well.
    Failed {
        /// Why.
        failure: PluginError,
        /// How long the attempt took.
        took: Duration,
    },
    /// Records were dropped.
    Dropped {
        /// Why.
        reason: DropReason,
        /// How many.
        count: u64,
    },
    /// Events were refused before they became records; told on the way to the vendor's service alone.
    Refused {
        /// Why.
        reason: Refusal,
        /// How many.
        count: u64,
    },
    /// A breaker does something else than before.
    Breaker {
        /// What it did.
        from: BreakerState,
        /// What it does.
        to: BreakerState,
    },
}

/// Is told, as it happens, of deliveries, losses and breakers: for an operator's metrics and alarms.
///
/// Obligations of an implementation:
///
/// - It doesn't block: it is called on the thread that does the provider's work, under no lock. What takes
///   longer than some microseconds belongs elsewhere.
/// - It records nothing with the provider that it observes; what it records all the same is ignored.
///
/// A panic in it is contained. What was lost is told soon after, in sums, and once a client has ended not at
/// all: the books of [`ClientProvider::status`](crate::ClientProvider::status) have everything.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn observed(&self, observation: &Observation<'_>);
}
