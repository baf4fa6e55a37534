//! One chunk of a result, as a driver tells of it.

use std::time::Duration;

use crate::nanos::nanos;

/// One chunk of a result, downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// Its place in the result, from 0.
    pub index: u32,
    /// How long its download took, in nanoseconds.
    pub(crate) latency: u64,
    /// Its size as downloaded, in bytes.
    pub bytes: u64,
    /// Whether it came compressed, where that is known.
    pub compressed: Option<bool>,
}

impl Chunk {
    /// A chunk by its place in the result, from 0, and how long its download took, at the most 584 years. Of
    /// its size nothing is said.
    pub const fn new(index: u32, latency: Duration) -> Self {
        Chunk { index, latency: nanos(latency), bytes: 0, compressed: None }
    }

    /// How long its download took.
    pub const fn latency(&self) -> Duration {
        Duration::from_nanos(self.latency)
    }

    /// The same with its size as downloaded, in bytes.
    #[must_use]
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// The same with whether it came compressed.
    #[must_use]
    pub const fn compressed(mut self, compressed: bool) -> Self {
        self.compressed = Some(compressed);
        self
    }
}
