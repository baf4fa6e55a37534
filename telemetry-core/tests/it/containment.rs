//! A panic, an error, a hang and a block in every method of every plug-in: nobody notices, and the books
//! balance.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::common::*;
use telemetry_core::plugin::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

/// When a plug-in is faulty.
#[derive(Clone, Copy, Debug)]
enum When {
    First,
    Later,
    Every,
}

const WHEN: [When; 3] = [When::First, When::Later, When::Every];

fn script<T: Clone>(fault: Do<T>, good: T, when: When) -> Script<T> {
    let good = Do::Give(good);
    match when {
        When::First => Script::always(good).first(fault),
        When::Later => Script::always(good.clone()).first(good.clone()).first(good).first(fault),
        When::Every => Script::always(fault),
    }
}

fn faults<T: Clone>() -> [Do<T>; 3] {
    [Do::Panic, Do::Fail(PluginError::new(503)), Do::Hang]
}

/// Runs a driver's work over a faulty plug-in beside a healthy host and a healthy tenant, for minutes.
fn run(bench: &Bench, faulty: &Lease, good: &[&Lease]) {
    for _ in 0..5 {
        for lease in good.iter().chain([&faulty]) {
            let session = open(lease);
            let mut statement = session.statement();
            statement.chunk(Chunk::new(0, MS));
            statement.error(|| ErrorDetails::new("DENIED").fault(403));
            statement.complete();
        }
        bench.pass(20 * SECOND);
    }
    for lease in good {
        assert_balanced(lease);
        assert!(bench.close(lease, 2 * SECOND).0.is_delivered());
        assert_eq!(lease.status().records.accepted, 15);
    }
    let (_, took) = bench.close(faulty, 2 * SECOND);
    assert!(took <= 2 * SECOND, "{took:?}");
    assert_eq!(faulty.status().records.held, 0);
    assert_balanced(faulty);
}

/// An exporter that is faulty for one host alone.
#[derive(Debug)]
struct ByHost {
    good: RecordingExporter,
    faulty: RecordingExporter,
}

#[async_trait::async_trait]
impl Exporter for ByHost {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let exporter = if attempt.host.name() == HOST { &self.faulty } else { &self.good };
        exporter.export(attempt).await
    }
}

#[derive(Debug)]
struct FlagsByHost {
    good: ScriptedFlags,
    faulty: ScriptedFlags,
}

#[async_trait::async_trait]
impl FeatureFlagSource for FlagsByHost {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        let flags = if query.host.name() == HOST { &self.faulty } else { &self.good };
        flags.flags(query).await
    }
}

#[test]
fn a_faulty_exporter_costs_no_other_host_anything() {
    for when in WHEN {
        for fault in faults() {
            let faulty = RecordingExporter::scripted(script(fault, Accept::All, when));
            let exporter = ByHost { good: RecordingExporter::new(), faulty };
            let bench = Bench::with(config(), |builder| builder.exporter(exporter));
            let good = bench.provider.acquire(Target::new("good.databricks.com"));
            run(&bench, &bench.lease(), &[&good]);
        }
    }
}

#[test]
fn a_faulty_source_of_flags_costs_no_other_host_anything() {
    for when in WHEN {
        for fault in faults() {
            let faulty = ScriptedFlags::new(script(fault, flag(FLAG, true, Duration::MAX), when));
            let flags = FlagsByHost { good: ScriptedFlags::fixed(FLAG, true), faulty };
            let bench = Bench::with(config(), |builder| builder.flags(flags));
            let good = bench.provider.acquire(Target::new("good.databricks.com"));
            run(&bench, &bench.lease(), &[&good]);
        }
    }
}

#[test]
fn faulty_credentials_cost_no_other_tenant_anything() {
    for when in WHEN {
        for fault in faults() {
            let headers = script(fault, AuthHeaders::bearer("bad"), when);
            let credentials = ScriptedCredentials::new(Script::always(Do::Give(ScopeId::new(7))), headers);
            let bench = Bench::new();
            let good = bench.lease_of(ScriptedCredentials::token("good"));
            run(&bench, &bench.lease_of(credentials), &[&good]);
        }
    }
}

/// A breaker, or a source of them, that panics in one of its methods.
#[derive(Clone, Debug)]
struct PanickingBreaker {
    method: &'static str,
    script: Script<()>,
}

impl PanickingBreaker {
    fn at(&self, method: &str) {
        if method == self.method {
            let _ = self.script.run_now();
        }
    }
}

impl BreakerSource for PanickingBreaker {
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker> {
        if host.name() != HOST {
            return Arc::new(AlwaysClosed);
        }
        self.at("breaker");
        Arc::new(self.clone())
    }
}

