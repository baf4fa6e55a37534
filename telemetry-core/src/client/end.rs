//! The end of a client: what waits for it, what brings it about, and what is left to drop.

use std::sync::PoisonError;

use crate::client::buffer::BufferBooks;
use crate::client::intake::SLICE;
use crate::client::logins::may_block;
use crate::client::{Client, Snapshot};
use crate::guard::lock::lock;
use crate::guard::panic::{DropGuarded, catch_panic};
use crate::guard::sync::atomic::Ordering;
use crate::guard::thread;
use crate::ledger::{DropReason, Refusal};

/// How many events are still taken in when a client is finished.
const MOST_AT_THE_END: u64 = 16 * 1024;

impl Client {
    /// The end: whatever is still held is dropped under `reason`, what is under way is given up, and nothing
    /// new comes.
    pub(crate) fn finish(&self, reason: DropReason) {
        let wall = self.plugins.clock.wall();
        self.close_buffer();
        let finished = catch_panic(|| {
            // What can't be taken in while somebody waits is refused, and counted.
            let mut ahead = self.slices().min(MOST_AT_THE_END / SLICE);
            while self.absorb_slice(wall, &mut ahead, |_, _| ()).is_none() {}
            self.with_pipeline(|pipeline, now| {
                if !pipeline.is_finished() {
                    pipeline.finish(reason, now);
                }
                self.buffer.refuse_all(Refusal::Closed)
            })
        });
        match finished {
            None => return self.fail(),
            // Many take their time also to drop.
            Some(refused) if refused.iter().any(|events| !events.is_empty()) => {
                drop(thread::spawn("telemetry-drop", move || drop(refused)));
            }
            Some(_) => {}
        }
        self.end_rest(reason);
    }

    /// Refuses and counts what comes from now on, whether or not it still records.
    pub(crate) fn close_buffer(&self) {
        self.buffer.close();
        self.ended.store(true, Ordering::Relaxed);
    }

    /// The end after a panic of our own: what isn't in the books is in them as lost by that.
    pub(crate) fn fail(&self) {
        self.close_buffer();
        let mut pipeline = lock(&self.pipeline);
        drop(self.buffer.take(u64::MAX));
        let BufferBooks { seen, refused, .. } = self.buffer.books();
        pipeline.fail(seen - refused.total());
        self.memory.set_pipeline(pipeline.bytes());
        drop(pipeline);
        self.recording.store(false, Ordering::Release);
        self.left.send_replace(u64::MAX);
        self.end_rest(DropReason::InternalFault);
    }

    /// Ends what is its own beside the pipeline, and tells who waits for the end.
    fn end_rest(&self, reason: DropReason) {
        self.outlets.iter().for_each(|outlet| outlet.finish(reason));
        self.sessions.forget_gone();
        self.finished.send_replace(true);
        if reason != DropReason::Closed {
            self.plugins.ended_early.fetch_add(1, Ordering::Release);
        }
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
}

impl Drop for Client {
    fn drop(&mut self) {
        // Foreign code, on whatever thread this is: what may hold it up gets one of its own.
        let logins = self.logins.get_mut().unwrap_or_else(PoisonError::into_inner);
        let blocks = logins.may_block();
        let credentials = logins.take();
        let breaker = self.breaker.take();
        let breakers = &self.plugins.breakers;
        let blocks = blocks || breaker.is_some() && may_block(|| breakers.may_block());
        if !self.plugins.in_parent_process() {
            // In a forked child the threads that they may wait for in the end aren't there.
            return std::mem::forget((credentials, breaker));
        }
        let this: *const Client = self;
        self.plugins.roll.retire(this, |totals| {
            let Snapshot { events, records, sinks, .. } = self.snapshot();
            totals.add(&events, &records, sinks.into_iter().map(|sink| sink.records));
        });
        let credentials: Vec<_> = credentials.into_iter().map(|one| DropGuarded(Some(one))).collect();
        let held = (DropGuarded(breaker), credentials);
        if blocks {
            // Without a thread it happens here, when the closure is dropped.
            drop(thread::spawn("telemetry-drop", move || drop(held)));
        }
    }
}
