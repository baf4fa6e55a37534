//! The program, as a user starts it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod attacks;
#[allow(dead_code, reason = "other programs of tests need the rest")]
mod common;
mod keep;
mod listen;
mod page;
mod summary;
