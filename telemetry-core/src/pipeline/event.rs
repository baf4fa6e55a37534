//! What happened, on its way from a driver's thread to the aggregator.

use std::sync::Arc;

use crate::fault::ErrorClass;
use crate::nanos::Elapsed;
use crate::pipeline::failure::Failure;
use crate::pipeline::packed_id::PackedId;
use crate::pipeline::statement::{StatementAggregate, StatementEvent};
use crate::plugin::clock::Tick;
use crate::record::body::Body;
use crate::record::context::SessionContext;
use crate::record::enums::StatementType;

/// One thing that happened, in one session, which is known by what it is or, in the buffer, by a number.
#[derive(Debug)]
pub(crate) struct Event<S = Arc<SessionContext>> {
    pub(crate) at: Tick,
    pub(crate) session: S,
    pub(crate) kind: EventKind,
}

#[derive(Debug)]
pub(crate) enum EventKind {
    /// Something that is a record by itself.
    Single(Box<Body>),
    /// An error that belongs to no statement.
    Failed(Box<Failure>),
    /// A statement began, which will be spoken of by its id.
    Started { id: PackedId, kind: StatementType },
    /// Something happened to the statement with this id.
    Happened { id: PackedId, what: StatementEvent },
    /// The statement with this id ended.
    Completed { id: PackedId, latency: Elapsed, failure: Option<Box<Failure>> },
    /// A statement whose handle gathered it ended.
    Finished(Box<StatementAggregate>),
}

impl EventKind {
    /// How many recorded events this one stands for.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            EventKind::Finished(aggregate) => aggregate.events(),
            EventKind::Single(_)
            | EventKind::Failed(_)
            | EventKind::Started { .. }
            | EventKind::Happened { .. }
            | EventKind::Completed { .. } => 1,
        }
    }
}

impl<S> Event<S> {
    /// The same with its session known by something else.
    pub(crate) fn of<T>(self, session: T) -> Event<T> {
        let Event { at, session: _, kind } = self;
        Event { at, session, kind }
    }

    /// How many recorded events this one stands for.
    pub(crate) fn weight(&self) -> u64 {
        self.kind.weight()
    }

