//! What a breaker does, by name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use telemetry_breaker::{BreakerConfig, BreakerRegistry, CircuitBreaker, Policy};
use telemetry_core::plugin::{BreakerSource, BreakerState, Outcome, Tick};
use telemetry_core::{Breaker, Host, HostPolicy};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u32) -> Tick {
    Tick::ZERO + SECOND * seconds
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new(BreakerConfig::default()).unwrap()
}

fn call(breaker: &CircuitBreaker, outcome: Outcome, now: Tick) {
    breaker.admit(now).unwrap().settle(outcome, now);
}

fn fail(breaker: &CircuitBreaker, times: u32, now: Tick) {
    (0..times).for_each(|_| call(breaker, Outcome::FAILURE, now));
}

fn host(name: &str) -> Host {
    Host::parse(name, HostPolicy::Public).unwrap()
}

#[test]
fn starts_closed() {
    assert_eq!(breaker().state(at(0)), BreakerState::Closed);
    assert!(breaker().admit(at(0)).is_ok());
}

#[test]
fn opens_after_five_consecutive_failures() {
    let breaker = breaker();
    fail(&breaker, 4, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    fail(&breaker, 1, at(1));
    assert_eq!(breaker.state(at(1)), BreakerState::Open { until: at(61) });
}

#[test]
fn a_success_resets_the_count() {
    let breaker = breaker();
    fail(&breaker, 4, at(0));
    call(&breaker, Outcome::Success, at(0));
    fail(&breaker, 4, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
}

#[test]
fn a_neutral_result_neither_counts_nor_resets() {
    let breaker = breaker();
    fail(&breaker, 4, at(0));
    (0..10).for_each(|_| call(&breaker, Outcome::Neutral, at(0)));
    drop(breaker.admit(at(0)));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    fail(&breaker, 1, at(0));
    assert_ne!(breaker.state(at(0)), BreakerState::Closed);
}

#[test]
fn rejects_while_open_and_says_until_when() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    for second in [0, 30, 59] {
        assert_eq!(breaker.admit(at(second)).unwrap_err().retry_at, at(60));
    }
    assert!(breaker.admit(at(60)).is_ok());
}

#[test]
fn admits_one_probe_at_a_time_after_sixty_seconds() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    let probe = breaker.admit(at(60)).unwrap();
    assert_eq!(breaker.state(at(60)), BreakerState::HalfOpen);
    assert!(breaker.admit(at(61)).is_err());
    probe.settle(Outcome::Success, at(62));
    assert!(breaker.admit(at(62)).is_ok());
}

#[test]
fn closes_after_two_successes() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    call(&breaker, Outcome::Success, at(60));
    assert_eq!(breaker.state(at(60)), BreakerState::HalfOpen);
    call(&breaker, Outcome::Success, at(60));
    assert_eq!(breaker.state(at(60)), BreakerState::Closed);
    fail(&breaker, 4, at(61));
    assert_eq!(breaker.state(at(61)), BreakerState::Closed, "it counts from nothing again");
}

#[test]
fn a_failure_in_half_open_reopens() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    call(&breaker, Outcome::Success, at(60));
    call(&breaker, Outcome::FAILURE, at(70));
    assert_eq!(breaker.state(at(70)), BreakerState::Open { until: at(130) });
    call(&breaker, Outcome::Success, at(130));
    assert_eq!(breaker.state(at(130)), BreakerState::HalfOpen, "the success before counts no more");
}

#[test]
fn retry_after_lengthens_the_open_interval_within_its_cap() {
    for (asked, open) in [(10, 60), (120, 120), (100_000, 300)] {
        let breaker = breaker();
        fail(&breaker, 4, at(0));
        call(&breaker, Outcome::Failure { retry_after: Some(SECOND * asked) }, at(0));
        assert_eq!(breaker.state(at(0)), BreakerState::Open { until: at(open) });
    }
}

#[test]
fn late_failures_do_not_push_the_reopening_away() {
    let breaker = breaker();
    let late: Vec<_> = (0..10).map(|_| breaker.admit(at(0)).unwrap()).collect();
    fail(&breaker, 5, at(1));
    for (second, permit) in (2..).zip(late) {
        permit.settle(Outcome::FAILURE, at(second));
    }
    assert_eq!(breaker.state(at(20)), BreakerState::Open { until: at(61) });
}

#[test]
fn a_late_success_closes_nothing() {
    let breaker = breaker();
    let late: Vec<_> = (0..3).map(|_| breaker.admit(at(0)).unwrap()).collect();
    fail(&breaker, 5, at(1));
    let probe = breaker.admit(at(61)).unwrap();
    late.into_iter().for_each(|permit| permit.settle(Outcome::Success, at(62)));
    assert_eq!(breaker.state(at(62)), BreakerState::HalfOpen);
    assert!(breaker.admit(at(62)).is_err(), "the probe is still out");
    drop(probe);
}

