//! A statement is one line, whatever records it came in.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use crate::reading::{Record, name};
use crate::text::cut;

/// Errors that are kept with a line; more are counted.
const MAX_ERRORS: usize = 20;

/// Characters of an error's text that are kept with a line.
const MAX_TEXT: usize = 2048;

/// Characters of any other text.
const MAX_NAME: usize = 256;

/// A statement, or a call that belongs to none.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Statement {
    /// Its number, by the order of coming.
    pub(crate) number: u64,
    /// The request that it came with first.
    pub(crate) request: u64,
    /// When it ended, by the driver's clock, in milliseconds since the epoch.
    pub(crate) at: Option<i64>,
    pub(crate) id: String,
    pub(crate) session: String,
    pub(crate) driver: String,
    /// The driver's call: `EXECUTE_STATEMENT`, where the driver names it.
    pub(crate) operation: String,
    /// What the statement is for.
    pub(crate) kind: String,
    /// How the result came.
    pub(crate) result: String,
    /// Whether it is a statement, and not another call.
    pub(crate) is_statement: bool,
    /// All in milliseconds.
    pub(crate) latency: Option<i64>,
    /// Time spent on asking whether it is done.
    pub(crate) queue: Option<i64>,
    pub(crate) polls: Option<i32>,
    pub(crate) ready: Option<i64>,
    pub(crate) consumed: Option<i64>,
    pub(crate) first_chunk: Option<i64>,
    pub(crate) slowest_chunk: Option<i64>,
    pub(crate) chunks: Option<i64>,
    pub(crate) chunks_there: Option<i32>,
    pub(crate) chunks_read: Option<i32>,
    pub(crate) retries: Option<i64>,
    pub(crate) errors: Vec<Failure>,
    pub(crate) error_count: u64,
    /// Other calls with its id.
    pub(crate) calls: Vec<String>,
}

/// An error, as it was sent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Which lines are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    Statements,
    WithErrors,
}

impl Statement {
    /// Takes over what a record says.
    fn take(&mut self, record: &Record) {
        let Some(log) = record.log() else { return };
        let text = |text: Option<&str>, limit| cut(text.unwrap_or_default(), limit).to_owned();
        if let Some(error) = &log.error_info {
            self.error_count += 1;
            if self.errors.len() < MAX_ERRORS {
                self.errors.push(Failure {
                    name: text(record.error_name(), MAX_NAME),
                    text: text(error.stack_trace.as_deref(), MAX_TEXT),
                });
            }
        }
        let is_error_alone = log.error_info.is_some() && log.operation_latency_ms.is_none();
        let is_statement = record.is_of_a_statement();
        if !is_statement && (self.is_statement || !self.operation.is_empty()) {
            if let Some(call) = record.operation()
                && !is_error_alone
                && self.calls.len() < MAX_ERRORS
            {
                self.calls.push(text(Some(call), MAX_NAME));
            }
            return;
        }
        if is_statement && !self.is_statement && !self.operation.is_empty() {
            // A call that came before its statement.
            let call = std::mem::take(&mut self.operation);
            self.calls.push(call);
            self.latency = None;
        }
        self.is_statement |= is_statement;
        if let Some(operation) = record.operation() {
            self.operation = text(Some(operation), MAX_NAME);
        }
        // Some drivers report a part of a statement under its id as well.
        self.latency = self.latency.max(log.operation_latency_ms);
        let Some(sql) = &log.sql_operation else { return };
        if let Some(kind) = name(sql.statement_type.as_ref()) {
            self.kind = text(Some(kind), MAX_NAME);
        }
        if let Some(result) = name(sql.execution_result.as_ref()) {
            self.result = text(Some(result), MAX_NAME);
        }
        set(&mut self.retries, sql.retry_count);
        if let Some(call) = &sql.operation_detail {
            set(&mut self.queue, call.operation_status_latency_millis);
            set(&mut self.polls, call.n_operation_status_calls);
        }
        if let Some(result) = &sql.result_latency {
            set(&mut self.ready, result.result_set_ready_latency_millis);
            set(&mut self.consumed, result.result_set_consumption_latency_millis);
        }
        if let Some(chunks) = &sql.chunk_details {
            set(&mut self.first_chunk, chunks.initial_chunk_latency_millis);
            set(&mut self.slowest_chunk, chunks.slowest_chunk_latency_millis);
            set(&mut self.chunks, chunks.sum_chunks_download_time_millis);
            set(&mut self.chunks_there, chunks.total_chunks_present);
            set(&mut self.chunks_read, chunks.total_chunks_iterated);
        }
    }

