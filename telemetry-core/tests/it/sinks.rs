//! Further places that records go to, each with its own way, and none in the way of another.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use crate::common::*;
use telemetry_core::plugin::{
    AuthHeaders, Breaker, BreakerSource, BreakerState, Permit, PluginError, Rejected, Tick,
};
use telemetry_core::record::{Audience, Level, RecordKind};
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

/// A bench with a sink for each exporter.
fn bench_with<const N: usize>(
    sinks: [(&str, &RecordingExporter); N],
    change: impl Fn(Sink) -> Sink,
) -> Bench {
    Bench::with(config(), |builder| {
        sinks.into_iter().fold(builder, |builder, (name, exporter)| {
            builder.sink(change(Sink::new(name, exporter.clone())))
        })
    })
}

fn kinds(exporter: &RecordingExporter) -> Vec<RecordKind> {
    exporter.accepted().iter().map(|record| record.body.kind).collect()
}

fn sink(lease: &Lease, place: usize) -> SinkStatus {
    lease.status().sinks[place].clone()
}

/// Flushes while time passes; also how long that took.
fn flush(bench: &Bench, lease: &Lease, within: std::time::Duration) -> (FlushOutcome, std::time::Duration) {
    let start = bench.now();
    let mut flush = pin!(lease.flush(within));
    for _ in 0..10_000 {
        if let Poll::Ready(outcome) = flush.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (outcome, bench.now() - start);
        }
        bench.step();
        bench.clock.advance_to_next();
    }
    panic!("the flush didn't end");
}

#[test]
fn each_sink_gets_every_record_as_its_audience_sees_it_and_never_credentials() {
    let (customers, vendors) = (RecordingExporter::new(), RecordingExporter::new());
    let bench = Bench::with(config(), |builder| {
        let second = Sink::new("vendor-2", vendors.clone()).audience(Audience::Vendor);
        builder.sink(Sink::new("collector", customers.clone())).sink(second)
    });
    let lease = bench.lease_of(StaticToken::new("secret"));
    let params = ConnectionParams {
        http_path: Some("/sql/1.0/warehouses/abc".to_owned()),
        azure_tenant_id: Some("a-tenant".to_owned()),
        ..ConnectionParams::default()
    };
    let session = lease.opening(ConnectionInfo::new().params(params)).opened("session-1");
    session.statement().complete();
    session.error(|| ErrorDetails::new("DENIED").fault(403).message("no such table"));
    let (closed, _) = bench.close(&lease, SECOND);
    assert_eq!(closed, CloseOutcome::Delivered { accepted: 3 });
    let ids = |exporter: &RecordingExporter| {
        let mut ids: Vec<_> = exporter.accepted().iter().map(|record| record.id).collect();
        ids.sort_by_key(|id| id.to_string());
        ids
    };
    for exporter in [&customers, &vendors] {
        assert_eq!(ids(exporter), ids(&bench.exporter));
        assert!(exporter.attempts().iter().all(|attempt| attempt.credentials.is_none()));
        let error = exporter.accepted().into_iter().find(|record| record.body.error.is_some()).unwrap();
        assert_eq!(error.body.error.as_ref().unwrap().text.as_deref(), Some("no such table"));
    }
    let tenant = |exporter: &RecordingExporter| exporter.accepted()[0].session.params.azure_tenant_id.clone();
    assert_eq!((tenant(&customers), tenant(&vendors).as_deref()), (None, Some("a-tenant")));
    let status = lease.status();
    assert!(status.balances(), "{status:?}");
    for (sink, name) in status.sinks.iter().zip(["collector", "vendor-2"]) {
        assert_eq!((&*sink.name, sink.records.made, sink.records.accepted), (name, 3, 3));
    }
}

