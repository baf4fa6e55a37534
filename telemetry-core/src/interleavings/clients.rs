//! Leases of one client, taken, dropped, closed and shut down beside one another, with the real worker.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::sync::Mutex;
use shuttle::thread;

use crate::client::Client;
use crate::guard::lock::lock;
use crate::handle::lease::Lease;
use crate::handle::outcome::{CloseOutcome, FlushOutcome};
use crate::handle::provider::ClientProvider;
use crate::interleavings::world::{WITHIN, World, client, connect, lease, operate};
use crate::interleavings::{check, join};

/// Who has a lease now, and which clients there have been.
#[derive(Default)]
struct Holders {
    now: Vec<Arc<Client>>,
    ever: Vec<Arc<Client>>,
}

fn is_among(client: &Arc<Client>, clients: &[Arc<Client>]) -> bool {
    clients.iter().any(|other| Arc::ptr_eq(client, other))
}

/// Does something with a lease in hand, and nothing that closes it.
fn holding(holders: &Mutex<Holders>, lease: &Lease, act: impl FnOnce()) {
    let client = client(lease);
    let lives = || assert!(!client.is_finished() && client.closing().is_none(), "it ends under a lease");
    {
        let mut holders = lock(holders);
        assert!(holders.now.iter().all(|other| Arc::ptr_eq(other, &client)), "two clients live for one key");
        holders.now.push(Arc::clone(&client));
        if !is_among(&client, &holders.ever) {
            holders.ever.push(Arc::clone(&client));
        }
    }
    lives();
    act();
    lives();
    let mut holders = lock(holders);
    let place = holders.now.iter().position(|other| Arc::ptr_eq(other, &client)).unwrap();
    holders.now.swap_remove(place);
}

/// A connection that records two events, its opening and an operation, and is closed or dropped.
fn use_once(provider: &ClientProvider, holders: &Mutex<Holders>, close: bool) {
    let (lease, session) = connect(provider);
    holding(holders, &lease, || operate(&session));
    if close {
        let outcome = block_on(lease.close(WITHIN));
        assert!(matches!(outcome, CloseOutcome::Shared | CloseOutcome::Delivered { .. }), "{outcome}");
    }
}

/// Waits until all clients have ended, and checks that each recorded event was delivered once.
fn all_delivered(world: &World, holders: &Mutex<Holders>, recorded: usize) {
    let clients = std::mem::take(&mut lock(holders).ever);
    let mut accepted = 0;
    for client in clients {
        block_on(client.finished());
        let books = client.snapshot();
        assert!(books.events.balances() && books.records.balances());
        assert_eq!((books.events.refused.total(), books.records.dropped.total()), (0, 0));
        accepted += books.records.accepted as usize;
    }
    assert_eq!((accepted, world.received()), (recorded, recorded));
}

/// Leases that end like this, of three threads.
fn come_and_go(world: &World, closed: [bool; 3]) {
    let provider = world.provider();
    let holders = Arc::new(Mutex::new(Holders::default()));
    let threads = closed.map(|close| {
        let (provider, holders) = (provider.clone(), Arc::clone(&holders));
        thread::spawn(move || use_once(&provider, &holders, close))
    });
    join(threads);
    all_delivered(world, &holders, 6);
}

#[test]
fn leases_that_are_dropped_share_a_living_client_and_all_is_delivered() {
    check(|| come_and_go(&World::default(), [false; 3]));
}

#[test]
fn a_lease_taken_while_its_client_drains_keeps_it_or_has_another_and_all_end_in_the_end() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let holders = Arc::new(Mutex::new(Holders::default()));
        let threads = [(); 2].map(|()| {
            let (provider, holders) = (provider.clone(), Arc::clone(&holders));
            thread::spawn(move || {
                for _ in 0..3 {
                    let lease = lease(&provider);
                    holding(&holders, &lease, || ());
                }
            })
        });
        join(threads);
        all_delivered(&world, &holders, 0);
    });
}

#[test]
fn a_shutdown_beside_a_lease_that_revives_its_client_ends_it() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        drop(lease(&provider));
        let again = {
            let provider = provider.clone();
            thread::spawn(move || lease(&provider))
        };
        assert_eq!(block_on(provider.shutdown(WITHIN)).undelivered(), 0);
        let lease = again.join().unwrap();
        if !lease.status().closed {
            assert_eq!(block_on(lease.close(WITHIN)), CloseOutcome::Delivered { accepted: 0 });
        }
    });
}

#[test]
fn leases_that_are_dropped_and_closed_share_a_living_client_and_all_is_delivered() {
    check(|| come_and_go(&World::default(), [true, false, true]));
}

#[test]
fn the_same_holds_where_calls_run_on_threads_of_the_pool() {
    check(|| come_and_go(&World::that_may_block(), [false, true, false]));
}

