//! What operators see: an observer, and the status of a whole provider.

use std::sync::{Arc, Mutex};

use crate::common::*;
use telemetry_core::plugin::{Attempt, BreakerState, Observation, Observed, Observer, PluginError, Receipt};
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

/// On the way to which sink, and what.
type Seen = (Option<String>, Observed);

/// Writes down what it is told, and asks for the status, which it may.
#[derive(Clone, Debug, Default)]
struct Notes {
    seen: Arc<Mutex<Vec<Seen>>>,
    provider: Arc<Mutex<Option<ClientProvider>>>,
}

impl Notes {
    fn of(&self, sink: Option<&str>) -> Vec<Observed> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(of, _)| of.as_deref() == sink).map(|(_, what)| *what).collect()
    }
}

impl Observer for Notes {
    fn observed(&self, observation: &Observation<'_>) {
        assert_eq!(observation.host.name(), HOST);
        self.seen.lock().unwrap().push((observation.sink.map(str::to_owned), observation.what));
        if let Some(provider) = &*self.provider.lock().unwrap() {
            assert!(provider.status().balances(), "no lock is held");
        }
    }
}

fn sums(seen: &[Observed]) -> (usize, u64, u64) {
    let mut sums = (0, 0, 0);
    for what in seen {
        match what {
            Observed::Delivered { receipt, .. } => sums.0 += receipt.accepted,
            Observed::Dropped { count, .. } => sums.1 += count,
            Observed::Refused { count, .. } => sums.2 += count,
            _ => {}
        }
    }
    sums
}

#[test]
fn an_observer_is_told_of_each_delivery_and_each_loss_by_sink_and_nobody_of_anything_twice() {
    let (notes, collector) = (Notes::default(), RecordingExporter::new());
    let small = config().max_records(10).batch_size(10);
    let bench = Bench::with(small.clone(), |builder| {
        let sink = Sink::new("collector", collector.clone()).config(small.clone());
        builder.sink(sink).observer(notes.clone())
    });
    *notes.provider.lock().unwrap() = Some(bench.provider.clone());
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(6 * SECOND);
    let receipt = Receipt::new(1);
    assert_eq!(notes.of(None), [Observed::Delivered { receipt, took: std::time::Duration::ZERO }]);
    assert_eq!(notes.of(Some("collector")), notes.of(None));
    // One place fails, and what is refused on the way is told once.
    collector.script().set(Do::Fail(PluginError::new(403)));
    session.statement().complete();
    session.statement().id("no id at all");
    bench.pass(6 * SECOND);
    bench.pass(60 * SECOND);
    let failed = notes.of(Some("collector"));
    assert!(
        failed.iter().any(
            |what| matches!(what, Observed::Failed { failure, .. } if failure.fault == Fault::Status(403))
        )
    );
    assert!(failed.contains(&Observed::Dropped { reason: DropReason::Terminal, count: 2 }), "{failed:?}");
    (0..100).for_each(|_| session.statement().complete());
    bench.pass(60 * SECOND);
    for (sink, records) in [(None, lease.status().records), (Some("collector"), sink(&lease))] {
        let (accepted, dropped, refused) = sums(&notes.of(sink));
        assert_eq!((accepted as u64, dropped), (records.accepted, records.dropped.total()), "{sink:?}");
        let events = if sink.is_none() { lease.status().events.refused.total() } else { 0 };
        assert_eq!(refused, events, "{sink:?}");
    }
    assert!(lease.status().records.dropped.total() > 0);
    // Also what the end drops.
    bench.exporter.script().set(Do::Hang);
    session.statement().complete();
    drop(bench.close(&lease, SECOND));
    bench.step();
    assert!(notes.of(None).contains(&Observed::Dropped { reason: DropReason::OutcomeUnknown, count: 1 }));
    notes.provider.lock().unwrap().take();
}

/// Says of everything that it wrote it down.
#[derive(Debug)]
struct Writes;

#[async_trait::async_trait]
impl Exporter for Writes {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        Ok(Receipt::written(attempt.records.len()))
    }
}

#[test]
fn what_was_written_to_a_file_is_not_called_delivered_in_the_log() {
    let bench = Bench::with(config(), |builder| builder.exporter(Writes));
    let lease = bench.lease();
    drop(open(&lease));
    let heard = Listener::hear(|| bench.pass(6 * SECOND));
    let says = |what: &str| heard.iter().any(|(_, line)| line.contains(what));
    assert!(says("telemetry written to a file") && !says("telemetry delivered"), "{heard:?}");
}

fn sink(lease: &Lease) -> RecordLedger {
    lease.status().sinks[0].records
}

/// A breaker that opens with the first failure.
fn breakers() -> telemetry_breaker::BreakerRegistry {
    let config =
        telemetry_breaker::BreakerConfig::default().policy(telemetry_breaker::Policy::ConsecutiveFailures(1));
    telemetry_breaker::BreakerRegistry::new(config).unwrap()
}

