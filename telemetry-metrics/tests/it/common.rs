//! A provider that moves by hand, with a sink beside it, and a recorder that remembers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use telemetry_breaker::{BreakerConfig, BreakerRegistry, Policy};
use telemetry_core::plugin::BreakerState;
use telemetry_core::status::{DropReason, ProviderStatus, Reason, RecordLedger, Refusal};
use telemetry_core::{
    ClientProvider, ClientProviderBuilder, Clock, ConnectionInfo, DriverIdentity, Lease, Mode, Runtime,
    Session, Sink, SystemInfo, Target, TelemetryConfig,
};
use telemetry_metrics::ProviderMetrics;
use telemetry_testkit::{FakeClock, RecordingExporter, ScriptedFlags};

pub(crate) const FLAG: &str = "telemetry.enabled";
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn config() -> TelemetryConfig {
    TelemetryConfig::default().mode(Mode::On)
}

/// A provider with the sink `collector`; both ways have breakers that open with the first failure.
pub(crate) struct Bench {
    pub(crate) clock: FakeClock,
    pub(crate) vendor: RecordingExporter,
    pub(crate) collector: RecordingExporter,
    pub(crate) flags: ScriptedFlags,
    pub(crate) metrics: ProviderMetrics,
    pub(crate) provider: ClientProvider,
}

impl Bench {
    pub(crate) fn new(config: TelemetryConfig) -> Self {
        Bench::with(config, ProviderMetrics::new(), |builder| builder)
    }

    pub(crate) fn with(
        config: TelemetryConfig,
        metrics: ProviderMetrics,
        change: impl FnOnce(ClientProviderBuilder) -> ClientProviderBuilder,
    ) -> Self {
        let (clock, flags) = (FakeClock::new(), ScriptedFlags::fixed(FLAG, true));
        let [vendor, collector] = [(); 2].map(|()| RecordingExporter::new());
        let identity =
            DriverIdentity::builder().name("Test Driver").version("1.2.3").client("TEST").flag(FLAG);
        let sink = Sink::new("collector", collector.clone()).breakers(breakers()).config(config.clone());
        let builder = ClientProvider::builder(identity.build().unwrap())
            .config(config)
            .exporter(vendor.clone())
            .flags(flags.clone())
            .breakers(breakers())
            .sink(sink)
            .observer(metrics.clone())
            .clock(clock.clone())
            .runtime(Runtime::Manual)
            .system(SystemInfo::default())
            .environment(|_| None);
        let provider = change(builder).build().unwrap();
        Bench { clock, vendor, collector, flags, metrics, provider }
    }

    pub(crate) fn lease(&self, host: usize) -> Lease {
        self.provider.acquire(Target::new(format!("dbc-{host}.cloud.databricks.com")))
    }

    /// Time passes, and the workers work.
    pub(crate) fn pass(&self, time: Duration) {
        let end = self.clock.now() + time;
        self.provider.step();
        while let Some(at) = self.clock.next_wake().filter(|at| *at <= end) {
            self.clock.advance(at - self.clock.now());
            self.provider.step();
        }
        self.clock.advance(end - self.clock.now());
        self.provider.step();
    }

    /// Closes a lease while time passes.
    pub(crate) fn close(&self, lease: &Lease, within: Duration) {
        let mut close = std::pin::pin!(lease.close(within));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while close.as_mut().poll(&mut context).is_pending() {
            self.provider.step();
            self.clock.advance_to_next();
        }
    }
}

fn breakers() -> BreakerRegistry {
    BreakerRegistry::new(BreakerConfig::default().policy(Policy::ConsecutiveFailures(1))).unwrap()
}

pub(crate) fn open(lease: &Lease) -> Session {
    lease.opening(ConnectionInfo::new()).opened("session-1")
}

/// Collects, and holds what the recorder then has against the books.
pub(crate) fn assert_equal(bench: &Bench, recorder: &Remembering) -> ProviderStatus {
    bench.metrics.collect(&bench.provider);
    let status = bench.provider.status();
    assert!(status.balances(), "{status:?}");
    let all = recorder.values();
    let books = all.into_iter().filter(|(name, _)| !name.starts_with("telemetry_attempt"));
    assert_eq!(books.collect::<BTreeMap<_, _>>(), expected(&status));
    status
}

