//! The hardened transport against a network that isn't kind: what each misbehaviour is taken for, and that
//! nothing is sent twice.

#![cfg(feature = "reqwest")]

use std::net::{IpAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use crate::common::{SAFETY_NET, credentials, export, records, soon, transport, wall};
use telemetry_core::plugin::{Attempt, HttpRequest, Method, PluginError, Receipt, Transport};
use telemetry_core::{ErrorClass, Exporter, Fault, Host, HostPolicy};
use telemetry_export_http::HttpExporter;
use telemetry_testkit::{Behaviour, FakeWorkspace};

/// For tests of which the outcome is that this runs out.
const SHORT: Duration = Duration::from_millis(200);

fn exporter() -> HttpExporter {
    HttpExporter::new(Arc::new(transport())).timeout(SAFETY_NET)
}

/// What becomes of a batch of three that is met so. Afterwards, the same exporter delivers to the same
/// workspace, which by then has had each batch once.
async fn met_by(behaviour: Behaviour) -> Result<Receipt, PluginError> {
    let workspace = FakeWorkspace::start();
    workspace.script_telemetry([behaviour]);
    let (exporter, host, records, credentials) = (exporter(), workspace.host(), records(3), credentials());
    let result = export(&exporter, &host, &records, Some(&credentials)).await;
    let after = export(&exporter, &host, &records, Some(&credentials)).await;
    assert_eq!(after, Ok(Receipt::new(3)), "a workspace that recovered is delivered to");
    assert_eq!(workspace.received().len(), 2, "nothing is sent twice");
    result
}

async fn fault_of(behaviour: Behaviour) -> (Fault, ErrorClass) {
    let failure = met_by(behaviour).await.unwrap_err();
    (failure.fault, failure.class())
}

/// What is said of a host that nothing is to be sent to.
async fn refused(host: &str, policy: HostPolicy) -> PluginError {
    let host = Host::parse(host, policy).unwrap();
    let exporter = exporter();
    export(&exporter, &host, &records(1), Some(&credentials())).await.unwrap_err()
}

#[tokio::test]
async fn a_workspace_that_works_accepts_all() {
    assert_eq!(met_by(Behaviour::Normal).await, Ok(Receipt::new(3)));
}

#[tokio::test]
async fn a_slow_workspace_is_waited_for() {
    // It closes its connection behind the answer, so that one more delivery over it might meet a reset.
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Slow(Duration::from_millis(1)));
    let result = export(&exporter(), &workspace.host(), &records(3), None).await;
    assert_eq!(result, Ok(Receipt::new(3)));
    assert_eq!(workspace.received().len(), 1, "nothing is sent twice");
}

