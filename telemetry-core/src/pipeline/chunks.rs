//! How chunks add up.

use std::time::Duration;

use crate::record::ChunkDetails;
use crate::record::chunk::Chunk;

/// The chunks of one result so far. Merging two halves gives what recording all in one would have given, in
/// any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkTotals {
    iterated: u32,
    bytes: u64,
    compressed: Option<bool>,
    /// The lowest index and its latency.
    first: Option<(u32, Duration)>,
    slowest: Option<Duration>,
    sum: Duration,
}

impl ChunkTotals {
    pub(crate) fn record(&mut self, chunk: Chunk) {
        let Chunk { index, latency, bytes, compressed } = chunk;
        self.merge(&ChunkTotals {
            iterated: 1,
            bytes,
            compressed,
            first: Some((index, latency)),
            slowest: Some(latency),
            sum: latency,
        });
    }

    pub(crate) fn merge(&mut self, other: &ChunkTotals) {
        let ChunkTotals { iterated, bytes, compressed, first, slowest, sum } = *other;
        self.iterated = self.iterated.saturating_add(iterated);
        self.bytes = self.bytes.saturating_add(bytes);
        // One compressed chunk makes the result a compressed one.
        self.compressed = self.compressed.max(compressed);
        self.first = match (self.first, first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.slowest = self.slowest.max(slowest);
        self.sum = self.sum.saturating_add(sum);
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
            first: self.first.map(|(_, latency)| latency),
            slowest: self.slowest,
            sum: self.sum,
        }
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
        assert_eq!((details.iterated, details.bytes, details.sum), (u32::MAX, u64::MAX, Duration::MAX));
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
                index, latency: Duration::from_millis(millis), bytes, compressed,
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
            prop_assert_eq!(whole.slowest.map(|d| d.as_millis() as u64), chunks.iter().map(|c| c.1).max());
            prop_assert_eq!(whole.sum.as_millis() as u64, chunks.iter().map(|c| c.1).sum::<u64>());
            prop_assert_eq!(whole.bytes, chunks.iter().map(|c| c.2).sum::<u64>());
            let first = chunks.iter().map(|c| (c.0, c.1)).min().map(|c| c.1);
            prop_assert_eq!(whole.first.map(|(_, d)| d.as_millis() as u64), first);
        }
    }
}
