//! The connections of a client, by number: an event in the buffer has its connection's number, so that no
//! counter is touched for it by two threads.

use std::sync::Arc;

use crate::client::buffer::Taken;
use crate::guard::lock::{lock, lock_if};
use crate::guard::sync::atomic::{AtomicU64, Ordering};
use crate::guard::sync::{Mutex, MutexGuard};
use crate::pipeline::event::Event;
use crate::record::SessionContext;

/// A connection's number among its client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionNumber(u32);

/// The number of a connection, once it has one. Nobody waits for who is about to give it one, who may not
/// exist in a forked child.
#[derive(Debug, Default)]
pub(crate) struct NumberOnce(AtomicU64);

impl NumberOnce {
    #[inline]
    pub(crate) fn get(&self) -> Option<SessionNumber> {
        let number = self.0.load(Ordering::Acquire).checked_sub(1)?;
        Some(SessionNumber(number as u32))
    }

    /// Gives it this one; the one it has instead, if there is any.
    pub(crate) fn set(&self, SessionNumber(number): SessionNumber) -> Result<(), SessionNumber> {
        let set = self.0.compare_exchange(0, u64::from(number) + 1, Ordering::AcqRel, Ordering::Acquire);
        set.map(drop).map_err(|other| SessionNumber((other - 1) as u32))
    }
}

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
}

impl Sessions {
    /// A connection begins. `None` where the table is locked, and that isn't to be waited for.
    pub(crate) fn join(
        &self,
        context: Arc<SessionContext>,
        waits: impl FnOnce() -> bool,
    ) -> Option<SessionNumber> {
        let mut table = lock_if(&self.0, waits)?;
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
        Some(SessionNumber(number))
    }

    /// No handle speaks of it any more: events with the number that is `next`, or a higher one, aren't its.
    /// Where no event waits, it is forgotten at once.
    pub(crate) fn leave(
        &self,
        session: SessionNumber,
        next: impl FnOnce() -> u64,
        is_empty: impl FnOnce() -> bool,
    ) {
        let mut table = lock(&self.0);
        let next = next();
        table.gone.push(Gone { number: session.0, next });
        if is_empty() {
            forget(table, next);
        }
    }

    /// Takes events out of the buffer, and says of each which connection it is of. Those are kept in
    /// `contexts`, once for events that follow one another, so that one counter isn't touched for each.
    pub(crate) fn resolve<'a>(
        &self,
        take: impl FnOnce() -> Taken<SessionNumber>,
        contexts: &'a mut Vec<Option<Arc<SessionContext>>>,
    ) -> Vec<Event<&'a Arc<SessionContext>>> {
        let table = lock(&self.0);
        let Taken { events, upto } = take();
        let known = |session: SessionNumber| table.known.get(session.0 as usize)?.clone();
        let runs = events.chunk_by(|event, next| event.session == next.session);
        contexts.extend(runs.filter_map(|run| run.first()).map(|event| known(event.session)));
        forget(table, upto);
        let (mut contexts, mut session, mut context) = (contexts.iter(), None, None);
        let resolve = |event: Event<SessionNumber>| {
            if session != Some(event.session) {
                session = Some(event.session);
                context = contexts.next()?.as_ref();
            }
            Some(event.of(context?))
        };
        // In the same memory.
        events.into_iter().filter_map(resolve).collect()
    }

    /// Forgets all that are gone: nothing more is taken.
    pub(crate) fn forget_gone(&self) {
        forget(lock(&self.0), u64::MAX);
    }
}