#[test]
fn while_a_probe_is_out_the_others_ask_again_after_a_second() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    let probe = breaker.admit(at(60)).unwrap();
    assert_eq!(breaker.admit(at(60)).unwrap_err().retry_at, at(61), "and not when the probe would be lost");
    let late = at(89) + SECOND / 2;
    assert_eq!(breaker.admit(late).unwrap_err().retry_at, at(90), "or when it is, if that is sooner");
    probe.settle(Outcome::Success, late);
    assert!(breaker.admit(late).is_ok());
}

#[test]
fn a_dropped_probe_gives_its_place_back_at_once() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    drop(breaker.admit(at(60)).unwrap());
    assert!(breaker.admit(at(60)).is_ok());
}

#[test]
fn a_neutral_probe_gives_its_place_back_and_counts_for_nothing() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    (0..5).for_each(|_| call(&breaker, Outcome::Neutral, at(60)));
    assert_eq!(breaker.state(at(60)), BreakerState::HalfOpen);
}

#[test]
fn a_hung_probe_gives_its_place_up() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    let hung = breaker.admit(at(60)).unwrap();
    assert_eq!(breaker.admit(at(89)).unwrap_err().retry_at, at(90));
    let second = breaker.admit(at(90)).unwrap();
    // Whatever becomes of the hung one now is late.
    hung.settle(Outcome::FAILURE, at(91));
    assert_eq!(breaker.state(at(91)), BreakerState::HalfOpen);
    assert!(breaker.admit(at(91)).is_err());
    second.settle(Outcome::Success, at(92));
    call(&breaker, Outcome::Success, at(92));
    assert_eq!(breaker.state(at(92)), BreakerState::Closed);
}

#[test]
fn a_time_that_goes_back_a_little_is_harmless() {
    let breaker = breaker();
    fail(&breaker, 5, at(100));
    assert_eq!(breaker.admit(at(99)).unwrap_err().retry_at, at(160));
    let probe = breaker.admit(at(160)).unwrap();
    assert_eq!(breaker.state(at(159)), BreakerState::HalfOpen);
    probe.settle(Outcome::FAILURE, at(159));
    assert_eq!(breaker.state(at(160)), BreakerState::Open { until: at(219) });
}

