//! A provider that moves by hand, and a subscriber that remembers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use telemetry_core::plugin::AlwaysClosed;
use telemetry_core::{
    ClientProvider, Clock, ConnectionInfo, DriverIdentity, Lease, Mode, Runtime, Session, Sink, SystemInfo,
    Target, TelemetryConfig,
};
use telemetry_export_tracing::{TARGET, TracingExporter};
use telemetry_testkit::{FakeClock, RecordingExporter, ScriptedFlags};
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A provider whose one sink logs.
pub(crate) struct Bench {
    pub(crate) clock: FakeClock,
    pub(crate) vendor: RecordingExporter,
    pub(crate) provider: ClientProvider,
    pub(crate) lease: Lease,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Bench::with(|sink| sink)
    }

    pub(crate) fn with(change: impl FnOnce(Sink) -> Sink) -> Self {
        Listener::ready();
        let (clock, vendor) = (FakeClock::new(), RecordingExporter::new());
        let identity =
            DriverIdentity::builder().name("Test Driver").version("1.2.3").client("TEST").flag("f");
        let provider = ClientProvider::builder(identity.build().unwrap())
            .config(TelemetryConfig::default().mode(Mode::On))
            .exporter(vendor.clone())
            .flags(ScriptedFlags::fixed("f", true))
            .breakers(AlwaysClosed)
            .sink(change(Sink::new("log", TracingExporter::new())))
            .clock(clock.clone())
            .runtime(Runtime::Manual)
            .system(SystemInfo::default())
            .environment(|_| None)
            .build()
            .unwrap();
        let lease = provider.acquire(Target::new("dbc-1.cloud.databricks.com").workspace(7));
        Bench { clock, vendor, provider, lease }
    }

    pub(crate) fn open(&self) -> Session {
        self.lease.opening(ConnectionInfo::new()).opened("session-1")
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
}

/// An event of the exporter: its level, and its fields as text.
pub(crate) type Heard = (Level, BTreeMap<String, String>);

/// A subscriber that remembers the exporter's events.
#[derive(Clone)]
pub(crate) struct Listener {
    /// Those at this level and above.
    pub(crate) takes: Level,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// All fields of the places that events come from.
    names: Arc<Mutex<Vec<&'static str>>>,
    does: Arc<dyn Fn() + Send + Sync>,
}

impl Listener {
    pub(crate) fn new(takes: Level) -> Self {
        Listener::doing(takes, || ())
    }

    /// One that does this with each event besides.
    pub(crate) fn doing(takes: Level, does: impl Fn() + Send + Sync + 'static) -> Self {
        Listener { takes, heard: Arc::default(), names: Arc::default(), does: Arc::new(does) }
    }

    /// Sees to it that every thread's log can be heard: while fewer than two subscribers live, `tracing`
    /// remembers for all threads what the first of them says of a place.
    pub(crate) fn ready() {
        static TWO: LazyLock<[Dispatch; 2]> =
            LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Listener::new(Level::TRACE))));
        LazyLock::force(&TWO);
    }

    /// Listens meanwhile, on this thread.
    pub(crate) fn hear(&self, work: impl FnOnce()) {
        tracing::subscriber::with_default(self.clone(), work);
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.names.lock().unwrap().clone()
    }
}

struct Texts(BTreeMap<String, String>);

impl Visit for Texts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET && *metadata.level() <= self.takes
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut texts = Texts(BTreeMap::new());
        event.record(&mut texts);
        self.heard.lock().unwrap().push((*event.metadata().level(), texts.0));
        *self.names.lock().unwrap() = event.metadata().fields().iter().map(|field| field.name()).collect();
        (self.does)();
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}
