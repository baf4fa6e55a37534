//! Telemetry for database drivers: the traits, the pipeline, and the books.
//!
//! A driver says what happened; this crate decides whether it may be collected, groups it by statement,
//! batches it, and has it delivered. A driver that links it behaves, to its caller, exactly as without it:
//! recording never fails, waits or does I/O, and every fault, ours or a plug-in's, is caught, counted, and
//! logged at DEBUG alone.
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
//! Beside the vendor's service records may go to any number of [`Sink`]s, each with a delivery and books of
//! its own, and each with its own view of a record.
//!
//! A [`ClientProvider`] is composed once, of an [`Exporter`], a [`FeatureFlagSource`] and a
//! [`BreakerSource`](plugin::BreakerSource). Each connection takes a [`Lease`] of the client that its host
//! and principal share, and gives it back by dropping it. What became of everything is in two ledgers,
//! [`EventLedger`](status::EventLedger) and [`RecordLedger`](status::RecordLedger), which balance at all
//! times.
//!
//! ```
//! use std::time::Duration;
//! use telemetry_core as telemetry;
//! use telemetry::plugin::AlwaysClosed;
//! use telemetry::{BuildError, Exporter, FeatureFlagSource};
//!
//! # async fn connect(exporter: impl Exporter, flags: impl FeatureFlagSource) -> Result<(), BuildError> {
//! let identity = telemetry::DriverIdentity::builder()
//!     .name("My Driver")
//!     .version("1.0.0")
//!     .client("MYDRIVER")
//!     .flag("enableTelemetryForMyDriver")
//!     .build()?;
//! let provider = telemetry::ClientProvider::builder(identity)
//!     .config(telemetry::TelemetryConfig::default().mode(telemetry::Mode::On))
//!     .exporter(exporter)
//!     .flags(flags)
//!     .breakers(AlwaysClosed)
//!     .build()?;
//!
//! let target = telemetry::Target::new("dbc-a1b2.cloud.databricks.com")
//!     .credentials(telemetry::StaticToken::new("…"));
//! let lease = provider.acquire(target);
//! let opening = lease.opening(telemetry::ConnectionInfo::new());
//! let session = opening.opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
//! let mut statement = session.statement();
//! statement.kind(telemetry::StatementType::Query);
//! statement.chunk(telemetry::Chunk::new(0, Duration::from_millis(12)).bytes(4096));
//! statement.complete();
//! // Waits until all is delivered, for 2 s at the most; `close_blocking` where there is no runtime.
//! let outcome = lease.close(telemetry::DEFAULT_CLOSE).await;
//! # assert!(outcome.undelivered() == 0);
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! The root has what a driver's author writes. [`plugin`] has the contracts for whoever replaces a part,
//! [`record`] what an exporter is given, [`status`] the books and the reasons, [`text`] what an error's text
//! may say. Inside, each room is a folder, and imports run one way, from the top down:
//!
//! | room | what is in it |
//! | --- | --- |
//! | `handle` | what a driver holds: provider, lease, session, statement, emitter |
//! | `client` | what handles share, and the worker behind them: buffer, registry, calls of plug-ins |
//! | `pipeline` | pure state machines: aggregator, gate, delivery; time is passed in |
//! | `plugin` | one contract a file |
//! | `record` | what is delivered |
//! | `text` | what text may leave |
//! | `guard` | containment: panics, forks, locks, threads, memory, the workspace's own work |
//!
//! Below them all, files of the root: settings (`config`), errors of building (`error`), faults and their
//! classes (`fault`), hosts (`host`), the books (`ledger`), and short times (`nanos`).

#![forbid(unsafe_code)]

pub mod plugin;
pub mod record;
pub mod text;

mod client;
mod config;
mod error;
mod fault;
mod guard;
mod handle;
mod host;
#[cfg(all(test, shuttle))]
mod interleavings;
mod ledger;
mod nanos;
mod pipeline;

/// What holds for a connection and why, and the books.
pub mod status {
    pub use crate::client::status::{
        ClientStatus, OffReason, ProviderStatus, SinkStatus, Status, TelemetryState,
    };
    pub use crate::ledger::{Counts, DropReason, EventLedger, Reason, RecordLedger, Refusal};
}

/// What makes the asynchronous traits implementable: `#[async_trait] impl Exporter for …`.
pub use async_trait::async_trait;
pub use client::runtime::Runtime;
pub use config::{ConnectionSettings, DEFAULT_CLOSE, Mode, OPT_OUT_VARIABLES, TelemetryConfig};
pub use error::BuildError;
pub use fault::{ErrorClass, Fault, classify};
pub use handle::chunk_recorder::ChunkRecorder;
pub use handle::connection_info::ConnectionInfo;
pub use handle::emitter::Emitter;
pub use handle::error_details::ErrorDetails;
pub use handle::lease::Lease;
pub use handle::opening::Opening;
pub use handle::operation::Operation;
pub use handle::outcome::{CloseOutcome, FlushOutcome};
pub use handle::provider::{ClientProvider, ClientProviderBuilder};
pub use handle::provider_registry::ProviderRegistry;
pub use handle::session::Session;
pub use handle::shared_statement::SharedStatement;
pub use handle::shutdown::{ShutdownOnDrop, ShutdownOutcome};
pub use handle::statement::Statement;
pub use handle::target::Target;
pub use host::{Host, HostPolicy, InvalidHost};
pub use plugin::sink::Sink;
pub use plugin::{
    Breaker, Clock, CredentialProvider, CurrentToken, Exporter, FeatureFlagSource, StaticToken,
};
pub use record::{
    Chunk, ConnectionParams, DriverIdentity, OperationType, ResultFormat, StatementType, SystemInfo,
};
