//! Leases: sharing, releasing, reviving, and tenants apart.

use crate::common::*;
use telemetry_core::plugin::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

#[test]
fn connections_of_one_principal_to_one_host_share_a_client() {
    let bench = Bench::new();
    let token = ScriptedCredentials::token("a");
    let first = bench.lease_of(token.clone());
    let second = bench.lease_of(token);
    open(&first).statement().complete();
    open(&second).statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(bench.exporter.attempts().len(), 1, "one batch");
    assert_eq!(bench.flags.script().calls(), 1);
    assert_eq!(first.status().records.made, 4);
    assert_eq!(bench.close(&first, SECOND).0, CloseOutcome::Shared);
    open(&second).statement().complete();
    assert!(bench.close(&second, SECOND).0.is_delivered());
    assert_eq!(bench.exporter.accepted().len(), 6);
}

#[test]
fn tenants_never_travel_under_each_others_token() {
    let bench = Bench::new();
    let leases: Vec<_> = ["a", "b"].map(|token| bench.lease_of(ScriptedCredentials::token(token))).into();
    for (number, lease) in leases.iter().enumerate() {
        let session = lease.opening(ConnectionInfo::new()).opened(&format!("session-{number}"));
        session.statement().complete();
    }
    bench.pass(6 * SECOND);
    let attempts = bench.exporter.attempts();
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        let token = attempt.credentials.as_ref().unwrap().get("authorization").unwrap();
        let expected = if token == "Bearer a" { "session-0" } else { "session-1" };
        for record in &attempt.records {
            assert_eq!(record.session.session_id.unwrap().as_str(), expected);
        }
    }
}

#[test]
fn the_workspaces_of_a_host_are_kept_apart() {
    let bench = Bench::new();
    let leases = [1, 2].map(|workspace| {
        let target = Target::new(HOST).workspace(workspace).credentials(StaticToken::new("t"));
        bench.provider.acquire(target)
    });
    leases.iter().for_each(|lease| drop(open(lease)));
    bench.pass(6 * SECOND);
    let attempts = bench.exporter.attempts();
    let mut workspaces: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            let [record] = &attempt.records[..] else { panic!("{attempt:?}") };
            record.session.workspace_id
        })
        .collect();
    // Which of them is first is drawn.
    workspaces.sort_unstable();
    assert_eq!(workspaces, [Some(1), Some(2)]);
    assert_eq!(bench.flags.script().calls(), 2);
}

#[test]
fn a_refused_tenant_pauses_alone() {
    let bench = Bench::new();
    let bad = bench.lease_of(ScriptedCredentials::token("bad"));
    let good = bench.lease_of(ScriptedCredentials::token("good"));
    bench.exporter.script().set(Do::Fail(PluginError::new(401)));
    let session = open(&bad);
    session.statement().complete();
    bench.pass(6 * SECOND);
    bench.exporter.script().set(Do::Give(Accept::All));
    session.statement().complete();
    session.statement().complete();
    open(&good).statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(good.status().records.accepted, 2);
    assert_eq!((bad.status().records.accepted, bad.status().records.held), (0, 2));
    assert_eq!(bad.status().records.dropped.get(DropReason::Terminal), 2);
    bench.pass(60 * SECOND);
    assert_eq!(bad.status().records.accepted, 2);
    assert_balanced(&bad);
}

#[test]
fn a_rotated_token_is_used_from_the_next_request_on() {
    let bench = Bench::new();
    let credentials = ScriptedCredentials::token("old");
    let lease = bench.lease_of(credentials.clone());
    let session = open(&lease);
    bench.pass(6 * SECOND);
    credentials.headers_script().set(Do::Give(AuthHeaders::bearer("new")));
    session.statement().complete();
    bench.pass(6 * SECOND);
    let tokens: Vec<_> = bench
        .exporter
        .attempts()
        .iter()
        .map(|attempt| attempt.credentials.as_ref().unwrap().get("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer old", "Bearer new"]);
}

#[test]
fn credentials_that_fail_or_hang_keep_the_records_and_are_asked_again() {
    for fault in [Do::Fail(PluginError::new(Fault::Authentication)), Do::Hang, Do::Panic] {
        let bench = Bench::new();
        let credentials = ScriptedCredentials::token("t");
        let lease = bench.lease_of(credentials.clone());
        let session = open(&lease);
        bench.pass(6 * SECOND);
        let asked = credentials.headers_script().calls();
        credentials.headers_script().set(fault.clone());
        session.statement().complete();
        // Five seconds for its batch, and up to ten for the credentials; then a minute's pause begins.
        bench.pass(64 * SECOND);
        let records = lease.status().records;
        assert_eq!((records.held, records.accepted, records.dropped.total()), (1, 1, 0));
        assert_eq!(credentials.headers_script().calls() - asked, 1, "{fault:?}: once in that minute");
        assert_eq!(bench.exporter.attempts().len(), 1, "nothing goes out without them");
        assert!(lease.status().last_failure.is_some());
        credentials.headers_script().set(Do::Give(AuthHeaders::bearer("t")));
        bench.pass(12 * SECOND);
        assert_eq!(lease.status().records.accepted, 2);
        assert_eq!(bench.exporter.attempts().len(), 2);
        assert_balanced(&lease);
    }
}

