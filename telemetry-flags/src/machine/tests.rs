use proptest::prelude::*;
use telemetry_core::HostPolicy;

use super::*;

const RETRY: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u32) -> Tick {
    Tick::ZERO + SECOND * seconds
}

fn key(name: &str) -> Key {
    let host = Host::parse(name, HostPolicy::Public).unwrap();
    Key { host, workspace: None, client: "TEST".into(), version: "1.0.0".into() }
}

fn flags(value: &str, fresh_for: u32) -> FlagSet {
    FlagSet::new([("flag".to_owned(), value.to_owned())].into(), FlagOrigin::Fetched, SECOND * fresh_for)
}

fn asking(look: Lookup) -> u64 {
    match look {
        Lookup::Fetch(asking) => asking,
        other => panic!("{other:?}"),
    }
}

fn answer(look: Lookup) -> FlagSet {
    match look {
        Lookup::Answer(Ok(flags)) => flags,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_is_asked_once_while_its_flags_are_fresh() {
    let mut machine = Machine::new(10, RETRY);
    let key = key("a.com");
    let number = asking(machine.look(&key, at(0)));
    machine.asked(&key, number, Ok(flags("true", 900)), at(0)).unwrap().unwrap();
    let cached = answer(machine.look(&key, at(899)));
    assert_eq!((cached.origin, cached.fresh_for), (FlagOrigin::Cached, SECOND));
    assert!(matches!(machine.look(&key, at(900)), Lookup::Fetch(_)), "expires after its time");
}

#[test]
fn an_old_value_is_given_out_while_somebody_asks() {
    let mut machine = Machine::new(10, RETRY);
    let key = key("a.com");
    let number = asking(machine.look(&key, at(0)));
    assert!(matches!(machine.look(&key, at(0)), Lookup::Wait), "with no value there is nothing to give out");
    machine.asked(&key, number, Ok(flags("true", 900)), at(0)).unwrap().unwrap();
    machine.look(&key, at(900));
    let old = answer(machine.look(&key, at(901)));
    assert_eq!(old.origin, FlagOrigin::Stale);
    assert!(old.is_on("flag") && old.fresh_for > Duration::ZERO);
}

#[test]
fn a_failed_refresh_keeps_the_last_known_value_and_waits_a_minute() {
    let mut machine = Machine::new(10, RETRY);
    let key = key("a.com");
    let number = asking(machine.look(&key, at(0)));
    machine.asked(&key, number, Ok(flags("true", 900)), at(0)).unwrap().unwrap();
    let number = asking(machine.look(&key, at(900)));
    let told = machine.asked(&key, number, Err(PluginError::new(503)), at(905)).unwrap().unwrap();
    assert_eq!((told.origin, told.fresh_for), (FlagOrigin::Stale, 60 * SECOND));
    assert_eq!(answer(machine.look(&key, at(964))).origin, FlagOrigin::Stale);
    assert!(matches!(machine.look(&key, at(965)), Lookup::Fetch(_)));
}

#[test]
fn an_unreachable_host_is_asked_again_after_sixty_seconds_or_when_it_says() {
    for (retry_after, wait) in [(None, 60), (Some(5), 60), (Some(120), 120), (Some(100_000), 900)] {
        let mut machine = Machine::new(10, RETRY);
        let key = key("a.com");
        let number = asking(machine.look(&key, at(0)));
        let failure = PluginError::new(503).with_retry_after(retry_after.map(|wait| SECOND * wait));
        assert!(machine.asked(&key, number, Err(failure), at(0)).unwrap().is_err());
        let Lookup::Answer(Err(failure)) = machine.look(&key, at(wait - 1)) else {
            panic!("asked too early")
        };
        assert_eq!((failure.fault, failure.retry_after), (Fault::Status(503), Some(SECOND)));
        assert!(matches!(machine.look(&key, at(wait)), Lookup::Fetch(_)));
    }
}

#[test]
fn a_refusal_of_one_callers_credentials_settles_nothing_for_others() {
    for fault in [Fault::Status(401), Fault::Status(403), Fault::Authentication] {
        let mut machine = Machine::new(10, RETRY);
        let key = key("a.com");
        let number = asking(machine.look(&key, at(0)));
        assert_eq!(machine.asked(&key, number, Err(fault.into()), at(0)), Some(Err(fault.into())));
        assert!(matches!(machine.look(&key, at(0)), Lookup::Fetch(_)), "the next one asks with its own");
    }
}

#[test]
fn hosts_are_kept_apart_and_capped() {
    let mut machine = Machine::new(2, RETRY);
    for (name, fresh_until) in [("old.com", 1), ("fresh.com", 900)] {
        let number = asking(machine.look(&key(name), at(0)));
        machine.asked(&key(name), number, Ok(flags("true", fresh_until)), at(0)).unwrap().unwrap();
    }
    assert!(matches!(machine.look(&key("new.com"), at(2)), Lookup::Fetch(_)));
    assert_eq!(machine.len(), 2);
    assert_eq!(answer(machine.look(&key("fresh.com"), at(3))).origin, FlagOrigin::Cached);
}

#[test]
fn what_nobody_looked_for_goes_an_hour_after_it_expired() {
    let mut machine = Machine::new(10, RETRY);
    let (old, failed, new) = (key("a.com"), key("b.com"), key("c.com"));
    let number = asking(machine.look(&old, at(0)));
    machine.asked(&old, number, Ok(flags("true", 900)), at(0)).unwrap().unwrap();
    let number = asking(machine.look(&failed, at(0)));
    machine.asked(&failed, number, Err(PluginError::new(503)), at(0)).unwrap().unwrap_err();
    asking(machine.look(&new, at(900 + 3599)));
    assert_eq!(machine.len(), 2, "the failure is over, the value may still be of use");
    asking(machine.look(&key("d.com"), at(900 + 3600)));
    assert_eq!(machine.len(), 2, "the asking that is out, and the new one");
}

#[test]
fn an_asking_is_lost_after_thirty_seconds_and_another_asks() {
    let mut machine = Machine::new(10, RETRY);
    let key = key("a.com");
    let lost = asking(machine.look(&key, at(0)));
    assert!(matches!(machine.look(&key, at(29)), Lookup::Wait));
    let next = asking(machine.look(&key, at(30)));
    machine.given_up(&key, lost, at(0));
    assert!(matches!(machine.look(&key, at(59)), Lookup::Wait), "the end of the lost one ends no other");
    machine.asked(&key, next, Ok(flags("false", 900)), at(59)).unwrap().unwrap();
    assert!(!answer(machine.look(&key, at(59))).is_on("flag"));
}

#[test]
fn a_host_that_is_asked_in_vain_thrice_is_left_alone_for_a_minute() {
    let mut machine = Machine::new(10, RETRY);
    let key = key("a.com");
    for second in [0, 2, 4] {
        let number = asking(machine.look(&key, at(second)));
        machine.given_up(&key, number, at(second));
    }
    let told = machine.look(&key, at(6));
    assert!(matches!(told, Lookup::Answer(Err(failure)) if failure.fault == Fault::Timeout), "{told:?}");
    assert!(matches!(machine.look(&key, at(63)), Lookup::Answer(Err(_))));
    let number = asking(machine.look(&key, at(64)));
    machine.asked(&key, number, Ok(flags("true", 900)), at(64)).unwrap().unwrap();
    assert!(answer(machine.look(&key, at(65))).is_on("flag"));
}

#[test]
fn who_asks_before_its_log_in_says_nothing_of_a_host_that_hangs() {
    let mut machine = Machine::new(10, RETRY);
    let key = key("a.com");
    for second in [0, 2, 4] {
        let number = asking(machine.look(&key, at(second)));
        let none = Err(PluginError::new(Fault::Authentication));
        assert!(machine.asked(&key, number, none, at(second)).unwrap().is_err());
        let number = asking(machine.look(&key, at(second)));
        machine.given_up(&key, number, at(second));
    }
    assert!(matches!(machine.look(&key, at(6)), Lookup::Answer(Err(_))));
}

#[test]
fn two_hosts_that_hang_are_each_left_alone_for_a_minute() {
    let mut machine = Machine::new(10, RETRY);
    let keys = [key("a.com"), key("b.com")];
    for second in [0, 2, 4] {
        for key in &keys {
            let number = asking(machine.look(key, at(second)));
            machine.given_up(key, number, at(second));
        }
    }
    for key in &keys {
        assert!(matches!(machine.look(key, at(6)), Lookup::Answer(Err(_))), "{key:?}");
    }
}

#[test]
fn a_lost_asking_is_answered_in_time_or_looks_again() {
    for is_late in [false, true] {
        let mut machine = Machine::new(10, RETRY);
        let key = key("a.com");
        let lost = asking(machine.look(&key, at(0)));
        let next = asking(machine.look(&key, at(30)));
        if is_late {
            machine.asked(&key, next, Ok(flags("false", 900)), at(31)).unwrap().unwrap();
        }
        let told = machine.asked(&key, lost, Ok(flags("true", 900)), at(32));
        assert_eq!(told.is_none(), is_late, "what is known from later stays");
        assert_eq!(answer(machine.look(&key, at(33))).is_on("flag"), !is_late);
    }
}

/// A machine that keeps so many hosts.
fn keeping(capacity: usize) -> Machine {
    Machine::new(capacity, RETRY)
}

/// Somebody asks this host, and is told this.
fn told(machine: &mut Machine, name: &str, second: u32, answer: Result<FlagSet, PluginError>) {
    let number = asking(machine.look(&key(name), at(second)));
    let _ = machine.asked(&key(name), number, answer, at(second));
}

#[test]
fn an_old_value_is_given_out_for_ten_seconds_while_somebody_asks() {
    let mut machine = keeping(10);
    told(&mut machine, "a.com", 0, Ok(flags("true", 900)));
    asking(machine.look(&key("a.com"), at(900)));
    assert_eq!(answer(machine.look(&key("a.com"), at(901))).fresh_for, 10 * SECOND);
}

#[test]
fn an_answer_ends_what_a_failure_said() {
    let mut machine = keeping(10);
    let key = key("a.com");
    let lost = asking(machine.look(&key, at(0)));
    let next = asking(machine.look(&key, at(30)));
    let busy = PluginError::new(503).with_retry_after(Some(900 * SECOND));
    assert!(machine.asked(&key, next, Err(busy), at(31)).unwrap().is_err());
    machine.asked(&key, lost, Ok(flags("true", 60)), at(32)).unwrap().unwrap();
    assert_eq!(answer(machine.look(&key, at(91))).origin, FlagOrigin::Cached);
    asking(machine.look(&key, at(92)));
}

#[test]
fn what_was_asked_before_an_answer_came_is_not_asked_in_vain() {
    let mut machine = keeping(10);
    let key = key("a.com");
    let lost = asking(machine.look(&key, at(0)));
    let next = asking(machine.look(&key, at(30)));
    machine.asked(&key, next, Ok(flags("true", 60)), at(31)).unwrap().unwrap();
    machine.given_up(&key, lost, at(0));
    for second in [100, 102] {
        let number = asking(machine.look(&key, at(second)));
        machine.given_up(&key, number, at(second));
    }
    asking(machine.look(&key, at(104)));
}

#[test]
fn askings_in_vain_make_no_wait_shorter_that_the_host_asked_for() {
    let mut machine = keeping(10);
    let key = key("a.com");
    let lost: Vec<_> = [0, 30, 60].map(|second| (second, asking(machine.look(&key, at(second))))).into();
    let next = asking(machine.look(&key, at(90)));
    let busy = PluginError::new(503).with_retry_after(Some(900 * SECOND));
    assert!(machine.asked(&key, next, Err(busy), at(91)).unwrap().is_err());
    lost.into_iter().for_each(|(second, number)| machine.given_up(&key, number, at(second)));
    for second in [92, 130, 990] {
        let told = machine.look(&key, at(second));
        assert!(
            matches!(told, Lookup::Answer(Err(failure)) if failure.fault == Fault::Status(503)),
            "{told:?}"
        );
    }
    asking(machine.look(&key, at(991)));
}

#[test]
fn askings_in_vain_take_the_place_of_no_failure_that_waits_as_long() {
    let mut machine = keeping(10);
    let key = key("a.com");
    let lost = [0, 30, 60].map(|second| asking(machine.look(&key, at(second))));
    let next = asking(machine.look(&key, at(90)));
    assert!(machine.asked(&key, next, Err(PluginError::new(503)), at(91)).unwrap().is_err());
    lost.into_iter().for_each(|number| machine.given_up(&key, number, at(91)));
    let told = machine.look(&key, at(92));
    assert!(
        matches!(told, Lookup::Answer(Err(failure)) if failure.fault == Fault::Status(503)),
        "what the host said itself says more: {told:?}"
    );
}

#[test]
fn after_a_minute_it_takes_three_askings_in_vain_again() {
    let mut machine = keeping(10);
    let key = key("a.com");
    for start in [0, 64] {
        for second in [start, start + 2, start + 4] {
            let number = asking(machine.look(&key, at(second)));
            machine.given_up(&key, number, at(second));
        }
        assert!(matches!(machine.look(&key, at(start + 5)), Lookup::Answer(Err(_))));
    }
}

#[test]
fn at_the_capacity_what_says_least_goes() {
    // What is asked for stays before what is fresh.
    let mut machine = keeping(2);
    asking(machine.look(&key("asked.com"), at(0)));
    told(&mut machine, "fresh.com", 0, Ok(flags("true", 900)));
    asking(machine.look(&key("new.com"), at(1)));
    assert!(matches!(machine.look(&key("asked.com"), at(1)), Lookup::Wait));
    // What is fresh before what isn't, though that was looked for later, from the moment on when it expires.
    for second in [1, 2] {
        let mut machine = keeping(2);
        told(&mut machine, "fresh.com", 0, Ok(flags("true", 900)));
        told(&mut machine, "old.com", 0, Ok(flags("true", 1)));
        asking(machine.look(&key("new.com"), at(second)));
        assert_eq!(answer(machine.look(&key("fresh.com"), at(second))).origin, FlagOrigin::Cached);
    }
    // And of what is fresh what was looked for last; not by chance.
    for _ in 0..20 {
        let mut machine = keeping(2);
        told(&mut machine, "a.com", 0, Ok(flags("true", 900)));
        told(&mut machine, "b.com", 0, Ok(flags("true", 900)));
        assert!(answer(machine.look(&key("a.com"), at(1))).is_on("flag"));
        asking(machine.look(&key("new.com"), at(2)));
        assert!(answer(machine.look(&key("a.com"), at(2))).is_on("flag"));
        assert_eq!(machine.len(), 2);
    }
}

#[test]
fn a_failure_is_remembered_though_others_are_asked() {
    let mut machine = keeping(10);
    told(&mut machine, "down.com", 0, Err(PluginError::new(503)));
    asking(machine.look(&key("new.com"), at(30)));
    assert!(matches!(machine.look(&key("down.com"), at(59)), Lookup::Answer(Err(_))));
    asking(machine.look(&key("newer.com"), at(60)));
    assert_eq!(machine.len(), 1, "a failure that is over says nothing, nor does an asking that is lost");
    asking(machine.look(&key("down.com"), at(60)));
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Lookup,
    Answer(prop::sample::Index, Option<bool>, u32),
    Refused(prop::sample::Index),
    GivenUp(prop::sample::Index),
    Pass(u32),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Lookup),
        3 => (any::<prop::sample::Index>(), proptest::option::of(any::<bool>()), 60u32..3600)
            .prop_map(|(which, on, ttl)| Action::Answer(which, on, ttl)),
        1 => any::<prop::sample::Index>().prop_map(Action::Refused),
        1 => any::<prop::sample::Index>().prop_map(Action::GivenUp),
        3 => prop_oneof![1u32..60, 1u32..1000].prop_map(Action::Pass),
    ]
}