#[test]
fn a_lease_that_two_close_at_once_is_given_back_once() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (lease, session) = connect(&provider);
        let other = Arc::new(connect(&provider).0);
        let closes = [(); 2].map(|()| {
            let other = Arc::clone(&other);
            thread::spawn(move || block_on(other.close(WITHIN)))
        });
        let mut outcomes = join(closes);
        outcomes.sort_by_key(|outcome| *outcome == CloseOutcome::Already);
        assert_eq!(outcomes, [CloseOutcome::Shared, CloseOutcome::Already]);
        operate(&session);
        assert_eq!(block_on(lease.close(WITHIN)), CloseOutcome::Delivered { accepted: 3 });
    });
}

#[test]
fn a_flush_delivers_all_that_was_recorded_before_it() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (lease, session) = connect(&provider);
        let lease = Arc::new(lease);
        let flushes = [(); 2].map(|()| {
            let (world, lease, session) = (world.clone(), Arc::clone(&lease), session.clone());
            thread::spawn(move || {
                operate(&session);
                let before = lease.status().events.seen as usize;
                let flushed = block_on(lease.flush(WITHIN));
                assert!(flushed.is_delivered(), "{flushed}");
                assert!(world.received() >= before);
            })
        });
        join(flushes);
    });
}

#[test]
fn leases_that_end_beside_a_living_one_leave_it_its_client() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (lease, session) = connect(&provider);
        let others = [false, true].map(|close| {
            let provider = provider.clone();
            thread::spawn(move || {
                let (other, _) = connect(&provider);
                let client = client(&other);
                if close {
                    assert_eq!(block_on(other.close(WITHIN)), CloseOutcome::Shared);
                }
                client
            })
        });
        for other in others {
            assert!(Arc::ptr_eq(&other.join().unwrap(), &client(&lease)));
        }
        operate(&session);
        assert!(!lease.status().closed);
        assert_eq!(block_on(lease.close(WITHIN)), CloseOutcome::Delivered { accepted: 4 });
    });
}

#[test]
fn after_a_shutdown_each_client_has_ended_or_was_begun_after_it_and_no_event_is_outside_the_books() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let connections = [(); 2].map(|()| {
            let provider = provider.clone();
            thread::spawn(move || {
                let (lease, session) = connect(&provider);
                operate(&session);
                operate(&session);
                (lease, session)
            })
        });
        let outcome = block_on(provider.shutdown(WITHIN));
        assert_eq!(outcome.undelivered(), 0);
        let mut clients: Vec<Arc<Client>> = Vec::new();
        let (mut living, mut late) = (Vec::new(), 0);
        for connection in connections {
            let (lease, session) = connection.join().unwrap();
            let client = client(&lease);
            if client.is_finished() {
                // Who records through it isn't left without an answer.
                let before = lease.status().events.refused.total();
                operate(&session);
                assert_eq!(lease.status().events.refused.total(), before + 1);
                late += 1;
            } else {
                living.push(lease);
            }
            if !is_among(&client, &clients) {
                clients.push(client);
            }
        }
        assert!(living.iter().all(|lease| Arc::ptr_eq(&client(lease), &client(&living[0]))));
        for lease in &living {
            let outcome = block_on(lease.close(WITHIN));
            assert!(matches!(outcome, CloseOutcome::Shared | CloseOutcome::Delivered { .. }), "{outcome}");
        }
        let books: Vec<_> = clients.iter().map(|client| client.snapshot()).collect();
        assert!(books.iter().all(|books| books.events.balances() && books.records.balances()));
        assert_eq!(books.iter().map(|books| books.events.seen).sum::<u64>(), 6 + late);
        assert_eq!(books.iter().map(|books| books.records.accepted).sum::<u64>() as usize, world.received());
    });
}

#[test]
fn a_sink_is_offered_what_the_vendor_is_and_a_close_waits_for_both() {
    check(|| {
        let (world, sink) = (World::default(), World::default());
        let provider = world.provider_with_sink(&sink);
        let threads = [(); 2].map(|()| {
            let (provider, sink) = (provider.clone(), sink.clone());
            thread::spawn(move || {
                let (lease, session) = connect(&provider);
                let flushed = block_on(lease.flush(WITHIN));
                assert!(matches!(flushed, FlushOutcome::Delivered { .. }) && sink.received() > 0);
                operate(&session);
                let outcome = block_on(lease.close(WITHIN));
                assert!(
                    matches!(outcome, CloseOutcome::Shared | CloseOutcome::Delivered { .. }),
                    "{outcome}"
                );
                client(&lease)
            })
        });
        for client in join(threads) {
            block_on(client.finished());
            let books = client.snapshot();
            let [offered] = &books.sinks[..] else { panic!("there is one sink") };
            assert!(offered.records.balances() && offered.records.dropped.total() == 0, "{books:?}");
            assert_eq!(offered.records.accepted, books.records.accepted);
        }
        assert_eq!((world.received(), sink.received()), (4, 4));
        let status = provider.status();
        assert_eq!((status.records.accepted, status.sinks[0].1.accepted), (4, 4));
    });
}
