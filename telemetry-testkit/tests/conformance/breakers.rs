use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use telemetry_core::plugin::{
    AlwaysClosed, BreakerSource, BreakerState, Outcome, Permit, PermitIssuer, Rejected, Tick,
};
use telemetry_core::{Breaker, Host, HostPolicy};
use telemetry_testkit::{conformance, strategies};

use crate::Refused;

#[test]
fn a_breaker_that_never_opens_conforms_as_such() {
    conformance::breaker_that_never_opens(|| AlwaysClosed);
    let host = Host::parse("a.example", HostPolicy::Public).unwrap();
    conformance::breaker_that_never_opens(|| AlwaysClosed.breaker(&host));
}

#[test]
fn a_small_breaker_conforms() {
    conformance::breaker(|| Small::new(None));
    conformance::breaker_source(&Source { flaw: None, breakers: Mutex::default() });
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    NewIsOpen,
    Waits,
    DeadlocksWhenDropped,
    NeverOpens,
    OpenInThePast,
    NeverHalfOpens,
    NeverCloses,
    ReadsAClock,
    PanicsOnOlderNow,
    PanicsOnLongRetryAfter,
    AskingTakesTheProbe,
    AskingPeeksOnce,
    AdmitsWhileOpen,
    RejectsWhileClosed,
    RetryAtNow,
    AskingProlongs,
    ManyProbes,
    KeepsADroppedSlot,
    KeepsANeutralSlot,
    NeutralCloses,
    NeutralOpens,
    DroppedOpens,
    LateSuccessCloses,
    LateFailureProlongs,
    LateFailureOpens,
    LateResultGivesTheSlot,
    LostProbeGivesTheSlot,
    LostProbeOpens,
}

/// Opens after three failures in a row, for a minute; one success closes it.
#[derive(Clone)]
struct Small(Arc<Shared>);

struct Shared {
    flaw: Option<Flaw>,
    state: Mutex<State>,
}

struct State {
    generation: u64,
    failures: u32,
    open_until: Option<Tick>,
    probe_since: Option<Tick>,
    latest: Tick,
    born: Instant,
}

const OPEN: Duration = Duration::from_secs(60);

impl Small {
    fn new(flaw: Option<Flaw>) -> Self {
        let open_until = (flaw == Some(Flaw::NewIsOpen)).then_some(Tick::MAX);
        let state = State {
            generation: 0,
            failures: 0,
            open_until,
            probe_since: None,
            latest: Tick::ZERO,
            born: Instant::now(),
        };
        Small(Arc::new(Shared { flaw, state: Mutex::new(state) }))
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.0.flaw == Some(flaw)
    }

    fn look(&self, now: Tick) -> BreakerState {
        let state = self.0.state.lock().unwrap();
        let now = if self.has(Flaw::ReadsAClock) { Tick::ZERO + state.born.elapsed() } else { now };
        match state.open_until {
            None => BreakerState::Closed,
            Some(_) if self.has(Flaw::OpenInThePast) => BreakerState::Open { until: now },
            Some(until) if now < until || self.has(Flaw::NeverHalfOpens) => BreakerState::Open { until },
            Some(_) => BreakerState::HalfOpen,
        }
    }

    fn permit(&self, generation: u64, is_probe: bool) -> Permit<'_> {
        Permit::new(self, generation * 2 + u64::from(is_probe))
    }

    fn open(&self, state: &mut State, now: Tick) {
        *state = State {
            generation: state.generation + 1,
            failures: 0,
            open_until: Some(now + OPEN),
            probe_since: None,
            ..*state
        };
    }

    fn fail(&self, state: &mut State, now: Tick) {
        state.failures += 1;
        if state.failures >= 3 && !self.has(Flaw::NeverOpens) {
            self.open(state, now);
        }
    }
}

impl Breaker for Small {
    fn admit(&self, now: Tick) -> Result<Permit<'_>, Rejected> {
        if self.has(Flaw::Waits) {
            thread::park();
        }
        let looked = self.look(now);
        let mut state = self.0.state.lock().unwrap();
        assert!(!self.has(Flaw::PanicsOnOlderNow) || now >= state.latest);
        state.latest = now;
        match looked {
            BreakerState::Closed if self.has(Flaw::RejectsWhileClosed) && state.generation > 0 => {
                Err(Rejected::until(now + OPEN))
            }
            BreakerState::Closed => Ok(self.permit(state.generation, false)),
            BreakerState::Open { .. } if self.has(Flaw::AdmitsWhileOpen) => {
                Ok(self.permit(state.generation, false))
            }
            BreakerState::Open { .. } if self.has(Flaw::RetryAtNow) => Err(Rejected::until(now)),
            BreakerState::Open { until } => {
                if self.has(Flaw::AskingProlongs) {
                    state.open_until = Some(until + Duration::from_secs(1));
                }
                Err(Rejected::until(until))
            }
            _ => {
                let lost_at = state.probe_since.map(|since| since + OPEN).filter(|at| now < *at);
                if let Some(at) = lost_at.filter(|_| !self.has(Flaw::ManyProbes)) {
                    return Err(Rejected::until(at));
                }
                state.probe_since = Some(now);
                state.generation += 1;
                Ok(self.permit(state.generation, true))
            }
        }
    }

    fn state(&self, now: Tick) -> BreakerState {
        let looked = self.look(now);
        if self.has(Flaw::AskingPeeksOnce) && looked == BreakerState::HalfOpen {
            self.0.state.lock().unwrap().open_until = None;
        }
        if self.has(Flaw::AskingTakesTheProbe) && looked == BreakerState::HalfOpen {
            self.0.state.lock().unwrap().probe_since = Some(now);
        }
        looked
    }
}

