//! What a connection sets for itself, and settings that come as text.

use std::cell::Cell;
use std::time::Duration;

use crate::common::*;
use telemetry_core::plugin::{AlwaysClosed, PluginError};
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

fn settings() -> ConnectionSettings {
    ConnectionSettings::default()
}

impl Bench {
    fn lease_with(&self, settings: ConnectionSettings) -> Lease {
        self.provider.acquire(Target::new(HOST).credentials(StaticToken::new("token")).settings(settings))
    }
}

fn attempts(bench: &Bench) -> usize {
    bench.exporter.attempts().len()
}

#[test]
fn a_connection_has_its_own_mode() {
    let bench = Bench::with(config(), |builder| builder.flags(ScriptedFlags::fixed(FLAG, false)));
    let state = |mode| {
        let lease = bench.lease_with(settings().mode(mode));
        bench.step();
        lease.status().state
    };
    assert_eq!(state(Mode::Off), TelemetryState::Off(OffReason::Setting));
    assert_eq!(state(Mode::Forced), TelemetryState::Forced);
    assert!(matches!(state(Mode::On), TelemetryState::Off(OffReason::FlagOff { .. })));
}

#[test]
fn a_connection_has_its_own_batch_size_flush_interval_and_retries() {
    let bench = Bench::with(config().backoff_base(MS).backoff_max(MS), |builder| builder);
    let own = settings().batch_size(3).flush_interval(20 * SECOND).max_retries(1);
    let lease = bench.lease_with(own);
    let session = open(&lease);
    bench.pass(9 * SECOND);
    assert_eq!(attempts(&bench), 0);
    bench.exporter.script().set(Do::Fail(PluginError::new(503)));
    bench.pass(12 * SECOND);
    assert_eq!(attempts(&bench), 2, "the first, and one retry");
    bench.exporter.script().set(Do::Give(Accept::All));
    (0..7).for_each(|_| session.statement().complete());
    bench.pass(60 * SECOND);
    let sizes: Vec<_> = bench.exporter.attempts()[2..].iter().map(|attempt| attempt.records.len()).collect();
    assert!(sizes.iter().sum::<usize>() == 8 && sizes.iter().all(|size| *size <= 3), "{sizes:?}");

    let often = bench.lease_with(settings().flush_interval(SECOND));
    let before = attempts(&bench);
    let session = open(&often);
    bench.pass(SECOND);
    assert_eq!(attempts(&bench), before + 1);
    let busy = PluginError::new(429).with_retry_after(Some(100 * SECOND));
    bench.exporter.script().set(Do::Fail(busy));
    session.statement().complete();
    bench.pass(SECOND);
    assert_eq!(attempts(&bench), before + 2);
    for _ in 0..5 {
        bench.clock.advance_to_next();
        bench.step();
    }
    let wakes = bench.clock.next_wake().unwrap() - bench.now();
    assert_eq!(wakes, SECOND, "to take in what comes while nothing may be sent");
}

#[test]
fn a_connection_has_its_own_close_time_whoever_shares_its_client() {
    // Whether the client is still there some time after its leases were dropped, in this order.
    let drains = |own: [Duration; 2], after: Duration| {
        let bench = Bench::new();
        bench.exporter.script().set(Do::Hang);
        let leases = own.map(|time| bench.lease_with(settings().close_timeout(time)));
        drop(open(&leases[0]));
        bench.step();
        drop(leases);
        bench.pass(after);
        bench.lease_with(settings()).status().records.made == 1
    };
    for last in [SECOND, 7 * SECOND] {
        assert!(drains([3 * SECOND, last], last - MS) && !drains([3 * SECOND, last], last), "{last:?}");
    }
}

#[test]
fn settings_are_off_where_they_say_so() {
    assert!(settings().mode(Mode::Off).is_off());
    for on in [settings(), settings().mode(Mode::On), settings().mode(Mode::Forced)] {
        assert!(!on.is_off());
    }
}

#[test]
fn a_lease_knows_how_long_its_close_may_take() {
    let bench = Bench::with(config().close_timeout(7 * SECOND), |builder| builder);
    let timeout = |own| bench.lease_with(own).close_timeout();
    assert_eq!(timeout(settings()), 7 * SECOND);
    assert_eq!(timeout(settings().close_timeout(3 * SECOND)), 3 * SECOND);
    assert_eq!(timeout(settings().close_timeout(Duration::MAX)), 60 * SECOND, "within its bounds");
    assert_eq!(timeout(settings().close_timeout(3 * SECOND).mode(Mode::Off)), Duration::ZERO);
}

#[test]
fn a_connection_that_is_not_authenticated_asks_for_the_flag_as_itself_and_reports_as_nobody() {
    let bench = Bench::new();
    let credentials = ScriptedCredentials::token("secret");
    let target = Target::new(HOST).workspace(7).credentials(credentials.clone());
    let lease = bench.provider.acquire(target.settings(settings().authenticated(false)));
    open(&lease).error(|| ErrorDetails::new("DENIED").fault(403));
    bench.pass(SECOND);
    let sent = bench.exporter.attempts();
    assert!(!sent.is_empty() && sent.iter().all(|attempt| attempt.credentials.is_none()));
    let asked = (bench.flags.script().calls(), credentials.headers_script().calls());
    assert_eq!(asked, (1, 1), "the question has them, and no attempt asks for them");
    assert_eq!(
        bench.lease_with(settings()).status().records.made,
        0,
        "the others have a client of their own"
    );
}

