//! A request of bytes out, an answer of bytes in.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::fault::{Fault, PluginError};
use crate::host::Host;
use crate::plugin::headers::Headers;

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// `GET`, without a body.
    Get,
    /// `POST`.
    Post,
}

/// One HTTP request to one workspace host.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The host, scheme and port.
    pub host: Host,
    /// The path and query, starting with `/`.
    pub path: String,
    /// All headers to send, save those that the protocol itself needs (`host`, `content-length`).
    pub headers: Headers,
    /// The body, empty for none.
    pub body: Vec<u8>,
    /// How long the whole of it may take, the reading of the answer included.
    pub timeout: Duration,
    /// How many bytes of the answer's body are read at the most.
    pub max_response_bytes: usize,
}

impl HttpRequest {
    /// A request with an empty body, a timeout of 10 s, and at most 64 KiB of answer.
    pub fn new(method: Method, host: Host, path: impl Into<String>) -> Self {
        HttpRequest {
            method,
            host,
            path: path.into(),
            headers: Headers::new(),
            body: Vec::new(),
            timeout: Duration::from_secs(10),
            max_response_bytes: 64 * 1024,
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpRequest { method, host, path, headers, body, timeout, max_response_bytes } = self;
        f.debug_struct("HttpRequest")
            .field("method", method)
            .field("host", host)
            .field("path", path)
            .field("headers", headers)
            .field("body_bytes", &body.len())
            .field("timeout", timeout)
            .field("max_response_bytes", max_response_bytes)
            .finish()
    }
}

/// The answer to a request, whatever its status.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The answer's headers.
    pub headers: Headers,
    /// The body, up to the request's limit.
    pub body: Vec<u8>,
    /// Whether `body` is all of it: `false` when it was longer than the limit or broke off.
    pub complete: bool,
}

impl HttpResponse {
    /// A whole answer without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        HttpResponse { status, headers: Headers::new(), body: body.into(), complete: true }
    }

    /// Adds what was read of the body, up to `limit` bytes in all: the request's
    /// [`max_response_bytes`](HttpRequest::max_response_bytes). `false` when that wasn't all of it: then it
    /// isn't [`complete`](Self::complete), and is to be read no further.
    ///
    /// ```
    /// use telemetry_core::plugin::HttpResponse;
    ///
    /// let mut response = HttpResponse::new(200, "");
    /// assert!(response.push_body(b"ab", 3));
    /// assert!(!response.push_body(b"cd", 3));
    /// assert_eq!((response.body.as_slice(), response.complete), (b"abc".as_slice(), false));
    /// ```
    #[must_use = "reading on would go past the limit"]
    pub fn push_body(&mut self, read: &[u8], limit: usize) -> bool {
        if self.complete {
            let room = limit.saturating_sub(self.body.len()).min(read.len());
            self.body.extend_from_slice(&read[..room]);
            self.complete = room == read.len();
        }
        self.complete
    }

    /// It with the body that is read here, up to `limit` bytes as [`push_body`](Self::push_body) says. For
    /// libraries that block. No more than 8 KiB beyond the limit are taken from the reader; `fault` says what
    /// an error of it means.
    ///
    /// # Errors
    ///
    /// As those of [`broken_off`](Self::broken_off).
    pub fn read_body(
        mut self,
        mut body: impl Read,
        limit: usize,
        fault: impl Fn(&io::Error) -> Fault,
    ) -> Result<Self, PluginError> {
        let mut buffer = [0; 8 * 1024];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(self),
                Ok(read) if self.push_body(&buffer[..read], limit) => {}
                Ok(_) => return Ok(self),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.broken_off(fault(&error)),
            }
        }
    }

    /// What becomes of it when its body can't be read to the end.
    ///
    /// # Errors
    ///
    /// [`Fault::Timeout`] when that is the reason. After any other it is an answer that isn't
    /// [`complete`](Self::complete), as its status and headers say something all the same.
    pub fn broken_off(mut self, reason: Fault) -> Result<Self, PluginError> {
        if reason == Fault::Timeout {
            return Err(reason.into());
        }
        self.complete = false;
        Ok(self)
    }

    /// The body of a success, whole; for everything else what it means.
    ///
    /// # Errors
    ///
    /// [`Fault::Redirect`] for 3xx, [`Fault::BadAnswer`] for a success whose body isn't complete,
    /// [`Fault::Status`] for all else, with its [`retry_after`](Self::retry_after).
    pub fn into_success(self, wall: SystemTime) -> Result<Vec<u8>, PluginError> {
        match self.status {
            200..=299 if self.complete => Ok(self.body),
            200..=299 => Err(Fault::BadAnswer.into()),
            300..=399 => Err(Fault::Redirect.into()),
            status => Err(PluginError::new(status).with_retry_after(self.retry_after(wall))),
        }
    }

    /// How long the service asks to be left alone: its `Retry-After`, in seconds or as a date, which `wall`
    /// is compared with. `None` when there is none, or none that can be read; zero for a date that has
    /// passed.
    pub fn retry_after(&self, wall: SystemTime) -> Option<Duration> {
        let value = self.headers.get("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(wall).unwrap_or_default())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpResponse { status, headers, body, complete } = self;
        f.debug_struct("HttpResponse")
            .field("status", status)
            .field("headers", headers)
            .field("body_bytes", &body.len())
            .field("complete", complete)
            .finish()
    }
}

