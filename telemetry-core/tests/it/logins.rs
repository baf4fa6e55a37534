//! Whose credentials are used when connections log in, fail to, log in again and go.

use crate::common::*;
use telemetry_core::plugin::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;

/// Flags that are told only to those who have a token.
#[derive(Debug)]
struct Guarded;

#[async_trait]
impl FeatureFlagSource for Guarded {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        match query.credentials {
            Some(_) => Ok(flag(FLAG, true, 900 * SECOND)),
            None => Err(Fault::Authentication.into()),
        }
    }
}

fn tokens(bench: &Bench) -> Vec<String> {
    let token = |attempt: &Attempted| {
        attempt.credentials.as_ref().and_then(|headers| headers.get("authorization")).unwrap_or("").to_owned()
    };
    bench.exporter.attempts().iter().map(token).collect()
}

fn refused() -> Do<AuthHeaders> {
    Do::Fail(Fault::Authentication.into())
}

#[test]
fn what_is_recorded_before_the_log_in_waits_for_it() {
    for principal in [None, Some(StaticToken::new("t").scope())] {
        let bench = Bench::with(config(), |builder| builder.flags(Guarded));
        let lease = bench.provider.acquire(Target::new(HOST).credentials_later(principal));
        let opening = lease.opening(ConnectionInfo::new());
        bench.pass(20 * SECOND);
        assert_eq!(lease.status().state, TelemetryState::Undecided);
        lease.credentials(StaticToken::new("t"));
        opening.opened("01f0").statement().complete();
        bench.pass(6 * SECOND);
        assert_eq!(lease.status().records.accepted, 2);
        assert_eq!(tokens(&bench), ["Bearer t"]);
        assert_balanced(&lease);
    }
}

#[test]
fn a_provider_that_has_no_token_yet_costs_nothing_once_it_has_one() {
    let bench = Bench::with(config(), |builder| builder.flags(Guarded));
    let credentials = ScriptedCredentials::token("t");
    credentials.headers_script().set(refused());
    let lease = bench.lease_of(credentials.clone());
    let opening = lease.opening(ConnectionInfo::new());
    bench.pass(20 * SECOND);
    credentials.headers_script().set(Do::Give(AuthHeaders::bearer("t")));
    opening.opened("01f0").statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(lease.status().records.accepted, 2);
    assert_balanced(&lease);
}

#[test]
fn a_token_is_what_the_driver_said_last_also_when_it_comes_late_or_changes() {
    let bench = Bench::with(config(), |builder| builder.flags(Guarded));
    let token = CurrentToken::of(ScopeId::derived_from("principal"));
    let lease = bench.lease_of(token.clone());
    let opening = lease.opening(ConnectionInfo::new());
    bench.pass(20 * SECOND);
    token.set("first");
    let session = opening.opened("01f0");
    session.statement().complete();
    bench.pass(6 * SECOND);
    token.set("second");
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(
        (lease.status().records.accepted, tokens(&bench)),
        (3, vec!["Bearer first".to_owned(), "Bearer second".to_owned()])
    );
    assert_balanced(&lease);
}

#[test]
fn a_log_in_that_fails_is_closed_without_waiting() {
    let bench = Bench::with(config(), |builder| builder.flags(Guarded));
    let lease = bench.provider.acquire(Target::new(HOST).credentials_later(None));
    lease.opening(ConnectionInfo::new()).failed(|| ErrorDetails::new("UNAUTHENTICATED"));
    let (closed, took) = bench.close(&lease, DEFAULT_CLOSE);
    assert!(matches!(closed, CloseOutcome::Off(OffReason::FlagUnreachable(_))), "{closed:?}");
    assert!(took.is_zero(), "{took:?}");
    assert_balanced(&lease);
}

#[test]
fn a_failed_log_in_does_not_displace_the_credentials_that_work() {
    let bench = Bench::new();
    let (good, bad) = (ScriptedCredentials::token("t"), ScriptedCredentials::token("t"));
    bad.headers_script().set(refused());
    let one = bench.lease_of(good);
    let session = open(&one);
    let other = bench.lease_of(bad.clone());
    let opening = other.opening(ConnectionInfo::new());
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(one.status().records.accepted, 2);
    assert_eq!(bad.headers_script().calls(), 0);
    opening.failed(|| ErrorDetails::new("UNAUTHENTICATED"));
    bench.pass(6 * SECOND);
    assert_eq!(one.status().records.accepted, 3);
    assert_balanced(&one);
}

#[test]
fn refused_credentials_give_way_to_those_of_another_living_connection() {
    let bench = Bench::new();
    let (stale, good) = (ScriptedCredentials::token("t"), ScriptedCredentials::token("t"));
    let (one, other) = (bench.lease_of(good), bench.lease_of(stale.clone()));
    let session = open(&one);
    let _other = open(&other);
    stale.headers_script().set(refused());
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(one.status().records.accepted, 3);
    // The service refuses, rather than the provider.
    stale.headers_script().set(Do::Give(AuthHeaders::bearer("stale")));
    other.credentials(stale.clone());
    bench.exporter.script().set(Do::Fail(PluginError::new(401)));
    session.statement().complete();
    bench.pass(6 * SECOND);
    assert_eq!(tokens(&bench)[1..], ["Bearer stale", "Bearer t"]);
    assert_balanced(&one);
}

