//! How chunks add up.

use std::time::Duration;

use crate::guard::lock::lock_if;
use crate::guard::sync::Mutex;
use crate::record::ChunkDetails;
use crate::record::chunk::Chunk;

/// The chunks of one result so far. Merging two halves gives what recording all in one would have given, in
/// any order. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkTotals {
    iterated: u32,
    /// The lowest index and its latency; the highest there is before the first chunk.
    first: u32,
    first_latency: u64,
    slowest: u64,
    sum: u64,
    bytes: u64,
    compressed: Option<bool>,
}

impl Default for ChunkTotals {
    fn default() -> Self {
        ChunkTotals {
            iterated: 0,
            first: u32::MAX,
            first_latency: u64::MAX,
            slowest: 0,
            sum: 0,
            bytes: 0,
            compressed: None,
        }
    }
}

impl ChunkTotals {
    #[inline]
    pub(crate) fn record(&mut self, chunk: Chunk) {
        let Chunk { index, latency, bytes, compressed } = chunk;
        self.merge(&ChunkTotals {
            iterated: 1,
            first: index,
            first_latency: latency,
            slowest: latency,
            sum: latency,
            bytes,
            compressed,
        });
    }

    #[inline]
    pub(crate) fn merge(&mut self, other: &ChunkTotals) {
        let ChunkTotals { iterated, first, first_latency, slowest, sum, bytes, compressed } = *other;
        self.iterated = self.iterated.saturating_add(iterated);
        if first <= self.first {
            let same = first == self.first;
            self.first_latency = if same { first_latency.min(self.first_latency) } else { first_latency };
            self.first = first;
        }
        self.slowest = self.slowest.max(slowest);
        self.sum = self.sum.saturating_add(sum);
        self.bytes = self.bytes.saturating_add(bytes);
        if compressed.is_some() {
            // One compressed chunk makes the result a compressed one.
            self.compressed = self.compressed.max(compressed);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.iterated == 0
    }

    pub(crate) fn compressed(&self) -> Option<bool> {
        self.compressed
    }

    pub(crate) fn details(&self, present: Option<u32>) -> ChunkDetails {
        ChunkDetails {
            present,
            iterated: self.iterated,
            bytes: self.bytes,
            first: (!self.is_empty()).then_some(Duration::from_nanos(self.first_latency)),
            slowest: (!self.is_empty()).then_some(Duration::from_nanos(self.slowest)),
            sum: Duration::from_nanos(self.sum),
        }
    }
}

/// Where the recorders of one statement come together. Its lock is held for some nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Sum>);

#[derive(Debug, Default)]
struct Sum {
    chunks: ChunkTotals,
    events: u64,
    closed: bool,
}

impl Tally {
    /// Adds a chunk; `false` when the statement has ended. While somebody else adds one, it is left out where
    /// that isn't to be waited for.
    pub(crate) fn add(&self, chunk: Chunk, waits: impl FnOnce() -> bool) -> bool {
        let Some(mut sum) = lock_if(&self.0, waits) else { return true };
        if !sum.closed {
            sum.chunks.record(chunk);
            sum.events += 1;
        }
        !sum.closed
    }

    /// The statement has ended: what was added until now, and how many chunks that is.
    pub(crate) fn close(&self, waits: impl FnOnce() -> bool) -> Option<(ChunkTotals, u64)> {
        let mut sum = lock_if(&self.0, waits)?;
        sum.closed = true;
        Some((sum.chunks, sum.events))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn absurd_sums_stay_at_what_can_be_counted() {
        let whole = ChunkTotals { iterated: u32::MAX, ..ChunkTotals::default() };
        let mut sum = whole;
        sum.record(Chunk::new(0, Duration::MAX).bytes(u64::MAX));
        sum.record(Chunk::new(1, Duration::MAX).bytes(u64::MAX));
        let details = sum.details(None);
        assert_eq!(
            (details.iterated, details.bytes, details.sum),
            (u32::MAX, u64::MAX, Duration::from_nanos(u64::MAX))
        );
    }

    #[test]
    fn of_two_chunks_with_one_index_the_quicker_is_the_first_and_one_that_is_compressed_is_enough() {
        for order in [[3, 5], [5, 3]] {
            let mut sum = ChunkTotals::default();
            assert!(sum.is_empty());
            for millis in order {
                let latency = Duration::from_millis(millis);
                sum.record(Chunk { compressed: Some(millis == 3), ..Chunk::new(7, latency) });
            }
            assert!(!sum.is_empty());
            assert_eq!(
                (sum.details(None).first, sum.compressed()),
                (Some(Duration::from_millis(3)), Some(true))
            );
        }
    }

    proptest! {
        #[test]
        fn parts_merged_in_any_order_give_what_one_recorder_gives(
            chunks in proptest::collection::vec((0u32..50, 0u64..1000, 0u64..1000, proptest::option::of(any::<bool>())), 0..40),
            parts in 1usize..5,
            backwards: bool,
        ) {
            let chunk = |(index, millis, bytes, compressed): (u32, u64, u64, Option<bool>)| Chunk {
                bytes, compressed, ..Chunk::new(index, Duration::from_millis(millis))
            };
            let mut whole = ChunkTotals::default();
            let mut split = vec![ChunkTotals::default(); parts];
            for (place, values) in chunks.iter().enumerate() {
                whole.record(chunk(*values));
                split[place % parts].record(chunk(*values));
            }
            if backwards { split.reverse(); }
            let mut merged = ChunkTotals::default();
            split.iter().for_each(|part| merged.merge(part));
            prop_assert_eq!(merged, whole);
            prop_assert_eq!(whole.iterated as usize, chunks.len());
            let whole = whole.details(None);
            let millis = |time: Duration| time.as_millis() as u64;
            prop_assert_eq!(whole.slowest.map(millis), chunks.iter().map(|c| c.1).max());
            prop_assert_eq!(millis(whole.sum), chunks.iter().map(|c| c.1).sum::<u64>());
            prop_assert_eq!(whole.bytes, chunks.iter().map(|c| c.2).sum::<u64>());
            let first = chunks.iter().map(|c| (c.0, c.1)).min().map(|c| c.1);
            prop_assert_eq!(whole.first.map(millis), first);
        }
    }
}
