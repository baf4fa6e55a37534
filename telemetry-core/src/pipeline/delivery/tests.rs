use super::*;
use crate::pipeline::event::tests::session;
use crate::record::id::EventId;
use crate::record::{Body, ErrorInfo, RecordKind};
use proptest::prelude::*;
use std::time::SystemTime;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Tick {
    Tick::ZERO + SECOND * seconds as u32
}

fn record(kind: RecordKind) -> Arc<Record> {
    Arc::new(Record {
        id: EventId::random(),
        stamp: SystemTime::UNIX_EPOCH,
        session: session(),
        body: Body {
            error: (kind == RecordKind::Error).then(|| ErrorInfo::new("E", ErrorClass::Unknown)),
            ..Body::new(kind)
        },
    })
}

/// One that has just sent a batch, so that what comes now waits for a whole interval.
fn with(config: TelemetryConfig, records: usize) -> Delivery {
    let mut delivery = Delivery { calm_from: at(1), ..Delivery::new(&config, 1) };
    for _ in 0..records {
        delivery.push(record(RecordKind::Statement), false, at(0));
    }
    delivery
}

fn ids(records: &[Arc<Record>]) -> Vec<EventId> {
    records.iter().map(|record| record.id).collect()
}

fn queued(delivery: &Delivery) -> Vec<EventId> {
    delivery.queue.iter().map(|queued| queued.record.id).collect()
}

fn fail(fault: impl Into<Fault>) -> AttemptOutcome {
    AttemptOutcome::Answered(Err(PluginError::new(fault)))
}

fn accept(count: usize) -> AttemptOutcome {
    AttemptOutcome::Answered(Ok(Receipt::new(count)))
}

fn wait(delivery: &Delivery, now: Tick) -> Duration {
    match delivery.next(now) {
        Next::Wait(Some(until)) => until - now,
        other => panic!("{other:?}"),
    }
}

/// Whether a client waits for as long as it was asked, and for up to a quarter or a second more.
fn is_asked(waited: Duration, asked: Duration) -> bool {
    (asked..=asked + asked.min(SECOND.max(asked / 4))).contains(&waited)
}

/// The waits of many clients to which the same happened are spread over this range, and no tenth of it has
/// more than a quarter of them.
fn are_spread(wait: impl Fn(u64) -> Duration, from: Duration, to: Duration) {
    let waits: Vec<_> = (0..200).map(wait).collect();
    assert!(waits.iter().all(|wait| (from..=to).contains(wait)), "{waits:?}");
    let tenth = (to - from) / 10;
    let within_a_tenth = |from: Duration| waits.iter().filter(|at| (from..from + tenth).contains(at)).count();
    assert!(waits.iter().all(|from| within_a_tenth(*from) <= 50), "{waits:?}");
}

#[test]
fn what_a_record_takes_is_counted_with_its_place() {
    let mut delivery = with(TelemetryConfig::default(), 0);
    for count in 1..4 {
        delivery.push_counted(record(RecordKind::Statement), false, 1000, at(0));
        assert_eq!(delivery.bytes(), count * (1000 + size_of::<Queued>() as u64));
    }
}

#[test]
fn flushes_when_the_batch_is_full() {
    let mut delivery = with(TelemetryConfig::default().batch_size(3), 2);
    assert_eq!(wait(&delivery, at(0)), 5 * SECOND);
    delivery.push(record(RecordKind::Statement), false, at(0));
    assert_eq!(delivery.next(at(0)), Next::Send);
}

#[test]
fn flushes_when_the_oldest_record_has_waited_for_the_interval() {
    let delivery = with(TelemetryConfig::default(), 1);
    assert_eq!(delivery.next(at(4)), Next::Wait(Some(at(5))));
    assert_eq!(delivery.next(at(5)), Next::Send);
}

#[test]
fn flushes_at_once_for_a_terminal_error() {
    let mut delivery = with(TelemetryConfig::default(), 1);
    delivery.push(record(RecordKind::Error), true, at(0));
    assert_eq!(delivery.next(at(0)), Next::Send);
    assert_eq!(delivery.take(at(5)).len(), 2);
}

#[test]
fn terminal_errors_are_sent_early_once_a_second_at_the_most() {
    let mut delivery = with(TelemetryConfig::default(), 0);
    delivery.push(record(RecordKind::Error), true, at(0));
    delivery.take(at(0));
    delivery.settle(accept(1), at(0));
    delivery.push(record(RecordKind::Error), true, at(0));
    assert_eq!(delivery.next(at(0)), Next::Wait(Some(at(1))));
    delivery.push(record(RecordKind::Error), true, at(0));
    assert_eq!(delivery.next(at(1)), Next::Send);
    assert_eq!(delivery.take(at(1)).len(), 2);
    delivery.settle(accept(2), at(1));
    // Who isn't in a hurry doesn't wait longer for it.
    delivery.push(record(RecordKind::Statement), false, at(1));
    assert_eq!(delivery.next(at(1)), Next::Wait(Some(at(6))));
    // A full batch, a flush and a close wait for nothing.
    delivery.push(record(RecordKind::Error), true, at(1));
    delivery.flush();
    assert_eq!(delivery.next(at(1)), Next::Send);
}

#[test]
fn one_request_is_in_flight_at_a_time() {
    let mut delivery = with(TelemetryConfig::default().batch_size(2), 4);
    assert_eq!(delivery.take(at(5)).len(), 2);
    assert_eq!(delivery.next(at(9)), Next::Wait(None));
    delivery.settle(accept(2), at(9));
    assert_eq!(delivery.next(at(9)), Next::Send);
}

