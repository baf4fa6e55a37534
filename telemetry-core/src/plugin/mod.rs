//! What can be replaced: one contract a file.
//!
//! Whoever writes an exporter, a source of flags, a breaker, a clock, a provider of credentials or a
//! transport finds the trait here, with its obligations on it, and all that its methods take and return.
//!
//! # Where they run
//!
//! | method | on which thread | may it block? |
//! | --- | --- | --- |
//! | `Clock::now`, `CredentialProvider::scope` | the driver's | no: the driver waits |
//! | `Clock::wall`, `Clock::sleep_until` | the provider's | no: all clients wait |
//! | `BreakerSource::breaker`, `Breaker`, `Permit` | that of the call they admit | no: the call is late |
//! | what is `async` in an exporter, flags, credentials | the call's own | not past the request timeout |
//!
//! A call that blocks its thread for longer than the request timeout is given up. Its thread counts until it
//! ends: past 64 for a host or 1024 in all, that host counts as unreachable. A panic in any of them is
//! contained.

pub(crate) mod breaker;
pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod exporter;
pub(crate) mod flags;
pub(crate) mod headers;
pub(crate) mod transport;

pub use breaker::{
    AlwaysClosed, Breaker, BreakerSource, BreakerState, Outcome, Permit, PermitIssuer, Rejected,
};
pub use clock::{BoxFuture, Clock, SystemClock, Tick};
pub use credentials::{CredentialProvider, StaticToken};
pub use exporter::{Attempt, Exporter, Receipt};
pub use flags::{FeatureFlagSource, FlagOrigin, FlagQuery, FlagSet, FlagValue};
pub use headers::{AuthHeaders, Headers};
pub use transport::{HttpRequest, HttpResponse, Method, Transport};

pub use crate::fault::PluginError;
pub use crate::guard::panic::catch_panic;
pub use crate::record::id::ScopeId;
