//! After the end nothing is left: no thread, no socket; and nobody has to wait for it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::process::Command;
use std::time::{Duration, Instant};

use examples::compose;
use examples::embedded::{ALICE, Embedded, Misbehaviour};
use telemetry_core::{
    ClientProvider, ConnectionInfo, ErrorClass, ErrorDetails, Lease, Mode, StatementType, StaticToken, Target,
};

/// Long enough for the busiest machine; nothing waits for it when all is well.
const SAFETY_NET: Duration = Duration::from_secs(60);

fn provider() -> ClientProvider {
    let config = Embedded::config().mode(Mode::On);
    compose::telemetry(config, None).unwrap().environment(|_| None).build().unwrap()
}

fn run_something(provider: &ClientProvider, there: &Embedded) -> Lease {
    let lease = provider.acquire(Target::new(there.workspace.url()).credentials(StaticToken::new(ALICE)));
    let session = lease.opening(ConnectionInfo::new()).opened("01f0c0de-5a1e-1000-8000-000000000001");
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    // Sent at once, so that a request is under way.
    statement.error(|| ErrorDetails::new("E").class(ErrorClass::Terminal).message("no"));
    statement.complete();
    lease
}

/// Threads of ours that this process has. Linux alone tells.
#[cfg(target_os = "linux")]
fn threads() -> Vec<String> {
    let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = names.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).filter(|name| name.starts_with("telemetry")).collect()
}

/// Waits for what another thread does.
#[cfg(target_os = "linux")]
fn until(so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < SAFETY_NET {
        if so() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[cfg(target_os = "linux")]
#[test]
fn neither_a_thread_nor_a_socket_is_left() {
    for misbehaviour in
        [None, Some(Misbehaviour::Hang), Some(Misbehaviour::FlagHang), Some(Misbehaviour::Reset)]
    {
        let there = Embedded::start(misbehaviour).unwrap();
        let provider = provider();
        let lease = run_something(&provider, &there);
        // A thread has its name a moment after its start.
        assert!(until(|| !threads().is_empty()), "there is a worker");
        let within = if misbehaviour.is_none() { SAFETY_NET } else { Duration::from_millis(200) };
        let closed = lease.close_blocking(within);
        assert_eq!(closed.is_delivered(), misbehaviour.is_none(), "{misbehaviour:?}: {closed:?}");
        drop((lease, provider));
        // One that ends may have started another, which has its name only a moment later.
        let none_are_left = until(|| (0..20).all(|_| threads().is_empty()));
        assert!(none_are_left, "{misbehaviour:?}: {:?}", threads());
        assert!(there.workspace.wait_for_connections(0, SAFETY_NET), "{misbehaviour:?}");
    }
}

const CHILD: &str = "TELEMETRY_TEST_CHILD";

/// The program that the next test runs: it records, closes nothing, and ends.
#[test]
fn a_program_that_ends_without_closing() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let there = Embedded::start(Some(Misbehaviour::Hang)).unwrap();
    let provider = provider();
    let lease = run_something(&provider, &there);
    // Neither dropped nor closed: the process ends around them.
    std::mem::forget((lease, provider, there));
}

#[test]
fn the_end_of_the_process_is_not_held_up() {
    let start = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_program_that_ends_without_closing"])
        .env(CHILD, "1")
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while start.elapsed() < SAFETY_NET {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    panic!("it never ended");
}
