//! The flag gates without delaying.

use std::time::Duration;

use crate::common::*;
use telemetry_core::plugin::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

fn minutes(count: u32) -> Duration {
    Duration::from_secs(60) * count
}

#[test]
fn nothing_is_sent_until_the_first_answer_not_even_a_terminal_error() {
    let bench = Bench::with_flags(Script::always(Do::Hang));
    let lease = bench.lease();
    let session = open(&lease);
    session.error(|| ErrorDetails::new("PERMISSION_DENIED").fault(403));
    bench.pass(8 * SECOND);
    assert_eq!(lease.status().state, TelemetryState::Undecided);
    assert!(bench.exporter.attempts().is_empty());
    assert_eq!(lease.status().records.held, 2);
    bench.flags.script().set(on());
    // The hung question is given up after the request timeout, and asked again a minute later.
    bench.pass(3 * SECOND);
    assert!(matches!(lease.status().state, TelemetryState::Off(OffReason::FlagUnreachable(_))));
    assert_balanced(&lease);
}

#[test]
fn what_was_recorded_while_undecided_is_sent_once_the_flag_is_on() {
    let clock_answers_later = Script::always(on());
    let bench = Bench::with_flags(clock_answers_later);
    let lease = bench.lease();
    open(&lease).statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 2);
    assert_eq!(bench.flags.script().calls(), 1);
}

#[test]
fn a_flag_that_is_off_discards_under_its_reason_and_recording_stops() {
    let bench = Bench::with_flags(Script::always(Do::Give(flag(FLAG, false, Duration::MAX))));
    let lease = bench.lease();
    let session = open(&lease);
    session.emitter().started("s1", StatementType::Query);
    bench.pass(SECOND);
    let status = lease.status();
    assert_eq!(
        status.state,
        TelemetryState::Off(OffReason::FlagOff { flag: FLAG.to_owned(), origin: FlagOrigin::Fetched })
    );
    assert_eq!(status.records.dropped.get(DropReason::FlagOff), 2);
    let seen = status.events.seen;
    session.statement().complete();
    session.error(|| panic!("details are not asked for while telemetry is off"));
    bench.pass(minutes(1));
    assert_eq!(lease.status().events.seen, seen, "while telemetry is off, nothing is seen");
    assert!(bench.exporter.attempts().is_empty());
    assert_balanced(&lease);
}

#[test]
fn an_unreachable_service_is_asked_again_after_a_minute() {
    let unreachable = Do::Fail(PluginError::new(Fault::Connect));
    let bench = Bench::with_flags(Script::always(on()).first(unreachable));
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(SECOND);
    assert_eq!(lease.status().records.dropped.get(DropReason::FlagUnreachable), 1);
    session.statement().complete();
    bench.pass(58 * SECOND);
    assert_eq!(bench.flags.script().calls(), 1);
    bench.pass(2 * SECOND);
    assert_eq!(bench.flags.script().calls(), 2);
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 1);
    assert_balanced(&lease);
}

#[test]
fn a_flag_that_the_service_does_not_have_is_told_from_one_that_is_off() {
    let bench = Bench::with_flags(Script::always(Do::Give(flag("another", true, Duration::MAX))));
    let lease = bench.lease();
    open(&lease);
    bench.pass(SECOND);
    let state = lease.status().state;
    let absent = OffReason::FlagAbsent { flag: FLAG.to_owned(), origin: FlagOrigin::Fetched };
    assert_eq!(state, TelemetryState::Off(absent));
    assert_eq!(state.to_string(), format!("off: the service has no flag {FLAG} (fetched)"));
}

#[test]
fn a_kill_switch_stops_a_long_lived_connection_within_one_ttl_and_it_comes_back() {
    let bench = Bench::with_flags(
        Script::always(Do::Give(flag(FLAG, true, Duration::MAX)))
            .first(Do::Give(flag(FLAG, true, minutes(15))))
            .first(Do::Give(flag(FLAG, false, minutes(15)))),
    );
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(minutes(14));
    session.statement().complete();
    bench.pass(minutes(2));
    assert_eq!(
        lease.status().state,
        TelemetryState::Off(OffReason::FlagOff { flag: FLAG.to_owned(), origin: FlagOrigin::Fetched })
    );
    session.statement().complete();
    bench.pass(minutes(15));
    assert_eq!(lease.status().state, TelemetryState::On(FlagOrigin::Fetched));
    session.statement().complete();
    bench.pass(minutes(1));
    assert_eq!(bench.exporter.accepted().len(), 3);
    assert_eq!(bench.flags.script().calls(), 3);
    assert_balanced(&lease);
}

#[test]
fn a_failed_refresh_keeps_the_last_known_value() {
    let bench = Bench::with_flags(Script::always(Do::Fail(PluginError::new(503))).first(Do::Give(flag(
        FLAG,
        true,
        minutes(15),
    ))));
    let lease = bench.lease();
    let session = open(&lease);
    bench.pass(minutes(16));
    session.statement().complete();
    bench.pass(minutes(1));
    assert_eq!(bench.exporter.accepted().len(), 2);
    assert_eq!(lease.status().state, TelemetryState::On(FlagOrigin::Fetched));
    assert_eq!(lease.status().last_failure, Some(PluginError::new(503)));
}

