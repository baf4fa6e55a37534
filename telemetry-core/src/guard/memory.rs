//! How many bytes a client holds, within its own bound and its provider's.
//!
//! Counted is what grows with what a driver records: events in the buffer, and each [`Part`]. What a client
//! is made of itself, some kilobytes, is not.

use std::sync::Arc;

use crate::guard::sync::atomic::{AtomicU64, Ordering};

/// What is lent to a client at the least.
const LOAN: u64 = 4096;

/// What all clients of one provider may hold together.
#[derive(Debug)]
pub(crate) struct MemoryPool {
    limit: u64,
    lent: AtomicU64,
}

impl MemoryPool {
    pub(crate) fn new(limit: u64) -> Self {
        MemoryPool { limit, lent: AtomicU64::new(0) }
    }

    /// Lends at least `needed` bytes, and up to `wanted` if there are as many.
    fn lend(&self, needed: u64, wanted: u64) -> Option<u64> {
        let loan =
            |lent: u64| Some(wanted.min(self.limit.saturating_sub(lent))).filter(|loan| *loan >= needed);
        let add = |lent: u64| loan(lent).map(|loan| lent + loan);
        let before = self.lent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        loan(before)
    }

    fn take_back(&self, bytes: u64) {
        self.lent.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What is held beside the events in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Open statements and records.
    Pipeline,
    /// Errors kept by statements that are still in the driver's hands.
    Handles,
    /// Of connections their texts, and once no handle speaks of one any more, all of it.
    Contexts,
    /// Text of errors.
    Text,
}

impl Part {
    /// How much of a bound it is given at the most.
    fn share(self, limit: u64) -> u64 {
        match self {
            Part::Pipeline => limit / 4 * 3,
            Part::Handles => limit,
            Part::Contexts => limit / 4,
            Part::Text => limit / 2,
        }
    }
}

/// What one client holds.
#[derive(Debug)]
pub(crate) struct Memory {
    pool: Arc<MemoryPool>,
    limit: u64,
    /// What the provider's pool has lent it. What it holds grows past that only after more was lent.
    lent: AtomicU64,
    /// The events in its buffer: how many, and their bytes, in one word so that a push changes both at once.
    waiting: AtomicU64,
    /// The bytes of each [`Part`].
    parts: [AtomicU64; 4],
    texts_left_out: AtomicU64,
}

/// Bytes take the lower bits of the word, the count the upper ones.
const COUNT: u32 = 40;
const BYTES: u64 = (1 << COUNT) - 1;

/// Events that wait, and their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) count: usize,
    pub(crate) bytes: u64,
}

impl From<u64> for Waiting {
    fn from(word: u64) -> Self {
        Waiting { count: (word >> COUNT) as usize, bytes: word & BYTES }
    }
}

impl Memory {
    pub(crate) fn new(limit: u64, pool: Arc<MemoryPool>) -> Self {
        Memory {
            pool,
            limit,
            lent: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            parts: Default::default(),
            texts_left_out: AtomicU64::new(0),
        }
    }

    /// For text that belongs to no client.
    pub(crate) fn nobodys() -> Self {
        Memory::new(0, Arc::new(MemoryPool::new(0)))
    }

    /// All that is held.
    pub(crate) fn held(&self) -> u64 {
        self.waiting().bytes + self.kept()
    }

    /// What is held beside the buffer.
    fn kept(&self) -> u64 {
        self.parts.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }

    fn part(&self, part: Part) -> &AtomicU64 {
        &self.parts[part as usize]
    }

    /// How many bytes of it are held.
    pub(crate) fn of(&self, part: Part) -> u64 {
        self.part(part).load(Ordering::Relaxed)
    }

    pub(crate) fn waiting(&self) -> Waiting {
        self.waiting.load(Ordering::SeqCst).into()
    }

    /// Counts an event into the buffer; how many there were before. Sequentially consistent with the flag by
    /// which the worker says that it sleeps until it is woken: one of the two sides sees the other.
    pub(crate) fn push(&self, bytes: u64) -> Waiting {
        self.waiting.fetch_add((1 << COUNT) + bytes, Ordering::SeqCst).into()
    }

    /// Counts events out of the buffer.
    pub(crate) fn pop(&self, out: Waiting) {
        self.waiting.fetch_sub(((out.count as u64) << COUNT) + out.bytes, Ordering::SeqCst);
        self.give_surplus_back();
    }

    /// Whether so many bytes in the buffer have room beside all else.
    pub(crate) fn has_room_for(&self, waiting: u64) -> bool {
        self.may_hold(waiting + self.kept())
    }

    fn may_hold(&self, held: u64) -> bool {
        held <= self.lent.load(Ordering::Relaxed) || self.borrow(held)
    }

