//! A forked child stays silent, bounded and alive, and its parent goes on.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]
#![expect(unsafe_code, reason = "there is no safe way to fork")]

mod common;

use std::time::Duration;

use common::*;
use telemetry_core::plugin::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

/// What a driver does in a child that inherited its connections.
fn child(
    provider: &ClientProvider,
    lease: Lease,
    session: Session,
    statement: Statement,
    exporter: &RecordingExporter,
) -> bool {
    let before = exporter.script().calls();
    for _ in 0..20_000 {
        session.statement().complete();
        session.error(|| ErrorDetails::new("DENIED").fault(403).message("password=x"));
    }
    statement.complete();
    // A connection that the child opens is off before foreign code is asked for it.
    let scope = Script::always(Do::Give(ScopeId::new(1)));
    let credentials = ScriptedCredentials::new(scope.clone(), Script::always(Do::Panic));
    let own = provider.acquire(Target::new(HOST).credentials(credentials));
    let silent = lease.status().state == TelemetryState::Off(OffReason::ForkedChild)
        && own.status().state == TelemetryState::Off(OffReason::ForkedChild)
        && scope.calls() == 0
        && lease.close_blocking(Duration::from_secs(2)) == CloseOutcome::Off(OffReason::ForkedChild);
    drop(lease.opening(ConnectionInfo::new()));
    drop((lease, session));
    silent && exporter.script().calls() == before
}

#[test]
fn a_forked_child_sends_nothing_hangs_nowhere_and_leaves_its_parent_alone() {
    let exporter = RecordingExporter::new();
    let provider = ClientProvider::builder(identity())
        .config(config().flush_interval(10 * MS))
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(HOST));
    let session = open(&lease);
    let statement = session.statement();
    // SAFETY: the child runs no more than a driver would, and leaves by `_exit`.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: ends the child should it hang.
            unsafe { libc::alarm(20) };
            let silent = child(&provider, lease, session, statement, &exporter);
            drop(provider);
            // SAFETY: leaves without the parent's exit handlers.
            unsafe { libc::_exit(if silent { 0 } else { 1 }) };
        }
        pid => {
            let mut status = 0;
            // SAFETY: waits for the child just made.
            unsafe { libc::waitpid(pid, &mut status, 0) };
            assert!(libc::WIFEXITED(status), "the child hung or crashed");
            assert_eq!(libc::WEXITSTATUS(status), 0, "the child was not silent");
        }
    }
    statement.complete();
    assert!(lease.close_blocking(Duration::from_secs(60)).is_delivered());
    assert_eq!(exporter.accepted().len(), 2);
}
