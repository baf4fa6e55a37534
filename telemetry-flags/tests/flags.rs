//! The sources, as a provider uses them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use telemetry_core::plugin::*;
use telemetry_core::*;
use telemetry_flags::*;
use telemetry_testkit::{Do, FakeClock, Script, ScriptedFlags, ScriptedTransport, flag};

const BODY: &str =
    r#"{"flags":[{"name":"flag","value":"true"},{"name":"other","value":"[1,2]"}],"ttl_seconds":900}"#;

fn host(name: &str) -> Host {
    Host::parse(name, HostPolicy::Public).unwrap()
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn driver() -> DriverIdentity {
    DriverIdentity::builder().name("Test").version("1.2.3").client("TEST").flag("flag").build().unwrap()
}

fn ask(
    source: &impl FeatureFlagSource,
    clock: &FakeClock,
    name: &str,
    token: &str,
) -> Result<FlagSet, PluginError> {
    let (host, driver, credentials) = (host(name), driver(), AuthHeaders::bearer(token));
    let query = FlagQuery::new(&host, &driver, clock.now(), clock.wall());
    now(source.flags(&query.with_credentials(Some(&credentials))))
}

fn over_http(transport: &ScriptedTransport) -> HttpFlagSource {
    HttpFlagSource::new(Arc::new(transport.clone()))
}

fn cache(flags: &ScriptedFlags) -> FlagCache<ScriptedFlags> {
    FlagCache::new(flags.clone())
}

#[test]
fn asks_the_hosts_own_path_under_the_connections_credentials() {
    let (clock, transport) = (FakeClock::new(), ScriptedTransport::answering(200, BODY));
    let flags = ask(&over_http(&transport), &clock, "a.com", "t").unwrap();
    assert!(flags.is_on("flag") && !flags.is_on("other"));
    assert_eq!(flags.fresh_for, Duration::from_secs(900));
    let request = transport.requests().remove(0);
    assert_eq!((request.method, request.host.name()), (Method::Get, "a.com"));
    assert_eq!(request.path, "/api/2.0/connector-service/feature-flags/TEST/1.2.3");
    assert_eq!(request.headers.get("authorization"), Some("Bearer t"));
    assert_eq!(request.headers.get("user-agent"), Some("Test/1.2.3"));
}

#[test]
fn credentials_that_come_with_headers_of_another_request_break_none() {
    let (clock, transport) = (FakeClock::new(), ScriptedTransport::answering(200, BODY));
    let (host, credentials) = (host("a.com"), AuthHeaders::bearer("t").with("x-databricks-org-id", "7"));
    let credentials = credentials.with("Accept", "application/vnd.apache.arrow").with("content-length", "77");
    let credentials = credentials.with("content-type", "application/x-thrift").with("User-Agent", "Mine/1");
    let credentials = credentials.with("accept-encoding", "gzip").with("Host", "b.com");
    let source = over_http(&transport);
    now(source.flags(
        &FlagQuery::new(&host, &driver(), clock.now(), clock.wall()).with_credentials(Some(&credentials)),
    ))
    .unwrap();
    let request = transport.requests().remove(0);
    let headers: Vec<_> = request.headers.iter().collect();
    let expected = [
        ("authorization", "Bearer t"),
        ("x-databricks-org-id", "7"),
        ("accept", "application/json"),
        ("user-agent", "Test/1.2.3"),
    ];
    assert_eq!(headers, expected);
}

#[test]
fn the_workspaces_of_a_host_have_flags_of_their_own() {
    let flags = ScriptedFlags::new(
        Script::always(Do::Give(flag("on", true, Duration::from_secs(3600)))).first(Do::Give(flag(
            "on",
            false,
            Duration::from_secs(3600),
        ))),
    );
    let (cache, host, driver) = (cache(&flags), host("a.com"), driver());
    let of = |workspace| {
        let query = FlagQuery::new(&host, &driver, Tick::ZERO, std::time::SystemTime::UNIX_EPOCH)
            .of_workspace(workspace);
        now(cache.flags(&query)).unwrap().is_on("on")
    };
    assert_eq!([Some(1), Some(2), None, Some(1), Some(2)].map(of), [false, true, true, false, true]);
    assert_eq!(flags.script().calls(), 3);
}

#[test]
fn the_workspace_is_told_to_the_service() {
    let transport = ScriptedTransport::answering(200, r#"{"flags":[],"ttl_seconds":900}"#);
    let (source, host, driver, credentials) =
        (over_http(&transport), host("a.com"), driver(), AuthHeaders::bearer("t"));
    for workspace in [None, Some(42)] {
        let query = FlagQuery::new(&host, &driver, Tick::ZERO, std::time::SystemTime::UNIX_EPOCH)
            .with_credentials(Some(&credentials))
            .of_workspace(workspace);
        now(source.flags(&query)).unwrap();
    }
    let told: Vec<_> = transport
        .requests()
        .iter()
        .map(|request| request.headers.get("x-databricks-org-id").map(str::to_owned))
        .collect();
    assert_eq!(told, [None, Some("42".to_owned())]);
}

#[test]
fn asks_nobody_without_credentials() {
    let (clock, transport) = (FakeClock::new(), ScriptedTransport::answering(200, BODY));
    let (source, host, driver) = (over_http(&transport), host("a.com"), driver());
    let query = FlagQuery::new(&host, &driver, clock.now(), clock.wall());
    assert_eq!(now(source.flags(&query)), Err(Fault::Authentication.into()));
    assert!(transport.requests().is_empty());
}

#[test]
fn answers_that_are_none_are_failures_and_never_off() {
    let clock = FakeClock::new();
    for (status, body, fault) in [
        (200, "<html>log in</html>", Fault::BadAnswer),
        (200, "", Fault::BadAnswer),
        (204, "", Fault::BadAnswer),
        (302, "", Fault::Redirect),
        (401, BODY, Fault::Status(401)),
        (503, BODY, Fault::Status(503)),
    ] {
        let source = over_http(&ScriptedTransport::answering(status, body));
        assert_eq!(ask(&source, &clock, "a.com", "t"), Err(fault.into()), "{status} {body}");
    }
    let mut broken = HttpResponse::new(200, BODY);
    broken.complete = false;
    let source = over_http(&ScriptedTransport::new(Script::always(Do::Give(broken))));
    assert_eq!(ask(&source, &clock, "a.com", "t"), Err(Fault::BadAnswer.into()));
}

#[test]
fn a_retry_after_is_handed_on() {
    let clock = FakeClock::new();
    let mut busy = HttpResponse::new(429, "");
    busy.headers.push("retry-after", "120");
    let source = over_http(&ScriptedTransport::new(Script::always(Do::Give(busy))));
    assert_eq!(ask(&source, &clock, "a.com", "t").unwrap_err().retry_after, Some(Duration::from_secs(120)));
}

#[test]
fn many_callers_make_one_request() {
    let (clock, flags) = (FakeClock::new(), ScriptedFlags::fixed("flag", true));
    let cache = cache(&flags);
    for token in ["a", "b", "c"] {
        assert!(ask(&cache, &clock, " https://A.com/ ", token).unwrap().is_on("flag"));
    }
    assert_eq!(flags.script().calls(), 1);
    ask(&cache, &clock, "b.com", "a").unwrap();
    assert_eq!(flags.script().calls(), 2);
}

#[test]
fn all_wait_for_one_answer_and_a_cancelled_question_is_taken_over() {
    let (clock, flags) = (
        FakeClock::new(),
        ScriptedFlags::new(Script::always(Do::Give(flag("flag", true, Duration::MAX))).first(Do::Hang)),
    );
    let cache = cache(&flags);
    let (host, driver, credentials) = (host("a.com"), driver(), AuthHeaders::bearer("t"));
    let query =
        FlagQuery::new(&host, &driver, clock.now(), clock.wall()).with_credentials(Some(&credentials));
    let mut first = Box::pin(cache.flags(&query));
    let mut second = Box::pin(cache.flags(&query));
    let mut third = Box::pin(cache.flags(&query));
    assert!(
        poll(first.as_mut()).is_pending()
            && poll(second.as_mut()).is_pending()
            && poll(third.as_mut()).is_pending()
    );
    assert_eq!(flags.script().calls(), 1);
    drop(first);
    assert!(matches!(poll(third.as_mut()), Poll::Ready(Ok(_))), "another asks");
    assert!(matches!(poll(second.as_mut()), Poll::Ready(Ok(_))), "and the rest are told");
    assert_eq!(flags.script().calls(), 2);
}

#[test]
fn a_source_that_panics_leaves_nobody_waiting() {
    let (clock, flags) = (
        FakeClock::new(),
        ScriptedFlags::new(Script::always(Do::Give(flag("flag", true, Duration::MAX))).first(Do::Panic)),
    );
    let cache = cache(&flags);
    let panicked =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(&cache, &clock, "a.com", "t")));
    assert!(panicked.is_err());
    assert!(ask(&cache, &clock, "a.com", "t").is_ok());
}

