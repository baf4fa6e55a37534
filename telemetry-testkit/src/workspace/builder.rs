//! How a workspace is set up.

use std::fmt;
use std::io;
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::FakeWorkspace;
use super::answer::{Answer, Received};
use super::oauth::Issuer;
use super::server::{Bounds, Observer, OnOtherHost, Server, Shared};
use super::service::{PassOn, Routes};
use super::state::State;
use super::strict::Strict;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::watched::Watched;

/// Sets a [`FakeWorkspace`] up.
#[derive(Default)]
pub struct FakeWorkspaceBuilder {
    routes: Routes,
    pass_on: Option<PassOn>,
    observer: Option<Observer>,
    on_other_host: Option<OnOtherHost>,
    bounds: Bounds,
    hosts: Vec<String>,
    state: State,
    port: u16,
    /// The names that its certificate has, if it speaks HTTPS.
    #[cfg(feature = "tls")]
    tls: Option<Vec<String>>,
    #[cfg(feature = "tls")]
    ca_file: Option<PathBuf>,
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
        self.state.tokens = Some(tokens.into_iter().map(Into::into).collect());
        self
    }

    /// Issues bearer tokens to an application of this id and secret, and accepts no others but those
    /// [required](Self::require_tokens).
    ///
    /// `POST /oidc/v1/token` wants a form with `grant_type=client_credentials`, and id and secret by HTTP's
    /// basic authentication or as `client_id` and `client_secret` in the form. It answers a new token each
    /// time, with an `expires_in` of 3,600 s, but time lets none expire:
    /// [`expire_tokens`](FakeWorkspace::expire_tokens) does. A wrong id or secret is answered 401
    /// `invalid_client`, another grant 400. Where the endpoint is stands where clients look for it:
    /// `/oidc/.well-known/oauth-authorization-server`, `/oidc/.well-known/openid-configuration` and
    /// `/.well-known/databricks-config`.
    #[must_use]
    pub fn client_credentials(mut self, id: &str, secret: &str) -> FakeWorkspaceBuilder {
        self.state.issuer = Some(Issuer::new(id, secret));
        self
    }

    /// Refuses, with 400 and the reasons, a body that doesn't follow the [schema](crate::Schema), and events
    /// whose ids don't hold. Each reason is kept among the [violations](FakeWorkspace::violations).
    ///
    /// An event's id is a UUID of its own, and no event that was accepted comes again. One that comes again
    /// after an attempt that failed, however it failed, has the same id, and says the same (on the
    /// unauthenticated path it may say less). An event with a new id that says what another said in an
    /// attempt that failed, to the millisecond, is taken for that one; only events of a statement or a
    /// session are.
    ///
    /// An attempt that fails is judged too, and is answered as its [`Behaviour`](crate::Behaviour) says. An
    /// answer that was sent counts as received: a client that gives up on a
    /// [slow](crate::Behaviour::Slow) one and sends again sends what was accepted before.
    #[must_use]
    pub fn strict(mut self) -> FakeWorkspaceBuilder {
        self.state.strict = Some(Strict::default());
        self
    }

    /// Listens on this port of `127.0.0.1`. Without this, or with 0, on any that is free.
    #[must_use]
    pub fn port(mut self, port: u16) -> FakeWorkspaceBuilder {
        self.port = port;
        self
    }

    /// Shows each request to `observer`, of whatever path, with the status of its answer: `None` where it got
    /// none, or none that is HTTP. It then remembers no request, no record and no violation, so that it may
    /// run for long. The observer must not block, as it runs on the workspace's thread. A request whose body
    /// isn't read to its end, as it is too long, too slow or broken off, is shown without it.
    #[must_use]
    pub fn observer(
        mut self,
        observer: impl Fn(&Received, Option<u16>) + Send + Sync + 'static,
    ) -> FakeWorkspaceBuilder {
        self.observer = Some(Arc::new(observer));
        self.state.forgets = true;
        self
    }

    /// Lets another answer for flags and telemetry, wherever its behaviour is
    /// [`Normal`](crate::Behaviour::Normal). It runs on a thread on which it may block. A panic in it is
    /// answered 500.
    #[must_use]
    pub fn pass_on(
        mut self,
        pass_on: impl Fn(&Received) -> Answer + Send + Sync + 'static,
    ) -> FakeWorkspaceBuilder {
        self.pass_on = Some(Arc::new(pass_on));
        self
    }

    /// A longer body is answered 413, and read no further. At first 64 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> FakeWorkspaceBuilder {
        self.bounds.max_body = bytes;
        self
    }

    /// So many connections are served at a time, at least one; others wait until one of them ends. At first
    /// any number.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> FakeWorkspaceBuilder {
        self.bounds.max_connections = connections.max(1);
        self
    }

    /// How long a client may take for the head of a request, after which its connection is closed, and for
    /// its body, after which it is answered 408: for the whole of each, however steadily it comes. A
    /// connection on which no other request begins is closed after that time, too. At first for ever.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> FakeWorkspaceBuilder {
        self.bounds.patience = Some(patience);
        self
    }

    /// How long a request may take, from its head until its client has the whole answer, after which its
    /// connection is closed: also one that [hangs](crate::Behaviour::Hang), or whose client reads nothing.
    /// So is a connection on which no other request begins for so long. At first for ever.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> FakeWorkspaceBuilder {
        self.bounds.request_timeout = Some(timeout);
        self
    }

    /// Answers 403 to what a browser asks on behalf of a page: a request that names an `origin` or says what
    /// it is fetched for (`sec-fetch-…`), as no driver's does. Answers 421 to a request for another host than
    /// this machine, as a page sends whose own name was made to lead here: only 127.0.0.0/8, `[::1]`,
    /// `localhost` and what [`allow_host`](Self::allow_host) adds are served, with any port, and requests
    /// that name no host at all.
    #[must_use]
    pub fn refuse_pages(mut self) -> FakeWorkspaceBuilder {
        self.bounds.refuse_pages = true;
        self
    }

    /// Another name by which clients know this machine, without a port, where
    /// [pages are refused](Self::refuse_pages).
    #[must_use]
    pub fn allow_host(mut self, name: impl Into<String>) -> FakeWorkspaceBuilder {
        self.hosts.push(name.into());
        self
    }

    /// Tells `told` of each request that is answered 421 where [pages are refused](Self::refuse_pages): the
    /// host that it is for, as it names it, which may be any text of any length. It must not block, as it
    /// runs on the workspace's thread.
    #[must_use]
    pub fn on_other_host(mut self, told: impl Fn(&str) + Send + Sync + 'static) -> FakeWorkspaceBuilder {
        self.on_other_host = Some(Arc::new(told));
        self
    }

    /// Speaks HTTPS, under a certificate for `127.0.0.1`, `localhost` and these names. An authority that is
    /// made for it vouches for it, whose certificate [`ca_pem`](FakeWorkspace::ca_pem) gives.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, names: &[&str]) -> FakeWorkspaceBuilder {
        self.tls.get_or_insert_default().extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Speaks HTTPS, as with [`tls`](Self::tls), and writes the authority's certificate to this file when it
    /// starts, for processes to trust. A file that is there is replaced; none is removed.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> FakeWorkspaceBuilder {
        self.ca_file = Some(path.into());
        self.tls(&[])
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// Where [`try_start`](Self::try_start) has an error.
    pub fn start(self) -> FakeWorkspace {
        self.try_start().unwrap_or_else(|error| panic!("no workspace: {error}"))
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When its port can't be bound, as one that is taken, no thread can be started, or, over HTTPS, a name
    /// is none that a certificate can have, or the file can't be written.
    pub fn try_start(self) -> io::Result<FakeWorkspace> {
        let listener = Server::listen(self.port)?;
        #[cfg_attr(not(feature = "tls"), expect(unused_mut, reason = "HTTPS changes it"))]
        let mut state = self.state;
        #[cfg(feature = "tls")]
        let tls = self.tls.map(|names| Tls::new(&names)).transpose()?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &tls {
            state.scheme = "https";
            if let Some(path) = self.ca_file {
                std::fs::write(&path, &tls.ca_pem)
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            }
        }
        let state = Arc::new(Watched::from(state));
        let shared = Shared {
            state: Arc::clone(&state),
            routes: Arc::new(self.routes),
            pass_on: self.pass_on,
            observer: self.observer,
            on_other_host: self.on_other_host,
            bounds: self.bounds,
            hosts: self.hosts.into(),
            #[cfg(feature = "tls")]
            acceptor: tls.as_ref().map(|tls| tls.acceptor.clone()),
        };
        let server = Server::start(listener, shared)?;
        Ok(FakeWorkspace {
            state,
            server,
            #[cfg(feature = "tls")]
            ca_pem: tls.map(|tls| tls.ca_pem),
        })
    }
}

impl fmt::Debug for FakeWorkspaceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeWorkspaceBuilder")
            .field("routes", &self.routes.len())
            .field("tokens", &self.state.tokens.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}
