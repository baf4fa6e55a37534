//! What came and isn't read yet, within a bound; and the thread that reads it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::arrival::{Arrival, Books, Line};
use crate::reading::{Envelope, MAX_RECORDS, Record};
use crate::store::Store;

/// Bytes that may wait to be read. What comes from the network past that is missed, and counted.
const MAX_WAITING: usize = 32 * 1024 * 1024;

/// About what a map takes for an entry, in bytes.
const REASON: usize = 64;

/// Records, and bytes of them, that are read before the page may have a look again. What is made of a record
/// may take many times its size.
const AT_ONCE: usize = 100;
const BYTES_AT_ONCE: usize = 256 * 1024;

/// What can come.
#[derive(Debug)]
pub(crate) enum Item {
    Request(Arrival),
    Books(Books),
    /// So many lines of a file that are neither.
    Strange(u64),
    /// A request to a path that has nothing to do with telemetry.
    Other,
    /// A request for a host that isn't this machine, by its name, if that is one.
    OtherHost(Option<String>),
    /// So many files, or requests, that were missed.
    Missed(u64),
    /// So many requests that couldn't be kept.
    NotKept(u64),
}

impl From<Line> for Item {
    fn from(line: Line) -> Item {
        match line {
            Line::Request(arrival) => Item::Request(arrival),
            Line::Books(books) => Item::Books(books),
            Line::Unreadable => Item::Strange(1),
        }
    }
}

impl Item {
    fn cost(&self) -> usize {
        let more = match self {
            Item::Request(Arrival { method, host, path, body, .. }) => {
                method.len() + host.len() + path.len() + body.len()
            }
            Item::Books(Books { driver, dropped, .. }) => {
                driver.len() + dropped.keys().map(|reason| reason.len() + REASON).sum::<usize>()
            }
            Item::OtherHost(name) => name.as_ref().map_or(0, String::len),
            Item::Strange(_) | Item::Other | Item::Missed(_) | Item::NotKept(_) => 0,
        };
        size_of::<Item>() + more
    }
}

/// What is shown, and a sign that it has changed.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Mutex<Store>,
    changed: watch::Sender<u64>,
}

impl Shared {
    pub(crate) fn new(store: Store) -> Arc<Shared> {
        Arc::new(Shared { store: Mutex::new(store), changed: watch::Sender::new(0) })
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Store)) {
        change(&mut self.store());
        self.changed.send_modify(|version| *version += 1);
    }

    /// Takes in what came. A request is also handed to `keep`.
    pub(crate) fn take(&self, item: Item, keep: Option<&mut Keep<'_>>) {
        match item {
            Item::Request(arrival) => self.take_request(arrival, keep),
            Item::Books(books) => self.change(|store| store.keep_books(books)),
            Item::Strange(lines) => self.change(|store| store.counts.strange_lines += lines),
            Item::Other => self.change(|store| store.counts.other_requests += 1),
            Item::OtherHost(name) => self.change(|store| store.counts.add_other_host(name.as_deref())),
            Item::NotKept(lost) => self.change(|store| store.counts.not_kept += lost),
            Item::Missed(missed) => self.change(|store| store.counts.missed += missed),
        }
    }

    fn take_request(&self, arrival: Arrival, keep: Option<&mut Keep<'_>>) {
        let mut envelope = Envelope::read(&arrival.body);
        let arrival = Arc::new(arrival);
        let mut at = 0;
        // Nobody waits for the lock while something is read, or kept.
        self.change(|store| at = store.begin(Arc::clone(&arrival), &envelope));
        envelope.records.truncate(MAX_RECORDS);
        let mut rest = envelope.records.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fit = rest.iter().take(AT_ONCE).take_while(|text| {
                let is_room = bytes < BYTES_AT_ONCE;
                bytes += text.len();
                is_room
            });
            let (texts, behind) = rest.split_at(fit.count());
            rest = behind;
            let records: Vec<_> = texts.iter().map(|text| Record::read(text)).collect();
            self.change(|store| records.iter().for_each(|record| store.add(record.as_ref())));
        }
        self.change(Store::end);
        if let Some(keep) = keep {
            keep(&Kept { at, arrival: &arrival, records: &envelope.records });
        }
    }
}

/// What a request is handed to that is to be kept.
pub(crate) type Keep<'a> = dyn FnMut(&Kept<'_>) + 'a;

/// A request with its records as they came. Who keeps them reads each anew: held as read, they may take a
/// hundred times their size.
#[derive(Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) at: i64,
    pub(crate) arrival: &'a Arrival,
    pub(crate) records: &'a [String],
}

