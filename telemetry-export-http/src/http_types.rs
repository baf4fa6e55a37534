//! Requests and answers in the types of the `http` crate, which most HTTP libraries have in common.

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use telemetry_core::Fault;
use telemetry_core::plugin::{HttpRequest, HttpResponse, Method, PluginError};

/// A request of a [`Transport`](telemetry_core::plugin::Transport), as an HTTP library takes it: its method,
/// its URL, exactly its headers, marked as [sensitive](HeaderValue::set_sensitive), and its body. Its timeout
/// and its limit are the transport's to keep.
///
/// # Errors
///
/// [`Fault::Unsendable`] for a path that no URL has, and for a header that would not be one: an empty name, a
/// character that names don't have, a line's end in a value.
pub fn to_http(request: HttpRequest) -> Result<Request<Vec<u8>>, PluginError> {
    let mut to = Request::new(request.body);
    *to.method_mut() = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        _ => return Err(Fault::Unsendable.into()),
    };
    let url = format!("{}{}", request.host.origin(), request.path);
    *to.uri_mut() = url.parse().map_err(|_| Fault::Unsendable)?;
    for (name, value) in request.headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::Unsendable)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| Fault::Unsendable)?;
        value.set_sensitive(true);
        to.headers_mut().append(name, value);
    }
    Ok(to)
}

/// An answer of which nothing is read but its head: any status, and all headers whose values are text. Its
/// body is added by [`HttpResponse::push_body`].
pub fn from_http(status: StatusCode, headers: &HeaderMap) -> HttpResponse {
    let mut answer = HttpResponse::new(status.as_u16(), Vec::new());
    for (name, value) in headers {
        if let Ok(value) = value.to_str() {
            answer.headers.push(name.as_str().to_owned(), value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use telemetry_core::plugin::Headers;
    use telemetry_core::{Host, HostPolicy};

    use super::*;

    fn request(path: &str, headers: Headers) -> HttpRequest {
        let host = Host::parse("https://[2606:4700::1]:8443", HostPolicy::Public).unwrap();
        let mut request = HttpRequest::new(Method::Post, host, path);
        request.headers = headers;
        request.body = b"body".to_vec();
        request
    }

    #[test]
    fn a_request_is_the_same_in_other_types_and_shows_no_header() {
        let headers = Headers::bearer("canary").with("X-Twice", "1").with("x-twice", "2");
        let to = to_http(request("/a%20b?c=%2F&d=", headers)).unwrap();
        assert_eq!((to.method(), to.body().as_slice()), (&http::Method::POST, b"body".as_slice()));
        assert_eq!(to.uri(), "https://[2606:4700::1]:8443/a%20b?c=%2F&d=");
        let values: Vec<_> = to.headers().get_all("x-twice").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(
            (&to.headers()["authorization"], to.headers().len()),
            (&"Bearer canary".parse().unwrap(), 3)
        );
        let shown = format!("{to:?}");
        assert!(shown.contains("authorization") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_can_not_be_sent_is_said_to_be_so() {
        for (name, value) in [("", "x"), ("a b", "x"), ("a\r\nb", "x"), ("a", "x\r\nb: y"), ("a", "\0")] {
            let fault = to_http(request("/", Headers::new().with(name, value))).unwrap_err().fault;
            assert_eq!(fault, Fault::Unsendable, "{name:?}: {value:?}");
        }
        for path in ["/a b", "/a\r\nb", "\\"] {
            assert_eq!(
                to_http(request(path, Headers::new())).unwrap_err().fault,
                Fault::Unsendable,
                "{path:?}"
            );
        }
    }

    #[test]
    fn of_an_answers_headers_those_come_back_that_are_text() {
        let mut headers = HeaderMap::new();
        headers.append("retry-after", HeaderValue::from_static("7"));
        headers.append("x-odd", HeaderValue::from_bytes(b"\xe9").unwrap());
        headers.append("x-twice", HeaderValue::from_static("1"));
        headers.append("x-twice", HeaderValue::from_static("2"));
        let answer = from_http(StatusCode::SERVICE_UNAVAILABLE, &headers);
        let all: Vec<_> = answer.headers.iter().collect();
        assert_eq!(all, [("retry-after", "7"), ("x-twice", "1"), ("x-twice", "2")]);
        assert_eq!((answer.status, answer.body.len(), answer.complete), (503, 0, true));
    }
}
