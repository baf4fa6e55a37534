//! The program, as a user starts it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
mod summary;
