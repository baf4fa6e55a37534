//! Who may see the page: whoever has its address, in a browser that is at that address.

use std::fmt::Write;
use std::io;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::Body;

/// Bytes of a token: more than can be guessed.
const TOKEN_BYTES: usize = 24;

/// The header that the page's own requests have, and that no form and no other page can send.
const OWN: HeaderName = HeaderName::from_static("x-telemetry-view");

/// What keeps a page from anything but what it is made of: nothing from elsewhere, no script in the text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Why a request isn't answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is for another host: a name that was made to lead here.
    Host,
    /// It hasn't the token.
    Token,
    /// Another page has sent it.
    Origin,
    Method,
}

impl Refused {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refused::Host => StatusCode::MISDIRECTED_REQUEST,
            Refused::Token => StatusCode::NOT_FOUND,
            Refused::Origin => StatusCode::FORBIDDEN,
            Refused::Method => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refused::Host => "another host is meant",
            Refused::Token => "no such page: the address was printed when telemetry-view started",
            Refused::Origin => "another page may not ask this",
            Refused::Method => "GET or POST",
        }
    }
}

/// What a request has to have.
pub(crate) struct Guard {
    token: String,
    hosts: Vec<String>,
}

impl Guard {
    /// With a token of its own.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub(crate) fn new(port: u16) -> io::Result<Guard> {
        let mut bytes = [0; TOKEN_BYTES];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let mut token = String::new();
        for byte in bytes {
            // Writing to a string never fails.
            _ = write!(token, "{byte:02x}");
        }
        let names = ["127.0.0.1", "localhost"];
        let mut hosts = names.map(|name| format!("{name}:{port}")).to_vec();
        if port == 80 {
            // Which a browser leaves out.
            hosts.extend(names.map(str::to_owned));
        }
        Ok(Guard { token, hosts })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/{}/", self.hosts[0], self.token)
    }

    /// The path behind the token, of a request that may be answered.
    pub(crate) fn admit(&self, head: &Parts) -> Result<String, Refused> {
        let host = only(&head.headers, "host").ok_or(Refused::Host)?;
        // A request as proxies get it names the host a second time.
        let named = head.uri.authority().is_none_or(|authority| authority.as_str() == host);
        if !named || !self.hosts.iter().any(|known| known == host) {
            return Err(Refused::Host);
        }
        let path = head.uri.path().strip_prefix('/').unwrap_or_default();
        let (token, rest) = path.split_once('/').ok_or(Refused::Token)?;
        if !is_equal(token.as_bytes(), self.token.as_bytes()) {
            return Err(Refused::Token);
        }
        let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let is_own_origin = header("origin").is_none_or(|origin| origin == format!("http://{host}"));
        let site = header("sec-fetch-site");
        match head.method {
            Method::GET => {
                // A link that somebody follows here is no question of another page, which doesn't see the
                // answer.
                let is_followed = header("sec-fetch-mode") == Some("navigate")
                    && header("sec-fetch-dest").is_none_or(|dest| dest == "document");
                let is_own = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
                if !is_own_origin || !(is_own || is_followed) {
                    return Err(Refused::Origin);
                }
            }
            Method::POST => {
                let is_own = site.is_none_or(|site| site == "same-origin");
                let is_json = header("content-type") == Some("application/json");
                if !is_own_origin || !is_own || !is_json || !head.headers.contains_key(OWN) {
                    return Err(Refused::Origin);
                }
            }
            _ => return Err(Refused::Method),
        }
        Ok(rest.to_owned())
    }
}

/// A header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Whether both are the same, in a time that says nothing of where they differ.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differ) == 0
}