#[test]
fn what_an_audience_sees_of_a_record_is_made_once_for_all_its_sinks() {
    let [first, second, vendors] = [(); 3].map(|()| RecordingExporter::new());
    let bench = Bench::with(config(), |builder| {
        let vendors = Sink::new("vendors", vendors.clone()).audience(Audience::Vendor);
        let second = Sink::new("second", second.clone()).level(Level::Error);
        builder.sink(Sink::new("first", first.clone())).sink(vendors).sink(second)
    });
    let lease = bench.lease();
    let session = open(&lease);
    session.error(|| ErrorDetails::new("DENIED").fault(403).message("no such table"));
    bench.pass(6 * SECOND);
    let error = |exporter: &RecordingExporter| {
        exporter.accepted().into_iter().find(|record| record.body.error.is_some()).unwrap()
    };
    assert!(std::sync::Arc::ptr_eq(&error(&first), &error(&second)));
    assert!(!std::sync::Arc::ptr_eq(&error(&first), &error(&vendors)));
    assert_eq!((first.accepted().len(), second.accepted().len()), (2, 1));
}

#[test]
fn a_sink_takes_what_is_at_its_level_and_above() {
    let [all, info, errors, fatal] = [(); 4].map(|()| RecordingExporter::new());
    let levels =
        [(&all, Level::Trace), (&info, Level::Info), (&errors, Level::Error), (&fatal, Level::Fatal)];
    let bench = Bench::with(config(), |builder| {
        levels.iter().fold(builder, |builder, (exporter, level)| {
            builder.sink(Sink::new(&format!("{level:?}"), (*exporter).clone()).level(*level))
        })
    });
    let lease = bench.lease();
    let session = open(&lease);
    session.statement().complete();
    session.operation(Operation::new(OperationType::ListTables, SECOND));
    session.error(|| ErrorDetails::new("DENIED").fault(403));
    session.error(|| ErrorDetails::new("BUSY").fault(503));
    lease.opening(ConnectionInfo::new()).failed(|| ErrorDetails::new("REFUSED"));
    bench.pass(6 * SECOND);
    assert_eq!(levels.map(|(exporter, _)| exporter.accepted().len()), [6, 5, 2, 1]);
    assert_eq!(sink(&lease, 3).records.made, 1, "what it doesn't take it isn't offered");
    assert_balanced(&lease);
}

#[test]
fn polls_and_chunks_are_left_out_of_statements_for_a_sink_above_their_level() {
    let all =
        [Level::Trace, Level::Debug, Level::Info, Level::Warn].map(|level| (level, RecordingExporter::new()));
    let bench = Bench::with(config(), |builder| {
        all.iter().fold(builder, |builder, (level, exporter)| {
            builder.sink(Sink::new(&format!("{level:?}"), exporter.clone()).level(*level))
        })
    });
    let lease = bench.lease();
    let mut statement = open(&lease).statement();
    statement.poll(SECOND);
    statement.chunk(Chunk::new(0, SECOND));
    statement.complete();
    bench.pass(6 * SECOND);
    let told = |exporter: &RecordingExporter| {
        let statements =
            exporter.accepted().into_iter().filter(|record| record.body.kind == RecordKind::Statement);
        let sql = statements.map(|record| record.body.sql.clone().unwrap()).next()?;
        Some((sql.operation.is_some_and(|operation| operation.status_calls == Some(1)), sql.chunks.is_some()))
    };
    assert_eq!(told(&bench.exporter), Some((true, true)), "the vendor's");
    let told = all.each_ref().map(|(_, exporter)| told(exporter));
    assert_eq!(told, [Some((true, true)), Some((false, true)), Some((false, false)), None]);
}

#[test]
fn while_the_vendors_telemetry_is_off_a_sink_gets_everything() {
    for (mode, script) in [
        (Mode::Off, Script::always(Do::Panic)),
        (Mode::On, Script::always(Do::Give(flag(FLAG, false, 900 * SECOND)))),
        (Mode::On, Script::always(Do::Fail(PluginError::new(503)))),
    ] {
        let (exporter, flags) = (RecordingExporter::new(), ScriptedFlags::new(script));
        let bench = Bench::with(config().mode(mode), |builder| {
            builder.flags(flags.clone()).sink(Sink::new("collector", exporter.clone()))
        });
        let lease = bench.lease();
        bench.step();
        let session = open(&lease);
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        bench.pass(SECOND);
        assert_eq!(lease.status().open_statements, 1, "it isn't in vain");
        emitter.completed("s1", SECOND);
        bench.pass(6 * SECOND);
        assert_eq!(kinds(&exporter), [RecordKind::Connection, RecordKind::Statement]);
        assert!(bench.exporter.attempts().is_empty());
        let status = lease.status();
        assert!(matches!(status.state, TelemetryState::Off(_)) && status.balances(), "{status:?}");
        if mode == Mode::Off {
            assert_eq!((status.state, flags.script().calls()), (TelemetryState::Off(OffReason::Setting), 0));
            assert_eq!(status.records, RecordLedger::default());
        }
        let (_, took) = bench.close(&lease, 2 * SECOND);
        assert_eq!(took, std::time::Duration::ZERO);
    }
}

