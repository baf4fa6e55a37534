//! Each setting is read: with two values, what can be seen from outside differs as the setting says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use telemetry_breaker::{BreakerConfig, BreakerRegistry, CircuitBreaker, DEFAULT_CAPACITY, Policy};
use telemetry_core::plugin::{BreakerSource, BreakerState, Outcome, Tick};
use telemetry_core::{Breaker, Host, HostPolicy};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const NOW: Tick = Tick::from_nanos(1_000_000_000_000);

fn with(config: BreakerConfig) -> CircuitBreaker {
    CircuitBreaker::new(config).unwrap()
}

fn call(breaker: &CircuitBreaker, outcome: Outcome, now: Tick) {
    breaker.admit(now).unwrap().settle(outcome, now);
}

/// How many calls with this outcome it takes until it opens.
fn opens_after(breaker: &CircuitBreaker) -> u32 {
    for calls in 1..10_000 {
        call(breaker, Outcome::FAILURE, NOW);
        if breaker.state(NOW) != BreakerState::Closed {
            return calls;
        }
    }
    panic!("it never opens")
}

fn host(number: usize) -> Host {
    Host::parse(&format!("dbc-{number}.databricks.com"), HostPolicy::Public).unwrap()
}

#[test]
fn the_defaults_are_those_that_are_documented() {
    let said = "BreakerConfig { policy: ConsecutiveFailures(5), open_for: 60s, successes_to_close: 2, \
                retry_after_cap: 300s, probe_timeout: 30s }";
    assert_eq!(format!("{:?}", BreakerConfig::default()), said);
    assert_eq!(Policy::FAILURE_RATE, Policy::FailureRate { window: 30, minimum: 10, percent: 50 });
    assert_eq!(DEFAULT_CAPACITY, 1000);
}

#[test]
fn what_is_at_a_bound_is_accepted_and_what_is_beyond_it_is_not() {
    let config = BreakerConfig::default;
    let rate = |window, minimum, percent| config().policy(Policy::FailureRate { window, minimum, percent });
    let consecutive = |failures| config().policy(Policy::ConsecutiveFailures(failures));
    let nano = Duration::from_nanos(1);
    for within in [
        consecutive(1),
        consecutive(1000),
        rate(1, 1, 1),
        rate(1000, 1000, 100),
        config().successes_to_close(1),
        config().successes_to_close(1000),
        config().open_for(MS),
        config().open_for(DAY),
        config().retry_after_cap(Duration::ZERO),
        config().retry_after_cap(DAY),
        config().probe_timeout(MS),
        config().probe_timeout(DAY),
    ] {
        assert_eq!(within.validate(), Ok(()), "{within:?}");
        assert!(CircuitBreaker::new(within.clone()).is_ok() && BreakerRegistry::new(within).is_ok());
    }
    for (beyond, said) in [
        (consecutive(0), "consecutive failures is 0, and must be 1 to 1000"),
        (consecutive(1001), "consecutive failures is 1001, and must be 1 to 1000"),
        (rate(0, 1, 1), "window is 0, and must be 1 to 1000"),
        (rate(1001, 1, 1), "window is 1001, and must be 1 to 1000"),
        (rate(10, 0, 1), "minimum is 0, and must be 1 to the window"),
        (rate(10, 11, 1), "minimum is 11, and must be 1 to the window"),
        (rate(10, 1, 0), "percent is 0, and must be 1 to 100"),
        (rate(10, 1, 101), "percent is 101, and must be 1 to 100"),
        (config().successes_to_close(0), "successes_to_close is 0, and must be 1 to 1000"),
        (config().successes_to_close(1001), "successes_to_close is 1001, and must be 1 to 1000"),
        (config().open_for(MS - nano), "open_for is 999.999µs, and must be 1 ms to 1 day"),
        (config().open_for(DAY + nano), "open_for is 86400.000000001s, and must be 1 ms to 1 day"),
        (
            config().retry_after_cap(DAY + nano),
            "retry_after_cap is 86400.000000001s, and must be at most 1 day",
        ),
        (config().probe_timeout(MS - nano), "probe_timeout is 999.999µs, and must be 1 ms to 1 day"),
        (config().probe_timeout(DAY + nano), "probe_timeout is 86400.000000001s, and must be 1 ms to 1 day"),
    ] {
        let error = beyond.validate().unwrap_err();
        assert_eq!(error.to_string(), said);
        assert_eq!(CircuitBreaker::new(beyond.clone()).err(), Some(error.clone()));
        assert_eq!(CircuitBreaker::observed(beyond.clone(), |_| ()).err(), Some(error.clone()));
        assert_eq!(BreakerRegistry::new(beyond).err(), Some(error));
    }
}

#[test]
fn consecutive_failures_is_how_many_in_a_row_open_it() {
    let after =
        |failures| opens_after(&with(BreakerConfig::default().policy(Policy::ConsecutiveFailures(failures))));
    assert_eq!([1, 3, 12].map(after), [1, 3, 12]);
}

