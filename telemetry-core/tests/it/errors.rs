//! What of a driver's error is delivered: its name, its facts, its own text and foreign text.

use std::time::Duration;

use crate::common::*;
use telemetry_core::plugin::AlwaysClosed;
use telemetry_core::record::ErrorInfo;
use telemetry_core::text::{SqlState, TEXT_LEVEL_VARIABLE, TextLevel};
use telemetry_core::*;
use telemetry_testkit::{RecordingExporter, ScriptedFlags};

const MS: Duration = Duration::from_millis(1);

/// What is delivered of an error that a session had.
fn delivered(bench: &Bench, details: impl FnOnce() -> ErrorDetails) -> ErrorInfo {
    let lease = bench.lease();
    open(&lease).error(details);
    bench.pass(Duration::from_secs(10));
    bench.exporter.accepted().iter().rev().find_map(|record| record.body.error.clone()).unwrap()
}

fn details() -> ErrorDetails {
    ErrorDetails::new("ORA-00942")
        .fault(Fault::Timeout)
        .chunk(3)
        .sqlstate("42P01")
        .http_status(503)
        .vendor_code(-942)
        .template("chunk {} of \"Xyzzy\" timed out after {}", &[&3, &(1500 * MS)])
        .message("could not reach xyzzy.example")
        .stack("\tat java.net.Socket.connect(Socket.java:12)\n\tat com.xyzzy.Main.run(Main.java:1)")
}

const OWN: &str = "chunk 3 of \"Xyzzy\" timed out after 1.5s";
const FRAMES: &str = "    at java.net.Socket.connect(Socket.java:12)\n    at ***";

#[test]
fn an_authors_text_and_facts_travel_as_they_are_and_foreign_text_by_the_allow_list() {
    let error = delivered(&Bench::new(), details);
    assert_eq!(
        (error.name.as_str(), error.class, error.chunk),
        ("ORA-00942", ErrorClass::Retryable, Some(3))
    );
    assert_eq!(
        (error.sqlstate, error.http_status, error.vendor_code),
        (SqlState::new("42P01"), Some(503), Some(-942))
    );
    assert_eq!(error.text.as_deref(), Some(format!("{OWN}\ncould not reach ***\n{FRAMES}").as_str()));
}

#[test]
fn the_level_is_the_narrower_of_the_drivers_and_the_users() {
    for (setting, variable, text) in [
        (TextLevel::Message, Some("frames"), Some(format!("{OWN}\n{FRAMES}"))),
        (TextLevel::Frames, Some("message"), Some(format!("{OWN}\n{FRAMES}"))),
        (TextLevel::Frames, None, Some(format!("{OWN}\n{FRAMES}"))),
        (TextLevel::Message, Some("none"), None),
        (TextLevel::None, Some("message"), None),
    ] {
        let bench = Bench::with(config().error_text(setting), |builder| {
            builder
                .environment(move |name| variable.filter(|_| name == TEXT_LEVEL_VARIABLE).map(str::to_owned))
        });
        let error = delivered(&bench, details);
        assert_eq!(error.text.as_deref().map(str::to_owned), text, "{setting:?} {variable:?}");
        assert_eq!(error.sqlstate, SqlState::new("42P01"), "facts travel at any level");
    }
}

#[test]
fn a_drivers_own_words_and_packages_are_kept() {
    let own = config().own_words(&["xyzzy"]).own_packages(&["com.xyzzy"]);
    let bench = Bench::with(own, |builder| builder);
    let stack = "\tat com.xyzzy.Main.run(Main.java:1)";
    let error = delivered(&bench, || ErrorDetails::new("E").message("Xyzzy isn't plugh").stack(stack));
    assert_eq!(error.text.as_deref(), Some("Xyzzy isn't ***\n    at com.xyzzy.Main.run(Main.java:1)"));
}

#[test]
fn own_words_that_are_none_are_a_clear_error_when_the_provider_is_built() {
    for config in [config().own_words(&["two words"]), config().own_packages(&[""])] {
        let builder = ClientProvider::builder(identity()).config(config).exporter(RecordingExporter::new());
        let error =
            builder.flags(ScriptedFlags::fixed(FLAG, true)).breakers(AlwaysClosed).build().unwrap_err();
        assert!(matches!(error, BuildError::InvalidWord("own_words" | "own_packages")), "{error}");
    }
}

#[test]
fn names_and_sqlstates_that_are_none_are_left_out_and_counted() {
    let bench = Bench::new();
    let error =
        delivered(&bench, || ErrorDetails::new("relation \"orders\" does not exist").sqlstate("oops"));
    assert_eq!((error.name.as_str(), error.sqlstate), ("unnamed", None));
    assert_eq!(bench.lease().status().malformed_names, 2);
}

#[test]
fn all_that_is_said_of_an_error_is_in_its_record_however_it_is_told() {
    for class in [ErrorClass::Terminal, ErrorClass::Retryable] {
        for (way, tell) in TOLD {
            let details = ErrorDetails::new("DENIED").class(class).sqlstate("42501").vendor_code(-1142);
            let details = details.http_status(403).chunk(7).message("timed out");
            let record = delivered_error(&Bench::new(), |lease, session| tell(lease, session, details));
            let ErrorInfo { name, class: found, chunk, sqlstate, http_status, vendor_code, text } =
                record.body.error.clone().unwrap();
            assert_eq!((name.as_str(), found, chunk), ("DENIED", class, Some(7)), "{way}");
            assert_eq!((sqlstate, vendor_code), (SqlState::new("42501"), Some(-1142)), "{way}");
            assert_eq!((http_status, text.as_deref()), (Some(403), Some("timed out")), "{way}");
        }
    }
}
