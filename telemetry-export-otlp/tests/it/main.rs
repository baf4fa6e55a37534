//! The crate from outside, in one program, as each is linked for itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod common;

mod conformance;
mod exporter;
mod file;
mod mapping;
mod metrics;
mod oracle;
mod partial;
