//! When the worker is woken: for what is urgent, when much waits, or when it sleeps with nothing else to wake
//! it.

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::guard::sync::atomic::{AtomicBool, Ordering};

/// What drivers' threads wake the worker with. No method waits.
///
/// Sequentially consistent with the buffer's count of what waits: of a thread that adds an event and a worker
/// that goes to sleep, one sees the other.
#[derive(Debug)]
pub(crate) struct Wakeup {
    notify: Notify,
    /// Whether the worker sleeps with nothing to wake it but an event.
    parked: AtomicBool,
    /// Whether it was woken because much waits, and hasn't looked yet.
    called: AtomicBool,
    /// The number of waiting events at which it is woken.
    high_water: usize,
}

impl Wakeup {
    pub(crate) fn new(high_water: usize) -> Self {
        Wakeup {
            notify: Notify::new(),
            parked: AtomicBool::new(false),
            called: AtomicBool::new(false),
            high_water,
        }
    }

    /// Whether an event is to wake the worker, given how many wait now.
    pub(crate) fn is_due(&self, waiting: usize, urgent: bool) -> bool {
        let high = waiting >= self.high_water && !self.called.swap(true, Ordering::SeqCst);
        urgent || high || self.parked.load(Ordering::SeqCst)
    }

    /// Wakes the worker.
    pub(crate) fn wake(&self) {
        self.parked.store(false, Ordering::SeqCst);
        self.notify.notify_one();
    }

    /// The worker looks into the buffer now: the next time that much waits, it is woken again.
    pub(crate) fn looking(&self) {
        self.called.store(false, Ordering::SeqCst);
    }

    /// The worker goes to sleep until the next event, unless there is one already; whether it may.
    pub(crate) fn park(&self, is_empty: impl FnOnce() -> bool) -> bool {
        self.parked.store(true, Ordering::SeqCst);
        let parked = is_empty();
        if !parked {
            self.parked.store(false, Ordering::SeqCst);
        }
        parked
    }

    /// Completes when the worker is woken, also if it was before this was asked.
    pub(crate) fn woken(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;
    use crate::client::tests::client;
    use crate::fault::{Fault, PluginError};
    use crate::pipeline::{Busy, Step};
    use crate::plugin::credentials::StaticToken;

    fn was_woken(wakeup: &Wakeup) -> bool {
        pin!(wakeup.woken()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn much_that_waits_is_due_once_until_the_worker_looks() {
        let wakeup = Wakeup::new(3);
        assert!(!wakeup.is_due(2, false));
        assert!(wakeup.is_due(3, false));
        assert!(!wakeup.is_due(4, false), "once is enough");
        // The worker has begun to look, and more wait than the mark says.
        wakeup.looking();
        assert!(wakeup.is_due(4, false));
    }

    #[test]
    fn what_is_urgent_is_always_due() {
        let wakeup = Wakeup::new(3);
        assert!(wakeup.is_due(1, true) && wakeup.is_due(1, true));
    }

    #[test]
    fn a_parked_worker_is_due_for_the_first_event_until_it_is_woken() {
        let wakeup = Wakeup::new(3);
        assert!(wakeup.park(|| true));
        assert!(wakeup.is_due(1, false));
        wakeup.wake();
        assert!(!wakeup.is_due(2, false));
        assert!(was_woken(&wakeup) && !was_woken(&wakeup));
    }

    #[test]
    fn a_worker_does_not_park_when_an_event_came_first() {
        let wakeup = Wakeup::new(3);
        assert!(!wakeup.park(|| false));
        assert!(!wakeup.is_due(1, false), "it is awake, and looks by itself");
    }

    #[test]
    fn a_log_in_wakes_the_worker_only_while_something_waits_for_one() {
        let client = client();
        let log_in = || {
            drop(client.provide(0, Arc::new(StaticToken::new("t"))));
            was_woken(&client.wakeup)
        };
        let step = || client.step(Busy::default(), &mut 1);
        let refused = || {
            let none = PluginError::new(Fault::Authentication).into();
            client.with_pipeline(|pipeline, now| pipeline.flags(Err(none), now));
        };
        assert!(!log_in(), "nothing was refused");
        step();
        refused();
        assert!(log_in() && !log_in(), "once is enough");
        step();
        assert!(log_in(), "it looked meanwhile");
        step();
        client.with_pipeline(|pipeline, now| pipeline.flags(Err(PluginError::new(503).into()), now));
        assert!(!log_in(), "nothing is refused any more");
        // The next step sees it all the same, and asks again within a second.
        refused();
        let soon = client.plugins.clock.now() + Duration::from_secs(1);
        let step = step();
        assert!(matches!(step, Step::Ask) || matches!(step, Step::Wait(at) if at <= soon), "{step:?}");
    }
}
