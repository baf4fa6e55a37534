//! A workspace that runs on this machine: flags and telemetry over real HTTP.

mod answer;
mod behaviour;
mod builder;
mod connection;
mod envelope;
mod form;
mod hosts;
mod oauth;
mod schema;
mod server;
mod service;
mod state;
mod strict;
#[cfg(feature = "tls")]
mod tls;
mod watched;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use telemetry_core::{Host, HostPolicy};

pub use self::answer::{Answer, Received};
pub use self::behaviour::Behaviour;
pub use self::builder::FakeWorkspaceBuilder;
pub use self::schema::Schema;
use self::server::Server;
use self::service::Path;
use self::state::{Flags, State};
use crate::workspace::watched::Watched;

/// A workspace on `127.0.0.1`, on a port of its own: a real HTTP/1.1 server in a thread of its own. With the
/// feature `tls` it speaks HTTPS where [its builder](FakeWorkspaceBuilder) says so.
///
/// It knows the flags path and both pairs of telemetry paths, `/api/2.0/sql/telemetry-ext` and
/// `/api/2.0/sql/telemetry-unauth`, `/telemetry-ext` and `/telemetry-unauth`. It checks what a service
/// checks:
///
/// - flags and authenticated telemetry without an `authorization` header (or with another token than
///   [required](FakeWorkspaceBuilder::require_tokens) or
///   [issued](FakeWorkspaceBuilder::client_credentials)) are answered 401,
/// - a telemetry body that isn't the envelope is answered 400: an object with an integer `uploadTime`, an
///   empty array `items` (which may be left out), and an array `protoLogs` of strings that hold JSON objects
///   each,
/// - a path that it doesn't know is answered 404, a method that the path doesn't have 405.
///
/// A [strict](FakeWorkspaceBuilder::strict) one checks all that the schema says, and the ids of events.
///
/// What it does beyond that is its [`Behaviour`]. It remembers each request whole. Dropping it closes all
/// connections and ends its thread.
///
/// ```
/// use telemetry_testkit::FakeWorkspace;
///
/// let workspace = FakeWorkspace::start();
/// workspace.set_flag("a.b.enableTelemetry", true);
/// assert_eq!(workspace.url(), format!("http://127.0.0.1:{}", workspace.port()));
/// assert!(workspace.received().is_empty());
/// ```
///
/// # For shipped drivers
///
/// A driver in another process or language connects to it as to any workspace. It wants a
/// [port](FakeWorkspaceBuilder::port), HTTPS, and a file with the certificate that it is to trust (`ca_file`
/// makes one), and logs in by a token or by
/// [OAuth's client credentials](FakeWorkspaceBuilder::client_credentials). Its statements are answered by
/// [routes](FakeWorkspaceBuilder::route).
///
/// ```
/// # #[cfg(feature = "tls")] {
/// # let directory = std::env::temp_dir().join(format!("fake-workspace-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory).unwrap();
/// # let file = directory.join("ca.pem");
/// use telemetry_testkit::FakeWorkspace;
///
/// let workspace = FakeWorkspace::builder()
///     .ca_file(&file)
///     .client_credentials("an-application", "its-secret")
///     .strict()
///     .try_start()
///     .unwrap();
/// workspace.set_flag("a.b.enableTelemetry", true);
/// workspace.set_workspace_flag(1234567890123456, "a.b.enableTelemetry", false);
/// assert!(workspace.url().starts_with("https://127.0.0.1:"));
/// assert_eq!(Some(std::fs::read_to_string(&file).unwrap().as_str()), workspace.ca_pem());
/// // Here the driver would run.
/// assert!(workspace.violations().is_empty());
/// # std::fs::remove_dir_all(&directory).unwrap();
/// # }
/// ```
pub struct FakeWorkspace {
    state: Arc<Watched<State>>,
    server: Server,
    #[cfg(feature = "tls")]
    ca_pem: Option<String>,
}

impl FakeWorkspace {
    /// Sets one up that isn't like the others.
    pub fn builder() -> FakeWorkspaceBuilder {
        FakeWorkspaceBuilder::default()
    }

    /// Starts one without flags, on which everything works.
    ///
    /// # Panics
    ///
    /// When no port of `127.0.0.1` can be bound, or no thread started.
    pub fn start() -> FakeWorkspace {
        FakeWorkspace::builder().start()
    }

