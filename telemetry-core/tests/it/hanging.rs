//! A service that hangs costs a few closes their patience, and the ones after them nothing.

use std::time::Duration;

use crate::common::*;
use telemetry_breaker::BreakerRegistry;
use telemetry_core::*;
use telemetry_flags::FlagCache;
use telemetry_testkit::*;

/// How long each of 20 connections, one after another, took to close.
fn closes(bench: &Bench) -> Vec<Duration> {
    let one = |_| {
        let lease = bench.lease();
        open(&lease).statement().complete();
        bench.close(&lease, DEFAULT_CLOSE).1
    };
    (0..20).map(one).collect()
}

#[test]
fn closes_wait_for_a_delivery_that_hangs_until_the_breaker_opens() {
    let bench = Bench::with(config(), |builder| builder.breakers(BreakerRegistry::default()));
    bench.exporter.script().set(Do::Hang);
    let closes = closes(&bench);
    let waited = closes.iter().take_while(|took| **took == DEFAULT_CLOSE).count();
    assert_eq!(waited, 5, "the failures in a row that open it");
    // While it is open there is a probe now and then; nobody else waits at all.
    let probes = closes[waited..].iter().filter(|took| !took.is_zero()).count();
    assert!(probes <= 1, "{closes:?}");
}

#[test]
fn closes_wait_for_a_flag_that_hangs_three_times() {
    let flags = ScriptedFlags::new(Script::always(Do::Hang));
    let asked = flags.clone();
    let bench = Bench::with(config(), |builder| builder.flags(FlagCache::new(flags)));
    let closes = closes(&bench);
    assert!(closes[..3].iter().all(|took| *took == DEFAULT_CLOSE), "{closes:?}");
    assert!(closes[3..].iter().all(Duration::is_zero), "{closes:?}");
    assert_eq!(asked.script().calls(), 3);
}
