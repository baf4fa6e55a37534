//! The state machine: no lock, no clock, no callback.

use std::collections::VecDeque;
use std::time::Duration;

use telemetry_core::plugin::{BreakerState, Outcome, Tick};

use crate::config::{BreakerConfig, Policy};
use crate::glance::Glance;

/// The longest that a caller is told to wait for another's probe: how that ends is known long before it would
/// count as lost.
const AWAIT_PROBE: Duration = Duration::from_secs(1);

/// From one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state it left.
    pub from: BreakerState,
    /// The state it is in now.
    pub to: BreakerState,
    /// When.
    pub at: Tick,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open {
        until: Tick,
    },
    /// A probe that is out counts as lost at that time.
    HalfOpen {
        successes: u32,
        probe_lost_at: Option<Tick>,
    },
}

/// What a closed breaker remembers of its calls.
#[derive(Debug)]
enum Window {
    Consecutive(u32),
    Latest { calls: VecDeque<bool>, failures: u32 },
}

/// One breaker. Every change of state begins a new generation, and so does every probe: what was admitted
/// before changes nothing after, and what is settled while half-open is the probe. A permit's ticket is the
/// generation that admitted it.
#[derive(Debug)]
pub(crate) struct Machine {
    config: BreakerConfig,
    state: State,
    generation: u64,
}

impl Machine {
    pub(crate) fn new(config: BreakerConfig) -> Self {
        let state = State::Closed(Window::new(config.policy));
        Machine { config, state, generation: 0 }
    }

    /// The ticket of one call, or when to ask again.
    pub(crate) fn admit(&mut self, now: Tick) -> (Result<u64, Tick>, Option<Transition>) {
        let transition = self.wake(now);
        let admitted = match &mut self.state {
            State::Closed(_) => Ok(self.generation),
            State::Open { until } => Err(*until),
            State::HalfOpen { probe_lost_at: Some(lost_at), .. } if now < *lost_at => {
                Err((*lost_at).min(now + AWAIT_PROBE))
            }
            State::HalfOpen { probe_lost_at, .. } => {
                *probe_lost_at = Some(now + self.config.probe_timeout);
                self.generation += 1;
                Ok(self.generation)
            }
        };
        (admitted, transition)
    }

    pub(crate) fn settle(&mut self, ticket: u64, outcome: Outcome, now: Tick) -> Option<Transition> {
        if ticket != self.generation {
            return None;
        }
        match &mut self.state {
            State::Closed(window) => match outcome {
                Outcome::Success => {
                    window.success(self.config.policy);
                    None
                }
                Outcome::Failure { retry_after } => {
                    window.failure(self.config.policy).then(|| self.open(retry_after, now))
                }
                _ => None,
            },
            // Nothing is admitted while it is open, so nothing of this generation can be settled.
            State::Open { .. } => None,
            State::HalfOpen { successes, probe_lost_at } => {
                probe_lost_at.take()?;
                match outcome {
                    Outcome::Success => {
                        *successes += 1;
                        (*successes >= self.config.successes_to_close).then(|| self.close(now))
                    }
                    Outcome::Failure { retry_after } => Some(self.open(retry_after, now)),
                    _ => None,
                }
            }
        }
    }

    /// A permit was dropped unsettled: a probe gives its place back.
    pub(crate) fn give_back(&mut self, ticket: u64) {
        if ticket == self.generation
            && let State::HalfOpen { probe_lost_at, .. } = &mut self.state
        {
            *probe_lost_at = None;
        }
    }

    pub(crate) fn state(&self, now: Tick) -> BreakerState {
        match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open { until },
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// What most calls need to know.
    pub(crate) fn glance(&self) -> Glance {
        match &self.state {
            State::Closed(Window::Consecutive(0)) => Glance::Calm(self.generation),
            State::Closed(_) => Glance::Closed(self.generation),
            State::Open { until } => Glance::Open(*until),
            State::HalfOpen { .. } => Glance::Unclear,
        }
    }

    /// Whether a new breaker in its place would do the same.
    pub(crate) fn is_as_new(&self) -> bool {
        match &self.state {
            State::Closed(Window::Consecutive(failures)) => *failures == 0,
            State::Closed(Window::Latest { failures, .. }) => *failures == 0,
            State::Open { .. } | State::HalfOpen { .. } => false,
        }
    }

    /// An open interval that is over ends at the next call.
    fn wake(&mut self, now: Tick) -> Option<Transition> {
        match self.state {
            State::Open { until } if until <= now => {
                let half_open = State::HalfOpen { successes: 0, probe_lost_at: None };
                Some(self.change(half_open, BreakerState::Open { until }, now))
            }
            _ => None,
        }
    }

    fn open(&mut self, retry_after: Option<Duration>, now: Tick) -> Transition {
        let asked = retry_after.unwrap_or_default().min(self.config.retry_after_cap);
        let until = now + self.config.open_for.max(asked);
        let from = self.state(now);
        self.change(State::Open { until }, from, now)
    }

    fn close(&mut self, now: Tick) -> Transition {
        let closed = State::Closed(Window::new(self.config.policy));
        self.change(closed, BreakerState::HalfOpen, now)
    }

    fn change(&mut self, to: State, from: BreakerState, at: Tick) -> Transition {
        self.state = to;
        self.generation += 1;
        let to = match self.state {
            State::Closed(_) => BreakerState::Closed,
            State::Open { until } => BreakerState::Open { until },
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        };
        Transition { from, to, at }
    }
}

impl Window {
    fn new(policy: Policy) -> Self {
        match policy {
            Policy::ConsecutiveFailures(_) => Window::Consecutive(0),
            Policy::FailureRate { .. } => Window::Latest { calls: VecDeque::new(), failures: 0 },
        }
    }

    fn success(&mut self, policy: Policy) {
        match self {
            Window::Consecutive(failures) => *failures = 0,
            Window::Latest { .. } => self.remember(policy, false),
        }
    }

    /// One failure more; whether it is one too many.
    fn failure(&mut self, policy: Policy) -> bool {
        if let Window::Consecutive(failures) = self {
            *failures += 1;
        } else {
            self.remember(policy, true);
        }
        match (&*self, policy) {
            (Window::Consecutive(failures), Policy::ConsecutiveFailures(limit)) => *failures >= limit,
            (Window::Latest { calls, failures }, Policy::FailureRate { minimum, percent, .. }) => {
                let calls = calls.len() as u64;
                calls >= u64::from(minimum) && u64::from(*failures) * 100 >= u64::from(percent) * calls
            }
            _ => false,
        }
    }

    fn remember(&mut self, policy: Policy, failed: bool) {
        let (Window::Latest { calls, failures }, Policy::FailureRate { window, .. }) = (self, policy) else {
            return;
        };
        if calls.len() >= window as usize && calls.pop_front() == Some(true) {
            *failures -= 1;
        }
        calls.push_back(failed);
        *failures += u32::from(failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_open_admits_nothing_also_when_it_is_asked_itself() {
        let mut machine = Machine::new(BreakerConfig::default());
        let failure = Outcome::Failure { retry_after: None };
        let fails = |_| match machine.admit(Tick::ZERO).0 {
            Ok(ticket) => machine.settle(ticket, failure, Tick::ZERO).and(None),
            Err(until) => Some(until),
        };
        let until = (0..100).find_map(fails).unwrap();
        let before = Tick::from_nanos(until.as_nanos() - 1);
        assert!(matches!(machine.admit(before), (Err(at), None) if at == until));
        assert!(matches!(machine.admit(until), (Ok(_), Some(_))));
    }
}
