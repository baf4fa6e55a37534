//! Breakers, and where they come from.

use std::time::Duration;

use telemetry_core::plugin::{BreakerSource, BreakerState, Outcome, Permit, Tick};
use telemetry_core::{Breaker, Host, HostPolicy};

use super::{aside, without_panic};

/// When the suites start. Not zero, so that there is an earlier time.
const START: Tick = Tick::from_nanos(3_600_000_000_000);
const SECOND: Duration = Duration::from_secs(1);
/// More results in a row than any breaker needs to make up its mind.
const ENOUGH: usize = 2000;
/// How many late results are tried.
const LATE: usize = 200;

/// Checks a [`Breaker`] that opens; `make` makes a new one.
///
/// Checked:
///
/// - it never waits, neither in a call of its own nor when a permit is dropped;
/// - it admits calls when it is new, opens after at most 2,000 failures in a row, admits a probe when its
///   time is over, and closes after at most 2,000 successes: by the caller's `now` alone, so it reads no
///   clock of its own;
/// - `now` may be a little older than before, and `Retry-After` as long as it likes;
/// - [`state`](Breaker::state) agrees with what [`admit`](Breaker::admit) does, and asking changes nothing;
/// - a rejection says when to ask again, which is later than now, and asking earlier is harmless;
/// - half-open, one probe is out at a time, and its slot is given back when the permit is dropped or settled
///   as neutral;
/// - neutral results and dropped permits open nothing;
/// - a result from before the last transition, and the late result or the drop of a lost probe, change
///   nothing.
///
/// Not checked: when it opens and for how long, and that no callback runs under a lock. In a property test,
/// `breaker_under`, of the feature `strategies`, checks it under calls in any order besides.
///
/// # Panics
///
/// With the obligation that it violates.
pub fn breaker<B: Breaker>(make: impl Fn() -> B) {
    let checks: [fn(&B); 6] = [
        admits_when_new::<B>,
        neutral_results_do_not_count::<B>,
        rejects_while_open::<B>,
        one_probe_at_a_time::<B>,
        late_results_change_nothing::<B>,
        lost_probes_change_nothing::<B>,
    ];
    for check in checks {
        let made = make();
        aside("Breaker: it never waits", move || check(&made));
    }
}

/// Checks a [`Breaker`] for exporters that call no service, which admits everything for ever:
/// [`AlwaysClosed`] is one.
///
/// Checked: it never waits, and admits and is closed, whatever the results and the time.
///
/// [`AlwaysClosed`]: telemetry_core::plugin::AlwaysClosed
///
/// # Panics
///
/// With the obligation that it violates.
pub fn breaker_that_never_opens<B: Breaker>(make: impl Fn() -> B) {
    let made = make();
    aside("Breaker: it never waits", move || {
        admits_when_new(&made);
        for now in [START, Tick::ZERO, Tick::MAX] {
            for _ in 0..ENOUGH {
                admitted(&made, now).settle(Outcome::FAILURE, now);
            }
            drop(admitted(&made, now));
        }
    });
}

/// Checks a [`BreakerSource`] whose breakers open. It asks for breakers of hosts under `conformance.example`.
///
/// Checked:
///
/// - the same host, in any spelling, gives the same breaker: what one caller settles, another sees;
/// - an open breaker is still open when nobody held it meanwhile;
/// - another host, or another port, has a breaker of its own.
///
/// Not checked: for how long a breaker is kept. Check the breakers themselves with [`breaker`](breaker()),
/// asking for a new host each time. A source whose breakers never open has nothing to keep; check them with
/// [`breaker_that_never_opens`].
///
/// # Panics
///
/// With the obligation that it violates.
pub fn breaker_source(source: &dyn BreakerSource) {
    let [host, spelled, other, port] = [
        "a.conformance.example",
        "https://A.Conformance.Example:443/",
        "b.conformance.example",
        "a.conformance.example:8443",
    ]
    .map(host);
    let (held, other, port) = (source.breaker(&host), source.breaker(&other), source.breaker(&port));
    let until = trip(&source.breaker(&host), START);
    let open = BreakerState::Open { until };
    let seen = held.state(START);
    assert_eq!(
        seen, open,
        "BreakerSource: the same host gives the same breaker, but one was open and one wasn't"
    );
    drop(held);
    for host in [&host, &spelled] {
        let seen = source.breaker(host).state(START);
        assert_eq!(
            seen, open,
            "BreakerSource: the same host gives the same breaker, also when nobody holds it, but it was forgotten"
        );
    }
    for other in [other, port] {
        let seen = other.state(START);
        assert_eq!(
            seen,
            BreakerState::Closed,
            "BreakerSource: each host has a breaker of its own, but one opened with another's"
        );
    }
}