/// What the books say, series by series.
fn expected(status: &ProviderStatus) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let events = &status.events;
    all.insert("telemetry_clients".to_owned(), status.clients.len() as u64);
    all.insert("telemetry_events_seen_total".to_owned(), events.seen);
    all.insert("telemetry_events_folded_total".to_owned(), events.folded);
    all.insert("telemetry_events_made_total".to_owned(), events.made);
    all.insert("telemetry_events_waiting".to_owned(), events.waiting);
    for reason in Refusal::ALL {
        let series = format!("telemetry_events_refused_total reason={}", reason.as_str());
        all.insert(series, events.refused.get(*reason));
    }
    let vendors = status.clients.iter().map(|client| client.status.breaker).collect();
    way(&mut all, "vendor", &status.records, vendors);
    for (place, (name, records)) in status.sinks.iter().enumerate() {
        let own = status.clients.iter().map(|client| client.status.sinks[place].breaker).collect();
        way(&mut all, name, records, own);
    }
    all
}

fn way(
    all: &mut BTreeMap<String, u64>,
    sink: &str,
    records: &RecordLedger,
    breakers: Vec<Option<BreakerState>>,
) {
    for (name, value) in [
        ("records_made_total", records.made),
        ("records_accepted_total", records.accepted),
        ("records_written_total", records.written),
        ("records_held", records.held),
    ] {
        all.insert(format!("telemetry_{name} sink={sink}"), value);
    }
    for reason in DropReason::ALL {
        let series = format!("telemetry_records_dropped_total reason={} sink={sink}", reason.as_str());
        all.insert(series, records.dropped.get(*reason));
    }
    let count = |is: fn(&BreakerState) -> bool| breakers.iter().flatten().filter(|state| is(state)).count();
    for (state, count) in [
        ("closed", count(|state| matches!(state, BreakerState::Closed))),
        ("open", count(|state| matches!(state, BreakerState::Open { .. }))),
        ("half_open", count(|state| matches!(state, BreakerState::HalfOpen))),
    ] {
        all.insert(format!("telemetry_breakers sink={sink} state={state}"), count as u64);
    }
}

/// A recorder that remembers what it is told. A series is called by its name and its labels, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembering(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    values: BTreeMap<String, u64>,
    durations: BTreeMap<String, Vec<f64>>,
    descriptions: BTreeMap<String, Option<Unit>>,
    calls: usize,
    /// The metric at which it panics.
    panics_at: Option<&'static str>,
}

impl Remembering {
    pub(crate) fn panicking_at(metric: &'static str) -> Self {
        let recorder = Remembering::default();
        recorder.panics(Some(metric));
        recorder
    }

    pub(crate) fn panics(&self, at: Option<&'static str>) {
        self.0.lock().unwrap().panics_at = at;
    }

    /// Counters and gauges.
    pub(crate) fn values(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap().values.clone()
    }

    pub(crate) fn value(&self, series: &str) -> u64 {
        self.values()[series]
    }

    /// The values of a histogram.
    pub(crate) fn durations(&self, series: &str) -> Vec<f64> {
        self.0.lock().unwrap().durations.get(series).cloned().unwrap_or_default()
    }

    /// All histograms.
    pub(crate) fn histograms(&self) -> Vec<String> {
        self.0.lock().unwrap().durations.keys().cloned().collect()
    }

    /// The metrics that were described, and in which unit.
    pub(crate) fn descriptions(&self) -> BTreeMap<String, Option<Unit>> {
        self.0.lock().unwrap().descriptions.clone()
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let mut labels: Vec<_> =
            key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        labels.sort();
        let mut state = self.0.lock().unwrap();
        state.calls += 1;
        let panics = state.panics_at.is_some_and(|metric| metric == key.name());
        drop(state);
        assert!(!panics, "planted");
        Arc::new(Slot { recorder: self.clone(), series: format!("{}{}", key.name(), labels.concat()) })
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>) {
        self.0.lock().unwrap().descriptions.insert(key.as_str().to_owned(), unit);
    }
}

impl Recorder for Remembering {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _is: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _is: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _is: SharedString) {
        self.describe(&key, unit);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.slot(key))
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.slot(key))
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.slot(key))
    }
}

/// One series of it.
struct Slot {
    recorder: Remembering,
    series: String,
}

impl CounterFn for Slot {
    fn increment(&self, value: u64) {
        *self.recorder.0.lock().unwrap().values.entry(self.series.clone()).or_default() += value;
    }

    fn absolute(&self, value: u64) {
        let mut state = self.recorder.0.lock().unwrap();
        let stands = state.values.entry(self.series.clone()).or_default();
        *stands = value.max(*stands);
    }
}

impl GaugeFn for Slot {
    fn increment(&self, _value: f64) {
        panic!("gauges are set");
    }

    fn decrement(&self, _value: f64) {
        panic!("gauges are set");
    }

    fn set(&self, value: f64) {
        self.recorder.0.lock().unwrap().values.insert(self.series.clone(), value as u64);
    }
}

impl HistogramFn for Slot {
    fn record(&self, value: f64) {
        self.recorder.0.lock().unwrap().durations.entry(self.series.clone()).or_default().push(value);
    }
}
