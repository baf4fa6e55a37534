//! Transports.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use telemetry_core::plugin::{Headers, HttpRequest, HttpResponse, Method, PluginError, Transport};
use telemetry_core::{Fault, Host, HostPolicy};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{NET, SECRET, assert_hidden, blocks_no_thread, until, within};
use crate::workspace::{Answer, Behaviour, FakeWorkspace};

/// A path on which a workspace does what it is told to.
const TELEMETRY: &str = "/telemetry-unauth";
/// A timeout that passes in a test.
const SHORT: Duration = Duration::from_millis(300);
/// A timeout that doesn't.
const LONG: Duration = Duration::from_secs(3600);

/// Checks a [`Transport`] against [`FakeWorkspace`]s; `make` makes a new one each time.
///
/// Checked:
///
/// - it sends method, path, headers and body as they are given, to the host that is given; no cookies, and no
///   headers of its own that identify or authorise;
/// - it gives an answer of any status as an answer: status, headers, body; also where a header is no text;
/// - it follows no redirect;
/// - it sends once, whatever comes of it;
/// - it reads no more than `max_response_bytes`, and says of what is longer, or broke off, that it isn't
///   complete; the socket of what is longer is closed;
/// - it keeps to `timeout` while nothing is answered and while an answer trickles in;
/// - a host that isn't there, and an answer that isn't HTTP, are errors; a header that can't be sent is
///   [`Fault::Unsendable`], and nothing is sent;
/// - a name that resolves to this machine is [`Fault::RefusedHost`] under [`HostPolicy::Public`], and isn't
///   connected to: where the system has such a name besides `localhost`, as most have in their file of hosts;
/// - it is safe to cancel: the socket of a request that was dropped is closed, and the next request has its
///   answer;
/// - it doesn't hold up its thread;
/// - its `Debug` shows no header's value.
///
/// Of one that says that it [may block](Transport::may_block) the last two are another: while a call is held
/// up, the next has its answer. Its calls run on threads of their own, as those of a provider do.
///
/// Not checked: what needs certificates, which is the verification of the host's; and that it records no
/// telemetry of its own requests.
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn transport<T: Transport>(make: impl Fn() -> T) {
    // First, because what blocks ends no test by itself.
    let may_block = make().may_block();
    if !may_block {
        lets_others_run(make());
    }
    let make = || Called(Arc::new(make()));
    sends_what_it_is_given(&make()).await;
    sends_nothing_of_its_own(&make()).await;
    gives_statuses_as_answers(&make()).await;
    gives_what_it_can_of_odd_headers(&make()).await;
    follows_no_redirect(&make()).await;
    sends_once(&make()).await;
    reads_no_more_than_it_may(&make()).await;
    keeps_to_its_timeout(&make()).await;
    tells_what_went_wrong(&make()).await;
    refuses_names_of_this_machine(&make()).await;
    if may_block {
        serves_while_it_is_held_up(&make()).await;
    } else {
        is_safe_to_cancel(&make()).await;
    }
    shows_no_header(&make()).await;
}

/// Called as a provider calls it: what may block, on a thread of its own.
struct Called<T>(Arc<T>);

#[async_trait]
impl<T: Transport> Transport for Called<T> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        if !self.may_block() {
            return self.0.send(request).await;
        }
        let (mut tell, told) = oneshot::channel();
        let (transport, runtime) = (Arc::clone(&self.0), Handle::current());
        thread::spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    result = transport.send(request) => drop(tell.send(result)),
                    () = tell.closed() => {}
                }
            });
        });
        told.await.unwrap_or_else(|_| panic!("Transport::send doesn't panic, but it did"))
    }

    fn may_block(&self) -> bool {
        self.0.may_block()
    }
}

impl<T: fmt::Debug> fmt::Debug for Called<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn post(workspace: &FakeWorkspace) -> HttpRequest {
    let mut request = HttpRequest::new(Method::Post, workspace.host(), TELEMETRY);
    request.headers.push("content-type", "application/json");
    request.body = br#"{"uploadTime":1,"items":[],"protoLogs":[]}"#.to_vec();
    request
}

/// The same with a timeout.
fn lasting(workspace: &FakeWorkspace, timeout: Duration) -> HttpRequest {
    let mut request = post(workspace);
    request.timeout = timeout;
    request
}

/// The same with a bound for its answer, and time enough to reach it.
fn bounded(workspace: &FakeWorkspace, max_response_bytes: usize) -> HttpRequest {
    let mut request = lasting(workspace, LONG);
    request.max_response_bytes = max_response_bytes;
    request
}

