use proptest::prelude::*;
use telemetry_core::HostPolicy;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u32) -> Tick {
    Tick::ZERO + SECOND * seconds
}

fn key(name: &str) -> Key {
    let host = Host::parse(name, HostPolicy::Public).unwrap();
    Key { host, client: "TEST".into(), version: "1.0.0".into() }
}

fn flags(value: &str, fresh_until: Tick) -> FlagSet {
    FlagSet::new([("flag".to_owned(), value.to_owned())].into(), FlagOrigin::Fetched, fresh_until)
}

fn answer(look: Look) -> FlagSet {
    match look {
        Look::Answer(Ok(flags)) => flags,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_is_asked_once_while_its_flags_are_fresh() {
    let mut machine = Machine::new(10);
    let key = key("a.com");
    assert!(matches!(machine.look(&key, at(0)), Look::Ask));
    machine.asked(&key, Ok(flags("true", at(900))), at(1)).unwrap();
    let cached = answer(machine.look(&key, at(899)));
    assert_eq!((cached.origin, cached.fresh_until), (FlagOrigin::Cached, at(900)));
    assert!(matches!(machine.look(&key, at(900)), Look::Ask), "expires after its time");
}

#[test]
fn an_old_value_is_given_out_while_somebody_asks() {
    let mut machine = Machine::new(10);
    let key = key("a.com");
    machine.look(&key, at(0));
    assert!(matches!(machine.look(&key, at(0)), Look::Wait), "with no value there is nothing to give out");
    machine.asked(&key, Ok(flags("true", at(900))), at(0)).unwrap();
    machine.look(&key, at(900));
    let old = answer(machine.look(&key, at(901)));
    assert_eq!(old.origin, FlagOrigin::Stale);
    assert!(old.is_on("flag") && old.fresh_until > at(901));
}

#[test]
fn a_failed_refresh_keeps_the_last_known_value_and_waits_a_minute() {
    let mut machine = Machine::new(10);
    let key = key("a.com");
    machine.look(&key, at(0));
    machine.asked(&key, Ok(flags("true", at(900))), at(0)).unwrap();
    machine.look(&key, at(900));
    let told = machine.asked(&key, Err(Failure::new(503)), at(905)).unwrap();
    assert_eq!((told.origin, told.fresh_until), (FlagOrigin::Stale, at(965)));
    assert_eq!(answer(machine.look(&key, at(964))).origin, FlagOrigin::Stale);
    assert!(matches!(machine.look(&key, at(965)), Look::Ask));
}

#[test]
fn an_unreachable_host_is_asked_again_after_sixty_seconds_or_when_it_says() {
    for (retry_after, wait) in [(None, 60), (Some(5), 60), (Some(120), 120), (Some(100_000), 900)] {
        let mut machine = Machine::new(10);
        let key = key("a.com");
        machine.look(&key, at(0));
        let failure = Failure::new(503).with_retry_after(retry_after.map(|wait| SECOND * wait));
        assert!(machine.asked(&key, Err(failure), at(0)).is_err());
        let Look::Answer(Err(failure)) = machine.look(&key, at(wait - 1)) else { panic!("asked too early") };
        assert_eq!((failure.fault, failure.retry_after), (Fault::Status(503), Some(SECOND)));
        assert!(matches!(machine.look(&key, at(wait)), Look::Ask));
    }
}

#[test]
fn a_refusal_of_one_callers_credentials_settles_nothing_for_others() {
    for fault in [Fault::Status(401), Fault::Status(403), Fault::Authentication] {
        let mut machine = Machine::new(10);
        let key = key("a.com");
        machine.look(&key, at(0));
        assert_eq!(machine.asked(&key, Err(fault.into()), at(0)), Err(fault.into()));
        assert!(matches!(machine.look(&key, at(0)), Look::Ask), "the next one asks with its own");
    }
}

#[test]
fn hosts_are_kept_apart_and_capped() {
    let mut machine = Machine::new(2);
    for (name, fresh_until) in [("old.com", 1), ("fresh.com", 900)] {
        machine.look(&key(name), at(0));
        machine.asked(&key(name), Ok(flags("true", at(fresh_until))), at(0)).unwrap();
    }
    assert!(matches!(machine.look(&key("new.com"), at(2)), Look::Ask));
    assert_eq!(machine.len(), 2);
    assert_eq!(answer(machine.look(&key("fresh.com"), at(3))).origin, FlagOrigin::Cached);
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Look,
    Answer(Option<bool>, u32),
    Refused,
    GivenUp,
    Pass(u32),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Look),
        3 => (proptest::option::of(any::<bool>()), 60u32..3600).prop_map(|(on, ttl)| Action::Answer(on, ttl)),
        1 => Just(Action::Refused),
        1 => Just(Action::GivenUp),
        3 => (1u32..1000).prop_map(Action::Pass),
    ]
}

proptest! {
    #[test]
    fn one_asks_at_a_time_never_too_early_and_no_old_value_passes_for_a_new_one(
        actions in proptest::collection::vec(action(), 1..100),
    ) {
        let mut machine = Machine::new(10);
        let key = key("a.com");
        let mut now = 1000;
        let mut asking = false;
        let mut last: Option<(bool, u32)> = None;
        let mut failed: Option<u32> = None;
        for action in actions {
            match action {
                Action::Pass(seconds) => now += seconds,
                Action::Look => match machine.look(&key, at(now)) {
                    Look::Ask => {
                        prop_assert!(!asking, "two at a time");
                        prop_assert!(last.is_none_or(|(_, until)| until <= now), "while it is fresh");
                        prop_assert!(failed.is_none_or(|when| when + 60 <= now), "too early");
                        asking = true;
                    }
                    Look::Wait => prop_assert!(asking && last.is_none()),
                    Look::Answer(Ok(flags)) => {
                        let (on, until) = last.unwrap();
                        prop_assert_eq!(flags.is_on("flag"), on);
                        prop_assert_eq!(flags.origin == FlagOrigin::Cached, now < until);
                        prop_assert!(flags.fresh_until > at(now), "a caller would ask again at once");
                    }
                    Look::Answer(Err(_)) => prop_assert!(last.is_none() && failed.is_some()),
                },
                Action::Answer(Some(on), ttl) if asking => {
                    asking = false;
                    let flags = flags(if on { "true" } else { "false" }, at(now + ttl));
                    machine.asked(&key, Ok(flags), at(now)).unwrap();
                    last = Some((on, now + ttl));
                    failed = None;
                }
                Action::Answer(None, _) if asking => {
                    asking = false;
                    let told = machine.asked(&key, Err(Failure::new(503)), at(now));
                    prop_assert_eq!(told.is_ok(), last.is_some());
                    failed = Some(now);
                }
                Action::Refused if asking => {
                    asking = false;
                    let _ = machine.asked(&key, Err(Failure::new(401)), at(now));
                }
                Action::GivenUp if asking => {
                    asking = false;
                    machine.given_up(&key);
                }
                Action::Answer(..) | Action::Refused | Action::GivenUp => {}
            }
        }
    }
}
