//! A request of bytes out, an answer of bytes in.

use std::fmt;
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
/// this instead, and needs no reqwest.
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
/// - It is safe to cancel by dropping its future, doesn't block its thread, and records no telemetry of its
///   own requests.
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