async fn send(transport: &dyn Transport, request: HttpRequest) -> Result<HttpResponse, PluginError> {
    within("Transport::send ends", transport.send(request)).await
}

/// Sends what has to have an answer.
async fn answer(transport: &dyn Transport, request: HttpRequest) -> HttpResponse {
    match send(transport, request).await {
        Ok(response) => response,
        Err(error) => {
            panic!("Transport::send gives the service's answer, whatever it is, but it failed: {error}")
        }
    }
}

async fn sends_what_it_is_given(transport: &dyn Transport) {
    let workspace = FakeWorkspace::builder().route(|_| Some(Answer::new(200, ""))).start();
    let path = "/conformance/a%20b?query=%2F&empty=";
    let mut get = HttpRequest::new(Method::Get, workspace.host(), path);
    get.headers = Headers::bearer(SECRET).with("x-twice", "one").with("x-twice", "two, three");
    let mut post = get.clone();
    post.method = Method::Post;
    post.headers.push("content-type", "application/octet-stream");
    post.body = (0..=255).cycle().take(100_000).collect();
    for request in [get, post] {
        answer(transport, request.clone()).await;
        let received = workspace.received().pop();
        let Some(received) = received else {
            panic!("Transport::send speaks to the host of the request, but nothing came there");
        };
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        assert_eq!(received.method, method, "Transport::send sends the method as given, but sent another");
        assert_eq!(received.path, request.path, "Transport::send sends the path as given, but sent another");
        for (name, _) in request.headers.iter() {
            assert!(
                values(&received.headers, name) == values(&request.headers, name),
                "Transport::send sends all headers as given, but {name} was another"
            );
        }
        assert!(received.body == request.body, "Transport::send sends the body as given, but sent another");
    }
}

/// All values of a name, as one: a list may travel in one line or in many.
fn values(headers: &Headers, name: &str) -> String {
    let values: Vec<_> = headers.iter().filter(|(known, _)| *known == name).map(|(_, value)| value).collect();
    values.join(", ")
}

async fn sends_nothing_of_its_own(transport: &dyn Transport) {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::StatusWith {
        status: 200,
        headers: vec![("set-cookie".to_owned(), "conformance=1; Path=/".to_owned())],
        body: Vec::new(),
    });
    for _ in 0..2 {
        answer(transport, post(&workspace)).await;
    }
    let telling =
        ["authorization", "proxy-authorization", "cookie", "referer", "origin", "from", "user-agent"];
    for request in workspace.received() {
        for (name, _) in request.headers.iter() {
            assert!(
                !telling.contains(&name),
                "Transport::send sends no cookies, and no headers of its own that identify or authorise, but it \
                 sent {name}"
            );
        }
    }
}

async fn gives_statuses_as_answers(transport: &dyn Transport) {
    let workspace = FakeWorkspace::start();
    for status in [200, 201, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504] {
        let body = format!("the body of a {status}").into_bytes();
        workspace.on_telemetry(Behaviour::StatusWith {
            status,
            headers: vec![("retry-after".to_owned(), "7".to_owned())],
            body: body.clone(),
        });
        let response = answer(transport, post(&workspace)).await;
        assert_eq!(response.status, status, "Transport::send gives the answer's status, but gave another");
        assert_eq!(
            response.headers.get("retry-after"),
            Some("7"),
            "Transport::send gives the answer's headers, but retry-after was another"
        );
        assert!(
            response.body == body && response.complete,
            "Transport::send gives the answer's body whole, but of status {status} it didn't"
        );
    }
}

async fn gives_what_it_can_of_odd_headers(transport: &dyn Transport) {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::StatusWith {
        status: 429,
        headers: vec![("x-odd".to_owned(), "é".to_owned()), ("retry-after".to_owned(), "7".to_owned())],
        body: Vec::new(),
    });
    let response = answer(transport, post(&workspace)).await;
    assert_eq!(
        (response.status, response.headers.get("retry-after")),
        (429, Some("7")),
        "Transport::send gives an answer of which a header is no text, but gave another"
    );
}

async fn follows_no_redirect(transport: &dyn Transport) {
    let (workspace, other) = (FakeWorkspace::start(), FakeWorkspace::start());
    for status in [301, 302, 303, 307, 308] {
        for to in [format!("{}{TELEMETRY}", other.url()), "/telemetry-ext".to_owned()] {
            let headers = vec![("location".to_owned(), to)];
            workspace.on_telemetry(Behaviour::StatusWith { status, headers, body: Vec::new() });
            let before = workspace.received().len();
            let response = send(transport, post(&workspace)).await;
            assert!(
                other.received().is_empty() && workspace.received().len() == before + 1,
                "Transport::send follows no redirect, but it followed a {status}"
            );
            let given = response.map(|response| response.status);
            assert_eq!(given, Ok(status), "Transport::send gives a redirect as an answer, but it didn't");
        }
    }
}