impl PermitIssuer for Small {
    fn unsettled(&self, ticket: u64) {
        let (generation, is_probe) = (ticket / 2, ticket % 2 == 1);
        let mut state = self.0.state.lock().unwrap();
        match self.0.flaw {
            Some(Flaw::DroppedOpens) if !is_probe => {
                let now = state.latest;
                self.fail(&mut state, now);
            }
            Some(Flaw::KeepsADroppedSlot) => {}
            Some(Flaw::DeadlocksWhenDropped) if is_probe => {
                let _deadlock = self.look(state.latest);
            }
            flaw => {
                if state.generation == generation || is_probe && flaw == Some(Flaw::LostProbeGivesTheSlot) {
                    state.probe_since = None;
                }
            }
        }
    }

    fn settled(&self, ticket: u64, outcome: Outcome, now: Tick) {
        let (generation, is_probe) = (ticket / 2, ticket % 2 == 1);
        let mut state = self.0.state.lock().unwrap();
        assert!(!self.has(Flaw::PanicsOnOlderNow) || now >= state.latest);
        if let Outcome::Failure { retry_after: Some(wait) } = outcome
            && self.has(Flaw::PanicsOnLongRetryAfter)
        {
            let _overflow = wait + Duration::from_secs(1);
        }
        if generation != state.generation {
            let (opened, half) = (state.open_until.is_some(), state.probe_since.is_some());
            match (self.0.flaw, outcome) {
                (Some(Flaw::LateSuccessCloses), Outcome::Success) => state.open_until = None,
                (Some(Flaw::LateFailureProlongs), Outcome::Failure { .. }) if opened && !half => {
                    state.open_until = Some(now + OPEN);
                }
                (Some(Flaw::LateFailureOpens), Outcome::Failure { .. }) if !opened => {
                    self.fail(&mut state, now)
                }
                (Some(Flaw::LateResultGivesTheSlot), _) => state.probe_since = None,
                (Some(Flaw::LostProbeOpens), Outcome::Failure { .. }) if half && is_probe => {
                    self.open(&mut state, now);
                }
                _ => {}
            }
            return;
        }
        match outcome {
            Outcome::Neutral if self.has(Flaw::NeutralOpens) => self.fail(&mut state, now),
            Outcome::Neutral if is_probe && self.has(Flaw::NeutralCloses) => state.open_until = None,
            Outcome::Neutral if self.has(Flaw::KeepsANeutralSlot) => {}
            _ if is_probe && self.has(Flaw::NeverCloses) => state.probe_since = None,
            Outcome::Success => {
                let generation = state.generation + u64::from(is_probe);
                *state = State { generation, failures: 0, open_until: None, probe_since: None, ..*state };
            }
            Outcome::Failure { .. } if is_probe => self.open(&mut state, now),
            Outcome::Failure { .. } => self.fail(&mut state, now),
            _ => state.probe_since = None,
        }
    }
}

impl fmt::Debug for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.flaw)
    }
}

fn broken(flaw: Flaw) -> impl FnOnce() + Send + 'static {
    move || conformance::breaker(|| Small::new(Some(flaw)))
}

