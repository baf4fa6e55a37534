//! Programs that end in the middle of everything.

use std::time::Duration;

use telemetry_testkit::Behaviour;

use super::*;

/// How long the end of a program may take, its start and what it does before included.
const BOUND: Duration = Duration::from_secs(20);

fn ends(by: &str) {
    let services = [service(Behaviour::Normal), service(Behaviour::Hang)];
    let urls = [services[0].url(), refused(), services[1].url()];
    for after in [0, 1, 3, 10, 30, 50, 100, 300] {
        let start = Instant::now();
        run_to(7, scenario("end", &urls).args(["--by", by, "--after", &after.to_string()]));
        assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
    }
}

#[test]
fn main_returns_while_other_threads_record_and_close() {
    ends("return");
}

#[test]
fn main_exits_while_other_threads_record_and_close() {
    ends("exit");
}

#[test]
fn another_thread_exits_while_main_waits_for_a_close() {
    ends("another-thread");
}

#[test]
fn what_a_thread_kept_is_closed_as_the_thread_is_torn_down() {
    ends("teardown");
}

#[test]
fn a_task_closes_while_its_runtimes_main_task_exits() {
    ends("runtime");
}
