//! What all handles of one connection share: its client, and what is constant in its records.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::client::lease_guard::LeaseGuard;
use crate::client::sessions::{NumberOnce, SessionNumber};
use crate::handle::connection_info::ConnectionInfo;
use crate::ledger::Refusal;
use crate::pipeline::event::{Event, EventKind};
use crate::pipeline::packed_id::PackedId;
use crate::pipeline::statement::StatementEvent;
use crate::plugin::clock::Tick;
use crate::record::SessionContext;
use crate::record::body::Body;

/// How long ago something may have happened, at the most.
const LONGEST_AGO: Duration = Duration::from_secs(24 * 60 * 60);

/// When that was.
pub(super) fn ago(client: &Client, time: Duration) -> Tick {
    client.plugins.clock.now().before(time.min(LONGEST_AGO))
}

/// What all handles of one connection share.
#[derive(Debug)]
pub(crate) struct SessionScope {
    hold: Arc<LeaseGuard>,
    context: Arc<SessionContext>,
    /// Its number among its client's, once something of it was taken in.
    number: NumberOnce,
}

impl SessionScope {
    pub(crate) fn new(hold: Arc<LeaseGuard>, context: Arc<SessionContext>) -> Self {
        SessionScope { hold, context, number: NumberOnce::default() }
    }

    #[inline]
    pub(crate) fn client(&self) -> &Client {
        &self.hold.client
    }

    /// The same connection, of which more is known.
    pub(super) fn learned(&self, more: ConnectionInfo) -> Option<Self> {
        let context = more.added_to(&self.context, &self.hold)?;
        Some(SessionScope::new(Arc::clone(&self.hold), context))
    }

    pub(crate) fn now(&self) -> Tick {
        self.client().plugins.clock.now()
    }

    /// Records what happens now.
    pub(crate) fn record(&self, kind: EventKind) {
        self.record_at(|| self.now(), kind);
    }

    /// Records what happened then, which is asked for only if there is room.
    pub(crate) fn record_at(&self, at: impl FnOnce() -> Tick, kind: EventKind) {
        if !self.client().has_no_room(kind.weight()) {
            self.push(at(), kind);
        }
    }

    /// There was room a moment ago: a connection that nothing is taken in of has no number to give back.
    pub(super) fn push(&self, at: Tick, kind: EventKind) {
        match self.number.get() {
            Some(session) => self.client().record(Event { at, session, kind }),
            None => self.push_first(at, kind),
        }
    }

    #[cold]
    #[inline(never)]
    fn push_first(&self, at: Tick, kind: EventKind) {
        match self.join() {
            Some(session) => self.client().record(Event { at, session, kind }),
            None => self.client().refuse(Refusal::Contended, kind.weight()),
        }
    }

    fn join(&self) -> Option<SessionNumber> {
        let joined = self.client().join_session(Arc::clone(&self.context))?;
        let Err(other) = self.number.set(joined) else { return Some(joined) };
        // Another thread was first.
        self.client().leave_session(joined);
        Some(other)
    }

    /// The id of a statement; what isn't one is refused, and counted.
    pub(crate) fn statement(&self, id: &str) -> Option<PackedId> {
        let known = PackedId::new(id);
        if known.is_none() {
            self.client().refuse(Refusal::InvalidId, 1);
        }
        known
    }

    pub(crate) fn happened(&self, id: &str, what: StatementEvent) {
        if self.client().has_no_room(1) {
            return;
        }
        if let Some(id) = self.statement(id) {
            let at = self.client().plugins.clock.roughly();
            self.push(at, EventKind::Happened { id, what });
        }
    }

    pub(crate) fn single(&self, body: Body) {
        self.record(EventKind::Single(Box::new(body)));
    }
}

impl Drop for SessionScope {
    fn drop(&mut self) {
        self.context.left();
        if let Some(number) = self.number.get() {
            self.hold.client.leave_session(number);
        }
    }
}