fn rate(window: u32, minimum: u32, percent: u32) -> CircuitBreaker {
    with(BreakerConfig::default().policy(Policy::FailureRate { window, minimum, percent }))
}

#[test]
fn minimum_is_how_many_calls_there_must_be_before_a_rate_decides() {
    assert_eq!([1, 4, 20].map(|minimum| opens_after(&rate(20, minimum, 50))), [1, 4, 20]);
}

#[test]
fn percent_is_the_share_of_failures_that_opens_it() {
    let after = |percent| {
        let breaker = rate(100, 20, percent);
        (0..50).for_each(|_| call(&breaker, Outcome::Success, NOW));
        opens_after(&breaker)
    };
    // Of 50 successes and so many failures: 1 of 51, 13 of 63, 50 of 100, and 100 of the latest 100.
    assert_eq!([1, 20, 50, 100].map(after), [1, 13, 50, 100]);
}

#[test]
fn window_is_how_many_of_the_latest_calls_are_looked_at() {
    let after = |window| {
        let breaker = rate(window, 1, 50);
        (0..100).for_each(|_| call(&breaker, Outcome::Success, NOW));
        opens_after(&breaker)
    };
    assert_eq!([1, 10, 60].map(after), [1, 5, 30]);
}

#[test]
fn open_for_is_how_long_it_stays_open() {
    for time in [SECOND, 90 * SECOND] {
        let breaker = with(BreakerConfig::default().open_for(time));
        opens_after(&breaker);
        assert_eq!(breaker.state(NOW), BreakerState::Open { until: NOW + time });
        assert_eq!(breaker.admit(NOW + (time - SECOND / 2)).unwrap_err().retry_at, NOW + time);
        assert!(breaker.admit(NOW + time).is_ok());
    }
}

#[test]
fn successes_to_close_is_how_many_probes_in_a_row_close_it() {
    for successes in [1, 4] {
        let breaker = with(BreakerConfig::default().successes_to_close(successes));
        opens_after(&breaker);
        let later = NOW + 60 * SECOND;
        for _ in 1..successes {
            call(&breaker, Outcome::Success, later);
            assert_eq!(breaker.state(later), BreakerState::HalfOpen);
        }
        call(&breaker, Outcome::Success, later);
        assert_eq!(breaker.state(later), BreakerState::Closed);
    }
}

#[test]
fn retry_after_cap_is_the_longest_that_a_retry_after_keeps_it_open() {
    let open = |cap| {
        let one = BreakerConfig::default().policy(Policy::ConsecutiveFailures(1)).open_for(SECOND);
        let breaker = with(one.retry_after_cap(cap));
        call(&breaker, Outcome::Failure { retry_after: Some(100 * SECOND) }, NOW);
        match breaker.state(NOW) {
            BreakerState::Open { until } => until - NOW,
            state => panic!("{state:?}"),
        }
    };
    let (caps, opens) = ([0, 20, 70, 200], [1, 20, 70, 100]);
    assert_eq!(caps.map(|cap| open(cap * SECOND)), opens.map(|time| time * SECOND));
}

#[test]
fn probe_timeout_is_how_long_a_probe_may_be_out() {
    for limit in [SECOND / 2, 3 * SECOND] {
        let breaker = with(BreakerConfig::default().probe_timeout(limit));
        opens_after(&breaker);
        let begun = NOW + 60 * SECOND;
        let hung = breaker.admit(begun).unwrap();
        assert!(breaker.admit(begun + (limit - MS)).is_err());
        assert!(breaker.admit(begun + limit).is_ok());
        drop(hung);
    }
}

#[test]
fn the_breakers_of_a_registry_have_its_settings_and_tell_its_observer_of_their_host() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    for failures in [2, 6] {
        let config = BreakerConfig::default().policy(Policy::ConsecutiveFailures(failures));
        assert_eq!(opens_after(&BreakerRegistry::new(config.clone()).unwrap().get(&host(1))), failures);
        let listener = Arc::clone(&listener);
        let observer = move |host: &Host, to: &telemetry_breaker::Transition| {
            listener.lock().unwrap().push((host.clone(), to.at));
        };
        let builder = BreakerRegistry::builder().config(config).observer(observer);
        let registry = builder.build().unwrap();
        assert!(registry.may_block(), "an observer is foreign code");
        assert_eq!(opens_after(&registry.get(&host(failures as usize))), failures);
    }
    assert_eq!(*told.lock().unwrap(), [2, 6].map(|number| (host(number), NOW)));
    assert!(!BreakerRegistry::default().may_block());
}

#[test]
fn capacity_is_how_many_breakers_a_registry_keeps() {
    let kept = |capacity| {
        let registry = BreakerRegistry::builder().capacity(capacity).build().unwrap();
        assert!(registry.is_empty());
        (0..20).for_each(|number| drop(registry.get(&host(number))));
        assert!(!registry.is_empty());
        registry.len()
    };
    assert_eq!([0, 1, 7, 50].map(kept), [1, 1, 7, 20]);
}
