//! Plug-ins that do what a script says: answer, fail, panic, hang, or block their thread.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use telemetry_core::plugin::{
    Attempt, AuthHeaders, FlagOrigin, FlagQuery, FlagSet, HttpRequest, HttpResponse, PluginError, Receipt,
    ScopeId, Transport,
};
use telemetry_core::record::{EventId, Record};
use telemetry_core::{CredentialProvider, Exporter, FeatureFlagSource, Host};

/// What a scripted plug-in does with one call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Do<T> {
    /// It gives this.
    Give(T),
    /// It fails.
    Fail(PluginError),
    /// It panics.
    Panic,
    /// It never answers.
    Hang,
    /// It blocks its thread until the script is [released](Script::release) or dropped.
    Block,
}

/// What a plug-in does with one call after another: first what was queued, then the standing answer for ever.
///
/// Clones are the same script, so a test keeps one and hands in another.
pub struct Script<T> {
    state: Arc<Shared<T>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    released: Condvar,
}

struct State<T> {
    queue: VecDeque<Do<T>>,
    standing: Do<T>,
    calls: usize,
    is_released: bool,
}

impl<T: Clone> Script<T> {
    /// A script that does this with every call.
    pub fn always(standing: Do<T>) -> Self {
        let state = State { queue: VecDeque::new(), standing, calls: 0, is_released: false };
        Script { state: Arc::new(Shared { state: Mutex::new(state), released: Condvar::new() }) }
    }

    /// The same, with this for the call after those queued before.
    #[must_use]
    pub fn first(self, step: Do<T>) -> Self {
        self.lock().queue.push_back(step);
        self
    }

    /// From now on, does this with every call that nothing is queued for.
    pub fn set(&self, standing: Do<T>) {
        self.lock().standing = standing;
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.lock().calls
    }

    /// Lets all blocked calls go on, and never blocks again; they hang instead.
    pub fn release(&self) {
        self.lock().is_released = true;
        self.state.released.notify_all();
    }

    /// Does what is to be done with one call.
    ///
    /// # Panics
    ///
    /// When the script says so.
    pub async fn run(&self) -> Result<T, PluginError> {
        match self.next() {
            Do::Give(value) => Ok(value),
            Do::Fail(failure) => Err(failure),
            Do::Panic => panic!("a scripted panic"),
            Do::Hang => std::future::pending().await,
            Do::Block => {
                self.block();
                std::future::pending().await
            }
        }
    }

    /// Does what is to be done with one call of a method that isn't asynchronous. It can't hang; it blocks
    /// instead.
    ///
    /// # Panics
    ///
    /// When the script says so.
    pub fn run_now(&self) -> Result<T, PluginError> {
        match self.next() {
            Do::Give(value) => Ok(value),
            Do::Fail(failure) => Err(failure),
            Do::Panic => panic!("a scripted panic"),
            Do::Hang | Do::Block => {
                self.block();
                Err(PluginError::new(telemetry_core::Fault::Other))
            }
        }
    }

    fn next(&self) -> Do<T> {
        let mut state = self.lock();
        state.calls += 1;
        state.queue.pop_front().unwrap_or_else(|| state.standing.clone())
    }

    fn block(&self) {
        let state = self.lock();
        drop(self.state.released.wait_while(state, |state| !state.is_released));
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Script<T> {
    fn clone(&self) -> Self {
        Script { state: Arc::clone(&self.state) }
    }
}

impl<T> fmt::Debug for Script<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

/// What a scripted exporter says of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Accept {
    /// All of it was accepted.
    All,
    /// So many records were.
    Only(usize),
}

/// One attempt, as an exporter saw it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempted {
    /// Where to.
    pub host: Host,
    /// What.
    pub records: Vec<Arc<Record>>,
    /// Under which credentials. Their `Debug` hides them; [`AuthHeaders::get`] doesn't.
    pub credentials: Option<AuthHeaders>,
}

impl Attempted {
    /// The ids of its records.
    pub fn ids(&self) -> Vec<EventId> {
        self.records.iter().map(|record| record.id).collect()
    }
}

/// An exporter that remembers every attempt and does what its script says; by default it accepts everything.
#[derive(Clone, Debug)]
pub struct RecordingExporter {
    script: Script<Accept>,
    attempts: Arc<Mutex<Vec<(Attempted, usize)>>>,
    remembers: bool,
}

impl RecordingExporter {
    /// One that accepts everything.
    pub fn new() -> Self {
        RecordingExporter::scripted(Script::always(Do::Give(Accept::All)))
    }

    /// One that does what the script says.
    pub fn scripted(script: Script<Accept>) -> Self {
        RecordingExporter { script, attempts: Arc::default(), remembers: true }
    }

