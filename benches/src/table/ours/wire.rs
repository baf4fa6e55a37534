//! Records on their way into the body of a request.

use std::hint::black_box;

use benches::{BATCH, batch};

use super::subject::WIRE;
use crate::table::measure::{Meter, Row};

pub fn rows() -> Vec<Row> {
    vec![
        Row::ours(WIRE, "into the body", {
            let encode = batch();
            move |meter| in_batches(meter, || black_box(encode()).len())
        }),
        Row::floor(WIRE, "a copy of the body", {
            let body = batch()();
            move |meter| in_batches(meter, || black_box(black_box(&body).clone()).len())
        }),
    ]
}

/// Measures what encodes a batch, and says how long it is, as so many of its records.
pub fn in_batches(meter: &mut Meter, mut encode: impl FnMut() -> usize) {
    let batches = meter.times.div_ceil(BATCH);
    meter.times = batches * BATCH;
    let bytes = meter.all(|_| (0..batches).map(|_| encode()).sum::<usize>());
    assert!(bytes as u64 > meter.times * 2000, "{bytes}");
}