#[test]
fn one_hosts_hang_holds_up_no_other() {
    let (clock, flags) = (
        FakeClock::new(),
        ScriptedFlags::new(Script::always(Do::Give(flag("flag", true, Duration::MAX))).first(Do::Hang)),
    );
    let cache = cache(&flags);
    let (host, driver, credentials) = (host("hung.com"), driver(), AuthHeaders::bearer("t"));
    let query =
        FlagQuery::new(&host, &driver, clock.now(), clock.wall()).with_credentials(Some(&credentials));
    let mut hung = Box::pin(cache.flags(&query));
    assert!(poll(hung.as_mut()).is_pending());
    assert!(ask(&cache, &clock, "a.com", "t").is_ok());
}

#[test]
fn an_asking_that_takes_thirty_seconds_is_taken_over() {
    let (clock, flags) = (
        FakeClock::new(),
        ScriptedFlags::new(Script::always(Do::Give(flag("flag", true, Duration::MAX))).first(Do::Hang)),
    );
    let cache = cache(&flags);
    let (host, driver, credentials) = (host("a.com"), driver(), AuthHeaders::bearer("t"));
    let query =
        FlagQuery::new(&host, &driver, clock.now(), clock.wall()).with_credentials(Some(&credentials));
    let mut stuck = Box::pin(cache.flags(&query));
    assert!(poll(stuck.as_mut()).is_pending());
    clock.advance(Duration::from_millis(29_999));
    let later =
        FlagQuery::new(&host, &driver, clock.now(), clock.wall()).with_credentials(Some(&credentials));
    let mut waiting = Box::pin(cache.flags(&later));
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!(flags.script().calls(), 1);
    clock.advance(Duration::from_millis(1));
    assert!(ask(&cache, &clock, "a.com", "other").unwrap().is_on("flag"), "another tenant asks");
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Ok(_))), "and who waits is told");
    assert_eq!(flags.script().calls(), 2);
}