#[test]
fn without_a_sink_a_setting_that_is_off_is_off() {
    let bench = Bench::with(config().mode(Mode::Off), |builder| builder);
    let lease = bench.lease();
    drop(open(&lease));
    assert_eq!(
        (lease.status().state, lease.status().events.seen),
        (TelemetryState::Off(OffReason::Setting), 0)
    );
}

#[test]
fn an_opt_out_silences_every_sink() {
    let exporter = RecordingExporter::new();
    let bench = Bench::with(config().mode(Mode::Forced), |builder| {
        let opted_out = |name: &str| (name == "DO_NOT_TRACK").then(|| "1".to_owned());
        builder.environment(opted_out).sink(Sink::new("collector", exporter.clone()))
    });
    let lease = bench.lease();
    drop(open(&lease));
    bench.pass(10 * SECOND);
    assert!(exporter.attempts().is_empty());
    assert!(matches!(lease.status().state, TelemetryState::Off(OffReason::OptOut(_))));
}

#[test]
fn a_close_waits_for_every_sink_until_its_deadline_and_the_vendors_outcome_is_its_own() {
    let (slow, lost) = (RecordingExporter::new(), RecordingExporter::new());
    let bench = bench_with([("slow", &slow), ("lost", &lost)], |sink| sink);
    let lease = bench.lease();
    drop(open(&lease));
    // One is there after a retry.
    slow.script().set(Do::Fail(PluginError::new(503)));
    let first = slow.script().clone().first(Do::Fail(PluginError::new(503)));
    first.set(Do::Give(Accept::All));
    lost.script().set(Do::Fail(PluginError::new(403)));
    let (closed, took) = bench.close(&lease, 2 * SECOND);
    assert_eq!(closed, CloseOutcome::Delivered { accepted: 1 });
    assert!(took < 2 * SECOND, "{took:?}");
    assert_eq!((sink(&lease, 0).records.accepted, slow.attempts().len()), (1, 2));
    assert_eq!(sink(&lease, 1).records.dropped.get(DropReason::Terminal), 1);
    assert_eq!(sink(&lease, 1).last_failure, Some(PluginError::new(403)));
    assert_balanced(&lease);
}

#[test]
fn a_sink_that_hangs_holds_up_a_close_to_its_deadline_and_is_in_its_own_books() {
    let exporter = RecordingExporter::scripted(Script::always(Do::Hang));
    let bench = bench_with([("hanging", &exporter)], |sink| sink);
    let lease = bench.lease();
    drop(open(&lease));
    let (closed, took) = bench.close(&lease, 2 * SECOND);
    assert_eq!((closed, took), (CloseOutcome::Delivered { accepted: 1 }, 2 * SECOND));
    assert_eq!(sink(&lease, 0).records.dropped.get(DropReason::OutcomeUnknown), 1);
    assert_balanced(&lease);
}

#[test]
fn a_flush_is_of_every_sink_and_says_what_the_vendor_has() {
    let (works, hangs) = (RecordingExporter::new(), RecordingExporter::new());
    let bench = bench_with([("works", &works), ("hangs", &hangs)], |sink| sink);
    let lease = bench.lease();
    let session = open(&lease);
    assert_eq!(
        flush(&bench, &lease, SECOND),
        (FlushOutcome::Delivered { accepted: 1 }, std::time::Duration::ZERO)
    );
    assert_eq!((works.accepted().len(), hangs.accepted().len()), (1, 1));
    hangs.script().set(Do::Hang);
    session.statement().complete();
    assert_eq!(flush(&bench, &lease, SECOND), (FlushOutcome::Delivered { accepted: 1 }, SECOND));
    assert_eq!((works.accepted().len(), sink(&lease, 1).records.held), (2, 1));
}

