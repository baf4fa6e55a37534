//! What a driver learns of a connection while it opens, or later, is in the records from then on.

use std::sync::Arc;

use crate::common::*;
use telemetry_core::record::*;
use telemetry_core::*;

fn path(path: &str) -> ConnectionParams {
    ConnectionParams { http_path: Some(path.to_owned()), ..ConnectionParams::default() }
}

fn sessions(bench: &Bench) -> Vec<Arc<SessionContext>> {
    bench.pass(10 * SECOND);
    bench.exporter.accepted().iter().map(|record| Arc::clone(&record.session)).collect()
}

#[test]
fn what_is_learned_while_it_opens_is_added_to_what_was_known_also_if_it_fails() {
    for fails in [false, true] {
        let bench = Bench::new();
        let lease = bench.lease();
        let known = ConnectionParams { use_proxy: Some(false), auto_commit: Some(true), ..path("/sql/a") };
        let info = ConnectionInfo::new().params(known).auth_type("pat").user_agent("App/1");
        let mut opening = lease.opening(info);
        let more = ConnectionParams { auto_commit: Some(false), enable_arrow: Some(true), ..path("/sql/b") };
        opening.learned(ConnectionInfo::new().params(more.clone()));
        opening.learned(ConnectionInfo::new().workspace_id(7).auth_type("databricks-oauth"));
        if fails {
            opening.failed(|| ErrorDetails::new("E"));
        } else {
            drop(opening.opened("session-1"));
        }
        let session = &sessions(&bench)[0];
        assert_eq!(session.params, ConnectionParams { use_proxy: Some(false), ..more });
        assert_eq!(session.workspace_id, Some(7));
        assert_eq!(
            (session.auth_type.as_deref(), session.user_agent.as_deref()),
            (Some("databricks-oauth"), Some("App/1"))
        );
    }
}

#[test]
fn what_is_learned_later_is_in_what_is_recorded_with_it_and_in_nothing_else() {
    let bench = Bench::new();
    let lease = bench.lease();
    let info = ConnectionInfo::new().params(path("/sql/a")).auth_type("pat").user_agent("App/1");
    let first = lease.opening(info).opened("session-1");
    let begun = first.statement();
    first.closed(MS);
    let more = ConnectionParams { enable_arrow: Some(true), ..ConnectionParams::default() };
    let second = first.learned(ConnectionInfo::new().workspace_id(7).params(more));
    second.closed(MS);
    second.statement().complete();
    second.emitter().error("s1", || ErrorDetails::new("E"));
    begun.complete();
    first.closed(MS);
    let told: Vec<_> =
        sessions(&bench).iter().map(|session| (session.workspace_id, session.params.enable_arrow)).collect();
    let (before, after) = ((None, None), (Some(7), Some(true)));
    assert_eq!(told, [before, before, after, after, after, before, before]);
    for session in sessions(&bench) {
        assert_eq!(session.session_id, SessionId::new("session-1"));
        assert_eq!(session.params.http_path.as_deref(), Some("/sql/a"));
        assert_eq!(
            (session.auth_type.as_deref(), session.user_agent.as_deref()),
            (Some("pat"), Some("App/1"))
        );
    }
    assert_balanced(&lease);
}

#[test]
fn what_says_nothing_new_makes_no_other_connection() {
    let bench = Bench::new();
    let lease = bench.lease();
    let info = ConnectionInfo::new().params(path("/sql/a")).workspace_id(7);
    let session = lease.opening(info.clone()).opened("session-1");
    for same in [ConnectionInfo::new(), info, ConnectionInfo::new().workspace_id(7)] {
        session.learned(same).closed(MS);
    }
    let sessions = sessions(&bench);
    assert_eq!(sessions.len(), 4);
    assert!(sessions.iter().all(|session| Arc::ptr_eq(session, &sessions[0])));
}

#[test]
fn what_is_learned_is_held_to_the_same_rules() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let info = ConnectionInfo::new().params(path("/sql/a?token=dapi0123456789abcdef0123456789abcdef"));
    session.learned(info.user_agent("x".repeat(900))).closed(MS);
    let learned = &sessions(&bench)[1];
    assert_eq!(learned.params.http_path.as_deref(), Some("/sql/a"));
    assert_eq!(learned.user_agent.as_ref().unwrap().len(), 256);
}

#[test]
fn without_room_for_its_texts_a_connection_stays_as_it_was() {
    let bench = Bench::with(config().max_bytes(16 * 1024).max_events(16), |builder| builder);
    let lease = bench.lease();
    let session = lease.opening(ConnectionInfo::new().workspace_id(1)).opened("session-1");
    let text = || Some("word ".repeat(50));
    let all = ConnectionParams {
        http_path: text(),
        auth_scope: text(),
        query_tags: text(),
        azure_tenant_id: text(),
        ..ConnectionParams::default()
    };
    let mut kept = Vec::new();
    for number in 2..30 {
        kept.push(session.learned(ConnectionInfo::new().workspace_id(number).params(all.clone())));
    }
    kept[0].closed(MS);
    kept[27].closed(MS);
    let told: Vec<_> = sessions(&bench).iter().map(|session| session.workspace_id).collect();
    assert_eq!(told, [Some(1), Some(2), Some(1)]);
    assert!(lease.status().held_bytes <= 16 * 1024);
    drop((kept, session));
    bench.exporter.take();
    bench.pass(10 * SECOND);
    assert_balanced(&lease);
}

#[test]
fn the_flag_that_is_asked_for_stays_that_of_the_target() {
    let bench = Bench::new();
    let lease = bench.provider.acquire(Target::new(HOST).workspace(5));
    let session = open(&lease);
    let other = bench.provider.acquire(Target::new(HOST).workspace(7));
    bench.pass(10 * SECOND);
    let asked = bench.flags.script().calls();
    let session = session.learned(ConnectionInfo::new().workspace_id(7));
    session.closed(MS);
    let sessions = sessions(&bench);
    assert_eq!((sessions[0].workspace_id, sessions[1].workspace_id), (Some(5), Some(7)));
    assert_eq!(bench.flags.script().calls(), asked);
    assert_eq!((lease.status().records.made, other.status().records.made), (2, 0));
}

#[test]
fn a_disabled_session_learns_nothing() {
    Session::disabled().learned(ConnectionInfo::new().workspace_id(7)).closed(MS);
    let mut opening = Lease::disabled().opening(ConnectionInfo::new());
    opening.learned(ConnectionInfo::new().workspace_id(7));
    drop(opening);
}
