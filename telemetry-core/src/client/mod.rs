//! One client: what all connections of one principal to one host share.

pub(crate) mod buffer;
pub(crate) mod call_slot;
pub(crate) mod calls;
pub(crate) mod lease_guard;
pub(crate) mod plugins;
pub(crate) mod pool;
pub(crate) mod registry;
pub(crate) mod runtime;
pub(crate) mod safe_clock;
pub(crate) mod status;
pub(crate) mod worker;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use tokio::sync::{Notify, watch};

use crate::client::buffer::{EventBuffer, Pushed};
use crate::client::plugins::Plugins;
use crate::fault::PluginError;
use crate::guard::lock::lock;
use crate::guard::own_work::is_own_work;
use crate::guard::panic::catch_panic;
use crate::host::Host;
use crate::ledger::{DropReason, EventLedger, RecordLedger, Refusal};
use crate::pipeline::event::Event;
use crate::pipeline::gate::FlagState;
use crate::pipeline::{Busy, Pipeline, Step};
use crate::plugin::breaker::{Breaker, BreakerState};
use crate::plugin::clock::Tick;
use crate::plugin::credentials::CredentialProvider;
use crate::record::{Record, SessionContext};
use crate::text::error_text::TextBudget;

/// Shared between the handles of its connections, which push into its buffer, and its worker, which does all else.
pub(crate) struct Client {
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) host: Host,
    /// Those of the connection that came last: its login is the one that is most likely to live.
    credentials: Mutex<Option<Arc<dyn CredentialProvider>>>,
    pub(crate) text: Arc<TextBudget>,
    pub(crate) forced: bool,
    buffer: EventBuffer,
    pipeline: Mutex<Pipeline>,
    /// Whether handles record: one load is all that a driver pays while it is `false`.
    recording: AtomicBool,
    /// Whether the worker sleeps with nothing to wake it but an event.
    parked: AtomicBool,
    pub(crate) wake: Notify,
    finished: watch::Sender<bool>,
    breaker: OnceLock<Arc<dyn Breaker>>,
    /// The number of waiting events at which the worker is woken.
    high_water: usize,
    /// Whether it was woken for that, and hasn't looked yet.
    called: AtomicBool,
}

/// How many events are taken in under one hold of the lock, which a driver's thread may want for a moment.
const SLICE: u64 = 64;

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
}

impl Client {
    pub(crate) fn new(
        plugins: Arc<Plugins>,
        host: Host,
        credentials: Option<Arc<dyn CredentialProvider>>,
        forced: bool,
    ) -> Self {
        let config = &plugins.config;
        let pipeline = Pipeline::new(config, plugins.driver.identity.flag(), forced, fastrand::u64(..));
        Client {
            host,
            credentials: Mutex::new(credentials),
            text: Arc::new(TextBudget::new(config.max_text_bytes as u64)),
            forced,
            buffer: EventBuffer::new(config.max_events),
            pipeline: Mutex::new(pipeline),
            recording: AtomicBool::new(true),
            parked: AtomicBool::new(false),
            wake: Notify::new(),
            finished: watch::Sender::new(false),
            breaker: OnceLock::new(),
            high_water: config.batch_size.min(config.max_events / 2).max(1),
            called: AtomicBool::new(false),
            plugins,
        }
    }

    /// Whether events are worth making.
    pub(crate) fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    /// Takes an event from a driver's thread. Never waits.
    pub(crate) fn record(&self, event: Event) {
        if is_own_work() {
            return;
        }
        let urgent = event.is_urgent();
        let Pushed::Waiting(waiting) = self.buffer.push(event) else { return };
        let high = waiting >= self.high_water && !self.called.swap(true, Ordering::SeqCst);
        if urgent || high || self.parked.load(Ordering::SeqCst) {
            self.wake_up();
        }
    }

    /// Counts an event that could not be made.
    pub(crate) fn refuse(&self, reason: Refusal, weight: u64) {
        if weight > 0 && !is_own_work() {
            self.buffer.refuse(reason, weight);
        }
    }

    /// Wakes the worker; not in a forked child, which has none, and where a lock may be held for ever.
    pub(crate) fn wake_up(&self) {
        if self.plugins.in_parent_process() {
            self.parked.store(false, Ordering::SeqCst);
            self.wake.notify_one();
        }
    }

    /// Tells the next event to wake the worker. `false` if there is one already.
    pub(crate) fn park(&self) -> bool {
        self.parked.store(true, Ordering::SeqCst);
        let parked = self.buffer.is_empty();
        if !parked {
            self.parked.store(false, Ordering::SeqCst);
        }
        parked
    }