#[test]
fn retries_the_same_records_with_full_jitter_below_a_doubling_ceiling() {
    let mut delivery = with(TelemetryConfig::default(), 3);
    let mut now = at(5);
    let mut sent = None;
    for ceiling in [100 * MS, 200 * MS, 400 * MS] {
        let batch = ids(&delivery.take(now));
        assert_eq!(*sent.get_or_insert_with(|| batch.clone()), batch);
        delivery.settle(fail(503), now);
        delivery.push(record(RecordKind::Statement), false, now);
        let waited = wait(&delivery, now);
        assert!(waited <= ceiling, "{waited:?} {ceiling:?}");
        now = now + waited;
    }
    assert_eq!(ids(&delivery.take(now)), sent.unwrap());
    delivery.settle(fail(503), now);
    assert_eq!(wait(&delivery, now), 5 * SECOND, "quick retries are used up");
    assert_eq!(delivery.ledger().held, 6, "and nothing is lost");
}

#[test]
fn a_close_or_a_flush_does_not_wait_for_an_interval_that_nobody_asked_for() {
    let close = |delivery: &mut Delivery| {
        delivery.close_by(None);
        delivery.close_by(Some(at(20)));
    };
    let begin: [fn(&mut Delivery); 2] = [close, |delivery| _ = delivery.flush()];
    for begin in begin {
        let mut delivery = with(TelemetryConfig::default().max_retries(0), 1);
        delivery.take(at(5));
        delivery.settle(fail(503), at(5));
        assert_eq!(wait(&delivery, at(5)), 5 * SECOND);
        begin(&mut delivery);
        assert_eq!(delivery.next(at(5)), Next::Send);
        delivery.take(at(5));
        delivery.settle(fail(503), at(5));
        assert_eq!(wait(&delivery, at(5)), 5 * SECOND, "once");
        // What the service asked for is waited for all the same.
        delivery.take(at(5));
        let failure = PluginError::new(503).with_retry_after(Some(3 * SECOND));
        delivery.settle(AttemptOutcome::Answered(Err(failure)), at(10));
        begin(&mut delivery);
        assert!(is_asked(wait(&delivery, at(10)), 3 * SECOND));
    }
}

#[test]
fn jitter_covers_the_whole_range() {
    let mut backoff = Backoff::new(&TelemetryConfig::default(), 7);
    let draws: Vec<_> = (0..1000).map(|_| backoff.draw(9)).collect();
    assert!(draws.iter().all(|wait| *wait <= SECOND));
    assert!(draws.iter().any(|wait| *wait < 50 * MS) && draws.iter().any(|wait| *wait > 950 * MS));
}

#[test]
fn retry_after_wins_when_longer_and_is_capped() {
    for (asked, waited) in [(7 * SECOND, 7 * SECOND), (SECOND * 86_400, SECOND * 300)] {
        let mut delivery = with(TelemetryConfig::default(), 1);
        delivery.take(at(5));
        let failure = PluginError::new(429).with_retry_after(Some(asked));
        delivery.settle(AttemptOutcome::Answered(Err(failure)), at(5));
        assert!(is_asked(wait(&delivery, at(5)), waited));
    }
}

#[test]
fn a_name_that_does_not_resolve_is_not_retried_at_once() {
    let mut delivery = with(TelemetryConfig::default(), 1);
    delivery.take(at(5));
    delivery.settle(fail(Fault::NoSuchHost), at(5));
    assert_eq!(wait(&delivery, at(5)), 5 * SECOND);
}

#[test]
fn terminal_answers_drop_the_batch_and_pause_the_client_twice_as_long_each_time() {
    let mut delivery = with(TelemetryConfig::default().batch_size(1), 9);
    let mut now = at(5);
    for pause in [60, 120, 240, 480, 900, 900] {
        delivery.take(now);
        delivery.settle(fail(401), now);
        // Ages are past the point here.
        let until = delivery.pause.until();
        assert_eq!(until - now, SECOND * pause);
        now = until;
    }
    assert_eq!(delivery.ledger().dropped.get(DropReason::Terminal), 6);
    delivery.take(now);
    delivery.settle(accept(1), now);
    delivery.take(now);
    delivery.settle(fail(403), now);
    assert_eq!(delivery.pause.until() - now, SECOND * 60, "a success starts it over");
}

#[test]
fn a_pause_obeys_a_retry_after_up_to_its_cap() {
    let config = TelemetryConfig::default().retry_after_cap(SECOND * 200);
    for (asked, pause) in [(30, 60), (100, 100), (600, 200)] {
        let mut delivery = with(config.clone(), 1);
        delivery.take(at(5));
        let refused = PluginError::new(403).with_retry_after(Some(SECOND * asked));
        delivery.settle(AttemptOutcome::Answered(Err(refused)), at(5));
        assert_eq!(delivery.pause.until() - at(5), SECOND * pause);
    }
}

#[test]
fn a_redirect_is_terminal() {
    let mut delivery = with(TelemetryConfig::default(), 2);
    delivery.take(at(5));
    delivery.settle(fail(Fault::Redirect), at(5));
    assert_eq!(delivery.ledger().dropped.get(DropReason::Terminal), 2);
}

#[test]
fn without_credentials_records_wait_and_the_client_pauses() {
    let mut delivery = with(TelemetryConfig::default(), 2);
    delivery.take(at(5));
    delivery.settle(AttemptOutcome::NoCredentials(PluginError::new(Fault::Timeout)), at(5));
    assert_eq!(wait(&delivery, at(5)), 60 * SECOND);
    assert_eq!(delivery.ledger().held, 2);
}