fn host(text: &str) -> Host {
    Host::parse(text, HostPolicy::Public).unwrap()
}

fn admitted<B: Breaker>(breaker: &B, now: Tick) -> Permit<'_> {
    let state = breaker.state(now);
    assert_eq!(
        state,
        BreakerState::Closed,
        "Breaker::state: a breaker whose calls didn't fail is closed, but it wasn't"
    );
    let Ok(permit) = breaker.admit(now) else {
        panic!("Breaker::admit admits calls while the breaker is closed, but it rejected one");
    };
    permit
}

/// Fails calls until it opens; until when.
fn trip<B: Breaker>(breaker: &B, now: Tick) -> Tick {
    for _ in 0..ENOUGH {
        admitted(breaker, now).settle(Outcome::FAILURE, now);
        if let BreakerState::Open { until } = breaker.state(now) {
            assert!(
                until > now,
                "Breaker::state: an open breaker is open until later than now, but it was until {until:?}"
            );
            return until;
        }
    }
    panic!(
        "Breaker: it stops calls while the host doesn't work, but it was closed after {ENOUGH} failures in a row"
    );
}

/// Takes the probe that a half-open breaker has to give.
fn probe<B: Breaker>(breaker: &B, now: Tick) -> Permit<'_> {
    for _ in 0..3 {
        let state = breaker.state(now);
        assert_eq!(
            state,
            BreakerState::HalfOpen,
            "Breaker::state: a breaker is half-open when its time is over by the caller's clock, but it wasn't"
        );
    }
    let Ok(permit) = breaker.admit(now) else {
        panic!(
            "Breaker::admit admits a probe while the breaker is half-open and none is out, but it rejected it"
        );
    };
    permit
}

/// It rejects; when to ask again.
fn rejected<B: Breaker>(breaker: &B, now: Tick, why: &str) -> Tick {
    let Err(rejected) = breaker.admit(now) else {
        panic!("Breaker::admit rejects calls {why}, but it admitted one");
    };
    let at = rejected.retry_at;
    assert!(
        at > now,
        "Breaker::admit: a rejection says when to ask again, which is later than now, but at {now:?} it said {at:?}"
    );
    at
}

fn assert_state<B: Breaker>(breaker: &B, now: Tick, expected: BreakerState, obligation: &str) {
    let state = breaker.state(now);
    assert_eq!(state, expected, "{obligation}, but it became {state:?}");
}

fn admits_when_new<B: Breaker>(breaker: &B) {
    const OLDER: &str = "Breaker: now may be a little older than at an earlier call";
    const LONG: &str = "Permit::settle: a Retry-After may be as long as it likes";
    let endless = Outcome::Failure { retry_after: Some(Duration::MAX) };
    admitted(breaker, START).settle(Outcome::Success, START);
    let permit = admitted(breaker, START);
    let late = admitted(breaker, START);
    let earlier = Tick::from_nanos(START.as_nanos() - 1_000_000_000);
    without_panic(OLDER, || drop(admitted(breaker, earlier)));
    without_panic(OLDER, || permit.settle(Outcome::Success, earlier));
    without_panic(OLDER, || late.settle(Outcome::FAILURE, earlier));
    without_panic(LONG, || {
        if let Ok(permit) = breaker.admit(START) {
            permit.settle(endless, START);
        }
    });
}

fn neutral_results_do_not_count<B: Breaker>(breaker: &B) {
    for _ in 0..ENOUGH {
        admitted(breaker, START).settle(Outcome::Neutral, START);
    }
    let settled = breaker.state(START);
    assert_eq!(settled, BreakerState::Closed, "Breaker: neutral results don't count, but they opened it");
    for _ in 0..ENOUGH {
        drop(admitted(breaker, START));
    }
    let dropped = breaker.state(START);
    assert_eq!(
        dropped,
        BreakerState::Closed,
        "Breaker: a dropped permit counts as neutral, but it opened it"
    );
}

