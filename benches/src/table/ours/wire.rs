//! Records on their way into the body of a request.

use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use benches::{Known, Nowhere, credentials, records};
use telemetry_core::plugin::Attempt;
use telemetry_core::{Host, HostPolicy};
use telemetry_export_http::HttpExporter;

use super::connection::HOST;
use super::subject::WIRE;
use crate::table::measure::{Meter, Row};

const BATCH: u64 = 100;

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

/// What encodes a batch of a connection whose first record was encoded before.
pub fn batch() -> impl Fn() -> Vec<u8> {
    let exporter = HttpExporter::new(Arc::new(Nowhere::default()));
    let host = Host::parse(HOST, HostPolicy::Public).expect("it is a host");
    let (records, credentials) = (records(Known::All, BATCH), credentials());
    let encode = move || {
        let attempt =
            Attempt::new(&host, &records, SystemTime::UNIX_EPOCH).with_credentials(Some(&credentials));
        exporter.request(&attempt).expect("it can be encoded").body
    };
    encode();
    encode
}

/// Measures what encodes a batch, and says how long it is, as so many of its records.
pub fn in_batches(meter: &mut Meter, mut encode: impl FnMut() -> usize) {
    let batches = meter.times.div_ceil(BATCH);
    meter.times = batches * BATCH;
    let bytes = meter.all(|_| (0..batches).map(|_| encode()).sum::<usize>());
    assert!(bytes as u64 > meter.times * 2000, "{bytes}");
}
