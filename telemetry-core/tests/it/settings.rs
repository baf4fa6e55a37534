//! Each setting is read: with two values, what can be seen from outside differs as the setting says.

use std::time::Duration;

use crate::common::*;
use telemetry_core::plugin::*;
use telemetry_core::status::*;
use telemetry_core::text::TextLevel;
use telemetry_core::*;
use telemetry_testkit::*;

const KIB: usize = 1024;

fn bench(config: TelemetryConfig) -> Bench {
    Bench::with(config, |builder| builder)
}

/// One whose flag is never answered: what is recorded waits.
fn undecided(config: TelemetryConfig) -> Bench {
    Bench::with(config, |builder| builder.flags(ScriptedFlags::new(Script::always(Do::Hang))))
}

fn failing(fault: impl Into<Fault>) -> Do<Accept> {
    Do::Fail(PluginError::new(fault))
}

/// The names of all settings.
fn names() -> Vec<String> {
    let shown = format!("{:?}", TelemetryConfig::default());
    let (_, fields) = shown.trim_end_matches(" }").split_once(" { ").unwrap();
    fields.split(", ").map(|field| field.split_once(": ").unwrap().0.to_owned()).collect()
}

#[test]
fn no_setting_is_without_a_test_that_begins_with_its_name() {
    let tests = include_str!("settings.rs");
    assert!(names().len() >= 24);
    for name in names() {
        assert!(tests.contains(&format!("#[test]\nfn {name}_is_")), "{name}");
    }
}

#[test]
fn the_defaults_are_those_that_are_documented() {
    let said = "TelemetryConfig { mode: Off, max_records: 500, batch_size: 100, max_age: 600s, \
                flush_interval: 5s, max_retries: 3, backoff_max: 1s, backoff_base: 100ms, \
                retry_after_cap: 300s, request_timeout: 10s, max_events: 4096, error_text: Message, \
                own_words: [], own_packages: [], max_bytes: 2097152, max_total_bytes: 67108864, max_open_statements: 5000, \
                abandoned_after: 3600s, max_errors: 50, close_timeout: 2s, pause_max: 900s, \
                pause_base: 60s, flag_retry: 60s, max_clients: 1000, host_policy: Public }";
    assert_eq!(format!("{:?}", TelemetryConfig::default()), said);
    assert_eq!(DEFAULT_CLOSE, 2 * SECOND);
}

