//! Delivers telemetry to the program's own `tracing` subscriber: one event for each record.
//!
//! For who has logs already, and wants to see there what a driver does. [`TracingExporter`] is given to a
//! [`Sink`](telemetry_core::Sink), whose level says how much a record has to matter.
//!
//! ```
//! use telemetry_core::record::Level;
//! use telemetry_core::{ClientProviderBuilder, Sink};
//! use telemetry_export_tracing::TracingExporter;
//!
//! /// Logs what went wrong.
//! fn with_log(provider: ClientProviderBuilder) -> ClientProviderBuilder {
//!     provider.sink(Sink::new("log", TracingExporter::new()).level(Level::Warn))
//! }
//! # let of = telemetry_core::DriverIdentity::builder().name("D").version("1").client("D").flag("f");
//! # let _ = with_log(telemetry_core::ClientProvider::builder(of.build().unwrap()));
//! ```
//!
//! # What a record becomes
//!
//! An event of the target [`TARGET`], at the record's level; `tracing` has none above ERROR, so a connection
//! that failed to open is there as well. Its message is what the record is about: `connection`, `statement`,
//! `error` or `operation`. A field whose value isn't known is left out.
//!
//! | field | what it is |
//! | --- | --- |
//! | `server.address`, `server.port` | the workspace's host |
//! | `db.operation.name` | the driver's call, such as `EXECUTE_STATEMENT` |
//! | `db.client.operation.duration` | how long it took, in seconds |
//! | `db.response.status_code` | the SQLSTATE, or else the database's own number |
//! | `db.response.returned_rows` | how many rows the driver fetched |
//! | `http.response.status_code` | the status of the answer that an error came with |
//! | `error.type` | the error's name |
//! | `error.message` | its text, scrubbed and cut |
//! | `traceparent` | the caller's span that it belongs under, as the W3C's header has it |
//! | `telemetry.error.class` | `terminal` or `retryable`, where it is known |
//! | `telemetry.error.chunk` | the chunk it is about, from 0 |
//! | `telemetry.time_unix_nano` | the record's date: an event comes when its batch is delivered, seconds later |
//! | `telemetry.record.id` | the same in every place that the record goes to |
//! | `telemetry.driver.name` | whose record it is |
//! | `telemetry.workspace.id`, `telemetry.session.id`, `telemetry.statement.id` | the service's ids |
//! | `telemetry.statement.type`, `telemetry.result.format` | such as `QUERY`, `EXTERNAL_LINKS` |
//! | `telemetry.volume.operation` | what was done to a volume, such as `PUT` |
//! | `telemetry.retry.count`, `telemetry.poll.count` | how often a request was tried again, and the service asked |
//! | `telemetry.chunk.count`, `telemetry.chunk.bytes` | the chunks that were read, and their size where it is known |
//! | `telemetry.result.bytes` | bytes of the result that are in no chunk |
//!
//! What doesn't begin with `telemetry.` is named by OpenTelemetry's [conventions], and `traceparent` by the
//! W3C. No SQL is known here.
//!
//! # What the books say
//!
//! A subscriber gives no receipt. A record counts as accepted when the subscriber said beforehand that it
//! takes events of this target and level, and was given the event; what it then does with it, nobody is told.
//! One that it doesn't take, as nobody listens or a filter is stricter than the sink's level, went nowhere:
//! it is dropped as [`NotAccepted`], which says that one of both levels is to be changed. A filter may also
//! go by fields, and then it drops what counts as accepted. A batch in which a subscriber panics is dropped
//! as [`Panicked`], also what of it was logged before.
//!
//! # What else there is to know
//!
//! - A subscriber may write to a disk, and wait for it. So the exporter [may block](Exporter::may_block), and
//!   runs on one of the provider's few threads for that. These threads have the program's global subscriber,
//!   not that of a scope.
//! - What a subscriber records with the driver meanwhile, on that thread, is ignored. One that hands events
//!   to another thread, which writes them to a database through the driver, would be told of its own
//!   statements: it leaves the target [`TARGET`] out.
//! - Telemetry's own log is something else: it is at DEBUG, under the targets of its crates, and says how
//!   telemetry fares.
//!
//! [`NotAccepted`]: telemetry_core::status::DropReason::NotAccepted
//! [`Panicked`]: telemetry_core::status::DropReason::Panicked
//! [conventions]: https://opentelemetry.io/docs/specs/semconv/db/

#![forbid(unsafe_code)]

mod event;

use telemetry_core::plugin::{Attempt, PluginError, Receipt};
use telemetry_core::{Exporter, async_trait};

/// The target of all events. `RUST_LOG=telemetry.record=info` is a filter for it.
pub const TARGET: &str = "telemetry.record";

/// Logs each record as an event of `tracing`, with the subscriber of the thread that it runs on.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TracingExporter;

impl TracingExporter {
    /// One that logs to the program's subscriber.
    pub fn new() -> Self {
        TracingExporter
    }
}

#[async_trait]
impl Exporter for TracingExporter {
    /// Never fails.
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let logged = attempt.records.iter().filter(|record| event::log(record, attempt.host));
        Ok(Receipt::new(logged.count()))
    }
}
