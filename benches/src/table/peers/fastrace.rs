//! Spans of fastrace, to a reporter that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};
use fastrace::{Event, Span};

use crate::table::measure::{Meter, Row};
use crate::table::ours::subject::{EVENT, STATEMENT};

const PACKAGE: &str = "fastrace";
const ID: &str = "01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b";

struct Nowhere(Arc<AtomicU64>);

impl Reporter for Nowhere {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        let events: usize = spans.iter().map(|span| span.events.len()).sum();
        self.0.fetch_add(events as u64, Ordering::Relaxed);
    }
}

pub fn rows() -> Vec<Row> {
    let seen: Arc<AtomicU64> = Arc::default();
    fastrace::set_reporter(Nowhere(Arc::clone(&seen)), Config::default());
    vec![
        Row::peer(EVENT, PACKAGE, "an event of a span", one_event(Arc::clone(&seen))).most(5000),
        Row::peer(STATEMENT, PACKAGE, "a span with 10 events", span(seen)).times(500).every(2).cpu(),
    ]
}

fn chunk(index: u64) -> Event {
    Event::new("chunk").with_properties(|| [("index", index.to_string()), ("bytes", 65_536.to_string())])
}

fn one_event(seen: Arc<AtomicU64>) -> impl FnMut(&mut Meter) {
    move |meter| {
        let before = seen.load(Ordering::Relaxed);
        let span = Span::root("statement", SpanContext::random());
        meter.each(|time| span.add_event(chunk(time)));
        drop(span);
        fastrace::flush();
        assert_eq!(seen.load(Ordering::Relaxed) - before, meter.times);
    }
}

fn span(seen: Arc<AtomicU64>) -> impl FnMut(&mut Meter) {
    move |meter| {
        let before = seen.load(Ordering::Relaxed);
        meter.each(|_| {
            let span = Span::root("statement", SpanContext::random());
            span.add_properties(|| [("kind", "query"), ("id", ID)]);
            for index in 0..10 {
                span.add_event(chunk(index));
            }
        });
        meter.rest(fastrace::flush);
        assert_eq!(seen.load(Ordering::Relaxed) - before, 10 * meter.times);
    }
}