#[test]
fn connections_share_a_client_if_their_settings_come_to_the_same() {
    let bench = Bench::new();
    let first = bench.lease_with(settings());
    drop(open(&first));
    bench.step();
    let shares = |own| bench.lease_with(own).status().records.made == 1;
    assert!(shares(settings().batch_size(100).max_retries(3)), "they are the provider's");
    assert!(shares(settings().close_timeout(9 * SECOND).mode(Mode::On).authenticated(true)));
    for own in [
        settings().batch_size(99),
        settings().flush_interval(6 * SECOND),
        settings().max_retries(2),
        settings().authenticated(false),
        settings().mode(Mode::Forced),
    ] {
        assert!(!shares(own), "{own:?}");
    }
}

#[test]
fn what_is_outside_its_bounds_counts_as_the_nearest_of_them() {
    let bench = Bench::with(config().max_records(40).batch_size(5), |builder| builder);
    let shares = |one, other| {
        let lease = bench.lease_with(one);
        drop(open(&lease));
        bench.step();
        bench.lease_with(other).status().records.made == 1
    };
    assert!(shares(settings().batch_size(0), settings().batch_size(1)));
    assert!(shares(settings().batch_size(usize::MAX), settings().batch_size(40)));
    assert!(shares(settings().flush_interval(Duration::ZERO), settings().flush_interval(10 * MS)));
    let longest = 600 * SECOND - MS;
    assert!(shares(settings().flush_interval(Duration::MAX), settings().flush_interval(longest)));
    assert!(shares(settings().max_retries(u32::MAX), settings().max_retries(10)));
    let lease = bench.lease_with(settings().close_timeout(Duration::MAX).batch_size(2));
    bench.exporter.script().set(Do::Hang);
    open(&lease).statement().complete();
    bench.step();
    let began = bench.now();
    drop(lease);
    while bench.clock.next_wake().is_some_and(|at| at - began < 3600 * SECOND) {
        bench.clock.advance_to_next();
        bench.step();
    }
    assert!(bench.now() - began <= 60 * SECOND);
}

#[test]
fn every_setting_of_a_connection_is_read_from_text() {
    let texts = ["forced", "50", "30s", "0", "250", "no"];
    let mut read = settings();
    for (name, text) in ConnectionSettings::NAMES.into_iter().zip(texts) {
        let before = read;
        read.set(name, text).unwrap();
        assert_ne!(read, before, "{name}");
    }
    let said = settings()
        .mode(Mode::Forced)
        .batch_size(50)
        .flush_interval(30 * SECOND)
        .max_retries(0)
        .close_timeout(250 * MS)
        .authenticated(false);
    assert_eq!(read, said);
    let refused = [
        ("batch_size", "0", "batch_size is 0, and must be 1 to max_records"),
        ("batch_size", "-1", "batch_size is \"-1\", and must be a whole number"),
        ("max_retries", "11", "max_retries is 11, and must be 0 to 10"),
        ("close_timeout", "61s", "close_timeout is 61s, and must be at most 1 min"),
        ("mode", "maybe", "mode is \"maybe\", and must be off, on or forced"),
        ("authenticated", "", "authenticated is \"\", and must be true or false"),
        ("max_records", "5", "there is no setting \"max_records\""),
        (
            "flush_interval",
            "soon",
            "flush_interval is \"soon\", and must be a time such as 500ms, 5s or 1m30s, or a number of milliseconds",
        ),
    ];
    for (name, text, message) in refused {
        assert_eq!(read.set(name, text).unwrap_err().to_string(), message);
        assert_eq!(read, said, "nothing was changed");
    }
}

#[test]
fn a_mode_is_read_from_what_options_say() {
    for (mode, texts) in [
        (Mode::Off, ["off", "0", "False", "no", " disabled "]),
        (Mode::On, ["ON", "1", "true", "Yes", "enabled"]),
        (Mode::Forced, ["forced", "Forced", "FORCED", " forced", "forced "]),
    ] {
        assert!(texts.iter().all(|text| text.parse() == Ok(mode)), "{mode:?}");
    }
    assert!(["", "2", "force", "offf"].iter().all(|text| text.parse::<Mode>().is_err()));
}

