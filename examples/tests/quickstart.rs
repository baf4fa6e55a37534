//! The quickstart's run, with the service of telemetry well and in every way unwell.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::path::PathBuf;
use std::time::Duration;

use examples::collector::{self, Collector};
use examples::compose::{self, Dump};
use examples::driver::{Driver, TIMEOUT};
use examples::embedded::{ALICE, BOB, Embedded, Misbehaviour};
use examples::report;
use examples::workload::{self, EMBEDDED, Run, WITHOUT};
use telemetry_core::plugin::BreakerState;
use telemetry_core::status::{DropReason, OffReason, TelemetryState};
use telemetry_core::{CloseOutcome, Mode, TelemetryConfig};
use telemetry_export_http::wire::Upload;

/// How long closing may take. Long where it is to succeed, and short where a fault is to use it up.
fn within(misbehaviour: Option<Misbehaviour>) -> Duration {
    if misbehaviour.is_none() { Duration::from_secs(60) } else { Duration::from_millis(300) }
}

async fn run_with(
    misbehaviour: Option<Misbehaviour>,
    config: TelemetryConfig,
    dump: Option<Dump>,
) -> (Embedded, Run) {
    run_with_collector(misbehaviour, config, dump, None).await
}

async fn run_with_collector(
    misbehaviour: Option<Misbehaviour>,
    config: TelemetryConfig,
    dump: Option<Dump>,
    collector: Option<&Collector>,
) -> (Embedded, Run) {
    let there = Embedded::start(misbehaviour).unwrap();
    let mut telemetry = compose::telemetry(config, dump).unwrap().environment(|_| None);
    if let Some(otlp) = collector.map(Collector::config) {
        telemetry = telemetry.sink(move || collector::sink(otlp.clone()));
    }
    let telemetry = telemetry.build().unwrap();
    let driver = Driver::new(telemetry, TIMEOUT).unwrap();
    let (alice, bob) = (there.options(ALICE), there.options(BOB));
    let run = workload::run(&driver, alice, bob, EMBEDDED, within(misbehaviour)).await.unwrap();
    (there, run)
}

