//! What can be replaced: one contract a file.
//!
//! Whoever writes an exporter, a source of flags, a breaker, a clock, a provider of credentials or a
//! transport finds the trait here, with its obligations on it, and all that its methods take and return.

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