#[tokio::test]
async fn partial_acceptance_is_counted_as_such() {
    assert_eq!(met_by(Behaviour::PartiallyAccept(2)).await, Ok(Receipt::new(2)));
    assert_eq!(met_by(Behaviour::Errors).await, Ok(Receipt::new(0)));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_target_gets_nothing() {
    let target = FakeWorkspace::start();
    let to = format!("{}/api/2.0/sql/telemetry-ext", target.url());
    assert_eq!(fault_of(Behaviour::Redirect(to.clone())).await, (Fault::Redirect, ErrorClass::Terminal));
    for status in [301, 302, 303, 308] {
        let headers = vec![("location".to_owned(), to.clone())];
        let redirect = Behaviour::StatusWith { status, headers, body: Vec::new() };
        assert_eq!(fault_of(redirect).await, (Fault::Redirect, ErrorClass::Terminal), "{status}");
    }
    assert!(target.received().is_empty());
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_redirect_to_the_same_host_is_not_followed_either() {
    let to = "/telemetry-ext".to_owned();
    assert_eq!(fault_of(Behaviour::Redirect(to)).await.0, Fault::Redirect);
}

#[tokio::test]
async fn a_success_that_is_not_the_services_vouches_for_nothing() {
    for behaviour in [Behaviour::Html, Behaviour::Garbage, Behaviour::Truncated] {
        let shown = format!("{behaviour:?}");
        assert_eq!(fault_of(behaviour).await, (Fault::BadAnswer, ErrorClass::Unknown), "{shown}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_read_to_its_limit_and_vouches_for_nothing() {
    assert_eq!(fault_of(Behaviour::Endless).await, (Fault::BadAnswer, ErrorClass::Unknown));
}

#[tokio::test]
async fn of_an_endless_answer_no_more_is_kept_than_was_asked_for() {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Endless);
    let transport = transport();
    for limit in [0, 1, 1000, 0x2000, 100_000] {
        let mut request = HttpRequest::new(Method::Post, workspace.host(), "/telemetry-unauth");
        request.timeout = SAFETY_NET;
        request.max_response_bytes = limit;
        let response = soon(transport.send(request)).await.unwrap();
        assert_eq!((response.status, response.body.len(), response.complete), (200, limit, false));
    }
    assert_eq!(workspace.received().len(), 5);
}

#[tokio::test]
async fn a_connection_that_breaks_is_retryable_and_not_retried_here() {
    for behaviour in [Behaviour::Reset, Behaviour::Close] {
        let shown = format!("{behaviour:?}");
        assert_eq!(fault_of(behaviour).await, (Fault::Reset, ErrorClass::Retryable), "{shown}");
    }
}

#[tokio::test]
async fn an_outage_is_retryable_and_not_retried_here() {
    assert_eq!(fault_of(Behaviour::Status(503)).await, (Fault::Status(503), ErrorClass::Retryable));
    let limited = Behaviour::RetryAfter { status: 429, value: "17".to_owned() };
    let expected = PluginError::new(429).with_retry_after(Some(Duration::from_secs(17)));
    assert_eq!(met_by(limited).await, Err(expected));
}

#[tokio::test]
async fn a_body_that_the_service_finds_too_large_is_told_by_its_status() {
    assert_eq!(fault_of(Behaviour::MaxBody(10)).await, (Fault::Status(413), ErrorClass::Unknown));
    assert_eq!(met_by(Behaviour::MaxBody(1024 * 1024)).await, Ok(Receipt::new(3)));
}

#[tokio::test]
async fn a_workspace_that_never_answers_or_takes_too_long_is_timed_out() {
    for behaviour in [Behaviour::Hang, Behaviour::Slow(SAFETY_NET)] {
        let workspace = FakeWorkspace::start();
        workspace.on_telemetry(behaviour);
        let exporter = exporter().timeout(SHORT);
        let failure = export(&exporter, &workspace.host(), &records(1), None).await.unwrap_err();
        assert_eq!((failure.fault, failure.class()), (Fault::Timeout, ErrorClass::Retryable));
        assert!(workspace.received().len() <= 1, "nothing is sent twice");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_is_dropped_leaves_no_connection_behind() {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Hang);
    let (exporter, host, records) = (exporter(), workspace.host(), records(1));
    let attempt = Attempt::new(&host, &records, wall());
    soon(async {
        tokio::select! {
            result = exporter.export(&attempt) => panic!("it answered: {result:?}"),
            () = workspace.until_requests(1) => {}
        }
    })
    .await;
    assert!(workspace.wait_for_connections(0, SAFETY_NET));
    assert_eq!(workspace.received().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_retryable() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let failure = refused(&format!("http://127.0.0.1:{port}"), HostPolicy::AllowLoopback).await;
    assert_eq!((failure.fault, failure.class()), (Fault::Connect, ErrorClass::Retryable));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_no_such_host_and_retryable() {
    let failure = refused("no-such-workspace.invalid", HostPolicy::Public).await;
    assert_eq!((failure.fault, failure.class()), (Fault::NoSuchHost, ErrorClass::Retryable));
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_gets_no_request() {
    let workspace = FakeWorkspace::start();
    let host = format!("https://127.0.0.1:{}", workspace.port());
    assert_eq!(refused(&host, HostPolicy::AllowLoopback).await.fault, Fault::Tls);
    assert!(workspace.received().is_empty());
}

#[tokio::test]
async fn this_machine_is_refused_by_its_name_and_by_its_address() {
    for text in ["localhost", "workspace.localhost", "127.0.0.1", "[::1]", "169.254.169.254", "http://x.org"]
    {
        assert!(Host::parse(text, HostPolicy::Public).is_err(), "{text}");
    }
}

/// Names other than `localhost` that this system has for itself, of those that a workspace might have.
fn names_of_this_machine() -> Vec<String> {
    let known = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let known = known.split_whitespace().chain(["ip6-localhost", "localhost.localdomain", "localhost4"]);
    let is_this_machine = |name: &&str| {
        let addresses = (*name, 0).to_socket_addrs();
        Host::parse(name, HostPolicy::Public).is_ok()
            && addresses.is_ok_and(|mut found| found.any(|address| address.ip().is_loopback()))
    };
    known.filter(is_this_machine).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_name_that_resolves_to_this_machine_is_refused_when_connecting() {
    let workspace = FakeWorkspace::start();
    // Where the system has no such name, nothing can be asked of it.
    for name in names_of_this_machine() {
        let host = format!("{name}:{}", workspace.port());
        let failure = refused(&host, HostPolicy::Public).await;
        assert_eq!((failure.fault, failure.class()), (Fault::RefusedHost, ErrorClass::Terminal), "{name}");
        // The same name under the policy of tests is called: it is the policy that refused it.
        let allowed = refused(&host, HostPolicy::AllowLoopback).await;
        assert!(matches!(allowed.fault, Fault::Connect | Fault::Tls), "{name}: {allowed}");
    }
    assert!(workspace.received().is_empty());
}

#[tokio::test]
async fn one_transport_keeps_hosts_of_both_policies_apart() {
    let Some(name) = names_of_this_machine().into_iter().next() else { return };
    let workspace = FakeWorkspace::start();
    let exporter = exporter();
    let strict = Host::parse(&format!("{name}:{}", workspace.port()), HostPolicy::Public).unwrap();
    assert!(!strict.may_connect(IpAddr::from([127, 0, 0, 1])));
    // By name, as an address is not resolved.
    let lax = format!("http://localhost:{}", workspace.port());
    let (records, lax) = (records(1), Host::parse(&lax, HostPolicy::AllowLoopback).unwrap());
    for _ in 0..2 {
        assert_eq!(export(&exporter, &lax, &records, None).await, Ok(Receipt::new(1)));
        assert_eq!(export(&exporter, &strict, &records, None).await, Err(Fault::RefusedHost.into()));
    }
    assert_eq!(workspace.received().len(), 2);
}

#[tokio::test]
async fn a_header_that_would_split_the_request_is_not_sent() {
    let workspace = FakeWorkspace::start();
    for credentials in [
        credentials().with("x-org", "1\r\nx-smuggled: 1"),
        credentials().with("x org", "1"),
        credentials().with("x-org\r\nx-smuggled", "1"),
        credentials().with("x-org", "\u{0}"),
    ] {
        let result = export(&exporter(), &workspace.host(), &records(1), Some(&credentials)).await;
        assert_eq!(result, Err(Fault::Unsendable.into()));
    }
    assert!(workspace.received().is_empty());
}

#[tokio::test]
async fn credentials_are_sent_once_per_request_and_never_without_being_given() {
    let workspace = FakeWorkspace::builder().require_tokens(["canary-token"]).start();
    let (exporter, host, records) = (exporter(), workspace.host(), records(2));
    assert_eq!(export(&exporter, &host, &records, Some(&credentials())).await, Ok(Receipt::new(2)));
    assert_eq!(export(&exporter, &host, &records, None).await, Ok(Receipt::new(2)));
    let received = workspace.received();
    let authorised = |request: usize| {
        received[request].headers.iter().filter(|(name, _)| *name == "authorization").count()
    };
    assert_eq!((authorised(0), authorised(1)), (1, 0));
    assert_eq!(received[1].headers.get("x-databricks-org-id"), None);
    assert_eq!(received[1].headers.get("user-agent"), Some("TestDriver/1.2.3"));
    assert_eq!(received.len(), 2);
}
