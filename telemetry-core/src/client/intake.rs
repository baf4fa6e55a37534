//! From a client's buffer through its pipeline: what its worker does with what drivers recorded.

use std::sync::Arc;
use std::time::SystemTime;

use crate::client::Client;
use crate::guard::lock::lock;
use crate::guard::sync::atomic::Ordering;
use crate::pipeline::{Busy, Offered, Pipeline, Step};
use crate::plugin::clock::Tick;
use crate::plugin::sink::Sink;
use crate::record::{Audience, Level, Record};

/// How many events are taken in under one hold of the lock, which who asks for the status may want.
pub(super) const SLICE: u64 = 64;
/// How many slices are taken in before the other clients have their turn.
const SLICES_AT_ONCE: usize = 16;

/// Up to where records are to leave: the vendor's, and each sink's.
#[derive(Clone, Debug)]
pub(crate) struct Upto {
    pub(crate) records: u64,
    pub(crate) outlets: Vec<u64>,
}

impl Client {
    /// How many slices a buffer's worth of events has. Drivers may go on recording while the buffer is
    /// emptied; what comes after as many is for the next time.
    pub(crate) fn slices(&self) -> u64 {
        self.config.max_events as u64 / SLICE + 1
    }

    /// Takes in what was recorded, `ahead` slices at the most, and says what to do next. It asks to be called
    /// again when that takes long.
    pub(crate) fn step(&self, busy: Busy, ahead: &mut u64) -> Step {
        let wall = self.plugins.clock.wall();
        self.wakeup.looking();
        for _ in 0..SLICES_AT_ONCE {
            // The next step follows from what was taken in last.
            let step = self.absorb_slice(wall, ahead, |pipeline, now| {
                if self.logged_in.swap(false, Ordering::SeqCst) {
                    pipeline.logged_in(now);
                }
                pipeline.step(now, busy, self.closing())
            });
            if let Some(step) = step {
                return step;
            }
        }
        Step::More
    }

    /// Tells its sinks of a close. Its end, while that is still to come and not all of them are done.
    pub(crate) fn close_outlets(&self) -> Option<Tick> {
        let deadline = self.closing()?;
        let done = self.outlets_are_done_by(deadline);
        (!done && self.plugins.clock.now() < deadline).then_some(deadline)
    }

    /// Takes in a slice of what was recorded. When it was the last, does more under the same hold of the
    /// lock.
    pub(super) fn absorb_slice<T>(
        &self,
        wall: SystemTime,
        ahead: &mut u64,
        then: impl FnOnce(&mut Pipeline, Tick) -> T,
    ) -> Option<T> {
        *ahead = ahead.saturating_sub(1);
        self.absorb(SLICE, wall, |pipeline, now, taken| {
            (*ahead == 0 || taken < SLICE as usize).then(|| then(pipeline, now))
        })
    }

    /// Takes in up to `most` events, and then does more under the same hold of the lock, told how many
    /// there were.
    fn absorb<T>(
        &self,
        most: u64,
        wall: SystemTime,
        then: impl FnOnce(&mut Pipeline, Tick, usize) -> T,
    ) -> T {
        self.with_pipeline(|pipeline, now| {
            let mut contexts = Vec::new();
            let events = if pipeline.is_finished() {
                Vec::new()
            } else {
                self.sessions.resolve(|| self.buffer.take(most), &mut contexts)
            };
            let taken = events.len();
            pipeline.absorb(events, now, wall, |bytes| self.memory.room_for_pipeline(bytes));
            then(pipeline, now, taken)
        })
    }

    /// Changes the pipeline under its lock.
    pub(crate) fn with_pipeline<T>(&self, change: impl FnOnce(&mut Pipeline, Tick) -> T) -> T {
        let now = self.plugins.clock.now();
        let mut pipeline = lock(&self.pipeline);
        let changed = change(&mut pipeline, now);
        // Drivers' threads read both, so they are written only where they change.
        if self.recording.load(Ordering::Relaxed) != pipeline.is_recording() {
            self.recording.store(pipeline.is_recording(), Ordering::Release);
        }
        if self.awaits_login.load(Ordering::SeqCst) != pipeline.awaits_login() {
            self.awaits_login.store(pipeline.awaits_login(), Ordering::SeqCst);
        }
        self.memory.set_pipeline(pipeline.bytes());
        let left = pipeline.left();
        let offered = pipeline.take_offered();
        // Before the pipeline is let go, so that they come in order and a flush finds all that was made.
        let offering = (!offered.is_empty()).then(|| lock(&self.offering));
        drop(pipeline);
        if offering.is_some() {
            self.offer(&offered);
        }
        drop(offering);
        // Not under its lock: it may wake who waits for a flush. A thread that is late here has an older
        // number.
        self.left.send_if_modified(|before| {
            let later = left > *before;
            *before = left.max(*before);
            later
        });
        changed
    }

    /// Offers its sinks the records that were made.
    fn offer(&self, records: &[Offered]) {
        // What an audience sees of a record at a level is made once, and shared by its sinks.
        let mut views: Vec<[[Option<Arc<Record>>; 3]; 3]> = vec![Default::default(); records.len()];
        for outlet in &self.outlets {
            let Sink { audience, level, .. } = outlet.shared.sink;
            let taken = records.iter().zip(&mut views);
            let taken = taken.filter(|(offered, _)| outlet.shared.sink.takes(&offered.record));
            outlet.offer(taken.map(|(Offered { record, trace_parent, urgent }, views)| {
                // Above it nothing more is left out, and only of statements and calls anything is.
                let level = if record.body.sql.is_some() { level.min(Level::Info) } else { Level::Trace };
                let view = views[audience as usize][level as usize].get_or_insert_with(|| {
                    let mut view = record.seen_by(audience);
                    level.leave_out(&mut view.body);
                    if audience == Audience::Customer {
                        view.body.trace_parent.clone_from(trace_parent);
                    }
                    Arc::new(view)
                });
                (Arc::clone(view), *urgent)
            }));
        }
    }

    /// Takes in what was recorded so far, and sends it as soon as may be. Up to where records are to have
    /// [left](Self::left) then.
    pub(crate) fn flush(&self) -> Upto {
        let (wall, mut ahead) = (self.plugins.clock.wall(), self.slices());
        let upto = loop {
            if let Some(upto) = self.absorb_slice(wall, &mut ahead, |pipeline, _| pipeline.flush()) {
                break upto;
            }
        };
        self.wake_up();
        drop(lock(&self.offering));
        Upto { records: upto, outlets: self.outlets.iter().map(|outlet| outlet.flush()).collect() }
    }

    /// Whether, of a close that is to end by then, nothing is left to its sinks.
    fn outlets_are_done_by(&self, deadline: Tick) -> bool {
        // Each is told of the close.
        self.outlets.iter().filter(|outlet| !outlet.is_done_by(deadline)).count() == 0
    }

    /// Completes when all records before have left for the vendor and for every sink, or the client is
    /// finished.
    pub(crate) fn left(&self, upto: &Upto) -> impl Future<Output = ()> + Send + 'static {
        let (mut left, records) = (self.left.subscribe(), upto.records);
        let outlets = self.outlets.iter().zip(&upto.outlets);
        let outlets: Vec<_> = outlets.map(|(outlet, upto)| outlet.left(*upto)).collect();
        async move {
            let _ = left.wait_for(|left| *left >= records).await;
            for left in outlets {
                left.await;
            }
        }
    }

    /// Whether all records before have left for the vendor.
    pub(crate) fn has_left(&self, upto: &Upto) -> bool {
        *self.left.borrow() >= upto.records
    }
}
