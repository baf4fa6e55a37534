//! What comes is passed on to a real workspace, and its answers come back.

use std::sync::Arc;
use std::time::Duration;

use telemetry_core::plugin::{Headers, HttpRequest, Method, Transport};
use telemetry_core::{Host, HostPolicy};
use telemetry_export_http::{ReqwestTransport, reqwest};
use telemetry_testkit::{Answer, Received};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;

/// How long a request may take that is passed on.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Bytes of an answer; a longer one isn't passed on.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// Requests that are passed on at a time. One whose client is gone still counts until it is answered.
const MAX_UNDER_WAY: usize = 64;

/// Headers that belong to one connection, or that are made anew.
const OWN: [&str; 11] = [
    "connection",
    "content-length",
    // A browser has one for all ports of this machine, and a driver none.
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Passes requests on to one host.
pub(crate) struct Tee {
    host: Host,
    transport: Arc<dyn Transport>,
    places: Semaphore,
    /// Its own, as whoever asks is on a thread on which it may block.
    runtime: Handle,
    _runtime: Arc<Runtime>,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

impl Tee {
    /// To this host: over HTTPS, save to this machine.
    ///
    /// # Errors
    ///
    /// When it is no host, or the transport can't be set up.
    pub(crate) fn new(host: &str) -> Result<Tee, Failed> {
        let host = Host::parse(host, HostPolicy::Public)
            .or_else(|_| Host::parse(host, HostPolicy::AllowLoopback))?;
        if host.origin().starts_with("http://") && !is_here(&host) {
            return Err("plain HTTP is spoken to this machine alone: write https:// before the host".into());
        }
        let mut transport = ReqwestTransport::builder();
        if is_here(&host) {
            // A proxy would be told what this machine alone may see.
            transport = transport.configure(reqwest::ClientBuilder::no_proxy);
        }
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = Arc::new(builder.worker_threads(1).enable_all().thread_name("tee").build()?);
        Ok(Tee {
            host,
            transport: Arc::new(transport.build()?),
            places: Semaphore::new(MAX_UNDER_WAY),
            runtime: runtime.handle().clone(),
            _runtime: runtime,
        })
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// Whether that is this machine.
    pub(crate) fn is_here(&self) -> bool {
        is_here(&self.host)
    }

    /// What the host answers, or 502 with the reason.
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        // Behind the host's name anything else would lead to another.
        if !request.path.starts_with('/') {
            return Answer::new(400, "no path");
        }
        let method = match request.method.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            _ => return Answer::new(501, "only GET and POST are passed on"),
        };
        let Ok(_place) = self.places.try_acquire() else {
            return Answer::new(503, "too many requests are being passed on");
        };
        let mut passed = HttpRequest::new(method, self.host.clone(), request.path.clone());
        passed.headers = headers(&request.headers);
        passed.body = request.body.clone();
        passed.timeout = TIMEOUT;
        passed.max_response_bytes = MAX_ANSWER;
        match self.runtime.block_on(self.transport.send(passed)) {
            Ok(response) if response.complete => {
                let mut answer = Answer::new(response.status, response.body);
                let kept = headers(&response.headers);
                answer.headers =
                    kept.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                answer
            }
            Ok(_) => Answer::new(502, "the answer is too long, or broke off"),
            Err(error) => Answer::new(502, format!("not passed on: {error}")),
        }
    }
}

fn is_here(host: &Host) -> bool {
    matches!(host.name(), "127.0.0.1" | "localhost" | "[::1]")
}

/// Those of a message that travel on.
fn headers(of: &Headers) -> Headers {
    let kept = of.iter().filter(|(name, _)| !OWN.iter().any(|own| own.eq_ignore_ascii_case(name)));
    let mut headers = Headers::new();
    kept.for_each(|(name, value)| headers.push(name.to_owned(), value));
    headers
}

#[cfg(test)]
mod tests {
    use telemetry_testkit::{Behaviour, FakeWorkspace};

    use super::*;

    #[test]
    fn what_is_passed_on_arrives_as_it_was_and_so_does_the_answer() {
        let there = FakeWorkspace::builder()
            .route(|request| Some(Answer::new(207, request.body.clone()).with_header("x-there", "1")))
            .start();
        let tee = Tee::new(&there.url()).unwrap();
        let sent =
            Headers::bearer("token").with("host", "elsewhere").with("x-own", "2").with("cookie", "c=1");
        let answer = tee.answer(&Received::new("POST", "/sql?a=b", sent, "body"));
        assert_eq!((answer.status, answer.body.as_slice()), (207, b"body".as_slice()));
        assert!(answer.headers.contains(&("x-there".to_owned(), "1".to_owned())));
        let arrived = &there.received()[0];
        assert_eq!((arrived.path.as_str(), arrived.headers.get("x-own")), ("/sql?a=b", Some("2")));
        assert_eq!(arrived.headers.get("authorization"), Some("Bearer token"));
        assert_ne!(arrived.headers.get("host"), Some("elsewhere"));
        assert_eq!(arrived.headers.get("cookie"), None);
    }

    #[test]
    fn what_can_not_be_passed_on_is_answered() {
        let gone = FakeWorkspace::start().url();
        let tee = Tee::new(&gone).unwrap();
        let ask = |method: &str| tee.answer(&Received::new(method, "/", Headers::new(), "")).status;
        assert_eq!((ask("GET"), ask("DELETE")), (502, 501));
        for other in ["@127.0.0.1:1/", ".example.com/", "*", ""] {
            let request = Received::new("GET", other, Headers::new(), "");
            assert_eq!(tee.answer(&request).status, 400, "{other}");
        }
    }

    #[test]
    fn no_more_are_passed_on_at_a_time_than_may_be() {
        let there = FakeWorkspace::start();
        there.on_telemetry(Behaviour::Hang);
        let tee = Tee::new(&there.url()).unwrap();
        let ask = || tee.answer(&Received::new("POST", "/telemetry-unauth", Headers::new(), "")).status;
        std::thread::scope(|scope| {
            let hanging: Vec<_> = (0..MAX_UNDER_WAY).map(|_| scope.spawn(ask)).collect();
            assert!(there.wait_for_requests(MAX_UNDER_WAY, Duration::from_secs(20)));
            assert_eq!(ask(), 503);
            drop(there);
            hanging.into_iter().for_each(|hung| assert_eq!(hung.join().unwrap(), 502));
        });
        assert_eq!(ask(), 502, "they gave their places back");
    }

    #[test]
    fn credentials_travel_in_plain_text_nowhere() {
        assert!(Tee::new("http://example.com").is_err() && Tee::new("").is_err());
        assert_eq!(Tee::new("example.com").unwrap().host().port(), 443);
        assert!(Tee::new("http://127.0.0.1:1").is_ok());
    }
}
