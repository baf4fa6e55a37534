//! The metrics are the ledgers' own numbers, whatever happens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod attempts;
mod books;
mod common;
mod recorders;
