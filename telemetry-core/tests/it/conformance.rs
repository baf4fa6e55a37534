//! What this workspace implements keeps what the traits' documentation obliges it to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use telemetry_breaker::{BreakerConfig, BreakerRegistry, CircuitBreaker, Policy};
use telemetry_core::plugin::{AlwaysClosed, BreakerSource, ScopeId, SystemClock};
use telemetry_core::{Breaker, Clock, CurrentToken, Exporter, Host, HostPolicy, StaticToken};
use telemetry_testkit::{FakeClock, RecordingExporter, conformance, strategies};

fn host(name: &str) -> Host {
    Host::parse(name, HostPolicy::Public).unwrap()
}

#[tokio::test]
async fn the_system_clock_conforms() {
    conformance::clock(&SystemClock::new(), tokio::time::sleep).await;
    let shared: Arc<dyn Clock> = Arc::new(SystemClock::new());
    conformance::clock(&shared, tokio::time::sleep).await;
}

#[tokio::test]
async fn the_fake_clock_conforms() {
    let clock = FakeClock::new();
    conformance::clock(&clock, async |time| clock.advance(time)).await;
}

#[tokio::test]
async fn a_static_token_conforms() {
    conformance::credentials(StaticToken::new).await;
    conformance::credentials(|name| Arc::new(StaticToken::new(name))).await;
}

#[tokio::test]
async fn a_token_that_changes_conforms() {
    conformance::credentials(|name| {
        let token = CurrentToken::of(ScopeId::derived_from(name));
        token.set(name);
        token
    })
    .await;
}

#[tokio::test]
async fn an_exporter_conforms_in_an_arc_and_in_a_box() {
    let exporter: Arc<dyn Exporter> = Arc::new(RecordingExporter::new());
    conformance::exporter(&exporter, &host("a.example")).await;
    let exporter: Box<dyn Exporter> = Box::new(RecordingExporter::new());
    conformance::exporter(&exporter, &host("a.example")).await;
}

#[test]
fn the_breaker_that_never_opens_conforms_as_such() {
    conformance::breaker_that_never_opens(|| AlwaysClosed);
    conformance::breaker_that_never_opens(|| AlwaysClosed.breaker(&host("a.example")));
}

#[test]
fn the_circuit_breaker_conforms_under_every_policy() {
    let policies = [
        Policy::default(),
        Policy::ConsecutiveFailures(1),
        Policy::ConsecutiveFailures(1000),
        Policy::FAILURE_RATE,
        Policy::FailureRate { window: 1000, minimum: 1000, percent: 100 },
    ];
    for policy in policies {
        for successes in [1, 2, 1000] {
            let config = BreakerConfig::default().policy(policy).successes_to_close(successes);
            conformance::breaker(|| CircuitBreaker::new(config.clone()).unwrap());
        }
    }
}

#[test]
fn the_circuit_breaker_conforms_at_the_ends_of_its_settings() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    const MS: Duration = Duration::from_millis(1);
    for (open_for, probe_timeout) in [(MS, MS), (MS, DAY), (DAY, MS), (DAY, DAY)] {
        let config = BreakerConfig::default().open_for(open_for).probe_timeout(probe_timeout);
        conformance::breaker(|| CircuitBreaker::new(config.clone()).unwrap());
    }
}

#[test]
fn an_observed_circuit_breaker_conforms_though_its_observer_panics() {
    let observed =
        || CircuitBreaker::observed(BreakerConfig::default(), |_| panic!("in the observer")).unwrap();
    conformance::breaker(observed);
}

#[test]
fn the_registry_and_its_breakers_conform() {
    conformance::breaker_source(&BreakerRegistry::default());
    let shared: Arc<dyn BreakerSource> = Arc::new(BreakerRegistry::default());
    conformance::breaker_source(&shared);

    let (registry, next) = (BreakerRegistry::default(), AtomicU32::new(0));
    conformance::breaker(|| -> Arc<dyn Breaker> {
        registry.breaker(&host(&format!("n{}.example", next.fetch_add(1, Ordering::Relaxed))))
    });
}

proptest! {
    #[test]
    fn breakers_conform_under_any_calls(rate: bool, calls in strategies::breaker_calls(200)) {
        let policy = if rate { Policy::FAILURE_RATE } else { Policy::default() };
        let breaker = CircuitBreaker::new(BreakerConfig::default().policy(policy)).unwrap();
        conformance::breaker_under(&breaker, &calls);
        conformance::breaker_under(&AlwaysClosed, &calls);
    }
}
