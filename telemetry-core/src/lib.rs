//! Telemetry for database drivers.

#![forbid(unsafe_code)]

mod breaker;
mod clock;
mod error;
mod exporter;
mod fault;
mod flags;
mod headers;
mod host;
mod id;
mod model;
mod record;
mod redact;
mod text;
mod transport;

pub use breaker::{AlwaysClosed, Breaker, BreakerSource, BreakerState, Outcome, Permit, Rejected};
pub use clock::{BoxFuture, Clock, SystemClock, Tick};
pub use error::BuildError;
pub use exporter::{Attempt, Exporter, Receipt};
pub use fault::{
    CredentialError, ErrorClass, ExportError, Failure, Fault, FlagError, TransportError, classify,
};
pub use flags::{FeatureFlagSource, FlagOrigin, FlagQuery, FlagSet};
pub use headers::{AuthHeaders, CredentialProvider, Headers, StaticToken};
pub use host::{Host, HostPolicy};
pub use id::{EventId, MAX_ID_BYTES, ScopeId, SessionId, StatementId};
pub use model::{
    AuthFlow, AuthMech, ConnectionParams, DriverIdentity, DriverMode, HostDetails, OperationType, ProxyAuth,
    ResultFormat, StatementType, SystemInfo, VolumeOperationType,
};
pub use record::{
    ChunkDetails, DriverContext, Encoded, ErrorInfo, OperationDetail, Record, RecordKind, SessionContext,
    SqlExecution, VolumeOperation,
};
pub use redact::redact;
pub use text::{ErrorText, MAX_TEXT_CHARS};
pub use transport::{HttpRequest, HttpResponse, Method, Transport};
