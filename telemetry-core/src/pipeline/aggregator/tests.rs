use super::*;
use crate::fault::ErrorClass;
use crate::pipeline::event::tests::session;
use crate::pipeline::statement::tests::error;
use crate::record::RecordKind;
use crate::record::StatementType;
use crate::record::chunk::Chunk;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

struct Bench {
    aggregator: Aggregator,
    session: Arc<SessionContext>,
    out: Vec<Draft>,
}

impl Bench {
    fn new(config: &TelemetryConfig) -> Self {
        Bench { aggregator: Aggregator::new(config), session: session(), out: Vec::new() }
    }

    fn absorb(&mut self, at: u64, kind: EventKind) -> Absorbed {
        let event = Event { at: Tick::ZERO + SECOND * at as u32, session: Arc::clone(&self.session), kind };
        self.aggregator.absorb(event, &mut self.out)
    }

    fn start(&mut self, at: u64, name: &str) -> Absorbed {
        self.absorb(at, EventKind::Started { id: id(name), kind: StatementType::Query })
    }

    fn happen(&mut self, at: u64, name: &str, what: StatementEvent) -> Absorbed {
        self.absorb(at, EventKind::Happened { id: id(name), what })
    }

    fn complete(&mut self, at: u64, name: &str) -> Absorbed {
        self.absorb(at, EventKind::Completed { id: id(name), latency: SECOND.into(), failure: None })
    }

    fn kinds(&mut self) -> Vec<(RecordKind, String)> {
        let name = |draft: Draft| {
            (
                draft.record.body.kind,
                draft.record.body.statement_id.map(|id| id.to_string()).unwrap_or_default(),
            )
        };
        self.out.drain(..).map(name).collect()
    }
}

fn id(name: &str) -> PackedId {
    PackedId::new(name).unwrap()
}

fn failed(class: ErrorClass) -> StatementEvent {
    StatementEvent::Failed(error(class))
}

#[test]
fn aggregates_events_by_statement_id() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    bench.start(0, "a");
    bench.start(0, "b");
    bench.happen(1, "a", StatementEvent::Polled(SECOND));
    bench.happen(1, "b", StatementEvent::Chunk(Chunk::new(0, SECOND)));
    bench.happen(2, "a", StatementEvent::Polled(SECOND));
    assert!(bench.out.is_empty(), "statements wait for their completion");
    bench.complete(3, "a");
    let sql = bench.out[0].record.body.sql.clone().unwrap();
    assert_eq!(sql.operation.unwrap().status_calls, Some(2));
    assert_eq!(sql.chunks, None);
    bench.complete(3, "b");
    assert_eq!(bench.out[1].record.body.sql.as_ref().unwrap().chunks.unwrap().iterated, 1);
}

#[test]
fn sessions_with_equal_statement_ids_are_apart() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    bench.start(0, "a");
    bench.session = session();
    assert_eq!(bench.complete(1, "a"), refuse(Refusal::UnknownStatement));
    bench.start(1, "a");
    assert_eq!(bench.aggregator.open_statements(), 2);
}

#[test]
fn a_terminal_error_then_completion_gives_one_statement_record() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    bench.start(0, "a");
    assert_eq!(bench.happen(1, "a", failed(ErrorClass::Terminal)).made, 1);
    assert_eq!(bench.kinds(), [(RecordKind::Error, "a".into())]);
    bench.complete(2, "a");
    bench.complete(2, "a");
    assert_eq!(bench.kinds(), [(RecordKind::Statement, "a".into())]);
}

#[test]
fn retryable_and_unknown_errors_wait_with_their_statement() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    bench.start(0, "a");
    bench.happen(1, "a", failed(ErrorClass::Retryable));
    bench.happen(1, "a", failed(ErrorClass::Unknown));
    assert!(bench.out.is_empty());
    bench.complete(2, "a");
    let a = || "a".to_owned();
    assert_eq!(
        bench.kinds(),
        [(RecordKind::Statement, a()), (RecordKind::Error, a()), (RecordKind::Error, a())]
    );
}