#[test]
fn while_the_breaker_rejects_records_stay() {
    let mut delivery = with(TelemetryConfig::default(), 2);
    delivery.take(at(5));
    delivery.settle(AttemptOutcome::Rejected { retry_at: at(65) }, at(5));
    let waited = wait(&delivery, at(64));
    assert!(waited >= SECOND && waited <= 16 * SECOND, "{waited:?}");
    assert_eq!(delivery.next(at(80)), Next::Send);
    assert_eq!(delivery.take(at(80)).len(), 2);
}

#[test]
fn clients_that_are_told_the_same_do_not_come_back_together() {
    let again = |seed, attempted| {
        let mut delivery = Delivery::new(&TelemetryConfig::default(), seed);
        delivery.push(record(RecordKind::Statement), false, at(0));
        delivery.take(at(5));
        delivery.settle(attempted, at(5));
        wait(&delivery, at(5))
    };
    // A probe is out: soon, and not for each of them at the same time.
    are_spread(|seed| again(seed, AttemptOutcome::Rejected { retry_at: at(6) }), SECOND, 2 * SECOND);
    are_spread(|seed| again(seed, AttemptOutcome::Rejected { retry_at: at(65) }), 60 * SECOND, 75 * SECOND);
    let busy = PluginError::new(429).with_retry_after(Some(120 * SECOND));
    are_spread(|seed| again(seed, AttemptOutcome::Answered(Err(busy))), 120 * SECOND, 150 * SECOND);
}

#[test]
fn what_many_clients_record_at_the_same_moment_after_a_calm_does_not_leave_at_the_same_moment() {
    let first = |seed, calm_until| {
        let mut delivery = Delivery::new(&TelemetryConfig::default(), seed);
        delivery.push(record(RecordKind::Statement), false, at(0));
        let first = wait(&delivery, at(0));
        delivery.take(at(5));
        delivery.settle(accept(1), at(5));
        delivery.push(record(RecordKind::Statement), false, at(calm_until));
        delivery.push(record(RecordKind::Statement), false, at(calm_until));
        [first, wait(&delivery, at(calm_until))]
    };
    let half = 2500 * MS;
    are_spread(|seed| first(seed, 9)[0], half, 5 * SECOND);
    are_spread(|seed| first(seed, 10)[1], half, 5 * SECOND);
    // A client that records all the while sends no more often for it.
    assert!((0..200).all(|seed| first(seed, 9)[1] == 5 * SECOND));
}

#[test]
fn a_rejection_that_is_over_at_once_is_not_asked_in_a_loop() {
    let mut delivery = with(TelemetryConfig::default(), 1);
    delivery.take(at(5));
    delivery.settle(AttemptOutcome::Rejected { retry_at: at(0) }, at(5));
    let waited = wait(&delivery, at(5));
    assert!(waited >= 100 * MS && waited <= 200 * MS, "{waited:?}");
}

#[test]
fn too_large_halves_down_to_one_record_and_grows_again() {
    for fault in [Fault::Status(413), Fault::TooLarge] {
        let mut delivery = with(TelemetryConfig::default().batch_size(8), 8);
        for size in [8, 4, 2, 1] {
            assert_eq!(delivery.next(at(5)), Next::Send);
            assert_eq!(delivery.take(at(5)).len(), size);
            delivery.settle(fail(fault), at(5));
        }
        assert_eq!(delivery.ledger().dropped.get(DropReason::TooLarge), 1, "alone, and still too large");
        for size in [1, 2, 4] {
            send(&mut delivery, size, at(5));
        }
        assert_eq!(delivery.ledger().accepted, 7);
    }
}

/// What a service answers that takes so many records in one request.
fn taking(limit: usize, batch: &[Arc<Record>]) -> AttemptOutcome {
    if batch.len() > limit { fail(413) } else { accept(batch.len()) }
}

/// Sends one batch, as large as may be; how large that was.
fn send_full(delivery: &mut Delivery, one: &Arc<Record>, taken: usize) -> usize {
    while delivery.queue.len() < 16 {
        delivery.push(Arc::clone(one), false, at(0));
    }
    assert_eq!(delivery.next(at(5)), Next::Send);
    let batch = delivery.take(at(5));
    delivery.settle(taking(taken, &batch), at(5));
    batch.len()
}

proptest! {
    /// Once the size that a service takes is found, one batch in a hundred is sent in vain, to see whether it
    /// takes more by now. When it does, the size is soon what it was; and all the while nothing is lost.
    #[test]
    fn what_was_too_large_is_tried_again_once_in_a_hundred_batches(batch_size in 1usize..=16, taken in 1usize..=16) {
        let mut delivery = with(TelemetryConfig::default().batch_size(batch_size), 0);
        let one = record(RecordKind::Statement);
        let sent: Vec<_> = (0..404).map(|_| send_full(&mut delivery, &one, taken)).collect();
        let too_large = |size: &&usize| **size > taken;
        let until_found = sent.iter().take_while(too_large).count();
        prop_assert!(until_found <= 4);
        let in_vain = sent[until_found..].iter().filter(too_large).count();
        prop_assert!(in_vain <= 4, "{}", in_vain);
        prop_assert!(in_vain >= 1 || batch_size <= taken, "it is never tried again");
        for _ in 0..400 {
            send_full(&mut delivery, &one, usize::MAX);
        }
        prop_assert_eq!(send_full(&mut delivery, &one, usize::MAX), batch_size);
        prop_assert_eq!(delivery.ledger().dropped.total(), 0);
    }
}

