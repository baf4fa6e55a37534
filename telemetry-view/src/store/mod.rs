//! What is held, within a bound in bytes, and what is counted of all that ever came.

pub(crate) mod counts;
pub(crate) mod fields;
pub(crate) mod statements;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use serde::Serialize;

use crate::arrival::{Answer, Arrival, Books, MAX_REASONS, now};
use crate::reading::{Envelope, MAX_RECORDS, Record};
use crate::text::cut;
use counts::Counts;
use fields::Fields;
use statements::{Statements, contains};

/// The least that a store may be bound to: whatever one request is made of has room in it.
pub(crate) const LEAST_BYTES: usize = 32 * 1024 * 1024;

/// Drivers whose books are kept.
const MAX_BOOKS: usize = 20;

/// Characters of a name.
const MAX_NAME: usize = 200;

/// A request in a file may say that it was made so much later than now, in milliseconds.
const MAX_AHEAD: i64 = 24 * 60 * 60 * 1000;

/// A request that is held.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) number: u64,
    /// When it came, in milliseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) arrival: Arc<Arrival>,
    pub(crate) records: u64,
    /// Of those, how many had come before.
    pub(crate) again: u64,
    pub(crate) unreadable: u64,
    pub(crate) left_out: u64,
    /// Whether its body is no envelope.
    pub(crate) broken: bool,
    /// Of its records' ids, the hashes that are told apart by them.
    ids: Vec<u64>,
}

impl Held {
    fn cost(&self) -> usize {
        let Arrival { method, host, path, body, .. } = &*self.arrival;
        // An id is in a table as well, which is at its worst half full.
        size_of::<Held>() + method.len() + host.len() + path.len() + body.len() + self.ids.len() * 40
    }
}

/// A line of the list of requests.
#[derive(Debug, Serialize)]
pub(crate) struct RequestLine<'a> {
    pub(crate) number: u64,
    pub(crate) at: i64,
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) authenticated: Option<bool>,
    pub(crate) bytes: usize,
    pub(crate) records: u64,
    pub(crate) again: u64,
    pub(crate) unreadable: u64,
    pub(crate) left_out: u64,
    pub(crate) broken: bool,
    pub(crate) answer: String,
}

/// Some lines of all.
#[derive(Debug, Serialize)]
pub(crate) struct RequestPage<'a> {
    pub(crate) total: usize,
    pub(crate) latest: u64,
    pub(crate) lines: Vec<RequestLine<'a>>,
}

/// All that is known.
#[derive(Debug)]
pub(crate) struct Store {
    limit: usize,
    held: usize,
    requests: VecDeque<Held>,
    next: u64,
    ids: HashSet<u64>,
    hasher: RandomState,
    pub(crate) statements: Statements,
    pub(crate) counts: Counts,
    pub(crate) fields: Fields,
    pub(crate) books: BTreeMap<String, Books>,
}

impl Store {
    /// Holds so many bytes at the most: bodies, what was read of them, and what tells records apart. Fields,
    /// counts and books have bounds of their own, and take at most 8 MiB together.
    pub(crate) fn new(limit: usize) -> Store {
        Store {
            limit: limit.max(LEAST_BYTES),
            held: 0,
            requests: VecDeque::new(),
            next: 0,
            ids: HashSet::new(),
            hasher: RandomState::new(),
            statements: Statements::default(),
            counts: Counts::default(),
            fields: Fields::default(),
            books: BTreeMap::new(),
        }
    }

    /// Begins with a request, and says when it came. Its records follow by [`add`](Self::add), and then
    /// [`end`](Self::end).
    pub(crate) fn begin(&mut self, arrival: Arc<Arrival>, envelope: &Envelope) -> i64 {
        let number = self.next;
        self.next += 1;
        let latest = now();
        let said = envelope.uploaded.filter(|at| *at <= latest.saturating_add(MAX_AHEAD));
        let at = arrival.at.or(said).unwrap_or(latest);
        let is_for_flags = arrival.method == "GET";
        let counts = &mut self.counts;
        counts.requests += 1;
        counts.bytes += arrival.body.len() as u64;
        counts.flag_requests += u64::from(is_for_flags);
        counts.broken += u64::from(envelope.is_broken && !is_for_flags);
        counts.authenticated += u64::from(arrival.authenticated == Some(true));
        counts.paths.add(if arrival.path.is_empty() { "(not said)" } else { &arrival.path });
        counts.answers.add(&arrival.answer.words());
        counts.second(at).requests += 1;
        if !envelope.is_broken {
            self.fields.add_envelope(envelope.uploaded, envelope.records.len());
        }
        let left_out = envelope.records.len().saturating_sub(MAX_RECORDS) as u64;
        counts.left_out += left_out;
        let request = Held {
            number,
            at,
            arrival,
            records: 0,
            again: 0,
            unreadable: 0,
            left_out,
            broken: envelope.is_broken && !is_for_flags,
            ids: Vec::new(),
        };
        self.held += request.cost();
        self.requests.push_back(request);
        at
    }

