//! One client's way to one sink: what waits for it, and its books. Its worker is in `outlet_worker.rs`.

use std::future::Future;
use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, watch};

use crate::client::destination::{Delivered, Destination, breaker};
use crate::client::logins::may_block;
use crate::client::plugins::{Plugins, SharedSink};
use crate::fault::PluginError;
use crate::guard::lock::lock;
use crate::guard::memory::Memory;
use crate::guard::panic::DropGuarded;
use crate::guard::sync::Mutex;
use crate::guard::thread;
use crate::host::Host;
use crate::ledger::{DropReason, RecordLedger};
use crate::pipeline::delivery::{AttemptOutcome, Delivery, Next};
use crate::plugin::breaker::{Breaker, BreakerState};
use crate::plugin::clock::Tick;
use crate::plugin::sink::Sink;
use crate::record::{Record, SessionContext};

/// What waits for one sink, of one client.
pub(crate) struct Outlet {
    pub(crate) shared: Arc<SharedSink>,
    pub(crate) host: Host,
    state: Mutex<State>,
    memory: Memory,
    breaker: OnceLock<Arc<dyn Breaker>>,
    /// There is something to do.
    work: Notify,
    /// The number of the oldest record that is still held.
    left: watch::Sender<u64>,
    /// Last: it has what of the sink is foreign dropped where nobody waits for it.
    pub(crate) plugins: Arc<Plugins>,
}

struct State {
    delivery: Delivery,
    /// Whose record came last: a connection counts with the first of its records in a row.
    session: Option<Arc<SessionContext>>,
    last_failure: Option<PluginError>,
    breaker: Option<BreakerState>,
    finished: bool,
}

/// What a sink says of itself, taken at one moment.
#[derive(Debug)]
pub(crate) struct OutletSnapshot {
    pub(crate) records: RecordLedger,
    pub(crate) breaker: Option<BreakerState>,
    pub(crate) last_failure: Option<PluginError>,
}

/// What the worker is to do.
pub(crate) enum Step {
    Send(Vec<Arc<Record>>),
    Wait(Tick),
    Finished,
}

impl Outlet {
    pub(crate) fn new(plugins: &Arc<Plugins>, shared: &Arc<SharedSink>, host: &Host) -> Arc<Self> {
        let config = &shared.sink.config;
        Arc::new(Outlet {
            plugins: Arc::clone(plugins),
            shared: Arc::clone(shared),
            host: host.clone(),
            state: Mutex::new(State {
                delivery: Delivery::new(config, fastrand::u64(..)),
                session: None,
                last_failure: None,
                breaker: None,
                finished: false,
            }),
            memory: Memory::new(config.max_bytes as u64, Arc::clone(&shared.memory)),
            breaker: OnceLock::new(),
            work: Notify::new(),
            left: watch::Sender::new(0),
        })
    }

    /// Changes what waits, and says afterwards how much that is.
    fn change<T>(&self, change: impl FnOnce(&mut State, Tick) -> T) -> T {
        let now = self.plugins.clock.now();
        let mut state = lock(&self.state);
        let changed = change(&mut state, now);
        while state.delivery.bytes() > self.memory.room_for_pipeline(state.delivery.bytes())
            && state.delivery.overflow()
        {}
        self.memory.set_pipeline(state.delivery.bytes());
        let left = state.delivery.left();
        drop(state);
        // A thread that is late here has an older number.
        self.left.send_modify(|before| *before = left.max(*before));
        changed
    }

    /// Offers records, as its audience sees them.
    pub(crate) fn offer(&self, records: impl Iterator<Item = (Arc<Record>, bool)>) {
        self.change(|state, now| {
            for (record, urgent) in records {
                let same = state.session.as_ref().is_some_and(|last| Arc::ptr_eq(last, &record.session));
                let session = if same { 0 } else { record.session.bytes() };
                state.session = Some(Arc::clone(&record.session));
                let bytes = record.bytes() + record.text_bytes() + session;
                state.delivery.push_counted(record, urgent, bytes, now);
            }
            if state.finished {
                state.delivery.drop_waiting(DropReason::Closed);
            }
        });
        self.work.notify_one();
    }

    /// Sends what waits now as soon as may be. The number up to which records are to have left then.
    pub(crate) fn flush(&self) -> u64 {
        let upto = self.change(|state, _| state.delivery.flush());
        self.work.notify_one();
        upto
    }

