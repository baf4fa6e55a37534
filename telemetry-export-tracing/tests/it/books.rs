//! What the books say of events that a subscriber takes, doesn't take, or breaks at.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use telemetry_core::record::Level as Threshold;
use telemetry_core::status::{DropReason, RecordLedger};
use telemetry_core::{ErrorDetails, Session};
use tracing::Level;

use crate::common::*;

/// An opening, two statements, and an error that will not pass.
fn work(session: &Session) {
    session.statement().complete();
    session.statement().complete();
    session.error(|| ErrorDetails::new("DENIED").fault(403));
}

fn books(bench: &Bench) -> RecordLedger {
    let status = bench.provider.status();
    assert!(status.balances(), "{status:?}");
    // Whatever becomes of the log, the vendor has everything.
    assert_eq!(status.records.accepted, bench.vendor.accepted().len() as u64);
    assert_eq!(status.records.made, status.records.accepted);
    status.sinks[0].1
}

#[test]
fn what_the_subscriber_takes_is_accepted_and_the_rest_is_not() {
    let (bench, listener) = (Bench::new(), Listener::new(Level::WARN));
    listener.hear(|| {
        work(&bench.open());
        bench.pass(6 * SECOND);
    });
    assert_eq!(listener.heard().len(), 1);
    let records = books(&bench);
    assert_eq!((records.made, records.accepted, records.written), (4, 1, 0));
    assert_eq!(records.dropped.get(DropReason::NotAccepted), 3);
}

#[test]
fn where_nobody_listens_nothing_is_accepted() {
    let bench = Bench::new();
    work(&bench.open());
    bench.pass(6 * SECOND);
    let records = books(&bench);
    assert_eq!((records.made, records.accepted), (4, 0));
    assert_eq!(records.dropped.get(DropReason::NotAccepted), 4);
}

#[test]
fn with_the_level_of_its_sink_nothing_is_dropped() {
    let bench = Bench::with(|sink| sink.level(Threshold::Warn));
    let listener = Listener::new(Level::WARN);
    listener.hear(|| {
        work(&bench.open());
        bench.pass(6 * SECOND);
    });
    let records = books(&bench);
    assert_eq!((records.made, records.accepted, records.dropped.total()), (1, 1, 0));
}

#[test]
fn a_subscriber_that_panics_costs_its_batch_and_nothing_else() {
    let bench = Bench::new();
    let listener = Listener::doing(Level::TRACE, || panic!("planted"));
    let session = bench.open();
    listener.hear(|| {
        work(&session);
        bench.pass(6 * SECOND);
    });
    assert_eq!(books(&bench).dropped.get(DropReason::Panicked), 4);
    let listener = Listener::new(Level::TRACE);
    listener.hear(|| {
        work(&session);
        bench.pass(60 * SECOND);
    });
    assert_eq!(books(&bench).accepted, 3);
}

#[test]
fn what_a_subscriber_records_with_the_driver_is_ignored() {
    let bench = Bench::new();
    let session: Arc<Mutex<Option<Session>>> = Arc::default();
    *session.lock().unwrap() = Some(bench.open());
    let again = Arc::clone(&session);
    let heard = AtomicUsize::new(0);
    let listener = Listener::doing(Level::TRACE, move || {
        // A loop, if it were one, ends, so that it is seen.
        if heard.fetch_add(1, Ordering::SeqCst) > 100 {
            return;
        }
        let session = again.lock().unwrap();
        let session = session.as_ref().unwrap();
        session.statement().complete();
        session.error(|| ErrorDetails::new("AGAIN"));
    });
    listener.hear(|| bench.pass(600 * SECOND));
    assert_eq!(listener.heard().len(), 1);
    assert_eq!((books(&bench).made, bench.provider.status().events.seen), (1, 1));
    session.lock().unwrap().take();
}
