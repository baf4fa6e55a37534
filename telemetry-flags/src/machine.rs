//! The cache without its waiting: who is answered, who asks, who waits.

use std::collections::HashMap;
use std::time::Duration;

use telemetry_core::{Failure, Fault, FlagOrigin, FlagSet, Host, Tick};

/// How long until a host that could not be asked is asked again.
const RETRY: Duration = Duration::from_secs(60);
/// The longest that a `Retry-After` can put that off.
const MAX_RETRY: Duration = Duration::from_secs(900);
/// How long an old value is given out while somebody else is asking for a new one.
const WHILE_ASKING: Duration = Duration::from_secs(10);

/// Flags belong to a host, and to the driver that asks it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) host: Host,
    pub(crate) client: String,
    pub(crate) version: String,
}

/// What to do with a question.
#[derive(Debug)]
pub(crate) enum Look {
    /// Answer it.
    Answer(Result<FlagSet, Failure>),
    /// Ask the host, and say how that went, or that it was given up.
    Ask,
    /// Wait until somebody else's asking is over, and look again.
    Wait,
}

#[derive(Debug, Default)]
struct Entry {
    known: Option<FlagSet>,
    asking: bool,
    /// Nobody asks before then, because of this.
    failed: Option<(Failure, Tick)>,
    looked: u64,
}

#[derive(Debug)]
pub(crate) struct Machine {
    entries: HashMap<Key, Entry>,
    looks: u64,
    capacity: usize,
}

impl Machine {
    pub(crate) fn new(capacity: usize) -> Self {
        Machine { entries: HashMap::new(), looks: 0, capacity: capacity.max(1) }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn look(&mut self, key: &Key, now: Tick) -> Look {
        self.looks += 1;
        if !self.entries.contains_key(key) {
            self.make_room(now);
            self.entries.insert(key.clone(), Entry::default());
        }
        let Some(entry) = self.entries.get_mut(key) else { return Look::Ask };
        entry.looked = self.looks;
        if let Some(known) = entry.known.as_ref().filter(|known| now < known.fresh_until) {
            return Look::Answer(Ok(known.given_out_as(FlagOrigin::Cached, known.fresh_until)));
        }
        let stale = |until| entry.known.as_ref().map(|known| known.given_out_as(FlagOrigin::Stale, until));
        if entry.asking {
            return stale(now + WHILE_ASKING).map_or(Look::Wait, |known| Look::Answer(Ok(known)));
        }
        if let Some((failure, until)) = entry.failed.filter(|(_, until)| now < *until) {
            let failure = failure.with_retry_after(Some(until - now));
            return Look::Answer(stale(until).ok_or(failure));
        }
        entry.asking = true;
        Look::Ask
    }

    /// The host was asked. What the asker is to be told.
    pub(crate) fn asked(
        &mut self,
        key: &Key,
        answer: Result<FlagSet, Failure>,
        now: Tick,
    ) -> Result<FlagSet, Failure> {
        let Some(entry) = self.entries.get_mut(key) else { return answer };
        entry.asking = false;
        match answer {
            Ok(flags) => {
                entry.known = Some(flags.clone());
                entry.failed = None;
                Ok(flags)
            }
            Err(failure) => {
                let wait = failure.retry_after.unwrap_or_default().clamp(RETRY, MAX_RETRY);
                // A refusal of one caller's credentials says nothing to the others, who ask with their own.
                if !concerns_the_caller_alone(failure.fault) {
                    entry.failed = Some((failure, now + wait));
                }
                entry
                    .known
                    .as_ref()
                    .map(|known| known.given_out_as(FlagOrigin::Stale, now + wait))
                    .ok_or(failure)
            }
        }
    }

    /// The asker went away without an answer.
    pub(crate) fn given_up(&mut self, key: &Key) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.asking = false;
        }
    }

    /// At the capacity, forgets what says least: what isn't fresh before what is, and of these what was looked for least
    /// recently.
    fn make_room(&mut self, now: Tick) {
        if self.entries.len() < self.capacity {
            return;
        }
        let fresh = |entry: &Entry| entry.known.as_ref().is_some_and(|known| now < known.fresh_until);
        let least = self
            .entries
            .iter()
            .min_by_key(|(_, entry)| (entry.asking, fresh(entry), entry.looked))
            .map(|(key, _)| key.clone());
        if let Some(key) = least {
            self.entries.remove(&key);
        }
    }
}

fn concerns_the_caller_alone(fault: Fault) -> bool {
    matches!(fault, Fault::Status(401 | 403) | Fault::Authentication)
}

#[cfg(test)]
mod tests;