#[test]
fn what_a_connection_brought_is_used_no_more_when_its_lease_is_closed_or_dropped() {
    for close in [true, false] {
        let bench = Bench::new();
        let (one, other) = (bench.lease_of(named("one")), bench.lease_of(named("other")));
        let (session, ended) = (open(&one), open(&other));
        bench.pass(6 * SECOND);
        if close {
            assert_eq!(bench.close(&other, SECOND).0, CloseOutcome::Shared);
        }
        drop((other, ended));
        session.statement().complete();
        bench.pass(6 * SECOND);
        assert_eq!(tokens(&bench), ["Bearer other", "Bearer one"], "the latest that lives");
    }
}

/// Credentials of one principal by one log-in among several.
fn named(token: &str) -> ScriptedCredentials {
    let scope = Script::always(Do::Give(ScopeId::new(7)));
    ScriptedCredentials::new(scope, Script::always(Do::Give(AuthHeaders::bearer(token))))
}

#[test]
fn three_log_ins_are_tried_in_a_row_and_no_more() {
    for (others, tried) in [(0, 1), (1, 2), (2, 3), (5, 3)] {
        let bench = Bench::new();
        let leases: Vec<_> = (0..=others).map(|number| bench.lease_of(named(&number.to_string()))).collect();
        let sessions: Vec<_> = leases.iter().map(open).collect();
        bench.exporter.script().set(Do::Fail(PluginError::new(401)));
        bench.pass(6 * SECOND);
        assert_eq!(tokens(&bench).len(), tried, "of {} log-ins", others + 1);
        drop(sessions);
    }
    // The same for a question about the flag.
    for (others, tried) in [(0, 1), (1, 2), (2, 3), (5, 3)] {
        let bench = Bench::with_flags(Script::always(Do::Fail(PluginError::new(401))));
        let leases: Vec<_> = (0..=others).map(|number| bench.lease_of(named(&number.to_string()))).collect();
        bench.pass(SECOND);
        assert_eq!(bench.flags.script().calls(), tried, "of {} log-ins", others + 1);
        drop(leases);
    }
}

#[test]
fn a_new_log_in_ends_the_pause_after_a_refusal() {
    let bench = Bench::new();
    let me = ScopeId::derived_from("me");
    let lease = bench.lease_of(StaticToken::new("old").of(me));
    let session = open(&lease);
    bench.exporter.script().set(Do::Fail(PluginError::new(401)));
    bench.pass(6 * SECOND);
    bench.exporter.script().set(Do::Give(Accept::All));
    session.statement().complete();
    bench.pass(20 * SECOND);
    assert_eq!(tokens(&bench), ["Bearer old"], "it pauses for a minute");
    lease.credentials(StaticToken::new("new").of(me));
    bench.pass(6 * SECOND);
    assert_eq!(tokens(&bench), ["Bearer old", "Bearer new"]);
    assert_eq!(lease.status().records.accepted, 1);
    assert_balanced(&lease);
}

#[test]
fn a_token_that_changed_after_a_refusal_is_tried_at_once_where_it_is_handed_over_again() {
    let bench = Bench::new();
    let token = CurrentToken::of(ScopeId::derived_from("me"));
    token.set("old");
    let lease = bench.lease_of(token.clone());
    let session = open(&lease);
    bench.exporter.script().set(Do::Fail(PluginError::new(401)));
    bench.pass(6 * SECOND);
    bench.exporter.script().set(Do::Give(Accept::All));
    token.set("new");
    session.statement().complete();
    bench.pass(20 * SECOND);
    assert_eq!(tokens(&bench), ["Bearer old"], "it pauses for a minute");
    lease.credentials(token);
    bench.pass(6 * SECOND);
    assert_eq!(tokens(&bench), ["Bearer old", "Bearer new"]);
    assert_balanced(&lease);
}

#[test]
fn credentials_of_another_principal_are_not_used() {
    let bench = Bench::new();
    let lease =
        bench.provider.acquire(Target::new(HOST).credentials_later(Some(ScopeId::derived_from("ann"))));
    lease.credentials(StaticToken::new("bob's"));
    open(&lease).statement().complete();
    bench.pass(6 * SECOND);
    assert!(tokens(&bench).is_empty());
    assert_eq!(lease.status().records.held, 2);
    // Nor in the place of a connection's own.
    let lease = bench.lease_of(StaticToken::new("ann's"));
    lease.credentials(StaticToken::new("bob's"));
    drop(open(&lease));
    bench.pass(6 * SECOND);
    assert_eq!(tokens(&bench), ["Bearer ann's"]);
}

#[test]
fn credentials_for_a_lease_without_a_principal_are_not_used() {
    let bench = Bench::new();
    let lease = bench.lease();
    lease.credentials(StaticToken::new("t"));
    drop(open(&lease));
    bench.pass(6 * SECOND);
    assert_eq!(tokens(&bench), [""]);
}
