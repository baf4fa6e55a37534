//! What can be replaced: one contract a file.
//!
//! Whoever writes an exporter, a source of flags, a breaker, a clock, a provider of credentials or a
//! transport finds the trait here, with its obligations on it, and all that its methods take and return.
//!
//! # Where they run
//!
//! | method | on which thread | may it block? |
//! | --- | --- | --- |
//! | `Clock::now`, `CredentialProvider::scope`, `may_block` | the driver's | no: the driver waits |
//! | `Clock::wall`, `Clock::sleep_until` | the provider's | no: all clients wait |
//! | `BreakerSource::breaker`, `Breaker`, `Permit` | that of the call they admit | no: the call is late |
//! | what is `async` in an exporter, flags, credentials | one of 8 for calls | not past the request timeout |
//! | the same, where `may_block` is `false` | the provider's | no: all clients wait |
//! | `Observer::observed` | the provider's | no: all clients wait |
//!
//! A call is given up a second after the request timeout. One that blocks its thread keeps it until it comes
//! back: of the 8 threads for calls, one host has two at the most, and what finds none waits for one, or for
//! its own timeout. A panic in any of them is contained.

pub(crate) mod breaker;
pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod exporter;
pub(crate) mod flags;
pub(crate) mod headers;
pub(crate) mod observer;
pub(crate) mod per_policy;
pub(crate) mod resolver;
pub(crate) mod rotated_file;
pub(crate) mod sink;
pub(crate) mod transport;

pub use breaker::{
    AlwaysClosed, Breaker, BreakerSource, BreakerState, Outcome, Permit, PermitIssuer, Rejected,
};
pub use clock::{BoxFuture, Clock, SystemClock, Tick};
pub use credentials::{CredentialProvider, CurrentToken, StaticToken};
pub use exporter::{Attempt, Exporter, Receipt, yield_now};
pub use flags::{FeatureFlagSource, FlagOrigin, FlagQuery, FlagSet, FlagValue};
pub use headers::{AuthHeaders, Headers};
pub use observer::{Observation, Observed, Observer};
pub use per_policy::PerPolicy;
pub use resolver::Resolver;
pub use rotated_file::RotatedFile;
pub use transport::{HttpRequest, HttpResponse, Method, Transport};

pub use crate::fault::PluginError;
pub use crate::guard::panic::catch_panic;
pub use crate::record::id::ScopeId;
