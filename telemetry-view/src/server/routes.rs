//! What the page asks for.

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Body, Page, events, of, plain};
use crate::arrival::now;
use crate::reading::{Envelope, MAX_RECORDS, Record};
use crate::store::counts::BOUNDS;
use crate::store::statements::Which;
use crate::text::{cut, of_bytes};

/// Rows that are sent at once.
const MAX_ROWS: usize = 200;

/// Characters of a body, and of what was read of it, that are shown; the whole of it can be saved.
const MAX_SHOWN: usize = 256 * 1024;

/// Letters of a search.
const MAX_SEARCH: usize = 200;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The page's own files, by their names.
const FILES: [(&str, &str, &str); 8] = [
    ("", HTML, include_str!("../../page/index.html")),
    ("page.css", STYLE, include_str!("../../page/page.css")),
    ("page.js", SCRIPT, include_str!("../../page/page.js")),
    ("dom.js", SCRIPT, include_str!("../../page/dom.js")),
    ("draw.js", SCRIPT, include_str!("../../page/draw.js")),
    ("list.js", SCRIPT, include_str!("../../page/list.js")),
    ("lists.js", SCRIPT, include_str!("../../page/lists.js")),
    ("panels.js", SCRIPT, include_str!("../../page/panels.js")),
];

pub(crate) async fn answer(
    page: &Arc<Page>,
    method: &Method,
    path: &str,
    query: &str,
    body: &Bytes,
) -> Response<Body> {
    if let (&Method::GET, Some((_, kind, text))) = (method, FILES.iter().find(|(name, ..)| *name == path)) {
        return of(StatusCode::OK, kind, *text);
    }
    if method == Method::GET && path == "events" {
        return events::answer(page);
    }
    let (page, method, path) = (Arc::clone(page), method.clone(), path.to_owned());
    let (query, body) = (Query::read(query), body.clone());
    // Another thread, as a search through all that is held takes a while.
    let made = tokio::task::spawn_blocking(move || view(&page, &method, &path, &query, &body)).await;
    made.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "this can't be shown"))
}

fn view(page: &Page, method: &Method, path: &str, query: &Query, body: &Bytes) -> Response<Body> {
    let (upto, from) = (query.number("upto").unwrap_or(u64::MAX), query.place("from").unwrap_or(0));
    let count = query.place("count").unwrap_or(MAX_ROWS).min(MAX_ROWS);
    let search = cut(query.text("q"), MAX_SEARCH);
    let value = match (method, path) {
        (&Method::GET, "state") => state(page),
        (&Method::GET, "now") => now_view(page),
        (&Method::GET, "requests") => to_value(&page.shared.store().requests(search, upto, from, count)),
        (&Method::GET, "statements") => {
            let which = match query.text("which") {
                "statements" => Which::Statements,
                "errors" => Which::WithErrors,
                _ => Which::All,
            };
            to_value(&page.shared.store().statements.page(which, search, upto, from, count))
        }
        (&Method::GET, "request") => match request(page, query.number("number")) {
            Some(request) => request,
            None => return plain(StatusCode::NOT_FOUND, "it is held no longer"),
        },
        (&Method::GET, "body") => return saved(page, query.number("number")),
        (&Method::GET, "fields") => {
            let store = page.shared.store();
            json!({"fields": store.fields.rows(), "beyond": store.fields.beyond()})
        }
        (&Method::GET, "books") => books(page),
        (&Method::GET, "try") => {
            json!({"switches": page.listener.as_ref().map(|listener| listener.switches())})
        }
        (&Method::POST, "try") => return switch(page, body),
        _ => return plain(StatusCode::NOT_FOUND, "no such page"),
    };
    of(StatusCode::OK, "application/json", value.to_string())
}

/// What is shown of the whole, on every view.
pub(crate) fn state(page: &Page) -> Value {
    let store = page.shared.store();
    json!({
        "requests": store.counts.requests,
        "records": store.counts.records,
        "statements": store.counts.statements,
        "errors": store.counts.errors,
        "lines": store.statements.len(),
        "held": store.len(),
        "bytes": store.bytes(),
        "limit": store.limit(),
        "books": store.books.len(),
        "file": page.file,
        "listens": page.listener.as_ref().map(|listener| listener.url()),
    })
}

/// Steps of the charts, and seconds of each.
const STEPS: usize = 60;
const STEP: usize = 5;

fn now_view(page: &Page) -> Value {
    let store = page.shared.store();
    let counts = &store.counts;
    let present = now() / 1000;
    // A file that nobody writes to any more ends when it ended.
    let end = match counts.latest() {
        Some(latest) if page.listener.is_none() && latest < present - (STEP * STEPS) as i64 => latest,
        _ => present,
    };
    let minute = counts.series(end, 1, 60);
    json!({
        "counts": counts,
        "end": end,
        "step": STEP,
        "series": counts.series(end, STEPS, STEP),
        "minute": minute.first(),
        "bounds": BOUNDS,
        "latency": [counts.latency.below(50), counts.latency.below(95), counts.latency.below(99)],
        "chunk": [counts.chunk_latency.below(50), counts.chunk_latency.below(95), counts.chunk_latency.below(99)],
        "errors": counts.error_names.sorted(),
        "drivers": counts.drivers.sorted(),
        "paths": counts.paths.sorted(),
        "answers": counts.answers.sorted(),
        "other_hosts": counts.other_hosts.sorted(),
    })
}