#[test]
fn processes_that_asked_together_do_not_ask_together_again() {
    let ttl = Duration::from_secs(1000);
    let fresh_for = || {
        let (clock, flags) =
            (FakeClock::new(), ScriptedFlags::new(Script::always(Do::Give(flag("flag", true, ttl)))));
        let cache = cache(&flags);
        let fresh_for = ask(&cache, &clock, "a.com", "t").unwrap().fresh_for;
        // Who asked and the cache are of one mind.
        clock.advance(fresh_for - Duration::from_nanos(1));
        assert_eq!(ask(&cache, &clock, "a.com", "t").unwrap().origin, FlagOrigin::Cached);
        clock.advance(Duration::from_nanos(1));
        assert_eq!(ask(&cache, &clock, "a.com", "t").unwrap().origin, FlagOrigin::Fetched);
        fresh_for
    };
    let all: Vec<_> = (0..200).map(|_| fresh_for()).collect();
    assert!(all.iter().all(|fresh_for| (ttl * 9 / 10..=ttl).contains(fresh_for)), "{all:?}");
    let tenths = |fresh_for: &Duration| (ttl - *fresh_for).as_secs() / 10;
    assert!((0..10).all(|tenth| all.iter().filter(|one| tenths(one) == tenth).count() < 100), "{all:?}");
}

