//! A forked child stays silent, bounded and alive, or has a provider of its own; its parent goes on.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]
#![expect(unsafe_code, reason = "there is no safe way to fork")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::*;
use telemetry_breaker::BreakerRegistry;
use telemetry_core::plugin::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

/// What a driver does in a child that inherited its connections.
fn child(provider: &ClientProvider, lease: &Lease, session: &Session, exporter: &RecordingExporter) -> bool {
    let before = exporter.script().calls();
    for _ in 0..20_000 {
        session.statement().complete();
        session.error(|| ErrorDetails::new("DENIED").fault(403).message("password=x"));
    }
    // A connection that the child opens is off before foreign code is asked for it.
    let scope = Script::always(Do::Give(ScopeId::new(1)));
    let credentials = ScriptedCredentials::new(scope.clone(), Script::always(Do::Panic));
    let own = provider.acquire(Target::new(HOST).credentials(credentials));
    let silent = lease.status().state == TelemetryState::Off(OffReason::ForkedChild)
        && own.status().state == TelemetryState::Off(OffReason::ForkedChild)
        && scope.calls() == 0
        && lease.close_blocking(Duration::from_secs(2)) == CloseOutcome::Off(OffReason::ForkedChild);
    drop(lease.opening(ConnectionInfo::new()));
    silent && exporter.script().calls() == before
}

/// A child that runs this, and leaves.
fn spawn(run: impl FnOnce() -> bool) -> libc::pid_t {
    // SAFETY: the child runs no more than a driver would, and leaves by `_exit`.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: ends the child should it hang.
            unsafe { libc::alarm(60) };
            let well = catch_unwind(AssertUnwindSafe(run)).unwrap_or(false);
            // SAFETY: leaves without the parent's exit handlers.
            unsafe { libc::_exit(if well { 0 } else { 1 }) };
        }
        pid => pid,
    }
}

fn join(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: waits for a child of this process.
    unsafe { libc::waitpid(pid, &mut status, 0) };
    assert!(libc::WIFEXITED(status), "the child hung or crashed");
    assert_eq!(libc::WEXITSTATUS(status), 0, "it went wrong in the child");
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
    join(spawn(|| child(&provider, &lease, &session, &exporter)));
    statement.complete();
    assert!(lease.close_blocking(Duration::from_secs(60)).is_delivered());
    assert_eq!(exporter.accepted().len(), 2);
}

/// Every part made anew with each call, as a recipe must.
fn recipe() -> Result<ClientProvider, BuildError> {
    ClientProvider::builder(identity())
        .config(config().flush_interval(10 * MS))
        .exporter(RecordingExporter::new())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(BreakerRegistry::default())
        .environment(|_| None)
        .build()
}

/// What a server does with one request: connects, runs a statement, and closes.
fn serve(provider: &ClientProvider) -> bool {
    let lease = provider.acquire(Target::new(HOST));
    open(&lease).statement().complete();
    // Its own records, and none of its parent's.
    lease.close_blocking(Duration::from_secs(45)) == CloseOutcome::Delivered { accepted: 2 }
}

#[test]
fn prefork_workers_lose_nothing() {
    let provider = ClientProvider::rebuilt_after_fork(recipe).unwrap();
    let lease = provider.acquire(Target::new(HOST));
    open(&lease).statement().complete();
    let worker = || {
        let parents = lease.status().state == TelemetryState::Off(OffReason::ForkedChild);
        // Also where it forks again, and where its threads begin at once.
        let again = spawn(|| serve(&provider));
        let begun: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| open(&provider.acquire(Target::new(HOST))))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        begun.iter().for_each(|session| session.statement().complete());
        drop(begun);
        join(again);
        let last = provider.acquire(Target::new(HOST));
        let outcome = last.close_blocking(Duration::from_secs(45));
        parents && outcome.is_delivered() && serve(&provider)
    };
    let workers: Vec<_> = (0..8).map(|_| spawn(worker)).collect();
    workers.into_iter().for_each(join);
    assert_eq!(lease.close_blocking(Duration::from_secs(60)), CloseOutcome::Delivered { accepted: 2 });
}

#[test]
fn a_thousand_forks_under_load_hang_nothing() {
    let provider = ClientProvider::rebuilt_after_fork(recipe).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (provider, stop) = (&provider, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let lease = provider.acquire(Target::new(format!("dbc-{thread}.cloud.databricks.com")));
                    let session = open(&lease);
                    session.statement().complete();
                    session.error(|| ErrorDetails::new("DENIED").fault(403).message("password=x"));
                }
            });
        }
        let forked = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..1000 {
                join(spawn(|| serve(&provider)));
            }
        }));
        stop.store(true, Ordering::Relaxed);
        forked.unwrap();
    });
}

#[test]
fn a_statement_that_threads_of_the_parent_speak_to_holds_up_no_child() {
    let provider = recipe().unwrap();
    let lease = provider.acquire(Target::new(HOST));
    let mut statement = open(&lease).statement();
    let recorder = statement.chunk_recorder();
    let shared = statement.shared();
    let chunk = || Chunk::new(0, Duration::from_millis(1));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    recorder.chunk(chunk());
                    shared.with(|statement| statement.chunk(chunk()));
                }
            });
        }
        let forked = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..300 {
                join(spawn(|| {
                    recorder.chunk(chunk());
                    shared.with(|statement| statement.chunk(chunk()));
                    shared.complete();
                    true
                }));
            }
        }));
        stop.store(true, Ordering::Relaxed);
        forked.unwrap();
    });
}

#[test]
fn a_recipe_that_fails_leaves_the_child_off() {
    let parent = std::process::id();
    for panics in [false, true] {
        let recipe = move || {
            if std::process::id() == parent {
                return recipe();
            }
            if panics { panic!("planted") } else { Err(BuildError::Missing("all")) }
        };
        let provider = ClientProvider::rebuilt_after_fork(recipe).unwrap();
        join(spawn(|| {
            let lease = provider.acquire(Target::new(HOST));
            lease.status().state == TelemetryState::Off(OffReason::ForkedChild)
        }));
    }
    assert!(ClientProvider::rebuilt_after_fork(|| Err(BuildError::Missing("all"))).is_err());
}

#[test]
fn a_registry_begins_empty_in_a_child_also_one_forked_while_it_is_locked() {
    static REGISTRY: ProviderRegistry<Key> = ProviderRegistry::new();
    /// A key that takes its time to compare, under the registry's lock.
    struct Key(u32);
    impl PartialEq for Key {
        fn eq(&self, other: &Key) -> bool {
            std::thread::sleep(MS);
            self.0 == other.0
        }
    }
    let get = |number, builds| {
        let build = |_: &Key| if builds { recipe() } else { Err(BuildError::Missing("all")) };
        REGISTRY.get_or_build(Key(number), build).is_ok()
    };
    assert!(get(0, true) && get(0, false));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                get(0, false);
            }
        });
        for _ in 0..20 {
            join(spawn(|| !get(0, false) && get(0, true) && get(0, false)));
        }
        stop.store(true, Ordering::Relaxed);
    });
}
