//! Headers whose values never show.

use std::borrow::Cow;
use std::fmt;

/// HTTP headers in order, names in lower case. Values are treated as secrets: `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Headers(Vec::new())
    }

    /// One `authorization: Bearer …` header.
    pub fn bearer(token: &str) -> Self {
        Headers::new().with("authorization", format!("Bearer {token}"))
    }

    /// The same with one header more. A value that isn't a valid header is refused where the request is made,
    /// as [`Fault::Unsendable`](crate::Fault::Unsendable).
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a header; an equal name that is there already stays.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let mut name = name.into();
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            name = Cow::Owned(name.to_ascii_lowercase());
        }
        self.0.push((name, value.into()));
    }

    /// The first value under a name, which is compared without regard to case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// Those that can stand above another request than they were made for: what authorises and identifies a
    /// connection stays, what describes one request of it goes.
    ///
    /// Gone are `content-*` and `if-*`, and `accept`, `accept-encoding`, `connection`, `expect`, `host`,
    /// `keep-alive`, `proxy-connection`, `range`, `te`, `trailer`, `transfer-encoding`, `upgrade` and
    /// `user-agent`.
    ///
    /// ```
    /// use telemetry_core::plugin::Headers;
    ///
    /// let headers = Headers::bearer("t").with("Content-Length", "77").for_another_request();
    /// assert_eq!(headers, Headers::bearer("t"));
    /// ```
    #[must_use]
    pub fn for_another_request(&self) -> Headers {
        Headers(self.0.iter().filter(|(name, _)| !describes_a_request(name)).cloned().collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a header, its name in lower case, says something of one request and its connection alone.
fn describes_a_request(name: &str) -> bool {
    const OTHERS: [&str; 13] = [
        "accept",
        "accept-encoding",
        "connection",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    name.starts_with("content-") || name.starts_with("if-") || OTHERS.contains(&name)
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, _)| (name, Hidden))).finish()
    }
}

/// Stands for a value that must not be shown.
pub(crate) struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The headers that authorise a request.
pub type AuthHeaders = Headers;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::credentials::StaticToken;

    #[test]
    fn debug_shows_names_and_no_values() {
        let headers = Headers::bearer("canary").with("X-Org", "canary");
        let shown = format!("{headers:?} {:?}", StaticToken::new("canary"));
        assert!(shown.contains("authorization") && shown.contains("x-org"));
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_describes_one_request_does_not_stand_above_another() {
        let own = Headers::bearer("t").with("x-databricks-org-id", "7").with("cookie", "a=b");
        let own = own.with("proxy-authorization", "p").with("hostess", "x").with("ifs", "x");
        let mut headers = own.clone();
        for name in [
            "Host",
            "content-length",
            "Content-Type",
            "content-encoding",
            "content-md5",
            "transfer-encoding",
            "accept",
            "accept-encoding",
            "USER-AGENT",
            "connection",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "keep-alive",
            "proxy-connection",
            "range",
            "if-match",
            "If-None-Match",
            "if-modified-since",
        ] {
            headers.push(name, "x");
        }
        assert_eq!(headers.for_another_request(), own);
    }

    #[test]
    fn names_compare_without_case() {
        let headers = Headers::new().with("Retry-After", "5");
        assert_eq!(headers.get("retry-after"), Some("5"));
        assert_eq!(headers.get("RETRY-AFTER"), Some("5"));
    }
}
