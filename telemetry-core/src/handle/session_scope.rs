//! What all handles of one connection share: its client, and what is constant in its records.

use std::sync::Arc;

use crate::client::Client;
use crate::client::lease_guard::LeaseGuard;
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
    context: Arc<SessionContext>,
}

impl SessionScope {
    pub(crate) fn new(hold: Arc<LeaseGuard>, context: Arc<SessionContext>) -> Self {
        SessionScope { hold, context }
    }

    #[inline]
    pub(crate) fn client(&self) -> &Client {
        &self.hold.client
    }

    pub(crate) fn now(&self) -> Tick {
        self.client().plugins.clock.now()
    }

    pub(crate) fn record(&self, at: Tick, kind: EventKind) {
        self.client().record(Event { at, session: Arc::clone(&self.context), kind });
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
        if let Some(id) = self.statement(id) {
            self.record(self.now(), EventKind::Happened { id, what });
        }
    }

    pub(crate) fn single(&self, body: Body) {
        self.record(self.now(), EventKind::Single(Box::new(body)));
    }
}
