use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fault::Fault;
use crate::guard::panic::catch_panic;
use crate::nanos::Elapsed;
use crate::pipeline::event::EventKind;
use crate::pipeline::event::tests::event;
use crate::pipeline::packed_id::PackedId;
use crate::pipeline::statement::{StatementAggregate, StatementEvent};
use crate::plugin::exporter::Receipt;
use crate::plugin::flags::FlagOrigin;
use crate::record::StatementType;

const SECOND: Duration = Duration::from_secs(1);

fn flags(on: bool, fresh_for: Duration) -> FlagSet {
    FlagSet::new(BTreeMap::from([("flag".to_owned(), on.to_string())]), FlagOrigin::Fetched, fresh_for)
}

fn at(seconds: u32) -> Tick {
    Tick::ZERO + SECOND * seconds
}

fn gate() -> Gate {
    Gate::new(TelemetryConfig::default().flag_retry)
}

#[test]
fn a_close_does_not_wait_for_a_flag_that_is_known_and_due() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    pipeline.flags(Ok(&flags(true, 10 * SECOND)), at(0));
    pipeline.absorb(vec![event(1)], at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
    assert!(matches!(pipeline.step(at(12), Busy::default(), Some(at(20))), Step::Send(_)));
    let busy = Busy { sending: true, asking: false };
    assert!(matches!(pipeline.step(at(12), busy, Some(at(20))), Step::Wait(until) if until == at(20)));
}

#[test]
fn after_a_long_sleep_the_flag_is_asked_for_before_anything_is_sent() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    pipeline.flags(Ok(&flags(true, 10 * SECOND)), at(0));
    pipeline.absorb(vec![event(1)], at(990), SystemTime::UNIX_EPOCH, |bytes| bytes);
    for closing in [None, Some(at(1002))] {
        assert!(matches!(pipeline.step(at(1000), Busy::default(), closing), Step::Ask));
        let asking = Busy { sending: false, asking: true };
        assert!(matches!(pipeline.step(at(1000), asking, closing), Step::Wait(_)));
    }
    // Nobody answers: it counts on.
    pipeline.flags(Err(PluginError::new(503).into()), at(1001));
    assert!(matches!(pipeline.step(at(1001), Busy::default(), None), Step::Send(_)));
}

#[test]
fn the_breaker_is_in_the_state_that_it_was_last_seen_in_and_a_change_is_told_once() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    let open = |second| BreakerState::Open { until: at(second) };
    assert_eq!(pipeline.breaker(), None);
    assert_eq!(pipeline.saw_breaker(Some(BreakerState::Closed)), None, "it begins so");
    assert_eq!(pipeline.saw_breaker(Some(open(60))), Some(BreakerState::Closed));
    assert_eq!(pipeline.saw_breaker(Some(open(120))), None, "it is still open");
    assert_eq!(pipeline.saw_breaker(None), None, "nobody looked");
    assert_eq!(pipeline.breaker(), Some(open(120)));
    assert_eq!(pipeline.saw_breaker(Some(BreakerState::HalfOpen)), Some(open(120)));
    assert_eq!(pipeline.saw_breaker(Some(BreakerState::Closed)), Some(BreakerState::HalfOpen));
    assert_eq!(pipeline.breaker(), Some(BreakerState::Closed));
}

#[test]
fn the_last_failure_is_that_of_an_attempt_of_the_credentials_or_of_the_flag() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    assert_eq!(pipeline.last_failure(), None);
    pipeline.flags(Err(PluginError::new(500).into()), at(0));
    assert_eq!(pipeline.last_failure(), Some(PluginError::new(500)));
    pipeline.flags(Ok(&flags(true, 900 * SECOND)), at(60));
    assert_eq!(pipeline.last_failure(), Some(PluginError::new(500)), "an answer takes nothing back");
    for (attempted, failure) in [
        (AttemptOutcome::NoCredentials(PluginError::new(Fault::Authentication)), Some(Fault::Authentication)),
        (AttemptOutcome::Answered(Err(PluginError::new(503))), Some(Fault::Status(503))),
        (AttemptOutcome::Rejected { retry_at: at(61) }, Some(Fault::Status(503))),
        (AttemptOutcome::Answered(Ok(Receipt::new(1))), Some(Fault::Status(503))),
    ] {
        pipeline.settle(attempted, at(60));
        assert_eq!(pipeline.last_failure().map(|failure| failure.fault), failure);
    }
}

