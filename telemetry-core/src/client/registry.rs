//! Which clients there are, and how many leases each has. The last lease begins the final flush.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::client::key::Key;
use crate::guard::lock::lock;
use crate::guard::panic::catch_panic;
use crate::guard::sync::Mutex;
use crate::guard::sync::atomic::{AtomicU64, Ordering};
use crate::plugin::clock::Tick;

/// What a lease was given.
pub(crate) enum Leased {
    /// A client that is there already.
    Shared(Arc<Client>),
    /// A new one, which needs a worker.
    New(Arc<Client>),
    /// There are as many as there may be.
    Full,
}

#[derive(Debug)]
struct Entry {
    client: Arc<Client>,
    leases: usize,
}

#[derive(Debug, Default)]
struct Entries {
    clients: HashMap<Key, Entry>,
    /// How many had ended of themselves when they were looked through.
    ended_early: u64,
    /// How often they were.
    #[cfg(test)]
    looks: usize,
}

impl Entries {
    /// Takes out those that are finished, unless none has ended of itself since they were last looked for:
    /// who is refused for want of room, at each connection, doesn't look at all of them each time.
    fn take_finished(&mut self, ended_early: u64) -> Vec<(Key, Entry)> {
        if self.ended_early == ended_early {
            return Vec::new();
        }
        self.ended_early = ended_early;
        #[cfg(test)]
        (self.looks += 1);
        self.clients.extract_if(|_, entry| entry.client.is_finished()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Registry {
    entries: Mutex<Entries>,
    limit: usize,
    /// How many of its clients have ended of themselves, and so may still be here.
    ended_early: Arc<AtomicU64>,
}

impl Registry {
    pub(crate) fn new(limit: usize, ended_early: Arc<AtomicU64>) -> Self {
        Registry { entries: Mutex::default(), limit, ended_early }
    }

    /// One lease more. A client that drains because its last lease was dropped goes on; one that is finished
    /// is replaced.
    pub(crate) fn acquire(&self, key: &Key, make: impl FnOnce() -> Client) -> Leased {
        let mut entries = lock(&self.entries);
        if let Some(entry) = entries.clients.get_mut(key)
            && !entry.client.is_finished()
        {
            let client = Arc::clone(&entry.client);
            entry.leases += 1;
            if entry.leases == 1 {
                client.revive();
            }
            return Leased::Shared(client);
        }
        let finished = if entries.clients.len() >= self.limit {
            entries.take_finished(self.ended_early.load(Ordering::Acquire))
        } else {
            Vec::new()
        };
        if entries.clients.len() >= self.limit && !entries.clients.contains_key(key) {
            return Leased::Full;
        }
        let client = Arc::new(make());
        client.plugins.roll.add(&client);
        let replaced = entries.clients.insert(key.clone(), Entry { client: Arc::clone(&client), leases: 1 });
        drop(entries);
        // Clients hold credential providers, and so foreign code.
        catch_panic(move || drop((finished, replaced)));
        Leased::New(client)
    }

    /// One lease less. The last one begins the final flush, which a lease taken meanwhile ends.
    pub(crate) fn release(&self, key: &Key, client: &Arc<Client>, within: Duration) {
        let now = client.plugins.clock.now();
        let mut entries = lock(&self.entries);
        let Some(entry) = entries.clients.get_mut(key).filter(|entry| Arc::ptr_eq(&entry.client, client))
        else {
            return;
        };
        entry.leases = entry.leases.saturating_sub(1);
        if entry.leases == 0 {
            client.close_by(now + within);
            drop(entries);
            client.wake_up();
        }
    }

    /// One lease less, to be closed; whether it was the last. The client has left the registry then, so that
    /// its close holds up nobody: a lease taken from now on gets another.
    pub(crate) fn release_to_close(&self, key: &Key, client: &Arc<Client>, deadline: Tick) -> bool {
        let mut entries = lock(&self.entries);
        let Some(entry) = entries.clients.get_mut(key).filter(|entry| Arc::ptr_eq(&entry.client, client))
        else {
            return true;
        };
        entry.leases = entry.leases.saturating_sub(1);
        if entry.leases > 0 {
            return false;
        }
        let entry = entries.clients.remove(key);
        drop(entries);
        drop(entry);
        client.close_by(deadline);
        client.wake_up();
        true
    }

    /// Closes all clients; they have left the registry then.
    pub(crate) fn close_all(&self, deadline: Tick) -> Vec<Arc<Client>> {
        let entries = std::mem::take(&mut lock(&self.entries).clients);
        let clients: Vec<_> = entries.into_values().map(|entry| entry.client).collect();
        for client in &clients {
            client.close_by(deadline);
            client.wake_up();
        }
        clients
    }

    /// Lets go of a client at the end of its flush, unless it has a lease again.
    pub(crate) fn retire(&self, key: &Key, client: &Arc<Client>) -> bool {
        let mut entries = lock(&self.entries);
        let Some(entry) = entries.clients.get(key).filter(|entry| Arc::ptr_eq(&entry.client, client)) else {
            return true;
        };
        if entry.leases > 0 {
            return false;
        }
        let entry = entries.clients.remove(key);
        drop(entries);
        drop(entry);
        true
    }

    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        lock(&self.entries).clients.values().map(|entry| Arc::clone(&entry.client)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;
    use crate::client::intake::Upto;
    use crate::client::plugins::Plugins;
    use crate::client::tests::{client, client_of, plugins};
    use crate::pipeline::{Busy, Step};
    use crate::plugin::flags::{FlagOrigin, FlagSet};
    use crate::record::id::ScopeId;

    #[test]
    fn a_lease_taken_when_the_drain_is_over_but_the_client_not_yet_gone_keeps_it() {
        let registry = registry(10);
        let made = client();
        let key = Key::of(made.host.clone());
        let Leased::New(client) = registry.acquire(&key, || made) else { panic!("there is none yet") };
        client.with_pipeline(|pipeline, now| pipeline.flags(Ok(&flags()), now));
        registry.release(&key, &client, Duration::from_secs(2));
        assert!(matches!(step(&client), Step::Finished));
        let Leased::Shared(again) = registry.acquire(&key, crate::client::tests::client) else {
            panic!("it is still there")
        };
        assert!(Arc::ptr_eq(&again, &client));
        assert!(!registry.retire(&key, &client), "somebody has it");
        assert!(matches!(step(&client), Step::Wait(_)), "and it goes on");
        registry.release(&key, &client, Duration::from_secs(2));
        assert!(matches!(step(&client), Step::Finished));
        assert!(registry.retire(&key, &client) && registry.clients().is_empty());
    }

    #[test]
    fn a_client_that_is_finished_is_replaced_and_its_leases_take_nothing_from_the_next() {
        let registry = registry(10);
        let key = Key::of(client().host.clone());
        let Leased::New(old) = registry.acquire(&key, client) else { panic!("there is none yet") };
        old.finish(crate::ledger::DropReason::RuntimeGone);
        let Leased::New(new) = registry.acquire(&key, client) else { panic!("the old one is finished") };
        let within = Duration::from_secs(2);
        registry.release(&key, &old, within);
        assert!(registry.release_to_close(&key, &old, Tick::ZERO), "it is over");
        assert!(registry.retire(&key, &old), "and gone");
        assert!(!new.is_finished() && matches!(step(&new), Step::Ask));
        let Leased::Shared(same) = registry.acquire(&key, client) else { panic!("it is there") };
        assert!(Arc::ptr_eq(&same, &new));
        assert!(!registry.release_to_close(&key, &new, Tick::ZERO), "the other lease of it");
        assert!(!registry.retire(&key, &new));
        assert!(registry.release_to_close(&key, &new, Tick::ZERO));
        assert!(registry.clients().is_empty());
    }

    #[test]
    fn a_client_that_fails_of_itself_keeps_nobody_waiting() {
        let client = client();
        let (mut left, mut finished) =
            (Box::pin(client.left(&Upto { records: 7, outlets: Vec::new() })), Box::pin(client.finished()));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(left.as_mut().poll(context).is_pending() && finished.as_mut().poll(context).is_pending());
        client.fail();
        assert!(left.as_mut().poll(context).is_ready() && finished.as_mut().poll(context).is_ready());
        assert!(!client.is_recording() && client.is_finished());
    }

    #[test]
    fn at_the_limit_a_client_that_is_finished_makes_room_and_a_living_one_does_not() {
        let plugins = Arc::new(plugins());
        let registry = Registry::new(2, Arc::clone(&plugins.ended_early));
        let acquire = |number| acquire(&registry, &plugins, number);
        let Leased::New(first) = acquire(1) else { panic!("there is room") };
        let Leased::New(_second) = acquire(2) else { panic!("there is room") };
        assert!(matches!(acquire(3), Leased::Full));
        assert!(matches!(acquire(2), Leased::Shared(_)), "one that is there is shared all the same");
        first.finish(crate::ledger::DropReason::RuntimeGone);
        assert!(matches!(acquire(3), Leased::New(_)));
        assert_eq!(registry.clients().len(), 2);
    }

    #[test]
    fn who_is_refused_for_want_of_room_looks_through_all_clients_only_when_one_has_ended_of_itself() {
        let plugins = Arc::new(plugins());
        let registry = Registry::new(4, Arc::clone(&plugins.ended_early));
        let acquire = |number| acquire(&registry, &plugins, number);
        let looks = || lock(&registry.entries).looks;
        let refused = || (100..200).all(|number| matches!(acquire(number), Leased::Full));
        let clients: Vec<_> = (0..4).map(acquire).collect();
        assert!(refused() && looks() == 0);
        let [Leased::New(first), Leased::New(second), ..] = &clients[..] else { panic!("there is room") };
        first.fail();
        assert!(matches!(acquire(4), Leased::New(_)) && refused());
        assert_eq!(looks(), 1);
        // One that its close ended has left before.
        let key = key(1);
        assert!(registry.release_to_close(&key, second, Tick::ZERO));
        second.finish(crate::ledger::DropReason::Closed);
        assert!(matches!(acquire(5), Leased::New(_)) && refused());
        assert_eq!(looks(), 1);
    }

    fn registry(limit: usize) -> Registry {
        Registry::new(limit, Arc::default())
    }

    fn key(number: u64) -> Key {
        Key { scope: Some(ScopeId::new(number)), ..Key::of(client().host.clone()) }
    }

    fn acquire(registry: &Registry, plugins: &Arc<Plugins>, number: u64) -> Leased {
        registry.acquire(&key(number), || client_of(Arc::clone(plugins)))
    }

    fn step(client: &Client) -> Step {
        client.step(Busy::default(), &mut 1)
    }

    fn flags() -> FlagSet {
        FlagSet::new(
            [("flag".to_owned(), "true".to_owned())].into(),
            FlagOrigin::Fetched,
            Duration::from_secs(900),
        )
    }
}