    /// Takes in a record of the request that began last.
    pub(crate) fn add(&mut self, record: Option<&Record>) {
        let Some(request) = self.requests.back_mut() else { return };
        let Some(record) = record else {
            request.unreadable += 1;
            self.counts.unreadable += 1;
            return;
        };
        request.records += 1;
        if let Some(id) = &record.frontend.frontend_log_event_id {
            let id = self.hasher.hash_one(id);
            if !self.ids.insert(id) {
                request.again += 1;
                self.counts.again += 1;
                return;
            }
            let before = request.cost();
            request.ids.push(id);
            self.held += request.cost() - before;
        }
        self.counts.add(request.at, record);
        self.fields.add(&record.value);
        self.statements.add(request.number, record);
    }

    /// Ends a request: what is over the bound goes, the oldest first.
    pub(crate) fn end(&mut self) {
        while self.bytes() > self.limit
            && let Some(oldest) = self.requests.pop_front()
        {
            self.held = self.held.saturating_sub(oldest.cost());
            for id in &oldest.ids {
                self.ids.remove(id);
            }
            self.statements.forget(oldest.number);
            self.counts.forgotten += 1;
        }
    }

    /// Takes in a whole request.
    pub(crate) fn take(&mut self, arrival: Arrival) {
        let envelope = Envelope::read(&arrival.body);
        self.begin(Arc::new(arrival), &envelope);
        for text in envelope.records.iter().take(MAX_RECORDS) {
            self.add(Record::read(text).as_ref());
        }
        self.end();
    }

    /// Takes in a driver's books, in the place of those that it gave before.
    pub(crate) fn keep_books(&mut self, mut books: Books) {
        books.driver.truncate(cut(&books.driver, MAX_NAME).len());
        let dropped = std::mem::take(&mut books.dropped).into_iter().take(MAX_REASONS);
        books.dropped = dropped.map(|(reason, count)| (cut(&reason, MAX_NAME).to_owned(), count)).collect();
        if self.books.len() < MAX_BOOKS || self.books.contains_key(&books.driver) {
            self.books.insert(books.driver.clone(), books);
        }
    }

    /// About how many bytes are held, of those that the bound is for.
    pub(crate) fn bytes(&self) -> usize {
        self.held + self.statements.held
    }

    /// The bound.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The request of a number, if it is still held.
    pub(crate) fn request(&self, number: u64) -> Option<&Held> {
        let first = self.requests.front()?.number;
        self.requests.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// How many requests are held.
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// The latest requests first, of those up to a number whose path, host or answer has `wanted` in it.
    pub(crate) fn requests(&self, wanted: &str, upto: u64, from: usize, count: usize) -> RequestPage<'_> {
        let until = self.requests.partition_point(|request| request.number <= upto);
        let mut page = RequestPage { total: 0, latest: 0, lines: Vec::new() };
        for held in self.requests.range(..until).rev() {
            let line = || held.line();
            let Arrival { method, host, path, .. } = &*held.arrival;
            if ![method, host, path, &held.arrival.answer.words()]
                .into_iter()
                .any(|text| contains(text, wanted))
            {
                continue;
            }
            if page.total >= from && page.lines.len() < count {
                page.lines.push(line());
            }
            page.total += 1;
            page.latest = page.latest.max(held.number);
        }
        page
    }
}

