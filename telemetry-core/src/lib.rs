//! Telemetry for database drivers.

#![forbid(unsafe_code)]

mod aggregate;
mod breaker;
mod buffer;
mod clock;
mod config;
mod contain;
mod delivery;
mod error;
mod event;
mod exporter;
mod fault;
mod flags;
mod gate;
mod headers;
mod host;
mod id;
mod ledger;
mod model;
mod pipeline;
mod record;
mod redact;
mod text;
mod transport;

pub use breaker::{AlwaysClosed, Breaker, BreakerSource, BreakerState, Outcome, Permit, Rejected};
pub use clock::{BoxFuture, Clock, SystemClock, Tick};
pub use config::{DEFAULT_CLOSE, OPT_OUT_VARIABLES, Setting, TelemetryConfig};
pub use error::BuildError;
pub use event::Chunk;
pub use exporter::{Attempt, Exporter, Receipt};
pub use fault::{
    CredentialError, ErrorClass, ExportError, Failure, Fault, FlagError, TransportError, classify,
};
pub use flags::{FeatureFlagSource, FlagOrigin, FlagQuery, FlagSet};
pub use headers::{AuthHeaders, CredentialProvider, Headers, StaticToken};
pub use host::{Host, HostPolicy};
pub use id::{EventId, MAX_ID_BYTES, ScopeId, SessionId, StatementId};
pub use ledger::{Counts, DropReason, EventLedger, Reason, RecordLedger, Refusal};
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
