//! The one thing that driver threads touch: a bounded buffer of events.
//!
//! It is cut into shards, and a thread pushes into the first that it can lock without waiting, starting with
//! its own: so no thread ever waits, not even for one that was put to sleep with a lock in its hand, and a
//! forked child that inherited a locked shard goes on to the next. Each shard keeps its own books, in which
//! `seen = taken + refused + waiting` holds whenever nobody holds its lock.

use std::sync::Arc;

use crate::client::queue::Queue;
use crate::guard::lock::{lock, try_lock};
use crate::guard::memory::{Memory, Waiting};
use crate::guard::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::guard::sync::{Mutex, MutexGuard};
use crate::guard::thread;
use crate::ledger::{Counts, Refusal};
use crate::pipeline::event::Event;
use crate::record::SessionContext;

const LANES: usize = 8;
const ROUNDS: usize = 64;

#[derive(Debug)]
pub(crate) struct EventBuffer<S = Arc<SessionContext>> {
    lanes: [Lane<S>; LANES],
    /// The order in which events were recorded. An event that was caused by another has a higher number.
    sequence: AtomicU64,
    /// Counts the events in all shards, and their bytes.
    memory: Arc<Memory>,
    limit: usize,
    closed: AtomicBool,
    /// What was refused without a shard to note it in.
    contended: AtomicU64,
}

/// What the threads change that start with one shard, in lines of the cache that the others don't.
#[derive(Debug)]
#[repr(align(64))]
struct Lane<S> {
    shard: Mutex<Shard<S>>,
    /// What was refused before it was made, as there were too many events.
    unmade_by_count: AtomicU64,
    /// The same, as there were too many bytes.
    unmade_by_bytes: AtomicU64,
}

impl<S> Default for Lane<S> {
    fn default() -> Self {
        let (unmade_by_count, unmade_by_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Lane { shard: Mutex::default(), unmade_by_count, unmade_by_bytes }
    }
}

/// An event and its number, which is last in memory as it is known last: a copy that began with it would wait
/// for it to be written.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Numbered<S> {
    event: Event<S>,
    number: u64,
}

#[derive(Debug)]
struct Shard<S> {
    events: Queue<Numbered<S>>,
    seen: u64,
    /// What the events in it stand for.
    waiting: u64,
    /// How many bytes they take.
    bytes: u64,
    refused: Counts<Refusal>,
}

impl<S> Default for Shard<S> {
    fn default() -> Self {
        Shard { events: Queue::default(), seen: 0, waiting: 0, bytes: 0, refused: Counts::default() }
    }
}

/// What was taken out of the buffer.
#[derive(Debug)]
pub(crate) struct Taken<S> {
    pub(crate) events: Vec<Event<S>>,
    /// All events below this number have been.
    pub(crate) upto: u64,
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

impl<S> EventBuffer<S> {
    pub(crate) fn new(limit: usize, memory: Arc<Memory>) -> Self {
        EventBuffer {
            lanes: Default::default(),
            sequence: AtomicU64::new(0),
            memory,
            limit,
            closed: AtomicBool::new(false),
            contended: AtomicU64::new(0),
        }
    }

    /// Adds an event, or refuses it and counts why. Never waits.
    #[inline]
    pub(crate) fn push(&self, event: Event<S>) -> Pushed {
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
        let bytes = event.bytes();
        let before = self.memory.push(bytes);
        let refusal = if before.count >= self.limit {
            Some(Refusal::BufferFull)
        } else {
            (!self.memory.has_room_for(before.bytes + bytes)).then_some(Refusal::MemoryFull)
        };
        if let Some(refusal) = refusal {
            self.memory.pop(Waiting { count: 1, bytes });
            shard.refused.add(refusal, weight);
            return Pushed::Refused;
        }
        shard.waiting += weight;
        shard.bytes += bytes;
        let number = self.sequence.fetch_add(1, Ordering::AcqRel);
        shard.events.push_back(Numbered { event, number });
        Pushed::Waiting(before.count + 1)
    }

    /// Why an event that is made now would be refused, as far as can be told without a lock.
    pub(crate) fn no_room(&self) -> Option<Refusal> {
        if self.memory.waiting().count >= self.limit {
            return Some(Refusal::BufferFull);
        }
        self.memory.is_full().then_some(Refusal::MemoryFull)
    }

    /// Counts events that weren't made, as there was no room for them.
    pub(crate) fn refuse_unmade(&self, reason: Refusal, weight: u64) {
        let Lane { unmade_by_count, unmade_by_bytes, .. } = &self.lanes[thread::number() % LANES];
        let unmade = if reason == Refusal::MemoryFull { unmade_by_bytes } else { unmade_by_count };
        unmade.fetch_add(weight, Ordering::Relaxed);
    }

