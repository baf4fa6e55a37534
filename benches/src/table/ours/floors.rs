//! What can hardly be done faster.

use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::subject::{BREAKER, EVENT, OFF};
use crate::table::measure::Row;

/// As large as an event in the buffer.
type Event = [u64; 16];

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
        Row::floor(EVENT, "a push of 128 bytes under a mutex, with room", |meter| {
            let events: Mutex<Vec<Event>> = Mutex::new(Vec::with_capacity(meter.times as usize));
            meter.each(|time| black_box(&events).lock().expect("nobody panics").push([time; 16]));
            assert_eq!(events.into_inner().expect("nobody panics").len() as u64, meter.times);
        }),
        Row::floor(BREAKER, "the clock read once", |meter| meter.each(|_| Instant::now())),
    ]
}
