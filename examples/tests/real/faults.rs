//! Services that fail, and many threads.

use std::time::Duration;

use telemetry_testkit::Behaviour;

use super::*;

#[test]
fn all_that_is_recorded_arrives_once_at_a_service_that_works() {
    let service = service(Behaviour::Normal);
    let mut command = scenario("play", [&service.url()]);
    let figures = figures(command.args([
        "--threads",
        "4",
        "--connections",
        "200",
        "--principals",
        "0",
        "--within",
        "10000",
    ]));
    let arrived = service.records().len() as u64;
    assert_eq!((figures["recorded"], figures["made"], figures["accepted"]), (arrived, arrived, arrived));
    assert!(arrived > 4000 && service.wait_for_connections(0, Duration::ZERO), "{arrived}");
}

#[test]
fn two_hundred_threads_and_all_faults_at_once_leave_nothing_behind() {
    let services = [
        Behaviour::Normal,
        Behaviour::Hang,
        Behaviour::Status(503),
        Behaviour::Truncated,
        Behaviour::Reset,
        Behaviour::Slow(Duration::from_millis(5)),
        Behaviour::Garbage,
        Behaviour::Endless,
    ]
    .map(service);
    let asks_in_vain = service(Behaviour::Normal);
    asks_in_vain.on_flags(Behaviour::Hang);
    let mut urls: Vec<_> = services.iter().map(|service| service.url()).collect();
    urls.extend([asks_in_vain.url(), refused()]);
    let mut command = scenario("play", &urls);
    let figures = figures(command.args(["--threads", "200", "--for", "2000", "--rounds", "3"]));
    assert!(figures["connections"] > 200);
    // The worker's, and one for closes with those before it that are about to end. A thread that has just
    // been started bears its starter's name.
    assert!((2..12).contains(&figures["threads"]), "{}", figures["threads"]);
    assert!(!figures.contains_key("telemetry-call"));
}

#[test]
fn ten_thousand_connections_leave_no_memory_behind() {
    let (works, fails) = (service(Behaviour::Normal), service(Behaviour::Status(503)));
    let mut command = scenario("play", &[works.url(), fails.url(), refused()]);
    command.args([
        "--threads",
        "2",
        "--connections",
        "1250",
        "--rounds",
        "4",
        "--within",
        "0",
        "--slack",
        "4",
    ]);
    assert_eq!(figures(&mut command)["connections"], 2500);
}
