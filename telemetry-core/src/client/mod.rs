//! One client: what all connections of one principal to one host share. Here is what drivers' threads do with
//! it; in `intake.rs` is what its worker does, and in `end.rs` its end.

pub(crate) mod buffer;
pub(crate) mod call_pool;
pub(crate) mod call_slot;
pub(crate) mod calls;
pub(crate) mod destination;
pub(crate) mod end;
pub(crate) mod intake;
pub(crate) mod key;
pub(crate) mod last_opened;
pub(crate) mod lease_guard;
pub(crate) mod logins;
pub(crate) mod observing;
pub(crate) mod outlet;
pub(crate) mod outlet_worker;
#[cfg_attr(all(test, shuttle), path = "../interleavings/own_runtime.rs")]
pub(crate) mod own_runtime;
pub(crate) mod plugins;
pub(crate) mod queue;
pub(crate) mod registry;
pub(crate) mod roll;
pub(crate) mod runtime;
pub(crate) mod safe_clock;
pub(crate) mod sessions;
pub(crate) mod shared;
pub(crate) mod status;
pub(crate) mod wakeup;
pub(crate) mod worker;

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use crate::client::buffer::{EventBuffer, Pushed};
use crate::client::destination::{Destination, breaker};
use crate::client::key::Key;
use crate::client::logins::{Leftover, Logins, may_block};
use crate::client::outlet::{Outlet, OutletSnapshot};
use crate::client::plugins::Plugins;
use crate::client::sessions::{SessionNumber, Sessions};
use crate::client::wakeup::Wakeup;
use crate::config::{Mode, TelemetryConfig};
use crate::fault::PluginError;
use crate::guard::lock::lock;
use crate::guard::memory::Memory;
use crate::guard::own_work::is_own_work;
use crate::guard::sync::Mutex;
use crate::guard::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::host::Host;
use crate::ledger::{Counts, DropReason, EventLedger, RecordLedger, Refusal};
use crate::pipeline::Pipeline;
use crate::pipeline::event::Event;
use crate::pipeline::gate::{FlagState, Gate};
use crate::plugin::breaker::{Breaker, BreakerState};
use crate::plugin::clock::Tick;
use crate::plugin::credentials::CredentialProvider;
use crate::record::SessionContext;

/// Shared between the handles of its connections, which push into its buffer, and its worker, which does all
/// else.
pub(crate) struct Client {
    pub(crate) plugins: Arc<Plugins>,
    /// The provider's, with those of its connections in their places.
    pub(crate) config: TelemetryConfig,
    pub(crate) host: Host,
    /// Which of the host's workspaces, where the driver says.
    pub(crate) workspace: Option<i64>,
    /// Whether its connections have a principal, whose credentials are asked for.
    has_principal: bool,
    /// Whether its records travel under them.
    pub(crate) authenticated: bool,
    logins: Mutex<Logins>,
    next_lease: AtomicU64,
    /// Whether there are credentials that weren't there, or weren't known to be good, when the worker looked
    /// last.
    logged_in: AtomicBool,
    /// Whether something waits for such, which is all that the worker is woken for by a log-in.
    awaits_login: AtomicBool,
    pub(crate) memory: Arc<Memory>,
    /// Names and SQLSTATEs of errors that were none.
    malformed: AtomicU64,
    pub(crate) forced: bool,
    buffer: EventBuffer<SessionNumber>,
    sessions: Sessions,
    pipeline: Mutex<Pipeline>,
    /// Whether handles record: one load is all that a driver pays while it is `false`.
    recording: AtomicBool,
    /// Whether it is finished, for handles that don't record.
    ended: AtomicBool,
    /// The deadline of its close, in nanoseconds of its tick; that of [`Tick::MAX`] while nobody closes it.
    closing: AtomicU64,
    wakeup: Wakeup,
    /// Its ways to the provider's sinks.
    outlets: Vec<Arc<Outlet>>,
    /// Held while they are offered what was made.
    offering: Mutex<()>,
    finished: watch::Sender<bool>,
    /// The number of the oldest record that is still held.
    left: watch::Sender<u64>,
    breaker: OnceLock<Arc<dyn Breaker>>,
}

