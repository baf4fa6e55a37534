//! The transport on reqwest, hardened.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use telemetry_core::plugin::{
    Headers, HttpRequest, HttpResponse, Method, PluginError, Transport, catch_panic,
};
use telemetry_core::{BuildError, Fault, Host, HostPolicy};
use tokio::runtime::{Handle, Id};

use crate::lookups::Lookups;

/// How long a connection stays open unused: a little more than the default interval between two batches.
const IDLE: Duration = Duration::from_secs(10);

/// For how many runtimes clients are kept; a driver has one.
const MAX_CLIENTS: usize = 16;

type Configure = dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync;

/// Sends requests by reqwest, over HTTP/1.1 and rustls with ring.
///
/// - Redirects are answers, and not followed. Nothing is sent twice. No cookies, no referer.
/// - Plain HTTP only where the [`Host`] itself was allowed it.
/// - A name that resolves to addresses of which [`Host::may_connect`] refuses any is not called. Of what
///   isn't resolved no address is checked; see [`configure`](ReqwestTransportBuilder::configure).
/// - Certificates are verified against the system's roots, and those that were
///   [added](ReqwestTransportBuilder::root_certificate).
/// - A connection belongs to the runtime that opened it, so each runtime has a client of its own; one that is
///   unused for 10 s is closed.
/// - Proxies and roots are read when it is built: from the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`
///   and `NO_PROXY` (or in small letters), `SSL_CERT_FILE` and `SSL_CERT_DIR`, and from the system. A
///   provider has one runtime; whoever uses it on a second has them read again there.
///
/// Through a proxy it is the proxy that resolves the host's name. A proxy on this machine is to be named by
/// its address, as names that resolve to this machine are refused.
pub struct ReqwestTransport {
    configure: Option<Box<Configure>>,
    tls: rustls::ClientConfig,
    /// For the first runtime: made when this was built, as making one reads the environment, which is not to
    /// be read while a host in C may be writing it. One for each policy.
    first: [Client; 2],
    /// The first runtime.
    home: OnceLock<Id>,
    /// For further runtimes.
    clients: Mutex<HashMap<(Id, HostPolicy), Client>>,
    lookups: Arc<Lookups>,
}

impl ReqwestTransport {
    /// A transport with the system's proxies and roots.
    ///
    /// # Errors
    ///
    /// [`BuildError::Setup`] when the TLS library doesn't work.
    pub fn new() -> Result<Self, BuildError> {
        ReqwestTransport::builder().build()
    }

    /// Starts to configure one.
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder { configure: None, extra_roots: Vec::new() }
    }

    fn client(&self, host: &Host) -> Result<Client, Fault> {
        let runtime = Handle::try_current().map_err(|_| Fault::Unsendable)?.id();
        let policy = host.policy();
        if *self.home.get_or_init(|| runtime) == runtime {
            return Ok(self.first[usize::from(policy == HostPolicy::AllowLoopback)].clone());
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(runtime, policy)) {
            return Ok(client.clone());
        }
        drop(clients);
        // What the driver handed in runs under no lock. If two threads make one at a time, one of them is
        // thrown away.
        let client = make(self.configure.as_deref(), &self.tls, policy, &self.lookups)?;
        clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        clients.insert((runtime, policy), client.clone());
        Ok(client)
    }
}

fn make(
    configure: Option<&Configure>,
    tls: &rustls::ClientConfig,
    policy: HostPolicy,
    lookups: &Arc<Lookups>,
) -> Result<Client, Fault> {
    let builder = Client::builder();
    let builder = match configure {
        Some(configure) => configure(builder),
        None => builder,
    };
    // What keeps a promise is set last.
    let builder = builder
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .dns_resolver(Arc::new(Resolver { policy, lookups: Arc::clone(lookups) }))
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1);
    builder.build().map_err(|_| Fault::Unsendable)
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport")
            .field("configured", &self.configure.is_some())
            .finish_non_exhaustive()
    }
}

/// Configures a [`ReqwestTransport`].
#[must_use]
pub struct ReqwestTransportBuilder {
    configure: Option<Box<Configure>>,
    extra_roots: Vec<CertificateDer<'static>>,
}

