//! A transport on ureq 3, which blocks: it says so by the trait's default, and its calls run on threads of
//! the provider that are for such calls.
//!
//! A driver adds to the configuration what its own has: proxies, roots (Mozilla's, unless it says otherwise).
//! No header that authorises or identifies, and no cookies. The name of a proxy is looked up here as well, so
//! one on this machine is refused. Each look-up has a thread of ureq's. Its trait for them is one that may
//! change with a minor version.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use telemetry_databricks::export::{from_http, to_http};
use telemetry_databricks::plugin::{HttpRequest, HttpResponse, PerPolicy, PluginError, Transport};
use telemetry_databricks::{Fault, HostPolicy, async_trait};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs as Addresses, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, RequestExt};

#[derive(Debug)]
pub(crate) struct OnUreq(PerPolicy<Agent>);

impl OnUreq {
    pub(crate) fn new() -> Self {
        OnUreq(PerPolicy::new(|policy| {
            // An error status and a redirect are answers; empty headers aren't sent.
            let config = Agent::config_builder().http_status_as_error(false);
            let config = config.max_redirects(0).max_redirects_will_error(false);
            let config = config.user_agent("").accept("").accept_encoding("").build();
            Agent::with_parts(config, DefaultConnector::default(), Checked(policy))
        }))
    }
}

#[async_trait]
impl Transport for OnUreq {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        let HttpRequest { timeout, max_response_bytes, .. } = request;
        let agent = self.0.of(&request.host);
        let sent = to_http(request)?.with_agent(agent).configure().timeout_global(Some(timeout)).run();
        let response = sent.map_err(|error| fault(&error.into_io()))?;
        let answer = from_http(response.status(), response.headers());
        answer.read_body(response.into_body().into_reader(), max_response_bytes, fault)
    }
}

fn fault(error: &io::Error) -> Fault {
    let known = |error: &(dyn Error + 'static)| match error.downcast_ref() {
        Some(ureq::Error::Timeout(_)) => Some(Fault::Timeout),
        Some(ureq::Error::Protocol(_)) => Some(Fault::BadAnswer),
        Some(ureq::Error::Other(refused)) => Some(refused.downcast_ref::<PluginError>()?.fault),
        _ => error.is::<rustls::Error>().then_some(Fault::Tls),
    };
    Fault::find(error, known).unwrap_or(Fault::Connect)
}

/// Resolves by the system, for one policy.
#[derive(Debug)]
struct Checked(HostPolicy);

impl Resolver for Checked {
    fn resolve(&self, uri: &Uri, config: &Config, within: NextTimeout) -> Result<Addresses, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, within).unwrap_or_else(|_| self.empty());
        let checked = self.0.check_addresses(found.iter().map(SocketAddr::ip));
        checked.map(|()| found).map_err(|refused| ureq::Error::Other(refused.into()))
    }
}