    /// The number of the next event.
    pub(crate) fn next(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
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
    pub(crate) fn take(&self, most: u64) -> Taken<S> {
        let end = self.sequence.load(Ordering::Acquire);
        let first = self
            .shards()
            .filter_map(|shard| lock(shard).events.front().map(|numbered| numbered.number))
            .min();
        let Some(first) = first else {
            self.shrink();
            return Taken { events: Vec::new(), upto: end };
        };
        let end = end.min(first.saturating_add(most));
        let count = end.saturating_sub(first) as usize;
        let (mut numbers, mut taken) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut bytes, mut in_order) = (0, true);
        for shard in self.shards() {
            let mut shard = lock(shard);
            let Shard { events, waiting, bytes: held, .. } = &mut *shard;
            let before = *held;
            events.take_while(
                |numbered| numbered.number < end,
                |Numbered { number, event }| {
                    *waiting -= event.weight();
                    *held -= event.bytes();
                    in_order &= number == first + taken.len() as u64;
                    numbers.push(number);
                    taken.push(event);
                },
            );
            bytes += before - *held;
        }
        self.memory.pop(Waiting { count: taken.len(), bytes });
        if !in_order {
            // No number between the two is missing, so each says its event's place.
            for at in 0..taken.len() {
                while let place = (numbers[at] - first) as usize
                    && place != at
                    && place < taken.len()
                {
                    numbers.swap(at, place);
                    taken.swap(at, place);
                }
            }
        }
        Taken { events: taken, upto: end }
    }

    /// Gives back the room that it had for events, where none waits.
    fn shrink(&self) {
        // A shard that somebody holds has an event coming.
        for mut shard in self.shards().filter_map(try_lock) {
            if shard.events.is_empty() {
                shard.events = Queue::default();
            }
        }
    }

    /// Refuses what is in the buffer. What it was is for the caller to drop, without a lock in hand.
    pub(crate) fn refuse_all(&self, reason: Refusal) -> Vec<Queue<Numbered<S>>> {
        let refuse = |shard: &Mutex<Shard<S>>| {
            let mut shard = lock(shard);
            let waiting = std::mem::take(&mut shard.waiting);
            shard.refused.add(reason, waiting);
            let events = std::mem::take(&mut shard.events);
            let bytes = std::mem::take(&mut shard.bytes);
            self.memory.pop(Waiting { count: events.len(), bytes });
            events
        };
        self.shards().map(refuse).collect()
    }

    /// Refuses everything from now on. What is in the buffer stays to be taken.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for shard in self.shards() {
            drop(lock(shard));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.memory.waiting().count == 0
    }

    /// The books. They agree with what was taken as long as nobody takes meanwhile.
    pub(crate) fn books(&self) -> BufferBooks {
        let mut books = BufferBooks::default();
        for shard in self.shards() {
            let shard = lock(shard);
            books.seen += shard.seen;
            books.waiting += shard.waiting;
            books.refused.merge(&shard.refused);
        }
        let contended = self.contended.load(Ordering::Relaxed);
        books.seen += contended;
        books.refused.add(Refusal::Contended, contended);
        for Lane { unmade_by_count, unmade_by_bytes, .. } in &self.lanes {
            let unmade = [(Refusal::BufferFull, unmade_by_count), (Refusal::MemoryFull, unmade_by_bytes)];
            for (reason, count) in unmade {
                let count = count.load(Ordering::Relaxed);
                books.seen += count;
                books.refused.add(reason, count);
            }
        }
        books
    }

    fn shards(&self) -> impl Iterator<Item = &Mutex<Shard<S>>> {
        self.lanes.iter().map(|lane| &lane.shard)
    }