/// Forgets those that are gone of which no event below this number is to come.
fn forget(mut table: MutexGuard<'_, Table>, taken: u64) {
    if table.gone.is_empty() {
        return;
    }
    let Table { known, vacant, gone } = &mut *table;
    let mut forgotten = Vec::new();
    gone.retain(|session| {
        let stays = session.next > taken;
        if !stays {
            forgotten.push(known.get_mut(session.number as usize).and_then(Option::take));
            vacant.push(session.number);
        }
        stays
    });
    if vacant.len() == known.len() {
        // What many once took is not kept for none.
        *table = Table::default();
    }
    // Contexts go when nobody waits for the lock any more.
    drop(table);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::client::tests::{client_of, plugins};
    use crate::guard::fork::Process;
    use crate::pipeline::event::EventKind;
    use crate::pipeline::event::tests::session;
    use crate::plugin::clock::Tick;
    use crate::record::RecordKind;
    use crate::record::body::Body;

    fn join(sessions: &Sessions, context: Arc<SessionContext>) -> SessionNumber {
        sessions.join(context, || true).unwrap()
    }

    fn event(session: SessionNumber) -> Event<SessionNumber> {
        let kind = EventKind::Single(Box::new(Body::new(RecordKind::Operation)));
        Event { at: Tick::ZERO, session, kind }
    }

    /// Resolves events of these connections, all below this number; their contexts.
    fn resolve(sessions: &Sessions, events: &[SessionNumber], upto: u64) -> Vec<Arc<SessionContext>> {
        let events = events.iter().map(|session| event(*session)).collect();
        let mut contexts = Vec::new();
        let resolved = sessions.resolve(|| Taken { events, upto }, &mut contexts);
        resolved.into_iter().map(|event| Arc::clone(event.session)).collect()
    }

    #[test]
    fn a_connection_is_known_until_its_last_event_was_taken() {
        let sessions = Sessions::default();
        let contexts = [session(), session()];
        let numbers = contexts.each_ref().map(|context| join(&sessions, Arc::clone(context)));
        let holders = || contexts.each_ref().map(Arc::strong_count);
        assert_eq!(holders(), [2, 2]);
        sessions.leave(numbers[0], || 5, || false);
        let found = resolve(&sessions, &[numbers[1], numbers[0]], 4);
        assert!(Arc::ptr_eq(&found[0], &contexts[1]) && Arc::ptr_eq(&found[1], &contexts[0]));
        drop(found);
        assert_eq!(holders(), [2, 2], "one more may come");
        assert_eq!(resolve(&sessions, &[numbers[0]], 5).len(), 1);
        assert_eq!(holders(), [1, 2]);
        // Its number is the next one's.
        let third = session();
        let number = join(&sessions, Arc::clone(&third));
        assert_eq!(number, numbers[0]);
        let found = resolve(&sessions, &[number], 6);
        assert!(Arc::ptr_eq(&found[0], &third));
    }

    #[test]
    fn each_event_is_of_its_own_connection_however_they_follow_one_another() {
        let sessions = Sessions::default();
        let contexts = [session(), session()];
        let [first, second] = contexts.each_ref().map(|context| join(&sessions, Arc::clone(context)));
        let gone = join(&sessions, session());
        sessions.leave(gone, || 0, || true);
        let events = [first, first, gone, gone, second, first, gone, second, second];
        let expected = [0, 0, 1, 0, 1, 1].map(|number| &contexts[number]);
        let found = resolve(&sessions, &events, 9);
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(expected).all(|(found, expected)| Arc::ptr_eq(found, expected)));
        drop(found);
        assert_eq!(contexts.each_ref().map(Arc::strong_count), [2, 2]);
    }

    #[test]
    fn of_two_numbers_that_a_connection_is_given_at_once_the_first_is_its_own() {
        let number = NumberOnce::default();
        assert_eq!(number.get(), None);
        assert_eq!(number.set(SessionNumber(0)), Ok(()));
        assert_eq!(number.set(SessionNumber(1)), Err(SessionNumber(0)));
        assert_eq!(number.get(), Some(SessionNumber(0)));
    }

    #[test]
    fn a_forked_child_does_not_wait_for_who_held_the_table_in_its_parent() {
        let mut plugins = plugins();
        plugins.parent = Process::another();
        let client = Arc::new(client_of(Arc::new(plugins)));
        let _held = lock(&client.sessions.0);
        let (tell, told) = mpsc::channel();
        let child = Arc::clone(&client);
        std::thread::spawn(move || tell.send(child.join_session(session())));
        assert!(told.recv_timeout(Duration::from_secs(5)).is_ok(), "it waits");
    }

    #[test]
    fn where_no_event_waits_it_is_forgotten_at_once() {
        let sessions = Sessions::default();
        let context = session();
        let number = join(&sessions, Arc::clone(&context));
        sessions.leave(number, || 5, || true);
        assert_eq!(Arc::strong_count(&context), 1);
    }

    #[test]
    fn at_the_end_all_that_are_gone_are_forgotten_and_no_places_are_kept_for_none() {
        let sessions = Sessions::default();
        let context = session();
        let numbers: Vec<_> = (0..1000).map(|_| join(&sessions, Arc::clone(&context))).collect();
        numbers.iter().for_each(|number| sessions.leave(*number, || 5, || false));
        assert_eq!(Arc::strong_count(&context), 1001);
        sessions.forget_gone();
        let table = lock(&sessions.0);
        assert_eq!((Arc::strong_count(&context), table.known.capacity(), table.vacant.capacity()), (1, 0, 0));
    }
}