/// How often a batch is halved, or doubled, between one record and the most.
fn halvings(batch_size: usize) -> usize {
    batch_size.next_power_of_two().ilog2() as usize
}

/// Delivers all to a service that refuses each batch with one of these in it; the times of the attempts.
fn deliver_around(delivery: &mut Delivery, too_large: &[EventId]) -> Vec<Tick> {
    delivery.flush();
    let (mut now, mut attempts) = (at(5), Vec::new());
    while delivery.held() > 0 {
        match delivery.next(now) {
            Next::Send => {
                attempts.push(now);
                let batch = ids(&delivery.take(now));
                let is_refused = batch.iter().any(|id| too_large.contains(id));
                delivery.settle(if is_refused { fail(413) } else { accept(batch.len()) }, now);
            }
            Next::Wait(Some(until)) => now = until,
            other => panic!("{other:?}"),
        }
        delivery.expire(now);
    }
    attempts
}

proptest! {
    /// A record that is too large takes no other with it, wherever it stands and however many there are: each
    /// costs some attempts, of which none waits where no two stand side by side.
    #[test]
    fn records_that_are_too_large_hold_up_no_others(
        are_too_large in proptest::collection::vec(prop::bool::weighted(0.1), 1..200),
        batch_size in 1usize..=64,
    ) {
        let all = are_too_large.len();
        let mut delivery = with(TelemetryConfig::default().batch_size(batch_size), all);
        let too_large: Vec<_> = queued(&delivery)
            .into_iter()
            .zip(&are_too_large)
            .filter_map(|(id, is_too_large)| is_too_large.then_some(id))
            .collect();
        let attempts = deliver_around(&mut delivery, &too_large);
        let ledger = delivery.ledger();
        prop_assert_eq!(ledger.accepted as usize, all - too_large.len(), "{}", ledger);
        prop_assert_eq!(ledger.dropped.get(DropReason::TooLarge) as usize, too_large.len());
        let for_each = 4 * halvings(batch_size) + 1;
        let most = all.div_ceil(batch_size) + too_large.len() * for_each;
        prop_assert!(attempts.len() <= most, "{} of {}", attempts.len(), most);
        let side_by_side = are_too_large.windows(2).any(|two| two[0] && two[1]);
        prop_assert!(side_by_side || attempts.iter().all(|then| *then == at(5)), "{:?}", attempts);
        // And the batch is soon as large as it was.
        delivery.flush();
        let one = record(RecordKind::Statement);
        for _ in 0..=halvings(batch_size) {
            (0..batch_size).for_each(|_| delivery.push(Arc::clone(&one), false, at(5)));
            let taken = delivery.take(at(600)).len();
            delivery.settle(accept(taken), at(600));
        }
        prop_assert_eq!(delivery.batch_limit.records(), batch_size);
    }
}

#[test]
fn a_service_that_takes_nothing_is_asked_as_seldom_as_one_that_fails() {
    let mut delivery = with(TelemetryConfig::default().batch_size(64), 100);
    let all = queued(&delivery);
    let attempts = deliver_around(&mut delivery, &all);
    assert_eq!(delivery.ledger().dropped.get(DropReason::TooLarge), 100, "each by itself");
    let at_once = attempts.iter().filter(|then| **then == at(5)).count();
    assert_eq!(at_once, halvings(64) + 2, "down to one record, and one more");
    let quick = attempts.iter().filter(|then| **then - at(5) < SECOND).count();
    assert_eq!(quick, at_once + 3);
    let later = &attempts[quick..];
    assert!(later.windows(2).all(|two| two[1] - two[0] == 5 * SECOND), "{later:?}");
}

#[test]
fn what_a_service_asks_for_is_waited_for_also_before_half_of_a_batch() {
    let mut delivery = with(TelemetryConfig::default(), 2);
    for _ in [2, 1] {
        let now = at(5).max(delivery.not_before);
        delivery.take(now);
        let too_large = PluginError::new(413).with_retry_after(Some(7 * SECOND));
        delivery.settle(AttemptOutcome::Answered(Err(too_large)), now);
        let waits = delivery.not_before - now;
        assert!(waits >= 7 * SECOND && waits <= 9 * SECOND, "{waits:?}");
    }
}

#[test]
fn small_batches_say_nothing_of_what_a_service_takes() {
    let mut delivery = with(TelemetryConfig::default().batch_size(8), 8);
    let batch = delivery.take(at(5));
    delivery.settle(taking(4, &batch), at(5));
    for _ in 0..2 {
        send(&mut delivery, 4, at(5));
    }
    for _ in 0..1000 {
        delivery.push(record(RecordKind::Statement), false, at(5));
        send(&mut delivery, 1, at(10));
    }
    (0..8).for_each(|_| delivery.push(record(RecordKind::Statement), false, at(10)));
    send(&mut delivery, 4, at(10));
}

/// Sends a batch that has so many records, and is accepted.
fn send(delivery: &mut Delivery, count: usize, now: Tick) {
    assert_eq!(delivery.next(now), Next::Send);
    assert_eq!(delivery.take(now).len(), count);
    delivery.settle(accept(count), now);
}

#[test]
fn partial_acceptance_is_counted() {
    let mut delivery = with(TelemetryConfig::default(), 5);
    delivery.take(at(5));
    delivery.settle(accept(3), at(5));
    let ledger = delivery.ledger();
    assert_eq!((ledger.accepted, ledger.dropped.get(DropReason::NotAccepted), ledger.held), (3, 2, 0));
    let mut delivery = with(TelemetryConfig::default(), 5);
    delivery.take(at(5));
    delivery.settle(accept(99), at(5));
    assert_eq!(delivery.ledger().accepted, 5, "no more than were sent");
}

