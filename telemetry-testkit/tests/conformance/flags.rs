use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use telemetry_core::plugin::{FlagOrigin, FlagQuery, FlagSet, HttpRequest, Method, PluginError, Transport};
use telemetry_core::{Fault, FeatureFlagSource, Host, HostPolicy};
use telemetry_testkit::{ScriptedFlags, conformance};

use crate::{Refused, run_paused};

#[test]
fn scripted_flags_conform() {
    run_paused(conformance::flags(&ScriptedFlags::fixed("a.flag", true)));
}

#[test]
fn a_small_source_conforms() {
    run_paused(conformance::flags_over_transport(|transport| Asks::new(None, transport)));
    run_paused(conformance::flags_over_transport(|transport| {
        Asks::new(Some(Flaw::NoneButOldAnswersAreStale), transport)
    }));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    NoneButOldAnswersAreStale,
    NeverEnds,
    FailsOtherwiseWithoutCredentials,
    StaysBusyWhenDropped,
    BreaksWhenDropped,
    FailsWhenDroppedWhileAsking,
    FailsWhoWaitsBeside,
    FreshUntil,
    ShowsCredentials,
    LosesValues,
    OneAnswerForAllHosts,
    FailureIsEmpty,
    StatusIsEmpty,
    BadBodyIsEmpty,
    CutBodyIsTaken,
    FollowsRedirects,
    OldAnswerIsCached,
    OldAnswerIsEmptied,
    RefusalSettlesForAll,
    AsksAnotherHost,
    AsksWithoutCredentials,
    BlocksItsThread,
}

/// Asks each time; what it remembers is only for some of its flaws.
struct Asks {
    flaw: Option<Flaw>,
    transport: Arc<dyn Transport>,
    busy: AtomicBool,
    dropped: AtomicBool,
    known: Mutex<HashMap<String, FlagSet>>,
    refused: Mutex<Option<PluginError>>,
    shown: Mutex<Option<String>>,
}

impl Asks {
    fn new(flaw: Option<Flaw>, transport: Arc<dyn Transport>) -> Self {
        Asks {
            flaw,
            transport,
            busy: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
            known: Mutex::default(),
            refused: Mutex::default(),
            shown: Mutex::default(),
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn set(&self, values: BTreeMap<String, String>) -> FlagSet {
        // As one does that takes the end of the time for its length, on the wall's clock.
        let fresh_for = if self.has(Flaw::FreshUntil) { 1_800_000_900 } else { 900 };
        FlagSet::new(values, FlagOrigin::Fetched, Duration::from_secs(fresh_for))
    }

    async fn ask(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        let empty = || Ok(self.set(BTreeMap::new()));
        let host = if self.has(Flaw::AsksAnotherHost) {
            Host::parse("elsewhere.example", HostPolicy::Public).unwrap()
        } else {
            query.host.clone()
        };
        let mut request = HttpRequest::new(Method::Get, host, "/flags");
        if !self.has(Flaw::AsksWithoutCredentials) {
            request.headers = query.credentials.cloned().unwrap_or_default();
        }
        let sent = if self.has(Flaw::BlocksItsThread) {
            // As a source does that asks by a library that blocks.
            futures_block_on(self.transport.send(request.clone()))
        } else {
            self.transport.send(request.clone()).await
        };
        let response = match sent {
            Err(_) if self.has(Flaw::FailureIsEmpty) => return empty(),
            sent => sent?,
        };
        let mut body = match response.status {
            307 if self.has(Flaw::FollowsRedirects) => {
                request.host = Host::parse("other.conformance.example", HostPolicy::Public).unwrap();
                self.transport.send(request).await?;
                return Err(Fault::Redirect.into());
            }
            200 if !response.complete && !self.has(Flaw::CutBodyIsTaken) => {
                return Err(Fault::BadAnswer.into());
            }
            200 => response.body,
            404 if self.has(Flaw::StatusIsEmpty) => return empty(),
            status => return Err(PluginError::new(status)),
        };
        if self.has(Flaw::CutBodyIsTaken) && !response.complete {
            body = br#"{"flags":[]}"#.to_vec();
        }
        let answer: Option<Value> = serde_json::from_slice(&body).ok();
        let Some(flags) = answer.as_ref().and_then(|answer| answer.get("flags")?.as_array()) else {
            return if self.has(Flaw::BadBodyIsEmpty) { empty() } else { Err(Fault::BadAnswer.into()) };
        };
        let text = |flag: &Value, key: &str| flag[key].as_str().unwrap().to_owned();
        let mut values: BTreeMap<_, _> =
            flags.iter().map(|flag| (text(flag, "name"), text(flag, "value"))).collect();
        if self.has(Flaw::LosesValues) {
            values.retain(|_, value| value == "true");
        }
        Ok(self.set(values))
    }
}

/// Blocks the thread until the future is done; a future that hangs is never done.
fn futures_block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        scope.spawn(move || runtime.block_on(future)).join().unwrap()
    })
}

/// Sees a question that is dropped.
struct Watch<'a>(&'a Asks);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Relaxed);
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

