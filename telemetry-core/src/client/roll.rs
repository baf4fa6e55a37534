//! All clients of a provider, the living and what the books of those that are gone came to.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::guard::lock::lock;
use crate::guard::sync::Mutex;
use crate::guard::thread::yield_now;
use crate::ledger::{EventLedger, RecordLedger};

/// What books came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) events: EventLedger,
    pub(crate) records: RecordLedger,
    /// By sink, in the provider's order.
    pub(crate) sinks: Vec<RecordLedger>,
}

impl Totals {
    pub(crate) fn add(
        &mut self,
        events: &EventLedger,
        records: &RecordLedger,
        sinks: impl Iterator<Item = RecordLedger>,
    ) {
        self.events.add(events);
        self.records.add(records);
        for (place, sink) in sinks.enumerate() {
            if self.sinks.len() <= place {
                self.sinks.push(RecordLedger::default());
            }
            self.sinks[place].add(&sink);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Roll(Mutex<State>);

type Anything = dyn Any + Send + Sync;

#[derive(Debug, Default)]
struct State {
    /// Clients by address, of whose type this file needs to know nothing.
    living: HashMap<usize, Weak<Anything>>,
    gone: Totals,
}

impl Roll {
    /// A client is made.
    pub(crate) fn add<T: Any + Send + Sync>(&self, client: &Arc<T>) {
        let address = Arc::as_ptr(client).addr();
        let client: Weak<T> = Arc::downgrade(client);
        lock(&self.0).living.insert(address, client);
    }

    /// A client is gone, and nobody speaks of it any more: `add` adds up its books.
    pub(crate) fn retire<T>(&self, client: *const T, add: impl FnOnce(&mut Totals)) {
        let mut state = lock(&self.0);
        if state.living.remove(&client.addr()).is_some() {
            add(&mut state.gone);
        }
    }

    /// The living, and what the books of all others came to. A client that is going at this moment is waited
    /// for.
    pub(crate) fn all<T: Any + Send + Sync>(&self) -> (Vec<Arc<T>>, Totals) {
        loop {
            let state = lock(&self.0);
            // All of them, as the last to hold one needs the lock when it lets go.
            let living: Vec<_> = state.living.values().map(Weak::upgrade).collect();
            let gone = state.gone.clone();
            drop(state);
            if let Some(living) = living.into_iter().collect::<Option<Vec<_>>>() {
                return (living.into_iter().filter_map(|client| client.downcast().ok()).collect(), gone);
            }
            yield_now();
        }
    }
}
