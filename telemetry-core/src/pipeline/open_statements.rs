//! The statements that are open by id, found by it, and in the order of their activity.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::pipeline::packed_id::PackedId;
use crate::pipeline::statement::{Applied, StatementAggregate, StatementEvent};
use crate::plugin::clock::Tick;
use crate::record::SessionContext;

/// One open statement.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) session: Arc<SessionContext>,
    pub(crate) statement: StatementAggregate,
    /// When something was last heard of it.
    pub(crate) touched: Tick,
    quieter: u32,
    livelier: u32,
}

/// For how many there is place when none is open.
const KEPT: usize = 64;

/// No statement's place.
const NONE: u32 = u32::MAX;

/// Statements of different sessions are apart, whatever their ids. A session is known by the address of its
/// context, which the open statement keeps alive.
///
/// They lie in places of one vector, which a table finds by the id, and which are linked from the one that
/// was quiet for longest to the one that was heard of last.
#[derive(Debug)]
pub(crate) struct OpenStatements {
    places: Vec<Option<Open>>,
    vacant: Vec<u32>,
    by_id: HashTable<u32>,
    /// By keys that differ from process to process, so that ids that collide aren't known beforehand.
    hasher: DefaultHashBuilder,
    quietest: u32,
    liveliest: u32,
    /// How many bytes they take.
    bytes: u64,
}

impl Default for OpenStatements {
    fn default() -> Self {
        OpenStatements {
            places: Vec::new(),
            vacant: Vec::new(),
            by_id: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            quietest: NONE,
            liveliest: NONE,
            bytes: 0,
        }
    }
}

impl OpenStatements {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many bytes they take, without error text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn contains(&self, session: &Arc<SessionContext>, id: &PackedId) -> bool {
        self.find(session, id).is_some()
    }

    /// Adds one that isn't there yet, heard of at `at`.
    pub(crate) fn insert(
        &mut self,
        at: Tick,
        session: Arc<SessionContext>,
        id: PackedId,
        mut statement: StatementAggregate,
    ) {
        let hash = hash(&self.hasher, &session, &id);
        statement.set_id(id);
        let open = Open { session, statement, touched: at, quieter: NONE, livelier: NONE };
        self.bytes += open.bytes();
        let place = match self.vacant.pop() {
            Some(place) => {
                self.places[place as usize] = Some(open);
                place
            }
            None => {
                if self.places.len() == self.places.capacity() {
                    // By a quarter: doubled, half of it might never be used.
                    self.places.reserve_exact(self.places.len() / 4 + 8);
                }
                self.places.push(Some(open));
                (self.places.len() - 1) as u32
            }
        };
        let (places, hasher) = (&self.places, &self.hasher);
        self.by_id.insert_unique(hash, place, |place| hash_of(hasher, places, *place));
        self.link(place);
    }

    /// The statement with this id, of which something is heard now.
    pub(crate) fn touch(
        &mut self,
        at: Tick,
        session: &Arc<SessionContext>,
        id: &PackedId,
    ) -> Option<Touched<'_>> {
        let place = self.find(session, id)?;
        if place != self.liveliest {
            self.unlink(place);
            self.link(place);
        }
        let open = self.places.get_mut(place as usize)?.as_mut()?;
        open.touched = at.max(open.touched);
        Some(Touched { open, bytes: &mut self.bytes })
    }

    pub(crate) fn remove(&mut self, session: &Arc<SessionContext>, id: &PackedId) -> Option<Open> {
        let place = self.find(session, id)?;
        self.take(place)
    }

    /// When something was last heard of the one that was quiet for longest.
    pub(crate) fn quietest(&self) -> Option<Tick> {
        self.get(self.quietest).map(|open| open.touched)
    }

    pub(crate) fn remove_quietest(&mut self) -> Option<Open> {
        self.take(self.quietest)
    }

    fn get(&self, place: u32) -> Option<&Open> {
        self.places.get(place as usize)?.as_ref()
    }

    fn find(&self, session: &Arc<SessionContext>, id: &PackedId) -> Option<u32> {
        let is_it = |place: &u32| {
            let open = self.get(*place);
            open.is_some_and(|open| Arc::ptr_eq(&open.session, session) && open.statement.id() == Some(id))
        };
        self.by_id.find(hash(&self.hasher, session, id), is_it).copied()
    }

    fn take(&mut self, place: u32) -> Option<Open> {
        self.get(place)?;
        let hash = hash_of(&self.hasher, &self.places, place);
        self.unlink(place);
        let open = self.places.get_mut(place as usize)?.take()?;
        if let Ok(entry) = self.by_id.find_entry(hash, |other| *other == place) {
            entry.remove();
        }
        self.bytes -= open.bytes();
        self.vacant.push(place);
        if self.by_id.is_empty() && self.places.capacity() > KEPT {
            // What many once took is not kept for a few.
            *self = OpenStatements::default();
        }
        Some(open)
    }

    /// Puts a place at the lively end.
    fn link(&mut self, place: u32) {
        let before = std::mem::replace(&mut self.liveliest, place);
        match self.places.get_mut(before as usize) {
            Some(Some(open)) => open.livelier = place,
            _ => self.quietest = place,
        }
        if let Some(Some(open)) = self.places.get_mut(place as usize) {
            open.quieter = before;
            open.livelier = NONE;
        }
    }

    /// Takes a place out of the order.
    fn unlink(&mut self, place: u32) {
        let Some(Open { quieter, livelier, .. }) = self.get(place) else { return };
        let (quieter, livelier) = (*quieter, *livelier);
        match self.places.get_mut(quieter as usize) {
            Some(Some(open)) => open.livelier = livelier,
            _ => self.quietest = livelier,
        }
        match self.places.get_mut(livelier as usize) {
            Some(Some(open)) => open.quieter = quieter,
            _ => self.liveliest = quieter,
        }
    }
}