#[test]
fn a_log_in_is_waited_for_while_the_question_or_the_batch_is_refused_for_want_of_one() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    let refused = PluginError::new(Fault::Authentication);
    assert!(!pipeline.awaits_login());
    pipeline.flags(Err(refused.into()), at(0));
    assert!(pipeline.awaits_login(), "the question is");
    pipeline.flags(Ok(&flags(true, 900 * SECOND)), at(1));
    assert!(!pipeline.awaits_login());
    for attempted in [AttemptOutcome::NoCredentials(refused), AttemptOutcome::Answered(Err(refused))] {
        pipeline.absorb(vec![event(1)], at(1), SystemTime::UNIX_EPOCH, |bytes| bytes);
        pipeline.flush();
        assert!(matches!(pipeline.step(at(1), Busy::default(), None), Step::Send(_)));
        pipeline.settle(attempted, at(1));
        assert!(pipeline.awaits_login(), "the batch is");
        pipeline.logged_in(at(1));
        assert!(!pipeline.awaits_login(), "it is tried again");
    }
}

#[test]
fn what_is_dropped_by_the_end_is_told_from_what_may_have_arrived() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default().batch_size(2), "flag", gate(), false, 1);
    pipeline.flags(Ok(&flags(true, 900 * SECOND)), at(0));
    let session = event(0).session;
    let start = happened(Action::Start(0)).unwrap();
    let start = Event { at: at(0), session: Arc::clone(&session), kind: start };
    let events = vec![event(1), event(2), event(3), start];
    pipeline.absorb(events, at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
    assert!(matches!(pipeline.step(at(0), Busy::default(), None), Step::Send(batch) if batch.len() == 2));
    pipeline.finish(DropReason::RuntimeGone, at(1));
    let dropped = pipeline.ledger().dropped;
    assert_eq!(dropped.get(DropReason::OutcomeUnknown), 2);
    assert_eq!(dropped.get(DropReason::RuntimeGone), 2, "what waited, and the statement that was open");
    assert_eq!((pipeline.open_statements(), pipeline.is_recording()), (0, false));
    // What comes after the end is refused as such.
    pipeline.absorb(vec![event(4)], at(2), SystemTime::UNIX_EPOCH, |bytes| bytes);
    assert_eq!(pipeline.books().refused.get(Refusal::Closed), 1);
}

#[test]
fn a_fault_of_our_own_loses_of_the_events_taken_in_those_that_are_in_no_book() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    let session = event(0).session;
    let start =
        || Event { at: at(0), session: Arc::clone(&session), kind: happened(Action::Start(0)).unwrap() };
    pipeline.absorb(vec![start(), start(), event(1), event(2)], at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
    pipeline.fail(7);
    let TakenBooks { folded, made, refused } = pipeline.books();
    assert_eq!((folded, made, refused.get(Refusal::StartedTwice)), (1, 2, 1));
    assert_eq!(refused.get(Refusal::InternalFault), 3, "of the seven that were taken out");
}

#[test]
fn nothing_is_sent_while_an_attempt_is_under_way() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    pipeline.flags(Ok(&flags(true, 900 * SECOND)), at(0));
    pipeline.absorb(vec![event(1)], at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
    let sending = Busy { sending: true, asking: false };
    assert!(matches!(pipeline.step(at(10), sending, None), Step::Wait(_)));
    assert!(matches!(pipeline.step(at(10), Busy::default(), None), Step::Send(_)));
}

#[test]
fn while_the_flag_is_off_events_on_their_way_are_refused_as_many_as_they_stand_for() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    pipeline.flags(Ok(&flags(false, 900 * SECOND)), at(0));
    let mut whole = StatementAggregate::start(at(0), 1);
    whole.complete(None, None);
    let whole = Event { kind: EventKind::Finished(Box::new(whole)), ..event(0) };
    pipeline.absorb(vec![event(1), whole], at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
    assert_eq!(pipeline.books().refused.get(Refusal::Off), 3);
    assert_eq!(pipeline.ledger().made, 0);
}

#[test]
fn a_ticks_date_is_as_far_from_the_present_as_the_tick_in_either_direction() {
    let now = SystemTime::UNIX_EPOCH + 1_000_000 * SECOND;
    let date = |second| date((at(100), now), at(second));
    assert_eq!([90, 100, 130].map(date), [now - 10 * SECOND, now, now + 30 * SECOND]);
}

fn waits_until(step: Step) -> Tick {
    match step {
        Step::Wait(until) => until,
        other => panic!("{other:?}"),
    }
}

#[test]
fn with_nothing_held_it_waits_for_the_flag_to_grow_old_or_for_a_statement_to_be_quiet_for_too_long() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    pipeline.flags(Ok(&flags(true, 900 * SECOND)), at(0));
    assert_eq!(waits_until(pipeline.step(at(1), Busy::default(), None)), at(900));
    assert!(matches!(pipeline.step(at(900), Busy::default(), None), Step::Ask), "exactly then");
    let asking = Busy { asking: true, sending: false };
    assert_eq!(waits_until(pipeline.step(at(900), asking, None)), Tick::MAX, "once");
    pipeline.flags(Ok(&flags(true, 86_400 * SECOND)), at(901));
    let start = happened(Action::Start(0)).unwrap();
    let start = Event { at: at(901), kind: start, ..event(0) };
    pipeline.absorb(vec![start], at(901), SystemTime::UNIX_EPOCH, |bytes| bytes);
    assert_eq!(waits_until(pipeline.step(at(902), Busy::default(), None)), at(901 + 3600));
}

