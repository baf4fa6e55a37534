//! Errors, and what is looked at of their text.

use std::hint::black_box;

use telemetry_core::ErrorDetails;
use telemetry_core::text::sanitize;

use super::connection::{Connection, MS, config};
use super::subject::{ERROR_100, ERROR_500, TEMPLATE};
use crate::table::measure::{Meter, Row};

/// 100 bytes, as a database says them.
pub const MESSAGE_100: &str =
    "[TABLE_OR_VIEW_NOT_FOUND] The table or view `sales`.`orders` cannot be found. SQLSTATE: 42P01; pos 4";

/// 500 bytes, with what a driver's own libraries say.
pub const MESSAGE_500: &str = "Error running query: [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column or function parameter with name `customer_mail` cannot be resolved. Did you mean one of the following? [`customer_id`, `customer_key`]. SQLSTATE: 42703; line 12 pos 7; the request to https://dbc-a1b2.cloud.databricks.com/api/2.0/sql/statements failed after 3 attempts: connection reset by peer (os error 104), the last of them from 10.20.30.40:51234 as ann@example.com with token dapi0123456789abcdef0123456789abcdef; it gives up now.";

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
