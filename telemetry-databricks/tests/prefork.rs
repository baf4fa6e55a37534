//! Workers that a server forks deliver over connections of their own.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "this is a test")]
#![expect(unsafe_code, reason = "there is no safe way to fork")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use telemetry_databricks::*;
use telemetry_testkit::{Behaviour, FakeWorkspace};

const WORKERS: usize = 8;
const REQUESTS: usize = 5;

/// One connection with one statement: two records.
fn serve(provider: &ClientProvider, workspace: &FakeWorkspace) -> CloseOutcome {
    let target = Target::new(workspace.url()).credentials(StaticToken::new("t"));
    let lease = provider.acquire(target);
    lease
        .opening(ConnectionInfo::new())
        .opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b")
        .statement()
        .complete();
    lease.close_blocking(Duration::from_secs(15))
}

fn provider() -> ClientProvider {
    let identity = DriverIdentity::builder().name("D").version("1").client("D").flag("on").build().unwrap();
    Composition::new(identity)
        .config(|config| config.host_policy(HostPolicy::AllowLoopback))
        .environment(|_| None)
        .build()
        .unwrap()
}

/// Forks workers, and waits for them to end well.
fn fork(work: impl Fn() -> bool) {
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        // SAFETY: the child runs no more than a server's worker would, and leaves by `_exit`.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: ends the child should it hang.
                unsafe { libc::alarm(60) };
                let well = work();
                // SAFETY: leaves without the parent's exit handlers.
                unsafe { libc::_exit(if well { 0 } else { 1 }) };
            }
            worker => workers.push(worker),
        }
    }
    for worker in workers {
        let mut status = 0;
        // SAFETY: waits for a child just made.
        unsafe { libc::waitpid(worker, &mut status, 0) };
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "a worker lost records or hung");
    }
}

#[test]
fn eight_prefork_workers_lose_nothing() {
    let workspace = FakeWorkspace::start();
    workspace.set_flag("on", true);
    let provider = provider();
    // The parent has a connection open that its children inherit.
    assert_eq!(serve(&provider, &workspace), CloseOutcome::Delivered { accepted: 2 });
    fork(|| (0..REQUESTS).all(|_| serve(&provider, &workspace) == CloseOutcome::Delivered { accepted: 2 }));
    // The parent goes on, over the connection that it had.
    assert_eq!(serve(&provider, &workspace), CloseOutcome::Delivered { accepted: 2 });
    assert_eq!(workspace.records().len(), 2 * (2 + WORKERS * REQUESTS));
}

/// Threads of telemetry's that this process has. Linux alone tells.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = names.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("telemetry")).count()
}

#[cfg(target_os = "linux")]
#[test]
fn workers_of_a_service_that_hangs_close_by_their_deadlines_and_leave_no_thread_behind() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let workspace = FakeWorkspace::start();
    workspace.set_flag("on", true);
    workspace.on_telemetry(Behaviour::Hang);
    let provider = provider();
    let target = || Target::new(workspace.url()).credentials(StaticToken::new("t"));
    // The parent has a connection in use while it forks.
    let lease = provider.acquire(target());
    let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    fork(|| {
        let within = Duration::from_millis(200);
        session.statement().complete();
        let inherited = lease.close_blocking(within);
        let start = Instant::now();
        let own = provider.acquire(target());
        own.opening(ConnectionInfo::new()).opened("01f0").statement().complete();
        let closed = own.close_blocking(within);
        let in_time = start.elapsed() < PATIENCE;
        // One that is given up at once, and goes on beside, to its deadline.
        let own = provider.acquire(target());
        drop(own.opening(ConnectionInfo::new()).opened("01f0"));
        let pending = pin!(own.close(within)).poll(&mut Context::from_waker(Waker::noop())).is_pending();
        // What the parent had of threads isn't here; of its own one goes on. A thread has its name a moment
        // after its start.
        let until = |so: fn(usize) -> bool| {
            while !so(threads()) && start.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
            so(threads())
        };
        let ended = pending && until(|threads| threads > 1) && until(|threads| threads <= 1);
        let timed_out =
            matches!(closed, CloseOutcome::TimedOut { accepted: 0, dropped } if dropped.total() == 2);
        inherited == CloseOutcome::Off(status::OffReason::ForkedChild) && timed_out && in_time && ended
    });
    session.statement().complete();
    workspace.on_telemetry(Behaviour::Normal);
    drop(session);
    assert_eq!(lease.close_blocking(PATIENCE), CloseOutcome::Delivered { accepted: 2 });
}
