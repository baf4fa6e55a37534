//! The two calls that leave the process: one attempt to deliver, one question for the flag.

use std::sync::Arc;

use crate::breaker::BreakerState;
use crate::client::Client;
use crate::clock::Tick;
use crate::contain::{Contained, LetGo, contained};
use crate::delivery::{Attempted, outcome};
use crate::exporter::Attempt;
use crate::fault::{Failure, Fault};
use crate::flags::{FlagQuery, FlagSet};
use crate::headers::AuthHeaders;
use crate::record::Record;

/// How an attempt went, and what the breaker does after it.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) attempted: Attempted,
    pub(crate) breaker: Option<BreakerState>,
}

/// One attempt: leave of the breaker, credentials, the call, and the breaker told how it went.
pub(super) async fn deliver(client: Arc<Client>, batch: Vec<Arc<Record>>) -> Delivered {
    let clock = &client.plugins.clock;
    let attempted = attempt(&client, &batch).await;
    let breaker = client.breaker().and_then(|breaker| contained(|| breaker.state(clock.now())));
    Delivered { attempted, breaker }
}

async fn attempt(client: &Client, batch: &[Arc<Record>]) -> Attempted {
    let plugins = &client.plugins;
    let clock = &plugins.clock;
    let now = clock.now();
    let deadline = now + plugins.config.request_timeout;
    let admitted =
        client.breaker().and_then(|breaker| contained(|| breaker.admit(now)).map(|leave| (breaker, leave)));
    let (breaker, permit) = match admitted {
        Some((breaker, Ok(permit))) => (breaker, permit),
        Some((_, Err(rejected))) => return Attempted::Rejected { retry_at: rejected.retry_at },
        // A breaker that can't answer admits nothing.
        None => return Attempted::Rejected { retry_at: now + plugins.config.flush_interval },
    };
    // On any way out of here but the last, the permit is dropped, which is neutral.
    let credentials = match credentials(client, deadline).await {
        Ok(credentials) => credentials,
        Err(failure) => return Attempted::NoCredentials(failure),
    };
    let attempt = Attempt::new(&client.host, batch, clock.wall()).with_credentials(credentials.as_ref());
    let export = Contained::new(|| plugins.exporter.export(&attempt));
    let attempted =
        Attempted::Answered(clock.limit(deadline, export).await.unwrap_or_else(|fault| Err(fault.into())));
    contained(|| breaker.settle(permit, outcome(&attempted), clock.now()));
    attempted
}

/// One question for the flag.
pub(super) async fn ask(client: Arc<Client>) -> Result<FlagSet, Failure> {
    let plugins = &client.plugins;
    let deadline = plugins.clock.now() + plugins.config.request_timeout;
    let credentials = credentials(&client, deadline).await?;
    let identity = &plugins.driver.identity;
    let query = FlagQuery::new(&client.host, identity.client(), identity.version())
        .with_credentials(credentials.as_ref());
    let flags = Contained::new(|| plugins.flags.flags(&query));
    plugins.clock.limit(deadline, flags).await.unwrap_or_else(|fault| Err(fault.into()))
}

/// The connection's credentials; `None` for a connection that has none.
async fn credentials(client: &Client, deadline: Tick) -> Result<Option<AuthHeaders>, Failure> {
    // Whoever replaces the client's credentials meanwhile leaves this call the last to hold these.
    let held = LetGo(client.credentials());
    let Some(provider) = &held.0 else { return Ok(None) };
    let headers = Contained::new(|| provider.headers());
    match client.plugins.clock.limit(deadline, headers).await {
        Ok(headers) => headers.map(Some),
        Err(fault) => Err(Failure::new(fault)),
    }
}

/// Of a job that didn't come back: its thread could not be started, hangs, or died.
impl From<Fault> for Delivered {
    fn from(fault: Fault) -> Self {
        Delivered { attempted: Attempted::Answered(Err(Failure::new(fault))), breaker: None }
    }
}
