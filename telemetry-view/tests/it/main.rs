//! The program, as a user starts it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod common;
mod listen;
mod page;
mod summary;
