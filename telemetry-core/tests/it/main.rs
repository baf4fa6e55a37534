//! The crate from outside. One program, as each is linked for itself; what changes its whole process, by a
//! fork or a panic hook, is one of its own beside this.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

#[path = "../common/mod.rs"]
mod common;

mod bounds;
mod conformance;
mod connection_settings;
mod containment;
mod errors;
mod failures;
mod flush;
mod foreign;
mod gate;
mod handles;
mod hanging;
mod learned;
mod leases;
mod logins;
mod operators;
mod own_time;
mod pipeline;
mod recovery;
mod settings;
mod sinks;
mod text;
mod text_corpus;
mod trace_parents;
mod vocabulary;
