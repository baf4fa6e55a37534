//! A provider that moves by hand, with everything in it scripted.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is a test"
)]

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use telemetry_core::plugin::{AlwaysClosed, BreakerSource, Tick};
use telemetry_core::record::Record;
use telemetry_core::{
    ClientProvider, ClientProviderBuilder, CloseOutcome, ConnectionInfo, CredentialProvider, DriverIdentity,
    ErrorDetails, Exporter, FeatureFlagSource, Lease, Mode, Operation, OperationType, Runtime, Session,
    StatementType, SystemInfo, Target, TelemetryConfig,
};
use telemetry_testkit::{Do, FakeClock, RecordingExporter, Script, ScriptedFlags, flag};

pub const FLAG: &str = "telemetry.enabled";
pub const HOST: &str = "dbc-1.cloud.databricks.com";
pub const SECOND: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);

pub fn identity() -> DriverIdentity {
    DriverIdentity::builder().name("Test Driver").version("1.2.3").client("TEST").flag(FLAG).build().unwrap()
}

pub fn config() -> TelemetryConfig {
    TelemetryConfig::default().mode(Mode::On)
}

pub struct Bench {
    pub clock: FakeClock,
    pub exporter: RecordingExporter,
    pub flags: ScriptedFlags,
    pub provider: ClientProvider,
}

impl Bench {
    pub fn new() -> Self {
        Bench::with(config(), |builder| builder)
    }

    pub fn with(
        config: TelemetryConfig,
        change: impl FnOnce(ClientProviderBuilder) -> ClientProviderBuilder,
    ) -> Self {
        let clock = FakeClock::new();
        let exporter = RecordingExporter::new();
        let flags = ScriptedFlags::fixed(FLAG, true);
        let builder = builder(config, &clock, exporter.clone(), flags.clone(), AlwaysClosed);
        let provider = change(builder).build().unwrap();
        Bench { clock, exporter, flags, provider }
    }

    pub fn with_flags(script: Script<telemetry_core::plugin::FlagSet>) -> Self {
        let flags = ScriptedFlags::new(script);
        let given = flags.clone();
        Bench { flags, ..Bench::with(config(), |builder| builder.flags(given)) }
    }

    pub fn lease(&self) -> Lease {
        self.provider.acquire(Target::new(HOST))
    }

    pub fn lease_of(&self, credentials: impl CredentialProvider) -> Lease {
        self.provider.acquire(Target::new(HOST).credentials(credentials))
    }

    pub fn now(&self) -> Tick {
        telemetry_core::Clock::now(&self.clock)
    }

    /// The workers work, as far as they can at this moment.
    pub fn step(&self) {
        watched(|| self.provider.step());
    }

    /// Time passes, and the workers work.
    pub fn pass(&self, time: Duration) {
        // In steps, as the workers would wake.
        let end = self.now() + time;
        self.step();
        let (mut still, mut turns) = (self.now(), 0);
        while let Some(at) = self.clock.next_wake().filter(|at| *at <= end) {
            turns = if at == still { turns + 1 } else { 0 };
            assert!(turns < 1000, "the workers wake for ever at the same moment");
            still = at;
            self.clock.advance(at - self.now());
            self.step();
        }
        self.clock.advance(end - self.now());
        self.step();
    }

    /// Time passes until this is so; how much, in steps of this size.
    pub fn until(&self, step: Duration, what: &str, is_so: impl Fn() -> bool) -> Duration {
        let start = self.now();
        self.step();
        for _ in 0..100_000 {
            if is_so() {
                return self.now() - start;
            }
            self.pass(step);
        }
        panic!("never: {what}");
    }

    /// Whether a close timed out, how many records were lost, and how long it took.
    pub fn timed_out((closed, took): &(CloseOutcome, Duration)) -> (bool, u64, Duration) {
        (matches!(closed, CloseOutcome::TimedOut { .. }), closed.undelivered(), *took)
    }

    /// Closes a lease while time passes, until it is closed; how long that took.
    pub fn close(&self, lease: &Lease, within: Duration) -> (CloseOutcome, Duration) {
        let start = self.now();
        let mut close = pin!(lease.close(within));
        for _ in 0..10_000 {
            let mut poll = || close.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(closed) = watched(&mut poll) {
                return (closed, self.now() - start);
            }
            self.step();
            self.clock.advance_to_next();
        }
        panic!("the close didn't end");
    }
}

pub fn builder(
    config: TelemetryConfig,
    clock: &FakeClock,
    exporter: impl Exporter,
    flags: impl FeatureFlagSource,
    breakers: impl BreakerSource,
) -> ClientProviderBuilder {
    Listener::ready();
    ClientProvider::builder(identity())
        .config(config)
        .exporter(exporter)
        .flags(flags)
        .breakers(breakers)
        .clock(clock.clone())
        .runtime(Runtime::Manual)
        .system(SystemInfo::default())
        .environment(|_| None)
}