#[test]
fn overflow_drops_the_oldest_that_is_not_an_error() {
    let mut delivery = Delivery::new(&TelemetryConfig::default().max_records(3).batch_size(3), 1);
    let records: Vec<_> =
        [RecordKind::Error, RecordKind::Statement, RecordKind::Operation, RecordKind::Error]
            .map(record)
            .into_iter()
            .collect();
    records.iter().for_each(|record| delivery.push(Arc::clone(record), false, at(0)));
    assert_eq!(delivery.ledger().dropped.get(DropReason::Overflow), 1);
    assert_eq!(queued(&delivery), [records[0].id, records[2].id, records[3].id]);
    delivery.push(record(RecordKind::Error), false, at(0));
    assert_eq!(queued(&delivery)[..2], [records[0].id, records[3].id], "the last that is none");
    delivery.push(record(RecordKind::Error), false, at(0));
    assert_eq!(queued(&delivery)[0], records[3].id, "all are errors: the oldest of them");
}

#[test]
fn what_is_in_flight_counts_towards_the_bound_and_is_not_dropped() {
    let mut delivery = with(TelemetryConfig::default().max_records(3).batch_size(2), 2);
    delivery.take(at(5));
    delivery.push(record(RecordKind::Statement), false, at(1));
    delivery.push(record(RecordKind::Statement), false, at(1));
    assert_eq!((delivery.held(), delivery.in_flight.len()), (3, 2));
}

#[test]
fn records_expire_after_their_time() {
    let mut delivery = with(TelemetryConfig::default(), 2);
    delivery.push(record(RecordKind::Statement), false, at(1));
    delivery.expire(at(600));
    assert_eq!(delivery.ledger().dropped.get(DropReason::Expired), 2);
    assert_eq!(delivery.held(), 1);
}

#[test]
fn an_unclassified_failure_drops_and_counts() {
    for (fault, reason) in [
        (Fault::Status(418), DropReason::Unclassified),
        (Fault::Tls, DropReason::Unclassified),
        (Fault::BadAnswer, DropReason::BadAnswer),
        (Fault::Panicked, DropReason::Panicked),
    ] {
        let mut delivery = with(TelemetryConfig::default(), 2);
        delivery.take(at(5));
        delivery.settle(fail(fault), at(5));
        assert_eq!(delivery.ledger().dropped.get(reason), 2, "{fault:?}");
    }
}

#[test]
fn closing_sends_what_waits_and_gives_up_when_nothing_can_go_before_the_deadline() {
    let mut delivery = with(TelemetryConfig::default(), 1);
    delivery.close_by(Some(at(2)));
    assert_eq!(delivery.next(at(0)), Next::Send);
    delivery.take(at(5));
    let failure = PluginError::new(503).with_retry_after(Some(3 * SECOND));
    delivery.settle(AttemptOutcome::Answered(Err(failure)), at(0));
    assert_eq!(delivery.next(at(0)), Next::GiveUp, "it does not wait for the deadline in vain");
    delivery.close_by(None);
    assert!(is_asked(wait(&delivery, at(0)), 3 * SECOND));
}

#[test]
fn only_faults_of_the_service_count_against_it() {
    for fault in [400, 401, 403, 404, 413].map(Fault::Status) {
        assert_eq!(outcome(&fail(fault)), Outcome::Neutral, "{fault:?}");
    }
    assert_eq!(outcome(&fail(Fault::Panicked)), Outcome::Neutral);
    assert_eq!(outcome(&fail(500)), Outcome::FAILURE);
    assert_eq!(outcome(&fail(429)), Outcome::FAILURE);
    assert_eq!(outcome(&fail(Fault::Timeout)), Outcome::FAILURE);
    assert_eq!(outcome(&accept(0)), Outcome::Success);
}

#[test]
fn what_is_urgent_and_does_not_fit_the_batch_goes_a_second_later() {
    let mut delivery = with(TelemetryConfig::default().batch_size(2), 0);
    (0..3).for_each(|_| delivery.push(record(RecordKind::Error), true, at(0)));
    assert_eq!(delivery.take(at(0)).len(), 2);
    delivery.settle(accept(2), at(0));
    assert_eq!(delivery.next(at(0)), Next::Wait(Some(at(1))));
}

#[test]
fn credentials_that_come_end_a_pause_for_want_of_them_and_no_other() {
    let none = AttemptOutcome::NoCredentials(PluginError::new(Fault::Timeout));
    for (attempted, ends) in [
        (none, true),
        (fail(401), true),
        (fail(Fault::Authentication), true),
        (fail(403), false),
        (fail(404), false),
        (fail(Fault::RefusedHost), false),
    ] {
        // They come before the batch leaves, while it is in flight, or after it was refused.
        for (before, meanwhile, after) in [(true, false, false), (false, true, false), (false, false, true)] {
            let mut delivery = with(TelemetryConfig::default().batch_size(1), 3);
            let log_in = |delivery: &mut Delivery, now| {
                if now {
                    delivery.logged_in()
                }
            };
            log_in(&mut delivery, before);
            delivery.take(at(5));
            log_in(&mut delivery, meanwhile);
            delivery.settle(attempted, at(5));
            log_in(&mut delivery, after);
            let expected = if ends && !before { Next::Send } else { Next::Wait(Some(at(65))) };
            assert_eq!(delivery.next(at(5)), expected, "{attempted:?} {before} {meanwhile} {after}");
        }
    }
}

