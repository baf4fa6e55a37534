//! The program, as a user starts it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
mod summary;
