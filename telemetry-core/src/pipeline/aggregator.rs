//! The statements that are open by id, and what each event makes of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::config::TelemetryConfig;
use crate::ledger::Refusal;
use crate::pipeline::event::{Event, EventKind};
use crate::plugin::clock::Tick;
use crate::record::SessionContext;
use crate::record::body::Body;
use crate::record::id::StatementId;

use crate::pipeline::statement::{Applied, Errors, StatementAggregate, StatementEvent};

/// A record to be, from the aggregator to delivery.
#[derive(Debug)]
pub(crate) struct Draft {
    /// When it happened.
    pub(crate) at: Tick,
    pub(crate) session: Arc<SessionContext>,
    pub(crate) body: Body,
}

/// What became of one buffered event, for the ledger: the three add up to its weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Absorbed {
    pub(crate) folded: u64,
    pub(crate) made: u64,
    pub(crate) refused: Option<(Refusal, u64)>,
}

/// Statements of different sessions are apart, whatever their ids. The address is that of the session's
/// context, which the open statement keeps alive.
type Key = (usize, StatementId);

#[derive(Debug)]
struct Open {
    session: Arc<SessionContext>,
    statement: StatementAggregate,
    /// Its place in the order of activity.
    touched: (Tick, u64),
}

impl Open {
    /// With its places in both maps, which have some of their own to spare.
    fn bytes(&self) -> u64 {
        const PLACES: usize = 2 * (size_of::<Key>() + size_of::<Open>()) - size_of::<StatementAggregate>()
            + 2 * size_of::<((Tick, u64), Key)>();
        PLACES as u64 + self.statement.bytes()
    }
}

/// A pure state machine: events in, drafts out.
///
/// Events of one thread arrive in order, and an event never arrives before one that caused it. So a statement
/// is opened by its start alone: what comes for a statement that was never started, or is finished, is late,
/// and is refused; except for an error, which is never lost for lack of a statement and becomes a record of
/// its own.
#[derive(Debug)]
pub(crate) struct Aggregator {
    open: HashMap<Key, Open>,
    /// The open statements, the quietest first.
    by_activity: BTreeMap<(Tick, u64), Key>,
    next_touch: u64,
    /// How many bytes the open statements take.
    bytes: u64,
    max_open: usize,
    abandoned_after: Duration,
    max_errors: usize,
}

impl Aggregator {
    pub(crate) fn new(config: &TelemetryConfig) -> Self {
        Aggregator {
            open: HashMap::new(),
            by_activity: BTreeMap::new(),
            next_touch: 0,
            bytes: 0,
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
        self.bytes
    }

    /// Takes one event in.
    pub(crate) fn absorb(&mut self, event: Event, out: &mut Vec<Draft>) -> Absorbed {
        let weight = event.weight();
        let Event { at, session, kind } = event;
        match kind {
            EventKind::Single(body) => {
                out.push(Draft { at, session, body: *body });
                Absorbed { made: 1, ..Absorbed::default() }
            }
            EventKind::Finished(statement) => {
                let refused = statement.refused();
                let refusal = (refused > 0).then_some((Refusal::TooManyErrors, refused));
                finish(at, &session, *statement, out);
                Absorbed { folded: weight - refused, made: 0, refused: refusal }
            }
            EventKind::Started { id, what } => self.start(at, session, id, what, out),
            EventKind::Happened { id, what } => self.happen(at, &session, id, what, out),
            EventKind::Completed { id, latency, failure } => match (self.remove(&key(&session, id)), failure)
            {
                (Some(mut open), failure) => {
                    open.statement.complete(latency, failure);
                    finish(at, &open.session, open.statement, out);
                    Absorbed { folded: 1, ..Absorbed::default() }
                }
                // An error is never lost for lack of a statement.
                (None, Some(failure)) => {
                    out.push(Draft { at, session, body: Body::error(Some(id), *failure) });
                    Absorbed { made: 1, ..Absorbed::default() }
                }
                (None, None) => refuse(Refusal::UnknownStatement),
            },
        }
    }

    fn start(
        &mut self,
        at: Tick,
        session: Arc<SessionContext>,
        id: StatementId,
        what: StatementEvent,
        out: &mut Vec<Draft>,
    ) -> Absorbed {
        let key = key(&session, id);
        if self.open.contains_key(&key) {
            return refuse(Refusal::StartedTwice);
        }
        while self.open.len() >= self.max_open {
            self.evict_quietest(out);
        }
        let mut statement = StatementAggregate::start(at, Errors::at_most(self.max_errors));
        statement.set_id(id);
        // A start carries one thing that is known from the start; it is one event all the same.
        statement.apply(what);
        let touched = self.touch(at);
        let open = Open { session, statement, touched };
        self.bytes += open.bytes();
        self.by_activity.insert(touched, key);
        self.open.insert(key, open);
        Absorbed { folded: 1, ..Absorbed::default() }
    }

    fn happen(
        &mut self,
        at: Tick,
        session: &Arc<SessionContext>,
        id: StatementId,
        what: StatementEvent,
        out: &mut Vec<Draft>,
    ) -> Absorbed {
        let key = key(session, id);
        let touched = self.touch(at);
        let Some(open) = self.open.get_mut(&key) else {
            return match what {
                StatementEvent::Failed(error) => {
                    let body = Body::error(Some(id), error);
                    out.push(Draft { at, session: Arc::clone(session), body });
                    Absorbed { made: 1, ..Absorbed::default() }
                }
                _ => refuse(Refusal::UnknownStatement),
            };
        };
        self.by_activity.remove(&open.touched);
        open.touched = touched;
        self.by_activity.insert(touched, key);
        let before = open.bytes();
        let applied = open.statement.apply(what);
        self.bytes += open.bytes() - before;
        match applied {
            Applied::Folded => Absorbed { folded: 1, ..Absorbed::default() },
            Applied::TooManyErrors => refuse(Refusal::TooManyErrors),
            Applied::AtOnce(body) => {
                out.push(Draft { at, session: Arc::clone(session), body: *body });
                Absorbed { made: 1, ..Absorbed::default() }
            }
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
        self.by_activity.keys().next().map(|(at, _)| *at + self.abandoned_after)
    }

    /// Forgets every open statement.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
        self.by_activity.clear();
        self.bytes = 0;
    }

    pub(crate) fn evict_quietest(&mut self, out: &mut Vec<Draft>) {
        if let Some(((at, _), key)) = self.by_activity.pop_first()
            && let Some(open) = self.open.remove(&key)
        {
            self.bytes -= open.bytes();
            finish(at, &open.session, open.statement, out);
        }
    }

    fn remove(&mut self, key: &Key) -> Option<Open> {
        let open = self.open.remove(key)?;
        self.bytes -= open.bytes();
        self.by_activity.remove(&open.touched);
        Some(open)
    }

    fn touch(&mut self, at: Tick) -> (Tick, u64) {
        self.next_touch += 1;
        (at, self.next_touch)
    }
}

fn key(session: &Arc<SessionContext>, id: StatementId) -> Key {
    (Arc::as_ptr(session).addr(), id)
}

fn refuse(reason: Refusal) -> Absorbed {
    Absorbed { refused: Some((reason, 1)), ..Absorbed::default() }
}

fn finish(at: Tick, session: &Arc<SessionContext>, statement: StatementAggregate, out: &mut Vec<Draft>) {
    statement.into_bodies(|body| out.push(Draft { at, session: Arc::clone(session), body }));
}

#[cfg(test)]
mod tests;