    /// How many bytes it takes in the buffer, without error text, which counts by itself.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        let boxed = match &self.kind {
            EventKind::Single(body) => body.bytes(),
            EventKind::Finished(aggregate) => aggregate.bytes(),
            EventKind::Failed(failure)
            | EventKind::Happened { what: StatementEvent::Failed(failure), .. }
            | EventKind::Completed { failure: Some(failure), .. } => failure.bytes(),
            EventKind::Happened { what: StatementEvent::TraceParent(parent), .. } => {
                size_of_val(&**parent) as u64
            }
            EventKind::Started { .. } | EventKind::Happened { .. } | EventKind::Completed { .. } => 0,
        };
        let id = match &self.kind {
            EventKind::Started { id, .. }
            | EventKind::Happened { id, .. }
            | EventKind::Completed { id, .. } => id.heap_bytes(),
            EventKind::Single(_) | EventKind::Failed(_) | EventKind::Finished(_) => 0,
        };
        // With its number in the buffer.
        size_of::<(u64, Event<S>)>() as u64 + boxed + id
    }

    /// Whether the worker is to be woken for it: a terminal error.
    pub(crate) fn is_urgent(&self) -> bool {
        match &self.kind {
            EventKind::Single(body) => body.is_urgent(),
            EventKind::Failed(failure)
            | EventKind::Happened { what: StatementEvent::Failed(failure), .. }
            | EventKind::Completed { failure: Some(failure), .. } => {
                failure.error.class == ErrorClass::Terminal
            }
            EventKind::Finished(aggregate) => aggregate.is_urgent(),
            EventKind::Started { .. } | EventKind::Happened { .. } | EventKind::Completed { .. } => false,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::id::StatementId;
    use crate::record::kind::RecordKind;
    use crate::record::{ConnectionParams, DriverIdentity, SystemInfo};
    use crate::record::{DriverContext, Encoded};

    pub(crate) fn session() -> Arc<SessionContext> {
        let identity = DriverIdentity::builder()
            .name("test")
            .version("1.0.0")
            .client("TEST")
            .flag("flag")
            .build()
            .unwrap();
        Arc::new(SessionContext {
            driver: Arc::new(DriverContext { identity, system: SystemInfo::default() }),
            session_id: None,
            workspace_id: None,
            user_agent: None,
            auth_type: None,
            params: ConnectionParams::default(),
            encoded: Encoded::default(),
        })
    }

    /// An event that carries a number.
    pub(crate) fn event(number: u64) -> Event {
        let body = Body { latency: Some(Duration::from_nanos(number)), ..Body::new(RecordKind::Operation) };
        Event { at: Tick::ZERO, session: session(), kind: EventKind::Single(Box::new(body)) }
    }

    #[test]
    fn a_terminal_error_is_urgent_however_it_is_told_and_nothing_else_is() {
        use crate::pipeline::statement::StatementAggregate;
        use crate::pipeline::statement::tests::error;
        let id = || PackedId::new("s").unwrap();
        let finished = |failure: Option<Box<Failure>>| {
            let mut statement = StatementAggregate::start(Tick::ZERO, 1);
            statement.complete(None, failure);
            EventKind::Finished(Box::new(statement))
        };
        let completed = |failure: Option<Box<Failure>>| EventKind::Completed {
            id: id(),
            latency: Elapsed::UNKNOWN,
            failure,
        };
        let is_urgent = |kind| Event { at: Tick::ZERO, session: session(), kind }.is_urgent();
        for class in [ErrorClass::Terminal, ErrorClass::Retryable, ErrorClass::Unknown] {
            for told in [
                EventKind::Single(Box::new(Body::error(StatementId::new("s"), error(class).error))),
                EventKind::Failed(error(class)),
                EventKind::Happened { id: id(), what: StatementEvent::Failed(error(class)) },
                completed(Some(error(class))),
                finished(Some(error(class))),
            ] {
                let what = format!("{told:?}");
                assert_eq!(is_urgent(told), class == ErrorClass::Terminal, "{what}");
            }
        }
        for told in [
            completed(None),
            finished(None),
            EventKind::Single(Box::new(Body::new(RecordKind::Operation))),
            EventKind::Happened { id: id(), what: StatementEvent::Polled(Duration::ZERO) },
        ] {
            assert!(!is_urgent(told));
        }
    }

    #[test]
    fn it_stays_small() {
        assert_eq!(size_of::<Event<u32>>(), 64);
    }

    #[test]
    fn an_error_counts_with_its_name_and_what_holds_it() {
        let error = crate::pipeline::statement::tests::error(ErrorClass::Unknown);
        let name = error.error.name.capacity();
        let event = Event { at: Tick::ZERO, session: session(), kind: EventKind::Failed(error) };
        let whole = size_of::<(u64, Event)>() + size_of::<Failure>() + name;
        assert!(name > 0 && event.bytes() == whole as u64);
    }

    #[test]
    fn a_trace_parent_counts_with_what_holds_it() {
        use crate::record::trace_parent::TraceParent;
        let happened = |what| {
            let kind = EventKind::Happened { id: PackedId::new("s").unwrap(), what };
            Event { at: Tick::ZERO, session: session(), kind }.bytes()
        };
        let parent = || {
            let parent = TraceParent::from_ids([1; 16], [1; 8], 1).unwrap();
            StatementEvent::TraceParent(Box::new(parent))
        };
        let boxed = size_of::<TraceParent>() as u64;
        assert_eq!(happened(parent()), happened(StatementEvent::NotPolled) + boxed);
        let mut statement = StatementAggregate::start(Tick::ZERO, 1);
        let before = statement.bytes();
        for _ in 0..2 {
            statement.apply(parent());
            assert_eq!(statement.bytes(), before + boxed);
        }
        let error = crate::pipeline::statement::tests::error(ErrorClass::Retryable);
        let (before, growth) = (statement.bytes(), statement.growth_by(&error));
        statement.apply(StatementEvent::Failed(error));
        assert_eq!(statement.bytes(), before + growth, "an error has its own");
    }

    pub(crate) fn number_of(event: &Event) -> u64 {
        match &event.kind {
            EventKind::Single(body) => body.latency.unwrap().as_nanos() as u64,
            other => panic!("{other:?}"),
        }
    }
}