/// An HTTP stack. `telemetry-export-http` has one on reqwest; a driver with a stack of its own implements
/// this instead, and needs no reqwest. Some forty lines do, as the parts that are the same for all stand
/// ready: [`Resolver`](crate::plugin::Resolver) and
/// [`HostPolicy::check_addresses`](crate::HostPolicy::check_addresses) for names,
/// [`PerPolicy`](crate::plugin::PerPolicy) for clients, [`HttpResponse::push_body`] or
/// [`HttpResponse::read_body`] for the answer's body, [`Fault::find`] for errors, and in
/// `telemetry-export-http` the conversions to and from the types of the `http` crate.
///
/// Obligations of an implementation:
///
/// - A response outside 2xx is a response, not an error. A redirect is a response too, and **is not
///   followed**.
/// - It sends the request once: no retries, no cookies, no headers of the driver's own that identify or
///   authorise.
/// - It keeps to `timeout` and `max_response_bytes`: it stops reading at the limit and sets
///   [`HttpResponse::complete`] to `false`.
/// - It speaks to [`HttpRequest::host`] and nobody else, verifies its certificate, and refuses to connect
///   when the name resolves to an address for which [`Host::may_connect`](crate::Host::may_connect) is
///   `false` ([`Fault::RefusedHost`](crate::Fault::RefusedHost)).
/// - It doesn't hold up its thread, or says that it [may](Self::may_block). One that doesn't is safe to
///   cancel by dropping its future, which closes its socket; one that does serves other calls meanwhile, and
///   ends by itself at its timeout.
/// - It records no telemetry of its own requests.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request and reads its answer.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError>;

    /// Whether a call may hold up its thread; `true` by default. See
    /// [`Exporter::may_block`](crate::Exporter::may_block).
    fn may_block(&self) -> bool {
        true
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        (**self).send(request).await
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        let mut response = HttpResponse::new(503, "");
        response.headers.push("Retry-After", value);
        // 1994-11-06 08:49:07, half a minute before the date in the test.
        response.retry_after(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747))
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked(" 0 "), Some(Duration::ZERO));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for senseless in ["", "soon", "-1", "1e9", "99999999999999999999"] {
            assert_eq!(asked(senseless), None, "{senseless}");
        }
    }

    #[test]
    fn a_body_is_kept_up_to_its_limit_and_what_is_longer_is_not_complete() {
        let read = |chunks: &[&str], limit| {
            let mut response = HttpResponse::new(200, "");
            let all = chunks.iter().all(|chunk| response.push_body(chunk.as_bytes(), limit));
            assert_eq!(all, response.complete);
            (String::from_utf8(response.body).unwrap(), response.complete)
        };
        assert_eq!(read(&["ab", "", "c"], 3), ("abc".to_owned(), true));
        assert_eq!(read(&["ab", "c", ""], 3), ("abc".to_owned(), true));
        assert_eq!(read(&["ab", "cd"], 3), ("abc".to_owned(), false));
        assert_eq!(read(&["abc", "d"], 3), ("abc".to_owned(), false));
        assert_eq!(read(&["a"], 0), (String::new(), false));
        assert_eq!(read(&[], 0), (String::new(), true));
        // Who goes on reading all the same is told again, and gets no more.
        assert_eq!(read(&["abcd"], 3), ("abc".to_owned(), false));
        let mut response = HttpResponse::new(200, "");
        assert!(
            !response.push_body(b"abcd", 3) && !response.push_body(b"", 3) && !response.push_body(b"e", 9)
        );
        assert_eq!((response.body.as_slice(), response.complete), (b"abc".as_slice(), false));
    }

    /// A body that comes in pieces, until it fails.
    struct Pieces(Vec<Result<&'static str, io::ErrorKind>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0)?;
            buffer[..piece.len()].copy_from_slice(piece.as_bytes());
            Ok(piece.len())
        }
    }

    #[test]
    fn a_body_is_read_until_its_end_its_limit_or_an_error() {
        let read = |pieces: &[_], limit| {
            let mut pieces = Pieces(pieces.to_vec());
            let read = HttpResponse::new(200, "").read_body(&mut pieces, limit, |error| error.into());
            let read = read.map(|answer| (String::from_utf8(answer.body).unwrap(), answer.complete));
            (read.map_err(|error| error.fault), pieces.0.len())
        };
        let kept = |body: &str, complete| Ok((body.to_owned(), complete));
        let interrupted = Err(io::ErrorKind::Interrupted);
        assert_eq!(read(&[Ok("ab"), interrupted, Ok("c")], 3), (kept("abc", true), 0));
        assert_eq!(read(&[Ok("ab"), Ok("cd"), Ok("e")], 3), (kept("abc", false), 1));
        assert_eq!(read(&[Ok("ab"), Err(io::ErrorKind::ConnectionReset)], 3), (kept("ab", false), 0));
        assert_eq!(read(&[Ok("ab"), Err(io::ErrorKind::TimedOut)], 3), (Err(Fault::Timeout), 0));
    }

    #[test]
    fn a_body_that_breaks_off_is_an_incomplete_answer_unless_it_took_too_long() {
        let answer = || HttpResponse::new(503, "ab");
        assert_eq!(answer().broken_off(Fault::Timeout).unwrap_err(), Fault::Timeout.into());
        let broken = answer().broken_off(Fault::Reset).unwrap();
        assert_eq!((broken.status, broken.body.as_slice(), broken.complete), (503, b"ab".as_slice(), false));
    }

    #[test]
    fn only_a_whole_2xx_is_a_success() {
        let answer = |status| HttpResponse::new(status, "x").into_success(SystemTime::UNIX_EPOCH);
        assert_eq!(answer(200), Ok(b"x".to_vec()));
        assert_eq!(answer(302), Err(Fault::Redirect.into()));
        assert_eq!(answer(503), Err(PluginError::new(503)));
        assert_eq!(answer(100), Err(PluginError::new(100)));
        let broken = HttpResponse { complete: false, ..HttpResponse::new(200, "x") };
        assert_eq!(broken.into_success(SystemTime::UNIX_EPOCH), Err(Fault::BadAnswer.into()));
    }
}
