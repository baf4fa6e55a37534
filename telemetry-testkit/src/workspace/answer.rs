//! Requests as the workspace got them, and answers as its routes give them.

use std::fmt;

use serde_json::Value;
use telemetry_core::plugin::Headers;

use super::service::Path;

/// A request, as the workspace got it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// The method, in capitals.
    pub method: String,
    /// The path, with the query.
    pub path: String,
    /// All headers.
    pub headers: Headers,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Received {
    /// A request, for tests of a route alone.
    pub fn new(method: &str, path: &str, headers: Headers, body: impl Into<Vec<u8>>) -> Self {
        Received { method: method.to_owned(), path: path.to_owned(), headers, body: body.into() }
    }

    /// Whether it is to one of the paths of telemetry.
    pub fn is_telemetry(&self) -> bool {
        matches!(Path::of(&self.path), Path::Telemetry { .. })
    }

    /// Whether it asks for flags.
    pub fn is_for_flags(&self) -> bool {
        Path::of(&self.path) == Path::Flags
    }

    /// The body as text, what isn't UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it isn't JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body isn't JSON: {error}"))
    }
}

impl fmt::Debug for Received {
    /// Names of headers alone, as everywhere; the body's size.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Received { method, path, headers, body } = self;
        f.debug_struct("Received")
            .field("method", method)
            .field("path", path)
            .field("headers", headers)
            .field("body_bytes", &body.len())
            .finish()
    }
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Its headers, beyond those that the protocol needs.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer without headers of its own.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// An answer in JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Answer::new(status, value.to_string()).with_header("content-type", "application/json")
    }

    /// The same with one header more. What isn't a valid header makes the answer a 500.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The answer as it stands on the wire, for those who send it in their own way, and close the connection
    /// then.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Answer\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }
}
