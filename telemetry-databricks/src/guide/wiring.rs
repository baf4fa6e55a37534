//! Wiring a driver, in the order in which one does it.
//!
//! Nothing that records can fail, wait or do I/O, so call it where things happen and check nothing. Don't ask
//! whether telemetry is on, either: while it is off, each call is one branch.
//!
//! # 1. The driver, once
//!
//! The identity names the driver, and the feature flag that turns it on. Building the provider is the one
//! moment that may fail. A driver goes on without it then.
//!
//! ```
//! use telemetry_databricks::{BuildError, ClientProvider, Composition, DriverIdentity};
//!
//! fn provider() -> Result<ClientProvider, BuildError> {
//!     let identity = DriverIdentity::builder()
//!         .name("My SQL Driver")
//!         .version(env!("CARGO_PKG_VERSION"))
//!         .client("MYDRIVER") // As it is registered for feature flags.
//!         .flag("databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForMyDriver")
//!         .build()?;
//!     Composition::new(identity).build()
//! }
//!
//! /// One for a process: it belongs to the driver, as its connection pool does.
//! struct Driver {
//!     telemetry: Option<ClientProvider>,
//! }
//!
//! let driver = Driver { telemetry: provider().ok() };
//! # assert!(driver.telemetry.is_some());
//! ```
//!
//! It starts no thread yet, and reads the environment and the system's certificates now, which takes some
//! milliseconds: a driver without sinks that builds it with its first connection spares those for one that
//! is [off](ConnectionSettings::is_off). A driver that has no object that lives as long as the process, such
//! as an ADBC driver whose database objects come and go, keeps its provider, or one for each proxy and
//! certificate that they are opened with, in a [`ProviderRegistry`].
//!
//! # 2. What a user sets
//!
//! A connection has settings of its own beside the provider's: on or off, how large batches are and how
//! often they go, how often they are tried again, how long a close may take, and whether they travel under
//! the connection's credentials. They are read from text, or by serde from a file. What can't be read is an
//! error, for the driver to tell its user as it does of other options, or to ignore.
//!
//! ```
//! use telemetry_databricks::{BuildError, ConnectionSettings};
//!
//! /// Takes an option of the connection, if it is one of telemetry's.
//! fn option(settings: &mut ConnectionSettings, name: &str, value: &str) -> Result<bool, BuildError> {
//!     let Some(setting) = name.strip_prefix("mydriver.telemetry.") else { return Ok(false) };
//!     settings.set(setting, value).map(|()| true)
//! }
//!
//! let mut settings = ConnectionSettings::default();
//! assert_eq!(option(&mut settings, "mydriver.telemetry.batch_size", "50"), Ok(true));
//! assert_eq!(option(&mut settings, "mydriver.catalog", "main"), Ok(false));
//! assert!(option(&mut settings, "mydriver.telemetry.flush_interval", "soon").is_err());
//! ```
//!
//! [Below](#names-that-you-may-know) stand the names that shipped drivers have for the same.
//!
//! # 3. A lease for each connection
//!
//! ```
//! use telemetry_databricks::{ClientProvider, ConnectionSettings, Lease, StaticToken, Target};
//!
//! /// `own` is what the user said for this connection, if anything.
//! fn lease(driver: Option<&ClientProvider>, host: &str, token: &str, own: ConnectionSettings) -> Lease {
//!     let Some(provider) = driver else { return Lease::disabled() };
//!     provider.acquire(Target::new(host).credentials(StaticToken::new(token)).settings(own))
//! }
//! # drop(lease(None, "dbc-a1b2.cloud.databricks.com", "…", ConnectionSettings::default()));
//! ```
//!
//! Connections to one host as one principal share a client. A token that changes is a [`CurrentToken`]: where
//! the driver logs in and where it renews, it says the new one. That asks nobody, and begins no log-in.
//!
//! ```
//! use telemetry_databricks::plugin::ScopeId;
//! use telemetry_databricks::{CurrentToken, Target};
//!
//! struct Login {
//!     telemetry: CurrentToken,
//! }
//!
//! impl Login {
//!     fn new(application: &str) -> Login {
//!         // What is the same for all connections of this principal, whatever its token.
//!         Login { telemetry: CurrentToken::of(ScopeId::derived_from(application)) }
//!     }
//!
//!     fn renewed(&self, token: &str) {
//!         self.telemetry.set(token);
//!     }
//! }
//!
//! let login = Login::new("6e1b…");
//! let target = Target::new("dbc-a1b2.cloud.databricks.com").credentials(login.telemetry.clone());
//! login.renewed("…");
//! # drop(target);
//! ```
//!
//! Any other proof, such as headers that are signed for each request, comes from a [`CredentialProvider`] of
//! the driver's own. It runs in the context of the provider's runtime, not of the driver's: a request that it
//! makes there by the driver's HTTP client leaves a connection in that client's pool which ends with that
//! runtime. Spawn it on a handle of the driver's, and await that.
//!
//! A driver that acquires the lease before it knows who logs in says [`Target::credentials_later`], and
//! [`Lease::credentials`](crate::Lease::credentials) when it does: what is recorded meanwhile waits. Where it
//! named the principal, the credentials must be of that one, a token by [`StaticToken::of`]: others are
//! ignored.
//!
//! # 4. Opening: opened, or failed
//!
//! ```
//! use telemetry_databricks::{ConnectionInfo, ErrorDetails, Lease, Session};
//!
//! struct Connection {
//!     lease: Lease,
//!     telemetry: Session,
//! }
//!
//! fn connect(lease: Lease, answer: std::io::Result<String>) -> std::io::Result<Connection> {
//!     let opening = lease.opening(ConnectionInfo::new().auth_type("pat")); // The time runs from here.
//!     match answer {
//!         Ok(id) => Ok(Connection { telemetry: opening.opened(&id), lease }),
//!         Err(error) => {
//!             opening.failed(|| ErrorDetails::new("CONNECT_FAILED").fault(&error).message(&error));
//!             Err(error)
//!         }
//!     }
//! }
//! # let connection = connect(Lease::disabled(), Ok("01f0a1b2".into())).unwrap();
//! # drop((connection.telemetry, connection.lease));
//! ```
//!
//! [`ConnectionInfo::params`] takes the rest that is known of the connection: all optional. What is learned
//! while it opens is for [`Opening::learned`](crate::Opening::learned), and what is learned later for
//! [`Session::learned`](crate::Session::learned), which gives the session to go on with. A workspace's id
//! that comes late is in the records from then on; which workspace's flag is asked for, the [`Target`] alone
//! decides. A lease that is dropped delivers in the background, for 2 s: a program that ends at once after a
//! failure closes it first. A log-in that was refused has no credentials to report itself by: its record is
//! sent only where another connection of the principal has some.
//!
//! # 5. Statements, by handle or by id
//!
//! What ended a statement is said by `failed`, and is in the statement's own record; `error` is for what it
//! survived, such as a retry. A handle is best: it gathers, and takes one place in the buffer, at its end.
//! Dropped early, it is reported as it is. A [shared](crate::Statement::shared) one is told things through
//! `&self`, and by several tasks, for drivers whose own traits give no more. Where the caller reads the rows,
//! let the reader have it: the statement is over when the last row was read, or in the reader's `Drop`. A
//! driver that can't keep an object for each statement uses the [`Emitter`]; there each call takes a place.
//!
//! ```
//! use std::time::Duration;
//! use telemetry_databricks::{Chunk, ErrorDetails, Fault, Operation, OperationType, Session, StatementType};
//!
//! # let session = Session::disabled();
//! let mut statement = session.statement();
//! statement.kind(StatementType::Query);
//! statement.id("01f0a1b2-0001"); // As soon as the service has said it.
//! // The caller's trace, if there is one.
//! statement.trace_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
//! statement.poll(Duration::from_millis(8)); // Each time it is asked whether it is done, or `not_polled`.
//! statement.chunks_present(2);
//! statement.result_ready(); // The first row can be read.
//! statement.chunk(Chunk::new(0, Duration::from_millis(12)).bytes(65_536));
//!
//! // A download on another thread has a recorder of its own: what it says before the statement ends counts.
//! let recorder = statement.chunk_recorder();
//! let download = std::thread::spawn(move || recorder.chunk(Chunk::new(1, Duration::from_millis(9))));
//! # download.join().unwrap();
//!
//! // Text of the driver's own travels as it is. In a closure, so that while off nothing is formatted.
//! statement.error(|| {
//!     let late = Duration::from_secs(30);
//!     let details = ErrorDetails::new("CHUNK_TIMEOUT").fault(Fault::Timeout);
//!     details.template("chunk {} took over {}", &[&1, &late])
//! });
//! statement.rows(2048); // As they are fetched; `bytes` for what comes in no chunk.
//! statement.result_consumed(); // The last row was read.
//! statement.complete();
//!
//! // The same by id, from anywhere.
//! let emitter = session.emitter();
//! emitter.started("01f0a1b2-0002", StatementType::Update);
//! emitter.completed("01f0a1b2-0002", Duration::from_millis(42));
//!
//! // A call that is no statement.
//! let close = Operation::new(OperationType::CloseStatement, Duration::from_millis(3));
//! session.operation(close.statement("01f0a1b2-0002").internal(true));
//! ```
//!
//! What is recorded later than it happened says how long ago that was, which no change of the date moves:
//! `began` for a statement, `ago` for an [`Operation`](crate::Operation) and for
//! [`ErrorDetails`](crate::ErrorDetails).
//!
//! # 6. Closing
//!
//! Close telemetry last, while the credentials still work. What an asynchronous driver awaits, a synchronous
//! one calls; all else is the same for both. A driver whose users may set `close_timeout` hands on
//! [`Lease::close_timeout`](crate::Lease::close_timeout). [`shutting_down`](super::shutting_down) has the
//! rest.
//!
//! ```
//! use std::time::Duration;
//! use telemetry_databricks::{CloseOutcome, DEFAULT_CLOSE, Lease, Session};
//!
//! async fn close(session: Session, lease: Lease) -> CloseOutcome {
//!     session.closed(Duration::from_millis(3));
//!     lease.close(DEFAULT_CLOSE).await
//! }
//!
//! fn close_synchronously(session: Session, lease: Lease) -> CloseOutcome {
//!     session.closed(Duration::from_millis(3));
//!     lease.close_blocking(DEFAULT_CLOSE)
//! }
//! # assert_eq!(close_synchronously(Session::disabled(), Lease::disabled()).undelivered(), 0);
//! ```
//!
//! # A whole driver
//!
//! The example driver, in `examples/src`, has every step among its own code, to copy from:
//!
//! | step | where |
//! | --- | --- |
//! | 1, the provider | `compose.rs`, and `Driver::new` in `driver/mod.rs` |
//! | 2, options | `Options::set` in `driver/connection.rs` |
//! | 3 and 4, lease and opening | `Options::info` and `Connection::open` in `driver/connection.rs` |
//! | 5, statements | `Connection::submit`, and all of `driver/statement.rs`: polls, chunks from tasks, failures, cancelling |
//! | what an error says | `Error::details` in `driver/error.rs` |
//! | 6, closing | `Connection::close` in `driver/connection.rs` |
//!
//! # Names that you may know
//!
//! What shipped drivers call the same, as their sources had it in 2025 and 2026. Where a name is missing
//! the driver has no such option; times are milliseconds unless they say a unit.
//!
//! | here | Node.js | JDBC | Go | Python | C# (ADBC), after `adbc.databricks.telemetry.` |
//! | --- | --- | --- | --- | --- | --- |
//! | [`mode`](ConnectionSettings::mode) on, off | `telemetryEnabled` | `EnableTelemetry` (1, 0) | `enableTelemetry=false` | `enable_telemetry` | `enabled=false` |
//! | [`mode`](ConnectionSettings::mode) forced | | `ForceEnableTelemetry` | `enableTelemetry=true` | `force_enable_telemetry` | `enabled=true` |
//! | [`batch_size`](ConnectionSettings::batch_size) | `telemetryBatchSize` | `TelemetryBatchSize` | `telemetry_batch_size` | `telemetry_batch_size` | `batch_size` |
//! | [`flush_interval`](ConnectionSettings::flush_interval) | `telemetryFlushIntervalMs` | `TelemetryFlushInterval` | `telemetry_flush_interval` (`30s`) | | `flush_interval_ms` |
//! | [`max_retries`](ConnectionSettings::max_retries) | `telemetryMaxRetries` | | | | `max_retries` |
//! | [`close_timeout`](ConnectionSettings::close_timeout) | `telemetryCloseTimeoutMs` | | | | |
//! | [`authenticated`](ConnectionSettings::authenticated) | `telemetryAuthenticatedExport` | | | | |
//! | `BreakerConfig`, for a provider | `telemetryCircuitBreakerThreshold`, `telemetryCircuitBreakerTimeout` | `TelemetryCircuitBreakerEnabled` | | `_telemetry_circuit_breaker_enabled` | `circuit_breaker_threshold`, `circuit_breaker_timeout_ms` |
//!
//! They don't mean the same by "on". In Node.js, JDBC and Python a user who turns it on still leaves the last
//! word to the service's flag, which is [`Mode::On`]. In Go and C# what the user says overrules the flag, so
//! that on is [`Mode::Forced`], and the flag decides where the user says nothing. A driver that keeps its
//! option's name keeps its meaning too. Off is off in all of them.

#[cfg(doc)]
use crate::{
    ConnectionInfo, ConnectionSettings, CredentialProvider, CurrentToken, Emitter, Mode, ProviderRegistry,
    StaticToken, Target,
};
