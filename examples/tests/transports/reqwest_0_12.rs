//! A transport on reqwest 0.12, with rustls.
//!
//! A driver adds to the client what its own has: proxies, roots, an identity. No header that authorises or
//! identifies, no cookies, and not its own client: a connection belongs to the runtime that opened it, and a
//! provider has one of its own.

use std::error::Error;
use std::sync::Arc;

use reqwest012::dns::{Addrs, Name, Resolve, Resolving};
use reqwest012::{Client, Request, redirect, retry};
use telemetry_databricks::export::{from_http, to_http};
use telemetry_databricks::plugin::{HttpRequest, HttpResponse, PerPolicy, PluginError, Resolver, Transport};
use telemetry_databricks::{Fault, HostPolicy, async_trait};

/// One for each provider.
#[derive(Debug)]
pub(crate) struct OnReqwest(PerPolicy<Client>);

impl OnReqwest {
    pub(crate) fn new() -> reqwest012::Result<Self> {
        let resolver = Resolver::default();
        let client = |policy| {
            let client =
                Client::builder().redirect(redirect::Policy::none()).retry(retry::never()).referer(false);
            client.dns_resolver(Arc::new(Names(resolver.clone(), policy))).build()
        };
        PerPolicy::try_new(client).map(OnReqwest)
    }
}

#[async_trait]
impl Transport for OnReqwest {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        let HttpRequest { timeout, max_response_bytes: limit, .. } = request;
        let client = self.0.of(&request.host);
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

    // Names are looked up on threads of the resolver's.
    fn may_block(&self) -> bool {
        false
    }
}

fn fault(error: &reqwest012::Error) -> Fault {
    let tls = |error: &(dyn Error + 'static)| error.is::<rustls::Error>().then_some(Fault::Tls);
    let otherwise = if error.is_connect() { Fault::Connect } else { Fault::Reset };
    if error.is_timeout() { Fault::Timeout } else { Fault::find(error, tls).unwrap_or(otherwise) }
}

struct Names(Resolver, HostPolicy);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.0.resolve(name.as_str(), self.1);
        Box::pin(async move { Ok(Box::new(addresses.await?.into_iter()) as Addrs) })
    }
}
