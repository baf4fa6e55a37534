//! A subscriber that blocks. A program of its own, as it is the whole process's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use telemetry_core::plugin::AlwaysClosed;
use telemetry_core::{ClientProvider, ConnectionInfo, DriverIdentity, Mode, Sink, Target, TelemetryConfig};
use telemetry_export_tracing::{TARGET, TracingExporter};
use telemetry_testkit::{RecordingExporter, ScriptedFlags};
use tracing::{Event, Metadata, Subscriber, span};

/// How many events came in, and whether they may go on.
static GATE: (Mutex<(usize, bool)>, Condvar) = (Mutex::new((0, false)), Condvar::new());

struct Blocking;

impl Subscriber for Blocking {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, _event: &Event<'_>) {
        let (gate, opened) = &GATE;
        let mut state = gate.lock().unwrap();
        state.0 += 1;
        drop(opened.wait_while(state, |(_, open)| !*open).unwrap());
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

/// Waits for what another thread does without fail. The limit ends a broken test, and proves nothing.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_subscriber_that_blocks_holds_up_nobody_else() {
    tracing::subscriber::set_global_default(Blocking).unwrap();
    let vendor = RecordingExporter::new();
    let identity = DriverIdentity::builder().name("Test Driver").version("1.2.3").client("TEST").flag("f");
    let config = TelemetryConfig::default().mode(Mode::On).batch_size(1);
    let provider = ClientProvider::builder(identity.build().unwrap())
        .config(config.clone())
        .exporter(vendor.clone())
        .flags(ScriptedFlags::fixed("f", true))
        .breakers(AlwaysClosed)
        .sink(Sink::new("log", TracingExporter::new()).config(config))
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new("dbc-1.cloud.databricks.com"));
    let session = lease.opening(ConnectionInfo::new()).opened("session-1");
    eventually("the subscriber blocks", || GATE.0.lock().unwrap().0 == 1);
    session.statement().complete();
    eventually("the vendor has what came later", || vendor.accepted().len() == 2);
    assert_eq!(provider.status().sinks[0].1.accepted, 0);
    GATE.0.lock().unwrap().1 = true;
    GATE.1.notify_all();
    eventually("the log has everything", || provider.status().sinks[0].1.accepted == 2);
    drop(lease.close_blocking(Duration::from_secs(10)));
    assert!(provider.status().balances());
}
