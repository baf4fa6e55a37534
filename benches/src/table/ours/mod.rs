//! What the library does, and floors beside it.

mod breaker;
mod delivery;
mod floors;
mod off;
mod opening;
mod recording;
mod sizes;
mod text;
mod wire;

pub use sizes::{Size, sizes};
pub use wire::in_batches;

use super::measure::Row;

/// What is done: rows of one subject are compared with its first.
pub mod subject {
    pub const OFF: &str = "One call while telemetry is off";
    pub const STATEMENT_OFF: &str = "A statement while telemetry is off: its id, 10 chunks, and its end";
    pub const EVENT: &str = "One event of a statement that is open";
    pub const STATEMENT: &str = "A statement: its id, 10 chunks, and its end";
    pub const THREADS: &str = "A statement of 40,000 on one session";
    pub const FULL: &str = "A buffer that is full";
    pub const TAKE: &str = "Taking in what waits, each event of 262,144";
    pub const WIRE: &str = "A record to the wire, each of a batch of 100 with all parameters";
    pub const ERROR_100: &str = "An error with a message of 100 bytes";
    pub const ERROR_500: &str = "An error with a message of 500 bytes";
    pub const TEMPLATE: &str = "An error with a text by template";
    pub const BREAKER: &str = "A call through a breaker that is closed";
    pub const BREAKER_4: &str = "A call through a breaker that is closed, from 4 threads";
    pub const BREAKER_OPEN: &str = "A call that a breaker rejects";
    pub const OPENING: &str = "Opening a connection, the flag known";
    pub const CALL: &str = "A batch of one record, to an exporter that does nothing";
    pub const DELIVERED: &str = "Delivered over loopback to a server that only answers, each statement";
}

/// All rows of it.
pub fn rows() -> Vec<Row> {
    [
        off::rows(),
        recording::rows(),
        wire::rows(),
        text::rows(),
        breaker::rows(),
        opening::rows(),
        delivery::rows(),
        floors::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
