//! What can hardly be done faster.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::subject::{BREAKER, EVENT, OFF, STATEMENT};
use crate::table::measure::Row;

/// As large as an event in the buffer.
type Event = [u64; 8];
/// As large as a statement.
type Statement = [u64; 31];

pub fn rows() -> Vec<Row> {
    vec![
        Row::floor(OFF, "a relaxed load", |meter| {
            let switch = AtomicU64::new(1);
            meter.each(|_| black_box(&switch).load(Ordering::Relaxed));
        }),
        Row::floor(EVENT, "an atomic addition", |meter| {
            let sum = AtomicU64::new(0);
            meter.each(|_| black_box(&sum).fetch_add(1, Ordering::Relaxed));
            assert_eq!(sum.into_inner(), meter.times);
        }),
        Row::floor(EVENT, "a push of 64 bytes under a mutex, with room", |meter| {
            let events: Mutex<Vec<Event>> = Mutex::new(Vec::with_capacity(meter.times as usize));
            meter.each(|time| black_box(&events).lock().expect("nobody panics").push([time; 8]));
            assert_eq!(events.into_inner().expect("nobody panics").len() as u64, meter.times);
        }),
        Row::floor(
            STATEMENT,
            "the clock read twice, a box pushed under a mutex, an Arc and two counters",
            |meter| {
                let (session, number, waiting) = (Arc::new(()), AtomicU64::new(0), AtomicU64::new(0));
                let statements: Mutex<Vec<(Duration, Box<Statement>)>> =
                    Mutex::new(Vec::with_capacity(meter.times as usize));
                meter.each(|time| {
                    let (began, session) = (Instant::now(), Arc::clone(black_box(&session)));
                    let mut statement: Box<Statement> = Box::new([0; 31]);
                    black_box(&mut statement)[0] = time;
                    let latency = began.elapsed();
                    let mut statements = black_box(&statements).lock().expect("nobody panics");
                    waiting.fetch_add(1, Ordering::Relaxed);
                    number.fetch_add(1, Ordering::Relaxed);
                    statements.push((latency, statement));
                    drop(session);
                });
                assert_eq!(statements.into_inner().expect("nobody panics").len() as u64, meter.times);
                assert_eq!((number.into_inner(), waiting.into_inner()), (meter.times, meter.times));
            },
        ),
        Row::floor(BREAKER, "the clock read once", |meter| meter.each(|_| Instant::now())),
    ]
}