#[test]
fn late_events_are_refused_and_give_no_ghost() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    bench.start(0, "a");
    bench.complete(1, "a");
    bench.out.clear();
    let late = bench.happen(2, "a", StatementEvent::Chunk(Chunk::new(0, SECOND)));
    assert_eq!(late, refuse(Refusal::UnknownStatement));
    assert_eq!(bench.complete(2, "a"), refuse(Refusal::UnknownStatement));
    assert_eq!(bench.aggregator.open_statements(), 0);
    assert!(bench.out.is_empty());
}

#[test]
fn an_error_without_its_statement_is_a_record_all_the_same() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    assert_eq!(bench.happen(0, "gone", failed(ErrorClass::Retryable)).made, 1);
    assert_eq!(bench.kinds(), [(RecordKind::Error, "gone".into())]);
}

#[test]
fn what_an_open_statement_takes_is_counted_until_it_is_over() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    for name in ["a", "b"] {
        let before = bench.aggregator.bytes();
        bench.start(0, name);
        assert!(bench.aggregator.bytes() > before + size_of::<StatementAggregate>() as u64);
    }
    bench.complete(1, "a");
    bench.complete(1, "b");
    assert_eq!(bench.aggregator.bytes(), 0);
}

#[test]
fn a_second_start_is_refused() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    bench.start(0, "a");
    assert_eq!(bench.start(1, "a"), refuse(Refusal::StartedTwice));
    bench.complete(2, "a");
    assert_eq!(bench.start(3, "a").folded, 1, "an id may be used again once its statement is finished");
}

#[test]
fn abandoned_statements_are_ended_with_their_errors() {
    let mut bench = Bench::new(&TelemetryConfig::default().abandoned_after(SECOND * 10));
    bench.start(0, "a");
    bench.start(0, "b");
    bench.happen(1, "b", failed(ErrorClass::Retryable));
    bench.happen(5, "a", StatementEvent::Polled(SECOND));
    bench.aggregator.end_quiet(Tick::ZERO + SECOND * 11, usize::MAX, &mut bench.out);
    assert_eq!(bench.kinds(), [(RecordKind::Statement, "b".into()), (RecordKind::Error, "b".into())]);
    assert_eq!(bench.aggregator.next_eviction(), Some(Tick::ZERO + SECOND * 15));
    bench.aggregator.end_quiet(Tick::ZERO + SECOND * 15, usize::MAX, &mut bench.out);
    assert_eq!(bench.out[0].record.body.sql.as_ref().unwrap().operation.unwrap().status_calls, Some(1));
    assert_eq!(bench.out[0].record.body.latency, None, "how long it took is unknown");
}

#[test]
fn a_statement_that_is_over_leaves_nothing_to_wait_for() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    bench.start(0, "a");
    bench.start(1, "b");
    let hour = Duration::from_secs(3600);
    assert_eq!(bench.aggregator.next_eviction(), Some(Tick::ZERO + hour));
    bench.complete(2, "a");
    assert_eq!(bench.aggregator.next_eviction(), Some(Tick::ZERO + SECOND + hour));
    bench.aggregator.clear();
    assert_eq!((bench.aggregator.next_eviction(), bench.aggregator.open_statements()), (None, 0));
}

#[test]
fn each_event_counts_as_what_became_of_it() {
    let mut bench = Bench::new(&TelemetryConfig::default().max_errors(1));
    let (folded, made) =
        (Absorbed { folded: 1, ..Absorbed::default() }, Absorbed { made: 1, ..Absorbed::default() });
    let call = crate::record::body::Body::new(RecordKind::Operation);
    assert_eq!(bench.absorb(0, EventKind::Single(Box::new(call))), made);
    assert_eq!(bench.absorb(0, EventKind::Failed(error(ErrorClass::Unknown))), made);
    assert_eq!(bench.start(0, "a"), folded);
    assert_eq!(bench.happen(0, "a", StatementEvent::Polled(SECOND)), folded);
    assert_eq!(bench.happen(0, "a", failed(ErrorClass::Terminal)), made);
    assert_eq!(bench.happen(0, "a", failed(ErrorClass::Retryable)), folded);
    assert_eq!(bench.happen(0, "a", failed(ErrorClass::Unknown)), refuse(Refusal::TooManyErrors));
    assert_eq!(bench.happen(0, "gone", failed(ErrorClass::Unknown)), made);
    assert_eq!(bench.complete(0, "a"), folded);
    let mut whole = StatementAggregate::start(Tick::ZERO, 1);
    (0..3).for_each(|_| _ = whole.apply(failed(ErrorClass::Retryable)));
    whole.complete(None, None);
    let absorbed = bench.absorb(0, EventKind::Finished(Box::new(whole)));
    assert_eq!(absorbed, Absorbed { folded: 3, made: 0, refused: Some((Refusal::TooManyErrors, 2)) });
}

