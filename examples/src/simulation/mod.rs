//! A day in milliseconds: the whole pipeline under a clock that is moved by hand, driven by a seed through
//! everything that services, flags, log-ins, plug-ins and drivers do to it, and held to its promises after
//! each step.
//!
//! [`run`] plays one seed. What it does depends on nothing but the seed, so one that fails fails again.

mod driver;
mod world;

use std::collections::BTreeMap;
use std::fmt;

pub use driver::run;
pub use world::{FlagMode, ServiceMode};

/// A promise that was broken, and by which step of which seed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What played it.
    pub seed: u64,
    /// The step after which it was noticed, from 1.
    pub step: usize,
    /// Which promise, and how.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, step {}: {}", self.seed, self.step, self.what)
    }
}

/// What a run came through: how often the exporter or the flags were called while the service, the breaker
/// and the flag were in which state.
pub type Coverage = BTreeMap<(ServiceMode, &'static str, FlagMode), u64>;

/// What came of one seed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// What it came through.
    pub coverage: Coverage,
    /// Calls of the exporter.
    pub attempts: u64,
    /// Records that the services took.
    pub accepted: u64,
    /// Closes that were waited for.
    pub closes: u64,
}