async fn sends_once(transport: &dyn Transport) {
    for behaviour in [
        Behaviour::RetryAfter { status: 503, value: "0".to_owned() },
        Behaviour::Status(408),
        Behaviour::Reset,
        Behaviour::Close,
        Behaviour::Truncated,
    ] {
        // One each, so that no connection is left on which a request could have been lost.
        let workspace = FakeWorkspace::start();
        workspace.on_telemetry(behaviour.clone());
        let response = send(transport, post(&workspace)).await;
        let sent = workspace.received().len();
        assert_eq!(
            sent, 1,
            "Transport::send sends the request once, but on {behaviour:?} it did {sent} times"
        );
        if matches!(behaviour, Behaviour::Reset | Behaviour::Close) {
            assert!(
                response.is_err(),
                "Transport::send fails when there is no answer, but on {behaviour:?} it gave one"
            );
        }
    }
}

async fn reads_no_more_than_it_may(transport: &dyn Transport) {
    let workspace = FakeWorkspace::start();
    let body: Vec<u8> = (0..1000).map(|number| b'a' + (number % 26) as u8).collect();
    for limit in [0, 1, 999, 1000, 1001] {
        workspace.on_telemetry(Behaviour::StatusWith {
            status: 200,
            headers: Vec::new(),
            body: body.clone(),
        });
        let response = answer(transport, bounded(&workspace, limit)).await;
        assert_bounded(&response, limit, limit >= body.len());
        assert!(
            body.starts_with(&response.body),
            "Transport::send gives the body up to the limit as it was sent, but it differs"
        );
    }
    // Another one, to which no connection of an answer that was read whole is kept.
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Endless);
    assert_bounded(&answer(transport, bounded(&workspace, 100_000)).await, 100_000, false);
    let closed = "Transport::send closes the socket of an answer that is longer than it may be";
    until(closed, || workspace.connections() == 0).await;
    workspace.on_telemetry(Behaviour::Truncated);
    if let Ok(response) = send(transport, post(&workspace)).await {
        assert!(
            !response.complete,
            "Transport::send says of an answer that broke off that it isn't complete, but it said it is"
        );
    }
}

fn assert_bounded(response: &HttpResponse, limit: usize, complete: bool) {
    let read = response.body.len();
    assert!(
        read <= limit,
        "Transport::send stops reading at max_response_bytes, but of {limit} it gave {read}"
    );
    assert_eq!(
        response.complete, complete,
        "Transport::send says whether the answer is complete, but with a limit of {limit} it said the opposite"
    );
}

async fn keeps_to_its_timeout(transport: &dyn Transport) {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Hang);
    let silent = send(transport, lasting(&workspace, SHORT)).await;
    let fault = silent.map(|_| ()).map_err(|error| error.fault);
    assert_eq!(
        fault,
        Err(Fault::Timeout),
        "Transport::send fails with a timeout when nothing is answered in time, but it didn't"
    );
    // A byte at a time takes seconds for the whole, and never long for the next.
    workspace.on_telemetry(Behaviour::Slow(Duration::from_millis(20)));
    let slow = send(transport, lasting(&workspace, SHORT)).await;
    assert!(
        !slow.is_ok_and(|response| response.complete),
        "Transport::send keeps to its timeout for the whole of a request, but it waited for a slow answer's end"
    );
}

async fn tells_what_went_wrong(transport: &dyn Transport) {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Garbage);
    let garbage = send(transport, post(&workspace)).await;
    assert!(garbage.is_err(), "Transport::send fails when an answer isn't HTTP, but it gave one");

    let before = workspace.received().len();
    for (name, value) in [("x-split", "a\r\nx-smuggled: b"), ("x-split", "a\nb"), ("x split", "a"), ("", "a")]
    {
        let mut request = post(&workspace);
        request.headers.push(name, value);
        let fault = send(transport, request).await.map(|_| ()).map_err(|error| error.fault);
        assert!(
            workspace.received().len() == before,
            "Transport::send sends nothing when a header can't be sent, but it sent {name:?}"
        );
        assert_eq!(
            fault,
            Err(Fault::Unsendable),
            "Transport::send fails with Fault::Unsendable when a header can't be sent, but for {name:?} it didn't"
        );
    }

    // A port that was free a moment ago.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let nobody = Host::parse(&format!("http://127.0.0.1:{port}"), HostPolicy::AllowLoopback).unwrap();
    let mut request = post(&workspace);
    request.host = nobody;
    let nowhere = send(transport, request).await;
    assert!(nowhere.is_err(), "Transport::send fails when nobody is there, but it gave an answer");
}

