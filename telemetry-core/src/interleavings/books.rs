//! The books, read at any moment.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::thread;

use crate::handle::error_details::ErrorDetails;
use crate::interleavings::check;
use crate::interleavings::world::{WITHIN, World, connect, operate};

#[test]
fn the_books_balance_at_any_moment_and_nothing_in_them_is_taken_back() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (lease, session) = connect(&provider);
        let lease = Arc::new(lease);
        let reader = {
            let lease = Arc::clone(&lease);
            thread::spawn(move || {
                let mut before = lease.status();
                for _ in 0..4 {
                    let status = lease.status();
                    assert!(status.balances(), "{} / {}", status.events, status.records);
                    assert!(status.events.seen >= before.events.seen);
                    assert!(status.events.made >= before.events.made);
                    assert!(status.records.made >= before.records.made);
                    assert!(status.records.accepted >= before.records.accepted);
                    before = status;
                }
            })
        };
        let recorder = thread::spawn(move || {
            operate(&session);
            session.error(|| ErrorDetails::new("PLANTED").class(crate::ErrorClass::Terminal));
            let mut statement = session.statement();
            statement.retried(1);
            statement.complete();
        });
        recorder.join().unwrap();
        let closed = block_on(lease.close(WITHIN));
        assert!(closed.is_delivered());
        reader.join().unwrap();
        assert!(lease.status().balances());
        assert_eq!(world.received(), 4);
    });
}

/// Who waits gives up at the deadline, the worker at its own; both end the client.
#[test]
fn a_close_whose_time_is_up_leaves_books_that_balance_and_hold_nothing() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (lease, session) = connect(&provider);
        let recorder = thread::spawn(move || {
            operate(&session);
            operate(&session);
        });
        let time = {
            let (world, client) = (world.clone(), super::world::client(&lease));
            thread::spawn(move || {
                world.pass_time(|_| client.is_finished());
            })
        };
        let closed = block_on(lease.close(WITHIN));
        recorder.join().unwrap();
        world.notice();
        time.join().unwrap();
        let status = lease.status();
        assert!(status.closed && status.balances());
        assert_eq!((status.events.waiting, status.records.held), (0, 0));
        assert_eq!(status.events.seen, 3, "{closed}");
    });
}