proptest! {
    #[test]
    fn one_asks_at_a_time_never_too_early_and_no_old_value_passes_for_a_new_one(
        actions in proptest::collection::vec(action(), 1..100),
    ) {
        let mut machine = Machine::new(10, RETRY);
        let key = key("a.com");
        let mut now = 1000;
        // Those that are out, the one of them that others wait for, and since when.
        let mut out: Vec<u64> = Vec::new();
        let mut current: Option<(u64, u32)> = None;
        let mut answered = 0;
        let mut last: Option<(bool, u32)> = None;
        let mut failed: Option<u32> = None;
        let mut in_vain = 0;
        for action in actions {
            match action {
                Action::Pass(seconds) => now += seconds,
                Action::Lookup => match machine.look(&key, at(now)) {
                    Lookup::Fetch(number) => {
                        prop_assert!(current.is_none_or(|(_, since)| since + 30 <= now), "two at a time");
                        prop_assert!(last.is_none_or(|(_, until)| until <= now), "while it is fresh");
                        prop_assert!(failed.is_none_or(|when| when + 60 <= now), "too early");
                        out.push(number);
                        current = Some((number, now));
                    }
                    Lookup::Wait => {
                        prop_assert!(current.is_some_and(|(_, since)| now < since + 30) && last.is_none());
                    }
                    Lookup::Answer(Ok(flags)) => {
                        let (on, until) = last.unwrap();
                        prop_assert_eq!(flags.is_on("flag"), on);
                        prop_assert_eq!(flags.origin == FlagOrigin::Cached, now < until);
                        prop_assert!(flags.fresh_for > Duration::ZERO, "a caller would ask again at once");
                    }
                    Lookup::Answer(Err(_)) => prop_assert!(last.is_none() && failed.is_some()),
                },
                Action::Answer(which, ..) | Action::Refused(which) | Action::GivenUp(which) if !out.is_empty() => {
                    let number = out.swap_remove(which.index(out.len()));
                    current = current.filter(|(current, _)| *current != number);
                    let answer = match action {
                        Action::Answer(_, Some(on), ttl) => {
                            Ok(flags(if on { "true" } else { "false" }, ttl))
                        }
                        Action::Answer(..) => Err(PluginError::new(503)),
                        Action::Refused(_) => Err(PluginError::new(401)),
                        _ => {
                            machine.given_up(&key, number, at(now));
                            in_vain += u32::from(number >= answered);
                            if in_vain == IN_VAIN {
                                (in_vain, failed) = (0, Some(now));
                            }
                            continue;
                        }
                    };
                    let told = machine.asked(&key, number, answer, at(now));
                    prop_assert_eq!(told.is_none(), number < answered, "what comes after a later answer is late");
                    if told.is_some() {
                        in_vain = 0;
                    }
                    match action {
                        _ if told.is_none() => {}
                        Action::Answer(_, Some(on), ttl) => {
                            (answered, last, failed) = (number, Some((on, now + ttl)), None);
                        }
                        Action::Answer(..) => {
                            prop_assert_eq!(told.unwrap().is_ok(), last.is_some());
                            failed = Some(now);
                        }
                        _ => {}
                    }
                }
                Action::Answer(..) | Action::Refused(_) | Action::GivenUp(_) => {}
            }
        }
    }
}
