//! One expression that composes a provider.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use telemetry_breaker::BreakerRegistry;
use telemetry_core::plugin::Transport;
use telemetry_core::text::TEXT_LEVEL_VARIABLE;
use telemetry_core::{
    BuildError, ClientProvider, ClientProviderBuilder, DriverIdentity, Exporter, Mode, OPT_OUT_VARIABLES,
    Sink, TelemetryConfig,
};
#[cfg(feature = "reqwest")]
use telemetry_export_http::{CryptoProvider, ReqwestTransport, reqwest::ClientBuilder};
use telemetry_export_http::{DRY_RUN_VARIABLE, Endpoints, HttpExporter, dry_run_or};
use telemetry_flags::{FlagCache, HttpFlagSource};

/// Composes a [`ClientProvider`] of what shipped Databricks drivers have. The defaults:
///
/// | part | what it is | replaced by |
/// | --- | --- | --- |
/// | settings | [`TelemetryConfig::default`] with [`Mode::On`]: on where the service's flag is | [`config`](Self::config) |
/// | paths | [`Endpoints::SHIPPED`] | [`endpoints`](Self::endpoints) |
/// | transport | `ReqwestTransport`, which has the system's proxies and roots | [`configure_client`](Self::configure_client), [`root_certificate`](Self::root_certificate), [`transport`](Self::transport) |
/// | exporter | [`HttpExporter`], or the dry run to the file that [`DRY_RUN_VARIABLE`] names | [`exporter`](Self::exporter) |
/// | flags | [`HttpFlagSource`] behind a [`FlagCache`] | [`provider`](Self::provider) |
/// | breakers | [`BreakerRegistry`] | [`provider`](Self::provider) |
/// | sinks | none | [`sink`](Self::sink), for each one more |
/// | clock, system, threads | those of the process | [`provider`](Self::provider) |
///
/// In a forked child all of it is made anew, with the child's first lease, as
/// [`ClientProvider::rebuilt_after_fork`] says. So parts are given as functions that make them. The
/// environment is read once, by [`build`](Self::build).
#[must_use]
pub struct Composition {
    identity: DriverIdentity,
    config: TelemetryConfig,
    endpoints: Endpoints,
    #[cfg(feature = "reqwest")]
    client: Option<Part<ClientBuilder, ClientBuilder>>,
    #[cfg(feature = "reqwest")]
    roots: Vec<Vec<u8>>,
    #[cfg(feature = "reqwest")]
    crypto: Option<Arc<CryptoProvider>>,
    transport: Option<Part<(), Built<dyn Transport>>>,
    exporter: Option<Part<HttpExporter, Arc<dyn Exporter>>>,
    sinks: Vec<Part<(), Result<Sink, BuildError>>>,
    provider: Option<Part<ClientProviderBuilder, ClientProviderBuilder>>,
    variable: Option<Box<Variable>>,
}