#[async_trait]
impl FeatureFlagSource for Asks {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        let Some(credentials) = query.credentials else {
            let otherwise = self.has(Flaw::FailsOtherwiseWithoutCredentials);
            return Err(if otherwise { Fault::Other } else { Fault::Authentication }.into());
        };
        let key = if self.has(Flaw::OneAnswerForAllHosts) { "all" } else { query.host.name() };
        match self.flaw {
            Some(Flaw::NeverEnds) => return pending().await,
            Some(Flaw::StaysBusyWhenDropped) => {
                while self.busy.swap(true, Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                tokio::task::yield_now().await;
            }
            Some(Flaw::BreaksWhenDropped) => {
                if self.dropped.load(Ordering::Relaxed) {
                    return pending().await;
                }
                let watch = Watch(self);
                tokio::task::yield_now().await;
                std::mem::forget(watch);
            }
            Some(Flaw::FailsWhoWaitsBeside) => {
                while self.busy.swap(true, Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    if self.dropped.load(Ordering::Relaxed) {
                        return Err(Fault::Other.into());
                    }
                }
            }
            Some(Flaw::ShowsCredentials) => {
                *self.shown.lock().unwrap() = credentials.get("authorization").map(str::to_owned);
            }
            Some(Flaw::OneAnswerForAllHosts) => {
                if let Some(known) = self.known.lock().unwrap().get(key) {
                    return Ok(known.clone());
                }
            }
            Some(Flaw::RefusalSettlesForAll) => {
                if let Some(refused) = *self.refused.lock().unwrap() {
                    return Err(refused);
                }
            }
            _ => {}
        }
        if self.has(Flaw::FailsWhenDroppedWhileAsking) && self.dropped.load(Ordering::Relaxed) {
            return Err(Fault::Other.into());
        }
        let watch = Watch(self);
        let answer = self.ask(query).await;
        std::mem::forget(watch);
        self.busy.store(false, Ordering::Relaxed);
        let failure = match answer {
            Ok(flags) => {
                self.known.lock().unwrap().insert(key.to_owned(), flags.clone());
                return Ok(flags);
            }
            Err(failure) => failure,
        };
        *self.refused.lock().unwrap() = Some(failure);
        let wait = Duration::from_secs(60);
        let known = self.known.lock().unwrap().get(key).cloned();
        match (self.flaw, known) {
            (Some(Flaw::NoneButOldAnswersAreStale), Some(known)) => {
                Ok(known.given_out_as(FlagOrigin::Stale, wait))
            }
            (Some(Flaw::OldAnswerIsCached), Some(known)) => Ok(known.given_out_as(FlagOrigin::Cached, wait)),
            (Some(Flaw::OldAnswerIsEmptied), Some(_)) => {
                Ok(FlagSet::new(BTreeMap::new(), FlagOrigin::Stale, wait))
            }
            _ => Err(failure),
        }
    }
}

impl fmt::Debug for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Asks({:?} {:?})", self.flaw, self.shown.lock().unwrap())
    }
}

fn broken(flaw: Flaw) -> impl FnOnce() + Send + 'static {
    move || {
        run_paused(conformance::flags_over_transport(|transport| Asks::new(Some(flaw), transport)));
    }
}

#[test]
fn broken_sources_of_flags_are_refused() {
    Refused::new()
        .with("a question that waits beside ends", broken(Flaw::NeverEnds))
        .with("Fault::Authentication", broken(Flaw::FailsOtherwiseWithoutCredentials))
        .with("a question that waits beside ends", broken(Flaw::StaysBusyWhenDropped))
        .with("and the next question ends", broken(Flaw::BreaksWhenDropped))
        .with("the next question is answered, but it failed", broken(Flaw::FailsWhenDroppedWhileAsking))
        .with("waits beside is answered, but it failed", broken(Flaw::FailsWhoWaitsBeside))
        .with("for how long from the question", broken(Flaw::FreshUntil))
        .with("shows no credential", broken(Flaw::ShowsCredentials))
        .with("answers what the service said, but", broken(Flaw::LosesValues))
        .with("answers what the service said of this host", broken(Flaw::OneAnswerForAllHosts))
        .with("never gives an empty or a false answer", broken(Flaw::FailureIsEmpty))
        .with("on a status of 404", broken(Flaw::StatusIsEmpty))
        .with("on a body of", broken(Flaw::BadBodyIsEmpty))
        .with("on an answer that broke off", broken(Flaw::CutBodyIsTaken))
        .with("to the query's host alone", broken(Flaw::FollowsRedirects))
        .with("gives an older answer as stale", broken(Flaw::OldAnswerIsCached))
        .with("gives an older answer as stale", broken(Flaw::OldAnswerIsEmptied))
        .with("settles nothing for others", broken(Flaw::RefusalSettlesForAll))
        .with("to the query's host alone", broken(Flaw::AsksAnotherHost))
        .with("under the query's credentials", broken(Flaw::AsksWithoutCredentials))
        .check();
}

/// What it takes the safety net to refuse.
pub(crate) fn endless(refused: Refused) -> Refused {
    refused.with("doesn't block its thread", broken(Flaw::BlocksItsThread))
}