#[test]
fn an_observer_is_told_what_breakers_do_and_how_long_attempts_take() {
    let notes = Notes::default();
    let bench = Bench::with(config().max_retries(0).request_timeout(10 * SECOND), |builder| {
        builder.breakers(breakers()).observer(notes.clone())
    });
    let lease = bench.lease();
    let session = open(&lease);
    bench.exporter.script().set(Do::Hang);
    bench.pass(30 * SECOND);
    let seen = notes.of(None);
    let timeout = 10 * SECOND;
    let failed = |what: &Observed| match what {
        Observed::Failed { failure, took } => failure.fault == Fault::Timeout && *took >= timeout,
        _ => false,
    };
    assert!(seen.iter().any(failed), "{seen:?}");
    let opened = |what: &Observed| {
        matches!(what, Observed::Breaker { from: BreakerState::Closed, to: BreakerState::Open { .. } })
    };
    assert_eq!(seen.iter().filter(|what| opened(what)).count(), 1, "{seen:?}");
    bench.exporter.script().set(Do::Give(Accept::All));
    for _ in 0..20 {
        session.statement().complete();
        bench.pass(10 * SECOND);
    }
    let closed = |what: &Observed| matches!(what, Observed::Breaker { to: BreakerState::Closed, .. });
    assert_eq!(notes.of(None).iter().filter(|what| closed(what)).count(), 1);
}

#[derive(Debug)]
struct Panicking;

impl Observer for Panicking {
    fn observed(&self, _observation: &Observation<'_>) {
        panic!("planted");
    }
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let bench = Bench::with(config(), |builder| builder.observer(Panicking));
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(6 * SECOND);
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(lease.status().records.accepted, 2);
    assert_balanced(&lease);
}

#[test]
fn a_providers_status_has_all_clients_and_what_became_of_those_that_are_gone() {
    let collector = RecordingExporter::new();
    let bench = Bench::with(config(), |builder| builder.sink(Sink::new("collector", collector.clone())));
    assert!(bench.provider.status().clients.is_empty());
    let acquire = |number: usize| {
        let target = Target::new(format!("dbc-{number}.cloud.databricks.com"));
        bench.provider.acquire(target.workspace(number as i64))
    };
    let leases: Vec<_> = (0..10).map(acquire).collect();
    let sessions: Vec<_> = leases.iter().map(open).collect();
    bench.pass(6 * SECOND);
    let status = bench.provider.status();
    let mut hosts: Vec<_> = status.clients.iter().map(|client| client.host.name().to_owned()).collect();
    hosts.sort();
    let expected: Vec<_> = (0..10).map(|number| format!("dbc-{number}.cloud.databricks.com")).collect();
    assert_eq!(hosts, expected);
    assert!(status.clients.iter().all(|client| {
        client.workspace.is_some_and(|number| client.host.name().starts_with(&format!("dbc-{number}.")))
            && client.status.records.accepted == 1
    }));
    // Some are closed, and one handle outlives its client's close.
    let mut sessions = sessions.into_iter();
    let kept = sessions.next().unwrap();
    drop(sessions);
    for lease in leases {
        drop(bench.close(&lease, SECOND));
    }
    bench.step();
    kept.statement().complete();
    let status = bench.provider.status();
    assert_eq!(status.clients.len(), 1);
    assert_eq!((status.records.made, status.records.accepted), (10, 10));
    assert_eq!(status.events.refused.get(Refusal::Closed), 1, "also what comes too late");
    assert_eq!(status.sinks.len(), 1);
    let (name, records) = &status.sinks[0];
    assert_eq!((&**name, records.made, records.accepted), ("collector", 10, 10));
    assert!(status.balances());
    drop(kept);
    let after = bench.provider.status();
    assert!(after.clients.is_empty() && after.balances());
    assert_eq!((after.records, after.events), (status.records, status.events));
}

#[test]
fn the_books_of_a_provider_balance_while_its_clients_come_and_go() {
    let exporter = RecordingExporter::forgetful();
    let bench = Bench::with(config().batch_size(1), |builder| {
        builder.exporter(exporter.clone()).runtime(Runtime::Own).clock(plugin::SystemClock::default())
    });
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4usize)
            .map(|thread| {
                let provider = bench.provider.clone();
                scope.spawn(move || {
                    for number in 0..50 {
                        let target = Target::new(format!("dbc-{thread}-{number}.cloud.databricks.com"));
                        let lease = provider.acquire(target);
                        open(&lease).statement().complete();
                        drop(lease.close_blocking(60 * SECOND));
                    }
                })
            })
            .collect();
        let mut before = RecordLedger::default();
        while threads.iter().any(|thread| !thread.is_finished()) {
            let status = bench.provider.status();
            assert!(status.balances(), "{status:?}");
            assert!(status.records.made >= before.made, "nobody's books are missing for a moment");
            before = status.records;
        }
    });
    let status = bench.provider.status();
    assert_eq!((status.records.made, status.records.accepted), (400, 400));
}