    /// Takes in what was recorded, and says what to do next.
    pub(crate) fn step(&self, busy: Busy) -> Step {
        let wall = self.plugins.clock.wall();
        self.called.store(false, Ordering::SeqCst);
        // Drivers may go on recording meanwhile; what comes after a buffer's worth is for the next step.
        let mut slices = self.plugins.config.max_events as u64 / SLICE + 1;
        loop {
            slices -= 1;
            // The next step follows from what was taken in last, so it is made under the same hold of the lock.
            let step = self.absorb(SLICE, wall, |pipeline, now, taken| {
                (slices == 0 || taken < SLICE as usize).then(|| pipeline.step(now, busy))
            });
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Takes in so many events at the most, and then does more under the same hold of the lock, told how many there were.
    fn absorb<T>(
        &self,
        most: u64,
        wall: SystemTime,
        then: impl FnOnce(&mut Pipeline, Tick, usize) -> T,
    ) -> T {
        // What a session's exporter keeps with it may not be dropped under the lock, so it is kept until after.
        let mut sessions: Vec<Arc<SessionContext>> = Vec::new();
        let done = self.with_pipeline(|pipeline, now| {
            let events = if pipeline.is_finished() { Vec::new() } else { self.buffer.take(most) };
            sessions.extend(events.iter().map(|event| Arc::clone(&event.session)));
            pipeline.absorb(events, now, wall);
            then(pipeline, now, sessions.len())
        });
        catch_panic(move || drop(sessions));
        done
    }

    /// The credentials to use now.
    pub(crate) fn credentials(&self) -> Option<Arc<dyn CredentialProvider>> {
        lock(&self.credentials).clone()
    }

    /// Another connection of the same principal brings its own.
    pub(crate) fn renew_credentials(&self, credentials: Option<Arc<dyn CredentialProvider>>) {
        let before = std::mem::replace(&mut *lock(&self.credentials), credentials);
        catch_panic(move || drop(before));
    }

    /// Changes the pipeline under its lock, and lets go of what left it after.
    pub(crate) fn with_pipeline<T>(&self, change: impl FnOnce(&mut Pipeline, Tick) -> T) -> T {
        let now = self.plugins.clock.now();
        let (changed, gone) = self.change_pipeline(|pipeline| change(pipeline, now));
        catch_panic(move || drop(gone));
        changed
    }

    /// Changes the pipeline under its lock. What left it may hold foreign code, and is to be dropped without a lock.
    pub(crate) fn change_pipeline<T>(
        &self,
        change: impl FnOnce(&mut Pipeline) -> T,
    ) -> (T, Vec<Arc<Record>>) {
        let mut pipeline = lock(&self.pipeline);
        let changed = change(&mut pipeline);
        self.recording.store(pipeline.is_recording(), Ordering::Relaxed);
        let gone = pipeline.take_gone();
        (changed, gone)
    }

    /// The end: whatever is still held is dropped under `reason`, what is under way is given up, and nothing new comes.
    pub(crate) fn finish(&self, reason: DropReason) {
        let wall = self.plugins.clock.wall();
        self.buffer.close();
        self.absorb(u64::MAX, wall, |pipeline, now, _| {
            if !pipeline.is_finished() {
                pipeline.finish(reason, now);
            }
        });
        self.finished.send_replace(true);
        self.wake_up();
    }

    pub(crate) fn is_finished(&self) -> bool {
        *self.finished.borrow()
    }

    /// Completes when the client is finished.
    pub(crate) fn finished(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut finished = self.finished.subscribe();
        async move {
            // The sender lives in the client; without it there is nothing left to wait for.
            let _ = finished.wait_for(|finished| *finished).await;
        }
    }

    /// The host's breaker. `None` when its source panics.
    pub(crate) fn breaker(&self) -> Option<&Arc<dyn Breaker>> {
        if self.breaker.get().is_none() {
            let breaker = catch_panic(|| self.plugins.breakers.breaker(&self.host))?;
            let _ = self.breaker.set(breaker);
        }
        self.breaker.get()
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
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Foreign code, on whatever thread this is.
        let credentials = self.credentials.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let breaker = self.breaker.take();
        if self.plugins.in_parent_process() {
            catch_panic(move || drop(credentials));
            catch_panic(move || drop(breaker));
        } else {
            // In a forked child the threads that they may wait for in the end aren't there.
            std::mem::forget((credentials, breaker));
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use async_trait::async_trait;

    use super::*;
    use crate::client::plugins::{DropThread, Stuck};
    use crate::client::safe_clock::SafeClock;
    use crate::config::TelemetryConfig;
    use crate::fault::{Fault, PluginError};
    use crate::guard::fork::Process;
    use crate::host::HostPolicy;
    use crate::pipeline::event::tests::{event, session};
    use crate::plugin::breaker::AlwaysClosed;
    use crate::plugin::clock::SystemClock;
    use crate::plugin::exporter::{Attempt, Exporter, Receipt};
    use crate::plugin::flags::{FeatureFlagSource, FlagQuery, FlagSet};

    #[derive(Debug)]
    struct Nobody;

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

    fn client() -> Client {
        let plugins = Plugins {
            driver: Arc::clone(&session().driver),
            config: TelemetryConfig::default(),
            exporter: Arc::new(Nobody),
            flags: Arc::new(Nobody),
            breakers: Arc::new(AlwaysClosed),
            clock: SafeClock::new(Arc::new(SystemClock::new()), false),
            parent: Process::this(),
            stuck: Stuck::default(),
            last: DropThread::default(),
        };
        let host = Host::parse("host.example.com", HostPolicy::Public).unwrap();
        Client::new(Arc::new(plugins), host, None, false)
    }

    #[test]
    fn the_worker_is_woken_also_when_the_mark_was_passed_while_it_took_events() {
        let client = client();
        let woken = || pin!(client.wake.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        for number in 0..client.high_water as u64 {
            client.record(event(number));
        }
        assert!(woken());
        client.record(event(0));
        assert!(!woken(), "once is enough");
        // The worker has begun to look, and more wait than the mark says.
        client.called.store(false, Ordering::SeqCst);
        client.record(event(0));
        assert!(woken());
    }
}
