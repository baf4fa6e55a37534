//! The transport on reqwest, hardened.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Request};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use telemetry_core::plugin::{
    HttpRequest, HttpResponse, PerPolicy, PluginError, Resolver, Transport, catch_panic,
};
use telemetry_core::{BuildError, Fault, Host, HostPolicy};
use tokio::runtime::{Handle, Id};

use crate::http_types::{from_http, to_http};

/// How long a connection stays open unused: a little more than the default interval between two batches.
const IDLE: Duration = Duration::from_secs(10);

/// For how many runtimes clients are kept; a driver has one.
const MAX_RUNTIMES: usize = 16;

type Configure = dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync;

/// Sends requests by reqwest, over HTTP/1.1 and rustls.
///
/// - Redirects are answers, and not followed. Nothing is sent twice. No cookies, no referer.
/// - Plain HTTP only where the [`Host`] itself was allowed it.
/// - A name that resolves to addresses of which [`Host::may_connect`] refuses any is not called. Of what
///   isn't resolved no address is checked; see [`configure`](ReqwestTransportBuilder::configure).
/// - Certificates are verified against the system's roots, and those that were
///   [added](ReqwestTransportBuilder::root_certificate). The cryptography is what the
///   [builder](ReqwestTransportBuilder::crypto_provider) was given, or what the process has installed, or
///   ring (with the feature `ring`, on by default).
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
    first: PerPolicy<Client>,
    /// The first runtime.
    home: OnceLock<Id>,
    /// For further runtimes.
    clients: Mutex<HashMap<Id, PerPolicy<Client>>>,
    resolver: Resolver,
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
        ReqwestTransportBuilder { configure: None, extra_roots: Vec::new(), crypto: None }
    }

    fn client(&self, host: &Host) -> Result<Client, Fault> {
        let runtime = Handle::try_current().map_err(|_| Fault::Unsendable)?.id();
        if *self.home.get_or_init(|| runtime) == runtime {
            return Ok(self.first.of(host).clone());
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&runtime) {
            return Ok(known.of(host).clone());
        }
        drop(clients);
        // What the driver handed in runs under no lock. If two threads make one at a time, one of them is
        // thrown away.
        let made =
            PerPolicy::try_new(|policy| make(self.configure.as_deref(), &self.tls, policy, &self.resolver))?;
        let client = made.of(host).clone();
        clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_RUNTIMES {
            clients.clear();
        }
        clients.insert(runtime, made);
        Ok(client)
    }
}

fn make(
    configure: Option<&Configure>,
    tls: &rustls::ClientConfig,
    policy: HostPolicy,
    resolver: &Resolver,
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
        .dns_resolver(Arc::new(Names { resolver: resolver.clone(), policy }))
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
    crypto: Option<Arc<CryptoProvider>>,
}

impl ReqwestTransportBuilder {
    /// Configures each client: proxies, headers of its own, timeouts. What the transport promises is set
    /// after it, and wins: TLS, redirects, retries, and the resolver of what is resolved. The driver's own
    /// client is never used, as its connections belong to the driver's runtime. The types are those of
    /// [`reqwest`](crate::reqwest) as it is linked here; a driver may have another version.
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

    /// Has its cryptography from here, as a program does that links rustls with aws-lc-rs and this crate
    /// without its feature `ring`. By default it is what the process has
    /// [installed](CryptoProvider::install_default), and ring where nothing is.
    pub fn crypto_provider(mut self, provider: impl Into<Arc<CryptoProvider>>) -> Self {
        self.crypto = Some(provider.into());
        self
    }

