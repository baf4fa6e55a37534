//! The buffer of events, and who wakes whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::thread;

use crate::client::buffer::tests::buffer as of;
use crate::client::buffer::{EventBuffer, Pushed};
use crate::client::wakeup::Wakeup;
use crate::handle::error_details::ErrorDetails;
use crate::interleavings::world::{World, connect, operate};
use crate::interleavings::{check, join};
use crate::pipeline::event::Event;
use crate::pipeline::event::tests::{event, number_of};

const ALL: u64 = u64::MAX;

fn numbers(taken: Vec<Event>) -> Vec<u64> {
    taken.iter().map(number_of).collect()
}

/// Pushes these events; the numbers of those that were taken in.
fn push(buffer: &EventBuffer, events: impl Iterator<Item = u64>) -> Vec<u64> {
    events.filter(|number| buffer.push(event(*number)) != Pushed::Refused).collect()
}

#[test]
fn every_event_is_taken_once_or_refused_and_counted() {
    check(|| {
        let buffer = Arc::new(of(3));
        let pushers = [10, 20, 30].map(|first| {
            let buffer = Arc::clone(&buffer);
            thread::spawn(move || push(&buffer, first..first + 2))
        });
        let taker = {
            let buffer = Arc::clone(&buffer);
            thread::spawn(move || (0..3).flat_map(|_| numbers(buffer.take(2).events)).collect::<Vec<_>>())
        };
        let accepted: BTreeSet<_> = join(pushers).into_iter().flatten().collect();
        let mut taken = taker.join().unwrap();
        taken.extend(numbers(buffer.take(ALL).events));
        assert_eq!(taken.iter().copied().collect::<BTreeSet<_>>(), accepted);
        assert_eq!(taken.len(), accepted.len(), "none comes twice");
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting, buffer.is_empty()), (6, 0, true));
        assert_eq!(books.refused.total(), 6 - accepted.len() as u64);
    });
}

#[test]
fn an_event_never_comes_out_before_the_one_that_caused_it() {
    check(|| {
        let (buffer, caused) = (Arc::new(of(10)), Arc::new(AtomicBool::new(false)));
        buffer.push(event(0));
        let cause = {
            let (buffer, caused) = (Arc::clone(&buffer), Arc::clone(&caused));
            thread::spawn(move || {
                buffer.push(event(1));
                caused.store(true, Ordering::SeqCst);
            })
        };
        let effect = {
            let (buffer, caused) = (Arc::clone(&buffer), Arc::clone(&caused));
            thread::spawn(move || {
                if caused.load(Ordering::SeqCst) {
                    buffer.push(event(2));
                }
            })
        };
        let mut taken = numbers(buffer.take(ALL).events);
        cause.join().unwrap();
        effect.join().unwrap();
        taken.extend(numbers(buffer.take(ALL).events));
        assert!(taken.is_sorted(), "{taken:?}");
    });
}

#[test]
fn what_is_taken_in_before_a_close_is_there_for_the_last_take() {
    check(|| {
        let buffer = Arc::new(of(10));
        let pushers = [10, 20].map(|first| {
            let buffer = Arc::clone(&buffer);
            thread::spawn(move || push(&buffer, first..first + 2))
        });
        buffer.close();
        let last: BTreeSet<_> = numbers(buffer.take(ALL).events).into_iter().collect();
        let accepted: BTreeSet<_> = join(pushers).into_iter().flatten().collect();
        assert_eq!(last, accepted);
        let books = buffer.books();
        assert_eq!((books.seen, books.waiting), (4, 0));
        assert_eq!(books.refused.total(), 4 - accepted.len() as u64);
    });
}

#[test]
fn the_books_balance_while_events_come() {
    check(|| {
        let buffer = Arc::new(of(2));
        let pushers = [10, 20].map(|first| {
            let buffer = Arc::clone(&buffer);
            thread::spawn(move || push(&buffer, first..first + 2))
        });
        for _ in 0..3 {
            let books = buffer.books();
            assert_eq!(books.seen, books.waiting + books.refused.total());
            assert!(books.waiting <= 2, "more wait than may");
        }
        join(pushers);
        assert_eq!((buffer.books().seen, buffer.books().waiting), (4, 2));
    });
}

#[test]
fn a_worker_that_sleeps_is_woken_by_the_next_event() {
    check(|| {
        let (wakeup, waiting) = (Arc::new(Wakeup::new(10)), Arc::new(AtomicUsize::new(0)));
        let recorders = [(); 3].map(|()| {
            let (wakeup, waiting) = (Arc::clone(&wakeup), Arc::clone(&waiting));
            thread::spawn(move || {
                let now_waiting = waiting.fetch_add(1, Ordering::SeqCst) + 1;
                if wakeup.is_due(now_waiting, false) {
                    wakeup.wake();
                }
            })
        });
        let mut taken = 0;
        while taken < 3 {
            if wakeup.park(|| waiting.load(Ordering::SeqCst) == 0) {
                block_on(wakeup.woken());
            }
            taken += waiting.swap(0, Ordering::SeqCst);
        }
        join(recorders);
    });
}

/// Four events that wait wake the worker. Of five, either so many wait at once, or the worker has taken two,
/// and sends them.
#[test]
fn full_batches_are_sent_without_waiting_for_the_interval() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (_lease, session) = connect(&provider);
        for before in [1, 6, 11] {
            world.pass_time(|state| state.received.len() == before);
            let recorders = [(); 5].map(|()| {
                let session = session.clone();
                thread::spawn(move || operate(&session))
            });
            world.wait(|state| state.received.len() >= before + 2);
            join(recorders);
        }
    });
}

#[test]
fn a_terminal_error_is_sent_without_waiting_for_the_interval() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (_lease, session) = connect(&provider);
        let recorder = thread::spawn(move || {
            session.error(|| ErrorDetails::new("PLANTED").class(crate::ErrorClass::Terminal));
            session
        });
        world.wait(|state| state.received.iter().any(|record| record.body.is_urgent()));
        recorder.join().unwrap();
    });
}

/// A worker with nothing to do sleeps without a limit, so that time alone never wakes it.
#[test]
fn a_single_event_is_sent_once_an_interval_has_passed() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (_lease, session) = connect(&provider);
        world.pass_time(|state| state.received.len() == 1);
        // Who recorded may still be about to return when the worker sleeps again.
        let recorders = [2, 3].map(|count| {
            let session = session.clone();
            let recorder = thread::spawn(move || operate(&session));
            world.pass_time(|state| state.received.len() == count);
            recorder
        });
        join(recorders);
    });
}