#[test]
fn dropping_the_last_handle_flushes_in_the_background() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let statement = session.statement();
    drop(lease);
    drop(session);
    bench.provider.step();
    assert!(bench.exporter.accepted().is_empty(), "the statement still needs the client");
    statement.complete();
    bench.provider.step();
    assert_eq!(bench.exporter.accepted().len(), 2);
}

#[test]
fn a_lease_taken_while_the_client_drains_revives_it() {
    let bench = Bench::new();
    bench.exporter.script().set(Do::Hang);
    let first = bench.lease();
    open(&first).statement().complete();
    drop(first);
    bench.provider.step();
    assert_eq!(bench.exporter.attempts().len(), 1, "the final flush is in flight");
    let second = bench.lease();
    assert_eq!(second.status().records.made, 2, "it is the same client");
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(30 * SECOND);
    assert_eq!(second.status().records.accepted, 2, "and its records were not lost with the drain");
    assert_eq!(second.status().state, TelemetryState::On(FlagOrigin::Fetched));
    assert_balanced(&second);
}

#[test]
fn a_lease_taken_while_another_closes_gets_a_client_of_its_own_and_waits_for_nothing() {
    let bench = Bench::new();
    bench.exporter.script().set(Do::Hang);
    let first = bench.lease();
    open(&first).statement().complete();
    let mut close = std::pin::pin!(first.close(2 * SECOND));
    let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(close.as_mut().poll(context).is_pending());
    let second = bench.lease();
    assert_eq!(second.status().records, RecordLedger::default());
    open(&second);
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(10 * SECOND);
    assert_eq!(second.status().records.accepted, 1);
    let std::task::Poll::Ready(closed) = close.as_mut().poll(context) else { panic!("it is over") };
    assert!(matches!(closed, CloseOutcome::TimedOut { dropped, .. } if dropped.total() == 2));
}

#[test]
fn a_lease_is_given_back_once_however_often_it_is_closed() {
    let bench = Bench::new();
    let first = bench.lease();
    let second = bench.lease();
    assert_eq!(bench.close(&first, SECOND).0, CloseOutcome::Shared);
    assert_eq!(bench.close(&first, SECOND).0, CloseOutcome::Already);
    drop(first);
    open(&second).statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 2, "the second lease is untouched");
    assert!(bench.close(&second, SECOND).0.is_delivered());
    let off = bench.provider.acquire(Target::new("bad host"));
    assert!(matches!(bench.close(&off, SECOND).0, CloseOutcome::Off(OffReason::InvalidHost(_))));
}

#[test]
fn dropping_a_closed_lease_takes_no_share_from_those_that_live() {
    let bench = Bench::new();
    let (first, second) = (bench.lease(), bench.lease());
    let session = open(&second);
    assert_eq!(bench.close(&first, SECOND).0, CloseOutcome::Shared);
    drop(first);
    bench.pass(6 * SECOND);
    assert_eq!(second.status().state, TelemetryState::On(FlagOrigin::Fetched), "it drains for nobody");
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(bench.exporter.accepted().len(), 2);
    assert_eq!(bench.flags.script().calls(), 1, "it is the same client");
    assert!(bench.close(&second, SECOND).0.is_delivered());
}

#[test]
fn a_lease_that_is_dropped_beside_a_living_one_ends_nothing() {
    let bench = Bench::new();
    let (first, second, third) = (bench.lease(), bench.lease(), bench.lease());
    open(&first).statement().complete();
    drop(first);
    let session = open(&second);
    drop(third);
    bench.pass(120 * SECOND);
    let status = second.status();
    assert_eq!((status.state, status.closed), (TelemetryState::On(FlagOrigin::Fetched), false));
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(second.status().records.accepted, 4, "what the dropped one recorded, too");
    assert_eq!(bench.flags.script().calls(), 1, "it is the same client all the time");
    assert_eq!(bench.close(&second, SECOND).0, CloseOutcome::Delivered { accepted: 4 });
}

#[test]
fn a_lease_that_is_closed_again_and_again_gives_back_no_other_ones_share() {
    let bench = Bench::new();
    let (first, second, third) = (bench.lease(), bench.lease(), bench.lease());
    assert_eq!(bench.close(&first, SECOND).0, CloseOutcome::Shared);
    for _ in 0..3 {
        assert_eq!(bench.close(&first, SECOND).0, CloseOutcome::Already);
        assert_eq!(first.close_blocking(SECOND), CloseOutcome::Already);
    }
    let session = open(&second);
    bench.pass(60 * SECOND);
    assert_eq!(bench.close(&second, SECOND).0, CloseOutcome::Shared, "the third still lives");
    session.statement().complete();
    assert_eq!(bench.close(&third, SECOND).0, CloseOutcome::Delivered { accepted: 2 });
    assert_eq!(bench.close(&third, SECOND).0, CloseOutcome::Already);
    assert!(third.status().closed);
}

