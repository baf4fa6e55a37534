//! Sources of flags that ask a service.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use telemetry_core::plugin::{
    AuthHeaders, FlagOrigin, FlagQuery, FlagSet, HttpResponse, PluginError, Tick, Transport,
};
use telemetry_core::{Fault, FeatureFlagSource, Host};
use tokio::runtime::Builder;

use super::flags::{flags, host};
use super::samples::{driver, wall};
use super::{SECRET, aside, poll_once, within};
use crate::script::{Do, Script, ScriptedTransport};

const ON: &str =
    r#"{"flags":[{"name":"a.flag","value":"true"},{"name":"a.list","value":" [1, 2]"}],"ttl_seconds":900}"#;
const OFF: &str = r#"{"flags":[{"name":"a.flag","value":"false"}],"ttl_seconds":900}"#;

/// Longer than any service says that flags are fresh.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Checks a [`FeatureFlagSource`] that asks a workspace for its flags, as a provider's source does. `make`
/// makes a new one over the transport that it is given; a cache is to be made with what it stands before.
///
/// Checked, besides what [`flags`](super::flags()) checks:
///
/// - an answer is what the service said of this host: all names and values, as it wrote them;
/// - a failure to ask is an error: no connection, a status outside 2xx, a redirect, an answer that can't be
///   read or broke off;
/// - a source that has an older answer gives that as [`FlagOrigin::Stale`], or the error;
/// - a refusal of one caller's credentials settles nothing for another;
/// - it asks the query's host and no other, under the query's credentials;
/// - it is safe to cancel while the service doesn't answer, and doesn't block its thread meanwhile.
///
/// Not checked: that it ends by itself when the transport doesn't keep to its timeout.
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn flags_over_transport<S: FeatureFlagSource>(make: impl Fn(Arc<dyn Transport>) -> S) {
    // First, because what blocks ends no test by itself.
    lets_others_run(&make);
    let service = Service::new(whole(ON));
    flags(&service.source(&make)).await;
    says_what_the_service_said(&make).await;
    fails_when_it_cannot_ask(&make).await;
    gives_what_it_knew_as_stale(&make).await;
    keeps_callers_apart(&make).await;
    is_safe_to_cancel(&make).await;
}

/// What is beneath a source.
struct Service {
    transport: ScriptedTransport,
    /// When the next question is asked.
    now: Cell<Tick>,
}

impl Service {
    fn new(answer: Do<HttpResponse>) -> Self {
        Service {
            transport: ScriptedTransport::new(Script::always(answer)),
            now: Cell::new(Tick::ZERO + STALE),
        }
    }

    fn source<S>(&self, make: impl Fn(Arc<dyn Transport>) -> S) -> S {
        make(Arc::new(self.transport.clone()))
    }

    async fn ask(
        &self,
        source: &dyn FeatureFlagSource,
        host: &Host,
        token: &str,
    ) -> Result<FlagSet, PluginError> {
        let (driver, credentials) = (driver(), AuthHeaders::bearer(token));
        let query =
            FlagQuery::new(host, &driver, self.now.get(), wall()).with_credentials(Some(&credentials));
        within("FeatureFlagSource::flags ends when the service has answered", source.flags(&query)).await
    }

    fn answers(&self, answer: Do<HttpResponse>) {
        self.transport.script().set(answer);
    }

    /// All that was asked so far was asked of this host, under this token.
    fn assert_asked(&self, host: &Host, token: &str) {
        for request in self.transport.requests() {
            assert!(
                request.host == *host,
                "FeatureFlagSource::flags sends credentials to the query's host alone, but it asked another"
            );
            let sent =
                request.headers.get("authorization") == AuthHeaders::bearer(token).get("authorization");
            assert!(sent, "FeatureFlagSource::flags asks under the query's credentials, but it didn't");
        }
    }
}

fn whole(body: &str) -> Do<HttpResponse> {
    Do::Give(HttpResponse::new(200, body))
}

fn broken_off(body: &str) -> Do<HttpResponse> {
    let mut response = HttpResponse::new(200, body);
    response.complete = false;
    Do::Give(response)
}

fn status(status: u16) -> Do<HttpResponse> {
    Do::Give(HttpResponse::new(status, ""))
}

fn redirect() -> Do<HttpResponse> {
    let mut response = HttpResponse::new(307, ON);
    response.headers.push("location", "https://other.conformance.example/");
    Do::Give(response)
}

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn says_what_the_service_said<S: FeatureFlagSource>(make: impl Fn(Arc<dyn Transport>) -> S) {
    let service = Service::new(whole(ON));
    let source = service.source(make);
    let first = host("first");
    let said = service.ask(&source, &first, SECRET).await.map(|flags| flags.values);
    service.assert_asked(&first, SECRET);
    assert_eq!(
        said.as_deref(),
        Ok(&values(&[("a.flag", "true"), ("a.list", " [1, 2]")])),
        "FeatureFlagSource::flags answers what the service said, but it said otherwise"
    );
    service.answers(whole(OFF));
    let said = service.ask(&source, &host("second"), SECRET).await.map(|flags| flags.values);
    assert_eq!(
        said.as_deref(),
        Ok(&values(&[("a.flag", "false")])),
        "FeatureFlagSource::flags answers what the service said of this host, but it gave another host's answer"
    );
}

