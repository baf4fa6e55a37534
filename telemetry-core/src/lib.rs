//! Telemetry for database drivers: the traits, the pipeline, and the books.
//!
//! A driver says what happened; this crate decides whether it may be collected, groups it by statement, batches it, and has
//! it delivered. A driver that links it behaves, to its caller, exactly as without it: recording never fails, waits or does
//! I/O, and every fault, ours or a plug-in's, is caught, counted, and logged at DEBUG alone.
//!
//! ```text
//! Session, Statement, Emitter    cheap handles, on any thread; one branch while telemetry is off
//!     │  one bounded buffer
//! aggregator                     a pure state machine: events in, records out
//!     │
//! delivery                       a pure state machine: which batch goes when
//!     │  asks a Breaker, a FeatureFlagSource, a Clock
//! Exporter                       one attempt: a receipt, or a classified failure
//! ```
//!
//! A [`ClientProvider`] is composed once, of an [`Exporter`], a [`FeatureFlagSource`] and a [`BreakerSource`]. Each connection
//! takes a [`Lease`] of the client that its host and principal share, and gives it back by dropping it. What became of
//! everything is in two ledgers, [`EventLedger`] and [`RecordLedger`], which balance at all times.
//!
//! ```
//! use std::time::Duration;
//! use telemetry_core::*;
//!
//! # fn connect(exporter: impl Exporter, flags: impl FeatureFlagSource) -> Result<(), BuildError> {
//! let identity = DriverIdentity::new("My Driver", "1.0.0", "MYDRIVER", "enableTelemetryForMyDriver")?;
//! let provider = ClientProvider::builder(identity)
//!     .config(TelemetryConfig::default().setting(Setting::On))
//!     .exporter(exporter)
//!     .flags(flags)
//!     .breakers(AlwaysClosed)
//!     .build()?;
//!
//! let target = Target::new("dbc-a1b2.cloud.databricks.com").credentials(StaticToken::new("…"));
//! let lease = provider.acquire(target);
//! let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
//! let mut statement = session.statement();
//! statement.kind(StatementType::Query);
//! statement.chunk(Chunk::new(0, Duration::from_millis(12)).bytes(4096));
//! statement.complete();
//! lease.close_blocking(DEFAULT_CLOSE);
//! # Ok(())
//! # }
//! ```

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
mod shown;
mod statement;
mod status;
mod text;
mod transport;
mod worker;

/// What makes the asynchronous traits implementable: `#[async_trait] impl Exporter for …`.
pub use async_trait::async_trait;
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