#[test]
fn a_client_that_was_revived_drains_again_when_its_last_lease_goes_and_can_be_revived_again() {
    let bench = Bench::new();
    bench.exporter.script().set(Do::Hang);
    let mut lease = bench.lease();
    open(&lease).statement().complete();
    for revived in 1..=3 {
        drop(lease);
        bench.step();
        bench.pass(SECOND);
        lease = bench.lease();
        assert_eq!(lease.status().records.made, 1 + revived, "it is the same client");
        // Longer than the drain may take: it is over, and ended nothing.
        bench.pass(5 * SECOND);
        assert!(!lease.status().closed);
        lease.opening(ConnectionInfo::new()).failed(|| ErrorDetails::new("E"));
        bench.step();
    }
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(30 * SECOND);
    assert_eq!(lease.status().records.accepted, 5);
    drop(lease);
    bench.pass(SECOND);
    assert_eq!(bench.clock.sleepers(), 0, "no worker is left");
    assert_eq!(bench.lease().status().records.made, 0, "and the next lease has a client of its own");
}

#[test]
fn a_connection_that_fails_to_open_leaks_nothing() {
    let bench = Bench::new();
    for _ in 0..10 {
        let lease = bench.lease();
        drop(lease.opening(ConnectionInfo::new()));
        drop(lease);
        bench.pass(3 * SECOND);
    }
    assert_eq!(bench.exporter.accepted().len(), 10);
    // Each had gone before the next came, so that each asked for the flag.
    assert_eq!(bench.flags.script().calls(), 10);
    assert_eq!(bench.clock.sleepers(), 0, "no worker is left");
}

#[test]
fn clients_are_capped_and_a_finished_one_makes_room() {
    let bench = Bench::with(config().max_clients(2), |builder| builder);
    let lease = |host: &str| bench.provider.acquire(Target::new(host));
    let first = lease("a.databricks.com");
    let second = lease("b.databricks.com");
    let third = lease("c.databricks.com");
    assert_eq!(third.status().state, TelemetryState::Off(OffReason::TooManyClients));
    open(&third).statement().complete();
    assert!(bench.close(&first, SECOND).0.is_delivered());
    assert_eq!(lease("c.databricks.com").status().state, TelemetryState::Undecided);
    drop(second);
}

#[test]
fn a_credential_provider_that_panics_is_off_with_the_reason() {
    let bench = Bench::new();
    let credentials = ScriptedCredentials::new(Script::always(Do::Panic), Script::always(Do::Panic));
    let lease = bench.lease_of(credentials);
    assert_eq!(lease.status().state, TelemetryState::Off(OffReason::CredentialsPanicked));
    open(&lease).statement().complete();
}

#[test]
fn a_shutdown_closes_all_clients_within_one_deadline_whoever_has_a_lease() {
    let bench = Bench::new();
    let leases = ["a", "b", "c"].map(|token| bench.lease_of(ScriptedCredentials::token(token)));
    let sessions = leases.each_ref().map(open);
    let outcome = bench.provider.shutdown_blocking(2 * SECOND);
    assert_eq!((outcome.clients().len(), outcome.undelivered()), (3, 0));
    assert!(outcome.clients().iter().all(CloseOutcome::is_delivered), "{outcome}");
    sessions[0].statement().complete();
    for lease in &leases {
        assert_eq!(lease.status().records.accepted, 1);
        assert!(lease.status().closed);
        assert_balanced(lease);
    }
    // Another begins anew, and the guard closes it.
    let lease = bench.lease();
    drop(open(&lease));
    drop(bench.provider.shutdown_on_drop(2 * SECOND));
    assert_eq!(lease.status().records.accepted, 1);
    assert!(bench.provider.shutdown_blocking(SECOND).clients().is_empty());
}

#[test]
fn a_shutdown_waits_once_for_all_that_hang() {
    let bench = Bench::new();
    bench.exporter.script().set(Do::Hang);
    let leases = ["a", "b", "c"].map(|token| bench.lease_of(ScriptedCredentials::token(token)));
    leases.iter().for_each(|lease| drop(open(lease)));
    let start = bench.clock.now();
    let mut shutdown = std::pin::pin!(bench.provider.shutdown(2 * SECOND));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let outcome = loop {
        if let std::task::Poll::Ready(outcome) = shutdown.as_mut().poll(&mut cx) {
            break outcome;
        }
        assert!(bench.clock.advance_to_next());
    };
    assert_eq!(bench.clock.now() - start, 2 * SECOND);
    assert_eq!((outcome.clients().len(), outcome.undelivered()), (3, 3));
}

#[test]
fn what_comes_after_the_close_is_refused_and_counted() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    assert!(bench.close(&lease, SECOND).0.is_delivered());
    session.operation(Operation::new(OperationType::ListTables, MS));
    session.error(|| panic!("nothing is described any more"));
    session.emitter().started("s1", StatementType::Query);
    session.statement().complete();
    assert_eq!(lease.status().events.refused.get(Refusal::Closed), 4);
    assert_balanced(&lease);
}
