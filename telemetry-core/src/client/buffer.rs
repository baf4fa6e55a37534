//! The one thing that driver threads touch: a bounded buffer of events.
//!
//! It is cut into shards, and a thread pushes into the first that it can lock without waiting, starting with
//! its own: so no thread ever waits, not even for one that was put to sleep with a lock in its hand, and a
//! forked child that inherited a locked shard goes on to the next. Each shard keeps its own books, in which
//! `seen = taken + refused + waiting` holds whenever nobody holds its lock.

use std::collections::VecDeque;

use crate::guard::lock::{lock, try_lock};
use crate::guard::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::guard::sync::{Mutex, MutexGuard};
use crate::guard::thread;
use crate::ledger::{Counts, Refusal};
use crate::pipeline::event::Event;

const SHARDS: usize = 8;
const ROUNDS: usize = 64;

#[derive(Debug)]
pub(crate) struct EventBuffer {
    shards: [Mutex<Shard>; SHARDS],
    /// The order in which events were recorded. An event that was caused by another has a higher number.
    sequence: AtomicU64,
    /// Events in all shards, to keep the bound. Sequentially consistent with the flag by which the worker
    /// says that it sleeps until it is woken: one of the two sides sees the other.
    waiting: AtomicUsize,
    limit: usize,
    closed: AtomicBool,
    /// What was refused without a shard to note it in.
    contended: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    events: VecDeque<(u64, Event)>,
    seen: u64,
    /// What the events in it stand for.
    waiting: u64,
    refused: Counts<Refusal>,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It is in the buffer; how many wait there now.
    Waiting(usize),
    Refused,
}

/// The shards' books, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BufferBooks {
    pub(crate) seen: u64,
    pub(crate) waiting: u64,
    pub(crate) refused: Counts<Refusal>,
}

impl EventBuffer {
    pub(crate) fn new(limit: usize) -> Self {
        EventBuffer {
            shards: Default::default(),
            sequence: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            limit,
            closed: AtomicBool::new(false),
            contended: AtomicU64::new(0),
        }
    }

    /// Adds an event, or refuses it and counts why. Never waits.
    pub(crate) fn push(&self, event: Event) -> Pushed {
        let weight = event.weight();
        let Some(mut shard) = self.lock_any() else {
            self.contended.fetch_add(weight, Ordering::Relaxed);
            return Pushed::Refused;
        };
        shard.seen += weight;
        // Read under the lock: `close` passes through every lock after setting it.
        if self.closed.load(Ordering::Acquire) {
            shard.refused.add(Refusal::Closed, weight);
            return Pushed::Refused;
        }
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        if before >= self.limit {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            shard.refused.add(Refusal::BufferFull, weight);
            return Pushed::Refused;
        }
        shard.waiting += weight;
        shard.events.push_back((self.sequence.fetch_add(1, Ordering::AcqRel), event));
        Pushed::Waiting(before + 1)
    }

    /// Counts events that were refused before they could be pushed.
    pub(crate) fn refuse(&self, reason: Refusal, weight: u64) {
        match self.lock_any() {
            Some(mut shard) => {
                shard.seen += weight;
                shard.refused.add(reason, weight);
            }
            None => {
                self.contended.fetch_add(weight, Ordering::Relaxed);
            }
        }
    }