impl Held {
    pub(crate) fn line(&self) -> RequestLine<'_> {
        let Arrival { method, host, path, authenticated, body, answer, .. } = &*self.arrival;
        RequestLine {
            number: self.number,
            at: self.at,
            method: cut(method, MAX_NAME),
            host: cut(host, MAX_NAME),
            path: cut(path, 4 * MAX_NAME),
            authenticated: *authenticated,
            bytes: body.len(),
            records: self.records,
            again: self.again,
            unreadable: self.unreadable,
            left_out: self.left_out,
            broken: self.broken,
            answer: Answer::words(*answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::statements::Which;
    use super::*;

    fn arrival(body: impl Into<Vec<u8>>) -> Arrival {
        Arrival {
            at: Some(1_000_000),
            method: "POST".to_owned(),
            host: "h".to_owned(),
            path: "/telemetry-ext".to_owned(),
            authenticated: Some(true),
            body: body.into(),
            answer: Answer::Status(200),
        }
    }

    fn record(id: u64, text: &str) -> String {
        json!({"frontend_log_event_id": format!("e{id}"), "entry": {"sql_driver_log": {
            "sql_statement_id": format!("s{id}"), "operation_latency_ms": 7, "auth_type": text,
            "sql_operation": {"operation_detail": {"operation_type": "EXECUTE_STATEMENT"}}}}})
        .to_string()
    }

    fn body(records: &[String]) -> String {
        json!({"uploadTime": 5, "items": [], "protoLogs": records}).to_string()
    }

    #[test]
    fn a_request_is_counted_and_read() {
        let mut store = Store::new(0);
        store.take(arrival(body(&[record(1, ""), record(2, ""), "no record".to_owned()])));
        store.take(arrival("no envelope"));
        let counts = &store.counts;
        assert_eq!((counts.requests, counts.records, counts.statements), (2, 2, 2));
        assert_eq!((counts.unreadable, counts.broken), (1, 1));
        let page = store.requests("", u64::MAX, 0, 9);
        assert_eq!((page.total, page.latest, page.lines[1].records), (2, 1, 2));
        assert!(page.lines[0].broken);
        assert_eq!(store.requests("EXT", u64::MAX, 0, 9).total, 2);
        assert_eq!(store.requests("503", u64::MAX, 0, 9).total, 0);
    }

    #[test]
    fn a_record_that_is_sent_again_is_counted_as_that() {
        let mut store = Store::new(0);
        for _ in 0..3 {
            store.take(arrival(body(&[record(1, "")])));
        }
        assert_eq!((store.counts.records, store.counts.again, store.statements.len()), (1, 2, 1));
    }

    #[test]
    fn the_bound_holds_and_the_oldest_go_first() {
        let mut store = Store::new(LEAST_BYTES);
        let text = "x".repeat(10_000);
        for request in 0..60_u64 {
            let records: Vec<_> = (0..100).map(|place| record(request * 100 + place, &text)).collect();
            store.take(arrival(body(&records)));
            assert!(store.bytes() <= LEAST_BYTES, "{}", store.bytes());
        }
        assert!(store.counts.forgotten > 20 && store.request(0).is_none() && store.request(59).is_some());
        assert_eq!(store.counts.records, 6000);
        // What went with them is as much as what came with them.
        assert_eq!(store.ids.len(), store.len() * 100);
        assert_eq!(store.statements.len(), store.len() * 100);
        let costs: usize = store.requests.iter().map(Held::cost).sum();
        assert_eq!(store.held, costs);
    }

    #[test]
    fn of_one_request_no_more_is_read_than_has_room() {
        let mut store = Store::new(LEAST_BYTES);
        let records: Vec<_> = (0..MAX_RECORDS as u64 + 5).map(|id| record(id, "")).collect();
        store.take(arrival(body(&records)));
        assert_eq!((store.len(), store.counts.left_out, store.counts.records), (1, 5, MAX_RECORDS as u64));
        assert!(store.bytes() <= LEAST_BYTES);
    }

    #[test]
    fn a_file_that_lies_about_its_time_is_shown_as_of_now() {
        let mut store = Store::new(0);
        let body = json!({"uploadTime": i64::MAX, "protoLogs": []}).to_string();
        store.take(Arrival { at: None, ..arrival(body) });
        assert!(store.request(0).unwrap().at <= now());
    }

    #[test]
    fn books_are_bounded() {
        let mut store = Store::new(0);
        let long = |number: usize| format!("{number}{}", "ü".repeat(1000));
        for driver in 0..100 {
            let dropped = (0..100).map(|reason| (long(reason), 1)).collect();
            store.keep_books(Books { driver: long(driver), made: 100, dropped, ..Books::default() });
        }
        assert_eq!(store.books.len(), MAX_BOOKS);
        for (driver, books) in &store.books {
            assert!(driver.chars().count() <= MAX_NAME && books.dropped.len() == MAX_REASONS);
            // Books of which a part is left out don't pass for whole ones.
            assert!(!books.balance());
        }
    }

    #[test]
    fn filters_and_places_are_held_to_what_is_there() {
        let mut store = Store::new(0);
        store.take(arrival(body(&[record(1, "")])));
        assert!(store.requests("", u64::MAX, usize::MAX, usize::MAX).lines.is_empty());
        assert!(store.statements.page(Which::All, "", 0, usize::MAX, 1).lines.is_empty());
        assert!(store.request(u64::MAX).is_none());
    }
}