#[test]
fn settings_win_over_each_other_in_their_order() {
    let opted_out = |name: &str| (name == "DO_NOT_TRACK").then(|| "1".to_owned());
    let state = |bench: &Bench, mode: Option<Mode>| {
        let target = Target::new(HOST);
        let target = match mode {
            Some(mode) => target.mode(mode),
            None => target,
        };
        let lease = bench.provider.acquire(target);
        drop(open(&lease));
        bench.pass(SECOND);
        lease.status().state
    };
    let out = Bench::with(config(), |builder| builder.environment(opted_out));
    for mode in [None, Some(Mode::On), Some(Mode::Forced)] {
        assert_eq!(state(&out, mode), TelemetryState::Off(OffReason::OptOut("DO_NOT_TRACK")));
    }
    let bench = Bench::new();
    assert_eq!(state(&bench, Some(Mode::Off)), TelemetryState::Off(OffReason::Setting));
    assert_eq!(state(&bench, None), TelemetryState::On(FlagOrigin::Fetched));
    let default_off = Bench::with(TelemetryConfig::default(), |builder| builder);
    assert_eq!(state(&default_off, None), TelemetryState::Off(OffReason::Setting));
    assert_eq!(state(&default_off, Some(Mode::On)), TelemetryState::On(FlagOrigin::Fetched));
    let flag_off = Bench::with_flags(Script::always(Do::Give(flag(FLAG, false, Duration::MAX))));
    assert_eq!(
        state(&flag_off, Some(Mode::On)),
        TelemetryState::Off(OffReason::FlagOff { flag: FLAG.to_owned(), origin: FlagOrigin::Fetched })
    );
    assert_eq!(state(&flag_off, Some(Mode::Forced)), TelemetryState::Forced);
}

#[test]
fn what_is_forced_is_delivered_though_the_flag_is_off_and_the_flag_is_never_asked_for() {
    let flags = ScriptedFlags::fixed(FLAG, false);
    let asked = flags.clone();
    let bench = Bench::with(config().mode(Mode::Forced), |builder| builder.flags(flags));
    for target in [Target::new(HOST), Target::new(HOST).credentials(ScriptedCredentials::token("t"))] {
        let lease = bench.provider.acquire(target);
        let session = open(&lease);
        assert_eq!(lease.status().state, TelemetryState::Forced);
        // As long as any flag is fresh, and a day more.
        for _ in 0..2 {
            session.statement().complete();
            bench.pass(minutes(24 * 60));
        }
        session.statement().complete();
        let closed = bench.close(&lease, 2 * SECOND).0;
        assert_eq!(closed, CloseOutcome::Delivered { accepted: 4 });
    }
    assert_eq!(asked.script().calls(), 0);
    // A connection that doesn't force it shares no client with one that does.
    let on = bench.provider.acquire(Target::new(HOST).mode(Mode::On));
    let forced = bench.lease();
    drop(open(&on));
    drop(open(&forced));
    bench.pass(6 * SECOND);
    assert_eq!((on.status().records.accepted, forced.status().records.accepted), (0, 1));
    assert_eq!(asked.script().calls(), 1);
}

#[test]
fn off_is_decided_before_anything_is_asked() {
    let bench = Bench::new();
    let credentials = ScriptedCredentials::token("t");
    let lease = bench.provider.acquire(Target::new(HOST).credentials(credentials.clone()).mode(Mode::Off));
    open(&lease).statement().complete();
    bench.pass(minutes(20));
    assert_eq!((bench.flags.script().calls(), credentials.headers_script().calls()), (0, 0));
    assert_eq!(lease.status().events, EventLedger::default());
}

#[test]
fn opening_a_connection_asks_nothing_under_any_fault_of_the_flag() {
    for fault in [Do::Hang, Do::Panic, Do::Fail(PluginError::new(503)), Do::Block] {
        let bench = Bench::with_flags(Script::always(fault));
        let lease = bench.lease();
        let session = open(&lease);
        session.statement().complete();
        assert_eq!(bench.flags.script().calls(), 0, "on the driver's thread, nothing is asked");
    }
}

#[test]
fn one_connection_is_off_on_a_client_that_others_share() {
    let bench = Bench::new();
    let on = bench.lease();
    let off = bench.provider.acquire(Target::new(HOST).mode(Mode::Off));
    open(&on).statement().complete();
    open(&off).statement().complete();
    bench.pass(10 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 2);
}

#[test]
fn a_closed_client_whose_flag_never_came_counts_what_it_held() {
    let bench = Bench::with_flags(Script::always(Do::Hang));
    let lease = bench.lease();
    open(&lease).statement().complete();
    assert_eq!(Bench::timed_out(&bench.close(&lease, 2 * SECOND)), (true, 2, 2 * SECOND));
    assert_balanced(&lease);
}

#[test]
fn hosts_that_may_not_be_called_are_off_with_the_reason() {
    let bench = Bench::new();
    for host in ["http://x.databricks.com", "127.0.0.1", "user:secret@x.com", ""] {
        let lease = bench.provider.acquire(Target::new(host));
        let TelemetryState::Off(OffReason::InvalidHost(error)) = lease.status().state else {
            panic!("{host}")
        };
        assert!(!format!("{error} {lease:?}").contains("secret"));
        open(&lease).statement().complete();
    }
    let spelled = bench.provider.acquire(Target::new(" https://DBC-1.cloud.databricks.com/ "));
    open(&spelled);
    bench.pass(6 * SECOND);
    assert_eq!(bench.exporter.attempts()[0].host.name(), HOST);
}