/// Of a setting with bounds: its name, the settings with what is least, and most, and what is beyond.
type Bounds = (&'static str, [TelemetryConfig; 2], Vec<TelemetryConfig>);

fn sizes(
    name: &'static str,
    set: impl Fn(TelemetryConfig, usize) -> TelemetryConfig,
    least: usize,
    most: usize,
) -> Bounds {
    let with = |value| set(TelemetryConfig::default(), value);
    let below = least.checked_sub(1).map(with);
    (name, [with(least), with(most)], below.into_iter().chain([with(most + 1)]).collect())
}

fn times(
    name: &'static str,
    set: impl Fn(TelemetryConfig, Duration) -> TelemetryConfig,
    least: Duration,
    most: Duration,
) -> Bounds {
    let with = |value| set(TelemetryConfig::default(), value);
    let nano = Duration::from_nanos(1);
    let below = least.checked_sub(nano).map(with);
    (name, [with(least), with(most)], below.into_iter().chain([with(most + nano)]).collect())
}

#[test]
fn what_is_at_a_bound_is_accepted_and_what_is_beyond_it_is_an_error_that_names_the_setting() {
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let all = [
        sizes("max_records", |config, size| config.batch_size(1).max_records(size), 1, 100_000),
        sizes("batch_size", TelemetryConfig::batch_size, 1, 500),
        times("max_age", |config, age| config.flush_interval(10 * MS).max_age(age), SECOND, DAY),
        times("flush_interval", |config, every| config.max_age(DAY).flush_interval(every), 10 * MS, HOUR),
        times("flush_interval", TelemetryConfig::flush_interval, 10 * MS, 10 * MINUTE - MS),
        sizes("max_retries", |config, times| config.max_retries(times as u32), 0, 10),
        times("backoff_max", |config, most| config.backoff_base(MS).backoff_max(most), MS, MINUTE),
        times("backoff_base", TelemetryConfig::backoff_base, MS, SECOND),
        times("retry_after_cap", TelemetryConfig::retry_after_cap, Duration::ZERO, 15 * MINUTE),
        times("request_timeout", TelemetryConfig::request_timeout, MS, 5 * MINUTE),
        sizes("max_events", TelemetryConfig::max_events, 16, 1_000_000),
        sizes("max_bytes", TelemetryConfig::max_bytes, 16 * KIB, 1024 * KIB * KIB),
        sizes("max_total_bytes", TelemetryConfig::max_total_bytes, 16 * KIB, 65_536 * KIB * KIB),
        sizes("max_open_statements", TelemetryConfig::max_open_statements, 1, 1_000_000),
        times("abandoned_after", TelemetryConfig::abandoned_after, SECOND, 7 * DAY),
        sizes("max_errors", TelemetryConfig::max_errors, 1, 1000),
        times("close_timeout", TelemetryConfig::close_timeout, Duration::ZERO, MINUTE),
        times("pause_max", |config, most| config.pause_base(MS).pause_max(most), MS, DAY),
        times("pause_base", TelemetryConfig::pause_base, MS, 15 * MINUTE),
        times("flag_retry", TelemetryConfig::flag_retry, SECOND, HOUR),
        sizes("max_clients", TelemetryConfig::max_clients, 1, 100_000),
    ];
    for (name, within, beyond) in &all {
        for config in within {
            assert_eq!(config.validate(), Ok(()), "{name}");
        }
        for config in beyond {
            let error = config.validate().unwrap_err();
            assert!(matches!(error, BuildError::OutOfBounds { name: told, .. } if told == *name), "{error}");
        }
    }
    let unbounded = ["mode", "error_text", "own_words", "own_packages", "host_policy"];
    let bounded = |name: &str| all.iter().any(|(known, ..)| *known == name);
    assert!(names().iter().all(|name| bounded(name) || unbounded.contains(&name.as_str())));
}

#[test]
fn mode_is_what_holds_where_a_connection_does_not_say() {
    let state = |mode| {
        let off = ScriptedFlags::fixed(FLAG, false);
        let bench = Bench::with(config().mode(mode), |builder| builder.flags(off));
        let lease = bench.lease();
        bench.pass(SECOND);
        lease.status().state
    };
    let off = OffReason::FlagOff { flag: FLAG.to_owned(), origin: FlagOrigin::Fetched };
    assert_eq!(state(Mode::Off), TelemetryState::Off(OffReason::Setting));
    assert_eq!(state(Mode::On), TelemetryState::Off(off));
    assert_eq!(state(Mode::Forced), TelemetryState::Forced);
}

#[test]
fn max_records_is_how_many_records_are_held() {
    let held = |most| {
        let bench = undecided(config().batch_size(1).max_records(most));
        let lease = bench.lease();
        let session = open(&lease);
        (0..20).for_each(|_| session.statement().complete());
        bench.step();
        lease.status().records.held
    };
    assert_eq!([3, 7].map(held), [3, 7]);
}

#[test]
fn batch_size_is_how_many_records_go_at_a_time() {
    let sent = |size| {
        let bench = bench(config().batch_size(size));
        let session = open(&bench.lease());
        (0..20).for_each(|_| session.statement().complete());
        bench.pass(20 * SECOND);
        bench.exporter.attempts().iter().map(|attempt| attempt.records.len()).max()
    };
    assert_eq!([3, 7].map(sent), [Some(3), Some(7)]);
}

#[test]
fn max_age_is_how_long_a_record_is_held() {
    let kept = |age| {
        let bench = bench(config().max_age(age));
        bench.exporter.script().set(failing(503));
        let lease = bench.lease();
        drop(open(&lease));
        let expired = || lease.status().records.dropped.get(DropReason::Expired) == 1;
        bench.until(SECOND / 2, "it expires", expired)
    };
    assert_eq!([20 * SECOND, 70 * SECOND].map(kept), [20 * SECOND, 70 * SECOND]);
}

#[test]
fn flush_interval_is_the_longest_that_a_record_waits_for_its_batch() {
    for every in [2 * SECOND, 30 * SECOND] {
        let bench = bench(config().flush_interval(every).max_retries(0));
        let lease = bench.lease();
        let session = open(&lease);
        let sent = |count| move |exporter: &RecordingExporter| exporter.attempts().len() == count;
        let took = bench.until(SECOND / 2, "it is sent", || sent(1)(&bench.exporter));
        assert!(took >= every / 2 && took <= every, "after a calm: {took:?}");
        session.statement().complete();
        let took = bench.until(SECOND / 2, "it is sent", || sent(2)(&bench.exporter));
        assert_eq!(took, every);
        // Also between two batches, when quick retries are used up.
        bench.exporter.script().set(failing(503));
        session.error(|| ErrorDetails::new("DENIED").fault(403));
        bench.step();
        let took = bench.until(SECOND / 2, "it is sent again", || sent(4)(&bench.exporter));
        assert_eq!(took, every);
    }
}

/// How often a batch that fails is tried within the minute after its first attempt.
fn tries(config: TelemetryConfig) -> usize {
    let bench = bench(config.flush_interval(60 * SECOND));
    bench.exporter.script().set(failing(503));
    let lease = bench.lease();
    drop(open(&lease));
    bench.until(SECOND, "it is tried", || !bench.exporter.attempts().is_empty());
    bench.pass(59 * SECOND);
    bench.exporter.attempts().len()
}

#[test]
fn max_retries_is_how_often_a_batch_is_tried_again_before_it_waits_for_the_next_interval() {
    let config = config().backoff_base(MS).backoff_max(MS);
    assert_eq!([0, 4, 10].map(|retries| tries(config.clone().max_retries(retries))), [1, 5, 11]);
}

/// The waits between the attempts of clients on many hosts whose batches all fail.
fn waits(config: TelemetryConfig) -> Vec<Duration> {
    let bench = bench(config.flush_interval(3600 * SECOND).max_age(7200 * SECOND));
    bench.exporter.script().set(failing(503));
    let hosts: Vec<_> = (0..20).map(|number| format!("dbc-{number}.cloud.databricks.com")).collect();
    let leases: Vec<_> = hosts.iter().map(|host| bench.provider.acquire(Target::new(host))).collect();
    leases.iter().for_each(|lease| open(lease).error(|| ErrorDetails::new("DENIED").fault(403)));
    let mut waits = Vec::new();
    let mut last = vec![bench.now(); hosts.len()];
    let mut seen = 0;
    bench.step();
    for _ in 0..100_000 {
        for attempt in bench.exporter.attempts().drain(seen..) {
            seen += 1;
            let host = hosts.iter().position(|host| host == attempt.host.name()).unwrap();
            waits.push(bench.now() - last[host]);
            last[host] = bench.now();
        }
        if bench.clock.next_wake().is_none_or(|at| at - bench.now() > 1000 * SECOND) {
            return waits;
        }
        bench.clock.advance_to_next();
        bench.step();
    }
    panic!("it never rests")
}

#[test]
fn backoff_base_is_the_ceiling_of_the_first_wait() {
    let longest = |base| {
        let config = config().max_retries(1).backoff_max(60 * SECOND).backoff_base(base);
        waits(config).into_iter().max().unwrap()
    };
    assert!(longest(MS) <= MS);
    // Of twenty draws one is not below a tenth.
    let long = longest(60 * SECOND);
    assert!(long > 6 * SECOND && long <= 60 * SECOND, "{long:?}");
}

#[test]
fn backoff_max_is_the_highest_ceiling_of_all_waits() {
    let longest = |most| {
        let config = config().max_retries(10).backoff_max(most).backoff_base(MS);
        waits(config).into_iter().max().unwrap()
    };
    let short = longest(20 * MS);
    assert!(short > 2 * MS && short <= 20 * MS, "{short:?}");
    // The ceiling of the last is 512 times the first.
    let long = longest(60 * SECOND);
    assert!(long > 51 * MS && long <= 512 * MS, "{long:?}");
}

#[test]
fn retry_after_cap_is_as_much_of_a_retry_after_as_is_obeyed() {
    let waited = |cap| {
        let bench = bench(config().retry_after_cap(cap));
        let busy = PluginError::new(429).with_retry_after(Some(100 * SECOND));
        bench.exporter.script().set(Do::Fail(busy));
        let lease = bench.lease();
        drop(open(&lease));
        let sent = |count| bench.exporter.attempts().len() == count;
        bench.until(SECOND, "it is sent", || sent(1));
        bench.until(SECOND, "it is sent again", || sent(2))
    };
    for (cap, obeyed) in [(20, 20 * SECOND), (50, 50 * SECOND), (200, 100 * SECOND)] {
        let waited = waited(cap * SECOND);
        // It is seen by the second.
        let (least, most) = (obeyed - SECOND, obeyed * 5 / 4 + SECOND);
        assert!(waited >= least && waited <= most, "{cap}: {waited:?}");
    }
}

#[test]
fn request_timeout_is_how_long_an_attempt_its_credentials_and_a_question_may_take() {
    for limit in [2 * SECOND, 20 * SECOND] {
        let hanging = bench(config().request_timeout(limit));
        let lease = hanging.lease();
        let session = open(&lease);
        hanging.pass(5 * SECOND);
        hanging.exporter.script().set(Do::Hang);
        session.statement().complete();
        hanging.pass(5 * SECOND);
        assert_eq!(hanging.exporter.attempts().len(), 2);
        let timeout = Some(PluginError::new(Fault::Timeout));
        let took = hanging.until(SECOND, "it is given up", || lease.status().last_failure == timeout);
        assert_eq!(took, limit);

        let silent = bench(config().request_timeout(limit));
        let credentials = ScriptedCredentials::token("t");
        let lease = silent.lease_of(credentials.clone());
        let session = open(&lease);
        silent.pass(5 * SECOND);
        credentials.headers_script().set(Do::Hang);
        session.statement().complete();
        silent.pass(5 * SECOND);
        let took = silent.until(SECOND, "it is given up", || lease.status().last_failure == timeout);
        assert_eq!((took, silent.exporter.attempts().len()), (limit, 1));

        let undecided = undecided(config().request_timeout(limit));
        let lease = undecided.lease();
        let told = || lease.status().state != TelemetryState::Undecided;
        assert_eq!(undecided.until(SECOND, "the question is given up", told), limit);
    }
}

#[test]
fn max_events_is_how_many_events_wait_for_the_worker() {
    let waiting = |most| {
        let bench = bench(config().max_events(most));
        let lease = bench.lease();
        let session = open(&lease);
        (0..100).for_each(|_| session.closed(MS));
        let events = lease.status().events;
        (events.waiting, events.refused.get(Refusal::BufferFull))
    };
    assert_eq!([16, 40].map(waiting), [(16, 85), (40, 61)]);
}

/// The text of an error with these settings.
fn text(config: TelemetryConfig) -> Option<String> {
    let bench = bench(config);
    let lease = bench.lease();
    open(&lease).error(|| {
        let own = ErrorDetails::new("E").template("chunk {}", &[&7]);
        own.message("Xyzzy timed out").stack("\tat com.xyzzy.Main.run(Main.java:1)")
    });
    bench.pass(10 * SECOND);
    let records = bench.exporter.accepted();
    let error = records.iter().find_map(|record| record.body.error.clone()).unwrap();
    error.text.map(|text| text.as_str().to_owned())
}

#[test]
fn error_text_is_how_much_of_a_text_leaves() {
    let texts = [TextLevel::None, TextLevel::Frames, TextLevel::Message];
    let texts = texts.map(|level| text(config().error_text(level)));
    let said =
        ["chunk 7\n    at ***", "chunk 7\n*** timed out\n    at ***"].map(|text| Some(text.to_owned()));
    assert_eq!(texts, [None, said[0].clone(), said[1].clone()]);
}

#[test]
fn own_words_is_what_is_harmless_besides_the_vocabulary() {
    let with = |words| text(config().own_words(words)).unwrap();
    assert!(with(&[]).contains("\n*** timed out\n") && with(&["xyzzy"]).contains("\nXyzzy timed out\n"));
}

#[test]
fn own_packages_is_whose_frames_are_kept_besides_the_known() {
    let with = |packages| text(config().own_packages(packages)).unwrap();
    assert!(with(&[]).ends_with("at ***"));
    assert!(with(&["com.xyzzy"]).ends_with("at com.xyzzy.Main.run(Main.java:1)"));
}

#[test]
fn max_bytes_is_how_much_one_client_holds_and_half_of_it_text() {
    let held = |most| {
        let bench = undecided(config().max_bytes(most));
        let lease = bench.lease();
        let session = open(&lease);
        for _ in 0..200 {
            session.statement().complete();
            session.error(|| ErrorDetails::new("E").message("no such thing ".repeat(100)));
        }
        let status = lease.status();
        let refused = status.events.refused.get(Refusal::MemoryFull);
        assert!(status.held_bytes <= most as u64 && status.text_bytes <= most as u64 / 2, "{status:?}");
        assert!(refused > 0 && status.texts_left_out > 0 && status.balances(), "{status:?}");
        status.events.waiting
    };
    let [little, more] = [40 * KIB, 80 * KIB].map(held);
    assert!(little > 20 && more > 3 * little / 2 && more < 3 * little, "{little} {more}");
}

#[test]
fn max_total_bytes_is_how_much_all_clients_hold() {
    let held = |most| {
        let bench = undecided(config().max_bytes(16 * KIB).max_total_bytes(most));
        let hosts: Vec<_> = (0..20).map(|number| format!("dbc-{number}.cloud.databricks.com")).collect();
        let leases: Vec<_> = hosts.iter().map(|host| bench.provider.acquire(Target::new(host))).collect();
        let sessions: Vec<_> = leases.iter().map(open).collect();
        for session in &sessions {
            (0..100).for_each(|_| session.statement().complete());
        }
        leases.iter().for_each(assert_balanced);
        leases.iter().map(|lease| lease.status().held_bytes).sum::<u64>()
    };
    let [little, more] = [40 * KIB, 120 * KIB].map(|most| (held(most), most as u64));
    for (held, most) in [little, more] {
        assert!(held <= most && held > most / 2, "{held} of {most}");
    }
}

#[test]
fn max_open_statements_is_how_many_are_open_by_id() {
    let opened = |most| {
        let bench = bench(config().max_open_statements(most));
        let lease = bench.lease();
        let emitter = open(&lease).emitter();
        (0..10).for_each(|number| emitter.started(&format!("s{number}"), StatementType::Query));
        bench.step();
        lease.status().open_statements
    };
    assert_eq!([1, 4].map(opened), [1, 4]);
}

#[test]
fn abandoned_after_is_how_long_a_statement_by_id_may_be_quiet() {
    let quiet = |limit| {
        let bench = bench(config().abandoned_after(limit));
        let lease = bench.lease();
        open(&lease).emitter().started("s1", StatementType::Query);
        bench.until(SECOND, "it is ended", || lease.status().open_statements == 0)
    };
    assert_eq!([7 * SECOND, 90 * SECOND].map(quiet), [7 * SECOND, 90 * SECOND]);
}

#[test]
fn max_errors_is_how_many_errors_are_kept_with_a_statement() {
    let kept = |most| {
        let bench = bench(config().max_errors(most));
        let lease = bench.lease();
        let session = open(&lease);
        let (emitter, mut statement) = (session.emitter(), session.statement());
        emitter.started("s1", StatementType::Query);
        for _ in 0..10 {
            emitter.error("s1", || ErrorDetails::new("BY_ID"));
            statement.error(|| ErrorDetails::new("BY_HANDLE"));
        }
        emitter.completed("s1", MS);
        statement.complete();
        bench.pass(10 * SECOND);
        let records = bench.exporter.accepted();
        let errors: Vec<_> = records.iter().filter_map(|record| record.body.error.as_ref()).collect();
        ["BY_ID", "BY_HANDLE"].map(|name| errors.iter().filter(|error| error.name == name).count())
    };
    assert_eq!([1, 4].map(kept), [[1, 1], [4, 4]]);
}

#[test]
fn close_timeout_is_how_long_the_flush_after_the_last_lease_may_take() {
    let took = |limit| {
        let bench = bench(config().close_timeout(limit).request_timeout(60 * SECOND));
        bench.exporter.script().set(Do::Hang);
        let lease = bench.lease();
        drop(open(&lease));
        bench.step();
        drop(lease);
        bench.until(SECOND / 2, "its worker ends", || bench.clock.sleepers() == 0)
    };
    assert_eq!([Duration::ZERO, SECOND, 30 * SECOND].map(took), [Duration::ZERO, SECOND, 30 * SECOND]);
}

/// The first waits of a client that is refused again and again.
fn pauses<const N: usize>(config: TelemetryConfig) -> [Duration; N] {
    let bench = bench(config.flush_interval(SECOND));
    bench.exporter.script().set(failing(403));
    let lease = bench.lease();
    let session = open(&lease);
    bench.until(SECOND, "it is sent", || bench.exporter.attempts().len() == 1);
    std::array::from_fn(|place| {
        session.statement().complete();
        let sent = || bench.exporter.attempts().len() == place + 2;
        bench.until(SECOND, "it is sent again", sent)
    })
}

#[test]
fn pause_base_is_the_first_pause_of_a_client_that_is_refused() {
    let first = |base| pauses::<1>(config().pause_base(base))[0];
    assert_eq!([10 * SECOND, 45 * SECOND].map(first), [10 * SECOND, 45 * SECOND]);
}

#[test]
fn pause_max_is_the_longest_pause_of_a_client_that_is_refused() {
    let all = |most| pauses::<4>(config().pause_base(10 * SECOND).pause_max(most));
    assert_eq!(all(15 * SECOND), [10, 15, 15, 15].map(|pause| pause * SECOND));
    assert_eq!(all(50 * SECOND), [10, 20, 40, 50].map(|pause| pause * SECOND));
}

#[test]
fn flag_retry_is_the_wait_until_a_flag_that_could_not_be_had_is_asked_for_again() {
    let waited = |retry| {
        let flags = ScriptedFlags::new(Script::always(Do::Fail(PluginError::new(503))));
        let asked = flags.clone();
        let bench = Bench::with(config().flag_retry(retry), |builder| builder.flags(flags));
        let lease = bench.lease();
        drop(open(&lease));
        bench.step();
        bench.until(SECOND, "it is asked again", || asked.script().calls() == 2)
    };
    assert_eq!([10 * SECOND, 90 * SECOND].map(waited), [10 * SECOND, 90 * SECOND]);
}

#[test]
fn max_clients_is_how_many_clients_there_are() {
    let off = |most| {
        let bench = bench(config().max_clients(most));
        let lease = |number| bench.provider.acquire(Target::new(format!("dbc-{number}.databricks.com")));
        let leases: Vec<_> = (0..5).map(lease).collect();
        let off = TelemetryState::Off(OffReason::TooManyClients);
        leases.iter().filter(|lease| lease.status().state == off).count()
    };
    assert_eq!([1, 3].map(off), [4, 2]);
}

#[test]
fn host_policy_is_which_hosts_may_be_called() {
    let called = |policy| {
        let bench = bench(config().host_policy(policy));
        let lease = bench.provider.acquire(Target::new("http://127.0.0.1:8080"));
        drop(open(&lease));
        bench.pass(10 * SECOND);
        bench.exporter.accepted().len()
    };
    assert_eq!([HostPolicy::Public, HostPolicy::AllowLoopback].map(called), [0, 1]);
}