impl PermitIssuer for PanickingBreaker {
    fn settled(&self, _ticket: u64, _outcome: Outcome, _now: Tick) {
        self.at("settle");
    }

    fn unsettled(&self, _ticket: u64) {}
}

impl Breaker for PanickingBreaker {
    fn admit(&self, _now: Tick) -> Result<Permit<'_>, Rejected> {
        self.at("admit");
        Ok(Permit::new(self, 0))
    }

    fn state(&self, _now: Tick) -> BreakerState {
        self.at("state");
        BreakerState::Closed
    }
}

#[test]
fn a_breaker_that_panics_costs_no_other_host_anything() {
    for when in WHEN {
        for method in ["breaker", "admit", "settle", "state"] {
            let breakers = PanickingBreaker { method, script: script(Do::Panic, (), when) };
            let bench = Bench::with(config(), |builder| builder.breakers(breakers));
            let good = bench.provider.acquire(Target::new("good.databricks.com"));
            run(&bench, &bench.lease(), &[&good]);
        }
    }
}

/// A clock that panics in one of its methods.
#[derive(Debug)]
struct PanickingClock {
    inner: FakeClock,
    method: &'static str,
    script: Script<()>,
}

impl PanickingClock {
    fn at(&self, method: &str) {
        if method == self.method {
            let _ = self.script.run_now();
        }
    }
}

impl Clock for PanickingClock {
    fn now(&self) -> Tick {
        self.at("now");
        self.inner.now()
    }

    fn wall(&self) -> SystemTime {
        self.at("wall");
        self.inner.wall()
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        self.at("sleep_until");
        self.inner.sleep_until(at)
    }
}

#[test]
fn a_clock_that_panics_is_contained() {
    for when in WHEN {
        for method in ["now", "wall", "sleep_until"] {
            let clock =
                PanickingClock { inner: FakeClock::new(), method, script: script(Do::Panic, (), when) };
            let exporter = RecordingExporter::new();
            // On a worker of its own, because a clock that can't sleep is replaced by the machine's.
            let provider = ClientProvider::builder(identity())
                .config(config())
                .exporter(exporter.clone())
                .flags(ScriptedFlags::fixed(FLAG, true))
                .breakers(AlwaysClosed)
                .clock(clock)
                .environment(|_| None)
                .build()
                .unwrap();
            let lease = provider.acquire(Target::new(HOST));
            open(&lease).statement().complete();
            assert!(lease.close_blocking(2 * SECOND).is_delivered(), "{method} {when:?}");
            assert_eq!(exporter.accepted().len(), 2);
            assert_balanced(&lease);
        }
    }
}

#[test]
fn a_plug_in_that_blocks_its_thread_holds_up_no_other_host() {
    let accept = Script::always(Do::Block);
    let exporter =
        ByHost { good: RecordingExporter::new(), faulty: RecordingExporter::scripted(accept.clone()) };
    let good = exporter.good.clone();
    let provider = ClientProvider::builder(identity())
        .config(config().flush_interval(10 * MS))
        .exporter(exporter)
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let stuck = provider.acquire(Target::new(HOST));
    open(&stuck).statement().complete();
    eventually("the exporter is called", || accept.calls() > 0);
    let other = provider.acquire(Target::new("good.databricks.com"));
    open(&other).statement().complete();
    assert!(other.close_blocking(60 * SECOND).is_delivered());
    assert_eq!(good.accepted().len(), 2);
    // The close of the stuck one ends at its deadline all the same.
    let undelivered = stuck.status().records.held;
    let closed = (stuck.close_blocking(20 * MS), MS);
    assert_eq!(Bench::timed_out(&closed), (true, undelivered, MS));
    assert_balanced(&stuck);
    accept.release();
}

#[test]
fn a_close_ends_at_its_deadline_though_whoever_moves_the_worker_by_hand_is_blocked() {
    let bench = Bench::new();
    let script = bench.exporter.script().clone();
    script.set(Do::Block);
    let lease = bench.lease();
    open(&lease).error(|| ErrorDetails::new("DENIED").fault(403));
    let closed = std::thread::scope(|scope| {
        scope.spawn(|| bench.provider.step());
        eventually("the exporter is called", || script.calls() > 0);
        let closed = bench.close(&lease, 2 * SECOND);
        script.release();
        closed
    });
    assert_eq!(Bench::timed_out(&closed), (true, 2, 2 * SECOND));
    assert_eq!(lease.status().state, TelemetryState::Off(OffReason::Closed));
    assert_balanced(&lease);
}

