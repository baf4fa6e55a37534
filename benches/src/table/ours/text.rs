//! Errors, and what is looked at of their text.

use std::hint::black_box;

use benches::connection::{Connection, MS, config};
use benches::messages::{MESSAGE_100, MESSAGE_500};
use telemetry_core::ErrorDetails;
use telemetry_core::text::sanitize;

use super::subject::{ERROR_100, ERROR_500, TEMPLATE};
use crate::table::measure::{Meter, Row};

pub fn rows() -> Vec<Row> {
    assert_eq!((MESSAGE_100.len(), MESSAGE_500.len()), (100, 500));
    let error = |message: &'static str| error(move || ErrorDetails::new("QUERY_FAILED").message(message));
    let template =
        || ErrorDetails::new("CHUNK_TIMEOUT").template("chunk {} timed out after {}", &[&3, &(30 * MS)]);
    vec![
        Row::ours(ERROR_100, "recorded, its text sanitized", error(MESSAGE_100)),
        Row::ours(ERROR_100, "its text alone", sanitized(MESSAGE_100)),
        Row::ours(ERROR_500, "recorded, its text sanitized", error(MESSAGE_500)),
        Row::ours(ERROR_500, "its text alone", sanitized(MESSAGE_500)),
        Row::ours(TEMPLATE, "recorded", self::error(template)),
    ]
}

fn sanitized(message: &'static str) -> impl FnMut(&mut Meter) {
    assert!(sanitize(message).contains("***"));
    move |meter| meter.each(|_| sanitize(black_box(message)))
}

fn error(details: impl Fn() -> ErrorDetails) -> impl FnMut(&mut Meter) {
    let connection = Connection::new(config()).settled();
    move |meter| {
        meter.each(|_| connection.session.error(&details));
        connection.flush();
        connection.delivered(meter.times);
    }
}