/// What a client says of itself, taken at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) known: FlagState,
    pub(crate) finished: bool,
    pub(crate) events: EventLedger,
    pub(crate) records: RecordLedger,
    pub(crate) breaker: Option<BreakerState>,
    pub(crate) last_failure: Option<PluginError>,
    pub(crate) open_statements: usize,
    pub(crate) sinks: Vec<OutletSnapshot>,
}

impl Client {
    pub(crate) fn new(plugins: Arc<Plugins>, key: &Key, config: TelemetryConfig) -> Self {
        let Key { host, workspace, scope, terms } = key;
        let flag = plugins.driver.identity.flag();
        let outlets: Vec<_> = plugins.sinks.iter().map(|sink| Outlet::new(&plugins, sink, host)).collect();
        let gate = match terms.mode {
            Mode::Off => Gate::off(),
            Mode::On => Gate::new(config.flag_retry),
            Mode::Forced => Gate::forced(),
        };
        let pipeline = Pipeline::new(&config, flag, gate, !outlets.is_empty(), fastrand::u64(..));
        let memory = Arc::new(Memory::new(config.max_bytes as u64, Arc::clone(&plugins.memory)));
        Client {
            host: host.clone(),
            workspace: *workspace,
            has_principal: scope.is_some(),
            authenticated: scope.is_some() && terms.authenticated,
            logins: Mutex::default(),
            next_lease: AtomicU64::new(0),
            logged_in: AtomicBool::new(false),
            awaits_login: AtomicBool::new(false),
            malformed: AtomicU64::new(0),
            forced: terms.mode == Mode::Forced,
            buffer: EventBuffer::new(config.max_events, Arc::clone(&memory)),
            memory,
            sessions: Sessions::default(),
            pipeline: Mutex::new(pipeline),
            recording: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            closing: AtomicU64::new(Tick::MAX.as_nanos()),
            outlets,
            offering: Mutex::default(),
            wakeup: Wakeup::new((config.max_events / 4).max(1)),
            finished: watch::Sender::new(false),
            left: watch::Sender::new(0),
            breaker: OnceLock::new(),
            config,
            plugins,
        }
    }

    /// Whether events are worth making.
    #[inline]
    pub(crate) fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    /// Whether an event is worth making; one that comes after the end is refused here, and counted.
    #[inline]
    pub(crate) fn may_record(&self) -> bool {
        // Whoever sees that it doesn't record any more also sees why.
        let recording = self.recording.load(Ordering::Acquire);
        if !recording && self.ended.load(Ordering::Relaxed) {
            self.refuse_after_the_end();
        }
        recording
    }

    #[cold]
    fn refuse_after_the_end(&self) {
        self.refuse(Refusal::Closed, 1);
    }

    /// Takes an event from a driver's thread. Never waits.
    pub(crate) fn record(&self, event: Event<SessionNumber>) {
        if is_own_work() {
            return;
        }
        let urgent = event.is_urgent();
        let Pushed::Waiting(waiting) = self.buffer.push(event) else { return };
        if self.wakeup.is_due(waiting, urgent) {
            self.wake_up();
        }
    }

    /// Whether an event that is made now would be refused for want of room; then it is counted, and not made.
    pub(crate) fn has_no_room(&self, weight: u64) -> bool {
        let Some(reason) = self.buffer.no_room() else { return false };
        if !is_own_work() {
            self.buffer.refuse_unmade(reason, weight);
        }
        true
    }

    /// A connection begins to record. `None` in a forked child where the lock may be held for ever.
    pub(crate) fn join_session(&self, context: Arc<SessionContext>) -> Option<SessionNumber> {
        self.sessions.join(context, || self.plugins.in_parent_process())
    }