#[test]
fn a_sink_has_its_own_batches_retries_and_bounds() {
    let exporter = RecordingExporter::new();
    let own = TelemetryConfig::default().batch_size(2).max_retries(0).max_records(5);
    let bench = bench_with([("own", &exporter)], |sink| sink.config(own.clone()));
    let lease = bench.lease();
    let session = open(&lease);
    session.statement().complete();
    bench.pass(SECOND);
    assert_eq!((exporter.attempts().len(), bench.exporter.attempts().len()), (1, 0), "two are a batch");
    exporter.script().set(Do::Fail(PluginError::new(503)));
    (0..20).for_each(|_| session.statement().complete());
    bench.pass(6 * SECOND);
    let records = sink(&lease, 0).records;
    assert_eq!((records.made, records.held, records.dropped.get(DropReason::Overflow)), (22, 5, 15));
    let failed = exporter.attempts().len() - 1;
    assert!((1..=3).contains(&failed), "one an interval, and no quick retry: {failed}");
    assert_eq!(lease.status().records.accepted, 22);
    assert_balanced(&lease);
}

#[test]
fn what_a_sink_holds_for_too_long_expires() {
    let exporter = RecordingExporter::scripted(Script::always(Do::Fail(PluginError::new(503))));
    let own = TelemetryConfig::default().max_age(20 * SECOND);
    let bench = bench_with([("own", &exporter)], |sink| sink.config(own.clone()));
    let lease = bench.lease();
    drop(open(&lease));
    bench.pass(30 * SECOND);
    assert_eq!(sink(&lease, 0).records.dropped.get(DropReason::Expired), 1);
    assert_balanced(&lease);
}

#[test]
fn a_sink_holds_no_more_bytes_than_it_may_also_of_texts_and_connections() {
    let exporter = RecordingExporter::scripted(Script::always(Do::Hang));
    let own = TelemetryConfig::default().max_bytes(64 * 1024).max_records(10_000);
    let bench = bench_with([("own", &exporter)], |sink| sink.config(own.clone()));
    let text = "no such thing, and nothing like it either. ".repeat(40);
    for number in 0..200 {
        let lease = bench.lease();
        let session = open(&lease);
        session.error(|| ErrorDetails::new("E").message(&text));
        bench.pass(SECOND / 10);
        if number == 199 {
            let records = sink(&lease, 0).records;
            let held = records.held;
            // An error's text is 1.7 KiB, and a connection takes as much.
            assert!((5..=30).contains(&held), "{held}");
            assert_eq!(records.dropped.get(DropReason::Overflow), records.made - held);
            assert_eq!(lease.status().records.dropped.total(), 0);
            assert_balanced(&lease);
        }
    }
}

/// A breaker that is closed or open as it is told, and says how often it was asked.
#[derive(Clone, Debug, Default)]
struct Switch(std::sync::Arc<(std::sync::atomic::AtomicBool, std::sync::atomic::AtomicUsize)>);

impl Breaker for Switch {
    fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected> {
        self.0.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if self.0.0.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Rejected::until(now + SECOND));
        }
        Ok(Permit::unwatched())
    }

    fn state(&self, now: Tick) -> BreakerState {
        if self.0.0.load(std::sync::atomic::Ordering::SeqCst) {
            BreakerState::Open { until: now + SECOND }
        } else {
            BreakerState::Closed
        }
    }
}

impl BreakerSource for Switch {
    fn breaker(&self, _host: &Host) -> std::sync::Arc<dyn Breaker> {
        std::sync::Arc::new(self.clone())
    }
}

#[test]
fn a_sink_has_its_own_breaker_and_what_it_does_is_logged() {
    let (exporter, switch) = (RecordingExporter::new(), Switch::default());
    let bench = bench_with([("own", &exporter)], |sink| sink.breakers(switch.clone()));
    let lease = bench.lease();
    switch.0.0.store(true, std::sync::atomic::Ordering::SeqCst);
    let session = open(&lease);
    let heard = Listener::hear(|| bench.pass(8 * SECOND));
    let says = |word: &str| heard.iter().any(|(_, line)| line.contains(word) && line.contains("own"));
    assert!(
        says("the breaker of telemetry's host changed") && says("telemetry waits for the breaker"),
        "{heard:?}"
    );
    assert_eq!((exporter.attempts().len(), bench.exporter.attempts().len()), (0, 1));
    assert!(matches!(sink(&lease, 0).breaker, Some(BreakerState::Open { .. })));
    switch.0.0.store(false, std::sync::atomic::Ordering::SeqCst);
    session.statement().complete();
    bench.pass(8 * SECOND);
    assert_eq!((exporter.accepted().len(), sink(&lease, 0).breaker), (2, Some(BreakerState::Closed)));
    assert!(switch.0.1.load(std::sync::atomic::Ordering::SeqCst) >= 3);
    assert_balanced(&lease);
}