#[test]
fn a_close_ends_where_nothing_is_held_or_nothing_will_be_known_in_time() {
    let pending = NoAnswer { pending: true, ..PluginError::new(401).into() };
    let asking = Busy { asking: true, sending: false };
    for held in [false, true] {
        let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
        assert!(matches!(pipeline.step(at(0), Busy::default(), Some(at(2))), Step::Ask));
        if held {
            pipeline.absorb(vec![event(1)], at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
            assert_eq!(waits_until(pipeline.step(at(0), asking, Some(at(2)))), at(2), "the answer may come");
        } else {
            assert!(matches!(pipeline.step(at(0), asking, Some(at(2))), Step::Finished), "for what?");
        }
        // A log-in is to come, and the flag is asked for again in a minute.
        pipeline.flags(Err(pending), at(1));
        assert!(matches!(pipeline.step(at(1), Busy::default(), Some(at(2))), Step::Finished));
        assert!(matches!(pipeline.step(at(1), Busy::default(), Some(at(61))), Step::Finished));
        if held {
            assert_eq!(waits_until(pipeline.step(at(1), Busy::default(), Some(at(70)))), at(61));
        }
    }
}

#[test]
fn at_its_deadline_a_close_is_over_whatever_is_under_way() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    pipeline.flags(Ok(&flags(true, 900 * SECOND)), at(0));
    pipeline.absorb(vec![event(1)], at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
    assert!(matches!(pipeline.step(at(0), Busy::default(), Some(at(2))), Step::Send(_)));
    let sending = Busy { sending: true, asking: false };
    assert_eq!(waits_until(pipeline.step(at(1), sending, Some(at(2)))), at(2));
    assert!(matches!(pipeline.step(at(2), sending, Some(at(2))), Step::Finished));
}

#[test]
fn thousands_of_open_statements_end_a_part_at_a_time() {
    let mut pipeline = Pipeline::new(&TelemetryConfig::default(), "flag", gate(), false, 1);
    let session = event(0).session;
    let start = |number| {
        let id = PackedId::new(&format!("s{number}")).unwrap();
        let kind = EventKind::Started { id, kind: StatementType::Query };
        Event { at: at(0), session: Arc::clone(&session), kind }
    };
    pipeline.absorb((0..600).map(start).collect(), at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
    for open in [600 - 256, 600 - 512] {
        assert!(matches!(pipeline.step(at(0), Busy::default(), Some(at(2))), Step::More));
        assert_eq!(pipeline.open_statements(), open);
    }
    assert!(matches!(pipeline.step(at(0), Busy::default(), Some(at(2))), Step::Ask));
    assert_eq!(pipeline.open_statements(), 0);
}

#[test]
fn the_books_balance_after_a_panic_of_our_own_wherever_it_strikes() {
    let config = TelemetryConfig::default().max_records(4).batch_size(2);
    let session = event(0).session;
    let recorded = || {
        let what = [Action::Single, Action::Start(0), Action::Error(0), Action::Single, Action::Complete(0)];
        what.into_iter().chain([Action::Single; 5]).filter_map(happened)
    };
    let mut struck = 0;
    for after in 0..40 {
        let mut pipeline = Pipeline::new(&config, "flag", gate(), false, 1);
        pipeline.flags(Ok(&flags(true, 900 * SECOND)), at(0));
        pipeline.planted = Some(after);
        let mut taken = 0;
        let panicked = catch_panic(|| {
            for kind in recorded() {
                taken += 1;
                let event = Event { at: at(0), session: Arc::clone(&session), kind };
                pipeline.absorb(vec![event], at(0), SystemTime::UNIX_EPOCH, |bytes| bytes);
                if let Step::Send(batch) = pipeline.step(at(0), Busy::default(), None) {
                    pipeline.settle(attempted(0, batch.len()), at(0));
                }
            }
        });
        struck += usize::from(panicked.is_none());
        pipeline.fail(taken);
        let (books, ledger) = (pipeline.books(), pipeline.ledger());
        assert_eq!(books.folded + books.made + books.refused.total(), taken);
        assert!(ledger.balances() && ledger.held == 0, "{ledger}");
        assert!(pipeline.is_finished() && pipeline.open_statements() == 0);
    }
    assert!(struck >= 15, "{struck}");
}

/// Panics when the time has come.
pub(super) fn strike(planted: &mut Option<usize>) {
    if let Some(left) = planted {
        *left = left.checked_sub(1).expect("planted");
    }
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Single,
    Start(u8),
    Error(u8),
    Complete(u8),
    Pass(u16),
    Flag(Option<bool>),
    Settle(u8),
    Close,
    Revive,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Single),
        3 => (0u8..4).prop_map(Action::Start),
        2 => (0u8..4).prop_map(Action::Error),
        3 => (0u8..4).prop_map(Action::Complete),
        4 => (0u16..2000).prop_map(Action::Pass),
        3 => proptest::option::of(any::<bool>()).prop_map(Action::Flag),
        6 => (0u8..8).prop_map(Action::Settle),
        1 => Just(Action::Close),
        1 => Just(Action::Revive),
    ]
}