/// Names other than `localhost` that the system has for this machine, of those that a workspace might have.
fn names_of_this_machine() -> Vec<String> {
    let known = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let usual = ["ip6-localhost", "ip6-loopback", "localhost.localdomain", "localhost4", "localhost6"];
    let is_this_machine = |name: &&str| {
        Host::parse(name, HostPolicy::Public).is_ok()
            && (*name, 0).to_socket_addrs().is_ok_and(|mut found| found.any(|at| at.ip().is_loopback()))
    };
    known.split_whitespace().chain(usual).filter(is_this_machine).map(str::to_owned).collect()
}

async fn refuses_names_of_this_machine(transport: &dyn Transport) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // Some names are of one family alone. Where this port is taken there, or the family missing, so be it.
    let other = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    let listeners: Vec<_> = std::iter::once(listener).chain(other).collect();
    for listener in &listeners {
        listener.set_nonblocking(true).unwrap();
    }
    for name in names_of_this_machine() {
        let host = Host::parse(&format!("{name}:{port}"), HostPolicy::Public).unwrap();
        let mut request = HttpRequest::new(Method::Post, host, TELEMETRY);
        request.timeout = SHORT;
        let fault = send(transport, request).await.map(|_| ()).map_err(|error| error.fault);
        assert_eq!(
            fault,
            Err(Fault::RefusedHost),
            "Transport::send refuses a name that resolves to an address which the host may not have, but of \
             {name} it said otherwise"
        );
        assert!(
            listeners.iter().all(|listener| listener.accept().is_err()),
            "Transport::send doesn't connect to an address that it refuses, but of {name} it did"
        );
    }
}

async fn serves_while_it_is_held_up(transport: &dyn Transport) {
    let served = "Transport::send serves one call while another is held up";
    let workspace = FakeWorkspace::start();
    workspace.script_telemetry([Behaviour::Hang]);
    let mut held_up = transport.send(lasting(&workspace, 2 * NET));
    tokio::select! {
        ended = &mut held_up => {
            panic!("Transport::send waits for an answer until its timeout, but it gave {ended:?}")
        }
        () = within("Transport::send sends the request when it is polled", workspace.until_requests(1)) => {}
    }
    let next = within(served, transport.send(lasting(&workspace, NET))).await.map(|response| response.status);
    assert_eq!(next, Ok(200), "{served}, but that had another answer");
}

async fn is_safe_to_cancel(transport: &dyn Transport) {
    const CLOSED: &str =
        "Transport::send is safe to cancel, and closes the socket of a request that was dropped";
    const SENT: &str = "Transport::send sends the request when it is polled";
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Hang);
    tokio::select! {
        _ = transport.send(lasting(&workspace, LONG)) => {}
        () = within(SENT, workspace.until_requests(1)) => {}
    }
    until(CLOSED, || workspace.connections() == 0).await;
    workspace.on_telemetry(Behaviour::Status(200));
    let next = send(transport, post(&workspace)).await.map(|response| response.status);
    assert_eq!(
        next,
        Ok(200),
        "Transport::send is safe to cancel, but the request after one that was dropped had another answer"
    );
}

fn lets_others_run(transport: impl Transport) {
    let workspace = Arc::new(FakeWorkspace::start());
    workspace.on_telemetry(Behaviour::Hang);
    let request = lasting(&workspace, LONG);
    let waits = Arc::clone(&workspace);
    blocks_no_thread(
        "Transport::send doesn't block its thread, or says that it may",
        async move { transport.send(request).await },
        async move { waits.until_requests(1).await },
    );
}

async fn shows_no_header(transport: &dyn Transport) {
    let workspace = FakeWorkspace::start();
    for behaviour in [
        Behaviour::StatusWith {
            status: 200,
            headers: vec![("x-secret".to_owned(), SECRET.to_owned())],
            body: Vec::new(),
        },
        Behaviour::Reset,
    ] {
        workspace.on_telemetry(behaviour);
        let mut request = post(&workspace);
        request.headers.push("authorization", SECRET);
        drop(send(transport, request).await);
        assert_hidden("Transport", &transport);
    }
}
