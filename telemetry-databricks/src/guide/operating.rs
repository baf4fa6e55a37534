//! Operating: what telemetry says of itself, and how to turn it off.
//!
//! Ask a lease: [`Lease::status`] never waits. Its parts print themselves, for a driver's own diagnostics.
//!
//! ```
//! use telemetry_databricks::Lease;
//!
//! fn diagnose(lease: &Lease) -> String {
//!     let status = lease.status();
//!     let failure = status.last_failure.map_or("none".to_owned(), |failure| failure.to_string());
//!     format!("{}\n{}\n{}\nlast failure: {failure}", status.state, status.events, status.records)
//! }
//!
//! let lease = Lease::disabled();
//! assert!(diagnose(&lease).starts_with("off: the setting\n0 seen = 0 folded + 0 made + 0 refused"));
//! assert!(lease.status().balances());
//! ```
//!
//! [`Status::state`] says whether it is on, and why; an `off:` names who decided. [`Status::breaker`] is what
//! the host's breaker did when it was last asked. The books are those of the client, which connections to one
//! host as one principal share.
//!
//! # The book of events
//!
//! ```text
//! seen = folded into a statement + made into a record + refused + waiting
//! ```
//!
//! An event is a call of the driver's, such as a chunk; those that a statement's handle gathered count as
//! well. A refused one never became part of a record:
//!
//! | refused | means | do |
//! | --- | --- | --- |
//! | `buffer full` | events came faster than the worker takes them | raise `max_events`; use handles rather than ids |
//! | `memory full` | the client holds `max_bytes`, or all clients together `max_total_bytes` | raise them; find out why records don't leave |
//! | `buffer contended` | a forked child inherited a lock; or a shared statement was spoken to while the same thread spoke to it, or to another | nothing in a child; else speak to one at a time |
//! | `client closed` | recorded after the close | close telemetry last |
//! | `telemetry off` | it went off meanwhile | nothing |
//! | `invalid id` | not 1 to 63 letters, digits or `-_.:`, or a token | pass the service's id as it is |
//! | `unknown statement` | by id: never started, or finished | `started` first, nothing after `completed` |
//! | `started twice` | by id: it is open already | call `started` once |
//! | `too many errors` | one statement had more than `max_errors` | nothing: 50 are kept |
//! | `statement finished before its recorder` | a chunk was told to a recorder after the statement's end | tell it before `complete`; nothing where the caller reads no further |
//! | `details panicked` | the driver's closure for an error did | look at that closure and its `Display` |
//! | `internal fault` | this library panicked, and the client ended | please report it |
//!
//! # The book of records
//!
//! ```text
//! made = accepted + written by a dry run + dropped + held
//! ```
//!
//! | dropped | means | do |
//! | --- | --- | --- |
//! | `overflow` | more than `max_records` waited, in an outage | see [`sizing`](super::sizing) |
//! | `expired` | waited for longer than `max_age` | the same |
//! | `flag off` | the workspace's flag is off, or absent | ask who owns the flag; check its name |
//! | `flag unreachable` | the flag could not be had | the last failure says why |
//! | `refused for good` | 400, 401, 403, 404, a redirect, a host that must not be called | the last failure says which |
//! | `unclassified failure` | a failure that says nothing about another try | the last failure says which |
//! | `unreadable answer` | 200, with something else than an answer | look for a proxy or a login page |
//! | `not accepted` | the service took the batch, and not this record | report it, with a dry run's line |
//! | `not written` | a dry run's file could not be written | check path, rights and disk |
//! | `too large` | one record is over the limit | nothing, or report it |
//! | `exporter panicked` | an exporter of the driver's own did | fix it |
//! | `closed` | the close came first | close later, or with a longer deadline; after a failed log-in: nothing |
//! | `outcome unknown` | in flight at the deadline: it may have arrived | the same |
//! | `runtime gone` | what the workers ran on ended before them | nothing: the process was ending |
//! | `internal fault` | this library panicked, and the client ended | please report it |
//!
//! A book that doesn't balance is a defect of this library: please report it, with both lines.
//!
//! # Observing
//!
//! A lease knows its own client. Whoever operates the program wants all of them:
//!
//! | ask | for |
//! | --- | --- |
//! | [`ClientProvider::status`] | every client that lives, and totals that keep those that are gone, by sink |
//! | an [`Observer`] | deliveries, failures, losses and breakers, as they happen |
//! | the crate `telemetry-metrics` | both as metrics, such as for a Prometheus |
//! | [`ClientProvider::shutdown`] | what was lost at the end, client by client |
//!
//! The status locks one client after another for a moment, which is nothing for a page of diagnostics or a
//! scrape. Its totals never fall, whichever clients end:
//!
//! ```
//! use telemetry_databricks::ClientProvider;
//!
//! fn diagnose(provider: &ClientProvider) -> String {
//!     let status = provider.status();
//!     let mut text = format!("{}\nvendor: {}\n", status.events, status.records);
//!     for (sink, records) in &status.sinks {
//!         text += &format!("{sink}: {records}\n");
//!     }
//!     for client in &status.clients {
//!         text += &format!("{}: {}\n", client.host, client.status.state);
//!     }
//!     text
//! }
//! # use telemetry_databricks::{Composition, DriverIdentity};
//! # let identity = DriverIdentity::builder().name("D").version("1").client("D").flag("f").build().unwrap();
//! # assert!(diagnose(&Composition::new(identity).build().unwrap()).contains("vendor: 0 made"));
//! ```
//!
//! An observer is for alarms. It is called on the provider's thread, so it hands on what takes long:
//!
//! ```
//! use std::sync::mpsc::Sender;
//! use telemetry_databricks::plugin::{BreakerState, Observation, Observed, Observer};
//!
//! /// Tells another thread of each breaker that opens.
//! #[derive(Debug)]
//! struct Alarm(Sender<String>);
//!
//! impl Observer for Alarm {
//!     fn observed(&self, observation: &Observation<'_>) {
//!         if let Observed::Breaker { to: BreakerState::Open { .. }, .. } = observation.what {
//!             let way = observation.sink.unwrap_or("vendor");
//!             // Nobody may be there any more.
//!             let _ = self.0.send(format!("{}: nothing goes to {way}", observation.host));
//!         }
//!     }
//! }
//! ```
//!
//! It is given to [`ClientProviderBuilder::observer`]. What it is told of losses comes in sums, and of a
//! client that has ended no more: so counters are taken from the status, and not added up from what an
//! observer hears. `telemetry-metrics` does that: each reason in the tables above is a series, and stands at
//! what the ledger says. Worth an alarm are:
//!
//! | metric | means |
//! | --- | --- |
//! | `telemetry_records_dropped_total` grows | records are lost; its `reason` is in the second table above |
//! | `telemetry_events_refused_total` grows | events are; its `reason` is in the first |
//! | `telemetry_breakers{state="open"}` above zero for minutes | a host doesn't answer, or refuses |
//! | `telemetry_records_held` keeps growing | records come faster than they leave |
//! | `telemetry_attempt_duration_seconds` near the request timeout | the place is slow; records wait |
//!
//! Records themselves can be looked at in a collector (`telemetry-export-otlp`) or in the program's own log
//! (`telemetry-export-tracing`), each a [`Sink`].
//!
//! At its end a program with connections open calls [`ClientProvider::shutdown`] with a deadline for all of
//! them, and logs what it returns: `3 clients closed, 0 records lost`. The [page](super::shutting_down) on
//! that says more. The books stay readable after it.
//!
//! # Turning it off
//!
//! In the order in which they win:
//!
//! 1. `DATABRICKS_TELEMETRY_DISABLED=1` or `DO_NOT_TRACK=1`, before the provider is built.
//! 2. [`Target::mode`] of a connection.
//! 3. [`TelemetryConfig::mode`] of the driver.
//! 4. The workspace's feature flag, unless one of these two says [`Forced`]. It also reaches connections that
//!    are open, within the time that the service says: 15 min if it says none.
//!
//! `DATABRICKS_TELEMETRY_ERROR_TEXT=none` keeps the text of errors back, and nothing else.
//!
//! # Looking without sending
//!
//! `DATABRICKS_TELEMETRY_DRY_RUN=FILE` writes each request's body to FILE, one line of JSON a request, and
//! sends nothing. The flag is still asked for. [`Status::dry_run`] then has the path, the books count
//! `written`, and a close ends as [`Written`]. With [`TeeExporter`] a driver sends and keeps a copy.
//!
//! # Logs
//!
//! By `tracing`, at DEBUG and nowhere above: each batch, each answer about the flag, and why one failed. They
//! hold the host and what went wrong, and no text of anybody's. `RUST_LOG=telemetry_core=debug` shows them,
//! where the program reads that variable. A breaker that changes is logged by the client that noticed; an
//! observer of [`BreakerRegistry`] is told of each.
//!
//! # When nothing arrives
//!
//! 1. Is it on? `off: …` names the reason. `undecided` means that the flag's answer is still on
//!    its way, or that no log-in has worked yet: [`Status::last_failure`] says which. Records wait meanwhile.
//! 2. Is something seen? `0 seen` while it is on: the driver doesn't record, or asks another lease.
//! 3. Is something made? Statements become records at their end: `folded` grows, and `made` of the second
//!    book when they complete.
//! 4. Is it held? Then it waits: for its batch, 5 s at the most; for a pause after a refusal; for a breaker
//!    that is open. [`Status::last_failure`] says what began it.
//! 5. Is it dropped? The tables above.
//! 6. Is it accepted? Then the service said so, and the question is there.
//!
//! [`Forced`]: crate::Mode::Forced
//! [`Written`]: crate::CloseOutcome::Written
//! [`BreakerRegistry`]: crate::breaker::BreakerRegistry
//! [`TeeExporter`]: crate::export::TeeExporter

#[cfg(doc)]
use crate::plugin::Observer;
#[cfg(doc)]
use crate::{ClientProvider, ClientProviderBuilder, Lease, Sink, Target, TelemetryConfig, status::Status};
