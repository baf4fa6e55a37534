//! Breakers, with their own defaults, save for how long they stay open.

use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use failsafe::CircuitBreaker;
use recloser::Recloser;
use tower::{Service, service_fn};
use tower_resilience_circuitbreaker::{CircuitBreakerError, CircuitBreakerLayer};

use crate::table::measure::{Meter, Row};
use crate::table::ours::subject::{BREAKER, BREAKER_4, BREAKER_OPEN};

const FAILSAFE: &str = "failsafe";
const RECLOSER: &str = "recloser";
const TOWER: &str = "tower-resilience-circuitbreaker";
const HOUR: Duration = Duration::from_secs(3600);

pub fn rows() -> Vec<Row> {
    vec![
        Row::peer(BREAKER, FAILSAFE, "call", |meter| {
            let breaker = failsafe::Config::new().build();
            meter.each(|time| assert!(breaker.call(|| works(time)).is_ok()));
        }),
        Row::peer(BREAKER, RECLOSER, "call", |meter| {
            let breaker = recloser();
            meter.each(|time| assert!(breaker.call(|| works(time)).is_ok()));
        }),
        Row::peer(BREAKER, TOWER, "ready and call, boxed", tower_closed),
        Row::peer(BREAKER_4, FAILSAFE, "call", |meter| {
            let breaker = failsafe::Config::new().build();
            meter.on_threads(4, |time| assert!(breaker.call(|| works(time)).is_ok()));
        })
        .times(200_000)
        .every(10)
        .cpu(),
        Row::peer(BREAKER_4, RECLOSER, "call", |meter| {
            let breaker = recloser();
            meter.on_threads(4, |time| assert!(breaker.call(|| works(time)).is_ok()));
        })
        .times(200_000)
        .every(10)
        .cpu(),
        Row::peer(BREAKER_OPEN, FAILSAFE, "call", |meter| {
            let breaker = failsafe::Config::new().build();
            while !matches!(breaker.call(fails), Err(failsafe::Error::Rejected)) {}
            meter.each(|time| assert!(breaker.call(|| works(time)).is_err()));
        }),
        Row::peer(BREAKER_OPEN, RECLOSER, "call", |meter| {
            let breaker = recloser();
            while !matches!(breaker.call(fails), Err(recloser::Error::Rejected)) {}
            meter.each(|time| assert!(breaker.call(|| works(time)).is_err()));
        }),
        Row::peer(BREAKER_OPEN, TOWER, "ready and call, boxed", tower_open),
    ]
}

fn works(time: u64) -> Result<u64, ()> {
    Ok(black_box(time))
}

fn fails() -> Result<u64, ()> {
    Err(())
}

fn recloser() -> Recloser {
    Recloser::custom().open_wait(HOUR).build()
}

type Answer = Poll<Result<u64, CircuitBreakerError<()>>>;

/// One call, which nothing in it waits for.
fn call(
    service: &mut impl Service<u64, Response = u64, Error = CircuitBreakerError<()>>,
    request: u64,
) -> Answer {
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    let mut answer = std::pin::pin!(service.call(request));
    answer.as_mut().poll(&mut context)
}

fn tower_closed(meter: &mut Meter) {
    let layer = CircuitBreakerLayer::builder().wait_duration_in_open(HOUR).build().expect("it has defaults");
    let mut service = layer.layer_fn(service_fn(async |time| works(time)));
    meter.each(|time| assert!(matches!(call(&mut service, time), Poll::Ready(Ok(_)))));
}

fn tower_open(meter: &mut Meter) {
    let layer = CircuitBreakerLayer::builder().wait_duration_in_open(HOUR).build().expect("it has defaults");
    let mut service = layer.layer_fn(service_fn(async |_| fails()));
    while !matches!(call(&mut service, 0), Poll::Ready(Err(CircuitBreakerError::OpenCircuit))) {}
    meter.each(|time| {
        assert!(matches!(call(&mut service, time), Poll::Ready(Err(CircuitBreakerError::OpenCircuit))))
    });
}
