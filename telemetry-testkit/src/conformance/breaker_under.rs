//! Breakers under any calls.

use telemetry_core::Breaker;
use telemetry_core::plugin::{BreakerState, Outcome, Tick};

use super::without_panic;
use crate::strategies::BreakerCall;

/// Checks a new [`Breaker`] under these calls, for property tests with
/// [`strategies::breaker_calls`](crate::strategies::breaker_calls).
///
/// Checked after each call: nothing panics; [`state`](Breaker::state) says what [`admit`](Breaker::admit)
/// then does, and asking twice gives the same answer; a rejection is until later than now; a neutral result,
/// or a permit that is dropped, neither opens nor closes anything.
///
/// ```
/// use proptest::prelude::*;
/// use telemetry_core::plugin::AlwaysClosed;
/// use telemetry_testkit::{conformance, strategies};
///
/// proptest! {
///     fn conforms_under_any_calls(calls in strategies::breaker_calls(100)) {
///         conformance::breaker_under(&AlwaysClosed, &calls);
///     }
/// }
/// # conforms_under_any_calls();
/// ```
///
/// # Panics
///
/// With the obligation that it violates.
pub fn breaker_under(breaker: &dyn Breaker, calls: &[BreakerCall]) {
    let mut now = Tick::from_nanos(3_600_000_000_000);
    let mut permits = Vec::new();
    for call in calls {
        let before = state(breaker, now);
        match call {
            BreakerCall::Admit => {
                let admitted = without_panic("Breaker::admit never fails", || breaker.admit(now));
                match (before, admitted) {
                    (BreakerState::Open { until }, Ok(_)) if until > now => {
                        panic!("Breaker::admit rejects calls while the breaker is open, but it admitted one");
                    }
                    (BreakerState::Closed, Err(_)) => {
                        panic!(
                            "Breaker::admit admits calls while the breaker is closed, but it rejected one"
                        );
                    }
                    (_, Err(rejected)) => assert!(
                        rejected.retry_at > now,
                        "Breaker::admit: a rejection says when to ask again, which is later than now, but it was \
                         {:?} before",
                        now - rejected.retry_at
                    ),
                    (_, Ok(permit)) => permits.push(permit),
                }
            }
            BreakerCall::Settle { .. } | BreakerCall::Cancel(_) if permits.is_empty() => {}
            BreakerCall::Settle { which, outcome } => {
                let permit = permits.swap_remove(which.index(permits.len()));
                without_panic("Permit::settle never fails", || permit.settle(*outcome, now));
                if *outcome == Outcome::Neutral {
                    assert_undecided(before, breaker, now, "a neutral result");
                }
            }
            BreakerCall::Cancel(which) => {
                drop(permits.swap_remove(which.index(permits.len())));
                assert_undecided(before, breaker, now, "a dropped permit");
            }
            BreakerCall::Pass(time) => now = now + *time,
            BreakerCall::Back(time) => now = Tick::ZERO + now.since(Tick::ZERO).saturating_sub(*time),
        }
    }
}

fn state(breaker: &dyn Breaker, now: Tick) -> BreakerState {
    let state = without_panic("Breaker::state never fails", || breaker.state(now));
    let again = breaker.state(now);
    assert_eq!(state, again, "Breaker::state changes nothing, but asked twice it said two things");
    state
}

fn assert_undecided(before: BreakerState, breaker: &dyn Breaker, now: Tick, what: &str) {
    let after = state(breaker, now);
    assert_eq!(after, before, "Breaker: {what} decides nothing, but the state became another");
}