    /// Builds the transport. It reads the system's roots, which takes some milliseconds, and calls nobody.
    ///
    /// # Errors
    ///
    /// [`BuildError::Setup`] when an added certificate can't be one of a root, there is no cryptography, the
    /// TLS library doesn't work, or what was configured can't be built or panics.
    pub fn build(self) -> Result<ReqwestTransport, BuildError> {
        let ReqwestTransportBuilder { configure, extra_roots, crypto } = self;
        let failed = |what| move |error: rustls::Error| BuildError::Setup { what, reason: error.to_string() };
        let mut roots = rustls::RootCertStore::empty();
        for certificate in &extra_roots {
            roots.add(certificate.clone()).map_err(failed("root certificate"))?;
        }
        // Named explicitly: none is installed for the process, which may want to install its own.
        let crypto = crypto.or_else(installed_or_ring).ok_or_else(|| BuildError::Setup {
            what: "TLS",
            reason: "no cryptography is installed or given, and the feature `ring` is off".to_owned(),
        })?;
        let versions = rustls::ClientConfig::builder_with_provider(crypto)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .map_err(failed("TLS"))?;
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = versions.with_root_certificates(roots).with_no_client_auth();
        let resolver = Resolver::default();
        let client = |policy| {
            catch_panic(|| make(configure.as_deref(), &tls, policy, &resolver))
                .and_then(Result::ok)
                .ok_or_else(|| BuildError::Setup {
                    what: "HTTP client",
                    reason: "not as configured".to_owned(),
                })
        };
        let first = PerPolicy::try_new(client)?;
        Ok(ReqwestTransport {
            configure,
            tls,
            first,
            home: OnceLock::new(),
            clients: Mutex::default(),
            resolver,
        })
    }
}

fn installed_or_ring() -> Option<Arc<CryptoProvider>> {
    #[cfg(feature = "ring")]
    let otherwise = || Some(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(feature = "ring"))]
    let otherwise = || None;
    CryptoProvider::get_default().cloned().or_else(otherwise)
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
        let (timeout, limit) = (request.timeout, request.max_response_bytes);
        let mut request = Request::try_from(to_http(request)?).map_err(|_| Fault::Unsendable)?;
        *request.timeout_mut() = Some(timeout);
        let mut response = client.execute(request).await.map_err(|error| fault(&error))?;
        let mut answer = from_http(response.status(), response.headers());
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if answer.push_body(&chunk, limit) => {}
                Ok(_) => return Ok(answer),
                Err(error) => return answer.broken_off(fault(&error)),
            }
        }
    }

    /// Names are looked up on threads of its own, and nothing else here waits but for the network.
    fn may_block(&self) -> bool {
        false
    }
}

/// What an error of reqwest's means.
fn fault(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return Fault::Timeout;
    }
    if error.is_builder() {
        return Fault::Unsendable;
    }
    let known = |error: &(dyn StdError + 'static)| {
        if error.is::<rustls::Error>() {
            return Some(Fault::Tls);
        }
        error.downcast_ref().filter(|error: &&hyper::Error| error.is_parse()).map(|_| Fault::BadAnswer)
    };
    let otherwise = if error.is_connect() { Fault::Connect } else { Fault::Reset };
    Fault::find(error, known).unwrap_or(otherwise)
}

/// Resolves for the client of one policy.
struct Names {
    resolver: Resolver,
    policy: HostPolicy,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.resolver.resolve(name.as_str(), self.policy);
        Box::pin(async move { Ok(Box::new(addresses.await?.into_iter()) as Addrs) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

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
            for policy in
                [HostPolicy::Public, HostPolicy::AllowLoopback, HostPolicy::Private, HostPolicy::Public]
            {
                transport.client(&host(policy)).unwrap();
            }
            made.load(Ordering::SeqCst)
        };
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (first, second) = (runtime(), runtime());
        assert_eq!(made.load(Ordering::SeqCst), 3, "one for each policy");
        assert_eq!(of_runtime(&first), 3);
        assert_eq!(of_runtime(&second), 6);
        assert_eq!(of_runtime(&first), 6);
    }

    #[test]
    fn cryptography_is_what_was_given_and_without_any_there_is_no_transport() {
        assert_eq!(ReqwestTransport::new().is_ok(), cfg!(feature = "ring"));
        #[cfg(feature = "ring")]
        {
            let ring = rustls::crypto::ring::default_provider();
            let none = CryptoProvider { cipher_suites: Vec::new(), ..ring.clone() };
            let none = ReqwestTransport::builder().crypto_provider(none);
            assert!(matches!(none.build(), Err(BuildError::Setup { what: "TLS", .. })));
            assert!(ReqwestTransport::builder().crypto_provider(ring).build().is_ok());
        }
    }

    #[test]
    fn a_client_that_is_configured_with_a_panic_is_an_error_of_building() {
        let builder = ReqwestTransport::builder().configure(|_| panic!("planted"));
        assert!(matches!(builder.build(), Err(BuildError::Setup { what: "HTTP client", .. })));
    }
}
