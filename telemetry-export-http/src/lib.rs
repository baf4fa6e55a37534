//! Delivers telemetry over HTTP for [`telemetry_core`].
//!
//! [`HttpExporter`] turns a batch of records into one request of the [`wire`], makes one attempt over a
//! [`Transport`](telemetry_core::plugin::Transport), and reads the answer into a receipt or a classified
//! failure; when to try again is decided elsewhere. `ReqwestTransport` (feature `reqwest`, on by default) is
//! the hardened transport: HTTPS alone, no redirect followed, no name called that resolves to an address it
//! must not, every answer bounded. One on another HTTP client is made of the same parts: [`to_http`],
//! [`from_http`], and those of [`telemetry_core::plugin`]. [`DryRunExporter`] writes the exact bytes to a
//! file instead, and [`TeeExporter`] does both; [`default_exporter`] is what a driver composes, so that its
//! users can look by setting an environment variable.
//!
//! ```
//! # #[cfg(not(feature = "reqwest"))]
//! # fn main() {}
//! # #[cfg(feature = "reqwest")]
//! # fn main() -> Result<(), telemetry_core::BuildError> {
//! use std::sync::Arc;
//! use telemetry_export_http::{HttpExporter, ReqwestTransport, default_exporter};
//!
//! let exporter = default_exporter(HttpExporter::new(Arc::new(ReqwestTransport::new()?)));
//! # drop(exporter);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod dry_run;
mod encode;
mod endpoints;
mod exporter;
pub mod fields;
mod http_types;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
pub mod wire;

pub use dry_run::{
    DRY_RUN_VARIABLE, DryRunExporter, MAX_FILE_BYTES, TeeExporter, default_exporter, dry_run_or,
};
pub use endpoints::Endpoints;
pub use exporter::{HttpExporter, MAX_BODY_BYTES, parse_answer};
/// The types of [`to_http`] and [`from_http`].
pub use http;
pub use http_types::{from_http, to_http};
/// The library that [`ReqwestTransportBuilder::configure`] configures a client of.
#[cfg(feature = "reqwest")]
pub use reqwest;
#[cfg(feature = "reqwest")]
pub use reqwest_transport::{ReqwestTransport, ReqwestTransportBuilder};
#[cfg(feature = "reqwest")]
pub use rustls::crypto::CryptoProvider;