#[test]
fn a_statement_that_is_ended_in_part_of_a_turn_is_told_and_the_last_by_itself() {
    let mut bench = Bench::new(&TelemetryConfig::default());
    (0..3).for_each(|number| _ = bench.start(0, &format!("s{number}")));
    assert!(!bench.aggregator.end_quiet(Tick::MAX, 2, &mut bench.out), "there is one more");
    assert!(bench.aggregator.end_quiet(Tick::MAX, 1, &mut bench.out), "that was all");
    assert_eq!(bench.out.len(), 3);
    // The same to the moment: what is due then is due, and what will be later isn't.
    bench.start(0, "d");
    let due = bench.aggregator.next_eviction().unwrap();
    assert!(!bench.aggregator.end_quiet(due, 0, &mut bench.out));
    bench.start(1, "e");
    assert!(bench.aggregator.end_quiet(due, 1, &mut bench.out));
    assert_eq!(bench.aggregator.open_statements(), 1);
}

#[test]
fn past_the_cap_the_quietest_statement_is_ended() {
    let mut bench = Bench::new(&TelemetryConfig::default().max_open_statements(2));
    bench.start(0, "a");
    bench.start(1, "b");
    bench.happen(2, "a", StatementEvent::Polled(SECOND));
    bench.start(3, "c");
    assert_eq!(bench.kinds(), [(RecordKind::Statement, "b".into())]);
    assert_eq!(bench.aggregator.open_statements(), 2);
}

proptest! {
    /// Whatever happens in whatever order: every event is accounted for, every start gives exactly one
    /// statement record, and every error that was not refused gives exactly one error record.
    #[test]
    fn nothing_is_lost_or_doubled(
        actions in proptest::collection::vec((0u8..8, 0u8..5, 0u64..40), 0..200),
        max_open in 1usize..5,
        max_errors in 1usize..4,
    ) {
        let config = TelemetryConfig::default()
            .max_open_statements(max_open).max_errors(max_errors).abandoned_after(SECOND * 20);
        let mut bench = Bench::new(&config);
        let (mut now, mut sum, mut starts, mut errors) = (0, Absorbed::default(), 0, 0);
        let mut refused = 0;
        for (action, name, wait) in &actions {
            now += wait;
            let name = format!("s{name}");
            let absorbed = match action {
                0 | 1 => bench.start(now, &name),
                2 => bench.complete(now, &name),
                3 => bench.happen(now, &name, failed(ErrorClass::Terminal)),
                4 => bench.happen(now, &name, failed(ErrorClass::Retryable)),
                5 => bench.happen(now, &name, StatementEvent::Polled(SECOND)),
                6 => bench.happen(now, &name, StatementEvent::Chunk(Chunk::new(0, SECOND))),
                _ => {
                    bench.aggregator.end_quiet(Tick::ZERO + SECOND * now as u32, usize::MAX, &mut bench.out);
                    continue;
                }
            };
            sum.folded += absorbed.folded;
            sum.made += absorbed.made;
            refused += absorbed.refused.map_or(0, |(_, count)| count);
            let taken = absorbed.refused.is_none();
            starts += usize::from(taken && *action <= 1);
            errors += usize::from(taken && (*action == 3 || *action == 4));
            prop_assert!(bench.aggregator.open_statements() <= max_open);
        }
        let events = actions.iter().filter(|(action, ..)| *action < 7).count() as u64;
        prop_assert_eq!(sum.folded + sum.made + refused, events);
        bench.aggregator.end_quiet(Tick::MAX, usize::MAX, &mut bench.out);
        let kinds = bench.kinds();
        prop_assert_eq!(kinds.iter().filter(|(kind, _)| *kind == RecordKind::Statement).count(), starts);
        prop_assert_eq!(kinds.iter().filter(|(kind, _)| *kind == RecordKind::Error).count(), errors);
        prop_assert_eq!((bench.aggregator.open_statements(), bench.aggregator.bytes()), (0, 0));
    }
}
