//! The crate from outside, in one program, as each is linked for itself.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod common;

mod captures;
mod conformance;
mod dry_run;
mod exporter;
mod fields;
mod hostile;
mod said;
mod schema;
mod tls;