fn rejects_while_open<B: Breaker>(breaker: &B) {
    const HARMLESS: &str = "Breaker::admit: asking too early is harmless";
    let until = trip(breaker, START);
    for _ in 0..LATE {
        rejected(breaker, START, "while the breaker is open");
        assert_state(breaker, START, BreakerState::Open { until }, HARMLESS);
    }
    let before = Tick::from_nanos(until.as_nanos() - 1);
    rejected(breaker, before, "while the breaker is open");
    // A little older than before.
    without_panic("Breaker: now may be a little older than at an earlier call", || {
        rejected(breaker, START, "while the breaker is open")
    });
    drop(probe(breaker, until));
}

fn one_probe_at_a_time<B: Breaker>(breaker: &B) {
    let now = trip(breaker, START);
    let out = probe(breaker, now);
    rejected(breaker, now, "while a probe is out");
    drop(out);
    // The slot is free again, so this one is admitted.
    let out = probe(breaker, now);
    rejected(breaker, now, "while a probe is out");
    out.settle(Outcome::Neutral, now);
    assert_state(breaker, now, BreakerState::HalfOpen, "Breaker: a neutral probe decides nothing");
    for _ in 0..ENOUGH {
        probe(breaker, now).settle(Outcome::Success, now);
        if breaker.state(now) == BreakerState::Closed {
            drop(admitted(breaker, now));
            return;
        }
    }
    panic!("Breaker: it closes when the service works again, but it hadn't after {ENOUGH} successful probes");
}

fn late_results_change_nothing<B: Breaker>(breaker: &B) {
    const LATE_RESULT: &str = "Permit::settle: a result from before the last change of state changes nothing";
    let mut late: Vec<_> = (0..LATE * 6).map(|_| admitted(breaker, START)).collect();
    let mut settle = |outcome, now| {
        for permit in late.drain(..LATE) {
            permit.settle(outcome, now);
        }
    };
    let until = trip(breaker, START);
    let later = START + Duration::from_nanos(until.since(START).as_nanos() as u64 / 2);
    for outcome in [Outcome::Success, Outcome::FAILURE] {
        settle(outcome, later);
        assert_state(breaker, later, BreakerState::Open { until }, LATE_RESULT);
    }
    let out = probe(breaker, until);
    for outcome in [Outcome::Success, Outcome::FAILURE] {
        settle(outcome, until);
        assert_state(breaker, until, BreakerState::HalfOpen, LATE_RESULT);
        rejected(breaker, until, "while a probe is out, whatever late results say");
    }
    let mut out = Some(out);
    for _ in 0..ENOUGH {
        if breaker.state(until) == BreakerState::Closed {
            break;
        }
        let permit = out.take().unwrap_or_else(|| probe(breaker, until));
        permit.settle(Outcome::Success, until);
    }
    assert_state(breaker, until, BreakerState::Closed, "Breaker: it closes when the service works again");
    settle(Outcome::FAILURE, until);
    assert_state(breaker, until, BreakerState::Closed, LATE_RESULT);
    // Dropped late, they change as little.
    drop(late);
    assert_state(breaker, until, BreakerState::Closed, LATE_RESULT);
}

/// The probe that is admitted when the one that is out counts as lost, and when that is.
fn next_probe<B: Breaker>(breaker: &B, mut now: Tick) -> Option<(Tick, Permit<'_>)> {
    for _ in 0..ENOUGH {
        match breaker.admit(now) {
            Ok(permit) => return Some((now, permit)),
            Err(rejected) if rejected.retry_at == Tick::MAX => return None,
            Err(rejected) => now = rejected.retry_at,
        }
    }
    None
}

fn lost_probes_change_nothing<B: Breaker>(breaker: &B) {
    const LOST: &str = "Breaker: the late result of a lost probe changes nothing";
    let mut now = trip(breaker, START);
    for late in [None, Some(Outcome::Neutral), Some(Outcome::Success), Some(Outcome::FAILURE)] {
        let lost = probe(breaker, now);
        // A breaker may wait for a probe for ever; then there is none that is lost.
        let Some((at, out)) = next_probe(breaker, now) else { return };
        now = at;
        match late {
            None => drop(lost),
            Some(outcome) => lost.settle(outcome, now),
        }
        assert_state(breaker, now, BreakerState::HalfOpen, LOST);
        rejected(breaker, now, "while a probe is out, whatever becomes of a lost one");
        drop(out);
        now = now + SECOND;
    }
}