/// The headers that every answer has.
pub(crate) fn harden(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn admit(guard: &Guard, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<String, Refused> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.admit(&request.body(()).unwrap().into_parts().0)
    }

    fn guard() -> Guard {
        Guard::new(8080).unwrap()
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:8080");

    #[test]
    fn only_the_token_opens() {
        let guard = guard();
        let right = format!("/{}/now", guard.token);
        assert_eq!(admit(&guard, "GET", &right, &[HOST]), Ok("now".to_owned()));
        assert_eq!(admit(&guard, "GET", &right, &[("host", "localhost:8080")]), Ok("now".to_owned()));
        assert_eq!(admit(&guard, "GET", &format!("/{}/", guard.token), &[HOST]), Ok(String::new()));
        let short = &guard.token[1..];
        let other = Guard::new(8080).unwrap().token;
        for wrong in [
            "/".to_owned(),
            "//now".to_owned(),
            format!("/{}", guard.token),
            format!("/{short}/now"),
            format!("/{}0/now", guard.token),
            format!("/{other}/now"),
            format!("/{}/now", guard.token.to_uppercase() + "A"),
            format!("/x/{}/now", guard.token),
        ] {
            assert_eq!(admit(&guard, "GET", &wrong, &[HOST]), Err(Refused::Token), "{wrong}");
        }
    }

    #[test]
    fn a_name_that_was_made_to_lead_here_is_refused() {
        let guard = guard();
        let path = format!("/{}/now", guard.token);
        for headers in [
            &[("host", "evil.example:8080")][..],
            &[("host", "127.0.0.1")],
            &[("host", "127.0.0.1:8081")],
            &[("host", "localhost.evil.example:8080")],
            &[],
            &[HOST, ("host", "evil.example")],
        ] {
            assert_eq!(admit(&guard, "GET", &path, headers), Err(Refused::Host), "{headers:?}");
        }
        let usual = Guard::new(80).unwrap();
        let path_there = format!("/{}/now", usual.token);
        for host in ["localhost", "127.0.0.1", "127.0.0.1:80"] {
            assert!(admit(&usual, "GET", &path_there, &[("host", host)]).is_ok(), "{host}");
        }
        assert_eq!(admit(&usual, "GET", &path_there, &[("host", "evil.example")]), Err(Refused::Host));
        let absolute = format!("http://evil.example{path}");
        assert_eq!(admit(&guard, "GET", &absolute, &[HOST]), Err(Refused::Host));
    }

    #[test]
    fn another_page_can_neither_ask_nor_switch() {
        let guard = guard();
        let path = format!("/{}/try", guard.token);
        let own = [HOST, ("content-type", "application/json"), ("x-telemetry-view", "1")];
        assert!(admit(&guard, "POST", &path, &own).is_ok());
        let with = |more: &[(&'static str, &'static str)]| [&own[..], more].concat();
        assert!(admit(&guard, "POST", &path, &with(&[("origin", "http://127.0.0.1:8080")])).is_ok());
        for wrong in [
            with(&[("origin", "http://evil.example")]),
            with(&[("origin", "null")]),
            with(&[("sec-fetch-site", "cross-site")]),
            with(&[("sec-fetch-site", "same-site")]),
            own[..2].to_vec(),
            vec![HOST, ("content-type", "text/plain"), ("x-telemetry-view", "1")],
        ] {
            assert_eq!(admit(&guard, "POST", &path, &wrong), Err(Refused::Origin), "{wrong:?}");
        }
        let get = |headers: &[(&'static str, &'static str)]| {
            admit(&guard, "GET", &path, &[&[HOST], headers].concat())
        };
        assert!(
            get(&[("sec-fetch-site", "same-origin")]).is_ok() && get(&[("sec-fetch-site", "none")]).is_ok()
        );
        let followed = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(get(&followed).is_ok());
        assert_eq!(get(&followed[..1]), Err(Refused::Origin));
        assert_eq!(get(&[followed[0], followed[1], ("sec-fetch-dest", "iframe")]), Err(Refused::Origin));
        for method in ["PUT", "DELETE", "OPTIONS", "HEAD"] {
            assert_eq!(admit(&guard, method, &path, &own), Err(Refused::Method));
        }
    }

    #[test]
    fn bytes_are_equal_or_not() {
        assert!(is_equal(b"ab", b"ab") && is_equal(b"", b""));
        assert!(!is_equal(b"ab", b"ac") && !is_equal(b"ab", b"a") && !is_equal(b"", b"a"));
    }
}
