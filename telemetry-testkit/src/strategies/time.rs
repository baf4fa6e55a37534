//! Times.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use telemetry_core::plugin::Tick;

/// A moment: mostly within some hours of a clock's origin, now and then at either end of time.
pub fn tick() -> impl Strategy<Value = Tick> {
    prop_oneof![
        8 => 0..100_000_000_000_000u64,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
        1 => Just(0),
    ]
    .prop_map(Tick::from_nanos)
}

/// A duration: mostly within an hour, now and then nothing or endless.
pub fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => (0..3_600_000_000_000u64).prop_map(Duration::from_nanos),
        1 => any::<u64>().prop_map(Duration::from_millis),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
    ]
}

/// A date: mostly of this century, now and then one that a clock that was set wrong would give.
pub fn date() -> impl Strategy<Value = SystemTime> {
    let after = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    let before = |millis| SystemTime::UNIX_EPOCH - Duration::from_millis(millis);
    prop_oneof![
        8 => (946_684_800_000..4_102_444_800_000u64).prop_map(after),
        1 => (0..1_000_000_000u64).prop_map(after),
        1 => (1..1_000_000_000_000u64).prop_map(before),
    ]
}
