//! Programs to copy from: a small but real SQL [`driver`] with telemetry at every point of interest, and a
//! [`warehouse`] for it to talk to, which executes on SQLite behind the REST API of a real one.
//!
//! The `quickstart` program runs a mixed [`workload`] through both, and shows what became of every record.

#![forbid(unsafe_code)]

pub mod collector;
pub mod compose;
pub mod driver;
pub mod embedded;
pub mod fleet;
pub mod load;
pub mod outages;
pub mod report;
pub mod simulation;
pub mod terminal;
pub mod tpch;
pub mod view;
pub mod warehouse;
pub mod workload;

/// The README's example, so that it compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