#[test]
fn a_sinks_name_and_settings_are_checked_when_the_provider_is_built() {
    let build = |sinks: Vec<Sink>| {
        let (clock, flags) = (FakeClock::new(), ScriptedFlags::fixed(FLAG, true));
        let none = plugin::AlwaysClosed;
        let builder = builder(config(), &clock, RecordingExporter::new(), flags, none);
        sinks.into_iter().fold(builder, |builder, sink| builder.sink(sink)).build().map(drop)
    };
    let sink = |name: &str| Sink::new(name, RecordingExporter::new());
    for name in ["", "a b", "ü", &"x".repeat(129)] {
        assert!(matches!(build(vec![sink(name)]), Err(BuildError::InvalidName { .. })), "{name}");
    }
    let same = build(vec![sink("a"), sink("b"), sink("a")]);
    assert_eq!(same, Err(BuildError::SameName("a".to_owned())));
    assert_eq!(build(vec![sink("vendor")]), Err(BuildError::SameName("vendor".to_owned())));
    let bad = sink("a").config(TelemetryConfig::default().batch_size(0));
    assert!(matches!(build(vec![bad]), Err(BuildError::OutOfBounds { .. })));
    assert_eq!(build(vec![sink("a"), sink("b"), sink(&"x".repeat(128))]), Ok(()));
}

#[test]
fn a_sink_that_is_late_at_a_close_takes_no_clients_place() {
    let exporter = RecordingExporter::scripted(Script::always(Do::Hang));
    let limited = config().max_clients(1).close_timeout(10 * SECOND);
    let bench = Bench::with(limited, |builder| builder.sink(Sink::new("own", exporter.clone())));
    let host = |number| Target::new(format!("dbc-{number}.cloud.databricks.com"));
    for number in 0..5 {
        let lease = bench.provider.acquire(host(number));
        drop(open(&lease));
        bench.step();
        drop(lease);
        bench.step();
    }
    assert_eq!(bench.exporter.accepted().len(), 5, "there was room for each");
    bench.pass(11 * SECOND);
    let status = bench.provider.status();
    let (_, records) = &status.sinks[0];
    assert_eq!((records.made, records.dropped.total(), status.clients.len()), (5, 5, 0));
}

#[test]
fn of_a_connection_that_comes_back_while_a_sink_still_closes_all_is_delivered() {
    let exporter = RecordingExporter::scripted(Script::always(Do::Fail(PluginError::new(503))));
    let bench = bench_with([("own", &exporter)], |sink| sink);
    let lease = bench.lease();
    drop(open(&lease));
    drop(lease);
    bench.step();
    let lease = bench.lease();
    exporter.script().set(Do::Give(Accept::All));
    open(&lease).statement().complete();
    bench.pass(60 * SECOND);
    assert_balanced(&lease);
    let status = bench.provider.status();
    let (_, records) = &status.sinks[0];
    assert_eq!((exporter.accepted().len(), records.made, records.accepted), (3, 3, 3));
}

/// What happens to a driver, and to its sinks.
#[derive(Clone, Debug)]
enum Happens {
    Statement,
    Error,
    Passes(u64),
    Vendor(Works),
    Other(Works),
    Flush,
    Again,
}

#[derive(Clone, Copy, Debug)]
enum Works {
    Well,
    Busy,
    Refuses,
    Panics,
    Hangs,
}

fn script(works: Works) -> Do<Accept> {
    match works {
        Works::Well => Do::Give(Accept::All),
        Works::Busy => Do::Fail(PluginError::new(503)),
        Works::Refuses => Do::Fail(PluginError::new(403)),
        Works::Panics => Do::Panic,
        Works::Hangs => Do::Hang,
    }
}

