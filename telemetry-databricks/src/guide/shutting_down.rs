//! Shutting down: closing, flushing, and what is lost without.
//!
//! Records wait up to 5 s for their batch. So at any moment that much is in memory, and a process that ends
//! then takes it along. Somebody has to wait for it; this page says who may, and where.
//!
//! | the driver | waits | what is lost |
//! | --- | --- | --- |
//! | awaits [`Lease::close`] | for the delivery, up to the deadline | what the deadline cuts off, counted |
//! | calls [`Lease::close_blocking`] | the same, on this thread | the same |
//! | drops the lease | not at all | what isn't delivered in [`close_timeout`], 2 s, if the process lives that long |
//! | does neither, and the process ends | not at all | all that is held: up to 5 s of records |
//!
//! In an outage more is held, up to `max_records`, and a close has only its deadline to deliver it in.
//!
//! # Closing
//!
//! The close of a client's last lease sends what is held, and says how it ended. Those of other leases return
//! at once with [`Shared`], as the client goes on. The client ends with its last lease, so no further
//! bookkeeping is needed: a driver closes the lease with the connection.
//!
//! ```
//! use telemetry_databricks::{CloseOutcome, DEFAULT_CLOSE, Lease};
//!
//! # fn log(_: &str) {}
//! fn closed(lease: &Lease) {
//!     match lease.close_blocking(DEFAULT_CLOSE) {
//!         CloseOutcome::Lost { dropped, .. } => log(&format!("lost {dropped}")),
//!         CloseOutcome::TimedOut { dropped, .. } => log(&format!("the deadline cut off {dropped}")),
//!         // Delivered, shared with others, or off: nothing to say.
//!         _ => {}
//!     }
//! }
//! # closed(&Lease::disabled());
//! ```
//!
//! Its deadline is kept to, whatever the service, the exporter or the credentials do. An attempt may take 10
//! s ([`request_timeout`](crate::TelemetryConfig::request_timeout)) and a close waits for 2 s: one that is
//! given up at the close's deadline counts as a failure of the host. So a service that hangs costs five
//! closes in a row their 2 s, until the breaker opens; a flag that nobody answers costs three, until the
//! cache leaves the host alone for a minute. The ones after that wait for nothing. Close while the
//! credentials still work, so before a login is given up. Given up half-way, an awaited close goes on in the
//! background to the same deadline. It needs no runtime of a certain kind.
//!
//! [`close_blocking`](Lease::close_blocking) waits on any thread. On a thread of an asynchronous runtime it
//! holds up the other tasks of that thread; prefer `close` there.
//!
//! Sessions, statements and emitters hold the lease too. Dropping a lease gives it back only when they are
//! gone as well; closing it does at once, and what is recorded through them after the client's end is refused
//! and counted.
//!
//! # Flushing
//!
//! [`Lease::flush`] and [`Lease::flush_blocking`] deliver what is held now, and close nothing. A flush obeys
//! the flag, the breaker, and the pauses that the service asked for; at its deadline nothing is dropped.
//! Statements that are open stay open.
//!
//! ## Functions that are frozen between two calls
//!
//! A serverless platform stops the whole process when the handler returns. Nothing is sent meanwhile, and
//! what waited longer than `max_age` is dropped when it goes on. So flush before returning:
//!
//! ```
//! use std::time::Duration;
//! use telemetry_databricks::Lease;
//!
//! async fn handler(lease: &Lease) -> &'static str {
//!     // … the work …
//!     let _ = lease.flush(Duration::from_millis(500)).await;
//!     "done"
//! }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(handler(&Lease::disabled()));
//! ```
//!
//! The caller waits for that flush. If it must not, leave it out: what is held goes out in a later call, or
//! is lost with the instance.
//!
//! # The end of a process
//!
//! - Rust drops no static. A lease or a provider in one is never given back.
//! - `exit` ends every thread at once, so a final flush in the background ends too. Where connections may be
//!   open that nobody will close, call [`ClientProvider::shutdown_blocking`] before, from an exit hook of the
//!   host language, or keep a [`ClientProvider::shutdown_on_drop`] in `main`: it closes all clients within
//!   one deadline.
//! - A signal that kills, or an abort, loses what is held. A shorter [`flush_interval`] makes that less.
//! - A runtime of the driver's that was shut down doesn't matter: workers have a thread of their own.
//! - A driver that is a shared library must stay loaded for as long as its provider has a thread, which is
//!   for ever where a static keeps it. On Linux with glibc a `dlclose` leaves it mapped anyway; elsewhere
//!   whoever loads it must not unload it.
//!
//! # Forks
//!
//! A child shares no connection, thread or lock with its parent, so it can't go on with the parent's client.
//!
//! | the provider was made by | in the child |
//! | --- | --- |
//! | [`Composition`], or [`ClientProvider::rebuilt_after_fork`] | it is built anew with the first lease that the child acquires, with empty books |
//! | [`ClientProvider::builder`] | it is off: `a forked child keeps silent` |
//!
//! In both cases leases that the parent acquired are off in the child, and the parent is unaffected. What the
//! parent held, the parent delivers, once. A server that forks workers may so build the driver before the
//! fork, and open connections after. A worker closes its own leases before it ends.
//!
//! A child is known by its process id. One that has its parent's isn't: that of a PID 1, as in a container,
//! which calls `unshare(CLONE_NEWPID)` and forks, so that its child is PID 1 as well. There, acquire the
//! first lease after the fork, in the child, or fork once more and open connections in the grandchild, which
//! has another id. In a child that isn't known, nothing of the parent's leases is delivered, and closing one
//! may wait for a thread that isn't there.
//!
//! [`Shared`]: crate::CloseOutcome::Shared
//! [`close_timeout`]: crate::TelemetryConfig::close_timeout
//! [`flush_interval`]: crate::TelemetryConfig::flush_interval

#[cfg(doc)]
use crate::{ClientProvider, Composition, Lease};