    /// About what it takes, in bytes.
    fn cost(&self) -> usize {
        let texts =
            [&self.id, &self.id, &self.session, &self.driver, &self.operation, &self.kind, &self.result];
        let errors = self.errors.iter().map(|error| error.name.len() + error.text.len() + 48);
        let calls = self.calls.iter().map(|call| call.len() + 24);
        size_of::<Statement>()
            + texts.into_iter().map(String::len).chain(errors).chain(calls).sum::<usize>()
            + 64
    }

    fn is(&self, which: Which) -> bool {
        match which {
            Which::All => true,
            Which::Statements => self.is_statement,
            Which::WithErrors => self.error_count > 0,
        }
    }

    /// Whether any of its texts has this in it, in small letters.
    fn has(&self, wanted: &str) -> bool {
        let texts = [&self.id, &self.session, &self.driver, &self.operation, &self.kind, &self.result];
        let errors = self.errors.iter().flat_map(|error| [&error.name, &error.text]);
        texts.into_iter().chain(errors).chain(&self.calls).any(|text| contains(text, wanted))
    }
}

fn set<T: Copy>(to: &mut Option<T>, value: Option<T>) {
    *to = value.or(*to);
}

/// Whether a text has this in it; letters of ASCII in either case.
pub(crate) fn contains(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    wanted.is_empty() || text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
}

/// The lines, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    lines: VecDeque<Statement>,
    by_id: HashMap<String, u64>,
    next: u64,
    /// About what they take, in bytes.
    pub(crate) held: usize,
}

impl Statements {
    /// Takes a record in, into the line of its statement if there is one.
    pub(crate) fn add(&mut self, request: u64, record: &Record) {
        let Some(log) = record.log() else { return };
        let id = cut(log.sql_statement_id.as_deref().unwrap_or_default(), MAX_NAME);
        let session = cut(log.session_id.as_deref().unwrap_or_default(), MAX_NAME);
        if let Some(line) = self.by_id.get(id).and_then(|number| place(&self.lines, *number))
            && let Some(line) = self.lines.get_mut(line)
            && line.session == session
        {
            let before = line.cost();
            line.take(record);
            self.held = (self.held + line.cost()).saturating_sub(before);
            return;
        }
        let mut line = Statement {
            number: self.next,
            request,
            at: record.frontend.timestamp_millis(),
            id: id.to_owned(),
            session: session.to_owned(),
            driver: cut(&record.driver().unwrap_or_default(), MAX_NAME).to_owned(),
            ..Statement::default()
        };
        line.take(record);
        self.next += 1;
        self.held += line.cost();
        if !id.is_empty() {
            self.by_id.insert(id.to_owned(), line.number);
        }
        self.lines.push_back(line);
    }

    /// Lets go of the lines that came first with this request, or an earlier one.
    pub(crate) fn forget(&mut self, request: u64) {
        while self.lines.front().is_some_and(|line| line.request <= request) {
            let Some(line) = self.lines.pop_front() else { break };
            self.held = self.held.saturating_sub(line.cost());
            if self.by_id.get(&line.id) == Some(&line.number) {
                self.by_id.remove(&line.id);
            }
        }
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The latest lines first, of those up to a number: how many there are in all, the highest number, the
    /// longest time in any of them, and `count` of them from the place `from` on.
    pub(crate) fn page(&self, which: Which, wanted: &str, upto: u64, from: usize, count: usize) -> Page<'_> {
        let until = self.lines.partition_point(|line| line.number <= upto);
        let mut page = Page { total: 0, latest: 0, longest: 0, lines: Vec::new() };
        for line in self.lines.range(..until).rev() {
            if !line.is(which) || !line.has(wanted) {
                continue;
            }
            if page.total >= from && page.lines.len() < count {
                page.lines.push(line);
            }
            page.total += 1;
            page.latest = page.latest.max(line.number);
            let longest = [line.latency, line.consumed, line.ready].into_iter().flatten().max();
            page.longest = page.longest.max(longest.unwrap_or(0));
        }
        page
    }
}

fn place(lines: &VecDeque<Statement>, number: u64) -> Option<usize> {
    // Numbers are given one by one, and lines go from the front alone.
    usize::try_from(number.checked_sub(lines.front()?.number)?).ok()
}

