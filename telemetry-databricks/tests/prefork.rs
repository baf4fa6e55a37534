//! Workers that a server forks deliver over connections of their own.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "this is a test")]
#![expect(unsafe_code, reason = "there is no safe way to fork")]

use std::time::Duration;

use telemetry_databricks::*;
use telemetry_testkit::FakeWorkspace;

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

#[test]
fn eight_prefork_workers_lose_nothing() {
    let workspace = FakeWorkspace::start();
    workspace.set_flag("on", true);
    let identity = DriverIdentity::builder().name("D").version("1").client("D").flag("on").build().unwrap();
    let provider = Composition::new(identity)
        .config(|config| config.host_policy(HostPolicy::AllowLoopback))
        .environment(|_| None)
        .build()
        .unwrap();
    // The parent has a connection open that its children inherit.
    assert_eq!(serve(&provider, &workspace), CloseOutcome::Delivered { accepted: 2 });
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        // SAFETY: the child runs no more than a server's worker would, and leaves by `_exit`.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: ends the child should it hang.
                unsafe { libc::alarm(60) };
                let well = (0..REQUESTS)
                    .all(|_| serve(&provider, &workspace) == CloseOutcome::Delivered { accepted: 2 });
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
    // The parent goes on, over the connection that it had.
    assert_eq!(serve(&provider, &workspace), CloseOutcome::Delivered { accepted: 2 });
    assert_eq!(workspace.records().len(), 2 * (2 + WORKERS * REQUESTS));
}
