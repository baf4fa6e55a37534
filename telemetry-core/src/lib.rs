//! Telemetry for database drivers.

#![forbid(unsafe_code)]

mod aggregate;
mod breaker;
mod buffer;
mod clean;
mod client;
mod clock;
mod config;
mod contain;
mod delivery;
mod details;
mod emitter;
mod error;
mod event;
mod exporter;
mod fault;
mod flags;
mod gate;
mod headers;
mod host;
mod id;
mod lease;
mod ledger;
mod model;
mod pipeline;
mod plugins;
mod process;
mod provider;
mod record;
mod redact;
mod registry;
mod session;
mod statement;
mod status;
mod text;
mod transport;
mod worker;

pub use breaker::{AlwaysClosed, Breaker, BreakerSource, BreakerState, Outcome, Permit, Rejected};
pub use clock::{BoxFuture, Clock, SystemClock, Tick};
pub use config::{DEFAULT_CLOSE, OPT_OUT_VARIABLES, Setting, TelemetryConfig};
pub use details::ErrorDetails;
pub use emitter::Emitter;
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
pub use lease::{Closed, Lease};
pub use ledger::{Counts, DropReason, EventLedger, Reason, RecordLedger, Refusal};
pub use model::{
    AuthFlow, AuthMech, ConnectionParams, DriverIdentity, DriverMode, HostDetails, OperationType, ProxyAuth,
    ResultFormat, StatementType, SystemInfo, VolumeOperationType,
};
pub use provider::{ClientProvider, ClientProviderBuilder, Target};
pub use record::{
    ChunkDetails, DriverContext, Encoded, ErrorInfo, OperationDetail, Record, RecordKind, SessionContext,
    SqlExecution, VolumeOperation,
};
pub use redact::redact;
pub use session::{ConnectionInfo, Opening, Operation, Session};
pub use statement::{ChunkRecorder, Statement};
pub use status::{OffReason, State, Status};
pub use text::{ErrorText, MAX_TEXT_CHARS};
pub use transport::{HttpRequest, HttpResponse, Method, Transport};
pub use worker::Worker;
