//! What a client holds, as the allocator sees it. A program of its own, as it counts what the whole process
//! allocates: one test, so that nothing else does meanwhile.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

#[path = "common/allocated.rs"]
mod allocated;
mod common;

use allocated::allocated;
use common::*;
use telemetry_core::plugin::FlagSet;
use telemetry_core::*;
use telemetry_testkit::*;

const MIB: usize = 1024 * 1024;
/// How many of the smallest events fill two of them, and of those that are larger.
const SMALL: usize = 30_000;
const LARGE: usize = 3000;
/// And of connections that come and go.
const CONNECTIONS: usize = 1300;

/// A load that never ends by itself; `number` counts its rounds.
type Load = fn(lease: &Lease, session: &Session, kept: &mut Vec<Statement>, number: usize);

fn text() -> String {
    "no such thing, and nothing like it either. ".repeat(40)
}

/// All that can be known of a connection, in long texts.
fn known() -> ConnectionInfo {
    let long = || Some("abc ".repeat(64));
    let params = ConnectionParams {
        http_path: long(),
        auth_scope: long(),
        azure_tenant_id: long(),
        query_tags: long(),
        non_proxy_hosts: Some(vec!["host.example.com".to_owned(); 64]),
        ..ConnectionParams::default()
    };
    ConnectionInfo::new().params(params)
}

fn many_errors(statement: &mut Statement) {
    for number in 0..50 {
        statement.error(|| ErrorDetails::new(format!("E_{}_{number}", "X".repeat(100))));
    }
}

const LOADS: &[(&str, usize, Load)] = &[
    ("statements by handle", SMALL, |_, session, _, _| session.statement().complete()),
    ("statements open by id", SMALL, |_, session, _, number| {
        session.emitter().started(&format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012}"), StatementType::Query);
    }),
    ("chunks by id", SMALL, |_, session, _, _| session.emitter().chunk("01f0a1b2", Chunk::new(1, MS))),
    ("errors with text", LARGE, |_, session, _, _| {
        session.error(|| ErrorDetails::new("E").message(text()).fault(403));
    }),
    ("errors by name, fifty with each statement", LARGE, |_, session, _, _| {
        let mut statement = session.statement();
        many_errors(&mut statement);
        statement.complete();
    }),
    ("errors with statements open by id", SMALL, |_, session, _, number| {
        let id = format!("01f0a1b2-c3d4-1e5f-8a9b-{:012}", number / 50);
        if number % 50 == 0 {
            session.emitter().started(&id, StatementType::Query);
        }
        session.emitter().error(&id, || ErrorDetails::new("X".repeat(128)));
    }),
    ("errors with handles that nobody ends", SMALL, |_, session, kept, number| {
        if number % 50 == 0 && kept.len() < 2000 {
            let mut statement = session.statement();
            many_errors(&mut statement);
            kept.push(statement);
        }
    }),
    ("sessions that are opened, err and go", CONNECTIONS, |lease, _, _, _| {
        lease.opening(known()).opened("01f0a1b2").error(|| ErrorDetails::new("E"));
    }),
    ("sessions that learn, err and go", 4 * CONNECTIONS, |_, session, _, number| {
        session.learned(known().workspace_id(number as i64)).error(|| ErrorDetails::new("E"));
    }),
    ("parents of statements that are open by id", SMALL, |_, session, _, number| {
        let id = format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012}");
        session.emitter().started(&id, StatementType::Query);
        session.emitter().trace_parent(&id, ([1; 16], [1; 8], 1));
    }),
    ("statements open by id of sessions that are gone", CONNECTIONS, |lease, _, _, _| {
        let session = lease.opening(known()).opened("01f0a1b2");
        session.emitter().started("01f0a1b2", StatementType::Query);
    }),
    ("connections that fail, with all that is known of them", CONNECTIONS, |lease, _, _, _| {
        lease.opening(known()).failed(|| ErrorDetails::new("E"));
    }),
];

/// How much the process grows by a load, and what the client says it holds.
fn grown(rounds: usize, load: Load, worker: bool) -> (usize, usize) {
    let flags: Script<FlagSet> = Script::always(Do::Hang);
    let config =
        config().max_events(1_000_000).max_open_statements(1_000_000).max_records(100_000).max_errors(50);
    let bench = Bench::with(config, |builder| builder.flags(ScriptedFlags::new(flags)));
    let lease = bench.lease();
    let session = open(&lease);
    let mut kept = Vec::with_capacity(2000);
    bench.step();
    let before = allocated();
    let mut most = 0;
    for number in 0..rounds {
        load(&lease, &session, &mut kept, number);
        if worker && number % 64 == 0 {
            bench.step();
        }
        most = most.max(allocated().saturating_sub(before));
    }
    assert_balanced(&lease);
    (most, lease.status().held_bytes as usize)
}

/// What a client holds when all is over, whatever became of it; and whether others have room then.
fn what_is_left() {
    let config = config().max_total_bytes(4 * MIB).max_events(100_000);
    let bench = Bench::with(config, |builder| builder.flags(ScriptedFlags::fixed(FLAG, false)));
    let leases: Vec<_> = (0..5)
        .map(|number| bench.provider.acquire(Target::new(format!("dbc-{number}.cloud.databricks.com"))))
        .collect();
    let mut kept = Vec::new();
    for lease in &leases {
        let session = open(lease);
        for _ in 0..20 {
            let mut statement = session.statement();
            many_errors(&mut statement);
            kept.push(statement);
        }
        (0..1000)
            .for_each(|_| lease.opening(known()).failed(|| ErrorDetails::new("E").message("no such thing")));
    }
    bench.step();
    drop(kept);
    bench.pass(SECOND);
    for lease in &leases {
        assert_eq!(lease.status().held_bytes, 0);
        assert_balanced(lease);
    }
    let other = bench.provider.acquire(Target::new(HOST).mode(Mode::Forced));
    let session = open(&other);
    (0..3000).for_each(|_| session.statement().complete());
    assert_eq!(other.status().events.refused.total(), 0, "{:?}", other.status());
}

#[test]
fn a_client_holds_two_mib_whatever_a_driver_records() {
    what_is_left();
    for (name, rounds, load) in LOADS {
        for worker in [false, true] {
            let (grown, held) = grown(*rounds, *load, worker);
            let said = format!("{name}: grown by {grown}, held {held}, worker {worker}");
            // A connection that ends is counted whether there is room or not.
            assert!(held <= 2 * MIB + 4096, "{said}");
            // A vector that grows has its old place for a moment besides.
            assert!(grown < 3 * MIB, "{said}");
            assert!(held > MIB || *name == "chunks by id" && worker, "it fills it: {said}");
            eprintln!("{said}");
        }
    }
}
