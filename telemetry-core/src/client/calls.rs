//! The two calls that leave the process: one attempt to deliver, one question for the flag.

use std::sync::Arc;

use crate::client::Client;
use crate::client::destination::Delivered;
use crate::client::logins::{TRIES, may_block};
use crate::client::plugins::Plugins;
use crate::fault::{Fault, PluginError};
use crate::guard::panic::{DropGuarded, GuardedFuture};
use crate::pipeline::delivery::AttemptOutcome;
use crate::pipeline::gate::NoAnswer;
use crate::plugin::clock::Tick;
use crate::plugin::exporter::Attempt;
use crate::plugin::flags::{FlagQuery, FlagSet};
use crate::plugin::headers::AuthHeaders;
use crate::record::Record;

/// Whether an attempt may hold up its thread: any of its parts may.
pub(crate) fn deliver_may_block(client: &Client) -> bool {
    let Plugins { exporter, breakers, .. } = &*client.plugins;
    may_block(|| exporter.may_block() || breakers.may_block())
        || (client.authenticated && credentials_may_block(client))
}

/// Whether a question for the flag may.
pub(crate) fn ask_may_block(client: &Client) -> bool {
    may_block(|| client.plugins.flags.may_block()) || credentials_may_block(client)
}

fn credentials_may_block(client: &Client) -> bool {
    client.with_logins(|logins| logins.may_block())
}

/// One attempt: leave of the breaker, credentials, the call, and the breaker told how it went. When the
/// credentials of one connection are refused, those of another are tried.
pub(crate) async fn deliver(client: Arc<Client>, batch: Vec<Arc<Record>>) -> Delivered {
    let clock = &client.plugins.clock;
    let deadline = client.call_deadline();
    let mut tries = 1..TRIES;
    let attempted = loop {
        let mut login = None;
        let attempted = attempt(&client, &batch, deadline, &mut login).await;
        let refused = match attempted {
            AttemptOutcome::NoCredentials(_) => true,
            AttemptOutcome::Answered(Err(failure)) => failure.fault.refuses_credentials(),
            AttemptOutcome::Answered(Ok(_)) | AttemptOutcome::Rejected { .. } => false,
        };
        if !try_others(&client, login, refused) || tries.next().is_none() {
            break attempted;
        }
    };
    Delivered { attempted, breaker: client.destination().breaker_state(clock) }
}

/// Notes how the service took a connection's credentials; whether those of another are to be tried now.
fn try_others(client: &Client, login: Option<u64>, refused: bool) -> bool {
    login.is_some_and(|lease| client.with_logins(|logins| logins.tried(lease, refused)))
}

async fn attempt(
    client: &Client,
    batch: &[Arc<Record>],
    deadline: Tick,
    login: &mut Option<u64>,
) -> AttemptOutcome {
    let clock = &client.plugins.clock;
    let destination = client.destination();
    let permit = match destination.admit(clock) {
        Ok(permit) => permit,
        Err(rejected) => return rejected,
    };
    // Without credentials the permit is dropped, which is neutral.
    let credentials = match client.authenticated {
        true => credentials(client, deadline, login).await,
        false => Ok(None),
    };
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(failure) => return AttemptOutcome::NoCredentials(failure),
    };
    let attempt = Attempt::new(&client.host, batch, clock.wall())
        .with_credentials(credentials.as_ref())
        .of_workspace(client.workspace);
    destination.export(permit, &attempt, deadline, clock).await
}

/// One question for the flag. When the credentials of one connection are refused, those of another are tried.
pub(crate) async fn ask(client: Arc<Client>) -> Result<FlagSet, NoAnswer> {
    let deadline = client.call_deadline();
    let mut tries = 1..TRIES;
    loop {
        let mut login = None;
        let answer = question(&client, deadline, &mut login).await;
        let refused = answer.as_ref().is_err_and(|none| none.refused);
        if !try_others(&client, login, refused) || tries.next().is_none() {
            let pending = client.with_logins(|logins| logins.are_pending());
            return answer.map_err(|none| NoAnswer { pending, ..none });
        }
    }
}

async fn question(client: &Client, deadline: Tick, login: &mut Option<u64>) -> Result<FlagSet, NoAnswer> {
    let plugins = &client.plugins;
    let credentials = match credentials(client, deadline, login).await {
        // A host's flag may be known without any.
        Err(_) if login.is_none() => None,
        Err(failure) => return Err(NoAnswer { refused: true, ..failure.into() }),
        Ok(credentials) => credentials,
    };
    let query =
        FlagQuery::new(&client.host, &plugins.driver.identity, plugins.clock.now(), plugins.clock.wall())
            .with_credentials(credentials.as_ref())
            .of_workspace(client.workspace);
    let flags = GuardedFuture::new(|| plugins.flags.flags(&query));
    let answer = plugins.clock.limit(deadline, flags).await.unwrap_or_else(|fault| Err(fault.into()));
    answer.map_err(NoAnswer::from)
}

/// The credentials of one of the client's connections, which is told in `login`; `None` for a client whose
/// connections have none.
async fn credentials(
    client: &Client,
    deadline: Tick,
    login: &mut Option<u64>,
) -> Result<Option<AuthHeaders>, PluginError> {
    if !client.has_principal() {
        return Ok(None);
    }
    let Some((lease, provider)) = client.with_logins(|logins| logins.best()) else {
        return Err(Fault::Authentication.into());
    };
    *login = Some(lease);
    // Whoever replaces the connection's credentials meanwhile leaves this call the last to hold these.
    let held = DropGuarded(Some(provider));
    let Some(provider) = &held.0 else { return Ok(None) };
    let headers = GuardedFuture::new(|| provider.headers());
    match client.plugins.clock.limit(deadline, headers).await {
        Ok(headers) => headers.map(Some),
        Err(fault) => Err(PluginError::new(fault)),
    }
}
