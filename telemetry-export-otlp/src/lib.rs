//! Delivers telemetry to an OpenTelemetry collector, for whoever operates the program that links a driver.
//!
//! [`OtlpExporter`] maps a batch of records to spans, log records and metrics, and posts them by OTLP over
//! HTTP, as protobuf or JSON, over any [`Transport`](telemetry_core::plugin::Transport); it makes one
//! attempt, and when to try again is decided elsewhere. [`OtlpFileExporter`] writes the same as lines to a
//! file. [`OtlpConfig`] is where to and how: the standard variables, or code. There is no SDK in it, and
//! nothing of the program's own OpenTelemetry is touched.
//!
//! ```
//! use std::sync::Arc;
//! use telemetry_core::plugin::Transport;
//! use telemetry_core::{BuildError, ClientProviderBuilder, Sink};
//! use telemetry_export_otlp::{OtlpConfig, OtlpExporter};
//!
//! /// Tells the operator's collector too, unless the variables forbid it.
//! fn with_collector(
//!     provider: ClientProviderBuilder,
//!     transport: Arc<dyn Transport>,
//! ) -> Result<ClientProviderBuilder, BuildError> {
//!     let Some(config) = OtlpConfig::from_env() else { return Ok(provider) };
//!     let exporter = OtlpExporter::new(transport, config.database_system("databricks"))?;
//!     Ok(provider.sink(Sink::new("collector", exporter)))
//! }
//! # let of = telemetry_core::DriverIdentity::builder().name("D").version("1").client("D").flag("f");
//! # let provider = telemetry_core::ClientProvider::builder(of.build().unwrap());
//! # let transport = Arc::new(telemetry_export_http::ReqwestTransport::new().unwrap());
//! # assert!(with_collector(provider, transport).is_ok());
//! ```
//!
//! # What a record becomes
//!
//! | record | what it becomes |
//! | --- | --- |
//! | a statement, an opening or closing, any other call | a span of kind `CLIENT`, under the caller's |
//! | an error | a log record, with its scrubbed text as the body |
//! | what failed | both, of which the log record names the span |
//! | all but errors, added up over a batch | `db.client.operation.duration`, `databricks.client.rows`, `….bytes`, `….chunks`, `….retries` |
//!
//! - Names and attributes are those of the [database conventions], version 1.44: `db.system.name`,
//!   `db.operation.name` (the driver's call, such as `EXECUTE_STATEMENT`), `db.response.status_code` (the
//!   SQLSTATE, or else the database's own number), `db.response.returned_rows` (as far as they were
//!   fetched), `error.type` (the error's name), `server.address` and `server.port` (the workspace's). A span
//!   is called by its operation and its server. No SQL is known here, so there is no `db.query.text`. What
//!   the conventions don't name begins with `databricks.`, or another [prefix](OtlpConfig::prefix). Lengths
//!   in attributes are in seconds.
//! - A span has the second half of its record's id, so it is the same in every attempt. Where the driver
//!   named the caller's span, that is its parent, and trace and flags are the caller's; it is sent whether
//!   these say that the trace is sampled or not. Elsewhere it is a root, and its trace has the record's id.
//! - A log record names the span that failed. An error that is none of a span here names the caller's, if
//!   the driver did.
//! - A record has totals of polls and chunks, and no times of each. So a span has four events at the most:
//!   when the result was ready and when it had been read, each at its time, and the polls and the chunks, at
//!   the span's end.
//! - A log record is as severe as its record's [level](telemetry_core::record::Level) has it.
//! - Metrics are deltas from the first to the last date in the batch. Several clients of one host, or several
//!   programs of one name, have deltas of the same name and time; `service.instance.id` among the resource's
//!   attributes tells programs apart.
//!
//! # For whom it is
//!
//! A collector is the operator's, who has set it up and may see which sessions and statements there were:
//! [`Audience::Customer`](telemetry_core::record::Audience::Customer). So ids of the workspace, of sessions
//! and of statements are sent whether the attempt has credentials or not, as are the paths of volumes; how a
//! connection was configured isn't. Whether the vendor may be told is no matter here.
//!
//! [database conventions]: https://opentelemetry.io/docs/specs/semconv/db/database-spans/

#![forbid(unsafe_code)]

mod accepted;
mod config;
mod encode;
mod exporter;
mod file;
mod map;
mod proto;

pub use config::{
    Compression, MAX_ATTRIBUTE_SETS, MAX_BODY_BYTES, OtlpConfig, Protocol, Signal, SignalConfig, VARIABLES,
};
pub use exporter::OtlpExporter;
pub use file::{MAX_FILE_BYTES, OtlpFileExporter};