/// What is no answer, with what to call it.
fn failures() -> Vec<(Do<HttpResponse>, String)> {
    let statuses = [400, 401, 403, 404, 408, 429, 500, 502, 503, 504];
    let mut failures: Vec<_> =
        statuses.into_iter().map(|code| (status(code), format!("a status of {code}"))).collect();
    for body in ["", "<!doctype html>", "{", "null", "[]", r#"{"flags":"none"}"#] {
        failures.push((whole(body), format!("a body of {body:?}")));
    }
    for fault in [Fault::Connect, Fault::Reset, Fault::Timeout, Fault::Tls, Fault::NoSuchHost] {
        failures.push((Do::Fail(fault.into()), format!("{fault}")));
    }
    failures.push((redirect(), "a redirect".to_owned()));
    failures.push((broken_off(&ON[..30]), "an answer that broke off".to_owned()));
    failures
}

async fn fails_when_it_cannot_ask<S: FeatureFlagSource>(make: impl Fn(Arc<dyn Transport>) -> S) {
    for (failure, what) in failures() {
        let service = Service::new(failure);
        let host = host("first");
        let answer = service.ask(&service.source(&make), &host, SECRET).await;
        service.assert_asked(&host, SECRET);
        assert!(
            answer.is_err(),
            "FeatureFlagSource::flags fails when it can't ask, and never gives an empty or a false answer, but on \
             {what} it gave one"
        );
    }
}

async fn gives_what_it_knew_as_stale<S: FeatureFlagSource>(make: impl Fn(Arc<dyn Transport>) -> S) {
    for (failure, what) in failures() {
        let service = Service::new(whole(ON));
        let (source, host) = (service.source(&make), host("first"));
        let Ok(known) = service.ask(&source, &host, SECRET).await else {
            panic!("FeatureFlagSource::flags answers what the service said, but it failed");
        };
        service.answers(failure);
        service.now.set(service.now.get() + STALE);
        let Ok(later) = service.ask(&source, &host, SECRET).await else { continue };
        assert!(
            later.origin == FlagOrigin::Stale && later.values == known.values,
            "FeatureFlagSource::flags gives an older answer as stale when asking again fails, but on {what} it gave \
             what was {}",
            later.origin
        );
    }
}

async fn keeps_callers_apart<S: FeatureFlagSource>(make: impl Fn(Arc<dyn Transport>) -> S) {
    for refusal in [401, 403] {
        let service = Service::new(status(refusal));
        let (source, host) = (service.source(&make), host("first"));
        drop(service.ask(&source, &host, "one-token").await);
        service.answers(whole(ON));
        let answer = service.ask(&source, &host, "another-token").await;
        assert!(
            answer.is_ok_and(|flags| flags.is_on("a.flag")),
            "FeatureFlagSource::flags: a refusal of one caller's credentials settles nothing for others, but after \
             a {refusal} another caller had no answer"
        );
    }
}

async fn is_safe_to_cancel<S: FeatureFlagSource>(make: impl Fn(Arc<dyn Transport>) -> S) {
    const NEXT: &str = "FeatureFlagSource::flags is safe to cancel, and the next question is answered";
    const BESIDE: &str =
        "FeatureFlagSource::flags is safe to cancel, and a question that waits beside is answered";
    let service = Service::new(Do::Hang);
    let (source, host, credentials) = (service.source(make), host("first"), AuthHeaders::bearer(SECRET));
    let driver = driver();
    let query = FlagQuery::new(&host, &driver, Tick::ZERO, wall()).with_credentials(Some(&credentials));
    let (mut asking, mut beside) = (source.flags(&query), source.flags(&query));
    let _waits = (poll_once(asking.as_mut()).await, service.answers(whole(ON)));
    // It may wait for the first, or ask by itself.
    let beside_ended = poll_once(beside.as_mut()).await.is_ready();
    drop(asking);
    if !beside_ended {
        let answer = within(BESIDE, beside).await;
        assert!(answer.is_ok(), "{BESIDE}, but it failed");
    }
    let answer = within(NEXT, source.flags(&query)).await;
    assert!(answer.is_ok(), "{NEXT}, but it failed");
}

fn lets_others_run<S: FeatureFlagSource>(make: impl Fn(Arc<dyn Transport>) -> S) {
    let service = Service::new(Do::Hang);
    let source = service.source(make);
    aside("FeatureFlagSource::flags doesn't block its thread", move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (host, driver, credentials) = (host("first"), driver(), AuthHeaders::bearer(SECRET));
            let query =
                FlagQuery::new(&host, &driver, Tick::ZERO, wall()).with_credentials(Some(&credentials));
            let _waits = poll_once(source.flags(&query).as_mut()).await;
        });
    });
}