#[test]
fn for_want_of_credentials_a_retry_after_is_obeyed_up_to_its_cap() {
    for (asked, pause) in [(30, 60), (100, 100), (600, 200)] {
        let mut delivery = with(TelemetryConfig::default().retry_after_cap(SECOND * 200), 1);
        delivery.take(at(5));
        let none = PluginError::new(503).with_retry_after(Some(SECOND * asked));
        delivery.settle(AttemptOutcome::NoCredentials(none), at(5));
        assert_eq!(wait(&delivery, at(5)), SECOND * pause);
    }
}

#[test]
fn no_retry_after_makes_a_pause_longer_than_the_longest() {
    let config = TelemetryConfig::default().pause_max(100 * SECOND);
    for (asked, pause) in [(80, 80), (250, 100)] {
        let mut delivery = with(config.clone(), 1);
        delivery.take(at(5));
        let refused = PluginError::new(403).with_retry_after(Some(SECOND * asked));
        delivery.settle(AttemptOutcome::Answered(Err(refused)), at(5));
        assert_eq!(delivery.pause.until() - at(5), SECOND * pause);
    }
}

/// With one quick retry; whether the next failure is retried quickly.
fn is_quick(delivery: &mut Delivery, now: Tick) -> bool {
    if delivery.queue.is_empty() {
        delivery.push(record(RecordKind::Statement), false, now);
    }
    delivery.take(now);
    delivery.settle(fail(503), now);
    wait(delivery, now) <= SECOND
}

