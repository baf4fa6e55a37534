//! The connections of a client, by number: an event in the buffer has its connection's number, so that no
//! counter is touched for it by two threads.

use std::sync::Arc;

use crate::client::buffer::Taken;
use crate::guard::lock::lock;
use crate::guard::sync::{Mutex, MutexGuard};
use crate::pipeline::event::Event;
use crate::record::SessionContext;

/// A connection's number among its client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionNumber(u32);

#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    known: Vec<Option<Arc<SessionContext>>>,
    vacant: Vec<u32>,
    /// Those that no handle speaks of any more.
    gone: Vec<Gone>,
}

#[derive(Debug)]
struct Gone {
    number: u32,
    /// The number of the event that would have been next.
    next: u64,
    bytes: u64,
}

impl Sessions {
    /// A connection begins.
    pub(crate) fn join(&self, context: Arc<SessionContext>) -> SessionNumber {
        let mut table = lock(&self.0);
        let number = match table.vacant.pop() {
            Some(number) => number,
            None => {
                table.known.push(None);
                (table.known.len() - 1) as u32
            }
        };
        if let Some(place) = table.known.get_mut(number as usize) {
            *place = Some(context);
        }
        SessionNumber(number)
    }

    /// No handle speaks of it any more: events with the number that is `next`, or a higher one, aren't its.
    /// It is counted with so many bytes until it is forgotten. Returned are the bytes of those that are
    /// forgotten at once, as no event waits.
    pub(crate) fn leave(
        &self,
        session: SessionNumber,
        bytes: u64,
        next: impl FnOnce() -> u64,
        is_empty: impl FnOnce() -> bool,
    ) -> u64 {
        let mut table = lock(&self.0);
        let next = next();
        table.gone.push(Gone { number: session.0, next, bytes });
        if is_empty() { forget(table, next) } else { 0 }
    }

    /// Takes events out of the buffer, and says of each which connection it is of. The bytes of the
    /// connections that are forgotten then, as all their events have been taken.
    pub(crate) fn resolve(
        &self,
        take: impl FnOnce() -> Taken<SessionNumber>,
        mut each: impl FnMut(Event),
    ) -> u64 {
        let table = lock(&self.0);
        let Taken { events, upto } = take();
        for event in events {
            if let Some(Some(context)) = table.known.get(event.session.0 as usize) {
                let context = Arc::clone(context);
                each(event.of(context));
            }
        }
        forget(table, upto)
    }
}

/// Forgets those that are gone of which no event below this number is to come.
fn forget(mut table: MutexGuard<'_, Table>, taken: u64) -> u64 {
    if table.gone.is_empty() {
        return 0;
    }
    let Table { known, vacant, gone } = &mut *table;
    let (mut forgotten, mut bytes) = (Vec::new(), 0);
    gone.retain(|session| {
        let stays = session.next > taken;
        if !stays {
            forgotten.push(known.get_mut(session.number as usize).and_then(Option::take));
            vacant.push(session.number);
            bytes += session.bytes;
        }
        stays
    });
    // Contexts go when nobody waits for the lock any more.
    drop(table);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::event::EventKind;
    use crate::pipeline::event::tests::session;
    use crate::plugin::clock::Tick;
    use crate::record::RecordKind;
    use crate::record::body::Body;

    fn event(session: SessionNumber) -> Event<SessionNumber> {
        let kind = EventKind::Single(Box::new(Body::new(RecordKind::Operation)));
        Event { at: Tick::ZERO, session, kind }
    }

    /// Resolves events of these connections, all below this number; how many contexts there were, and bytes.
    fn resolve(sessions: &Sessions, events: &[SessionNumber], upto: u64) -> (Vec<Arc<SessionContext>>, u64) {
        let mut found = Vec::new();
        let events = events.iter().map(|session| event(*session)).collect();
        let bytes = sessions.resolve(|| Taken { events, upto }, |event| found.push(event.session));
        (found, bytes)
    }

    #[test]
    fn a_connection_is_known_until_its_last_event_was_taken() {
        let sessions = Sessions::default();
        let contexts = [session(), session()];
        let numbers = contexts.each_ref().map(|context| sessions.join(Arc::clone(context)));
        let holders = || contexts.each_ref().map(Arc::strong_count);
        assert_eq!(holders(), [2, 2]);
        assert_eq!(sessions.leave(numbers[0], 7, || 5, || false), 0);
        let (found, bytes) = resolve(&sessions, &[numbers[1], numbers[0]], 4);
        assert!(Arc::ptr_eq(&found[0], &contexts[1]) && Arc::ptr_eq(&found[1], &contexts[0]));
        drop(found);
        assert_eq!((holders(), bytes), ([2, 2], 0), "one more may come");
        let (found, bytes) = resolve(&sessions, &[numbers[0]], 5);
        assert_eq!((found.len(), bytes), (1, 7));
        drop(found);
        assert_eq!(holders(), [1, 2]);
        // Its number is the next one's.
        let third = session();
        let number = sessions.join(Arc::clone(&third));
        assert_eq!(number, numbers[0]);
        let (found, _) = resolve(&sessions, &[number], 6);
        assert!(Arc::ptr_eq(&found[0], &third));
    }

    #[test]
    fn where_no_event_waits_it_is_forgotten_at_once() {
        let sessions = Sessions::default();
        let context = session();
        let number = sessions.join(Arc::clone(&context));
        assert_eq!(sessions.leave(number, 7, || 5, || true), 7);
        assert_eq!(Arc::strong_count(&context), 1);
    }
}
