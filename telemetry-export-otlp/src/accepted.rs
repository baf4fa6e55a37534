//! Which parts of records were accepted in an attempt that failed, so that the next one doesn't repeat them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telemetry_core::record::{EventId, Record};

use crate::config::Signal;
use crate::map::{Wanted, makes};

/// For how many records it is known. Beyond that it is forgotten of the oldest, whose parts are then sent
/// again.
pub(crate) const MAX_KNOWN: usize = 4096;

/// What has become of one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parts {
    traces: bool,
    logs: bool,
    /// Whether it is taken to be among what was rejected.
    rejected: bool,
}

impl Parts {
    /// Whether a signal was taken; `None` for one that isn't remembered.
    fn taken(&mut self, signal: Signal) -> Option<&mut bool> {
        match signal {
            Signal::Traces => Some(&mut self.traces),
            Signal::Logs => Some(&mut self.logs),
            // The last: once it was taken, nothing is left of the batch.
            Signal::Metrics => None,
        }
    }
}

/// What has become of the records of a batch.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    records: &'a [Arc<Record>],
    parts: Vec<Parts>,
}

impl<'a> Progress<'a> {
    /// The records, and what is still to be made of each.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (&'a Record, Wanted)> {
        self.records.iter().zip(&self.parts).map(|(record, parts)| {
            (&**record, Wanted { traces: !parts.traces, logs: !parts.logs, metrics: true })
        })
    }

    /// A signal was taken, but for so many of its items. Which of them isn't said: as many records as there
    /// were items count as rejected, and none twice, so that no more are vouched for than were taken.
    pub(crate) fn taken(&mut self, signal: Signal, mut rejected: u64) {
        for (record, parts) in self.records.iter().zip(&mut self.parts) {
            let before = *parts;
            let Some(taken) = parts.taken(signal) else { return };
            let sent = !std::mem::replace(taken, true) && makes(record, signal);
            if sent && !before.rejected && rejected > 0 {
                parts.rejected = true;
                rejected -= 1;
            }
        }
    }

    /// How many records all parts of were taken.
    pub(crate) fn accepted(&self) -> usize {
        self.parts.iter().filter(|parts| !parts.rejected).count()
    }
}

/// What is known of batches that are to come again.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    parts: HashMap<EventId, Parts>,
    /// In the order in which they came. May hold some that are known no more.
    order: VecDeque<EventId>,
}

impl Accepted {
    /// What has become of these records so far.
    pub(crate) fn progress<'a>(&self, records: &'a [Arc<Record>]) -> Progress<'a> {
        let known = self.lock();
        let parts = |record: &Arc<Record>| known.parts.get(&record.id).copied().unwrap_or_default();
        Progress { records, parts: records.iter().map(parts).collect() }
    }

    /// Keeps what has become of a batch, as it may come again.
    pub(crate) fn keep(&self, progress: &Progress<'_>) {
        let Known { parts, order } = &mut *self.lock();
        for (record, become_of) in progress.records.iter().zip(&progress.parts) {
            if parts.insert(record.id, *become_of).is_none() {
                order.push_back(record.id);
            }
        }
        while order.len() > MAX_KNOWN {
            if let Some(oldest) = order.pop_front() {
                parts.remove(&oldest);
            }
        }
    }

    /// Forgets a batch that doesn't come again.
    pub(crate) fn forget(&self, records: &[Arc<Record>]) {
        let Known { parts, order } = &mut *self.lock();
        if parts.is_empty() {
            return;
        }
        for record in records {
            parts.remove(&record.id);
        }
        if parts.is_empty() {
            order.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
