//! A transport of one's own: sending over the HTTP client that a driver has.
//!
//! The default links reqwest 0.13. A driver that has another client, or another version, leaves it out and
//! implements [`Transport`] on its own:
//!
//! ```toml
//! [dependencies]
//! telemetry-databricks = { path = "../telemetry/telemetry-databricks", default-features = false }
//! ```
//!
//! Two stand in `examples/tests/transports`, to copy from: `reqwest_0_12.rs`, which never holds up its
//! thread, and `ureq_3.rs`, which blocks. Each is some 50 lines of code.
//!
//! # What stands ready
//!
//! None of it needs an HTTP library; [`ReqwestTransport`] is made of the same.
//!
//! | what a transport owes | the part |
//! | --- | --- |
//! | method, URL and headers as given, or [`Fault::Unsendable`] | [`to_http`], into the request of the `http` crate |
//! | no connection to an address that the host may not have | [`Resolver`] for a client that takes an asynchronous one, or [`HostPolicy::check_addresses`] behind the client's own look-up |
//! | the policy of the host that is called | [`PerPolicy`], a client for each |
//! | status and headers of the answer | [`from_http`] |
//! | a body of [`max_response_bytes`] at the most | [`HttpResponse::push_body`] for each piece, or [`HttpResponse::read_body`] from a reader |
//! | an answer that breaks off | [`HttpResponse::broken_off`], which `read_body` has in it |
//! | errors without text | [`Fault::find`] |
//!
//! # What the client is to be told
//!
//! Clients do more than is wanted here, each by settings of its own:
//!
//! - no redirects, no retries, no cookies, and no headers that aren't the request's: user agent, referer;
//! - statuses of errors, and redirects, are answers;
//! - [`timeout`] holds for all of a request, its answer's body included;
//! - certificates are verified.
//!
//! It should be a client of the transport's own, with the driver's proxies and roots: connections of an
//! asynchronous client belong to the runtime that opened them, and a provider has one of its own. A host that
//! is an address was checked when the [`Host`](crate::Host) was made. Through a proxy it is the proxy that
//! looks the host's name up.
//!
//! Let one function configure both clients, so that what a user sets for the driver's holds for both: all but
//! its user agent, and a verification of certificates that is switched off, which is switched on again. With
//! native-tls a client reads the system's roots when it is made, which takes some tens of milliseconds of the
//! first connection, and [`PerPolicy`] makes three. A driver that leaves
//! [`host_policy`](crate::TelemetryConfig::host_policy) at `Public` makes that one alone, and answers
//! [`Fault::RefusedHost`] for a host of another policy.
//!
//! # What an error means
//!
//! [`Fault::find`] looks behind an error for a [`PluginError`], as [`Resolver`] and `check_addresses` give
//! it, and for an [`io::Error`](std::io::Error). What only the library's own types say, it is told by a
//! closure. A type that the driver has no name for, such as native-tls' error, is left to `is_connect`: a
//! failed handshake counts as `Connect` then, which is tried again.
//!
//! | fault | what for |
//! | --- | --- |
//! | `Unsendable` | the request can't be made |
//! | `NoSuchHost`, `RefusedHost` | the name doesn't resolve, or to an address that is refused |
//! | `Connect`, `Tls` | no connection, no handshake |
//! | `Timeout` | the time is over, at any point |
//! | `Reset` | the connection broke before the answer's head was there |
//! | `BadAnswer` | what came isn't HTTP |
//!
//! [`exporter`](super::exporter#what-it-answers) says what follows from each.
//!
//! # Whether it may block
//!
//! By default a call runs on one of 8 threads for calls that may block; see [`Transport::may_block`]. A
//! blocking client needs nothing but that. An asynchronous one says `false` and runs on the provider's own
//! thread, provided that it looks names up by [`Resolver`]: the system's look-up blocks for as long as it
//! takes.
//!
//! # Using and testing it
//!
//! ```
//! use telemetry_databricks::plugin::Transport;
//! use telemetry_databricks::{BuildError, ClientProvider, Composition, DriverIdentity};
//!
//! fn composed<T: Transport>(of: DriverIdentity, make: fn() -> T) -> Result<ClientProvider, BuildError> {
//!     // A forked child makes another.
//!     Composition::new(of).transport(move || Ok(make())).build()
//! }
//! # use telemetry_testkit::MockTransport;
//! # let of = DriverIdentity::builder().name("D").version("1").client("D").flag("f").build().unwrap();
//! # assert!(composed(of, MockTransport::new).is_ok());
//! ```
//!
//! The testkit's [suite] runs it against a workspace on this machine, well and badly behaved, and panics with
//! the obligation that isn't kept. Certificates it can't see.
//!
//! ```
//! # #[cfg(feature = "reqwest")]
//! use telemetry_databricks::export::ReqwestTransport; // In the place of one's own.
//! use telemetry_testkit::conformance;
//!
//! # #[cfg(feature = "reqwest")]
//! #[tokio::main]
//! async fn main() {
//!     conformance::transport(|| ReqwestTransport::new().unwrap()).await;
//! }
//! # #[cfg(not(feature = "reqwest"))]
//! # fn main() {}
//! ```
//!
//! [suite]: ../../../telemetry_testkit/conformance/fn.transport.html
//! [`timeout`]: crate::plugin::HttpRequest::timeout
//! [`max_response_bytes`]: crate::plugin::HttpRequest::max_response_bytes
//! [`ReqwestTransport`]: ../../../telemetry_export_http/struct.ReqwestTransport.html

#[cfg(doc)]
use crate::export::{from_http, to_http};
#[cfg(doc)]
use crate::plugin::{HttpResponse, PerPolicy, PluginError, Resolver, Transport};
#[cfg(doc)]
use crate::{Fault, HostPolicy};