    /// Takes out the oldest events, `most` at the most, in the order they were recorded.
    ///
    /// An event never comes out before one that caused it: what was recorded after the call began stays for
    /// the next.
    pub(crate) fn take(&self, most: u64) -> Vec<Event> {
        let end = self.sequence.load(Ordering::Acquire);
        let first = self
            .shards
            .iter()
            .filter_map(|shard| lock(shard).events.front().map(|(number, _)| *number))
            .min();
        let Some(end) = first.map(|first| end.min(first.saturating_add(most))) else { return Vec::new() };
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            let upto = shard.events.partition_point(|(number, _)| *number < end);
            let before = taken.len();
            taken.extend(shard.events.drain(..upto));
            shard.waiting -= taken[before..].iter().map(|(_, event)| event.weight()).sum::<u64>();
        }
        self.waiting.fetch_sub(taken.len(), Ordering::SeqCst);
        taken.sort_unstable_by_key(|(number, _)| *number);
        taken.into_iter().map(|(_, event)| event).collect()
    }

    /// Refuses what is in the buffer. What it was is for the caller to drop, without a lock in hand.
    pub(crate) fn refuse_all(&self, reason: Refusal) -> Vec<VecDeque<(u64, Event)>> {
        let refuse = |shard: &Mutex<Shard>| {
            let mut shard = lock(shard);
            let waiting = std::mem::take(&mut shard.waiting);
            shard.refused.add(reason, waiting);
            let events = std::mem::take(&mut shard.events);
            self.waiting.fetch_sub(events.len(), Ordering::SeqCst);
            events
        };
        self.shards.iter().map(refuse).collect()
    }

    /// Refuses everything from now on. What is in the buffer stays to be taken.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for shard in &self.shards {
            drop(lock(shard));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// The books. They agree with what was taken as long as nobody takes meanwhile.
    pub(crate) fn books(&self) -> BufferBooks {
        let mut books = BufferBooks::default();
        for shard in &self.shards {
            let shard = lock(shard);
            books.seen += shard.seen;
            books.waiting += shard.waiting;
            books.refused.merge(&shard.refused);
        }
        let contended = self.contended.load(Ordering::Relaxed);
        books.seen += contended;
        books.refused.add(Refusal::Contended, contended);
        books
    }

    fn lock_any(&self) -> Option<MutexGuard<'_, Shard>> {
        let own = thread::number();
        for _ in 0..ROUNDS {
            for offset in 0..SHARDS {
                if let Some(shard) = try_lock(&self.shards[own.wrapping_add(offset) % SHARDS]) {
                    return Some(shard);
                }
            }
            std::hint::spin_loop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::event::EventKind;
    use crate::pipeline::event::tests::{event, number_of};
    use crate::pipeline::statement::{Errors, StatementAggregate, StatementEvent};
    use crate::plugin::clock::Tick;

    #[test]
    fn events_come_out_in_the_order_they_were_recorded() {
        let buffer = EventBuffer::new(100);
        // Each thread has a shard of its own; they record one after another, and in turns.
        for number in 0..30 {
            std::thread::scope(|scope| _ = scope.spawn(|| buffer.push(event(number))));
        }
        assert!(buffer.shards.iter().filter(|shard| !lock(shard).events.is_empty()).count() > 1);
        let numbers = |taken: Vec<Event>| taken.iter().map(number_of).collect::<Vec<_>>();
        assert_eq!(
            numbers(buffer.take(7)),
            (0..7).collect::<Vec<_>>(),
            "the oldest, and no more than asked for"
        );
        assert_eq!(numbers(buffer.take(u64::MAX)), (7..30).collect::<Vec<_>>());
        assert!(buffer.is_empty() && buffer.take(u64::MAX).is_empty());
    }

    #[test]
    fn a_full_buffer_refuses_and_counts() {
        let buffer = EventBuffer::new(2);
        assert_eq!(buffer.push(event(0)), Pushed::Waiting(1));
        assert_eq!(buffer.push(event(1)), Pushed::Waiting(2));
        assert_eq!(buffer.push(event(2)), Pushed::Refused);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::BufferFull)), (3, 2, 1));
    }

    #[test]
    fn what_is_refused_at_the_end_is_counted() {
        let buffer = EventBuffer::new(10);
        (0..5).for_each(|number| _ = buffer.push(event(number)));
        assert_eq!(buffer.take(2).len(), 2);
        buffer.close();
        let refused: usize = buffer.refuse_all(Refusal::Closed).iter().map(VecDeque::len).sum();
        let books = buffer.books();
        assert_eq!((refused, books.refused.get(Refusal::Closed)), (3, 3));
        assert_eq!((books.seen, books.waiting, buffer.is_empty()), (5, 0, true));
    }

    #[test]
    fn a_closed_buffer_refuses_and_counts() {
        let buffer = EventBuffer::new(2);
        buffer.push(event(0));
        buffer.close();
        assert_eq!(buffer.push(event(1)), Pushed::Refused);
        assert_eq!(buffer.books().refused.get(Refusal::Closed), 1);
        assert_eq!(buffer.take(u64::MAX).len(), 1);
    }

    /// A statement that was gathered by its handle: an event that stands for four.
    fn statement() -> Event {
        let mut statement = StatementAggregate::start(Tick::ZERO, Errors::at_most(1));
        _ = statement.apply(StatementEvent::Retried(1));
        _ = statement.apply(StatementEvent::Retried(1));
        statement.complete(None, None);
        Event { kind: EventKind::Finished(Box::new(statement)), ..event(0) }
    }

    #[test]
    fn an_event_counts_for_as_many_as_it_stands_for_whatever_becomes_of_it() {
        let buffer = EventBuffer::new(1);
        assert_eq!(buffer.push(statement()), Pushed::Waiting(1), "it takes one place");
        assert_eq!(buffer.push(statement()), Pushed::Refused);
        buffer.refuse(Refusal::InvalidId, 3);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::BufferFull)), (11, 4, 4));
        assert_eq!(buffer.take(u64::MAX).len(), 1);
        buffer.close();
        assert_eq!(buffer.push(statement()), Pushed::Refused);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::Closed)), (15, 0, 4));
        assert_eq!(books.refused.total(), 4 + 3 + 4);
    }

    #[test]
    fn a_locked_shard_makes_nobody_wait() {
        let buffer = EventBuffer::new(10);
        let locked: Vec<_> = buffer.shards[..SHARDS - 1].iter().map(lock).collect();
        assert_eq!(buffer.push(event(0)), Pushed::Waiting(1));
        drop(locked);
        let locked: Vec<_> = buffer.shards.iter().map(lock).collect();
        assert_eq!(buffer.push(event(1)), Pushed::Refused);
        drop(locked);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::Contended)), (2, 1, 1));
    }

    #[test]
    fn many_threads_lose_nothing_and_keep_their_order() {
        let buffer = EventBuffer::new(100_000);
        let mut taken = Vec::new();
        std::thread::scope(|scope| {
            let pushers: Vec<_> = (0..8u64)
                .map(|thread| {
                    let buffer = &buffer;
                    scope.spawn(move || {
                        (0..2000).for_each(|n| {
                            buffer.push(event(thread << 32 | n));
                        })
                    })
                })
                .collect();
            while pushers.iter().any(|pusher| !pusher.is_finished()) {
                taken.extend(buffer.take(u64::MAX));
            }
        });
        taken.extend(buffer.take(u64::MAX));
        let books = buffer.books();
        assert_eq!(books.seen, 16_000);
        assert_eq!(taken.len() as u64 + books.refused.total(), 16_000);
        let mut last = [None; 8];
        for event in &taken {
            let number = number_of(event);
            let slot = &mut last[(number >> 32) as usize];
            assert!(slot.is_none_or(|before| before < number));
            *slot = Some(number);
        }
    }
}