impl ReqwestTransportBuilder {
    /// Configures each client: proxies, headers of its own, timeouts. What the transport promises is set
    /// after it, and wins: TLS, redirects, retries, and the resolver of what is resolved. The driver's own
    /// client is never used, as its connections belong to the driver's runtime.
    ///
    /// What is configured holds for every request: a header set here travels without credentials too, so none
    /// that authorises or identifies belongs here.
    ///
    /// The resolver checks addresses, so **where it isn't asked, none is checked**, and reqwest can't be made
    /// to forget what leads past it: a name pinned by [`resolve`](ClientBuilder::resolve) or
    /// [`resolve_to_addrs`](ClientBuilder::resolve_to_addrs) is called at that address, whatever it is; a
    /// Unix socket or a named pipe stands for every host; and through a proxy it is the proxy that resolves.
    /// Certificates are verified all the same.
    pub fn configure(
        mut self,
        configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.configure = Some(Box::new(configure));
        self
    }

    /// Trusts the certificates in this PEM text too.
    ///
    /// # Errors
    ///
    /// [`BuildError::Setup`] when it holds none, or what can't be read.
    pub fn root_certificate(mut self, pem: &[u8]) -> Result<Self, BuildError> {
        let setup = |reason: &str| BuildError::Setup { what: "root certificate", reason: reason.to_owned() };
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|_| setup("not PEM"))?;
        if certificates.is_empty() {
            return Err(setup("no certificate in it"));
        }
        self.extra_roots.extend(certificates);
        Ok(self)
    }

    /// Builds the transport. It reads the system's roots, which takes some milliseconds, and calls nobody.
    ///
    /// # Errors
    ///
    /// [`BuildError::Setup`] when an added certificate can't be one of a root, the TLS library doesn't work,
    /// or what was configured can't be built or panics.
    pub fn build(self) -> Result<ReqwestTransport, BuildError> {
        let ReqwestTransportBuilder { configure, extra_roots } = self;
        let failed = |what| move |error: rustls::Error| BuildError::Setup { what, reason: error.to_string() };
        let mut roots = rustls::RootCertStore::empty();
        for certificate in &extra_roots {
            roots.add(certificate.clone()).map_err(failed("root certificate"))?;
        }
        // ring, named explicitly: no default of the process is read or set.
        let versions =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_protocol_versions(rustls::DEFAULT_VERSIONS)
                .map_err(failed("TLS"))?;
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = versions.with_root_certificates(roots).with_no_client_auth();
        let lookups = Arc::default();
        let client = |policy| {
            catch_panic(|| make(configure.as_deref(), &tls, policy, &lookups))
                .and_then(Result::ok)
                .ok_or_else(|| BuildError::Setup {
                    what: "HTTP client",
                    reason: "not as configured".to_owned(),
                })
        };
        let first = [client(HostPolicy::Public)?, client(HostPolicy::AllowLoopback)?];
        Ok(ReqwestTransport {
            configure,
            tls,
            first,
            home: OnceLock::new(),
            clients: Mutex::default(),
            lookups,
        })
    }
}

impl fmt::Debug for ReqwestTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransportBuilder").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        let client = self.client(&request.host)?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            _ => return Err(Fault::Unsendable.into()),
        };
        let url = format!("{}{}", request.host.origin(), request.path);
        let sent = client
            .request(method, url)
            .headers(header_map(&request.headers)?)
            .timeout(request.timeout)
            .body(request.body)
            .send()
            .await;
        let response = sent.map_err(|error| fault(&error))?;
        read(response, request.max_response_bytes).await
    }

    /// Names are looked up on threads of its own, and nothing else here waits but for the network.
    fn may_block(&self) -> bool {
        false
    }
}

async fn read(mut response: reqwest::Response, limit: usize) -> Result<HttpResponse, PluginError> {
    let mut answer = HttpResponse::new(response.status().as_u16(), Vec::new());
    for (name, value) in response.headers() {
        if let Ok(value) = value.to_str() {
            answer.headers.push(name.as_str().to_owned(), value);
        }
    }
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if answer.body.len() + chunk.len() <= limit => {
                answer.body.extend_from_slice(&chunk)
            }
            Ok(Some(chunk)) => {
                let room = limit - answer.body.len();
                answer.body.extend_from_slice(&chunk[..room]);
                answer.complete = false;
                return Ok(answer);
            }
            Ok(None) => return Ok(answer),
            Err(error) if error.is_timeout() => return Err(Fault::Timeout.into()),
            Err(_) => {
                answer.complete = false;
                return Ok(answer);
            }
        }
    }
}

