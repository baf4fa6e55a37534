//! Events of tracing, without a subscriber and with one that looks at each field.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::table::measure::{Meter, Row};
use crate::table::ours::subject::{EVENT, OFF};

const PACKAGE: &str = "tracing";

/// Adds up the numbers that it is told.
struct Visiting(Arc<AtomicU64>);

struct Sum(u64);

impl Visit for Sum {
    fn record_u64(&mut self, _field: &Field, value: u64) {
        self.0 += value;
    }

    fn record_debug(&mut self, _field: &Field, value: &dyn std::fmt::Debug) {
        black_box(value);
    }
}

impl Subscriber for Visiting {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut sum = Sum(0);
        event.record(&mut sum);
        self.0.fetch_add(sum.0, Ordering::Relaxed);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

pub fn rows() -> Vec<Row> {
    vec![
        Row::peer(OFF, PACKAGE, "an event without a subscriber", |meter| meter.each(event)),
        Row::peer(EVENT, PACKAGE, "an event to a subscriber that looks at its fields", visited),
    ]
}

fn event(time: u64) {
    tracing::info!(index = black_box(time), bytes = 65_536_u64, "chunk");
}

fn visited(meter: &mut Meter) {
    let seen: Arc<AtomicU64> = Arc::default();
    tracing::subscriber::with_default(Visiting(Arc::clone(&seen)), || meter.each(event));
    assert_eq!(seen.load(Ordering::Relaxed), meter.times * 65_536 + meter.times * (meter.times - 1) / 2);
}
