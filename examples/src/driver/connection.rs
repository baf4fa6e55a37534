//! Connections: where a lease is taken and given back.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use telemetry_core::record::{AuthFlow, AuthMech, DriverMode, HostDetails};
use telemetry_core::status::Status;
use telemetry_core::{
    CloseOutcome, ConnectionInfo, ConnectionParams, ConnectionSettings, Lease, OperationType, Session,
    StaticToken, Target,
};

use super::api;
use super::error::Error;
use super::http::{Answered, Endpoint};
use super::statement::{Fetch, Rows, Running};
use super::{Driver, USER_AGENT};

/// Where to connect, and as whom.
#[derive(Clone)]
pub struct Options {
    url: String,
    token: String,
    warehouse_id: String,
    telemetry: ConnectionSettings,
}

impl Options {
    /// A warehouse of a workspace, by the workspace's URL and a personal access token.
    pub fn new(url: impl Into<String>, token: impl Into<String>, warehouse_id: impl Into<String>) -> Self {
        let telemetry = ConnectionSettings::default();
        Options { url: url.into(), token: token.into(), warehouse_id: warehouse_id.into(), telemetry }
    }

    /// What the user sets of telemetry for this connection.
    #[must_use]
    pub fn telemetry(mut self, settings: ConnectionSettings) -> Self {
        self.telemetry = settings;
        self
    }

    /// An option by its name, as a connection string has it: `telemetry.mode`, `telemetry.batch_size` and the
    /// others that a connection may have.
    ///
    /// # Errors
    ///
    /// [`Error::Option`] for a name that this driver doesn't know, or a value that can't be read.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name.strip_prefix("telemetry.") {
            Some(setting) => {
                self.telemetry.set(setting, value).map_err(|error| Error::Option(error.to_string()))
            }
            None => Err(Error::Option(format!("there is no option {name:?}"))),
        }
    }

    /// What telemetry is told of the connection. No token, no SQL.
    fn info(&self) -> ConnectionInfo {
        let (host, port) = match self.url.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()),
            _ => (self.url.as_str(), Some(443)),
        };
        let params = ConnectionParams {
            http_path: Some(format!("/sql/1.0/warehouses/{}", self.warehouse_id)),
            mode: Some(DriverMode::Sea),
            host_info: Some(HostDetails { host_url: Some(host.to_owned()), port, proxy_auth_type: None }),
            use_proxy: Some(false),
            auth_mech: Some(AuthMech::Pat),
            auth_flow: Some(AuthFlow::TokenPassthrough),
            enable_arrow: Some(false),
            enable_direct_results: Some(true),
            async_poll_interval: Some(Duration::from_millis(5)),
            auto_commit: Some(true),
            ..ConnectionParams::default()
        };
        ConnectionInfo::new().params(params).auth_type("pat").user_agent(USER_AGENT)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { url, token: _, warehouse_id, telemetry } = self;
        f.debug_struct("Options")
            .field("url", &telemetry_core::text::sanitize(url))
            .field("warehouse_id", warehouse_id)
            .field("telemetry", telemetry)
            .finish_non_exhaustive()
    }
}

/// A connection: one session of the warehouse.
#[derive(Debug)]
pub struct Connection {
    endpoint: Arc<Endpoint>,
    warehouse_id: String,
    session_id: String,
    telemetry: Session,
    lease: Lease,
}

impl Connection {
    pub(super) async fn open(driver: &Driver, options: Options) -> Result<Self, Error> {
        let target = Target::new(&options.url).credentials(StaticToken::new(&options.token));
        let lease = driver.telemetry.acquire(target.settings(options.telemetry));
        let opening = lease.opening(options.info());
        let Options { url, token, warehouse_id, telemetry: _ } = options;
        let endpoint = Endpoint { client: driver.http.clone(), url, token };
        match endpoint.post("/api/2.0/sql/sessions", &json!({ "warehouse_id": warehouse_id })).await {
            Ok(Answered { value: api::Session { session_id }, .. }) => {
                let telemetry = opening.opened(&session_id);
                Ok(Connection { endpoint: Arc::new(endpoint), warehouse_id, session_id, telemetry, lease })
            }
            Err(error) => {
                opening.failed(|| error.details());
                Err(error)
            }
        }
    }

    /// Starts a statement, and returns when it runs, or is done if it is quick.
    ///
    /// # Errors
    ///
    /// [`Error`] when the service doesn't take the statement. That it fails is said by [`Running::rows`].
    pub async fn submit(&self, sql: &str, fetch: Fetch) -> Result<Running, Error> {
        let mut telemetry = self.telemetry.statement();
        telemetry.kind(fetch.kind_of(sql));
        let request = json!({
            "statement": sql,
            "warehouse_id": self.warehouse_id,
            "session_id": self.session_id,
            "format": "JSON_ARRAY",
            "disposition": fetch.disposition(),
            "wait_timeout": fetch.wait_timeout(),
            "on_wait_timeout": "CONTINUE",
        });
        match self.endpoint.post("/api/2.0/sql/statements", &request).await {
            Ok(answered) => {
                Ok(Running::new(Arc::clone(&self.endpoint), self.telemetry.clone(), telemetry, answered))
            }
            Err(error) => {
                telemetry.failed(|| error.details());
                Err(error)
            }
        }
    }

    /// Runs a statement, and reads all its rows.
    ///
    /// # Errors
    ///
    /// [`Error`] as the service or the network has it.
    pub async fn query(&self, sql: &str, fetch: Fetch) -> Result<Rows, Error> {
        self.submit(sql, fetch).await?.rows().await
    }

    /// The tables that there are: a metadata call, made of a statement.
    ///
    /// # Errors
    ///
    /// [`Error`] as the service or the network has it.
    pub async fn tables(&self, sql: &str) -> Result<Rows, Error> {
        let mut running = self.submit(sql, Fetch::Metadata).await?;
        running.is_operation(OperationType::ListTables);
        running.rows().await
    }

    /// What holds for telemetry on this connection.
    pub fn telemetry(&self) -> Status {
        self.lease.status()
    }

    /// Closes the session, and then what telemetry there is; for that it takes at most `within`.
    ///
    /// # Errors
    ///
    /// [`Error`] when the service can't close the session. Telemetry is closed all the same, and never an
    /// error.
    pub async fn close(&self, within: Duration) -> Result<(CloseOutcome, Duration), Error> {
        let path = format!("/api/2.0/sql/sessions/{}?warehouse_id={}", self.session_id, self.warehouse_id);
        let asked = Instant::now();
        let closed = self.endpoint.delete(&path).await;
        match &closed {
            Ok(latency) => self.telemetry.closed(*latency),
            Err(error) => self.telemetry.close_failed(asked.elapsed(), || error.details()),
        }
        let start = Instant::now();
        let telemetry = self.lease.close(within).await;
        closed.map(|_| (telemetry, start.elapsed()))
    }
}