#[test]
fn broken_breakers_are_refused() {
    Refused::new()
        .with("a breaker whose calls didn't fail is closed", broken(Flaw::NewIsOpen))
        .with("stops calls while the host doesn't work", broken(Flaw::NeverOpens))
        .with("is open until later than now", broken(Flaw::OpenInThePast))
        .with("half-open when its time is over", broken(Flaw::NeverHalfOpens))
        .with("closes when the service works again", broken(Flaw::NeverCloses))
        .with("by the caller's clock", broken(Flaw::ReadsAClock))
        .with("now may be a little older", broken(Flaw::PanicsOnOlderNow))
        .with("may be as long as it likes", broken(Flaw::PanicsOnLongRetryAfter))
        .with("none is out", broken(Flaw::AskingTakesTheProbe))
        .with("rejects calls while the breaker is open", broken(Flaw::AdmitsWhileOpen))
        .with("admits calls while the breaker is closed", broken(Flaw::RejectsWhileClosed))
        .with("later than now", broken(Flaw::RetryAtNow))
        .with("asking too early is harmless", broken(Flaw::AskingProlongs))
        .with("rejects calls while a probe is out", broken(Flaw::ManyProbes))
        .with("none is out", broken(Flaw::KeepsADroppedSlot))
        .with("none is out", broken(Flaw::KeepsANeutralSlot))
        .with("a neutral probe decides nothing", broken(Flaw::NeutralCloses))
        .with("a breaker whose calls didn't fail", broken(Flaw::NeutralOpens))
        .with("a breaker whose calls didn't fail", broken(Flaw::DroppedOpens))
        .with("before the last change of state changes nothing", broken(Flaw::LateSuccessCloses))
        .with("before the last change of state changes nothing", broken(Flaw::LateFailureProlongs))
        .with("before the last change of state changes nothing", broken(Flaw::LateFailureOpens))
        .with("whatever late results say", broken(Flaw::LateResultGivesTheSlot))
        .with("whatever becomes of a lost one", broken(Flaw::LostProbeGivesTheSlot))
        .with("late result of a lost probe", broken(Flaw::LostProbeOpens))
        .check();
}

#[test]
fn a_breaker_that_opens_is_refused_where_none_may() {
    Refused::new().with("is closed", || conformance::breaker_that_never_opens(|| Small::new(None))).check();
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mixed {
    NewEachTime,
    ForgetsWhatNobodyHolds,
    OneForAll,
    IgnoresThePort,
}

/// Where a breaker is, and the breaker itself where it is kept.
type Kept = (Weak<Shared>, Option<Small>);

#[derive(Debug)]
struct Source {
    flaw: Option<Mixed>,
    breakers: Mutex<HashMap<String, Kept>>,
}

impl BreakerSource for Source {
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker> {
        let key = match self.flaw {
            Some(Mixed::NewEachTime) => return Arc::new(Small::new(None)),
            Some(Mixed::OneForAll) => String::new(),
            Some(Mixed::IgnoresThePort) => host.name().to_owned(),
            _ => host.origin(),
        };
        let mut breakers = self.breakers.lock().unwrap();
        if let Some(known) = breakers.get(&key).and_then(|(known, _)| known.upgrade()) {
            return Arc::new(Small(known));
        }
        let breaker = Small::new(None);
        let kept = (self.flaw != Some(Mixed::ForgetsWhatNobodyHolds)).then(|| breaker.clone());
        breakers.insert(key, (Arc::downgrade(&breaker.0), kept));
        Arc::new(breaker)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.flaw)
    }
}

#[test]
fn broken_sources_of_breakers_are_refused() {
    let broken =
        |flaw| move || conformance::breaker_source(&Source { flaw: Some(flaw), breakers: Mutex::default() });
    Refused::new()
        .with("the same host gives the same breaker", broken(Mixed::NewEachTime))
        .with("also when nobody holds it", broken(Mixed::ForgetsWhatNobodyHolds))
        .with("each host has a breaker of its own", broken(Mixed::OneForAll))
        .with("each host has a breaker of its own", broken(Mixed::IgnoresThePort))
        .check();
}

/// The first sequence of calls under which a breaker is refused, if there is one among many.
fn under_any_calls(flaw: Option<Flaw>) -> impl FnOnce() + Send + 'static {
    move || {
        let (mut runner, calls) = (TestRunner::deterministic(), strategies::breaker_calls(100));
        for _ in 0..200 {
            let calls = calls.new_tree(&mut runner).unwrap().current();
            conformance::breaker_under(&Small::new(flaw), &calls);
        }
    }
}

#[test]
fn calls_in_any_order_tell_broken_breakers_from_good_ones() {
    under_any_calls(None)();
    let broken = |flaw| under_any_calls(Some(flaw));
    Refused::new()
        .with("Breaker::admit never fails", broken(Flaw::PanicsOnOlderNow))
        .with("rejects calls while the breaker is open", broken(Flaw::AdmitsWhileOpen))
        .with("admits calls while the breaker is closed", broken(Flaw::RejectsWhileClosed))
        .with("which is later than now", broken(Flaw::RetryAtNow))
        .with("a neutral result decides nothing", broken(Flaw::NeutralOpens))
        .with("a neutral result decides nothing", broken(Flaw::NeutralCloses))
        .with("a dropped permit decides nothing", broken(Flaw::DroppedOpens))
        .with("Breaker::state changes nothing", broken(Flaw::AskingPeeksOnce))
        .check();
}

/// What it takes the safety net to refuse.
pub(crate) fn endless(refused: Refused) -> Refused {
    refused
        .with("never waits", broken(Flaw::Waits))
        .with("never waits", broken(Flaw::DeadlocksWhenDropped))
        .with("never waits", || conformance::breaker_that_never_opens(|| Small::new(Some(Flaw::Waits))))
}
