//! Laws that hold however threads take turns: `.ci/interleavings` runs these tests, and `cargo test` has none
//! of them. What is said of them in `telemetry-core/src/interleavings` holds here as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread;
use shuttle::{Config, Runner};
use telemetry_core::plugin::{BreakerState, Outcome, Tick};
use telemetry_core::{Breaker, Host, HostPolicy};

use crate::breaker::CircuitBreaker;
use crate::config::{BreakerConfig, Policy};
use crate::registry::BreakerRegistry;

/// How many interleavings of each kind there are of a scenario, unless the variable says otherwise.
const INTERLEAVINGS: usize = 500;

fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    let variable = std::env::var("INTERLEAVINGS").ok();
    let count = variable.map_or(INTERLEAVINGS, |count| count.parse().unwrap());
    run(RandomScheduler::new_from_seed(1, count), &scenario);
    run(PctScheduler::new_from_seed(1, 3, count), &scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: &Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.silence_warnings = true;
    let scenario = Arc::clone(scenario);
    Runner::new(scheduler, config).run(move || scenario());
}

const OPEN_FOR: Duration = Duration::from_secs(60);
const THEN: Tick = Tick::from_nanos(60_000_000_000);

/// A breaker that opens after so many failures.
fn config(failures: u32) -> BreakerConfig {
    BreakerConfig::default().policy(Policy::ConsecutiveFailures(failures)).open_for(OPEN_FOR)
}

/// A breaker that has opened, and is asked again now.
fn half_open() -> CircuitBreaker {
    let breaker = CircuitBreaker::new(config(1)).unwrap();
    breaker.admit(Tick::ZERO).unwrap().settle(Outcome::FAILURE, Tick::ZERO);
    breaker
}

/// Probes by three threads, which end like this: settled, or dropped. None may be out beside another.
fn probe(breaker: &CircuitBreaker, ends: [Option<Outcome>; 3]) {
    let out = Arc::new(AtomicUsize::new(0));
    let threads = ends.map(|end| {
        let (breaker, out) = (breaker.clone(), Arc::clone(&out));
        thread::spawn(move || {
            for _ in 0..2 {
                let Ok(permit) = breaker.admit(THEN) else { continue };
                if breaker.state(THEN) == BreakerState::HalfOpen {
                    assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0, "two probes at a time");
                    thread::yield_now();
                    out.fetch_sub(1, Ordering::SeqCst);
                }
                match end {
                    Some(outcome) => permit.settle(outcome, THEN),
                    None => drop(permit),
                }
            }
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn half_open_it_admits_one_probe_at_a_time_and_gets_each_back() {
    check(|| {
        let breaker = half_open();
        probe(&breaker, [None, Some(Outcome::Neutral), None]);
        assert_eq!(breaker.state(THEN), BreakerState::HalfOpen);
        assert!(breaker.admit(THEN).is_ok(), "all are back");
    });
}

#[test]
fn two_probes_that_succeed_close_it_whoever_they_were_and_no_fewer() {
    check(|| {
        let breaker = half_open();
        breaker.admit(THEN).unwrap().settle(Outcome::Success, THEN);
        assert_eq!(breaker.state(THEN), BreakerState::HalfOpen);
        probe(&breaker, [None, Some(Outcome::Success), None]);
        let admitted = breaker.admit(THEN);
        assert!(admitted.is_ok(), "it is closed, or its probes are back");
        admitted.unwrap().settle(Outcome::Success, THEN);
        assert_eq!(breaker.state(THEN), BreakerState::Closed);
    });
}

#[test]
fn a_probe_that_fails_opens_it_again_and_it_comes_back_after_the_interval() {
    check(|| {
        let breaker = half_open();
        probe(&breaker, [None, Some(Outcome::FAILURE), None]);
        if let BreakerState::Open { until } = breaker.state(THEN) {
            assert_eq!(until, THEN + OPEN_FOR);
            assert!(breaker.admit(THEN).is_err());
        }
        assert!(breaker.admit(THEN + OPEN_FOR).is_ok());
    });
}

#[test]
fn failures_on_many_threads_are_all_counted_and_open_it_once() {
    check(|| {
        let opened = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&opened);
        let breaker = CircuitBreaker::observed(config(3), move |transition| {
            assert!(matches!(transition.to, BreakerState::Open { .. }));
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let breaker = breaker.unwrap();
        let permits = [(); 3].map(|()| {
            let breaker = breaker.clone();
            thread::spawn(move || {
                let permit = breaker.admit(Tick::ZERO).unwrap();
                thread::yield_now();
                permit.settle(Outcome::FAILURE, Tick::ZERO);
            })
        });
        for permit in permits {
            permit.join().unwrap();
        }
        assert_eq!(breaker.state(Tick::ZERO), BreakerState::Open { until: THEN });
        assert_eq!(opened.load(Ordering::SeqCst), 1);
    });
}

fn host(number: usize) -> Host {
    Host::parse(&format!("host-{number}.example.com"), HostPolicy::Public).unwrap()
}

#[test]
fn all_who_ask_for_a_host_get_the_same_breaker() {
    check(|| {
        let registry = BreakerRegistry::new(config(3)).unwrap();
        let threads = [(); 3].map(|()| {
            let registry = registry.clone();
            thread::spawn(move || {
                registry.get(&host(0)).admit(Tick::ZERO).unwrap().settle(Outcome::FAILURE, Tick::ZERO);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(registry.get(&host(0)).state(Tick::ZERO), BreakerState::Open { until: THEN });
    });
}

#[test]
fn there_are_never_more_breakers_than_may_be() {
    check(|| {
        let registry = BreakerRegistry::builder().config(config(1)).capacity(2).build().unwrap();
        let threads = [0, 1, 2].map(|number| {
            let registry = registry.clone();
            thread::spawn(move || {
                drop(registry.get(&host(number)));
                assert!(registry.len() <= 2);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(registry.len(), 2);
    });
}

#[test]
fn whatever_calls_ran_beside_each_other_the_next_one_finds_what_they_left() {
    check(|| {
        let breaker = CircuitBreaker::new(config(2)).unwrap();
        let calls = [Outcome::FAILURE, Outcome::FAILURE, Outcome::Success].map(|outcome| {
            let breaker = breaker.clone();
            thread::spawn(move || {
                let admitted = breaker.admit(Tick::ZERO);
                if let Ok(permit) = admitted {
                    permit.settle(outcome, Tick::ZERO);
                }
            })
        });
        calls.into_iter().for_each(|call| call.join().unwrap());
        let open = breaker.state(Tick::ZERO) != BreakerState::Closed;
        assert_eq!(breaker.admit(Tick::ZERO).is_err(), open);
        for _ in 0..2 {
            if let Ok(permit) = breaker.admit(Tick::ZERO) {
                permit.settle(Outcome::FAILURE, Tick::ZERO);
            }
        }
        assert!(breaker.admit(Tick::ZERO).is_err(), "two failures in a row, whatever came before");
    });
}
