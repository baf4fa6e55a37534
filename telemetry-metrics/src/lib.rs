//! The books of telemetry as metrics, for whoever operates the program that links a driver.
//!
//! [`ProviderMetrics`] hands them to the facade of the crate [`metrics`], and so to whatever recorder the
//! program has installed there, such as one that a Prometheus scrapes. What became of events and records is
//! taken from [`ClientProvider::status`] when metrics are [collected](ProviderMetrics::collect), so the
//! counters are the ledgers' own; how attempts ended, and how long they took, it is told as an [`Observer`].
//!
//! ```
//! use telemetry_core::plugin::AlwaysClosed;
//! use telemetry_core::{BuildError, ClientProvider, DriverIdentity, Exporter, FeatureFlagSource};
//! use telemetry_metrics::ProviderMetrics;
//!
//! fn observed(
//!     identity: DriverIdentity,
//!     exporter: impl Exporter,
//!     flags: impl FeatureFlagSource,
//! ) -> Result<(ClientProvider, ProviderMetrics), BuildError> {
//!     let metrics = ProviderMetrics::new();
//!     let provider = ClientProvider::builder(identity)
//!         .exporter(exporter)
//!         .flags(flags)
//!         .breakers(AlwaysClosed)
//!         .observer(metrics.clone())
//!         .build()?;
//!     Ok((provider, metrics))
//! }
//! # use telemetry_testkit::{RecordingExporter, ScriptedFlags};
//! # let of = DriverIdentity::builder().name("D").version("1").client("D").flag("f");
//! # let flags = ScriptedFlags::fixed("f", true);
//! # let (provider, metrics) = observed(of.build().unwrap(), RecordingExporter::new(), flags).unwrap();
//! // When a scrape comes, before the recorder is asked for what it has:
//! metrics.collect(&provider);
//! ```
//!
//! A program whose recorder sends by itself collects at its interval, from a task or thread of its own.
//! `examples/prometheus.rs` is a whole program that can be scraped.
//!
//! # What there is
//!
//! | metric | labels | what it is |
//! | --- | --- | --- |
//! | `telemetry_events_seen_total` | | events recorded |
//! | `telemetry_events_folded_total` | | events that became part of a statement |
//! | `telemetry_events_made_total` | | events that became a record of their own |
//! | `telemetry_events_refused_total` | `reason` | events that were refused |
//! | `telemetry_events_waiting` | | a gauge: events that wait in buffers |
//! | `telemetry_records_made_total` | `sink` | records made; of a sink, those it was offered |
//! | `telemetry_records_accepted_total` | `sink` | records that were accepted |
//! | `telemetry_records_written_total` | `sink` | records written down on this machine instead of sent |
//! | `telemetry_records_dropped_total` | `sink`, `reason` | records that were dropped |
//! | `telemetry_records_held` | `sink` | a gauge: records that wait or are in flight |
//! | `telemetry_attempts_total` | `sink`, `outcome` | attempts to deliver a batch |
//! | `telemetry_attempt_duration_seconds` | `sink`, `outcome` | a histogram: how long attempts took |
//! | `telemetry_breakers` | `sink`, `state` | a gauge: clients whose breaker is `closed`, `open` or `half_open` |
//! | `telemetry_clients` | | a gauge: clients that live |
//!
//! - `sink` is the [sink's](telemetry_core::Sink) name, and `vendor` on the way to the vendor's service.
//! - `reason` is in the words of [`DropReason`] and [`Refusal`], which the books print. All of them are there
//!   from the first collection, at zero.
//! - `outcome` is `accepted` or `written`; or what the failure's [class](telemetry_core::ErrorClass) is:
//!   `retryable`, `terminal` or `unknown`.
//! - A breaker that was never asked is in no state. No label has a host: who wants to know which one it is
//!   asks the provider's status, or its observer.
//!
//! So there are 17 series, and 32 for each way that records take, a histogram counted as one, however many
//! hosts, connections and records there are. After each collection `made = accepted + written + dropped +
//! held`.
//!
//! # What it costs
//!
//! A record costs nothing. An attempt costs one observation, on the provider's thread: a recorder that blocks
//! there holds up deliveries, though no driver's thread. A collection locks one client after another for a
//! moment. Without a recorder, nothing happens; a panic in a recorder is contained, and what it was told is
//! told again with the next collection, but for the duration of an attempt.

#![forbid(unsafe_code)]

mod attempts;
mod series;

use std::sync::{Arc, PoisonError, RwLock};

use metrics::{Label, SharedString};
use telemetry_core::ClientProvider;
use telemetry_core::plugin::{BreakerState, Observation, Observed, Observer};
use telemetry_core::status::{DropReason, ProviderStatus, Reason, RecordLedger, Refusal};

use crate::attempts::{Attempts, Outcome};
use crate::series::Series;

/// What the way to the vendor's service is called. No sink can have this name.
const VENDOR: &str = "vendor";

/// The books of one provider as metrics: its observer, and what collects. Clones are the same.
///
/// A program with several providers gives each its own, with [labels](Self::labelled) that tell them apart.
#[derive(Clone, Debug, Default)]
pub struct ProviderMetrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    labels: Vec<Label>,
    /// What was observed, by sink, in the order in which they were first heard of.
    attempts: RwLock<Vec<Arc<Attempts>>>,
}

