//! A workspace that runs on this machine: flags and telemetry over real HTTP.

mod answer;
mod behaviour;
mod connection;
mod envelope;
mod schema;
mod server;
mod service;
mod state;
mod strict;
mod watched;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use telemetry_core::{Host, HostPolicy};

pub use self::answer::{Answer, Received};
pub use self::behaviour::Behaviour;
pub use self::schema::Schema;
use self::server::Server;
use self::service::{Path, Routes};
use self::state::State;
use crate::workspace::watched::Watched;

/// A workspace on `127.0.0.1`, on a port of its own: a real HTTP/1.1 server in a thread of its own.
///
/// It knows the flags path and both pairs of telemetry paths, `/api/2.0/sql/telemetry-ext` and
/// `/api/2.0/sql/telemetry-unauth`, `/telemetry-ext` and `/telemetry-unauth`. It checks what a service
/// checks:
///
/// - flags and authenticated telemetry without an `authorization` header (or with another token than
///   [required](FakeWorkspaceBuilder::require_tokens)) are answered 401,
/// - a telemetry body that isn't the envelope is answered 400: an object with an integer `uploadTime`, an
///   empty array `items` (which may be left out), and an array `protoLogs` of strings that hold JSON objects
///   each,
/// - a path that it doesn't know is answered 404, a method that the path doesn't have 405.
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
pub struct FakeWorkspace {
    state: Arc<Watched<State>>,
    server: Server,
}

/// Sets a [`FakeWorkspace`] up.
#[derive(Default)]
pub struct FakeWorkspaceBuilder {
    routes: Routes,
    tokens: Option<Vec<String>>,
}

impl FakeWorkspaceBuilder {
    /// Answers for paths that are neither flags nor telemetry; `None` hands the request on to the next route,
    /// and in the end to a 404. It runs on a thread on which it may block. A panic in it is answered 500.
    #[must_use]
    pub fn route(
        mut self,
        route: impl Fn(&Received) -> Option<Answer> + Send + Sync + 'static,
    ) -> FakeWorkspaceBuilder {
        self.routes.push(Arc::new(route));
        self
    }

    /// Accepts these bearer tokens and no others. Without this, any `authorization` header does.
    #[must_use]
    pub fn require_tokens<T: Into<String>>(
        mut self,
        tokens: impl IntoIterator<Item = T>,
    ) -> FakeWorkspaceBuilder {
        self.tokens = Some(tokens.into_iter().map(Into::into).collect());
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When no port of `127.0.0.1` can be bound, or no thread started.
    pub fn start(self) -> FakeWorkspace {
        let state = Arc::new(Watched::from(State { tokens: self.tokens, ..State::default() }));
        let server = Server::start(Arc::clone(&state), Arc::new(self.routes));
        FakeWorkspace { state, server }
    }
}

impl fmt::Debug for FakeWorkspaceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FakeWorkspaceBuilder { routes, tokens } = self;
        f.debug_struct("FakeWorkspaceBuilder")
            .field("routes", &routes.len())
            .field("tokens", &tokens.as_ref().map(Vec::len))
            .finish()
    }
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

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// It, as a host: under [`HostPolicy::AllowLoopback`], over plain HTTP.
    pub fn host(&self) -> Host {
        Host::parse(&self.url(), HostPolicy::AllowLoopback).unwrap()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Sets a flag to `true` or `false`.
    pub fn set_flag(&self, name: &str, on: bool) {
        self.state.change(|state| state.set_flag(name, on));
    }

    /// Replaces all flags: name and value of each.
    pub fn set_flags(&self, flags: Vec<(String, String)>) {
        self.state.change(|state| state.flags = flags);
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
