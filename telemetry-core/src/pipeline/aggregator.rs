//! What each event makes of the statements that are open by id.

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::TelemetryConfig;
use crate::ledger::Refusal;
use crate::pipeline::event::{Event, EventKind};
use crate::plugin::clock::Tick;
use crate::record::body::Body;
use crate::record::enums::StatementType;
use crate::record::id::EventId;
use crate::record::{Record, SessionContext};

use crate::pipeline::open_statements::{Open, OpenStatements};
use crate::pipeline::packed_id::PackedId;
use crate::pipeline::statement::{Applied, StatementAggregate, StatementEvent};

/// A record to be, from the aggregator to delivery.
#[derive(Debug)]
pub(crate) struct Draft {
    /// When it happened.
    pub(crate) at: Tick,
    /// In the place where it stays, still without its id and date.
    pub(crate) record: Arc<Record>,
}

impl Draft {
    #[inline]
    fn new(at: Tick, session: &Arc<SessionContext>, body: Body) -> Self {
        let (id, stamp, session) =
            (EventId::from_bytes([0; 16]), SystemTime::UNIX_EPOCH, Arc::clone(session));
        Draft { at, record: Arc::new(Record { id, stamp, session, body }) }
    }
}

/// What became of one buffered event, for the ledger: the three add up to its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Absorbed {
    pub(crate) folded: u64,
    pub(crate) made: u64,
    pub(crate) refused: Option<(Refusal, u64)>,
}

/// A pure state machine: events in, drafts out.
///
/// Events of one thread arrive in order, and an event never arrives before one that caused it. So a statement
/// is opened by its start alone: what comes for a statement that was never started, or is finished, is late,
/// and is refused; except for an error, which is never lost for lack of a statement and becomes a record of
/// its own.
#[derive(Debug)]
pub(crate) struct Aggregator {
    open: OpenStatements,
    max_open: usize,
    abandoned_after: Duration,
    max_errors: usize,
}

impl Aggregator {
    pub(crate) fn new(config: &TelemetryConfig) -> Self {
        Aggregator {
            open: OpenStatements::default(),
            max_open: config.max_open_statements,
            abandoned_after: config.abandoned_after,
            max_errors: config.max_errors,
        }
    }

    pub(crate) fn open_statements(&self) -> usize {
        self.open.len()
    }

    /// How many bytes the open statements take, without error text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        self.open.bytes()
    }

    /// Takes one event in.
    pub(crate) fn absorb<S: Borrow<Arc<SessionContext>>>(
        &mut self,
        event: Event<S>,
        out: &mut Vec<Draft>,
    ) -> Absorbed {
        let weight = event.weight();
        let Event { at, session, kind } = event;
        let session = session.borrow();
        match kind {
            EventKind::Single(body) => {
                out.push(Draft::new(at, session, *body));
                Absorbed { made: 1, ..Absorbed::default() }
            }
            EventKind::Failed(failure) => {
                let (at, body) = failure.into_body(None);
                out.push(Draft::new(at, session, body));
                Absorbed { made: 1, ..Absorbed::default() }
            }
            EventKind::Finished(mut statement) => {
                let refused = statement.refused();
                let refusal = (refused > 0).then_some((Refusal::TooManyErrors, refused));
                finish(at, session, &mut statement, out);
                Absorbed { folded: weight - refused, made: 0, refused: refusal }
            }
            EventKind::Started { id, kind } => self.start(at, session, id, kind, out),
            EventKind::Happened { id, what } => self.happen(at, session, &id, what, out),
            EventKind::Completed { id, latency, failure } => {
                match (self.open.remove(session, &id), failure) {
                    (Some(mut open), failure) => {
                        open.statement.complete(latency.known(), failure);
                        open.end(at, out);
                        Absorbed { folded: 1, ..Absorbed::default() }
                    }
                    // An error is never lost for lack of a statement.
                    (None, Some(failure)) => {
                        let (at, body) = failure.into_body(Some(id.unpack()));
                        out.push(Draft::new(at, session, body));
                        Absorbed { made: 1, ..Absorbed::default() }
                    }
                    (None, None) => refuse(Refusal::UnknownStatement),
                }
            }
        }
    }

    fn start(
        &mut self,
        at: Tick,
        session: &Arc<SessionContext>,
        id: PackedId,
        kind: StatementType,
        out: &mut Vec<Draft>,
    ) -> Absorbed {
        if self.open.contains(session, &id) {
            return refuse(Refusal::StartedTwice);
        }
        while self.open.len() >= self.max_open {
            self.evict_quietest(out);
        }
        let mut statement = StatementAggregate::start(at, self.max_errors);
        // A start carries one thing that is known from the start; it is one event all the same.
        statement.apply(StatementEvent::Kind(kind));
        self.open.insert(at, Arc::clone(session), id, statement);
        Absorbed { folded: 1, ..Absorbed::default() }
    }

    fn happen(
        &mut self,
        at: Tick,
        session: &Arc<SessionContext>,
        id: &PackedId,
        what: StatementEvent,
        out: &mut Vec<Draft>,
    ) -> Absorbed {
        let mut error = |(at, body): (Tick, Body)| {
            out.push(Draft::new(at, session, body));
            Absorbed { made: 1, ..Absorbed::default() }
        };
        match (self.open.touch(at, session, id), what) {
            (Some(mut statement), what) => match statement.apply(what) {
                Applied::Folded => Absorbed { folded: 1, ..Absorbed::default() },
                Applied::TooManyErrors => refuse(Refusal::TooManyErrors),
                Applied::AtOnce(at, body) => error((at, *body)),
            },
            (None, StatementEvent::Failed(failure)) => error(failure.into_body(Some(id.unpack()))),
            (None, _) => refuse(Refusal::UnknownStatement),
        }
    }

    /// Ends the statements that will have been quiet for too long at `at`, as they are, but no more than
    /// `most`; whether these were all.
    pub(crate) fn end_quiet(&mut self, at: Tick, most: usize, out: &mut Vec<Draft>) -> bool {
        for _ in 0..most {
            if self.next_eviction().is_none_or(|next| at < next) {
                return true;
            }
            self.evict_quietest(out);
        }
        self.next_eviction().is_none_or(|next| at < next)
    }

    /// When the next statement will have been quiet for too long.
    pub(crate) fn next_eviction(&self) -> Option<Tick> {
        self.open.quietest().map(|at| at + self.abandoned_after)
    }

    /// Forgets every open statement.
    pub(crate) fn clear(&mut self) {
        self.open = OpenStatements::default();
    }

    pub(crate) fn evict_quietest(&mut self, out: &mut Vec<Draft>) {
        if let Some(open) = self.open.remove_quietest() {
            let at = open.touched;
            open.end(at, out);
        }
    }
}

fn refuse(reason: Refusal) -> Absorbed {
    Absorbed { refused: Some((reason, 1)), ..Absorbed::default() }
}

fn finish(at: Tick, session: &Arc<SessionContext>, statement: &mut StatementAggregate, out: &mut Vec<Draft>) {
    out.push(Draft::new(at, session, statement.take_body(at)));
    if statement.has_errors() {
        let drafts = statement.take_errors().map(|(at, body)| Draft::new(at, session, body));
        out.extend(drafts);
    }
}

impl Open {
    fn end(mut self, at: Tick, out: &mut Vec<Draft>) {
        finish(at, &self.session, &mut self.statement, out);
    }
}

#[cfg(test)]
mod tests;
