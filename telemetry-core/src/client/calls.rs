//! The two calls that leave the process: one attempt to deliver, one question for the flag.

use std::sync::Arc;

use crate::client::Client;
use crate::fault::{Fault, PluginError};
use crate::guard::panic::{DropGuarded, GuardedFuture, catch_panic};
use crate::pipeline::delivery::{AttemptOutcome, outcome};
use crate::plugin::breaker::BreakerState;
use crate::plugin::clock::Tick;
use crate::plugin::exporter::Attempt;
use crate::plugin::flags::{FlagQuery, FlagSet};
use crate::plugin::headers::AuthHeaders;
use crate::record::Record;

/// How an attempt went, and what the breaker does after it.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) attempted: AttemptOutcome,
    pub(crate) breaker: Option<BreakerState>,
}

/// One attempt: leave of the breaker, credentials, the call, and the breaker told how it went.
pub(crate) async fn deliver(client: Arc<Client>, batch: Vec<Arc<Record>>) -> Delivered {
    let clock = &client.plugins.clock;
    let attempted = attempt(&client, &batch).await;
    let breaker = client.breaker().and_then(|breaker| catch_panic(|| breaker.state(clock.now())));
    Delivered { attempted, breaker }
}

async fn attempt(client: &Client, batch: &[Arc<Record>]) -> AttemptOutcome {
    let plugins = &client.plugins;
    let clock = &plugins.clock;
    let now = clock.now();
    let deadline = now + plugins.config.request_timeout;
    let admitted = client.breaker().and_then(|breaker| catch_panic(|| breaker.admit(now)));
    let permit = match admitted {
        Some(Ok(permit)) => permit,
        Some(Err(rejected)) => return AttemptOutcome::Rejected { retry_at: rejected.retry_at },
        // A breaker that can't answer admits nothing.
        None => return AttemptOutcome::Rejected { retry_at: now + plugins.config.flush_interval },
    };
    // On any way out of here but the last, the permit is dropped, which is neutral.
    let credentials = match credentials(client, deadline).await {
        Ok(credentials) => credentials,
        Err(failure) => return AttemptOutcome::NoCredentials(failure),
    };
    let attempt = Attempt::new(&client.host, batch, clock.wall()).with_credentials(credentials.as_ref());
    let export = GuardedFuture::new(|| plugins.exporter.export(&attempt));
    let attempted = AttemptOutcome::Answered(
        clock.limit(deadline, export).await.unwrap_or_else(|fault| Err(fault.into())),
    );
    catch_panic(|| permit.settle(outcome(&attempted), clock.now()));
    attempted
}

/// One question for the flag.
pub(crate) async fn ask(client: Arc<Client>) -> Result<FlagSet, PluginError> {
    let plugins = &client.plugins;
    let deadline = plugins.clock.now() + plugins.config.request_timeout;
    let credentials = credentials(&client, deadline).await?;
    let query =
        FlagQuery::new(&client.host, &plugins.driver.identity, plugins.clock.now(), plugins.clock.wall())
            .with_credentials(credentials.as_ref());
    let flags = GuardedFuture::new(|| plugins.flags.flags(&query));
    plugins.clock.limit(deadline, flags).await.unwrap_or_else(|fault| Err(fault.into()))
}

/// The connection's credentials; `None` for a connection that has none.
async fn credentials(client: &Client, deadline: Tick) -> Result<Option<AuthHeaders>, PluginError> {
    // Whoever replaces the client's credentials meanwhile leaves this call the last to hold these.
    let held = DropGuarded(client.credentials());
    let Some(provider) = &held.0 else { return Ok(None) };
    let headers = GuardedFuture::new(|| provider.headers());
    match client.plugins.clock.limit(deadline, headers).await {
        Ok(headers) => headers.map(Some),
        Err(fault) => Err(PluginError::new(fault)),
    }
}

/// Of a job that didn't come back: its thread could not be started, hangs, or died.
impl From<Fault> for Delivered {
    fn from(fault: Fault) -> Self {
        Delivered { attempted: AttemptOutcome::Answered(Err(PluginError::new(fault))), breaker: None }
    }
}
