//! A provider that moves by hand, with everything in it scripted.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is a test")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use telemetry_core::plugin::{AlwaysClosed, BreakerSource};
use telemetry_core::{
    ClientProvider, ClientProviderBuilder, CloseOutcome, ConnectionInfo, CredentialProvider, DriverIdentity,
    Exporter, FeatureFlagSource, Lease, Mode, Runtime, Session, SystemInfo, Target, TelemetryConfig,
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

    /// Time passes, and the workers work.
    pub fn pass(&self, time: Duration) {
        // In steps, as the workers would wake.
        let end = telemetry_core::Clock::now(&self.clock) + time;
        self.provider.step();
        while let Some(at) = self.clock.next_wake().filter(|at| *at <= end) {
            let now = telemetry_core::Clock::now(&self.clock);
            self.clock.advance(at - now);
            self.provider.step();
        }
        self.clock.advance(end - telemetry_core::Clock::now(&self.clock));
        self.provider.step();
    }

    /// Whether a close timed out, how many records were lost, and how long it took.
    pub fn timed_out((closed, took): &(CloseOutcome, Duration)) -> (bool, u64, Duration) {
        (matches!(closed, CloseOutcome::TimedOut { .. }), closed.undelivered(), *took)
    }

    /// Closes a lease while time passes, until it is closed; how long that took.
    pub fn close(&self, lease: &Lease, within: Duration) -> (CloseOutcome, Duration) {
        let start = telemetry_core::Clock::now(&self.clock);
        let mut close = pin!(lease.close(within));
        for _ in 0..10_000 {
            if let Poll::Ready(closed) = close.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return (closed, telemetry_core::Clock::now(&self.clock) - start);
            }
            self.provider.step();
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

/// Waits for what another thread does without fail. The limit ends a broken test, and proves nothing.
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
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
