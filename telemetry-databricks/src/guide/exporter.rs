//! An exporter of one's own: sending records somewhere else.
//!
//! An [`Exporter`] is given a batch and makes one attempt. It doesn't retry, wait or keep a breaker; the
//! pipeline does all three, and needs to see each failure. The whole of one:
//!
//! ```
//! use std::fmt;
//! use std::io::Write;
//! use std::sync::{Mutex, PoisonError};
//!
//! use telemetry_databricks::plugin::{Attempt, PluginError, Receipt};
//! use telemetry_databricks::{Exporter, Fault, async_trait};
//!
//! /// Writes a line for each record.
//! struct Lines<W>(Mutex<W>);
//!
//! #[async_trait]
//! impl<W: Write + Send + 'static> Exporter for Lines<W> {
//!     async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
//!         let mut lines = String::new();
//!         for record in attempt.records {
//!             lines += &format!("{} {:?} {:?}\n", record.id, record.body.kind, record.body.latency);
//!         }
//!         let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         out.write_all(lines.as_bytes()).map_err(|error| Fault::Write(error.kind()))?;
//!         Ok(Receipt::new(attempt.records.len()))
//!     }
//! }
//!
//! // By hand, so that nothing of what it holds is shown.
//! impl<W> fmt::Debug for Lines<W> {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         f.write_str("Lines")
//!     }
//! }
//!
//! // The testkit's suite holds it to what the trait asks of it.
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use telemetry_databricks::{Host, HostPolicy};
//! use telemetry_testkit::conformance;
//!
//! let host = Host::parse("workspace.example.com", HostPolicy::Public).unwrap();
//! conformance::exporter(&Lines(Mutex::new(Vec::new())), &host).await;
//! # }
//! ```
//!
//! The [suite] checks that an attempt ends, that two may run at a time, that one may be given up half-way,
//! and that no credential is shown. What the exporter sends, and where, no suite can see. An exporter that
//! speaks the service's HTTP has a [second suite], with a fake workspace.
//!
//! # What it may send
//!
//! [`Attempt::records`] are final: text is held to the rules, ids are set. [`Attempt::credentials`] go to
//! [`Attempt::host`] and to nobody else. Where they are `None`, nothing may travel to the vendor by which one
//! connection could be told from another: no ids of sessions, statements or workspaces, no parameters, no
//! system, no text of errors. The exporter of a [`Sink`] is never given any, and its records hold what the
//! sink's audience may see.
//!
//! # What it answers
//!
//! A [`Receipt`] says what arrived, as far as the other side said so.
//!
//! | answer | what becomes of the batch |
//! | --- | --- |
//! | `Receipt::new(n)` | `n` count as accepted, the rest as dropped: `not accepted`. None is sent again |
//! | `Receipt::written(n)` | for a dry run, which delivers nothing: `n` count as written, the rest as dropped |
//!
//! A [`PluginError`] says what went wrong: a [`Fault`], and the `Retry-After` if there was one. It has no
//! text, as a server's text may hold a secret. What follows is decided by the pipeline:
//!
//! | fault | what becomes of the batch |
//! | --- | --- |
//! | 408, 425, 429, 500, 502, 503, 504, `Timeout`, `Connect`, `Reset` | 3 quick retries, then it waits for the next flush |
//! | `NoSuchHost` | it waits for the next flush |
//! | `NoResources` | it is tried again; the breaker isn't told |
//! | `Write` of a full disk, or interrupted | as 503 |
//! | 413, `TooLarge` | goes again by halves, and a larger one is tried after 100 of that size; a single record is dropped: `too large`, and the others go at once |
//! | 400, 401, 403, 404, `Authentication`, `RefusedHost` | dropped: `refused for good`, and the client pauses for 1 min or longer |
//! | `Redirect`, other 3xx | dropped: `refused for good` |
//! | `BadAnswer` | dropped: `unreadable answer` |
//! | a panic | dropped: `exporter panicked` |
//! | any other | dropped: `unclassified failure`; for `Write`: `not written` |
//!
//! For the breaker each failure counts, save those that say nothing of the service: the row with 401, 413 and
//! `TooLarge`, `Unsendable`, and a panic.
//!
//! # Where it runs
//!
//! It must end by itself, and is given up after [`request_timeout`]. It may hold up its thread meanwhile, as
//! the lock and the write above may: by default it runs on one of 8 threads that a provider has for such
//! calls, of which one host takes two at the most. An exporter that never blocks says so by [`may_block`],
//! and runs on the provider's own thread. A panic or a hang costs the driver nothing.
//!
//! # Using it
//!
//! [`Composition::exporter`] is given the exporter that posts, to wrap or to leave. A driver of another
//! database composes by parts, with the flag in its own hands. A [`Target`](crate::Target) names a host
//! there, too, as clients and breakers are by host: a name with a port, and `localhost` only under
//! [`HostPolicy::AllowLoopback`](crate::HostPolicy::AllowLoopback).
//!
//! ```
//! use telemetry_databricks::breaker::BreakerRegistry;
//! use telemetry_databricks::flags::StaticFlags;
//! use telemetry_databricks::{
//!     BuildError, ClientProvider, Composition, DriverIdentity, Exporter, Mode, TelemetryConfig,
//! };
//!
//! fn composed<E: Exporter>(of: DriverIdentity, make: fn() -> E) -> Result<ClientProvider, BuildError> {
//!     Composition::new(of).exporter(move |_posts| make()).build()
//! }
//!
//! fn by_parts(of: DriverIdentity, exporter: impl Exporter) -> Result<ClientProvider, BuildError> {
//!     let flags = StaticFlags::new([(of.flag(), true)]);
//!     ClientProvider::builder(of)
//!         .config(TelemetryConfig::default().mode(Mode::On))
//!         .exporter(exporter)
//!         .flags(flags)
//!         .breakers(BreakerRegistry::default())
//!         .build()
//! }
//! # use telemetry_testkit::RecordingExporter;
//! # let of = DriverIdentity::builder().name("D").version("1").client("D").flag("f").build().unwrap();
//! # assert!(composed(of.clone(), RecordingExporter::new).is_ok());
//! # assert!(by_parts(of, RecordingExporter::new()).is_ok());
//! ```
//!
//! An exporter that calls no service takes [`AlwaysClosed`] for its breakers.
//!
//! [suite]: ../../../telemetry_testkit/conformance/fn.exporter.html
//! [second suite]: ../../../telemetry_testkit/conformance/fn.http_exporter.html
//! [`may_block`]: crate::Exporter::may_block
//! [`request_timeout`]: crate::TelemetryConfig::request_timeout

#[cfg(doc)]
use crate::plugin::{AlwaysClosed, Attempt, PluginError, Receipt};
#[cfg(doc)]
use crate::{Composition, Exporter, Fault, Sink};