#[test]
fn an_unreachable_host_is_asked_again_after_the_time_that_was_said_within_its_bounds_and_a_little_later() {
    for (said, wait) in [(None, 60), (Some(5), 5), (Some(120), 120), (Some(0), 1), (Some(3600), 900)] {
        let (clock, flags) = (
            FakeClock::new(),
            ScriptedFlags::new(Script::always(Do::Fail(PluginError::new(Fault::Connect)))),
        );
        let builder = FlagCache::builder(flags.clone());
        let cache =
            said.map_or(builder.clone(), |said| builder.retry_after(Duration::from_secs(said))).build();
        let (wait, ask) = (Duration::from_secs(wait), || ask(&cache, &clock, "a.com", "t").unwrap_err());
        assert_eq!(ask().fault, Fault::Connect);
        let told = ask().retry_after.unwrap();
        let most = (wait + wait / 4).min(Duration::from_secs(900));
        assert!(wait <= told && told <= most, "{said:?}: {told:?}");
        clock.advance(told - Duration::from_nanos(1));
        ask();
        assert_eq!(flags.script().calls(), 1, "{said:?}");
        clock.advance(Duration::from_nanos(1));
        ask();
        assert_eq!(flags.script().calls(), 2, "{said:?}");
    }
}

#[test]
fn caches_that_could_not_ask_at_the_same_moment_do_not_ask_again_at_one() {
    for (asked, least) in [(None, 60), (Some(120), 120)] {
        let failure = PluginError::new(503).with_retry_after(asked.map(Duration::from_secs));
        let told: Vec<_> = (0..500)
            .map(|_| {
                let flags = ScriptedFlags::new(Script::always(Do::Fail(failure)));
                ask(&cache(&flags), &FakeClock::new(), "a.com", "t").unwrap_err().retry_after.unwrap()
            })
            .collect();
        let least = Duration::from_secs(least);
        // By tenths of the quarter: fifty each, were they even.
        let tenth = |wait: &Duration| {
            (wait.saturating_sub(least).as_secs_f64() / least.as_secs_f64() * 40.0) as usize
        };
        assert!(told.iter().all(|wait| *wait >= least && *wait <= least + least / 4), "{told:?}");
        assert!((0..10).all(|at| (1..100).contains(&told.iter().filter(|wait| tenth(wait) == at).count())));
    }
}

#[test]
fn a_401_of_one_scope_settles_nothing_for_another() {
    let clock = FakeClock::new();
    let script =
        Script::always(Do::Give(flag("flag", true, Duration::MAX))).first(Do::Fail(PluginError::new(401)));
    let cache = cache(&ScriptedFlags::new(script));
    assert_eq!(ask(&cache, &clock, "a.com", "expired"), Err(PluginError::new(401)));
    assert!(ask(&cache, &clock, "a.com", "good").unwrap().is_on("flag"));
}

/// Flags, and a transport, that say whether they may hold up their thread.
#[derive(Debug)]
struct Blocks(bool);

#[async_trait]
impl FeatureFlagSource for Blocks {
    async fn flags(&self, _query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        Err(Fault::Other.into())
    }

    fn may_block(&self) -> bool {
        self.0
    }
}

#[async_trait]
impl Transport for Blocks {
    async fn send(&self, _request: HttpRequest) -> Result<HttpResponse, PluginError> {
        Err(Fault::Other.into())
    }

    fn may_block(&self) -> bool {
        self.0
    }
}

#[test]
fn a_source_may_block_where_what_is_inside_may() {
    for may in [true, false] {
        assert_eq!(FlagCache::new(Blocks(may)).may_block(), may);
        assert_eq!(HttpFlagSource::new(Arc::new(Blocks(may))).may_block(), may);
    }
}

#[test]
fn of_an_answer_256_kib_are_read() {
    let (clock, transport) = (FakeClock::new(), ScriptedTransport::answering(200, BODY));
    ask(&over_http(&transport), &clock, "a.com", "t").unwrap();
    assert_eq!(transport.requests()[0].max_response_bytes, 256 * 1024);
}

#[test]
fn static_flags_ask_nobody() {
    let source = StaticFlags::new([("flag", true), ("other", false)]);
    let flags = ask(&source, &FakeClock::new(), "a.com", "t").unwrap();
    assert!(flags.is_on("flag") && !flags.is_on("other"));
    assert_eq!((flags.origin, flags.fresh_for), (FlagOrigin::Fixed, Duration::MAX));
    assert!(!source.may_block());
}