    /// Completes when all records before this number have left, or there is nobody to send them any more.
    pub(crate) fn left(&self, upto: u64) -> impl Future<Output = ()> + Send + 'static {
        let mut left = self.left.subscribe();
        async move {
            let _ = left.wait_for(|left| *left >= upto).await;
        }
    }

    /// Has the worker look.
    pub(crate) fn wake_up(&self) {
        self.work.notify_one();
    }

    /// Completes when there is something to do.
    pub(crate) fn woken(&self) -> impl Future<Output = ()> {
        self.work.notified()
    }

    /// Whether nothing more will be sent before this end of a close. If not, its worker is told of the close.
    pub(crate) fn is_done_by(&self, deadline: Tick) -> bool {
        let is_done = self.change(|state, now| {
            state.delivery.close_by(Some(deadline));
            state.delivery.next(now) == Next::GiveUp
        });
        if !is_done {
            self.wake_up();
        }
        is_done
    }

    pub(crate) fn step(&self, sending: bool, closing: Option<Tick>) -> Step {
        self.change(|state, now| {
            state.delivery.close_by(closing);
            state.delivery.expire(now);
            if state.finished {
                return Step::Finished;
            }
            match state.delivery.next(now) {
                Next::Send if !sending => Step::Send(state.delivery.take(now)),
                Next::Wait(Some(at)) => Step::Wait(at),
                Next::Send | Next::Wait(None) | Next::GiveUp => Step::Wait(Tick::MAX),
            }
        })
    }

    /// Notes how an attempt ended; what the breaker did before, if that is something else now.
    pub(crate) fn settle(&self, Delivered { attempted, breaker }: Delivered) -> Option<BreakerState> {
        self.change(|state, now| {
            if let AttemptOutcome::Answered(Err(failure)) = attempted {
                state.last_failure = Some(failure);
            }
            if state.delivery.is_in_flight() {
                state.delivery.settle(attempted, now);
            }
            let before = state.breaker.unwrap_or(BreakerState::Closed);
            state.breaker = breaker.or(state.breaker);
            breaker.filter(|now| !now.is_like(before)).map(|_| before)
        })
    }

    /// The end: what waits is dropped under `reason`, what is in flight may have arrived.
    pub(crate) fn finish(&self, reason: DropReason) {
        self.change(|state, _| {
            if !std::mem::replace(&mut state.finished, true) {
                state.session = None;
                state.delivery.drop_waiting(reason);
                state.delivery.drop_in_flight(DropReason::OutcomeUnknown);
            }
        });
        self.work.notify_one();
    }

    /// The end after a panic of our own.
    pub(crate) fn fail(&self) {
        self.change(|state, _| {
            state.finished = true;
            state.session = None;
            state.delivery.fail();
        });
    }

    pub(crate) fn snapshot(&self) -> OutletSnapshot {
        let state = lock(&self.state);
        let State { delivery, last_failure, breaker, .. } = &*state;
        OutletSnapshot { records: delivery.ledger(), breaker: *breaker, last_failure: *last_failure }
    }

    /// What its records are delivered by.
    pub(crate) fn destination(&self) -> Destination<'_> {
        let Sink { exporter, breakers, config, .. } = &self.shared.sink;
        Destination {
            exporter: &**exporter,
            breaker: breaker(&self.breaker, &**breakers, &self.host),
            unanswered: config.flush_interval,
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let Some(breaker) = self.breaker.take() else { return };
        if !self.plugins.in_parent_process() {
            return std::mem::forget(breaker);
        }
        // Foreign code, on whatever thread this is: what may hold it up gets one of its own.
        let breaker = DropGuarded(Some(breaker));
        if may_block(|| self.shared.sink.breakers.may_block()) {
            // Without a thread it happens here, when the closure is dropped.
            drop(thread::spawn("telemetry-drop", move || drop(breaker)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::client::tests::client;
    use crate::pipeline::event::tests::session;
    use crate::record::id::EventId;
    use crate::record::{Body, RecordKind};

    fn offer(outlet: &Outlet, count: usize) {
        let record = || Record {
            id: EventId::random(),
            stamp: SystemTime::UNIX_EPOCH,
            session: session(),
            body: Body::new(RecordKind::Statement),
        };
        outlet.offer((0..count).map(|_| (Arc::new(record()), false)));
    }

    /// Puts a batch in flight.
    fn send(outlet: &Outlet) {
        outlet.flush();
        assert!(matches!(outlet.step(false, None), Step::Send(_)));
    }

    #[test]
    fn what_comes_after_its_end_is_in_its_books_as_too_late() {
        let client = client();
        let [outlet] = client.outlets() else { panic!("there is one sink") };
        offer(outlet, 2);
        send(outlet);
        offer(outlet, 3);
        outlet.finish(DropReason::RuntimeGone);
        offer(outlet, 4);
        outlet.finish(DropReason::Expired);
        let OutletSnapshot { records, .. } = outlet.snapshot();
        let dropped = |reason| records.dropped.get(reason);
        assert_eq!(dropped(DropReason::OutcomeUnknown), 2);
        assert_eq!((dropped(DropReason::RuntimeGone), dropped(DropReason::Closed)), (3, 4));
        assert!(records.balances() && records.held == 0 && outlet.memory.held() == 0);
        assert!(matches!(outlet.step(false, None), Step::Finished));
    }

    #[test]
    fn after_a_fault_of_our_own_its_books_balance_and_it_takes_nothing_more() {
        let client = client();
        let [outlet] = client.outlets() else { panic!("there is one sink") };
        offer(outlet, 2);
        send(outlet);
        offer(outlet, 3);
        outlet.fail();
        offer(outlet, 4);
        let OutletSnapshot { records, .. } = outlet.snapshot();
        let dropped = |reason| records.dropped.get(reason);
        assert_eq!((dropped(DropReason::InternalFault), dropped(DropReason::Closed)), (5, 4));
        assert!(records.balances() && records.held == 0 && outlet.memory.held() == 0);
        assert!(matches!(outlet.step(false, None), Step::Finished));
    }

    #[test]
    fn who_waits_for_records_to_leave_is_woken_when_they_do() {
        let client = client();
        let [outlet] = client.outlets() else { panic!("there is one sink") };
        offer(outlet, 1);
        let upto = outlet.flush();
        let mut left = outlet.left.subscribe();
        assert!(*left.borrow_and_update() < upto);
        outlet.finish(DropReason::RuntimeGone);
        assert!(left.has_changed().unwrap() && *left.borrow() >= upto);
    }

    #[test]
    fn one_batch_is_under_way_at_a_time() {
        let client = client();
        let [outlet] = client.outlets() else { panic!("there is one sink") };
        offer(outlet, 1);
        outlet.flush();
        assert!(matches!(outlet.step(true, None), Step::Wait(Tick::MAX)));
        assert!(matches!(outlet.step(false, None), Step::Send(_)));
    }
}