#[test]
fn blocking_flags_credentials_and_breakers_hold_up_nobody() {
    let block = || Script::<()>::always(Do::Block);
    for method in ["flags", "headers", "breaker", "admit", "settle", "state"] {
        let gate = block();
        let flag_script = Script::always(if method == "flags" { Do::Block } else { on() });
        let headers =
            Script::always(if method == "headers" { Do::Block } else { Do::Give(AuthHeaders::new()) });
        let flags = FlagsByHost {
            good: ScriptedFlags::fixed(FLAG, true),
            faulty: ScriptedFlags::new(flag_script.clone()),
        };
        let credentials =
            ScriptedCredentials::new(Script::always(Do::Give(ScopeId::new(1))), headers.clone());
        let provider = ClientProvider::builder(identity())
            .config(config().flush_interval(10 * MS))
            .exporter(RecordingExporter::new())
            .flags(flags)
            .breakers(PanickingBreaker { method, script: gate.clone() })
            .environment(|_| None)
            .build()
            .unwrap();
        let stuck = provider.acquire(Target::new(HOST).credentials(credentials));
        open(&stuck).statement().complete();
        eventually(method, || {
            gate.calls() > 0
                || (method == "flags" && flag_script.calls() > 0)
                || (method == "headers" && headers.calls() > 0)
        });
        let other = provider.acquire(Target::new("good.databricks.com"));
        open(&other).statement().complete();
        assert!(other.close_blocking(60 * SECOND).is_delivered(), "{method}");
        assert_eq!(stuck.status().events.refused.total(), 0);
        let _ = stuck.close_blocking(20 * MS);
        assert_eq!(stuck.status().records.held, 0);
        assert_balanced(&stuck);
        gate.release();
        flag_script.release();
        headers.release();
    }
}

#[test]
fn nothing_is_logged_above_debug_and_no_secret_at_all() {
    let heard = Listener::hear(|| {
        for fault in faults() {
            let bench = Bench::new();
            bench.exporter.script().set(fault);
            let lease = bench.lease_of(ScriptedCredentials::token("canary"));
            open(&lease).error(|| ErrorDetails::new("E").message("password=canary"));
            bench.pass(60 * SECOND);
            let _ = bench.close(&lease, SECOND);
        }
    });
    assert!(heard.iter().all(|(level, _)| *level >= tracing::Level::DEBUG));
    assert!(heard.iter().any(|(_, text)| text.contains("telemetry not delivered")));
    assert!(!heard.iter().any(|(_, text)| text.contains("canary")));
}

/// A subscriber that records what it hears as telemetry, as a driver might that routes its log.
struct Router(Session);

impl tracing::Subscriber for Router {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, _event: &tracing::Event<'_>) {
        self.0.error(|| ErrorDetails::new("LOGGED"));
        self.0.emitter().poll("no id", MS);
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}

#[test]
fn telemetry_makes_no_telemetry() {
    let bench = Bench::new();
    bench.exporter.script().set(Do::Fail(PluginError::new(500)));
    let lease = bench.lease();
    let session = open(&lease);
    tracing::subscriber::with_default(Router(session.clone()), || {
        bench.pass(60 * SECOND);
        assert!(bench.exporter.attempts().len() > 3, "there was something to log");
        assert_eq!(lease.status().events.seen, 1);
        tracing::warn!("the driver's own");
    });
    let events = lease.status().events;
    assert_eq!((events.seen, events.refused.get(Refusal::InvalidId)), (3, 1));
}

#[test]
fn a_closure_that_panics_is_counted_and_the_driver_goes_on() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let mut statement = session.statement();
    statement.error(|| panic!("in the driver's closure"));
    session.error(|| panic!("again"));
    session.emitter().error("s1", || panic!("and again"));
    lease.opening(ConnectionInfo::new()).failed(|| panic!("and here"));
    statement.complete();
    bench.pass(10 * SECOND);
    assert_eq!(lease.status().events.refused.get(Refusal::Panicked), 4);
    assert_eq!(bench.exporter.accepted().len(), 3);
    assert_balanced(&lease);
}

#[test]
fn absurd_times_panic_nowhere() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let mut statement = session.statement();
    for _ in 0..3 {
        statement.poll(Duration::MAX);
        statement.retried(u32::MAX);
        statement.chunk(Chunk::new(u32::MAX, Duration::MAX).bytes(u64::MAX));
    }
    statement.complete_after(Duration::MAX);
    session.closed(Duration::MAX);
    bench.clock.set_wall(SystemTime::UNIX_EPOCH);
    bench.pass(10 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 3);
    let _ = bench.close(&lease, Duration::MAX);
    assert_balanced(&lease);
}
