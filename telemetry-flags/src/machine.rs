//! The cache without its waiting: who is answered, who asks, who waits.

use std::collections::HashMap;
use std::time::Duration;

use telemetry_core::plugin::{FlagOrigin, FlagSet, PluginError, Tick};
use telemetry_core::{Fault, Host};

/// The shortest time until a host that could not be asked is asked again.
pub(crate) const MIN_RETRY: Duration = Duration::from_secs(1);
/// The longest, and the longest that a `Retry-After` can put it off.
pub(crate) const MAX_RETRY: Duration = Duration::from_secs(900);
/// How long an old value is given out while another caller is asking for a new one.
const WHILE_ASKING: Duration = Duration::from_secs(10);
/// How many askings in a row may be given up by those who ask, as a connection does that ends meanwhile,
/// before that counts as a failure of the host.
const IN_VAIN: u32 = 3;
/// How long a value is kept that isn't fresh any more, to be given out where the host can't be asked.
const KEPT_STALE: Duration = Duration::from_secs(3600);
/// How long an asking may take. After it, it counts as lost, and another asks.
const LOST: Duration = Duration::from_secs(30);

/// Flags belong to a workspace of a host, and to the driver that asks it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) host: Host,
    pub(crate) workspace: Option<i64>,
    pub(crate) client: String,
    pub(crate) version: String,
}

/// What to do with a question.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// Answer it.
    Answer(Result<FlagSet, PluginError>),
    /// Ask the host, and say of this asking how it went, or that it was given up.
    Fetch(u64),
    /// Wait until another caller's question is answered, and look again.
    Wait,
}

#[derive(Debug, Default)]
struct Entry {
    /// What was said last, and until when it is fresh.
    known: Option<(FlagSet, Tick)>,
    /// The asking that is out, and when it counts as lost.
    asking: Option<(u64, Tick)>,
    /// The asking that what is known came of. What an earlier one brings after it is out of date.
    answered: u64,
    /// Nobody asks before then, because of this.
    failed: Option<(PluginError, Tick)>,
    /// How many askings were given up since the host answered or failed.
    in_vain: u32,
    looked: u64,
}

#[derive(Debug)]
pub(crate) struct Machine {
    entries: HashMap<Key, Entry>,
    looks: u64,
    capacity: usize,
    retry: Duration,
}

impl Machine {
    pub(crate) fn new(capacity: usize, retry: Duration) -> Self {
        Machine { entries: HashMap::new(), looks: 0, capacity, retry }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn look(&mut self, key: &Key, now: Tick) -> Lookup {
        self.looks += 1;
        if !self.entries.contains_key(key) {
            self.make_room(now);
            self.entries.insert(key.clone(), Entry::default());
        }
        let Some(entry) = self.entries.get_mut(key) else { return Lookup::Fetch(self.looks) };
        entry.looked = self.looks;
        if let Some((known, until)) = entry.known.as_ref().filter(|(_, until)| now < *until) {
            return Lookup::Answer(Ok(known.given_out_as(FlagOrigin::Cached, *until - now)));
        }
        let stale = |wait| entry.known.as_ref().map(|(known, _)| known.given_out_as(FlagOrigin::Stale, wait));
        if entry.is_asked_for(now) {
            return stale(WHILE_ASKING).map_or(Lookup::Wait, |known| Lookup::Answer(Ok(known)));
        }
        if let Some((failure, until)) = entry.failed.filter(|(_, until)| now < *until) {
            let failure = failure.with_retry_after(Some(until - now));
            return Lookup::Answer(stale(until - now).ok_or(failure));
        }
        entry.asking = Some((self.looks, now + LOST));
        Lookup::Fetch(self.looks)
    }

    /// The host was asked, at `now`. What the asker is to be told; `None` when more recent flags are known:
    /// then it looks again.
    pub(crate) fn asked(
        &mut self,
        key: &Key,
        asking: u64,
        answer: Result<FlagSet, PluginError>,
        now: Tick,
    ) -> Option<Result<FlagSet, PluginError>> {
        let Some(entry) = self.entries.get_mut(key) else { return Some(answer) };
        entry.end(asking);
        if asking < entry.answered {
            return None;
        }
        // Who has no credentials yet never reached it.
        if !matches!(&answer, Err(failure) if failure.fault == Fault::Authentication) {
            entry.in_vain = 0;
        }
        Some(match answer {
            Ok(flags) => {
                entry.answered = asking;
                entry.known = Some((flags.clone(), now + flags.fresh_for));
                entry.failed = None;
                Ok(flags)
            }
            Err(failure) => {
                let wait = failure.retry_after.unwrap_or_default().clamp(self.retry, MAX_RETRY);
                // A refusal of one caller's credentials says nothing to the others, who ask with their own.
                if !concerns_the_caller_alone(failure.fault) {
                    entry.failed = Some((failure, now + wait));
                }
                entry
                    .known
                    .as_ref()
                    .map(|(known, _)| known.given_out_as(FlagOrigin::Stale, wait))
                    .ok_or(failure)
            }
        })
    }

    /// The asker, who asked at `now`, went away without an answer. One alone may have been in a hurry;
    /// several in a row have waited for a host that hangs, and the next is not to.
    pub(crate) fn given_up(&mut self, key: &Key, asking: u64, now: Tick) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.end(asking);
        if asking < entry.answered {
            return;
        }
        entry.in_vain += 1;
        if entry.in_vain >= IN_VAIN && entry.failed.is_none_or(|(_, until)| until < now + self.retry) {
            entry.failed = Some((PluginError::new(Fault::Timeout), now + self.retry));
            entry.in_vain = 0;
        }
    }

    /// Forgets what says nothing any more, and at the capacity what says least: what isn't fresh before what
    /// is, and of these what was looked for least recently.
    fn make_room(&mut self, now: Tick) {
        self.entries.retain(|_, entry| entry.says_something(now));
        if self.entries.len() < self.capacity {
            return;
        }
        let fresh = |entry: &Entry| entry.known.as_ref().is_some_and(|(_, until)| now < *until);
        let least = self
            .entries
            .iter()
            .min_by_key(|(_, entry)| (entry.is_asked_for(now), fresh(entry), entry.looked))
            .map(|(key, _)| key.clone());
        if let Some(key) = least {
            self.entries.remove(&key);
        }
    }
}

impl Entry {
    /// Whether it may still be given out, or keeps others from asking.
    fn says_something(&self, now: Tick) -> bool {
        let known = self.known.as_ref().is_some_and(|(_, until)| now < *until + KEPT_STALE);
        let failed = self.failed.is_some_and(|(_, until)| now < until);
        known || failed || self.is_asked_for(now) || self.in_vain > 0
    }

    fn is_asked_for(&self, now: Tick) -> bool {
        self.asking.is_some_and(|(_, lost_at)| now < lost_at)
    }

    /// Ends this asking, and none that took over from it.
    fn end(&mut self, asking: u64) {
        self.asking = self.asking.filter(|(out, _)| *out != asking);
    }
}

pub(crate) fn concerns_the_caller_alone(fault: Fault) -> bool {
    matches!(fault, Fault::Status(401 | 403) | Fault::Authentication)
}

#[cfg(test)]
mod tests;
