//! What a provider needs of the world: a service that accepts everything, and a time that passes only when a
//! test lets it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use shuttle::future::yield_now;
use shuttle::sync::{Condvar, Mutex, MutexGuard};

use crate::client::Client;
use crate::config::{Mode, TelemetryConfig};
use crate::fault::{Fault, PluginError};
use crate::guard::lock::lock;
use crate::handle::connection_info::ConnectionInfo;
use crate::handle::lease::Lease;
use crate::handle::operation::Operation;
use crate::handle::provider::{ClientProvider, ClientProviderBuilder};
use crate::handle::session::Session;
use crate::handle::target::Target;
use crate::pipeline::event::tests::session;
use crate::plugin::breaker::AlwaysClosed;
use crate::plugin::clock::{BoxFuture, Clock, Tick};
use crate::plugin::exporter::{Attempt, Exporter, Receipt};
use crate::plugin::flags::{FeatureFlagSource, FlagQuery, FlagSet};
use crate::plugin::sink::Sink;
use crate::record::{OperationType, Record, SystemInfo};

/// Clones are the same world.
#[derive(Clone, Debug, Default)]
pub(crate) struct World(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    now: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
    may_block: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) received: Vec<Arc<Record>>,
    sleepers: Vec<(Tick, Waker)>,
}

impl World {
    /// A world whose service is called where calls may block.
    pub(crate) fn that_may_block() -> Self {
        World(Arc::new(Inner { may_block: true, ..Inner::default() }))
    }

    /// A provider in it that sends two records at a time, and is woken by four events that wait.
    pub(crate) fn provider(&self) -> ClientProvider {
        self.built(|builder| builder)
    }

    /// The same with a sink, which is a world of its own but for its time.
    pub(crate) fn provider_with_sink(&self, sink: &World) -> ClientProvider {
        self.built(|builder| {
            let config = TelemetryConfig::default().batch_size(2);
            builder.sink(Sink::new("sink", sink.clone()).config(config))
        })
    }

    fn built(&self, change: impl Fn(ClientProviderBuilder) -> ClientProviderBuilder) -> ClientProvider {
        let config = TelemetryConfig::default().mode(Mode::Forced).batch_size(2).max_events(16);
        let builder = ClientProvider::builder(session().driver.identity.clone())
            .config(config)
            .exporter(self.clone())
            .flags(self.clone())
            .breakers(AlwaysClosed)
            .clock(self.clone())
            .system(SystemInfo::default())
            .environment(|_| None);
        change(builder).build().unwrap()
    }

    /// Waits for something, and lets no time pass.
    pub(crate) fn wait(&self, until: impl Fn(&State) -> bool) {
        drop(self.changed_until(until));
    }

    /// Waits for something, and lets time pass whenever somebody sleeps.
    pub(crate) fn pass_time(&self, until: impl Fn(&State) -> bool) {
        loop {
            let mut state = self.changed_until(|state| until(state) || !state.sleepers.is_empty());
            if until(&state) {
                return;
            }
            let Some(next) = state.sleepers.iter().map(|(at, _)| *at).min() else { continue };
            self.0.now.fetch_max(next.as_nanos(), Ordering::SeqCst);
            let woken: Vec<_> = state.sleepers.extract_if(.., |(at, _)| *at <= next).collect();
            drop(state);
            woken.into_iter().for_each(|(_, waker)| waker.wake());
        }
    }

    fn changed_until(&self, until: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = lock(&self.0.state);
        while !until(&state) {
            state = self.0.changed.wait(state).unwrap();
        }
        state
    }

    /// Has whoever waits look again.
    pub(crate) fn notice(&self) {
        drop(lock(&self.0.state));
        self.0.changed.notify_all();
    }

    pub(crate) fn all_received(&self) -> Vec<Arc<Record>> {
        let received = lock(&self.0.state).received.clone();
        let ids: BTreeSet<_> = received.iter().map(|record| record.id.to_string()).collect();
        assert_eq!(ids.len(), received.len(), "a record was sent twice");
        received
    }

    pub(crate) fn received(&self) -> usize {
        self.all_received().len()
    }
}

impl Clock for World {
    fn now(&self) -> Tick {
        Tick::from_nanos(self.0.now.load(Ordering::SeqCst))
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let world = self.clone();
        Box::pin(std::future::poll_fn(move |cx| {
            if world.now() >= at {
                return Poll::Ready(());
            }
            lock(&world.0.state).sleepers.push((at, cx.waker().clone()));
            world.0.changed.notify_all();
            if world.now() >= at { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
}

#[async_trait]
impl Exporter for World {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        // Somebody may give it up here.
        yield_now().await;
        lock(&self.0.state).received.extend(attempt.records.iter().cloned());
        self.0.changed.notify_all();
        Ok(Receipt::new(attempt.records.len()))
    }

    fn may_block(&self) -> bool {
        self.0.may_block
    }
}

#[async_trait]
impl FeatureFlagSource for World {
    async fn flags(&self, _query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        Err(Fault::Other.into())
    }

    fn may_block(&self) -> bool {
        false
    }
}

/// How long a close may take: no time passes, so it has to end by itself.
pub(crate) const WITHIN: Duration = Duration::from_secs(2);

/// A lease for the one principal that there is.
pub(crate) fn lease(provider: &ClientProvider) -> Lease {
    provider.acquire(Target::new("host.example.com"))
}

/// A connection of theirs, whose opening is an event.
pub(crate) fn connect(provider: &ClientProvider) -> (Lease, Session) {
    let lease = lease(provider);
    let session = lease.opening(ConnectionInfo::new()).opened_without_id();
    (lease, session)
}

pub(crate) fn client(lease: &Lease) -> Arc<Client> {
    Arc::clone(&lease.held().unwrap().client)
}

/// Records one event, which becomes one record.
pub(crate) fn operate(session: &Session) {
    session.operation(Operation::new(OperationType::ListTables, Duration::ZERO));
}
