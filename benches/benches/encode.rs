//! What a record costs on the way into the body of a request, and how often memory is asked for.
//!
//! `cargo bench --bench encode` in this folder. What is constant in the connection is encoded already, save
//! where it says otherwise.

use std::sync::Arc;
use std::time::SystemTime;

use benches::{Known, Nowhere, credentials, records, session};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use telemetry_core::plugin::Attempt;
use telemetry_core::record::{Encoded, Record, SessionContext};
use telemetry_core::{Host, HostPolicy};
use telemetry_export_http::HttpExporter;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

fn encode(bencher: Bencher, records: &[Arc<Record>], authenticated: bool) {
    let exporter = HttpExporter::new(Arc::new(Nowhere::default())).max_body_bytes(usize::MAX);
    let host = Host::parse("dbc-a1.cloud.databricks.com", HostPolicy::Public).unwrap();
    let credentials = credentials();
    let attempt = Attempt::new(&host, records, SystemTime::UNIX_EPOCH)
        .with_credentials(Some(&credentials).filter(|_| authenticated));
    let bytes = exporter.request(&attempt).unwrap().body.len();
    bencher
        .counter(ItemsCount::new(records.len()))
        .counter(BytesCount::new(bytes))
        .bench_local(|| exporter.request(&attempt).unwrap().body);
}

#[divan::bench(args = [1, 100])]
fn all_parameters(bencher: Bencher, count: u64) {
    encode(bencher, &records(Known::All, count), true);
}

#[divan::bench(args = [1, 100])]
fn few_parameters(bencher: Bencher, count: u64) {
    encode(bencher, &records(Known::Few, count), true);
}

#[divan::bench]
fn without_credentials(bencher: Bencher) {
    encode(bencher, &records(Known::All, 100), false);
}

/// The first record of a connection.
#[divan::bench(args = [Known::All, Known::Few])]
fn a_connections_first(bencher: Bencher, known: Known) {
    let exporter = HttpExporter::new(Arc::new(Nowhere::default()));
    let host = Host::parse("dbc-a1.cloud.databricks.com", HostPolicy::Public).unwrap();
    let credentials = credentials();
    let record = records(known, 1).remove(0);
    let fresh = || {
        let SessionContext { driver, session_id, workspace_id, user_agent, auth_type, params, encoded: _ } =
            Arc::into_inner(session(known)).unwrap();
        let encoded = Encoded::default();
        let session =
            SessionContext { driver, session_id, workspace_id, user_agent, auth_type, params, encoded };
        [Arc::new(Record { session: Arc::new(session), ..(*record).clone() })]
    };
    bencher.with_inputs(fresh).bench_local_refs(|records| {
        let attempt =
            Attempt::new(&host, records, SystemTime::UNIX_EPOCH).with_credentials(Some(&credentials));
        exporter.request(&attempt).unwrap().body
    });
}
