//! A driver's own work, and how much longer it takes with telemetry.

use std::hint::black_box;

use telemetry_core::{Session, StatementType};

use crate::connection::{ID, chunk};

/// How many chunks a statement has.
const CHUNKS: u32 = 10;

/// A statement with so many steps of the driver's own work between what it tells of it.
pub fn statement(session: &Session, steps: u64) {
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    statement.id(black_box(ID));
    for index in 0..CHUNKS {
        work(steps / u64::from(CHUNKS));
        statement.chunk(black_box(chunk(index)));
    }
    statement.complete();
}

/// So many steps, each of some nanoseconds: a hash, byte by byte.
pub fn work(steps: u64) {
    let step = |hash: u64, byte: u64| (hash ^ (byte & 0xff)).wrapping_mul(0x0100_0000_01b3);
    black_box((0..black_box(steps)).fold(0xcbf2_9ce4_8422_2325, step));
}