#[test]
fn a_failure_rate_decides_only_over_enough_calls() {
    let breaker = CircuitBreaker::new(BreakerConfig::default().policy(Policy::FAILURE_RATE)).unwrap();
    fail(&breaker, 9, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    fail(&breaker, 1, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Open { until: at(60) });
}

#[test]
fn a_failure_rate_forgets_what_left_the_window() {
    let breaker = CircuitBreaker::new(BreakerConfig::default().policy(Policy::FAILURE_RATE)).unwrap();
    (0..21).for_each(|_| call(&breaker, Outcome::Success, at(0)));
    fail(&breaker, 14, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed, "14 of the latest 30");
    fail(&breaker, 1, at(0));
    assert_ne!(breaker.state(at(0)), BreakerState::Closed, "15 of the latest 30");
}

#[test]
fn failures_that_left_the_window_count_no_more() {
    let breaker = CircuitBreaker::new(BreakerConfig::default().policy(Policy::FAILURE_RATE)).unwrap();
    let succeed = |times| (0..times).for_each(|_| call(&breaker, Outcome::Success, at(0)));
    succeed(16);
    for _ in 0..5 {
        fail(&breaker, 14, at(0));
        assert_eq!(breaker.state(at(0)), BreakerState::Closed, "14 of the latest 30");
        succeed(30);
    }
    fail(&breaker, 14, at(0));
    assert_eq!(breaker.state(at(0)), BreakerState::Closed, "14 of the latest 30");
    fail(&breaker, 1, at(0));
    assert_ne!(breaker.state(at(0)), BreakerState::Closed, "15 of the latest 30");
}

#[test]
fn hosts_are_isolated() {
    let registry = BreakerRegistry::default();
    let (a, b) = (registry.get(&host("a.databricks.com")), registry.get(&host("b.databricks.com")));
    fail(&a, 5, at(0));
    assert!(a.admit(at(1)).is_err());
    assert!(b.admit(at(1)).is_ok());
}

#[test]
fn a_breaker_outlives_its_last_holder() {
    let registry = BreakerRegistry::default();
    fail(&registry.get(&host("a.databricks.com")), 5, at(0));
    let again = registry.breaker(&host("A.Databricks.com"));
    assert_eq!(again.state(at(1)), BreakerState::Open { until: at(60) });
}

#[test]
fn past_its_capacity_a_registry_forgets_what_is_as_good_as_new() {
    let registry = BreakerRegistry::builder().capacity(2).build().unwrap();
    fail(&registry.get(&host("down.databricks.com")), 5, at(0));
    registry.get(&host("idle.databricks.com"));
    registry.get(&host("new.databricks.com"));
    assert_eq!(registry.len(), 2);
    let down = registry.get(&host("down.databricks.com"));
    assert_eq!(down.state(at(1)), BreakerState::Open { until: at(60) });
    fail(&registry.get(&host("new.databricks.com")), 5, at(0));
    registry.get(&host("newer.databricks.com"));
    assert_eq!(registry.len(), 2, "with nothing to spare, the one asked for least recently goes");
    assert_eq!(registry.get(&host("new.databricks.com")).state(at(1)), BreakerState::Open { until: at(60) });
}

/// What a breaker counts, in words, by which policy, and how it comes to that.
type Counting<'a> = (&'a str, Policy, &'a dyn Fn(&CircuitBreaker));

#[test]
fn what_is_as_good_as_new_remembers_nothing_and_is_in_nobodys_hands() {
    let half_open = |breaker: &CircuitBreaker| {
        fail(breaker, 5, at(0));
        drop(breaker.admit(at(60)).unwrap());
    };
    let counting: [Counting<'_>; 4] = [
        ("failures in a row", Policy::default(), &|breaker| fail(breaker, 4, at(0))),
        ("failures of the latest", Policy::FAILURE_RATE, &|breaker| fail(breaker, 1, at(0))),
        ("open", Policy::default(), &|breaker| fail(breaker, 5, at(0))),
        ("half-open", Policy::default(), &half_open),
    ];
    for (what, policy, count) in counting {
        let config = BreakerConfig::default().policy(policy);
        let registry = BreakerRegistry::builder().config(config).capacity(2).build().unwrap();
        count(&registry.get(&host("first.databricks.com")));
        let before = format!("{:?}", registry.get(&host("first.databricks.com")));
        call(&registry.get(&host("idle.databricks.com")), Outcome::Success, at(0));
        registry.get(&host("new.databricks.com"));
        let after = format!("{:?}", registry.get(&host("first.databricks.com")));
        assert_eq!(before, after, "{what}: the idle one went, though it was asked for later");
    }
    let registry = BreakerRegistry::builder().capacity(2).build().unwrap();
    let held = registry.get(&host("held.databricks.com"));
    registry.get(&host("idle.databricks.com"));
    registry.get(&host("new.databricks.com"));
    fail(&held, 5, at(0));
    let again = registry.get(&host("held.databricks.com"));
    assert_eq!(again.state(at(1)), BreakerState::Open { until: at(60) }, "who holds it shares it");
}

#[test]
fn a_breaker_that_is_asked_for_again_is_forgotten_later() {
    // Not by chance.
    for _ in 0..20 {
        let registry = BreakerRegistry::builder().capacity(2).build().unwrap();
        for name in ["a.databricks.com", "b.databricks.com"] {
            fail(&registry.get(&host(name)), 5, at(0));
        }
        registry.get(&host("a.databricks.com"));
        registry.get(&host("new.databricks.com"));
        assert_ne!(registry.get(&host("a.databricks.com")).state(at(1)), BreakerState::Closed);
    }
}

#[test]
fn transitions_are_told_after_they_happened_and_under_no_lock() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let slot: Arc<Mutex<Option<CircuitBreaker>>> = Arc::default();
    let inside = Arc::clone(&slot);
    let breaker = CircuitBreaker::observed(BreakerConfig::default(), move |transition| {
        // Under a lock this would never return.
        let state = inside.lock().unwrap().as_ref().unwrap().state(transition.at);
        assert_eq!(state, transition.to);
        listener.lock().unwrap().push((transition.from, transition.to));
        panic!("a panic in an observer is swallowed");
    })
    .unwrap();
    *slot.lock().unwrap() = Some(breaker.clone());
    fail(&breaker, 5, at(0));
    call(&breaker, Outcome::Success, at(60));
    call(&breaker, Outcome::Success, at(60));
    let open = BreakerState::Open { until: at(60) };
    let (closed, half_open) = (BreakerState::Closed, BreakerState::HalfOpen);
    assert_eq!(*told.lock().unwrap(), [(closed, open), (open, half_open), (half_open, closed)]);
}

/// A panic's payload that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[test]
fn a_payload_that_panics_when_dropped_does_not_escape_an_observer() {
    let told = Arc::new(Mutex::new(0));
    let count = Arc::clone(&told);
    let breaker = CircuitBreaker::observed(BreakerConfig::default(), move |_| {
        *count.lock().unwrap() += 1;
        std::panic::panic_any(Bomb);
    })
    .unwrap();
    fail(&breaker, 5, at(0));
    assert_eq!(*told.lock().unwrap(), 1);
    assert_eq!(breaker.state(at(1)), BreakerState::Open { until: at(60) });
}

#[test]
fn of_many_threads_one_gets_the_probe() {
    let breaker = breaker();
    fail(&breaker, 5, at(0));
    let barrier = Barrier::new(8);
    let permits: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    breaker.admit(at(60)).ok()
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(permits.len(), 1);
}