    /// Has as much lent as `held` takes.
    #[cold]
    fn borrow(&self, held: u64) -> bool {
        let lent = self.lent.load(Ordering::Relaxed);
        if held > self.limit {
            return false;
        }
        let Some(needed) = held.checked_sub(lent) else { return true };
        match self.pool.lend(needed, needed.max(LOAN.min(self.limit - lent))) {
            Some(loan) => {
                self.lent.fetch_add(loan, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }

    /// How many bytes open statements and records may take now: what the others leave of three quarters, so
    /// that there is room for what comes.
    pub(crate) fn room_for_pipeline(&self, pipeline: u64) -> u64 {
        let held = self.held();
        let others = held - self.of(Part::Pipeline).min(held);
        let most = Part::Pipeline.share(self.limit);
        if others + pipeline <= most && self.borrow(others + pipeline) {
            return pipeline;
        }
        most.min(self.lent.load(Ordering::Relaxed)).saturating_sub(others)
    }

    /// Says how many they take.
    pub(crate) fn set_pipeline(&self, bytes: u64) {
        self.part(Part::Pipeline).store(bytes, Ordering::Relaxed);
        self.give_surplus_back();
    }

    /// Gives back what was lent and isn't needed: all of it when nothing is held.
    fn give_surplus_back(&self) {
        let held = self.held();
        let (enough, slack) = if held == 0 { (0, 0) } else { (held + LOAN, LOAN) };
        let surplus = |lent: u64| (lent > enough + slack).then_some(enough);
        if let Ok(lent) = self.lent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, surplus) {
            self.pool.take_back(lent - enough);
        }
    }

    /// Whether a part and the whole have room for so many bytes, as far as can be told before they are taken.
    /// What text has no room for is counted.
    pub(crate) fn has_room(&self, part: Part, bytes: u64) -> bool {
        self.fits(part, self.is_within_share(part, bytes) && self.may_hold(self.held() + bytes))
    }

    /// Takes so many bytes for a part, if it and the whole have room for them. What text has no room for is
    /// counted.
    pub(crate) fn take(&self, part: Part, bytes: u64) -> bool {
        let fits = self.is_within_share(part, bytes) && {
            self.count(part, bytes);
            let fits = self.may_hold(self.held());
            if !fits {
                self.part(part).fetch_sub(bytes, Ordering::Relaxed);
            }
            fits
        };
        self.fits(part, fits)
    }

    fn is_within_share(&self, part: Part, bytes: u64) -> bool {
        self.of(part) + bytes <= part.share(self.limit)
    }

    /// Whether it fits; a text that doesn't is counted.
    fn fits(&self, part: Part, fits: bool) -> bool {
        if !fits && part == Part::Text {
            self.texts_left_out.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// Takes them whether there is room or not: for what is there already, such as a connection that no
    /// handle speaks of any more, or a record's copy in the hands of who reads it.
    pub(crate) fn count(&self, part: Part, bytes: u64) {
        self.part(part).fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, part: Part, bytes: u64) {
        self.part(part).fetch_sub(bytes, Ordering::Relaxed);
        self.give_surplus_back();
    }

    /// Whether nothing more has room, as far as can be told at a glance.
    pub(crate) fn is_full(&self) -> bool {
        self.held() >= self.limit
    }

    /// Texts left out because they did not fit.
    pub(crate) fn texts_left_out(&self) -> u64 {
        self.texts_left_out.load(Ordering::Relaxed)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.pool.take_back(*self.lent.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(limit: u64, pool: u64) -> (Arc<Memory>, Arc<MemoryPool>) {
        let pool = Arc::new(MemoryPool::new(pool));
        (Arc::new(Memory::new(limit, Arc::clone(&pool))), pool)
    }

    /// Counts an event in, as the buffer does.
    fn push(memory: &Memory, bytes: u64) -> bool {
        let before = memory.push(bytes);
        let fits = memory.has_room_for(before.bytes + bytes);
        if !fits {
            memory.pop(Waiting { count: 1, bytes });
        }
        fits
    }

    #[test]
    fn a_client_holds_no_more_than_its_bound_whatever_it_holds() {
        let (memory, pool) = memory(100_000, u64::MAX);
        assert_eq!([75_000, 80_000, 0].map(|bytes| memory.room_for_pipeline(bytes)), [75_000, 75_000, 0]);
        assert!(
            push(&memory, 30_000) && memory.take(Part::Text, 20_000) && memory.take(Part::Handles, 20_000)
        );
        assert_eq!(memory.room_for_pipeline(5_000), 5_000);
        assert_eq!(memory.room_for_pipeline(40_000), 5_000, "what the others leave of three quarters");
        memory.set_pipeline(5_000);
        assert!(memory.take(Part::Contexts, 15_000) && !memory.take(Part::Contexts, 11_000), "a quarter");
        assert!(push(&memory, 10_000));
        assert!(memory.held() == 100_000 && memory.is_full());
        assert!(!push(&memory, 1) && !memory.take(Part::Text, 1) && !memory.take(Part::Handles, 1));
        assert_eq!(memory.held(), 100_000, "what is refused isn't counted");
        memory.give_back(Part::Handles, 20_000);
        assert!(!memory.is_full() && push(&memory, 15_000) && memory.take(Part::Text, 5_000));
        assert_eq!(memory.waiting(), Waiting { count: 3, bytes: 55_000 });
        memory.pop(Waiting { count: 3, bytes: 55_000 });
        memory.give_back(Part::Text, 25_000);
        memory.give_back(Part::Contexts, 15_000);
        memory.set_pipeline(0);
        assert_eq!((memory.held(), pool.lent.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn text_takes_half_at_the_most_and_what_does_not_fit_is_counted() {
        let (memory, _pool) = memory(100_000, u64::MAX);
        assert!(memory.take(Part::Text, 50_000) && !memory.take(Part::Text, 1));
        assert_eq!((memory.of(Part::Text), memory.texts_left_out()), (50_000, 1));
        memory.give_back(Part::Text, 10);
        assert!(memory.take(Part::Text, 10));
    }

    #[test]
    fn whether_there_is_room_is_told_without_taking_it() {
        let (memory, pool) = memory(100_000, 60_000);
        assert!(memory.has_room(Part::Text, 50_000) && !memory.has_room(Part::Text, 50_001), "half of it");
        assert!(memory.take(Part::Handles, 20_000) && memory.has_room(Part::Text, 40_000));
        assert!(!memory.has_room(Part::Text, 40_001), "the provider has no more");
        assert_eq!((memory.held(), memory.texts_left_out()), (20_000, 2));
        assert!(!memory.has_room(Part::Handles, 40_001));
        assert_eq!(memory.texts_left_out(), 2, "it is no text");
        memory.give_back(Part::Handles, 20_000);
        assert_eq!(pool.lent.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn clients_of_one_provider_share_its_bound_and_give_back_what_they_do_not_need() {
        let pool = Arc::new(MemoryPool::new(60_000));
        let client = || Memory::new(50_000, Arc::clone(&pool));
        let (first, second) = (client(), client());
        assert!(push(&first, 50_000) && !push(&first, 1));
        assert!(push(&second, 10_000) && !push(&second, 1), "the provider has no more");
        first.pop(Waiting { count: 1, bytes: 50_000 });
        first.set_pipeline(10_000);
        assert!(push(&second, 30_000), "what was lent to the first is there again");
        assert!(pool.lent.load(Ordering::Relaxed) <= 60_000);
        drop((first, second));
        assert_eq!(pool.lent.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_let_go_is_there_for_others_whatever_it_was() {
        let (one, pool) = memory(50_000, 50_000);
        let other = Memory::new(50_000, Arc::clone(&pool));
        type Change<T> = fn(&Memory) -> T;
        let all: [(&str, Change<bool>, Change<()>); 4] = [
            ("text", |memory| memory.take(Part::Text, 20_000), |memory| memory.give_back(Part::Text, 20_000)),
            (
                "handles",
                |memory| memory.take(Part::Handles, 20_000),
                |memory| memory.give_back(Part::Handles, 20_000),
            ),
            (
                "contexts",
                |memory| memory.take(Part::Contexts, 12_000),
                |memory| memory.give_back(Part::Contexts, 12_000),
            ),
            (
                "buffer",
                |memory| push(memory, 20_000),
                |memory| memory.pop(Waiting { count: 1, bytes: 20_000 }),
            ),
        ];
        for (what, take, give_back) in all {
            assert!(take(&one) && !push(&other, 45_000), "{what}");
            give_back(&one);
            assert!(push(&other, 45_000), "{what}");
            other.pop(Waiting { count: 1, bytes: 45_000 });
        }
    }

    #[test]
    fn a_small_client_borrows_little_and_none_more_than_it_may_hold() {
        let (memory, pool) = memory(LOAN + 1000, 60_000);
        assert!(push(&memory, 1));
        assert_eq!(pool.lent.load(Ordering::Relaxed), LOAN);
        assert!(push(&memory, LOAN));
        assert_eq!(pool.lent.load(Ordering::Relaxed), LOAN + 1000);
    }

    #[test]
    fn a_surplus_of_two_loans_is_kept_and_of_a_larger_one_a_loan() {
        let (memory, pool) = memory(50_000, 60_000);
        let lent = || pool.lent.load(Ordering::Relaxed);
        assert!(memory.take(Part::Handles, 20_000));
        memory.give_back(Part::Handles, 2 * LOAN);
        assert_eq!(lent(), 20_000);
        memory.give_back(Part::Handles, 1);
        assert_eq!(lent(), 20_000 - LOAN - 1);
    }

    #[test]
    fn many_threads_lose_no_byte() {
        let (memory, pool) = memory(1_000_000, 500_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for size in 1..2000 {
                        if push(&memory, size) {
                            memory.set_pipeline(size);
                            memory.pop(Waiting { count: 1, bytes: size });
                        }
                        if memory.take(Part::Text, size) {
                            memory.give_back(Part::Text, size);
                        }
                        if memory.take(Part::Handles, size) {
                            memory.give_back(Part::Handles, size);
                        }
                    }
                });
            }
        });
        memory.set_pipeline(0);
        assert_eq!((memory.held(), memory.waiting().count), (0, 0));
        let lent = pool.lent.load(Ordering::Relaxed);
        assert_eq!(lent, memory.lent.load(Ordering::Relaxed));
        assert!(lent <= 500_000);
    }
}
