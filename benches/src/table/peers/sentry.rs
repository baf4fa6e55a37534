//! Breadcrumbs and transactions of Sentry, to a transport that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sentry_core::protocol::{Map, Value};
use sentry_core::{Breadcrumb, Client, ClientOptions, Envelope, Hub, Scope, TransactionContext, Transport};

use crate::table::measure::{Meter, Row};
use crate::table::ours::subject::{EVENT, STATEMENT};

const PACKAGE: &str = "sentry-core";
const ID: &str = "01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b";

#[derive(Default)]
struct Nowhere(AtomicU64);

impl Transport for Nowhere {
    fn send_envelope(&self, envelope: Envelope) {
        self.0.fetch_add(envelope.items().count() as u64, Ordering::Relaxed);
    }
}

pub fn rows() -> Vec<Row> {
    vec![
        Row::peer(EVENT, PACKAGE, "a breadcrumb", breadcrumb()),
        Row::peer(STATEMENT, PACKAGE, "a transaction with 10 spans", transaction()).times(500).every(2).cpu(),
    ]
}

fn hub() -> (Arc<Hub>, Arc<Nowhere>) {
    let seen: Arc<Nowhere> = Arc::default();
    let options = ClientOptions::new()
        .dsn("https://key@sentry.example.com/1")
        .traces_sample_rate(1.0)
        .transport(Arc::clone(&seen));
    let hub = Hub::new(Some(Arc::new(Client::from(options))), Arc::new(Scope::default()));
    (Arc::new(hub), seen)
}

fn breadcrumb() -> impl FnMut(&mut Meter) {
    let (hub, _) = hub();
    move |meter| {
        let mut made = 0;
        meter.each(|time| {
            hub.add_breadcrumb(|| {
                made += 1;
                let data =
                    [("index".to_owned(), Value::from(time)), ("bytes".to_owned(), Value::from(65_536))];
                Breadcrumb {
                    message: Some("chunk".to_owned()),
                    data: Map::from(data),
                    ..Breadcrumb::default()
                }
            });
        });
        assert_eq!(made, meter.times);
    }
}

fn transaction() -> impl FnMut(&mut Meter) {
    let (hub, seen) = hub();
    move |meter| {
        let before = seen.0.load(Ordering::Relaxed);
        meter.each(|_| {
            let transaction = hub.start_transaction(TransactionContext::new("statement", "db.query"));
            transaction.set_data("id", Value::from(ID));
            for index in 0..10 {
                let span = transaction.start_child("db.chunk", "chunk");
                span.set_data("index", Value::from(index));
                span.set_data("bytes", Value::from(65_536));
                span.finish();
            }
            transaction.finish();
        });
        assert_eq!(seen.0.load(Ordering::Relaxed) - before, meter.times);
    }
}