impl ProviderMetrics {
    /// Without labels of its own.
    pub fn new() -> Self {
        ProviderMetrics::default()
    }

    /// With these labels on every series, names and values. They tell providers of one program apart, such as
    /// `driver` does.
    ///
    /// ```
    /// use telemetry_metrics::ProviderMetrics;
    ///
    /// let metrics = ProviderMetrics::labelled([("driver", "My Driver")]);
    /// # let _ = metrics;
    /// ```
    pub fn labelled<V: Into<String>>(labels: impl IntoIterator<Item = (&'static str, V)>) -> Self {
        let labels = labels.into_iter().map(|(name, value)| Label::new(name, value.into()));
        ProviderMetrics(Arc::new(Inner { labels: labels.collect(), ..Inner::default() }))
    }

    /// Tells the recorder what the provider's books are at: when a scrape comes, or at an interval. The
    /// provider is the one that this observes.
    ///
    /// The recorder is the one that the calling thread has: the program's, unless the thread has its own.
    pub fn collect(&self, provider: &ClientProvider) {
        self.report(&provider.status());
    }

    /// Tells the recorder what this status says, and what was observed until now. For who has the status
    /// already.
    pub fn report(&self, status: &ProviderStatus) {
        let series = Series::new(&self.0.labels);
        series.describe();
        let ProviderStatus { clients, events, records, sinks, .. } = status;
        series.gauge("telemetry_clients", [], clients.len() as u64);
        series.counter("telemetry_events_seen_total", [], events.seen);
        series.counter("telemetry_events_folded_total", [], events.folded);
        series.counter("telemetry_events_made_total", [], events.made);
        for reason in Refusal::ALL {
            let label = Label::from_static_parts("reason", reason.as_str());
            series.counter("telemetry_events_refused_total", [label], events.refused.get(*reason));
        }
        series.gauge("telemetry_events_waiting", [], events.waiting);
        let vendors = Breakers::count(clients.iter().filter_map(|client| client.status.breaker));
        self.report_way(&series, VENDOR, SharedString::const_str(VENDOR), records, vendors);
        for (place, (name, records)) in sinks.iter().enumerate() {
            let own = clients.iter().filter_map(|client| client.status.sinks.get(place)?.breaker);
            let label = SharedString::from(Arc::clone(name));
            self.report_way(&series, name, label, records, Breakers::count(own));
        }
    }

    /// One way that records take.
    fn report_way(
        &self,
        series: &Series<'_>,
        name: &str,
        label: SharedString,
        records: &RecordLedger,
        breakers: Breakers,
    ) {
        let sink = || Label::new("sink", label.clone());
        series.counter("telemetry_records_made_total", [sink()], records.made);
        series.counter("telemetry_records_accepted_total", [sink()], records.accepted);
        series.counter("telemetry_records_written_total", [sink()], records.written);
        for reason in DropReason::ALL {
            let labels = [sink(), Label::from_static_parts("reason", reason.as_str())];
            series.counter("telemetry_records_dropped_total", labels, records.dropped.get(*reason));
        }
        series.gauge("telemetry_records_held", [sink()], records.held);
        for (state, count) in breakers.states() {
            let labels = [sink(), Label::from_static_parts("state", state)];
            series.gauge("telemetry_breakers", labels, count);
        }
        let attempts = self.attempts(name);
        for outcome in Outcome::ALL {
            let labels = [sink(), Label::from_static_parts("outcome", outcome.as_str())];
            series.counter("telemetry_attempts_total", labels, attempts.count(outcome));
        }
    }

    /// What was observed on the way to this sink.
    fn attempts(&self, sink: &str) -> Arc<Attempts> {
        let known = |all: &[Arc<Attempts>]| all.iter().find(|attempts| attempts.sink() == sink).cloned();
        let all = &self.0.attempts;
        if let Some(attempts) = known(&all.read().unwrap_or_else(PoisonError::into_inner)) {
            return attempts;
        }
        let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
        known(&all).unwrap_or_else(|| {
            let attempts = Arc::new(Attempts::new(sink, &self.0.labels));
            all.push(Arc::clone(&attempts));
            attempts
        })
    }
}

impl Observer for ProviderMetrics {
    fn observed(&self, observation: &Observation<'_>) {
        let (outcome, took) = match observation.what {
            Observed::Delivered { receipt, took } => (Outcome::delivered(receipt), took),
            Observed::Failed { failure, took } => (Outcome::failed(failure), took),
            // The books have all else.
            _ => return,
        };
        self.attempts(observation.sink.unwrap_or(VENDOR)).add(outcome, took);
    }
}

/// How many breakers do what.
#[derive(Clone, Copy, Default)]
struct Breakers {
    closed: u64,
    open: u64,
    half_open: u64,
}

impl Breakers {
    fn count(states: impl Iterator<Item = BreakerState>) -> Self {
        let mut breakers = Breakers::default();
        for state in states {
            match state {
                BreakerState::Closed => breakers.closed += 1,
                BreakerState::Open { .. } => breakers.open += 1,
                BreakerState::HalfOpen => breakers.half_open += 1,
                // A state that is new here is none of these.
                _ => {}
            }
        }
        breakers
    }

    fn states(self) -> [(&'static str, u64); 3] {
        [("closed", self.closed), ("open", self.open), ("half_open", self.half_open)]
    }
}
