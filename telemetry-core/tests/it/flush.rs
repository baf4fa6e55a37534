//! Flushing without closing.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::common::*;
use telemetry_core::plugin::PluginError;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::{Accept, Do, Script, flag};

const SECOND: Duration = Duration::from_secs(1);

/// Flushes a lease while time passes; also how long that took.
fn flush(bench: &Bench, lease: &Lease, within: Duration) -> (FlushOutcome, Duration) {
    let start = bench.clock.now();
    let mut flush = pin!(lease.flush(within));
    for _ in 0..10_000 {
        if let Poll::Ready(outcome) = flush.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (outcome, bench.clock.now() - start);
        }
        bench.provider.step();
        bench.clock.advance_to_next();
    }
    panic!("the flush didn't end");
}

#[test]
fn what_was_recorded_is_delivered_at_once_and_open_statements_stay_open() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    let emitter = session.emitter();
    emitter.started("s1", StatementType::Query);
    session.statement().complete();
    let (outcome, took) = flush(&bench, &lease, SECOND);
    assert_eq!((outcome, took), (FlushOutcome::Delivered { accepted: 2 }, Duration::ZERO));
    assert_eq!(lease.status().open_statements, 1);
    emitter.completed("s1", SECOND);
    assert_eq!(flush(&bench, &lease, SECOND).0, FlushOutcome::Delivered { accepted: 1 });
    assert_eq!(flush(&bench, &lease, SECOND).0, FlushOutcome::Delivered { accepted: 0 });
    assert_balanced(&lease);
}

#[test]
fn more_than_a_batch_is_delivered_whole() {
    let bench = Bench::with(config().batch_size(3), |builder| builder);
    let lease = bench.lease();
    let session = open(&lease);
    (0..9).for_each(|_| session.statement().complete());
    assert_eq!(flush(&bench, &lease, SECOND).0, FlushOutcome::Delivered { accepted: 10 });
}

#[test]
fn a_lost_record_is_told_by_reason() {
    let bench = Bench::new();
    let lease = bench.lease();
    open(&lease);
    bench.exporter.script().set(Do::Fail(PluginError::new(404)));
    let FlushOutcome::Lost { accepted: 0, dropped } = flush(&bench, &lease, SECOND).0 else {
        panic!("{:?}", lease.status())
    };
    assert_eq!((dropped.get(DropReason::Terminal), dropped.total()), (1, 1));
    // What was lost before isn't told again.
    bench.exporter.script().set(Do::Give(Accept::All));
    open(&lease);
    assert_eq!(flush(&bench, &lease, 120 * SECOND).0, FlushOutcome::Delivered { accepted: 1 });
}

#[test]
fn at_the_deadline_nothing_is_dropped_and_it_goes_on() {
    let bench = Bench::new();
    let lease = bench.lease();
    open(&lease);
    bench.exporter.script().set(Do::Fail(PluginError::new(503)));
    let (outcome, took) = flush(&bench, &lease, SECOND);
    assert!(
        matches!(outcome, FlushOutcome::TimedOut { accepted: 0, dropped, held: 1 } if dropped.total() == 0)
    );
    assert_eq!(took, SECOND);
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(30 * SECOND);
    assert_eq!(lease.status().records.accepted, 1);
    assert_balanced(&lease);
}

#[test]
fn where_the_flag_is_off_it_says_so() {
    let bench = Bench::with_flags(Script::always(Do::Give(flag(FLAG, false, Duration::MAX))));
    let lease = bench.lease();
    open(&lease);
    let off = OffReason::FlagOff { flag: FLAG.to_owned(), origin: plugin::FlagOrigin::Fetched };
    assert_eq!(flush(&bench, &lease, SECOND).0, FlushOutcome::Off(off.clone()));
    assert_eq!(bench.close(&lease, SECOND).0, CloseOutcome::Off(off.clone()));
    let status = lease.status();
    assert!(status.closed);
    assert_eq!(status.state, TelemetryState::Off(off), "after the end it still says why it was off");
}

#[test]
fn a_flush_that_is_given_up_half_way_harms_nobody() {
    let bench = Bench::new();
    bench.exporter.script().set(Do::Hang);
    let lease = bench.lease();
    open(&lease);
    let mut given_up = Box::pin(lease.flush(SECOND));
    assert!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(given_up);
    bench.exporter.script().set(Do::Give(Accept::All));
    bench.pass(60 * SECOND);
    assert_balanced(&lease);
    assert_eq!(lease.status().records.held, 0);
}

#[test]
fn a_close_that_lost_everything_says_so() {
    let bench = Bench::new();
    let lease = bench.lease();
    open(&lease).statement().complete();
    bench.exporter.script().set(Do::Fail(PluginError::new(404)));
    let CloseOutcome::Lost { accepted: 0, dropped } = bench.close(&lease, SECOND).0 else {
        panic!("it was lost")
    };
    assert_eq!(dropped.get(DropReason::Terminal), 2);
    assert_eq!(lease.status().last_failure, Some(PluginError::new(404)), "and it says what was failing");
}

#[test]
fn outcomes_read_as_sentences() {
    let bench = Bench::new();
    let lease = bench.lease();
    open(&lease).statement().complete();
    assert_eq!(flush(&bench, &lease, SECOND).0.to_string(), "delivered all 2 records");
    bench.exporter.script().set(Do::Fail(PluginError::new(404)));
    open(&lease);
    let closed = bench.close(&lease, SECOND).0;
    assert_eq!(closed.to_string(), "delivered 2 records, lost 1: 1 refused for good");
    for lease in [Lease::disabled(), Lease::default()] {
        assert_eq!(lease.close_blocking(SECOND).to_string(), "was off: the setting");
    }
}
