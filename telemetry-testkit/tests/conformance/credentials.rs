use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use telemetry_core::plugin::{AuthHeaders, PluginError, ScopeId};
use telemetry_core::{CredentialProvider, Fault, StaticToken};
use telemetry_testkit::{Do, Script, ScriptedCredentials, conformance};

use crate::{Refused, run_paused};

#[test]
fn the_workspaces_providers_conform() {
    run_paused(conformance::credentials(StaticToken::new));
    run_paused(conformance::credentials(ScriptedCredentials::token));
    let refused = Script::always(Do::Fail(Fault::Authentication.into()));
    run_paused(conformance::credentials(|name| {
        let scope = Script::always(Do::Give(ScopeId::derived_from(name)));
        ScriptedCredentials::new(scope, refused.clone())
    }));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    ScopeOfTheConnection,
    ScopeOfEverybody,
    ScopeOfTheToken,
    ScopeNeedsARuntime,
    ScopeBlocks,
    HangsForEver,
    StaysBusyWhenDropped,
    ServesOneAtATime,
    HeadersOfEverybody,
    NoHeaders,
    NoHeaderName,
    LineBreak,
}

struct Broken {
    flaw: Flaw,
    name: String,
    rotations: AtomicU64,
    busy: AtomicBool,
    serving: Mutex<bool>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

#[async_trait]
impl CredentialProvider for Broken {
    fn scope(&self) -> ScopeId {
        match self.flaw {
            Flaw::ScopeOfTheConnection => ScopeId::new(NEXT.fetch_add(1, Ordering::Relaxed)),
            Flaw::ScopeOfEverybody => ScopeId::new(0),
            Flaw::ScopeOfTheToken => {
                ScopeId::derived_from(&format!("{} {}", self.name, self.rotations.load(Ordering::Relaxed)))
            }
            Flaw::ScopeNeedsARuntime => {
                tokio::runtime::Handle::current();
                ScopeId::derived_from(&self.name)
            }
            Flaw::ScopeBlocks => loop {
                thread::sleep(Duration::from_secs(3600));
            },
            _ => ScopeId::derived_from(&self.name),
        }
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        self.rotations.fetch_add(1, Ordering::Relaxed);
        match self.flaw {
            Flaw::HangsForEver => return std::future::pending().await,
            Flaw::StaysBusyWhenDropped => {
                if self.busy.swap(true, Ordering::Relaxed) {
                    return std::future::pending().await;
                }
                tokio::task::yield_now().await;
                self.busy.store(false, Ordering::Relaxed);
            }
            Flaw::ServesOneAtATime => {
                if std::mem::replace(&mut *self.serving.lock().unwrap(), true) {
                    return std::future::pending().await;
                }
                // Gives the place back, also when it is dropped.
                let _place = Place(&self.serving);
                tokio::task::yield_now().await;
            }
            Flaw::HeadersOfEverybody => return Ok(AuthHeaders::bearer("everybody")),
            Flaw::NoHeaders => return Ok(AuthHeaders::new()),
            Flaw::NoHeaderName => return Ok(AuthHeaders::new().with("author ization", &self.name)),
            Flaw::LineBreak => return Ok(AuthHeaders::bearer(&format!("{}\n", self.name))),
            _ => {}
        }
        Ok(AuthHeaders::bearer(&self.name))
    }
}

struct Place<'a>(&'a Mutex<bool>);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap() = false;
    }
}

fn broken(flaw: Flaw) -> impl FnOnce() + Send + 'static {
    move || {
        run_paused(conformance::credentials(|name| Broken {
            flaw,
            name: name.to_owned(),
            rotations: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            serving: Mutex::new(false),
        }));
    }
}

#[test]
fn broken_providers_are_refused() {
    Refused::new()
        .with("equal for all connections of one principal", broken(Flaw::ScopeOfTheConnection))
        .with("differs between principals", broken(Flaw::ScopeOfEverybody))
        .with("stays the same when headers are asked for", broken(Flaw::ScopeOfTheToken))
        .with("no reactor running", broken(Flaw::ScopeNeedsARuntime))
        .with("may be dropped at any time", broken(Flaw::HangsForEver))
        .with("may be dropped at any time", broken(Flaw::StaysBusyWhenDropped))
        .with("asked by many at a time", broken(Flaw::ServesOneAtATime))
        .with("the principal's own", broken(Flaw::HeadersOfEverybody))
        .with("gives what authorises a request", broken(Flaw::NoHeaders))
        .with("headers that can be sent", broken(Flaw::NoHeaderName))
        .with("headers that can be sent", broken(Flaw::LineBreak))
        .check();
}

/// What it takes the safety net to refuse.
pub(crate) fn endless(refused: Refused) -> Refused {
    refused.with("neither waits nor does I/O", broken(Flaw::ScopeBlocks))
}
