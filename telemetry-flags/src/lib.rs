//! Feature flags for [`telemetry_core`]: may this host be told?
//!
//! [`HttpFlagSource`] asks a host, over whatever [`Transport`](telemetry_core::plugin::Transport) the driver
//! has. [`FlagCache`] stands before it, or before any other source: however many connections ask, a host is
//! asked once per time to live, by one of them, and what it said stays known when asking again fails.
//! [`StaticFlags`] answers from a setting.
//!
//! ```
//! use std::sync::Arc;
//! use telemetry_core::plugin::Transport;
//! use telemetry_flags::{FlagCache, HttpFlagSource};
//!
//! # fn flags(transport: Arc<dyn Transport>) -> FlagCache<HttpFlagSource> {
//! FlagCache::new(HttpFlagSource::new(transport))
//! # }
//! ```

#![forbid(unsafe_code)]

mod cache;
mod fixed;
mod http;
mod machine;

pub use cache::{DEFAULT_CAPACITY, DEFAULT_RETRY, FlagCache, FlagCacheBuilder};
pub use fixed::StaticFlags;
pub use http::{Answer, DEFAULT_TTL, HttpFlagSource, MAX_TTL, MIN_TTL, parse};