    /// No handle speaks of it any more. Not in a forked child, where a lock may be held for ever.
    pub(crate) fn leave_session(&self, session: SessionNumber) {
        if self.plugins.in_parent_process() {
            self.sessions.leave(session, || self.buffer.next(), || self.buffer.is_empty());
        }
    }

    /// Counts an event that could not be made.
    pub(crate) fn refuse(&self, reason: Refusal, weight: u64) {
        if weight > 0 && !is_own_work() {
            self.buffer.refuse(reason, weight);
        }
    }

    /// Counts names and SQLSTATEs of errors that were none.
    pub(crate) fn count_malformed(&self, count: u64) {
        if count > 0 {
            self.malformed.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(crate) fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }

    /// Wakes the worker; not in a forked child, which has none, and where a lock may be held for ever.
    pub(crate) fn wake_up(&self) {
        if self.plugins.in_parent_process() {
            self.wakeup.wake();
        }
    }

    /// Completes when the worker is woken.
    pub(crate) fn woken(&self) -> impl Future<Output = ()> {
        self.wakeup.woken()
    }

    /// Tells the next event to wake the worker. `false` if there is one already.
    pub(crate) fn park(&self) -> bool {
        self.wakeup.park(|| self.buffer.is_empty())
    }

    /// Begins its close, or brings its deadline forward. Takes no lock.
    pub(crate) fn close_by(&self, deadline: Tick) {
        // Also one that never comes begins a close.
        self.closing.fetch_min(deadline.as_nanos().min(u64::MAX - 1), Ordering::AcqRel);
    }

    /// Ends its close: it has a lease again. Takes no lock.
    pub(crate) fn revive(&self) {
        self.closing.store(Tick::MAX.as_nanos(), Ordering::Release);
    }

    /// When its close ends, while it has begun.
    pub(crate) fn closing(&self) -> Option<Tick> {
        Some(Tick::from_nanos(self.closing.load(Ordering::Acquire))).filter(|deadline| *deadline < Tick::MAX)
    }

    /// A connection begins, with its credentials where it has some already; its number.
    pub(crate) fn join(&self, provider: Option<Arc<dyn CredentialProvider>>) -> u64 {
        let lease = self.next_lease.fetch_add(1, Ordering::Relaxed);
        if !self.has_principal {
            return lease;
        }
        let may_block = provider.as_ref().is_some_and(|provider| may_block(|| provider.may_block()));
        let logs_in = provider.is_some();
        // It had none before, so none are left over.
        self.with_logins(|logins| {
            logins.join(lease);
            provider.and_then(|provider| logins.provide(lease, provider, may_block))
        });
        if logs_in {
            self.log_in();
        }
        lease
    }

    /// A connection has credentials, or others than before.
    pub(crate) fn provide(&self, lease: u64, provider: Arc<dyn CredentialProvider>) -> Leftover {
        let may_block = may_block(|| provider.may_block());
        let leftover = self.with_logins(|logins| logins.provide(lease, provider, may_block));
        self.log_in();
        leftover
    }

    /// A connection has opened.
    pub(crate) fn opened(&self, lease: u64) -> Leftover {
        if !self.has_principal {
            return None;
        }
        let leftover = self.with_logins(|logins| logins.opened(lease));
        self.log_in();
        leftover
    }

    /// Sequentially consistent with the worker, which says that something waits before it looks for a log-in:
    /// one of the two sides sees the other.
    fn log_in(&self) {
        if !self.logged_in.swap(true, Ordering::SeqCst) && self.awaits_login.load(Ordering::SeqCst) {
            self.wake_up();
        }
    }

    /// A connection has ended.
    pub(crate) fn ended(&self, lease: u64) -> Leftover {
        if self.has_principal { self.with_logins(|logins| logins.ended(lease)) } else { None }
    }

    /// Whether its connections have a principal, whose credentials are asked for.
    pub(crate) fn has_principal(&self) -> bool {
        self.has_principal
    }

    /// Looks into the log-ins, or changes them, for a moment.
    pub(crate) fn with_logins<T>(&self, change: impl FnOnce(&mut Logins) -> T) -> T {
        change(&mut lock(&self.logins))
    }

    /// Its ways to the provider's sinks.
    pub(crate) fn outlets(&self) -> &[Arc<Outlet>] {
        &self.outlets
    }

    /// What its records are delivered to the vendor by.
    pub(crate) fn destination(&self) -> Destination<'_> {
        let Plugins { exporter, breakers, .. } = &*self.plugins;
        Destination {
            exporter: &**exporter,
            breaker: breaker(&self.breaker, &**breakers, &self.host),
            unanswered: self.config.flush_interval,
        }
    }