fn happened(what: Action) -> Option<EventKind> {
    let id = |number: u8| PackedId::new(&format!("s{number}")).unwrap();
    Some(match what {
        Action::Single => event(1).kind,
        Action::Start(number) => EventKind::Started { id: id(number), kind: StatementType::Query },
        Action::Error(number) => {
            let error = crate::pipeline::statement::tests::error(crate::ErrorClass::Retryable);
            EventKind::Happened { id: id(number), what: StatementEvent::Failed(error) }
        }
        Action::Complete(number) => {
            EventKind::Completed { id: id(number), latency: Elapsed::UNKNOWN, failure: None }
        }
        _ => return None,
    })
}

fn attempted(how: u8, sent: usize) -> AttemptOutcome {
    match how {
        0 | 1 => AttemptOutcome::Answered(Ok(Receipt::new(sent))),
        2 => AttemptOutcome::Answered(Ok(Receipt::new(sent / 2))),
        3 => AttemptOutcome::Answered(Err(PluginError::new(503))),
        4 => AttemptOutcome::Answered(Err(PluginError::new(413))),
        5 => AttemptOutcome::Answered(Err(PluginError::new(401))),
        6 => AttemptOutcome::Rejected { retry_at: Tick::ZERO },
        _ => AttemptOutcome::NoCredentials(PluginError::new(Fault::Timeout)),
    }
}

proptest! {
    #[test]
    fn the_books_balance_nothing_goes_while_the_gate_is_shut_and_no_wait_is_over_before_it_begins(
        actions in proptest::collection::vec(action(), 1..120),
    ) {
        let config = TelemetryConfig::default().max_records(10).batch_size(4).max_errors(2).max_open_statements(3);
        let mut pipeline = Pipeline::new(&config, "flag", gate(), false, 7);
        let session = event(0).session;
        let mut now = at(1000);
        let mut seen = 0;
        let mut busy = Busy::default();
        let mut sent = 0;
        let mut closing = None;
        for action in actions {
            match action {
                Action::Pass(seconds) => now = now + SECOND * u32::from(seconds),
                Action::Flag(answer) if busy.asking => {
                    busy.asking = false;
                    let answer = answer.map(|on| flags(on, 900 * SECOND)).ok_or(PluginError::new(Fault::Connect));
                    pipeline.flags(answer.as_ref().map_err(|failure| (*failure).into()), now);
                }
                Action::Settle(how) if busy.sending => {
                    busy.sending = false;
                    pipeline.settle(attempted(how, sent), now);
                }
                Action::Close => closing = Some(now + 2 * SECOND),
                Action::Revive => closing = None,
                other => if let Some(kind) = happened(other) {
                    seen += 1;
                    pipeline.absorb(vec![Event { at: now, session: Arc::clone(&session), kind }], now, SystemTime::UNIX_EPOCH, |bytes| bytes);
                },
            }
            // As a worker does: everything that can be done at once.
            for turn in 0.. {
                prop_assert!(turn < 5, "it has always something to do");
                match pipeline.step(now, busy, closing) {
                    Step::Ask => {
                        prop_assert!(!busy.asking);
                        busy.asking = true;
                    }
                    Step::Send(batch) => {
                        prop_assert!(!busy.sending && pipeline.gate.is_open() && !batch.is_empty());
                        prop_assert!(batch.len() <= 4);
                        busy.sending = true;
                        sent = batch.len();
                    }
                    Step::Wait(until) => {
                        prop_assert!(until > now, "a wait that is over before it begins");
                        break;
                    }
                    Step::More => prop_assert!(false, "there are few statements"),
                    Step::Finished => break,
                }
            }
            let ledger = pipeline.ledger();
            prop_assert!(ledger.balances(), "{ledger}");
            prop_assert!(ledger.held <= 10);
            let books = pipeline.books();
            prop_assert_eq!(books.folded + books.made + books.refused.total(), seen);
            prop_assert!(pipeline.open_statements() <= 3);
        }
        pipeline.finish(DropReason::Closed, now);
        prop_assert_eq!(pipeline.ledger().held, 0);
        prop_assert!(pipeline.ledger().balances());
    }
}
