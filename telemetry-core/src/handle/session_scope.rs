//! What all handles of one connection share: its client, and what is constant in its records.

use std::sync::Arc;

use crate::client::Client;
use crate::client::lease_guard::LeaseGuard;
use crate::client::sessions::SessionNumber;
use crate::ledger::Refusal;
use crate::pipeline::event::{Event, EventKind};
use crate::pipeline::statement::StatementEvent;
use crate::plugin::clock::Tick;
use crate::record::SessionContext;
use crate::record::body::Body;
use crate::record::id::StatementId;

/// What all handles of one connection share.
#[derive(Debug)]
pub(crate) struct SessionScope {
    hold: Arc<LeaseGuard>,
    number: SessionNumber,
    /// How many bytes its context is counted with.
    bytes: u64,
}

impl SessionScope {
    pub(crate) fn new(hold: Arc<LeaseGuard>, context: Arc<SessionContext>) -> Self {
        let number = hold.client.join_session(context);
        SessionScope { hold, number, bytes: 0 }
    }

    /// The same for a connection that is over as soon as it is told of; `None` where there is no room for it.
    pub(crate) fn passing(hold: Arc<LeaseGuard>, context: Arc<SessionContext>) -> Option<Self> {
        let bytes = context.bytes();
        if !hold.client.memory.take_for_handle(bytes) {
            hold.client.refuse(Refusal::MemoryFull, 1);
            return None;
        }
        let mut scope = SessionScope::new(hold, context);
        scope.bytes = bytes;
        Some(scope)
    }

    #[inline]
    pub(crate) fn client(&self) -> &Client {
        &self.hold.client
    }

    pub(crate) fn now(&self) -> Tick {
        self.client().plugins.clock.now()
    }

    pub(crate) fn record(&self, at: Tick, kind: EventKind) {
        self.client().record(Event { at, session: self.number, kind });
    }

    /// The id of a statement; what isn't one is refused, and counted.
    pub(crate) fn statement(&self, id: &str) -> Option<StatementId> {
        let known = StatementId::new(id);
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
            self.record(at, EventKind::Happened { id, what });
        }
    }

    pub(crate) fn single(&self, body: Body) {
        self.record(self.now(), EventKind::Single(Box::new(body)));
    }
}

impl Drop for SessionScope {
    fn drop(&mut self) {
        self.hold.client.leave_session(self.number, self.bytes);
    }
}