    /// One that accepts everything and remembers nothing, for measuring.
    pub fn forgetful() -> Self {
        RecordingExporter { remembers: false, ..RecordingExporter::new() }
    }

    /// Its script.
    pub fn script(&self) -> &Script<Accept> {
        &self.script
    }

    /// All attempts, in order, those that failed included.
    pub fn attempts(&self) -> Vec<Attempted> {
        self.lock().iter().map(|(attempt, _)| attempt.clone()).collect()
    }

    /// Takes all attempts out, so that nothing keeps their records alive.
    pub fn take(&self) -> Vec<Attempted> {
        std::mem::take(&mut *self.lock()).into_iter().map(|(attempt, _)| attempt).collect()
    }

    /// The records that were accepted, in order.
    pub fn accepted(&self) -> Vec<Arc<Record>> {
        self.lock()
            .iter()
            .flat_map(|(attempt, accepted)| attempt.records.iter().take(*accepted).cloned())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Attempted, usize)>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for RecordingExporter {
    fn default() -> Self {
        RecordingExporter::new()
    }
}

#[async_trait]
impl Exporter for RecordingExporter {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let place = self.remembers.then(|| {
            let mut attempts = self.lock();
            let seen = Attempted {
                host: attempt.host.clone(),
                records: attempt.records.to_vec(),
                credentials: attempt.credentials.cloned(),
            };
            attempts.push((seen, 0));
            attempts.len() - 1
        });
        let accepted = match self.script.run().await? {
            Accept::All => attempt.records.len(),
            Accept::Only(count) => count,
        };
        if let Some(place) = place {
            self.lock()[place].1 = accepted;
        }
        Ok(Receipt::new(accepted))
    }
}

/// A source of flags that does what its script says.
#[derive(Clone, Debug)]
pub struct ScriptedFlags(Script<FlagSet>);

impl ScriptedFlags {
    /// One that does what the script says.
    pub fn new(script: Script<FlagSet>) -> Self {
        ScriptedFlags(script)
    }

    /// One that answers that this flag, and no other, is on or off, and that it need not be asked again.
    pub fn fixed(name: &str, on: bool) -> Self {
        ScriptedFlags(Script::always(Do::Give(flag(name, on, Duration::MAX))))
    }

    /// Its script.
    pub fn script(&self) -> &Script<FlagSet> {
        &self.0
    }
}

/// One flag, on or off, and for how long it is fresh.
pub fn flag(name: &str, on: bool, fresh_for: Duration) -> FlagSet {
    FlagSet::new([(name.to_owned(), on.to_string())].into(), FlagOrigin::Fetched, fresh_for)
}

#[async_trait]
impl FeatureFlagSource for ScriptedFlags {
    async fn flags(&self, _query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        self.0.run().await
    }
}

/// A credential provider that does what its scripts say.
#[derive(Clone, Debug)]
pub struct ScriptedCredentials {
    scope: Script<ScopeId>,
    headers: Script<AuthHeaders>,
}

impl ScriptedCredentials {
    /// A principal with this token.
    pub fn token(token: &str) -> Self {
        ScriptedCredentials {
            scope: Script::always(Do::Give(ScopeId::derived_from(token))),
            headers: Script::always(Do::Give(AuthHeaders::bearer(token))),
        }
    }

    /// One that does what the scripts say.
    pub fn new(scope: Script<ScopeId>, headers: Script<AuthHeaders>) -> Self {
        ScriptedCredentials { scope, headers }
    }

    /// What it does when asked for its headers.
    pub fn headers_script(&self) -> &Script<AuthHeaders> {
        &self.headers
    }
}

#[async_trait]
impl CredentialProvider for ScriptedCredentials {
    fn scope(&self) -> ScopeId {
        self.scope.run_now().unwrap_or(ScopeId::new(0))
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        self.headers.run().await
    }
}

/// A transport that remembers every request and answers what its script says.
#[derive(Clone, Debug)]
pub struct ScriptedTransport {
    script: Script<HttpResponse>,
    requests: Arc<Mutex<Vec<HttpRequest>>>,
}

impl ScriptedTransport {
    /// One that does what the script says.
    pub fn new(script: Script<HttpResponse>) -> Self {
        ScriptedTransport { script, requests: Arc::default() }
    }

    /// One that always answers this.
    pub fn answering(status: u16, body: impl Into<Vec<u8>>) -> Self {
        ScriptedTransport::new(Script::always(Do::Give(HttpResponse::new(status, body))))
    }

    /// Its script.
    pub fn script(&self) -> &Script<HttpResponse> {
        &self.script
    }

    /// All requests, in order.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Transport for ScriptedTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        self.script.run().await
    }
}
