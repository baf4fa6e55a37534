//! The telemetry of a Databricks driver, composed in one expression.
//!
//! [`Composition`] puts together what the other crates have: [`HttpExporter`] over [`ReqwestTransport`], the
//! service's feature flag behind a cache, a breaker for each host, and the dry run that a user asks for by
//! setting a variable. All of it can be replaced. The root has everything of [`telemetry_core`].
//!
//! ```
//! use telemetry_databricks as telemetry;
//! use telemetry::{Composition, ConnectionInfo, DEFAULT_CLOSE, DriverIdentity, StaticToken, Target};
//!
//! # async fn connect() -> Result<(), telemetry_databricks::BuildError> {
//! // Once, in the driver.
//! let identity = DriverIdentity::builder()
//!     .name("My SQL Driver")
//!     .version(env!("CARGO_PKG_VERSION"))
//!     .client("MYDRIVER")
//!     .flag("databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForMyDriver")
//!     .build()?;
//! let provider = Composition::new(identity).build()?;
//!
//! // For each connection.
//! let target = Target::new("dbc-a1b2.cloud.databricks.com").credentials(StaticToken::new("…"));
//! let lease = provider.acquire(target);
//! let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
//! session.statement().complete();
//! let outcome = lease.close(DEFAULT_CLOSE).await;
//! # assert!(!outcome.is_delivered());
//! # Ok(())
//! # }
//! ```
//!
//! The [`guide`] has a page on each of: [wiring](guide::wiring) a driver, an [exporter](guide::exporter) and
//! a [transport](guide::transport) of one's own, [collectors](guide::collectors) of whoever runs it,
//! [testing](guide::testing), [shutting down](guide::shutting_down), [sizing](guide::sizing) for outages, and
//! [operating](guide::operating).

#![forbid(unsafe_code)]

mod composition;
pub mod guide;

pub use composition::Composition;
#[doc(inline)]
pub use telemetry_breaker as breaker;
pub use telemetry_core::*;
#[doc(inline)]
pub use telemetry_export_http as export;
#[cfg(feature = "reqwest")]
pub use telemetry_export_http::reqwest;
#[cfg(feature = "otlp")]
#[doc(inline)]
pub use telemetry_export_otlp as otlp;
#[doc(inline)]
pub use telemetry_flags as flags;

// For the links above.
#[cfg(doc)]
use telemetry_export_http::{HttpExporter, ReqwestTransport};