fn seen(run: &Run) -> Vec<String> {
    run.outcomes.iter().map(workload::Outcome::seen).collect()
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("telemetry-{name}-{}", std::process::id()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_agrees_and_every_result_is_what_sqlite_gives() {
    let (there, run) = run_with(None, Embedded::config(), None).await;
    assert_eq!(report::wrong_results(&run).unwrap(), [""; 0]);
    assert_eq!(report::unbalanced(&run), [""; 0]);
    assert_eq!(report::disagreements(&run, &there.workspace), [""; 0]);
    assert_eq!(there.workspace.flag_requests().len(), 1, "one question per host, for both tenants");
    assert_eq!(there.warehouse.held().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_delivers_under_its_own_token_alone() {
    let (there, _run) = run_with(None, Embedded::config(), None).await;
    let requests = there.workspace.telemetry_requests();
    let sessions = |token: &str| -> Vec<String> {
        let header = format!("Bearer {token}");
        let of_token =
            requests.iter().filter(|request| request.headers.get("authorization") == Some(&header));
        let mut sessions: Vec<_> = of_token
            .flat_map(|request| {
                Upload::read(&request.body).unwrap().records().map(Result::unwrap).collect::<Vec<_>>()
            })
            .filter_map(|record| record.log()?.session_id.clone())
            .collect();
        sessions.sort();
        sessions.dedup();
        sessions
    };
    assert_eq!((sessions(ALICE).len(), sessions(BOB).len()), (2, 1));
    assert!(!sessions(ALICE).contains(&sessions(BOB)[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dump_holds_every_delivered_body_as_it_was() {
    let path = scratch("dump");
    let (there, _run) = run_with(None, Embedded::config(), Some(Dump::create(&path).unwrap())).await;
    let dumped = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut lines: Vec<&[u8]> = dumped.lines().map(str::as_bytes).collect();
    let mut bodies = there.workspace.bodies();
    lines.sort_unstable();
    bodies.sort_unstable();
    assert_eq!(lines, bodies);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_telemetry_everything_is_the_same() {
    let (_, with) = run_with(None, Embedded::config(), None).await;
    let (there, without) = run_with(None, Embedded::config().mode(Mode::Off), None).await;
    assert_eq!(seen(&with), seen(&without));
    assert_eq!(there.workspace.telemetry_requests().len() + there.workspace.flag_requests().len(), 0);
}

/// Runs under a fault, and checks what holds under each.
async fn unwell(misbehaviour: Misbehaviour) -> (Embedded, Run) {
    let (_, well) = run_with(None, Embedded::config().mode(Mode::Off), None).await;
    let (there, run) = run_with(Some(misbehaviour), Embedded::config(), None).await;
    assert_eq!(seen(&run), seen(&well), "the caller sees no difference");
    assert_eq!(report::unbalanced(&run), [""; 0]);
    for closing in &run.closings {
        // The deadline is what closing adds at the most; the rest is a busy machine's.
        assert!(closing.took < Duration::from_secs(20), "{} took {:?}", closing.connection, closing.took);
        assert_eq!(closing.closed == CloseOutcome::Off(OffReason::Setting), closing.connection == WITHOUT);
    }
    assert!(there.workspace.records().is_empty(), "nothing arrived");
    (there, run)
}

fn dropped(run: &Run, reason: DropReason) -> u64 {
    run.closings
        .iter()
        .filter(|closing| !matches!(closing.closed, CloseOutcome::Shared | CloseOutcome::Off(_)))
        .map(|closing| closing.status.records.dropped.get(reason))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_answers_503_changes_nothing_and_opens_the_breaker() {
    let (there, run) = unwell(Misbehaviour::Unavailable).await;
    assert!(dropped(&run, DropReason::Closed) > 0);
    let opened =
        run.closings.iter().any(|closing| matches!(closing.status.breaker, Some(BreakerState::Open { .. })));
    assert!(opened && there.workspace.telemetry_requests().len() <= 6, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_answers_429_changes_nothing_and_is_left_alone() {
    let (there, run) = unwell(Misbehaviour::TooMany).await;
    assert!(dropped(&run, DropReason::Closed) > 0);
    assert!(there.workspace.telemetry_requests().len() <= 4, "one a client, and one more each to close with");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_changes_nothing_and_its_requests_are_of_unknown_outcome() {
    let (_, run) = unwell(Misbehaviour::Hang).await;
    assert!(dropped(&run, DropReason::OutcomeUnknown) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_is_off_changes_nothing_and_nothing_is_sent() {
    let (there, run) = unwell(Misbehaviour::FlagOff).await;
    assert!(there.workspace.telemetry_requests().is_empty());
    assert_eq!(dropped(&run, DropReason::Closed), 0);
    assert!(
        run.closings
            .iter()
            .any(|closing| matches!(closing.state, TelemetryState::Off(OffReason::FlagOff { .. })))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_hangs_changes_nothing_and_nothing_is_sent() {
    let (there, run) = unwell(Misbehaviour::FlagHang).await;
    assert!(there.workspace.telemetry_requests().is_empty());
    assert!(dropped(&run, DropReason::Closed) + dropped(&run, DropReason::FlagUnreachable) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_changes_nothing() {
    let (_, run) = unwell(Misbehaviour::Garbage).await;
    assert!(dropped(&run, DropReason::BadAnswer) + dropped(&run, DropReason::Closed) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_changes_nothing() {
    let (_, run) = unwell(Misbehaviour::Reset).await;
    assert!(dropped(&run, DropReason::Closed) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_has_every_connection_whatever_the_service_does() {
    for misbehaviour in [None, Some(Misbehaviour::Unavailable), Some(Misbehaviour::FlagOff)] {
        let collector = Collector::start();
        let config = Embedded::config();
        let (there, run) = run_with_collector(misbehaviour, config, None, Some(&collector)).await;
        let received = collector.received();
        assert_eq!(report::uncollected(&run, &received), [""; 0], "{misbehaviour:?}");
        assert_eq!(report::unbalanced(&run), [""; 0], "{misbehaviour:?}");
        let spans = |operation: &str| received.spans.get(operation).copied();
        assert_eq!((spans("CREATE_SESSION"), spans("DELETE_SESSION")), (Some(4), Some(4)));
        assert_eq!(received.logs.values().sum::<u64>(), 3, "three statements fail");
        if misbehaviour.is_none() {
            assert_eq!(report::disagreements(&run, &there.workspace), [""; 0]);
        }
        let body = report::collected(&received).body;
        assert!(body.contains("databricks.client.chunks"), "{body}");
    }
}

#[test]
fn every_fault_has_a_name_and_others_are_refused() {
    for (name, fault) in Misbehaviour::ALL {
        assert_eq!(name.parse(), Ok(fault));
    }
    let refused = "504".parse::<Misbehaviour>().unwrap_err();
    assert_eq!(refused, "no such fault: 504; there are 503|429|hang|flag-off|flag-hang|garbage|reset");
}
