//! The breaker against a plain model of it, over arbitrary interleavings.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::time::Duration;

use proptest::prelude::*;
use telemetry_breaker::{BreakerConfig, CircuitBreaker, Policy};
use telemetry_core::Breaker;
use telemetry_core::plugin::{BreakerState, Outcome, Permit, Tick};

const SECOND: Duration = Duration::from_secs(1);
const OPEN: u64 = 60;
const CAP: u64 = 300;
const PROBE: u64 = 30;
const AWAIT_PROBE: u64 = 1;

/// The breaker as its documentation describes it, written without regard to anything but that: whole seconds,
/// and a list of everything that ever happened to the state.
#[derive(Debug)]
struct Model {
    rate: bool,
    /// Results since it was last closed, oldest first.
    results: Vec<bool>,
    phase: Phase,
    /// Counts phases and probes, to tell which permits still matter.
    epoch: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Closed,
    Open { until: u64 },
    Half { successes: u32, probe_since: Option<u64> },
}

impl Model {
    fn admit(&mut self, now: u64) -> Result<(u64, bool), u64> {
        if let Phase::Open { until } = self.phase {
            if now < until {
                return Err(until);
            }
            self.enter(Phase::Half { successes: 0, probe_since: None });
        }
        match self.phase {
            Phase::Closed => Ok((self.epoch, false)),
            Phase::Half { probe_since: Some(since), .. } if now < since + PROBE => {
                Err((since + PROBE).min(now + AWAIT_PROBE))
            }
            Phase::Half { successes, .. } => {
                self.enter(Phase::Half { successes, probe_since: Some(now) });
                Ok((self.epoch, true))
            }
            Phase::Open { .. } => unreachable!(),
        }
    }

    fn settle(&mut self, (epoch, probe): (u64, bool), outcome: Outcome, now: u64) {
        if epoch != self.epoch {
            return;
        }
        let opened = |retry_after: Option<Duration>| {
            let asked = retry_after.map_or(0, |wait| wait.as_secs()).min(CAP);
            Phase::Open { until: now + OPEN.max(asked) }
        };
        match (self.phase, outcome) {
            (Phase::Closed, Outcome::Success) => self.results.push(true),
            (Phase::Closed, Outcome::Failure { retry_after }) => {
                self.results.push(false);
                if self.trips() {
                    self.enter(opened(retry_after));
                }
            }
            (Phase::Half { successes: 1, probe_since: Some(_) }, Outcome::Success) if probe => {
                self.enter(Phase::Closed)
            }
            (Phase::Half { successes, probe_since: Some(_) }, Outcome::Success) if probe => {
                self.phase = Phase::Half { successes: successes + 1, probe_since: None };
            }
            (Phase::Half { probe_since: Some(_), .. }, Outcome::Failure { retry_after }) if probe => {
                self.enter(opened(retry_after));
            }
            (Phase::Half { .. }, _) if probe => self.give_back((epoch, probe)),
            _ => {}
        }
    }

    fn give_back(&mut self, (epoch, probe): (u64, bool)) {
        if let Phase::Half { successes, .. } = self.phase
            && probe
            && epoch == self.epoch
        {
            self.phase = Phase::Half { successes, probe_since: None };
        }
    }

    fn trips(&self) -> bool {
        if self.rate {
            let latest: Vec<_> = self.results.iter().rev().take(30).collect();
            let failures = latest.iter().filter(|ok| !***ok).count();
            latest.len() >= 10 && failures * 2 >= latest.len()
        } else {
            self.results.iter().rev().take_while(|ok| !**ok).count() >= 5
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
        self.results.clear();
    }

    fn state(&self, now: u64) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { until } if now < until => BreakerState::Open { until: tick(until) },
            _ => BreakerState::HalfOpen,
        }
    }
}

fn tick(seconds: u64) -> Tick {
    Tick::ZERO + SECOND * u32::try_from(seconds).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Admit,
    Settle { which: prop::sample::Index, outcome: Outcome },
    Cancel(prop::sample::Index),
    Pass(u64),
    Back,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Success),
        4 => Just(Outcome::FAILURE),
        1 => (0u64..1000).prop_map(|wait| Outcome::Failure { retry_after: Some(Duration::from_secs(wait)) }),
        1 => Just(Outcome::Neutral),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => Just(Action::Admit),
        8 => (any::<prop::sample::Index>(), outcome()).prop_map(|(which, outcome)| Action::Settle { which, outcome }),
        2 => any::<prop::sample::Index>().prop_map(Action::Cancel),
        3 => prop_oneof![0u64..5, 25u64..70, 200u64..400].prop_map(Action::Pass),
        1 => Just(Action::Back),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn behaves_as_the_model_does(rate: bool, actions in prop::collection::vec(action(), 1..200)) {
        let policy = if rate { Policy::FAILURE_RATE } else { Policy::default() };
        let breaker = CircuitBreaker::new(BreakerConfig::default().policy(policy)).unwrap();
        let mut model = Model { rate, results: Vec::new(), phase: Phase::Closed, epoch: 0 };
        let mut out: Vec<(Permit<'_>, (u64, bool))> = Vec::new();
        let mut now = 1000;
        for action in actions {
            match action {
                Action::Admit => match (breaker.admit(tick(now)), model.admit(now)) {
                    (Ok(permit), Ok(leave)) => {
                        out.push((permit, leave));
                    }
                    (Err(rejected), Err(until)) => prop_assert_eq!(rejected.retry_at, tick(until)),
                    (breaker, model) => prop_assert!(false, "{breaker:?} {model:?}"),
                },
                Action::Settle { which, outcome } if !out.is_empty() => {
                    let (permit, leave) = out.swap_remove(which.index(out.len()));
                    permit.settle(outcome, tick(now));
                    model.settle(leave, outcome, now);
                }
                Action::Cancel(which) if !out.is_empty() => {
                    let (permit, leave) = out.swap_remove(which.index(out.len()));
                    drop(permit);
                    model.give_back(leave);
                }
                Action::Pass(seconds) => now += seconds,
                Action::Back => now -= 1,
                Action::Settle { .. } | Action::Cancel(_) => {}
            }
            prop_assert_eq!(breaker.state(tick(now)), model.state(now));
        }
    }
}