fn works() -> impl Strategy<Value = Works> {
    use Works::*;
    prop_oneof![Just(Well), Just(Busy), Just(Refuses), Just(Panics), Just(Hangs)]
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => Just(Happens::Statement),
        2 => Just(Happens::Error),
        4 => (1u64..20_000).prop_map(Happens::Passes),
        1 => works().prop_map(Happens::Vendor),
        1 => works().prop_map(Happens::Other),
        1 => Just(Happens::Flush),
        1 => Just(Happens::Again),
    ]
}

/// When which of its records an exporter saw, and the books in the end.
type Story = (Vec<(Tick, usize)>, RecordLedger);

/// A history in which one sink works until one place in it, and from there on as this; what the vendor and
/// another sink see of it all.
fn history(seed: u64, all: &[Happens], at: usize, then: Works) -> [Story; 2] {
    fastrand::seed(seed);
    let (killed, other) = (RecordingExporter::new(), RecordingExporter::new());
    // A second vendor's, so that the driver's own settings don't matter; small bounds, which are met.
    let small = TelemetryConfig::default().mode(Mode::On).max_records(8).batch_size(3);
    let bench = Bench::with(small.clone(), |builder| {
        builder
            .sink(Sink::new("killed", killed.clone()).config(small.clone()))
            .sink(Sink::new("other", other.clone()).config(small.clone()))
    });
    let mut lease = bench.lease();
    let mut session = open(&lease);
    let mut seen = [vec![], vec![]];
    let mut note = |bench: &Bench| {
        for (seen, exporter) in seen.iter_mut().zip([&bench.exporter, &other]) {
            let attempts = exporter.attempts().len();
            if seen.last().is_none_or(|(_, count)| *count != attempts) {
                seen.push((bench.now(), attempts));
            }
        }
    };
    for (place, what) in all.iter().enumerate() {
        if place == at {
            killed.script().set(script(then));
        }
        match what {
            Happens::Statement => session.statement().complete(),
            Happens::Error => session.error(|| ErrorDetails::new("E").fault(403).message("words that fit")),
            Happens::Passes(ms) => {
                // In steps that are the same whenever the workers wake.
                for _ in 0..ms / 1000 {
                    bench.pass(SECOND);
                    note(&bench);
                }
            }
            Happens::Vendor(works) => bench.exporter.script().set(script(*works)),
            Happens::Other(works) => other.script().set(script(*works)),
            Happens::Flush => drop(pin!(lease.flush(SECOND)).poll(&mut Context::from_waker(Waker::noop()))),
            Happens::Again => {
                drop((session, std::mem::replace(&mut lease, bench.lease())));
                session = open(&lease);
            }
        }
        bench.step();
        note(&bench);
        assert_balanced(&lease);
    }
    bench.pass(5 * SECOND);
    note(&bench);
    let status = lease.status();
    let [vendor, second] = seen;
    assert_eq!(status.records.made, status.sinks[0].records.made);
    [(vendor, status.records), (second, status.sinks[1].records)]
}

proptest! {
    #[test]
    fn whatever_becomes_of_one_sink_changes_no_number_and_no_time_of_the_others(
        seed: u64,
        all in prop::collection::vec(happens(), 1..60),
        at in 0..60usize,
        then in works(),
    ) {
        let untouched = history(seed, &all, usize::MAX, Works::Well);
        prop_assert_eq!(history(seed, &all, at, then), untouched);
    }
}

/// Credentials that fail for good are the vendor's matter.
#[test]
fn that_nobody_can_log_in_is_nothing_to_a_sink() {
    let exporter = RecordingExporter::new();
    let bench = bench_with([("own", &exporter)], |sink| sink);
    let failing = Script::<AuthHeaders>::always(Do::Fail(PluginError::new(Fault::Authentication)));
    let scope = Script::always(Do::Give(plugin::ScopeId::new(7)));
    let lease = bench.lease_of(ScriptedCredentials::new(scope, failing));
    drop(open(&lease));
    bench.pass(10 * SECOND);
    assert_eq!((exporter.accepted().len(), lease.status().records.accepted), (1, 0));
    assert_balanced(&lease);
}
