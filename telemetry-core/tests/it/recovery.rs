//! A service that fails and recovers, with a breaker between: what was recorded meanwhile arrives, and it is
//! logged what happened.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::*;
use telemetry_breaker::BreakerRegistry;
use telemetry_core::plugin::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

#[test]
fn a_service_that_recovers_is_probed_and_gets_everything_that_was_held() {
    let config = config().max_retries(0).flush_interval(SECOND);
    let bench = Bench::with(config, |builder| builder.breakers(BreakerRegistry::default()));
    let lease = bench.lease();
    let session = open(&lease);
    let breaker = || lease.status().breaker;
    let heard = Listener::hear(|| {
        bench.exporter.script().set(Do::Fail(PluginError::new(503)));
        let opened = || matches!(breaker(), Some(BreakerState::Open { .. }));
        bench.until(SECOND / 10, "the breaker opens", opened);
        let attempts = bench.exporter.attempts().len();
        assert_eq!(attempts, 5, "the failures in a row that open it");
        let Some(BreakerState::Open { until }) = breaker() else { panic!() };
        assert!(until - bench.now() > 599 * SECOND / 10 && until - bench.now() <= 60 * SECOND);
        // While it is open records are made and held, and nobody is asked.
        for _ in 0..120 {
            session.statement().complete();
        }
        bench.pass(59 * SECOND);
        assert_eq!(bench.exporter.attempts().len(), attempts);
        assert_eq!(lease.status().records.held, 121);
        bench.exporter.script().set(Do::Give(Accept::All));
        // Clients come back within a quarter of the time after it: here with two batches, which are the two
        // probes that close it.
        let took = bench.until(SECOND / 10, "it closes", || breaker() == Some(BreakerState::Closed));
        assert!(took >= 9 * SECOND / 10 && took <= 161 * SECOND / 10, "{took:?}");
        let sizes: Vec<_> =
            bench.exporter.attempts()[attempts..].iter().map(|sent| sent.records.len()).collect();
        assert_eq!(sizes, [100, 21]);
        bench.pass(2 * SECOND);
    });
    let records = lease.status().records;
    assert_eq!((records.made, records.accepted, records.held), (121, 121, 0));
    assert_eq!(bench.exporter.accepted().len(), 121);
    assert_balanced(&lease);
    let changes: Vec<_> = heard.iter().filter(|(_, text)| text.contains("breaker of telemetry")).collect();
    let said = |at: usize, from: &str, to: &str| {
        let (level, text) = changes[at];
        *level == tracing::Level::DEBUG
            && text.contains(&format!("host={HOST}"))
            && text.contains(&format!("from={from}"))
            && text.contains(&format!("to={to}"))
    };
    assert_eq!(changes.len(), 3, "{changes:?}");
    let told = said(0, "Closed", "Open") && said(1, "Open", "HalfOpen") && said(2, "HalfOpen", "Closed");
    assert!(told, "{changes:?}");
}

#[test]
fn a_probe_that_fails_opens_the_breaker_again_and_nothing_is_lost_by_that() {
    let config = config().max_retries(0).flush_interval(SECOND);
    let bench = Bench::with(config, |builder| builder.breakers(BreakerRegistry::default()));
    let lease = bench.lease();
    drop(open(&lease));
    bench.exporter.script().set(Do::Fail(PluginError::new(503)));
    // Five attempts, and one probe a minute, or up to a quarter later.
    bench.pass(5 * SECOND);
    assert_eq!(bench.exporter.attempts().len(), 5);
    for probes in 1..=3 {
        let probed = || bench.exporter.attempts().len() == 5 + probes;
        let took = bench.until(SECOND, "a probe", probed);
        assert!(took >= 59 * SECOND && took <= 76 * SECOND, "{took:?}");
        assert!(matches!(lease.status().breaker, Some(BreakerState::Open { .. })));
    }
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(76 * SECOND);
    assert_eq!(lease.status().records.accepted, 1);
    assert_balanced(&lease);
}

