//! What tests of drivers, exporters, breakers and transports need: a clock that stands still until it is
//! moved, plug-ins that answer, fail, panic, hang or block by script, mocks of every trait, and a fake
//! workspace that speaks real HTTP, well or badly, also with clients that are built already.
//!
//! Features, none of which is on by default, bring what has dependencies of its own: `mocks` the mocks (by
//! mockall), `strategies` the strategies for property tests (by proptest), `workspace` the fake workspace (by
//! hyper), `tls` the same over HTTPS (by rustls and rcgen).
//!
//! Whoever implements one of the traits calls its suite in [`conformance`]; property tests draw from
//! `strategies`.
//!
//! Nothing here waits for wall time to prove something; limits in wall time are safety nets that end a broken
//! test.
//!
//! ```
//! use std::time::Duration;
//! use telemetry_core::Clock;
//! use telemetry_testkit::FakeClock;
//!
//! let clock = FakeClock::new();
//! let before = clock.now();
//! clock.advance(Duration::from_secs(60));
//! assert_eq!(clock.now() - before, Duration::from_secs(60));
//! ```

#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "plug-ins panic by script, and a test whose setup fails is to end there"
)]

mod clock;
pub mod conformance;
#[cfg(feature = "mocks")]
mod mocks;
mod script;
#[cfg(feature = "strategies")]
pub mod strategies;
#[cfg(feature = "workspace")]
mod workspace;

pub use clock::FakeClock;
#[cfg(feature = "mocks")]
pub use mocks::{
    MockBreaker, MockBreakerSource, MockClock, MockCredentialProvider, MockExporter, MockFeatureFlagSource,
    MockTransport,
};
pub use script::{
    Accept, Attempted, Do, RecordingExporter, Script, ScriptedCredentials, ScriptedFlags, ScriptedTransport,
    flag,
};
#[cfg(feature = "workspace")]
pub use workspace::{Answer, Behaviour, FakeWorkspace, FakeWorkspaceBuilder, Received, Schema};