/// What ends a row of failures, in words and done.
type End = (&'static str, fn(&mut Delivery));

#[test]
fn whatever_ends_a_row_of_failures_gives_the_next_batch_all_its_quick_retries() {
    let ends: [End; 4] = [
        ("a success", |delivery| {
            delivery.take(at(60));
            delivery.settle(accept(1), at(60));
        }),
        ("a terminal answer", |delivery| {
            delivery.take(at(60));
            delivery.settle(fail(Fault::Redirect), at(60));
        }),
        ("an answer of no known class", |delivery| {
            delivery.take(at(60));
            delivery.settle(fail(418), at(60));
        }),
        ("a flag that is off", |delivery| delivery.drop_waiting(DropReason::FlagOff)),
    ];
    for (what, end) in ends {
        let mut delivery = with(TelemetryConfig::default().max_retries(1), 1);
        assert!(is_quick(&mut delivery, at(50)), "the first of them");
        end(&mut delivery);
        assert!(is_quick(&mut delivery, at(70)), "{what}");
        assert!(!is_quick(&mut delivery, at(80)), "the second is not, after {what}");
    }
    // And so does the wait for the next interval.
    let mut delivery = with(TelemetryConfig::default().max_retries(1), 1);
    for (second, quick) in [(50, true), (60, false), (70, true), (80, false)] {
        assert_eq!(is_quick(&mut delivery, at(second)), quick, "{second}");
    }
}

#[test]
fn a_batch_that_was_retried_is_no_measure_for_the_next() {
    let ends = [accept(3), fail(418), fail(503)];
    for end in ends {
        let retries = u32::from(end != fail(503));
        let mut delivery = with(TelemetryConfig::default().max_retries(retries), 3);
        if retries > 0 {
            delivery.take(at(5));
            delivery.settle(fail(503), at(5));
        }
        assert_eq!(delivery.take(at(10)).len(), 3);
        delivery.settle(end, at(10));
        (0..5).for_each(|_| delivery.push(record(RecordKind::Statement), false, at(10)));
        assert_eq!(wait(&delivery, at(10)), 5 * SECOND, "nothing goes at once after {end:?}");
        assert_eq!(delivery.take(at(15)).len(), if retries > 0 { 5 } else { 8 }, "and all goes together");
    }
}

#[test]
fn what_a_flag_that_is_off_discards_leaves_no_hurry_behind() {
    let mut delivery = with(TelemetryConfig::default(), 2);
    delivery.take(at(5));
    delivery.settle(fail(503), at(5));
    delivery.push(record(RecordKind::Error), true, at(5));
    delivery.drop_waiting(DropReason::FlagOff);
    assert_eq!(delivery.ledger().dropped.get(DropReason::FlagOff), 3);
    (0..3).for_each(|_| delivery.push(record(RecordKind::Statement), false, at(9)));
    assert_eq!(wait(&delivery, at(9)), 5 * SECOND);
    assert_eq!(delivery.take(at(15)).len(), 3);
}

#[test]
fn a_batch_that_loses_a_record_while_it_waits_goes_again_with_the_rest_alone() {
    let config = TelemetryConfig::default().max_records(4).batch_size(4);
    let waiting = |kind| {
        let mut delivery = Delivery::new(&config, 1);
        (0..3).for_each(|_| delivery.push(record(kind), false, at(0)));
        delivery.take(at(5));
        delivery.settle(fail(503), at(5));
        (0..2).for_each(|_| delivery.push(record(RecordKind::Statement), false, at(5)));
        assert_eq!(delivery.ledger().dropped.get(DropReason::Overflow), 1);
        delivery
    };
    // The oldest of the batch made room.
    let mut delivery = waiting(RecordKind::Statement);
    assert!(wait(&delivery, at(5)) <= 100 * MS, "it is still a retry");
    assert_eq!(delivery.take(at(6)).len(), 2);
    // Or another did, as those of the batch are errors.
    let mut delivery = waiting(RecordKind::Error);
    assert!(wait(&delivery, at(5)) <= 100 * MS);
    assert_eq!(delivery.take(at(6)).len(), 3);
    // Or all of it expired.
    let mut delivery = waiting(RecordKind::Error);
    delivery.expire(at(600));
    assert_eq!(delivery.held(), 1);
    assert_eq!(delivery.next(at(600)), Next::Send);
    assert_eq!(delivery.take(at(600)).len(), 1);
}

/// Every fault that an attempt may end with.
fn faults() -> Vec<Fault> {
    let statuses = [400, 401, 403, 404, 408, 413, 418, 425, 429, 500, 501, 502, 503, 504, 599];
    let others = [
        Fault::Authentication,
        Fault::Timeout,
        Fault::Connect,
        Fault::Reset,
        Fault::NoSuchHost,
        Fault::Tls,
        Fault::RefusedHost,
        Fault::Redirect,
        Fault::BadAnswer,
        Fault::TooLarge,
        Fault::Unsendable,
        Fault::Write(std::io::ErrorKind::StorageFull),
        Fault::Write(std::io::ErrorKind::PermissionDenied),
        Fault::Panicked,
        Fault::NoResources,
        Fault::Other,
    ];
    statuses.map(Fault::Status).into_iter().chain(others).collect()
}

#[test]
fn what_concerns_one_client_alone_pauses_it_and_nothing_else_does() {
    let concern = [400, 401, 403, 404].map(Fault::Status);
    let others = [Fault::Authentication, Fault::RefusedHost, Fault::Unsendable];
    let asked = 100 * SECOND;
    for fault in faults() {
        let mut delivery = with(TelemetryConfig::default(), 1);
        delivery.take(at(5));
        let failure = PluginError::new(fault).with_retry_after(Some(asked));
        delivery.settle(AttemptOutcome::Answered(Err(failure)), at(5));
        let pauses = concern.contains(&fault) || others.contains(&fault);
        assert_eq!(delivery.pause.until() > at(5), pauses, "{fault:?}");
        // What the service asked for is waited for in any case.
        delivery.push(record(RecordKind::Statement), false, at(5));
        assert!(is_asked(wait(&delivery, at(5)), asked), "{fault:?}");
    }
}

#[test]
fn a_result_is_told_to_the_breaker_as_the_services_or_as_nobodys() {
    let ours = [400, 401, 403, 404, 413].map(Fault::Status);
    let others = [
        Fault::Authentication,
        Fault::RefusedHost,
        Fault::Unsendable,
        Fault::TooLarge,
        Fault::Panicked,
        Fault::NoResources,
    ];
    for fault in faults() {
        for retry_after in [None, Some(7 * SECOND)] {
            let failure = PluginError::new(fault).with_retry_after(retry_after);
            let is_ours = ours.contains(&fault) || others.contains(&fault);
            let expected = if is_ours { Outcome::Neutral } else { Outcome::Failure { retry_after } };
            assert_eq!(outcome(&AttemptOutcome::Answered(Err(failure))), expected, "{fault:?}");
        }
    }
    let rejected = AttemptOutcome::Rejected { retry_at: at(9) };
    let none = AttemptOutcome::NoCredentials(PluginError::new(503));
    assert_eq!((outcome(&rejected), outcome(&none)), (Outcome::Neutral, Outcome::Neutral));
}

#[test]
fn what_is_written_down_is_no_delivery_and_what_can_not_be_is_lost_under_its_reason() {
    let mut delivery = with(TelemetryConfig::default(), 3);
    delivery.take(at(5));
    delivery.settle(AttemptOutcome::Answered(Ok(Receipt::written(3))), at(5));
    assert_eq!((delivery.ledger().written, delivery.ledger().accepted), (3, 0));
    let mut delivery = with(TelemetryConfig::default(), 3);
    delivery.take(at(5));
    delivery.settle(fail(Fault::Write(std::io::ErrorKind::PermissionDenied)), at(5));
    assert_eq!(delivery.ledger().dropped.get(DropReason::NotWritten), 3);
}

#[test]
fn a_fault_of_our_own_loses_what_is_held_and_is_no_cause_of_what_had_left() {
    let mut delivery = with(TelemetryConfig::default().batch_size(3), 11);
    delivery.take(at(0));
    delivery.settle(accept(2), at(0));
    delivery.take(at(0));
    delivery.settle(AttemptOutcome::Answered(Ok(Receipt::written(3))), at(0));
    delivery.take(at(0));
    let before = delivery.ledger();
    assert_eq!((before.accepted, before.written, before.dropped.total(), before.held), (2, 3, 1, 5));
    delivery.fail();
    let after = delivery.ledger();
    assert_eq!((after.dropped.since(&before.dropped).total(), after.held), (before.held, 0));
    assert_eq!(after.dropped.get(DropReason::InternalFault), before.held);
    assert!(after.balances());
}

#[test]
fn a_close_that_goes_on_keeps_an_interval_that_began_during_it() {
    let mut delivery = with(TelemetryConfig::default().max_retries(0), 1);
    delivery.close_by(Some(at(20)));
    delivery.take(at(5));
    delivery.settle(fail(503), at(5));
    // As each step says it again.
    delivery.close_by(Some(at(20)));
    assert_eq!(delivery.next(at(5)), Next::Wait(Some(at(10))));
}

#[test]
fn what_can_go_only_at_the_deadline_itself_is_given_up() {
    let mut delivery = with(TelemetryConfig::default(), 1);
    delivery.take(at(5));
    let failure = PluginError::new(503).with_retry_after(Some(3 * SECOND));
    delivery.settle(AttemptOutcome::Answered(Err(failure)), at(5));
    let due = at(5) + wait(&delivery, at(5));
    delivery.close_by(Some(due));
    assert_eq!(delivery.next(at(5)), Next::GiveUp);
    delivery.close_by(Some(due + MS));
    assert_eq!(delivery.next(at(5)), Next::Wait(Some(due)));
}

#[test]
fn the_wait_for_a_batch_is_no_longer_than_its_oldest_record_is_held() {
    let mut delivery = with(TelemetryConfig::default().pause_base(SECOND * 900), 2);
    delivery.take(at(5));
    delivery.settle(AttemptOutcome::NoCredentials(PluginError::new(503)), at(5));
    assert_eq!(delivery.next(at(5)), Next::Wait(Some(at(600))), "then they expire");
}

proptest! {
    /// Overflow drops what the plain rule says: the oldest that is no error, or the oldest of all.
    #[test]
    fn overflow_goes_by_the_plain_rule(actions in proptest::collection::vec(0u8..8, 0..200)) {
        let config = TelemetryConfig::default().batch_size(3).max_records(6);
        let mut delivery = Delivery::new(&config, 3);
        let mut model: Vec<(EventId, bool)> = Vec::new();
        let mut out = Vec::new();
        for action in actions {
            match action {
                0..=4 => {
                    let is_error = action < 3;
                    let made = record(if is_error { RecordKind::Error } else { RecordKind::Statement });
                    model.push((made.id, is_error));
                    while model.len() + out.len() > 6 {
                        model.remove(model.iter().position(|(_, is_error)| !is_error).unwrap_or(0));
                    }
                    delivery.push(made, false, at(0));
                }
                5 if out.is_empty() && !model.is_empty() => {
                    let taken = delivery.take(at(0)).len();
                    out = model.drain(..taken).collect();
                }
                6 if !out.is_empty() => {
                    delivery.settle(accept(out.len()), at(0));
                    out.clear();
                }
                7 if !out.is_empty() => {
                    delivery.settle(fail(503), at(0));
                    model.splice(0..0, out.drain(..));
                }
                _ => {}
            }
            let expected: Vec<_> = model.iter().map(|(id, _)| *id).collect();
            prop_assert_eq!(queued(&delivery), expected);
        }
    }
}

proptest! {
    /// Whatever comes: the books balance, the bounds hold, one batch is in flight, and the machine never
    /// rests with something to send and nothing to wait for.
    #[test]
    fn the_books_balance_and_the_bounds_hold(
        actions in proptest::collection::vec((0u8..12, 0u64..90), 0..300),
        batch_size in 1usize..6,
        extra in 0usize..6,
    ) {
        let config = TelemetryConfig::default().batch_size(batch_size).max_records(batch_size + extra);
        let mut delivery = Delivery::new(&config, 3);
        let mut now = at(0);
        let mut pushed = 0;
        for (action, wait) in actions {
            now = now + SECOND * wait as u32;
            delivery.expire(now);
            match action {
                0..=4 => {
                    let kind = if action == 0 { RecordKind::Error } else { RecordKind::Statement };
                    delivery.push(record(kind), action == 1, now);
                    pushed += 1;
                }
                _ => match delivery.next(now) {
                    Next::Send => {
                        let batch = delivery.take(now);
                        prop_assert!(!batch.is_empty() && batch.len() <= batch_size);
                        prop_assert_eq!(delivery.next(now), Next::Wait(None));
                        delivery.settle(match action {
                            5 => accept(batch.len()),
                            6 => accept(batch.len() / 2),
                            7 => fail(503),
                            8 => fail(401),
                            9 => fail(413),
                            10 => fail(Fault::BadAnswer),
                            _ => AttemptOutcome::Rejected { retry_at: now + SECOND },
                        }, now);
                    }
                    Next::Wait(Some(until)) => prop_assert!(until > now && delivery.held() > 0),
                    Next::Wait(None) => prop_assert_eq!(delivery.held(), 0),
                    Next::GiveUp => prop_assert!(false, "nobody closes here"),
                },
            }
            let ledger = delivery.ledger();
            prop_assert!(ledger.balances(), "{}", ledger);
            prop_assert_eq!(ledger.made, pushed);
            prop_assert!(delivery.held() <= batch_size + extra);
        }
    }
}

#[test]
fn after_a_failure_overflow_does_not_look_again_at_errors_that_it_has_seen() {
    for (statements, known) in [(0, 5), (1, 2)] {
        let mut delivery = with(TelemetryConfig::default().max_records(100).batch_size(3), 0);
        // Two errors, then perhaps a statement, then three more errors.
        let kinds = [RecordKind::Error; 2].into_iter().chain(vec![RecordKind::Statement; statements]);
        let kinds = kinds.chain([RecordKind::Error; 3]);
        kinds.for_each(|kind| delivery.push(record(kind), false, at(0)));
        delivery.push(record(RecordKind::Statement), false, at(0));
        if statements == 0 {
            assert!(delivery.overflow(), "it looks past all five");
            delivery.push(record(RecordKind::Statement), false, at(0));
        }
        delivery.take(at(5));
        delivery.settle(AttemptOutcome::Answered(Err(PluginError::new(503))), at(5));
        assert_eq!(delivery.errors_ahead, known);
        let before = delivery.held();
        assert!(delivery.overflow() && delivery.held() == before - 1);
        let errors = queued(&delivery).len() - usize::from(statements == 1);
        assert_eq!(errors, 5, "a statement went, and no error");
    }
}