    fn lock_any(&self) -> Option<MutexGuard<'_, Shard<S>>> {
        let own = thread::number();
        try_lock(&self.lanes[own % LANES].shard).or_else(|| self.lock_another(own))
    }

    #[cold]
    fn lock_another(&self, own: usize) -> Option<MutexGuard<'_, Shard<S>>> {
        for _ in 0..ROUNDS {
            for offset in 0..LANES {
                if let Some(shard) = try_lock(&self.lanes[own.wrapping_add(offset) % LANES].shard) {
                    return Some(shard);
                }
            }
            std::hint::spin_loop();
        }
        None
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::guard::memory::MemoryPool;
    use crate::pipeline::event::EventKind;
    use crate::pipeline::event::tests::{event, number_of};
    use crate::pipeline::statement::{StatementAggregate, StatementEvent};
    use crate::plugin::clock::Tick;

    pub(crate) fn buffer(limit: usize) -> EventBuffer {
        let pool = Arc::new(MemoryPool::new(u64::MAX));
        EventBuffer::new(limit, Arc::new(Memory::new(u64::MAX >> 1, pool)))
    }

    #[test]
    fn events_come_out_in_the_order_they_were_recorded() {
        let buffer = buffer(100);
        // Each thread has a shard of its own; they record one after another, and in turns.
        for number in 0..30 {
            std::thread::scope(|scope| _ = scope.spawn(|| buffer.push(event(number))));
        }
        assert!(buffer.shards().filter(|shard| !lock(shard).events.is_empty()).count() > 1);
        let numbers = |taken: Vec<Event>| taken.iter().map(number_of).collect::<Vec<_>>();
        assert_eq!(
            numbers(buffer.take(7).events),
            (0..7).collect::<Vec<_>>(),
            "the oldest, and no more than asked for"
        );
        assert_eq!(numbers(buffer.take(u64::MAX).events), (7..30).collect::<Vec<_>>());
        assert!(buffer.is_empty() && buffer.take(u64::MAX).events.is_empty());
    }

    #[test]
    fn a_full_buffer_refuses_and_counts() {
        let buffer = buffer(2);
        assert_eq!(buffer.push(event(0)), Pushed::Waiting(1));
        assert_eq!(buffer.push(event(1)), Pushed::Waiting(2));
        assert_eq!(buffer.push(event(2)), Pushed::Refused);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::BufferFull)), (3, 2, 1));
    }

    #[test]
    fn what_is_refused_at_the_end_is_counted() {
        let buffer = buffer(10);
        (0..5).for_each(|number| _ = buffer.push(event(number)));
        assert_eq!(buffer.take(2).events.len(), 2);
        buffer.close();
        let refused: usize = buffer.refuse_all(Refusal::Closed).iter().map(Queue::len).sum();
        let books = buffer.books();
        assert_eq!((refused, books.refused.get(Refusal::Closed)), (3, 3));
        assert_eq!((books.seen, books.waiting, buffer.is_empty()), (5, 0, true));
    }

    #[test]
    fn a_closed_buffer_refuses_and_counts() {
        let buffer = buffer(2);
        buffer.push(event(0));
        buffer.close();
        assert_eq!(buffer.push(event(1)), Pushed::Refused);
        assert_eq!(buffer.books().refused.get(Refusal::Closed), 1);
        assert_eq!(buffer.take(u64::MAX).events.len(), 1);
    }

    /// A statement that was gathered by its handle: an event that stands for four.
    fn statement() -> Event {
        let mut statement = StatementAggregate::start(Tick::ZERO, 1);
        _ = statement.apply(StatementEvent::Retried(1));
        _ = statement.apply(StatementEvent::Retried(1));
        statement.complete(None, None);
        Event { kind: EventKind::Finished(Box::new(statement)), ..event(0) }
    }

    #[test]
    fn an_event_counts_for_as_many_as_it_stands_for_whatever_becomes_of_it() {
        let buffer = buffer(1);
        assert_eq!(buffer.push(statement()), Pushed::Waiting(1), "it takes one place");
        assert_eq!(buffer.push(statement()), Pushed::Refused);
        buffer.refuse(Refusal::InvalidId, 3);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::BufferFull)), (11, 4, 4));
        assert_eq!(buffer.take(u64::MAX).events.len(), 1);
        buffer.close();
        assert_eq!(buffer.push(statement()), Pushed::Refused);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::Closed)), (15, 0, 4));
        assert_eq!(books.refused.total(), 4 + 3 + 4);
    }

    #[test]
    fn a_locked_shard_makes_nobody_wait() {
        let buffer = buffer(10);
        let locked: Vec<_> = buffer.shards().take(LANES - 1).map(lock).collect();
        assert_eq!(buffer.push(event(0)), Pushed::Waiting(1));
        drop(locked);
        let locked: Vec<_> = buffer.shards().map(lock).collect();
        assert_eq!(buffer.push(event(1)), Pushed::Refused);
        drop(locked);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, books.refused.get(Refusal::Contended)), (2, 1, 1));
    }

    #[test]
    fn many_threads_lose_nothing_and_keep_their_order() {
        let buffer = buffer(100_000);
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
                taken.extend(buffer.take(u64::MAX).events);
            }
        });
        taken.extend(buffer.take(u64::MAX).events);
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