/// What waits to be read.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    missed: u64,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds something that came from the network, which waits for nobody: if there is no room, it is missed.
    pub(crate) fn offer(&self, item: Item) {
        let mut waiting = self.lock();
        if waiting.bytes + item.cost() > MAX_WAITING {
            waiting.missed += 1;
        } else {
            waiting.push(item);
        }
        self.changed.notify_all();
    }

    /// Adds something that was read of a file, once there is room.
    pub(crate) fn give(&self, item: Item) {
        let mut waiting = self.lock();
        while waiting.bytes > 0 && waiting.bytes + item.cost() > MAX_WAITING {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.push(item);
        self.changed.notify_all();
    }

    /// Takes all that waits, once there is something.
    pub(crate) fn take(&self) -> Vec<Item> {
        let mut waiting = self.lock();
        while waiting.items.is_empty() && waiting.missed == 0 {
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let Waiting { items, bytes: _, missed } = std::mem::take(&mut *waiting);
        self.changed.notify_all();
        let missed = (missed > 0).then_some(Item::Missed(missed));
        items.into_iter().chain(missed).collect()
    }
}

impl Waiting {
    fn push(&mut self, item: Item) {
        self.bytes += item.cost();
        self.items.push_back(item);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::arrival::Answer;

    fn request(bytes: usize) -> Item {
        Item::Request(Arrival {
            at: None,
            method: "POST".to_owned(),
            host: String::new(),
            path: String::new(),
            authenticated: None,
            body: vec![b' '; bytes],
            answer: Answer::Written,
        })
    }

    #[test]
    fn what_has_no_room_is_missed_and_counted() {
        let queue = Queue::default();
        queue.offer(request(MAX_WAITING));
        for _ in 0..3 {
            queue.offer(request(MAX_WAITING / 2 + 1));
        }
        let taken = queue.take();
        assert!(matches!(taken[..], [Item::Request(_), Item::Missed(3)]), "{}", taken.len());
    }

    #[test]
    fn whatever_an_item_is_made_of_takes_room() {
        let long = |bytes| "x".repeat(bytes);
        let request = |change: fn(&mut Arrival)| {
            let Item::Request(mut arrival) = request(0) else { panic!() };
            change(&mut arrival);
            Item::Request(arrival)
        };
        let reasons = (0..MAX_WAITING / 100).map(|number| (number.to_string(), 1)).collect();
        for item in [
            request(|arrival| arrival.host = "x".repeat(MAX_WAITING)),
            request(|arrival| arrival.path = "x".repeat(MAX_WAITING)),
            request(|arrival| arrival.method = "x".repeat(MAX_WAITING)),
            Item::Books(Books { driver: long(MAX_WAITING), ..Books::default() }),
            Item::Books(Books { dropped: [(long(MAX_WAITING), 1)].into(), ..Books::default() }),
            Item::Books(Books { driver: long(MAX_WAITING / 2), dropped: reasons, ..Books::default() }),
            Item::OtherHost(Some(long(MAX_WAITING))),
        ] {
            let queue = Queue::default();
            queue.offer(item);
            assert!(matches!(queue.take()[..], [Item::Missed(1)]));
        }
    }

    #[test]
    fn a_file_waits_until_there_is_room() {
        let queue = Arc::new(Queue::default());
        queue.give(request(MAX_WAITING));
        let giver = Arc::clone(&queue);
        let (gives, given) = std::sync::mpsc::channel();
        let giving = std::thread::spawn(move || {
            for _ in 0..3 {
                giver.give(request(MAX_WAITING));
                gives.send(()).unwrap();
            }
        });
        for _ in 0..3 {
            // One that doesn't wait is done at once.
            assert!(given.recv_timeout(Duration::from_millis(50)).is_err());
            assert_eq!(queue.take().len(), 1);
            given.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        giving.join().unwrap();
    }

    #[test]
    fn large_and_many_records_are_all_read() {
        let shared = Shared::new(Store::new(0));
        let small = (0..250).map(|_| "{}".to_owned());
        let large = (0..5).map(|_| format!(r#"{{"x":"{}"}}"#, "x".repeat(BYTES_AT_ONCE)));
        let records: Vec<String> = small.clone().chain(large).chain(small).collect();
        let body = serde_json::json!({"uploadTime": 1, "protoLogs": records}).to_string().into_bytes();
        let Item::Request(arrival) = request(0) else { panic!() };
        shared.take(Item::Request(Arrival { body, ..arrival }), None);
        assert_eq!(shared.store().counts.records, 505);
        assert_eq!(shared.store().len(), 1);
    }

    #[test]
    fn every_change_is_told() {
        let shared = Shared::new(Store::new(0));
        let changes = shared.changes();
        shared.take(Item::Books(Books::default()), None);
        assert!(changes.has_changed().unwrap());
        let mut kept = Vec::new();
        let body = br#"{"uploadTime":1,"items":[],"protoLogs":["{}","x"]}"#.to_vec();
        let Item::Request(arrival) = request(0) else { panic!() };
        let request = Item::Request(Arrival { body, ..arrival });
        shared.take(request, Some(&mut |request| kept.push(request.records.to_vec())));
        assert_eq!(kept, [["{}", "x"]]);
        assert_eq!(shared.store().counts.unreadable, 1);
    }
}