    /// When a call of a plug-in that begins now is to have ended.
    pub(crate) fn call_deadline(&self) -> Tick {
        self.plugins.clock.now() + self.plugins.config.request_timeout
    }

    /// What was dropped and refused.
    pub(crate) fn losses(&self) -> (Counts<DropReason>, Counts<Refusal>) {
        let pipeline = lock(&self.pipeline);
        let mut refused = self.buffer.books().refused;
        refused.merge(&pipeline.books().refused);
        (pipeline.ledger().dropped, refused)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let pipeline = lock(&self.pipeline);
        // Under the pipeline's lock, so that nothing is between the buffer and the pipeline.
        let buffer = self.buffer.books();
        let taken = pipeline.books();
        let mut refused = buffer.refused;
        refused.merge(&taken.refused);
        Snapshot {
            known: pipeline.flag_state(),
            finished: pipeline.is_finished(),
            events: EventLedger {
                seen: buffer.seen,
                folded: taken.folded,
                made: taken.made,
                refused,
                waiting: buffer.waiting,
            },
            records: pipeline.ledger(),
            breaker: pipeline.breaker(),
            last_failure: pipeline.last_failure(),
            open_statements: pipeline.open_statements(),
            sinks: self.outlets.iter().map(|outlet| outlet.snapshot()).collect(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::client::last_opened::LastOpened;
    use crate::client::plugins::{DropThread, SharedSink};
    use crate::client::roll::Roll;
    use crate::client::safe_clock::SafeClock;
    use crate::fault::{Fault, PluginError};
    use crate::guard::fork::Process;
    use crate::guard::memory::MemoryPool;
    use crate::host::HostPolicy;
    use crate::pipeline::event::tests::session;
    use crate::plugin::breaker::AlwaysClosed;
    use crate::plugin::exporter::{Attempt, Exporter, Receipt};
    use crate::plugin::flags::{FeatureFlagSource, FlagQuery, FlagSet};
    use crate::plugin::sink::Sink;
    use crate::text::rules::TextRules;

    #[derive(Debug)]
    pub(crate) struct Nobody;

    #[async_trait]
    impl Exporter for Nobody {
        async fn export(&self, _attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
            Err(Fault::Other.into())
        }
    }

    #[async_trait]
    impl FeatureFlagSource for Nobody {
        async fn flags(&self, _query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
            Err(Fault::Other.into())
        }
    }

    pub(crate) fn client() -> Client {
        client_of(Arc::new(plugins()))
    }

    pub(crate) fn client_of(plugins: Arc<Plugins>) -> Client {
        let host = Host::parse("host.example.com", HostPolicy::Public).unwrap();
        Client::new(plugins, &Key::of(host), TelemetryConfig::default())
    }

    pub(crate) fn plugins() -> Plugins {
        Plugins {
            driver: Arc::clone(&session().driver),
            config: TelemetryConfig::default(),
            text: TextRules::default(),
            exporter: Arc::new(Nobody),
            dry_run: None,
            flags: Arc::new(Nobody),
            breakers: Arc::new(AlwaysClosed),
            clock: SafeClock::machine(false),
            parent: Process::this(),
            memory: Arc::new(MemoryPool::new(u64::MAX)),
            ended_early: Arc::default(),
            observer: None,
            roll: Roll::default(),
            sinks: vec![Arc::new(SharedSink::new(Sink::new("sink", Nobody)))],
            last_opened: LastOpened::default(),
            last: DropThread::default(),
        }
    }
}