#[test]
fn a_time_is_read_with_units_or_as_milliseconds() {
    let read = |text: &str| {
        let mut config = TelemetryConfig::default();
        config.set("flush_interval", text).map(|()| config)
    };
    for (text, time) in [
        ("5000", 5 * SECOND),
        ("500ms", 500 * MS),
        ("5s", 5 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1 min 30 s", 90 * SECOND),
        (" 2h ", 7200 * SECOND),
    ] {
        assert_eq!(read(text), Ok(TelemetryConfig::default().flush_interval(time)), "{text}");
    }
    for text in ["", "s", "-5", "5 bananas", "99999999999999999999999", "1e3", "0x5"] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn every_setting_of_a_provider_is_read_from_text_but_those_that_are_the_programs() {
    let shown = format!("{:?}", TelemetryConfig::default());
    let (_, fields) = shown.trim_end_matches(" }").split_once(" { ").unwrap();
    let names: Vec<_> = fields.split(", ").map(|field| field.split_once(": ").unwrap().0).collect();
    let the_programs = ["own_words", "own_packages", "host_policy"];
    for name in &names {
        let mut config = TelemetryConfig::default();
        let text = match *name {
            "mode" => "on",
            "error_text" => "frames",
            _ => "17",
        };
        let set = config.set(name, text);
        if the_programs.contains(name) {
            assert_eq!(set, Err(BuildError::UnknownSetting((*name).to_owned())));
        } else {
            assert_eq!(set, Ok(()), "{name}");
            let now = format!("{config:?}");
            let value = if text == "17" { "17" } else { text };
            assert!(
                now != shown && now.to_ascii_lowercase().contains(&format!("{name}: {value}")),
                "{name}: {now}"
            );
        }
    }
    assert!(names.len() > 20 && the_programs.iter().all(|name| names.contains(name)));
}

#[cfg(feature = "serde")]
#[test]
fn settings_are_read_from_a_configuration_file() {
    let file = r#"{"mode": true, "batch_size": 50, "flush_interval": "30s", "max_retries": 1}"#;
    let config: TelemetryConfig = serde_json::from_str(file).unwrap();
    let said = TelemetryConfig::default().mode(Mode::On).batch_size(50).flush_interval(30 * SECOND);
    assert_eq!(config, said.max_retries(1));
    let own: ConnectionSettings = serde_json::from_str(file).unwrap();
    let said = settings().mode(Mode::On).batch_size(50).flush_interval(30 * SECOND);
    assert_eq!(own, said.max_retries(1));
    assert_eq!(serde_json::from_str::<Mode>("\"forced\"").unwrap(), Mode::Forced);
    for (wrong, why) in [
        (r#"{"batch": 50}"#, "there is no setting \"batch\""),
        (r#"{"batch_size": -1}"#, "batch_size is \"-1\", and must be a whole number"),
        (r#"{"batch_size": 0.5}"#, "expected text, a whole number or a boolean"),
        (r#"[1]"#, "expected settings by name"),
    ] {
        let error = serde_json::from_str::<ConnectionSettings>(wrong).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

fn provider() -> Result<ClientProvider, BuildError> {
    builder(
        config(),
        &FakeClock::new(),
        RecordingExporter::new(),
        ScriptedFlags::fixed(FLAG, true),
        AlwaysClosed,
    )
    .build()
}

/// Whether two handles are of one provider: a connection of one is seen by the other.
fn same(one: &ClientProvider, other: &ClientProvider) -> bool {
    let lease = one.acquire(Target::new(HOST));
    drop(open(&lease));
    let seen = other.acquire(Target::new(HOST)).status().events.seen > 0;
    drop(lease);
    seen
}

#[test]
fn a_provider_outlives_the_database_objects_that_use_it() {
    let registry = ProviderRegistry::new();
    let built = Cell::new(0);
    let get = |key| {
        registry.get_or_build(key, |_| {
            built.set(built.get() + 1);
            provider()
        })
    };
    let first = get("proxy a").unwrap();
    let other = get("proxy b").unwrap();
    assert!(same(&first, &get("proxy a").unwrap()) && !same(&first, &other));
    assert_eq!(built.get(), 2);
    let failed = registry.get_or_build("proxy c", |_| Err(BuildError::Missing("all")));
    assert_eq!(failed.unwrap_err(), BuildError::Missing("all"));
    assert!(get("proxy c").is_ok(), "a failure is not kept");
}

#[test]
fn of_many_providers_those_asked_for_last_are_kept() {
    let registry = ProviderRegistry::new();
    let first = registry.get_or_build(0, |_| provider()).unwrap();
    for key in 1..16 {
        registry.get_or_build(key, |_| provider()).unwrap();
    }
    let kept = |key| registry.get_or_build(key, |_| Err(BuildError::Missing("all"))).is_ok();
    assert!(kept(0));
    registry.get_or_build(16, |_| provider()).unwrap();
    assert!(!kept(1), "it was asked for longest ago");
    assert!(kept(0) && kept(2) && kept(16));
    assert!(same(&first, &registry.get_or_build(0, |_| provider()).unwrap()));
}

#[test]
fn a_registry_asked_while_it_builds_gives_both_the_same() {
    let registry = ProviderRegistry::new();
    let mut inner = None;
    let outer = registry.get_or_build(1, |_| {
        inner = registry.get_or_build(1, |_| provider()).ok();
        provider()
    });
    assert!(same(&outer.unwrap(), &inner.unwrap()));
}