/// Some lines of all that are wanted.
#[derive(Debug, Serialize)]
pub(crate) struct Page<'a> {
    pub(crate) total: usize,
    pub(crate) latest: u64,
    pub(crate) longest: i64,
    pub(crate) lines: Vec<&'a Statement>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(log: &str) -> Record {
        Record::read(&format!(r#"{{"entry":{{"sql_driver_log":{log}}}}}"#)).unwrap()
    }

    fn executed(id: &str, ms: u32) -> Record {
        record(&format!(
            r#"{{"session_id":"s","sql_statement_id":"{id}","operation_latency_ms":{ms},"sql_operation":
               {{"statement_type":"QUERY","operation_detail":{{"operation_type":"EXECUTE_STATEMENT"}}}}}}"#
        ))
    }

    fn failed(id: &str) -> Record {
        record(&format!(
            r#"{{"session_id":"s","sql_statement_id":"{id}","error_info":{{"error_name":"E","stack_trace":"Why"}}}}"#
        ))
    }

    #[test]
    fn all_records_of_a_statement_are_one_line_in_whatever_order_they_come() {
        let closed = record(
            r#"{"session_id":"s","sql_statement_id":"1","operation_latency_ms":900,"sql_operation":
               {"operation_detail":{"operation_type":"CLOSE_STATEMENT"}}}"#,
        );
        let (executed, failed) = (executed("1", 7), failed("1"));
        for order in
            [[&executed, &failed, &closed], [&closed, &failed, &executed], [&failed, &executed, &closed]]
        {
            let mut lines = Statements::default();
            order.into_iter().for_each(|record| lines.add(0, record));
            let page = lines.page(Which::All, "", u64::MAX, 0, 9);
            assert_eq!((page.total, page.longest), (1, 7), "{:?}", page.lines);
            let line = page.lines[0];
            assert!(line.is_statement && line.error_count == 1 && line.errors[0].text == "Why");
            assert_eq!(
                (line.operation.as_str(), line.calls.as_slice()),
                ("EXECUTE_STATEMENT", &["CLOSE_STATEMENT".to_owned()][..])
            );
        }
    }

    #[test]
    fn another_session_or_no_id_is_another_line() {
        let mut lines = Statements::default();
        lines.add(0, &executed("1", 7));
        lines.add(0, &record(r#"{"session_id":"t","sql_statement_id":"1","operation_latency_ms":1}"#));
        lines.add(0, &record(r#"{"operation_latency_ms":1}"#));
        lines.add(0, &record(r#"{"operation_latency_ms":1}"#));
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn lines_are_found_by_their_kind_and_by_any_of_their_texts() {
        let mut lines = Statements::default();
        lines.add(0, &executed("first", 7));
        lines.add(0, &executed("second", 8));
        lines.add(0, &failed("second"));
        lines
            .add(0, &record(r#"{"sql_operation":{"operation_detail":{"operation_type":"CREATE_SESSION"}}}"#));
        let found = |which, wanted: &str| {
            let page = lines.page(which, wanted, u64::MAX, 0, 9);
            page.lines.iter().map(|line| line.number).collect::<Vec<_>>()
        };
        assert_eq!(found(Which::All, ""), [2, 1, 0]);
        assert_eq!(found(Which::Statements, ""), [1, 0]);
        assert_eq!(found(Which::WithErrors, ""), [1]);
        assert_eq!(found(Which::All, "FIRST"), [0]);
        assert_eq!(found(Which::All, "why"), [1]);
        assert!(found(Which::All, "nowhere").is_empty());
        let page = lines.page(Which::All, "", 1, 1, 1);
        assert_eq!((page.total, page.latest, page.lines[0].number), (2, 1, 0));
    }

    #[test]
    fn what_is_forgotten_is_gone_and_costs_nothing() {
        let mut lines = Statements::default();
        for request in 0..10 {
            lines.add(request, &executed(&format!("{request}"), 1));
            lines.add(request, &failed(&format!("{request}")));
        }
        lines.forget(8);
        assert_eq!((lines.len(), lines.by_id.len()), (1, 1));
        // A late one of a line that is gone is a line again, and those that are there are still found.
        lines.add(10, &failed("3"));
        lines.add(10, &failed("9"));
        assert_eq!(lines.page(Which::All, "", u64::MAX, 0, 9).lines[1].error_count, 2);
        lines.forget(u64::MAX);
        assert_eq!((lines.len(), lines.held, lines.by_id.len()), (0, 0, 0));
    }

    #[test]
    fn the_errors_of_a_line_are_bounded() {
        let mut lines = Statements::default();
        for _ in 0..100 {
            lines.add(0, &failed("1"));
        }
        let page = lines.page(Which::All, "", u64::MAX, 0, 9);
        assert_eq!((page.lines[0].errors.len(), page.lines[0].error_count), (MAX_ERRORS, 100));
    }
}
