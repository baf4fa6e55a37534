//! One chunk of a result, as a driver tells of it.

use std::time::Duration;

/// One chunk of a result, downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// Its place in the result, from 0.
    pub index: u32,
    /// How long its download took.
    pub latency: Duration,
    /// Its size as downloaded, in bytes.
    pub bytes: u64,
    /// Whether it came compressed, where that is known.
    pub compressed: Option<bool>,
}

impl Chunk {
    /// A chunk, of whose size nothing is said.
    pub const fn new(index: u32, latency: Duration) -> Self {
        Chunk { index, latency, bytes: 0, compressed: None }
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