pub fn open(lease: &Lease) -> Session {
    lease.opening(ConnectionInfo::new()).opened("session-1")
}

/// A way for a driver to tell of an error.
pub type Told = (&'static str, fn(&Lease, &Session, ErrorDetails));

/// All ways to tell of an error. Each makes one record with an error.
pub const TOLD: &[Told] = &[
    ("alone", |_, session, error| session.error(|| error)),
    ("with a statement", |_, session, error| session.statement().error(|| error)),
    ("by which a statement ends", |_, session, error| session.statement().failed(|| error)),
    ("with a shared statement", |_, session, error| {
        session.statement().shared().with(|statement| statement.error(|| error));
    }),
    ("by which a shared statement ends", |_, session, error| session.statement().shared().failed(|| error)),
    ("by id", |_, session, error| {
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        emitter.error("s1", || error);
        emitter.completed("s1", MS);
    }),
    ("by the id of no statement", |_, session, error| session.emitter().error("gone", || error)),
    ("by which a statement ends, by id", |_, session, error| {
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        emitter.failed("s1", MS, || error);
    }),
    ("by which no statement ends", |_, session, error| session.emitter().failed("gone", MS, || error)),
    ("with a call", |_, session, error| {
        session.operation(Operation::new(OperationType::ListTables, MS).failed(error));
    }),
    ("with an opening", |lease, _, error| lease.opening(ConnectionInfo::new()).failed(|| error)),
    ("with a close", |_, session, error| session.close_failed(MS, || error)),
];

/// The one record with an error that is delivered of this.
pub fn delivered_error(bench: &Bench, happens: impl FnOnce(&Lease, &Session)) -> Arc<Record> {
    let lease = bench.lease();
    let session = open(&lease);
    let before = bench.exporter.accepted().len();
    happens(&lease, &session);
    bench.pass(10 * SECOND);
    assert_balanced(&lease);
    let mut records = bench.exporter.accepted().split_off(before);
    records.retain(|record| record.body.error.is_some());
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// Does what a broken worker may never come back from: then the whole test program ends, with a word. The
/// limit in wall time proves nothing.
pub fn watched<T>(work: impl FnOnce() -> T) -> T {
    static SINCE: LazyLock<Mutex<HashMap<ThreadId, Instant>>> = LazyLock::new(|| {
        thread::spawn(|| {
            loop {
                thread::sleep(SECOND);
                if SINCE.lock().unwrap().values().any(|since| since.elapsed() > 120 * SECOND) {
                    eprintln!("a worker was moved, and never came back");
                    std::process::abort();
                }
            }
        });
        Mutex::default()
    });
    struct Watched(ThreadId);
    impl Drop for Watched {
        fn drop(&mut self) {
            SINCE.lock().unwrap().remove(&self.0);
        }
    }
    let watched = Watched(thread::current().id());
    SINCE.lock().unwrap().insert(watched.0, Instant::now());
    work()
}

/// What is logged: each event's level, and its fields as text.
#[derive(Clone, Default)]
pub struct Listener(Arc<Mutex<Vec<(tracing::Level, String)>>>);

impl Listener {
    /// Sees to it that every thread's log can be heard. While fewer than two subscribers live, `tracing` asks
    /// the thread that first comes to a place whether anybody listens there, and remembers that for all; so
    /// there are two from the start.
    pub fn ready() {
        static TWO: LazyLock<[tracing::Dispatch; 2]> =
            LazyLock::new(|| [(); 2].map(|()| tracing::Dispatch::new(Listener::default())));
        LazyLock::force(&TWO);
    }

    /// What is logged on this thread meanwhile.
    pub fn hear(work: impl FnOnce()) -> Vec<(tracing::Level, String)> {
        Listener::ready();
        let listener = Listener::default();
        tracing::subscriber::with_default(listener.clone(), work);
        let mut heard = listener.0.lock().unwrap();
        std::mem::take(&mut heard)
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
                use fmt::Write;
                let _ = write!(self.0, "{field}={value:?} ");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}

/// Waits for what another thread does without fail. The limit ends a broken test, and proves nothing.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < 60 * SECOND, "never: {what}");
        std::thread::yield_now();
    }
}

/// A script that says that the flag is on, for ever.
pub fn on() -> Do<telemetry_core::plugin::FlagSet> {
    Do::Give(flag(FLAG, true, Duration::MAX))
}

pub fn assert_balanced(lease: &Lease) {
    let status = lease.status();
    assert!(status.balances(), "{}\n{}", status.events, status.records);
}