fn header_map(headers: &Headers) -> Result<HeaderMap, Fault> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::Unsendable)?;
        let mut value = HeaderValue::from_str(value).map_err(|_| Fault::Unsendable)?;
        value.set_sensitive(true);
        map.append(name, value);
    }
    Ok(map)
}

/// What an error of reqwest's means. Its text is looked at by nobody.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::Timeout;
    }
    if error.is_builder() {
        return Fault::Unsendable;
    }
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<ResolveError>() {
            return match refused {
                ResolveError::NoSuchHost => Fault::NoSuchHost,
                ResolveError::Refused => Fault::RefusedHost,
            };
        }
        if error.is::<rustls::Error>() {
            return Fault::Tls;
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return Fault::BadAnswer;
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if holds_tls(io) {
                return Fault::Tls;
            }
            if Fault::from(io) != Fault::Other {
                return Fault::from(io);
            }
        }
        cause = error.source();
    }
    if error.is_connect() { Fault::Connect } else { Fault::Reset }
}

/// Whether a TLS error travels inside, where `source` doesn't lead: in an I/O error inside another.
fn holds_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.downcast_ref::<io::Error>().is_some_and(holds_tls)
    })
}

/// Resolves by the system, and refuses what a host may not resolve to.
struct Resolver {
    policy: HostPolicy,
    lookups: Arc<Lookups>,
}

#[derive(Clone, Copy, Debug)]
enum ResolveError {
    NoSuchHost,
    Refused,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResolveError::NoSuchHost => "no such host",
            ResolveError::Refused => "refused address",
        })
    }
}

impl StdError for ResolveError {}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookups) = (self.policy, Arc::clone(&self.lookups));
        Box::pin(async move {
            let addresses = lookups.of(name.as_str()).await.map_err(|_| ResolveError::NoSuchHost)?;
            if addresses.is_empty() {
                return Err(ResolveError::NoSuchHost.into());
            }
            // One refused address refuses them all: an honest name has none.
            if !addresses.iter().all(|address| policy.may_connect(address.ip())) {
                return Err(ResolveError::Refused.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn resolved(policy: HostPolicy) -> Result<Vec<SocketAddr>, Fault> {
        // A name of this machine that every system has, in the place of one that turned out to be it.
        match (Resolver { policy, lookups: Arc::default() }).resolve("localhost".parse().unwrap()).await {
            Ok(addresses) => Ok(addresses.collect()),
            Err(error) => match error.downcast_ref::<ResolveError>().unwrap() {
                ResolveError::Refused => Err(Fault::RefusedHost),
                ResolveError::NoSuchHost => Err(Fault::NoSuchHost),
            },
        }
    }

    #[test]
    fn clients_are_made_when_it_is_built_and_for_a_further_runtime() {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let builder = ReqwestTransport::builder().configure(move |client| {
            count.fetch_add(1, Ordering::SeqCst);
            client
        });
        let transport = builder.build().unwrap();
        let host = |policy| Host::parse("workspace.example.com", policy).unwrap();
        let of_runtime = |runtime: &tokio::runtime::Runtime| {
            let _inside = runtime.enter();
            for policy in [HostPolicy::Public, HostPolicy::AllowLoopback, HostPolicy::Public] {
                transport.client(&host(policy)).unwrap();
            }
            made.load(Ordering::SeqCst)
        };
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (first, second) = (runtime(), runtime());
        assert_eq!(made.load(Ordering::SeqCst), 2, "one for each policy");
        assert_eq!(of_runtime(&first), 2);
        assert_eq!(of_runtime(&second), 4);
        assert_eq!(of_runtime(&first), 4);
    }

    #[test]
    fn a_client_that_is_configured_with_a_panic_is_an_error_of_building() {
        let builder = ReqwestTransport::builder().configure(|_| panic!("planted"));
        assert!(matches!(builder.build(), Err(BuildError::Setup { what: "HTTP client", .. })));
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_refused() {
        assert_eq!(resolved(HostPolicy::Public).await, Err(Fault::RefusedHost));
        assert!(
            resolved(HostPolicy::AllowLoopback)
                .await
                .unwrap()
                .iter()
                .all(|address| address.ip().is_loopback())
        );
    }
}
