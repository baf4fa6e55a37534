//! A breaker's part of each call.

use std::time::Duration;

use telemetry_breaker::{BreakerConfig, CircuitBreaker};
use telemetry_core::plugin::{BreakerState, Outcome, SystemClock, Tick};
use telemetry_core::{Breaker, Clock};

use super::subject::{BREAKER, BREAKER_4, BREAKER_OPEN};
use crate::table::measure::Row;

pub fn rows() -> Vec<Row> {
    vec![
        Row::ours(BREAKER, "admitted and settled, the clock read for both", |meter| {
            let (breaker, clock) = (breaker(), SystemClock::new());
            meter.each(|_| call(&breaker, clock.now(), || clock.now()));
        }),
        Row::ours(BREAKER, "admitted and settled, the time passed in", |meter| {
            let breaker = breaker();
            meter.each(|_| call(&breaker, Tick::ZERO, || Tick::ZERO));
        }),
        Row::ours(BREAKER_4, "admitted and settled, the clock read for both", |meter| {
            let (breaker, clock) = (breaker(), SystemClock::new());
            meter.on_threads(4, |_| call(&breaker, clock.now(), || clock.now()));
        })
        .times(200_000)
        .every(10)
        .cpu(),
        Row::ours(BREAKER_4, "admitted and settled, the time passed in", |meter| {
            let breaker = breaker();
            meter.on_threads(4, |_| call(&breaker, Tick::ZERO, || Tick::ZERO));
        })
        .times(2_000_000)
        .every(10)
        .cpu(),
        Row::ours(BREAKER_OPEN, "the clock read", |meter| {
            let clock = SystemClock::new();
            let breaker = open(clock.now());
            meter.each(|_| assert!(breaker.admit(clock.now()).is_err()));
            assert!(matches!(breaker.state(clock.now()), BreakerState::Open { .. }));
        }),
        Row::ours(BREAKER_OPEN, "the time passed in", |meter| {
            let breaker = open(Tick::ZERO);
            meter.each(|_| assert!(breaker.admit(Tick::ZERO).is_err()));
            assert!(matches!(breaker.state(Tick::ZERO), BreakerState::Open { .. }));
        }),
    ]
}

fn breaker() -> CircuitBreaker {
    let config = BreakerConfig::default().open_for(Duration::from_secs(3600));
    CircuitBreaker::new(config).expect("its settings are within their bounds")
}

/// One that is open since `now`.
fn open(now: Tick) -> CircuitBreaker {
    let breaker = breaker();
    for _ in 0..5 {
        breaker.admit(now).expect("it is closed").settle(Outcome::FAILURE, now);
    }
    breaker
}

fn call(breaker: &CircuitBreaker, now: Tick, then: impl Fn() -> Tick) {
    let permit = breaker.admit(now).expect("it is closed");
    permit.settle(Outcome::Success, then());
}