#[test]
fn each_end_of_an_attempt_and_of_a_question_is_logged_at_debug() {
    let rejecting = Rejecting::default();
    for (case, text) in [
        ("delivered", "telemetry delivered accepted=1"),
        ("failed", "telemetry not delivered failure=HTTP status 503"),
        ("no credentials", "no credentials for telemetry failure=no valid credential"),
        ("rejected", "telemetry waits for the breaker"),
        ("flag", "telemetry flag answered flag=\"telemetry.enabled\" value=On origin=fetched"),
        ("no flag", "telemetry flag not answered failure=HTTP status 503"),
    ] {
        let heard = Listener::hear(|| {
            let bench = match case {
                "rejected" => Bench::with(config(), |builder| builder.breakers(rejecting.clone())),
                "no flag" => Bench::with_flags(Script::always(Do::Fail(PluginError::new(503)))),
                _ => Bench::new(),
            };
            if case == "failed" {
                bench.exporter.script().set(Do::Fail(PluginError::new(503)));
            }
            let credentials = ScriptedCredentials::token("t");
            let lease = bench.lease_of(credentials.clone());
            drop(open(&lease));
            bench.step();
            if case == "no credentials" {
                credentials.headers_script().set(Do::Fail(Fault::Authentication.into()));
            }
            bench.pass(6 * SECOND);
        });
        let words = |line: &str| text.split(' ').all(|word| line.contains(word));
        let found = heard.iter().find(|(_, line)| words(line) && line.contains(&format!("host={HOST}")));
        assert_eq!(found.map(|(level, _)| *level), Some(tracing::Level::DEBUG), "{case}: {heard:?}");
    }
}

#[test]
fn a_driver_closure_that_panics_is_logged_at_debug_and_not_what_it_said() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let heard = Listener::hear(|| session.error(|| panic!("canary")));
    let [(level, text)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(*level, tracing::Level::DEBUG);
    assert!(text.contains("what describes an error panicked") && text.contains(HOST), "{text}");
    assert!(!text.contains("canary"));
    assert_eq!(lease.status().events.refused.get(Refusal::Panicked), 1);
}

/// A breaker that rejects every call, and says that it may be made at once; it notes when it was asked.
#[derive(Clone, Debug, Default)]
struct Rejecting {
    asked: Arc<Mutex<Vec<Tick>>>,
    later: Duration,
}

impl BreakerSource for Rejecting {
    fn breaker(&self, _host: &Host) -> Arc<dyn Breaker> {
        Arc::new(self.clone())
    }
}

impl Breaker for Rejecting {
    fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected> {
        self.asked.lock().unwrap().push(now);
        Err(Rejected::until(now + self.later))
    }

    fn state(&self, now: Tick) -> BreakerState {
        BreakerState::Open { until: now + self.later }
    }
}

/// The waits between the questions of clients on twenty hosts whose breaker rejects them.
fn waits(later: Duration) -> Vec<Duration> {
    let mut all = Vec::new();
    for _ in 0..20 {
        let rejecting = Rejecting { later, ..Rejecting::default() };
        let bench = Bench::with(config(), |builder| builder.breakers(rejecting.clone()));
        let lease = bench.lease();
        drop(open(&lease));
        let enough = || rejecting.asked.lock().unwrap().len() > 10;
        bench.until(SECOND / 10, "it is asked often enough", enough);
        assert!(bench.exporter.attempts().is_empty());
        assert_eq!(lease.status().records.held, 1);
        let asked = rejecting.asked.lock().unwrap();
        all.extend(asked.windows(2).map(|pair| pair[1] - pair[0]));
    }
    all
}

#[test]
fn whatever_a_breaker_says_it_is_asked_again_after_a_tenth_of_a_second_and_twice_that_at_the_most() {
    for later in [Duration::ZERO, 40 * MS] {
        let waits = waits(later);
        assert!(waits.iter().all(|wait| *wait >= 100 * MS && *wait <= 200 * MS), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > 150 * MS) && waits.iter().any(|wait| *wait < 150 * MS));
    }
}

#[test]
fn after_a_rejection_clients_come_back_within_as_long_again_and_within_a_second_or_a_quarter() {
    let waits = |later| {
        let waits = waits(later);
        (*waits.iter().min().unwrap(), *waits.iter().max().unwrap())
    };
    let (least, most) = waits(SECOND);
    assert!(least >= SECOND && least < 3 * SECOND / 2 && most > 3 * SECOND / 2 && most <= 2 * SECOND);
    let (least, most) = waits(20 * SECOND);
    assert!(least >= 20 * SECOND && most > 24 * SECOND && most <= 25 * SECOND, "{least:?} {most:?}");
}
