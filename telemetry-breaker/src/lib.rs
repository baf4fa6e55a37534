//! Circuit breakers for [`telemetry_core`]: one per host, so that a service that is down is left alone until
//! it isn't.
//!
//! [`CircuitBreaker`] is a state machine under one short lock: closed, open, half-open. It reads no clock and
//! waits for nothing; the caller passes the time, and gets a permit or a rejection that says until when. A
//! permit is a value: settled as success, failure or neutral, or dropped, which gives a probe's place back.
//! [`BreakerRegistry`] keeps one for each host and is what a provider is composed with.
//!
//! ```
//! use telemetry_breaker::{BreakerConfig, BreakerRegistry};
//!
//! # fn main() -> Result<(), telemetry_breaker::InvalidConfig> {
//! let breakers = BreakerRegistry::builder()
//!     .config(BreakerConfig::default())
//!     .observer(|host, transition| tracing::debug!(%host, to = ?transition.to, "telemetry breaker"))
//!     .build()?;
//! # drop(breakers);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod breaker;
mod config;
mod glance;
#[cfg(all(test, shuttle))]
mod interleavings;
mod machine;
mod registry;
mod sync;

pub use breaker::CircuitBreaker;
pub use config::{BreakerConfig, InvalidConfig, Policy};
pub use machine::Transition;
pub use registry::{BreakerRegistry, BreakerRegistryBuilder, DEFAULT_CAPACITY};