type Part<From, To> = Arc<dyn Fn(From) -> To + Send + Sync>;
type Built<T> = Result<Arc<T>, BuildError>;
type Variable = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Composition {
    /// The composition of this driver, with every part at its default.
    pub fn new(identity: DriverIdentity) -> Self {
        Composition {
            identity,
            config: TelemetryConfig::default().mode(Mode::On),
            endpoints: Endpoints::SHIPPED,
            #[cfg(feature = "reqwest")]
            client: None,
            #[cfg(feature = "reqwest")]
            roots: Vec::new(),
            #[cfg(feature = "reqwest")]
            crypto: None,
            transport: None,
            exporter: None,
            sinks: Vec::new(),
            provider: None,
            variable: None,
        }
    }

    /// Changes the settings, which are those of [`TelemetryConfig::default`] with [`Mode::On`].
    ///
    /// ```
    /// # fn example(composition: telemetry_databricks::Composition) -> telemetry_databricks::Composition {
    /// composition.config(|config| config.batch_size(50).max_records(2000))
    /// # }
    /// ```
    pub fn config(mut self, change: impl FnOnce(TelemetryConfig) -> TelemetryConfig) -> Self {
        self.config = change(self.config);
        self
    }

    /// The paths that records are posted to.
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// Configures the HTTP client as the driver's: proxies, headers, timeouts. What the transport promises
    /// wins, as
    /// [`ReqwestTransportBuilder::configure`](telemetry_export_http::ReqwestTransportBuilder::configure)
    /// says.
    ///
    /// All types that it takes are in [`reqwest`](crate::reqwest), of the version that is linked: a driver
    /// needs no reqwest itself, and may have another.
    ///
    /// ```
    /// use std::time::Duration;
    /// use telemetry_databricks::Composition;
    /// use telemetry_databricks::reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    /// use telemetry_databricks::reqwest::{ClientBuilder, NoProxy, Proxy, Url};
    ///
    /// /// What the driver's users have set for it.
    /// fn configured(composition: Composition, proxy: Url, route: HeaderValue) -> Composition {
    ///     composition.configure_client(move |client: ClientBuilder| {
    ///         let headers = HeaderMap::from_iter([(HeaderName::from_static("x-route"), route.clone())]);
    ///         let client = client.default_headers(headers).connect_timeout(Duration::from_secs(5));
    ///         match Proxy::all(proxy.clone()) {
    ///             Ok(proxy) => client.proxy(proxy.no_proxy(NoProxy::from_string("internal.example.com"))),
    ///             Err(_) => client,
    ///         }
    ///     })
    /// }
    /// # use telemetry_databricks::DriverIdentity;
    /// # let of = DriverIdentity::builder().name("D").version("1").client("D").flag("f");
    /// # let proxy = Url::parse("http://proxy.example.com:3128").unwrap();
    /// # let composition = Composition::new(of.build().unwrap());
    /// # assert!(configured(composition, proxy, HeaderValue::from_static("blue")).build().is_ok());
    /// ```
    #[cfg(feature = "reqwest")]
    pub fn configure_client(
        mut self,
        configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.client = Some(Arc::new(configure));
        self
    }

    /// Trusts the certificates in this PEM text beside the system's; [`build`](Self::build) reads it.
    #[cfg(feature = "reqwest")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Has the cryptography of TLS from here, as a program does whose rustls has aws-lc-rs. By default it is
    /// what the process has installed, and ring where nothing is.
    #[cfg(feature = "reqwest")]
    pub fn crypto_provider(mut self, provider: impl Into<Arc<CryptoProvider>>) -> Self {
        self.crypto = Some(provider.into());
        self
    }

    /// The transport, in the place of the one on reqwest; [the guide](crate::guide::transport) has a page on
    /// it.
    pub fn transport<T: Transport>(
        mut self,
        make: impl Fn() -> Result<T, BuildError> + Send + Sync + 'static,
    ) -> Self {
        self.transport = Some(Arc::new(move |()| Ok(Arc::new(make()?) as Arc<dyn Transport>)));
        self
    }

    /// The exporter, which may be one around the exporter that posts. It takes the place of the dry run too.
    pub fn exporter<E: Exporter>(mut self, make: impl Fn(HttpExporter) -> E + Send + Sync + 'static) -> Self {
        self.exporter = Some(Arc::new(move |http| Arc::new(make(http))));
        self
    }

    /// Adds a place that records go to beside the service. Its error is one of [`build`](Self::build).
    pub fn sink(mut self, make: impl Fn() -> Result<Sink, BuildError> + Send + Sync + 'static) -> Self {
        self.sinks.push(Arc::new(move |()| make()));
        self
    }

    /// Changes anything else of the provider, such as its flags, its breakers or its clock, as the last step.
    pub fn provider(
        mut self,
        change: impl Fn(ClientProviderBuilder) -> ClientProviderBuilder + Send + Sync + 'static,
    ) -> Self {
        self.provider = Some(Arc::new(change));
        self
    }

    /// How environment variables are read; the process's own by default. For bindings whose host language
    /// keeps an environment of its own, and for tests.
    pub fn environment(mut self, variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.variable = Some(Box::new(variable));
        self
    }

    /// Builds the provider. It starts no thread, and does no I/O beyond asking the system what it is.
    ///
    /// # Errors
    ///
    /// [`BuildError`] for a setting out of its bounds, a certificate that can't be read, or a TLS library
    /// that doesn't work; [`BuildError::Missing`] where there is no transport.
    pub fn build(mut self) -> Result<ClientProvider, BuildError> {
        let dry_run = match &self.variable {
            Some(variable) => variable(DRY_RUN_VARIABLE).map(PathBuf::from),
            None => std::env::var_os(DRY_RUN_VARIABLE).map(PathBuf::from),
        };
        let variable = self.variable.take();
        let read = |name: &'static str| {
            let value = match &variable {
                Some(variable) => variable(name)?,
                None => std::env::var_os(name)?.to_string_lossy().into_owned(),
            };
            Some((name, value))
        };
        let variables: HashMap<_, _> =
            OPT_OUT_VARIABLES.into_iter().chain([TEXT_LEVEL_VARIABLE]).filter_map(read).collect();
        ClientProvider::rebuilt_after_fork(move || self.compose(&variables, dry_run.clone()))
    }

    fn compose(
        &self,
        variables: &HashMap<&'static str, String>,
        dry_run: Option<PathBuf>,
    ) -> Result<ClientProvider, BuildError> {
        let transport = self.make_transport()?;
        let http = HttpExporter::new(Arc::clone(&transport)).endpoints(self.endpoints.clone());
        let exporter = match &self.exporter {
            Some(make) => make(http),
            None => dry_run_or(http, dry_run),
        };
        let mut builder = ClientProvider::builder(self.identity.clone())
            .config(self.config.clone())
            .exporter(exporter)
            .flags(FlagCache::new(HttpFlagSource::new(transport)))
            .breakers(BreakerRegistry::default())
            .environment(|name| variables.get(name).cloned());
        for make in &self.sinks {
            builder = builder.sink(make(())?);
        }
        match &self.provider {
            Some(change) => change(builder),
            None => builder,
        }
        .build()
    }

    fn make_transport(&self) -> Result<Arc<dyn Transport>, BuildError> {
        match &self.transport {
            Some(make) => make(()),
            None => self.default_transport(),
        }
    }

    #[cfg(feature = "reqwest")]
    fn default_transport(&self) -> Result<Arc<dyn Transport>, BuildError> {
        let mut transport = ReqwestTransport::builder();
        if let Some(client) = &self.client {
            let client = Arc::clone(client);
            transport = transport.configure(move |builder| client(builder));
        }
        if let Some(crypto) = &self.crypto {
            transport = transport.crypto_provider(Arc::clone(crypto));
        }
        for pem in &self.roots {
            transport = transport.root_certificate(pem)?;
        }
        Ok(Arc::new(transport.build()?))
    }

    #[cfg(not(feature = "reqwest"))]
    fn default_transport(&self) -> Result<Arc<dyn Transport>, BuildError> {
        Err(BuildError::Missing("a transport"))
    }
}

impl fmt::Debug for Composition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Composition")
            .field("identity", &self.identity)
            .field("config", &self.config)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}
