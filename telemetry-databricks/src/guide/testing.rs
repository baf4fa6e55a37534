//! Testing a driver that has this in it.
//!
//! Two kinds of tests are worth having. One runs without threads and without time, and says what is recorded
//! when. The other runs over real HTTP, and says what leaves. Both are made with [`telemetry_testkit`], a
//! dev-dependency:
//!
//! ```toml
//! [dev-dependencies]
//! telemetry-testkit = { path = "../telemetry/telemetry-testkit", features = ["tls", "workspace"] }
//! ```
//!
//! # Without threads and time
//!
//! With [`Runtime::Manual`] workers move when they are told to, by [`ClientProvider::step`], and on that
//! thread. With a [`FakeClock`] time passes when it is told to. A [`RecordingExporter`] keeps what it was
//! given; [`ScriptedFlags`] answer for the service. So the test decides everything, and needs no wait.
//!
//! ```
//! use std::time::Duration;
//! use telemetry_databricks::plugin::PluginError;
//! use telemetry_databricks::record::RecordKind;
//! use telemetry_databricks::{
//!     ClientProvider, Composition, ConnectionInfo, DriverIdentity, Runtime, Target,
//! };
//! use telemetry_testkit::{Accept, Do, FakeClock, RecordingExporter, ScriptedFlags};
//!
//! // All of it is handed in as clones, so the test keeps one of each.
//! fn provider(clock: &FakeClock, exporter: &RecordingExporter, flags: &ScriptedFlags) -> ClientProvider {
//!     let (clock, exporter, flags) = (clock.clone(), exporter.clone(), flags.clone());
//!     let identity = DriverIdentity::builder().name("D").version("1.0.0").client("D").flag("on");
//!     Composition::new(identity.build().unwrap())
//!         .environment(|_| None) // Whatever DO_NOT_TRACK says on this machine.
//!         .exporter(move |_| exporter.clone())
//!         .provider(move |builder| {
//!             builder.flags(flags.clone()).clock(clock.clone()).runtime(Runtime::Manual)
//!         })
//!         .build()
//!         .unwrap()
//! }
//!
//! let (clock, exporter) = (FakeClock::new(), RecordingExporter::new());
//! let provider = provider(&clock, &exporter, &ScriptedFlags::fixed("on", true));
//! let pass = |time| {
//!     clock.advance(time);
//!     provider.step();
//! };
//!
//! // Here the driver under test would do this.
//! let lease = provider.acquire(Target::new("workspace.example.com"));
//! let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2");
//! session.statement().complete();
//!
//! provider.step();
//! assert!(exporter.attempts().is_empty(), "a batch waits for 5 s");
//! pass(Duration::from_secs(5));
//! let kinds: Vec<_> = exporter.accepted().iter().map(|record| record.body.kind).collect();
//! assert_eq!(kinds, [RecordKind::Connection, RecordKind::Statement]);
//!
//! // An outage. Failed attempts are in `attempts`, and not in `accepted`.
//! exporter.script().set(Do::Fail(PluginError::new(503)));
//! session.statement().complete();
//! for _ in 0..60 {
//!     pass(Duration::from_secs(1));
//! }
//! let status = lease.status();
//! assert_eq!((status.records.held, status.records.dropped.total()), (1, 0), "it waits");
//!
//! // The service is back.
//! exporter.script().set(Do::Give(Accept::All));
//! for _ in 0..60 {
//!     pass(Duration::from_secs(1));
//! }
//! assert_eq!(exporter.accepted().len(), 3);
//!
//! // Whatever happened, the books balance.
//! let status = lease.status();
//! assert!(status.balances(), "{}\n{}", status.events, status.records);
//! ```
//!
//! A script may also [panic, hang or block][Do], which is how a driver's tests show that it doesn't care.
//! While the clock stands still, a close ends only if everything can be delivered at once; one that has to
//! wait for its deadline waits until somebody moves the clock. So with a script that hangs, poll `close` and
//! step, or close on a thread and move the clock on this one:
//!
//! ```
//! # use std::time::Duration;
//! # use telemetry_databricks::{CloseOutcome, Lease};
//! # use telemetry_testkit::FakeClock;
//! fn close_in_two_seconds(lease: &Lease, clock: &FakeClock) -> CloseOutcome {
//!     std::thread::scope(|scope| {
//!         let close = scope.spawn(|| lease.close_blocking(Duration::from_secs(2)));
//!         while !close.is_finished() {
//!             clock.advance_to_next();
//!             std::thread::yield_now();
//!         }
//!         close.join().unwrap()
//!     })
//! }
//! # close_in_two_seconds(&Lease::disabled(), &FakeClock::new());
//! ```
//!
//! Flags have a script as well, by which a flag is off, or can't be had:
//!
//! ```
//! use telemetry_databricks::plugin::PluginError;
//! use telemetry_databricks::Fault;
//! use telemetry_testkit::{Do, ScriptedFlags};
//!
//! let flags = ScriptedFlags::fixed("on", false);
//! flags.script().set(Do::Fail(PluginError::new(Fault::Connect)));
//! ```
//!
//! # Over real HTTP
//!
//! A [`FakeWorkspace`] runs on this machine, checks what a service checks, and remembers each request whole.
//! A strict one also refuses what isn't in the [schema][Schema], and events that come again when they were
//! accepted, or under another id when they weren't. Hosts of this machine are refused otherwise, so the test
//! allows them. Closing waits until everything has arrived; the limit ends a broken test.
//!
//! ```
//! use std::time::Duration;
//! use telemetry_databricks::{
//!     CloseOutcome, Composition, ConnectionInfo, DriverIdentity, ErrorDetails, HostPolicy, StaticToken,
//!     Target,
//! };
//! use telemetry_testkit::FakeWorkspace;
//!
//! let workspace = FakeWorkspace::builder().tls(&[]).strict().start(); // `tls` is a feature.
//! workspace.set_flag("on", true);
//! let identity = DriverIdentity::builder().name("D").version("1.0.0").client("D").flag("on");
//! let provider = Composition::new(identity.build().unwrap())
//!     .config(|config| config.host_policy(HostPolicy::AllowLoopback))
//!     .root_certificate(workspace.ca_pem().unwrap())
//!     .environment(|_| None)
//!     .build()
//!     .unwrap();
//!
//! let lease = provider.acquire(Target::new(workspace.url()).credentials(StaticToken::new("secret-token")));
//! let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2");
//! let mut statement = session.statement();
//! statement.error(|| ErrorDetails::new("SYNTAX").message("near `canary`"));
//! statement.complete();
//! assert_eq!(lease.close_blocking(Duration::from_secs(60)), CloseOutcome::Delivered { accepted: 3 });
//!
//! assert!(workspace.violations().is_empty(), "{:?}", workspace.violations());
//! let records = workspace.records();
//! let mut errors = records.iter().map(|record| &record["entry"]["sql_driver_log"]["error_info"]);
//! assert!(errors.any(|error| error["error_name"] == "SYNTAX"));
//! // What must never leave didn't.
//! for body in workspace.bodies() {
//!     let body = String::from_utf8(body).unwrap();
//!     assert!(!body.contains("canary") && !body.contains("secret-token"), "{body}");
//! }
//! ```
//!
//! A provider that the driver keeps in a static is built by the driver, not by its test: there the policy is
//! `if cfg!(test) { HostPolicy::AllowLoopback } else { HostPolicy::Public }`, the test stands in the driver's
//! own crate, and asks the [`ProviderRegistry`](crate::ProviderRegistry) for the provider whose
//! [status](ClientProvider::status) has the books. A certificate, which is in the key, gives each test a
//! provider of its own.
//!
//! [`Behaviour`] lets it answer 503, hang, reset, redirect or send rubbish, on telemetry and on flags apart.
//! [`FakeWorkspaceBuilder::route`] adds the driver's own paths. Workspaces of one host may have [flags of
//! their own][own], and with [client credentials][oauth] it issues the tokens that it accepts, and lets them
//! expire when the test says so. For single calls there are mocks of every trait, with the feature `mocks`.
//!
//! # With a driver that is built already
//!
//! In whatever language it is written, it connects to a fake workspace as to any other. In a process of its
//! own:
//!
//! ```sh
//! cargo run -p examples --bin workspace -- --port 8443 --tls --ca-file ca.pem --strict --flag a.b.enableIt
//! ```
//!
//! It prints its URL, and then each record that it accepts and each reason for which it refuses something. It
//! runs statements sent to the REST API, with results in JSON. `--client-id` and `--client-secret` let it
//! issue tokens; without them any token does. A driver that knows this machine by another name than
//! `localhost` or its address is answered 421 until `--allow-host NAME` allows that. Drivers of different
//! languages trust `ca.pem` by different means: those of Go read `SSL_CERT_FILE`, those of Node
//! `NODE_EXTRA_CA_CERTS`, those of Java a trust store that `keytool -importcert` makes of it. The Python
//! connector 4.9.0 is connected by
//!
//! ```python
//! sql.connect(server_hostname="localhost", http_path="/sql/1.0/warehouses/0123456789abcdef",
//!             access_token="t", use_sea=True, _tls_trusted_ca_file="ca.pem", enable_telemetry=True)
//! ```
//!
//! and asks for flags and posts telemetry on port 443, whatever the port of its connection: `--port 443` it
//! is. Its log-in by client credentials reads `REQUESTS_CA_BUNDLE`.
//!
//! [`telemetry_testkit`]: ../../../telemetry_testkit/index.html
//! [`FakeClock`]: ../../../telemetry_testkit/struct.FakeClock.html
//! [`RecordingExporter`]: ../../../telemetry_testkit/struct.RecordingExporter.html
//! [`ScriptedFlags`]: ../../../telemetry_testkit/struct.ScriptedFlags.html
//! [Do]: ../../../telemetry_testkit/enum.Do.html
//! [`FakeWorkspace`]: ../../../telemetry_testkit/struct.FakeWorkspace.html
//! [`FakeWorkspaceBuilder::route`]: ../../../telemetry_testkit/struct.FakeWorkspaceBuilder.html#method.route
//! [Schema]: ../../../telemetry_testkit/struct.Schema.html
//! [own]: ../../../telemetry_testkit/struct.FakeWorkspace.html#method.set_workspace_flag
//! [oauth]: ../../../telemetry_testkit/struct.FakeWorkspaceBuilder.html#method.client_credentials
//! [`Behaviour`]: ../../../telemetry_testkit/enum.Behaviour.html

#[cfg(doc)]
use crate::{ClientProvider, Runtime};