fn request(page: &Page, number: Option<u64>) -> Option<Value> {
    let (line, arrival) = {
        let store = page.shared.store();
        let held = store.request(number?)?;
        (to_value(&held.line()), Arc::clone(&held.arrival))
    };
    let exact = of_bytes(&arrival.body);
    let read = read_form(&arrival.body).unwrap_or_default();
    Some(json!({
        "line": line,
        "exact": cut(&exact, MAX_SHOWN),
        "exact_cut": exact.len() > cut(&exact, MAX_SHOWN).len(),
        "read": cut(&read, MAX_SHOWN),
        "read_cut": read.len() > cut(&read, MAX_SHOWN).len(),
    }))
}

/// A body with its records as JSON in the place of texts, so far as they can be read and are to be shown.
fn read_form(body: &[u8]) -> Option<String> {
    let mut envelope = Envelope::read(body);
    if envelope.is_broken {
        return None;
    }
    let mut shown = format!("uploadTime: {}\n", envelope.uploaded.unwrap_or(0));
    envelope.records.truncate(MAX_RECORDS);
    for (place, text) in envelope.records.iter().enumerate() {
        // What isn't shown whole isn't laid out either, which may take some hundred times its size.
        let read = if text.len() > MAX_SHOWN {
            text.clone()
        } else if let Some(record) = Record::read(text) {
            serde_json::to_string_pretty(&record.value).unwrap_or_default()
        } else {
            format!("not readable: {text}")
        };
        shown += &format!("\nrecord {}:\n{read}\n", place + 1);
        if shown.len() > 4 * MAX_SHOWN {
            break;
        }
    }
    Some(shown)
}

/// The exact bytes, to be saved. Nothing in them is ever taken for a page.
fn saved(page: &Page, number: Option<u64>) -> Response<Body> {
    let arrival = {
        let store = page.shared.store();
        number.and_then(|number| store.request(number)).map(|held| Arc::clone(&held.arrival))
    };
    let Some(arrival) = arrival else {
        return plain(StatusCode::NOT_FOUND, "it is held no longer");
    };
    let mut response = of(StatusCode::OK, "application/octet-stream", arrival.body.clone());
    let name = HeaderValue::from_static("attachment; filename=\"body.json\"");
    response.headers_mut().insert("content-disposition", name);
    response
}

fn books(page: &Page) -> Value {
    let store = page.shared.store();
    let books: Vec<Value> =
        store.books.values().map(|books| json!({"books": books, "balance": books.balance()})).collect();
    json!({"books": books, "counts": store.counts, "answers": store.counts.answers.sorted()})
}

fn switch(page: &Page, body: &Bytes) -> Response<Body> {
    let Some(listener) = &page.listener else {
        return plain(StatusCode::CONFLICT, "there is nothing to switch without --listen");
    };
    let Ok(change) = serde_json::from_slice(body) else {
        return plain(StatusCode::BAD_REQUEST, "that is no switch");
    };
    match listener.change(change) {
        Ok(switches) => of(StatusCode::OK, "application/json", json!({"switches": switches}).to_string()),
        Err(reason) => plain(StatusCode::BAD_REQUEST, reason),
    }
}

fn to_value(value: &impl Serialize) -> Value {
    // What is shown has no maps but those by texts.
    serde_json::to_value(value).unwrap_or_default()
}

/// What stands behind the question mark.
#[derive(Debug, Default)]
struct Query(Vec<(String, String)>);

impl Query {
    fn read(query: &str) -> Query {
        Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.text(name).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_a_browser_writes_it() {
        let query = Query::read("q=a%2Bb+%C3%BC&from=7&number=-1&x&count=99999999999999999999");
        assert_eq!((query.text("q"), query.place("from")), ("a+b ü", Some(7)));
        assert_eq!((query.number("number"), query.place("count"), query.text("x")), (None, None, ""));
        assert_eq!(Query::read("q=%4x%+%4%ff").text("q"), "%4x% %4\u{fffd}");
    }

    #[test]
    fn the_read_form_has_the_records_readable() {
        let body = br#"{"uploadTime":5,"items":[],"protoLogs":["{\"a\":\"<b>\"}","{"]}"#;
        let shown = read_form(body).unwrap();
        assert_eq!(
            shown,
            "uploadTime: 5\n\nrecord 1:\n{\n  \"a\": \"<b>\"\n}\n\nrecord 2:\nnot readable: {\n"
        );
        assert_eq!(read_form(b"x"), None);
        let long = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(MAX_SHOWN / 2));
        let body = json!({"uploadTime": 5, "protoLogs": [long]}).to_string();
        assert_eq!(read_form(body.as_bytes()).unwrap(), format!("uploadTime: 5\n\nrecord 1:\n{long}\n"));
    }
}