impl Open {
    /// With its place, of which there may be a quarter more, and those in the table and among the vacant.
    fn bytes(&self) -> u64 {
        const PLACE: usize =
            size_of::<Option<Open>>() * 5 / 4 - size_of::<StatementAggregate>() + 3 * size_of::<u64>();
        PLACE as u64 + self.statement.bytes()
    }
}

/// A statement in its place, of which something is heard; what it grows by is counted.
pub(crate) struct Touched<'a> {
    open: &'a mut Open,
    bytes: &'a mut u64,
}

impl Touched<'_> {
    pub(crate) fn apply(&mut self, event: StatementEvent) -> Applied {
        if event.has_heap_bytes() { self.grow(event) } else { self.open.statement.apply(event) }
    }

    #[cold]
    fn grow(&mut self, event: StatementEvent) -> Applied {
        let before = self.open.bytes();
        let applied = self.open.statement.apply(event);
        *self.bytes += self.open.bytes() - before;
        applied
    }
}

fn hash(hasher: &DefaultHashBuilder, session: &Arc<SessionContext>, id: &PackedId) -> u64 {
    hasher.hash_one((Arc::as_ptr(session).addr(), id))
}

fn hash_of(hasher: &DefaultHashBuilder, places: &[Option<Open>], place: u32) -> u64 {
    let open = places.get(place as usize).and_then(Option::as_ref);
    let known = open.and_then(|open| open.statement.id().map(|id| hash(hasher, &open.session, id)));
    known.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fault::ErrorClass;
    use crate::pipeline::event::tests::session;
    use crate::pipeline::statement::StatementEvent;
    use crate::pipeline::statement::tests::error;
    use crate::record::trace_parent::TraceParent;

    #[derive(Clone, Copy, Debug)]
    enum Action {
        Insert(u8),
        Touch(u8, bool),
        Remove(u8),
        RemoveQuietest,
    }

    fn action() -> impl Strategy<Value = Action> {
        let id = || 0u8..12;
        prop_oneof![
            4 => id().prop_map(Action::Insert),
            4 => (id(), any::<bool>()).prop_map(|(id, fails)| Action::Touch(id, fails)),
            2 => id().prop_map(Action::Remove),
            1 => Just(Action::RemoveQuietest),
        ]
    }

    proptest! {
        /// What a list in the order of activity would hold.
        #[test]
        fn they_are_found_by_id_and_the_quietest_goes_first(actions in proptest::collection::vec(action(), 0..200)) {
            // Even numbers are of one session, odd ones of another, with the same ids.
            let sessions = [session(), session()];
            let of = |number: u8| &sessions[usize::from(number % 2)];
            let id = |number: u8| PackedId::new(&format!("s{}", number / 2)).unwrap();
            let mut open = OpenStatements::default();
            let mut model: Vec<(u8, Tick, u64)> = Vec::new();
            for (step, action) in actions.into_iter().enumerate() {
                let now = Tick::from_nanos(step as u64);
                let known = |model: &[(u8, Tick, u64)], number| model.iter().position(|(of, ..)| *of == number);
                match action {
                    Action::Insert(number) if known(&model, number).is_none() => {
                        open.insert(now, Arc::clone(of(number)), id(number), StatementAggregate::start(now, 3));
                        model.push((number, now, 0));
                    }
                    Action::Insert(number) => prop_assert!(open.contains(of(number), &id(number))),
                    Action::Touch(number, fails) => {
                        let touched = open.touch(now, of(number), &id(number));
                        let place = known(&model, number);
                        prop_assert_eq!(touched.is_some(), place.is_some());
                        let Some((mut touched, place)) = touched.zip(place) else { continue };
                        let (_, _, errors) = model.remove(place);
                        if fails {
                            touched.apply(StatementEvent::Failed(error(ErrorClass::Retryable)));
                        }
                        model.push((number, now, (errors + u64::from(fails)).min(3)));
                    }
                    Action::Remove(number) => {
                        let removed = open.remove(of(number), &id(number));
                        let place = known(&model, number);
                        prop_assert_eq!(removed.map(|open| open.touched), place.map(|place| model.remove(place).1));
                    }
                    Action::RemoveQuietest => {
                        let removed = open.remove_quietest().map(|open| (open.statement.id().cloned(), open.touched));
                        let first = (!model.is_empty()).then(|| model.remove(0));
                        prop_assert_eq!(removed, first.map(|(number, at, _)| (Some(id(number)), at)));
                    }
                }
                prop_assert_eq!(open.len(), model.len());
                prop_assert_eq!(open.quietest(), model.first().map(|(_, at, _)| *at));
                let places = open.places.iter().flatten();
                prop_assert_eq!(open.bytes(), places.map(Open::bytes).sum::<u64>());
                let bare = size_of::<StatementAggregate>() as u64 + id(0).heap_bytes();
                let kept = |open: &Open| open.statement.bytes() > bare;
                let with_errors = open.places.iter().flatten().filter(|open| kept(open)).count();
                prop_assert_eq!(with_errors, model.iter().filter(|(_, _, errors)| *errors > 0).count());
            }
            while open.remove_quietest().is_some() {}
            prop_assert_eq!((open.len(), open.bytes(), open.quietest()), (0, 0, None));
        }
    }

    #[test]
    fn a_place_is_used_again_and_many_are_not_kept_for_none() {
        let session = session();
        let mut open = OpenStatements::default();
        let id = |number: u32| PackedId::new(&format!("s{number}")).unwrap();
        let insert = |open: &mut OpenStatements, number| {
            open.insert(
                Tick::ZERO,
                Arc::clone(&session),
                id(number),
                StatementAggregate::start(Tick::ZERO, 1),
            );
        };
        for number in 0..1000 {
            insert(&mut open, number);
            assert!(open.remove(&session, &id(number)).is_some());
        }
        assert_eq!(open.places.len(), 1);
        let mut capacities = std::collections::HashSet::new();
        for number in 0..1000 {
            insert(&mut open, number);
            let (len, capacity) = (open.places.len(), open.places.capacity());
            assert!(capacity <= len + len / 4 + 8);
            capacities.insert(capacity);
            // Of a table an eighth stays empty, and each of its places has one byte more.
            let table = open.by_id.capacity() * 8 / 7 * (size_of::<u32>() + 1);
            let taken = (capacity * size_of::<Option<Open>>() + table) as u64;
            let counted = open.bytes() - len as u64 * id(0).heap_bytes();
            let is_right = (taken..taken * 3 / 2).contains(&counted);
            assert!(len < 500 || is_right, "{len} take {taken}, counted are {counted}");
        }
        assert!(capacities.len() < 30, "they move seldom");
        while open.remove_quietest().is_some() {}
        assert_eq!((open.places.capacity(), open.vacant.len()), (0, 0));
        (0..KEPT as u32).for_each(|number| insert(&mut open, number));
        while open.remove_quietest().is_some() {}
        assert_eq!(open.places.capacity(), KEPT, "but a few are");
    }

    #[test]
    fn ids_and_sessions_are_told_apart_at_a_glance() {
        let (open, sessions) = (OpenStatements::default(), [session(), session()]);
        let ids: Vec<_> = (0..100).map(|number| PackedId::new(&format!("s{number}")).unwrap()).collect();
        let hashes = sessions.iter().flat_map(|session| ids.iter().map(|id| hash(&open.hasher, session, id)));
        assert_eq!(hashes.collect::<std::collections::HashSet<_>>().len(), 200);
    }

    #[test]
    fn what_a_statement_takes_more_is_counted_and_nothing_else() {
        let (mut open, session, id) = (OpenStatements::default(), session(), PackedId::new("s").unwrap());
        open.insert(Tick::ZERO, Arc::clone(&session), id.clone(), StatementAggregate::start(Tick::ZERO, 3));
        let mut bytes = vec![open.bytes()];
        let parent = || Box::new(TraceParent::from_ids([1; 16], [1; 8], 1).unwrap());
        for event in [
            StatementEvent::Retried(1),
            StatementEvent::TraceParent(parent()),
            StatementEvent::TraceParent(parent()),
            StatementEvent::Failed(error(ErrorClass::Terminal)),
            StatementEvent::Failed(error(ErrorClass::Retryable)),
        ] {
            open.touch(Tick::ZERO, &session, &id).unwrap().apply(event);
            assert_eq!(open.bytes(), open.places.iter().flatten().map(Open::bytes).sum::<u64>());
            bytes.push(open.bytes());
        }
        let grew: Vec<_> = bytes.windows(2).map(|pair| pair[1] > pair[0]).collect();
        assert_eq!(grew, [false, true, false, false, true]);
    }

    #[test]
    fn it_stays_small() {
        assert!(size_of::<StatementAggregate>() <= 256);
        assert!(size_of::<Option<Open>>() <= 264);
    }
}
