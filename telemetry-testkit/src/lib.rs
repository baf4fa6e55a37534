//! What tests of telemetry need.

#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "scripted panics are what this crate is for")]

mod clock;
mod script;

pub use clock::FakeClock;
pub use script::{
    Accept, Attempted, Do, RecordingExporter, Script, ScriptedCredentials, ScriptedFlags, ScriptedTransport,
    flag,
};
