//! One attempt to deliver a batch.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};
use telemetry_core::plugin::{
    Attempt, Headers, HttpRequest, Method, PluginError, Receipt, Transport, yield_now,
};
use telemetry_core::{Exporter, Fault};

use crate::encode::BodyWriter;
use crate::endpoints::Endpoints;

/// The longest body that is sent unless something else is said: 1 MiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Posts batches to the host they are for.
///
/// With credentials it posts everything to the authenticated path, under the connection's own headers, save
/// for those that [describe another request](Headers::for_another_request). Without, it posts to the other
/// path what doesn't correlate, under no header of the connection.
#[derive(Clone)]
pub struct HttpExporter {
    transport: Arc<dyn Transport>,
    endpoints: Endpoints,
    max_body_bytes: usize,
    timeout: Duration,
}

impl HttpExporter {
    /// An exporter over this transport, to [`Endpoints::SHIPPED`].
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        HttpExporter {
            transport,
            endpoints: Endpoints::default(),
            max_body_bytes: MAX_BODY_BYTES,
            timeout: Duration::from_secs(10),
        }
    }

    /// The same to other paths.
    #[must_use]
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// The same with another limit of a body, in bytes. A longer one is not sent, but comes back in halves; a
    /// single record that is longer is dropped and counted.
    #[must_use]
    pub fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// The same with another timeout of a request; 10 s by default. The provider's request timeout holds
    /// besides.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The request that this attempt makes: the very bytes. It encodes them at once, where
    /// [`export`](Exporter::export) pauses for others on its thread.
    ///
    /// # Errors
    ///
    /// [`Fault::TooLarge`] for a body that is too long, [`Fault::Unsendable`] for one that can't be encoded.
    pub fn request(&self, attempt: &Attempt<'_>) -> Result<HttpRequest, PluginError> {
        let mut body = BodyWriter::new(attempt, self.max_body_bytes);
        while body.turn()? {}
        Ok(self.request_with(body, attempt))
    }

    /// The same, with a pause wherever others may be waiting for the thread.
    async fn request_in_turns(&self, attempt: &Attempt<'_>) -> Result<HttpRequest, PluginError> {
        let mut body = BodyWriter::new(attempt, self.max_body_bytes);
        while body.turn()? {
            yield_now().await;
        }
        Ok(self.request_with(body, attempt))
    }

    fn request_with(&self, body: BodyWriter<'_>, attempt: &Attempt<'_>) -> HttpRequest {
        let (body, own_user_agent) = body.finish();
        let authenticated = attempt.credentials.is_some();
        let path =
            if authenticated { self.endpoints.authenticated() } else { self.endpoints.unauthenticated() };
        let mut request = HttpRequest::new(Method::Post, attempt.host.clone(), path);
        request.headers = attempt.credentials.map(Headers::for_another_request).unwrap_or_default();
        request.headers.push("content-type", "application/json");
        request.headers.push("accept", "application/json");
        // The driver may say it with its own headers.
        let workspace = attempt.workspace.filter(|_| request.headers.get(WORKSPACE_HEADER).is_none());
        if let Some(workspace) = workspace.filter(|_| authenticated) {
            request.headers.push(WORKSPACE_HEADER, workspace.to_string());
        }
        if let Some(record) = attempt.records.first() {
            // That of a connection speaks for a batch that is all of it, or of connections alike.
            let own = own_user_agent.filter(|_| authenticated);
            let user_agent = own.unwrap_or(record.session.driver.identity.user_agent());
            request.headers.push("user-agent", user_agent);
        }
        request.body = body;
        request.timeout = self.timeout;
        request.max_response_bytes = MAX_ANSWER_BYTES;
        request
    }
}

/// By which a host that has several workspaces knows which is meant.
const WORKSPACE_HEADER: &str = "x-databricks-org-id";

impl fmt::Debug for HttpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpExporter { transport, endpoints, max_body_bytes, timeout } = self;
        f.debug_struct("HttpExporter")
            .field("transport", transport)
            .field("endpoints", endpoints)
            .field("max_body_bytes", max_body_bytes)
            .field("timeout", timeout)
            .finish()
    }
}

#[async_trait]
impl Exporter for HttpExporter {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let response = self.transport.send(self.request_in_turns(attempt).await?).await?;
        let body = response.into_success(attempt.wall)?;
        let accepted = parse_answer(&body).ok_or(Fault::BadAnswer)?;
        Ok(Receipt::new(accepted.min(attempt.records.len())))
    }

    fn may_block(&self) -> bool {
        self.transport.may_block()
    }
}

/// How many records an answer says were accepted: its `numProtoSuccess`. `None` when it isn't an answer, or
/// doesn't say; then nobody vouches for anything. Errors listed beside the number change nothing: what they
/// are about isn't counted in it.
///
/// ```
/// let body = br#"{"errors":[],"numSuccess":0,"numProtoSuccess":3,"numRealtimeSuccess":0}"#;
/// assert_eq!(telemetry_export_http::parse_answer(body), Some(3));
/// assert_eq!(telemetry_export_http::parse_answer(b"<html>log in first</html>"), None);
/// ```
pub fn parse_answer(body: &[u8]) -> Option<usize> {
    // Read as an object: a struct would be read from an array too.
    let answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let accepted = match answer.get("numProtoSuccess")? {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    usize::try_from(accepted).ok()
}
