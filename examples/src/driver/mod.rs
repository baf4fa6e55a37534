//! A small SQL driver that speaks the Databricks SQL Statement Execution API, with telemetry where a driver
//! has it.
//!
//! Read `connection.rs` and `statement.rs` for the points of interest. Nothing in here waits for telemetry,
//! handles an error of it, or knows whether it is on.

mod api;
mod connection;
mod error;
mod http;
mod statement;

pub use connection::{Connection, Options};
pub use error::Error;
pub use statement::{Fetch, Rows, Running};

use std::time::Duration;

use telemetry_core::ClientProvider;

/// The driver: built once, and shared by all connections.
#[derive(Clone, Debug)]
pub struct Driver {
    http: reqwest::Client,
    telemetry: ClientProvider,
}

impl Driver {
    /// A driver that reports to this provider, and whose requests take `timeout` at the most.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`] when the HTTP client can't be set up.
    pub fn new(telemetry: ClientProvider, timeout: Duration) -> Result<Self, Error> {
        // A program installs one provider for all its TLS; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().user_agent(USER_AGENT).timeout(timeout);
        let http = client.build().map_err(Error::Setup)?;
        Ok(Driver { http, telemetry })
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// [`Error`] as the service or the network has it.
    pub async fn connect(&self, options: Options) -> Result<Connection, Error> {
        Connection::open(self, options).await
    }
}

/// How long a request may take when nothing else is said. The service itself waits for 10 s before it says
/// that a statement runs on.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// What this driver calls itself.
pub const USER_AGENT: &str = concat!("ExampleDriver/", env!("CARGO_PKG_VERSION"));
