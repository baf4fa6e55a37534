//! Calls of a breaker.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use telemetry_core::plugin::Outcome;

/// One thing that a caller of a breaker does, or that happens to it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum BreakerCall {
    /// It asks for leave to make a call, and keeps the permit.
    Admit,
    /// It settles one of its permits.
    Settle {
        /// Which of them.
        which: Index,
        /// How the call went.
        outcome: Outcome,
    },
    /// It drops one of its permits.
    Cancel(Index),
    /// Time passes.
    Pass(Duration),
    /// The next calls are made with a time that is a little older.
    Back(Duration),
}

/// Up to `most` calls.
pub fn breaker_calls(most: usize) -> impl Strategy<Value = Vec<BreakerCall>> {
    vec(call(), 0..=most)
}

/// How a call went, failures a little more often than not.
pub fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Success),
        4 => Just(Outcome::FAILURE),
        1 => (0..1000u64).prop_map(|wait| Outcome::Failure { retry_after: Some(Duration::from_secs(wait)) }),
        1 => Just(Outcome::Neutral),
    ]
}

fn call() -> impl Strategy<Value = BreakerCall> {
    let pass =
        prop_oneof![0..5_000u64, 25_000..70_000u64, 200_000..400_000u64].prop_map(Duration::from_millis);
    let back = (0..1_000u64).prop_map(Duration::from_millis);
    prop_oneof![
        8 => Just(BreakerCall::Admit),
        8 => (any::<Index>(), outcome()).prop_map(|(which, outcome)| BreakerCall::Settle { which, outcome }),
        2 => any::<Index>().prop_map(BreakerCall::Cancel),
        2 => pass.prop_map(BreakerCall::Pass),
        1 => back.prop_map(BreakerCall::Back),
    ]
}