    /// `http://127.0.0.1:PORT`, or `https:` where it speaks that.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.state.read(|state| state.scheme), self.port())
    }

    /// The certificate of the authority that vouches for it, if it speaks HTTPS: PEM, for a client to trust.
    /// It is made anew for each.
    #[cfg(feature = "tls")]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// It, as a host: under [`HostPolicy::AllowLoopback`].
    pub fn host(&self) -> Host {
        Host::parse(&self.url(), HostPolicy::AllowLoopback).unwrap()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Sets a flag to `true` or `false`, for workspaces that have no flags of their own.
    pub fn set_flag(&self, name: &str, on: bool) {
        self.state.change(|state| state.flags.set(name, on));
    }

    /// Replaces the flags of workspaces that have none of their own: name and value of each.
    pub fn set_flags(&self, flags: Vec<(String, String)>) {
        self.state.change(|state| state.flags = Flags(flags));
    }

    /// Sets a flag of one workspace to `true` or `false`. From then on it has flags of its own, and is
    /// answered those alone.
    ///
    /// A question is of the workspace that its header `x-databricks-org-id` names, or else its query, `?o=`.
    pub fn set_workspace_flag(&self, workspace: i64, name: &str, on: bool) {
        self.state.change(|state| state.workspace_flags.entry(workspace).or_default().set(name, on));
    }

    /// Gives one workspace flags of its own, as [`set_workspace_flag`](Self::set_workspace_flag) does, name
    /// and value of each; with `None` it has no longer any.
    pub fn set_workspace_flags(&self, workspace: i64, flags: Option<Vec<(String, String)>>) {
        self.state.change(|state| match flags {
            Some(flags) => state.workspace_flags.insert(workspace, Flags(flags)),
            None => state.workspace_flags.remove(&workspace),
        });
    }

    /// Lets all tokens expire that it has [issued](FakeWorkspaceBuilder::client_credentials) so far: from now
    /// on they are answered 401. Nothing else lets them expire.
    pub fn expire_tokens(&self) {
        self.state.change(State::expire_tokens);
    }

    /// The `ttl_seconds` of its flag answers; left out of them when `None`. At first it is 900.
    pub fn set_ttl(&self, seconds: Option<u64>) {
        self.state.change(|state| state.ttl = seconds);
    }

    /// What it does with questions for flags, from now on.
    pub fn on_flags(&self, behaviour: Behaviour) {
        self.state.change(|state| state.on_flags.standing = behaviour);
    }

    /// What it does with telemetry, from now on.
    pub fn on_telemetry(&self, behaviour: Behaviour) {
        self.state.change(|state| state.on_telemetry.standing = behaviour);
    }

    /// What it does with the next questions for flags, one each; after them the standing behaviour returns.
    pub fn script_flags(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state.change(|state| state.on_flags.queue.extend(behaviours));
    }

    /// What it does with the next telemetry requests, one each; after them the standing behaviour returns.
    pub fn script_telemetry(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state.change(|state| state.on_telemetry.queue.extend(behaviours));
    }

    /// All requests so far, in order, whatever came of them.
    pub fn received(&self) -> Vec<Received> {
        self.state.read(|state| state.received.clone())
    }

    /// The questions for flags so far.
    pub fn flag_requests(&self) -> Vec<Received> {
        self.received_at(|path| matches!(path, Path::Flags))
    }

    /// The telemetry requests so far, of all four paths.
    pub fn telemetry_requests(&self) -> Vec<Received> {
        self.received_at(|path| matches!(path, Path::Telemetry { .. }))
    }

    /// The bodies of the telemetry requests so far, byte for byte, whatever came of them.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.telemetry_requests().into_iter().map(|request| request.body).collect()
    }

    /// The records it accepted so far, parsed: entries of `protoLogs`.
    pub fn records(&self) -> Vec<Value> {
        self.state.read(|state| state.records.clone())
    }

    /// What it has refused so far, being [strict](FakeWorkspaceBuilder::strict), in order.
    pub fn violations(&self) -> Vec<String> {
        self.state.read(|state| state.violations.clone())
    }

    /// Blocks the thread until it has accepted this many records; `false` if it hasn't within the time given.
    pub fn wait_for_records(&self, records: usize, within: Duration) -> bool {
        self.state.wait_blocking(within, |state| state.records.len() >= records)
    }

    /// Blocks the thread until it has had this many requests of any kind; `false` if it hasn't within the
    /// time given.
    pub fn wait_for_requests(&self, requests: usize, within: Duration) -> bool {
        self.state.wait_blocking(within, |state| state.received.len() >= requests)
    }

    /// Completes once it has accepted this many records; for tests whose own thread must go on meanwhile.
    pub async fn until_records(&self, records: usize) {
        self.state.wait(|state| state.records.len() >= records).await;
    }

    /// Completes once it has had this many requests of any kind.
    pub async fn until_requests(&self, requests: usize) {
        self.state.wait(|state| state.received.len() >= requests).await;
    }

    /// How many sockets are open to it now.
    pub fn connections(&self) -> usize {
        self.state.read(|state| state.connections)
    }

    /// Blocks the thread until exactly this many sockets are open to it; `false` if they aren't within the
    /// time given.
    pub fn wait_for_connections(&self, connections: usize, within: Duration) -> bool {
        self.state.wait_blocking(within, |state| state.connections == connections)
    }

    fn received_at(&self, wanted: impl Fn(&Path) -> bool) -> Vec<Received> {
        let mut received = self.received();
        received.retain(|request| wanted(&Path::of(&request.path)));
        received
    }
}

impl fmt::Debug for FakeWorkspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeWorkspace").field("port", &self.port()).finish_non_exhaustive()
    }
}
