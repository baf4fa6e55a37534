//! What telemetry does to the slowest of small queries: two threads, as many as the machine has cores, run
//! queries without a pause, and the worker that encodes what they record takes its time from one of them.
//!
//! `cargo bench --bench query_latency -- [ROUNDS]` in this folder. A round is a part of a second without
//! telemetry and one with each size of a batch, in turns. Compare the lines of one run with each other, on a
//! machine on which nothing else runs: whatever does shows in the 99th percentile of all of them.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use benches::{FLAG, Known, Nowhere, identity, params};
use telemetry_core::plugin::AlwaysClosed;
use telemetry_core::{
    Chunk, ClientProvider, ConnectionInfo, Lease, Mode, Session, StatementType, StaticToken, Target,
    TelemetryConfig,
};
use telemetry_export_http::HttpExporter;
use telemetry_testkit::ScriptedFlags;

const THREADS: usize = 2;
const QUERY: Duration = Duration::from_micros(300);
const TURN: Duration = Duration::from_millis(300);

/// Often, so that a part of a second has as many batches as there is work for.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);

/// What is compared; the first is what the others are compared with.
const CASES: [(&str, Mode, usize); 3] =
    [("off", Mode::Off, 100), ("batches of 100", Mode::On, 100), ("batches of 1,000", Mode::On, 1_000)];

fn main() {
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(20);
    let steps = steps_of(QUERY);
    let mut found: [Vec<[Duration; 3]>; CASES.len()] = Default::default();
    for round in 0..rounds {
        // Each in another place in every round.
        for turn in 0..CASES.len() {
            let case = (turn + round) % CASES.len();
            let (_, mode, batch) = CASES[case];
            found[case].push(measured(mode, batch, steps));
        }
    }
    println!(
        "{:20} {:>10} {:>10} {:>10}   ratios to off, of the same round: median",
        "", "p50", "p99", "p99.9"
    );
    for ((name, ..), percentiles) in CASES.iter().zip(&found) {
        let column = |which: usize| median(percentiles.iter().map(|round| round[which].as_secs_f64() * 1e6));
        let ratio = |which: usize| {
            let pairs = percentiles.iter().zip(&found[0]);
            median(pairs.map(|(case, off)| case[which].as_secs_f64() / off[which].as_secs_f64()))
        };
        println!(
            "{name:20} {:>8.0}us {:>8.0}us {:>8.0}us   {:.2} {:.2} {:.2}",
            column(0),
            column(1),
            column(2),
            ratio(0),
            ratio(1),
            ratio(2)
        );
    }
}

/// The 50th, 99th and 99.9th percentile of a query's time.
fn measured(mode: Mode, batch: usize, steps: u64) -> [Duration; 3] {
    let exporter =
        HttpExporter::new(Arc::new(Nowhere { takes: Duration::from_millis(1) })).max_body_bytes(usize::MAX);
    let config = TelemetryConfig::default().mode(mode).batch_size(batch).max_records(10_000);
    let provider = ClientProvider::builder(identity())
        .config(config.flush_interval(FLUSH_INTERVAL))
        .exporter(exporter)
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let connect = || -> (Lease, Session) {
        let target = Target::new("bench.cloud.databricks.com").credentials(StaticToken::new("a-token"));
        let lease = provider.acquire(target);
        let session = lease.opening(ConnectionInfo::new().params(params(Known::All))).opened("session");
        (lease, session)
    };
    let end = Instant::now() + TURN;
    let mut times = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let (_lease, session) = connect();
                    let mut times = Vec::with_capacity(10_000);
                    while Instant::now() < end {
                        let began = Instant::now();
                        query(&session, steps);
                        times.push(began.elapsed());
                    }
                    times
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    times.sort_unstable();
    [0.5, 0.99, 0.999].map(|share| times[(times.len() as f64 * share) as usize])
}

fn query(session: &Session, steps: u64) {
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    statement.id("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    work(steps);
    statement.poll(Duration::from_millis(1));
    statement.chunk(Chunk::new(0, Duration::from_millis(1)).bytes(1000));
    statement.complete();
}

/// Work that takes longer when it is interrupted, unlike a wait for a moment.
#[inline(never)]
fn work(steps: u64) -> u64 {
    (0..steps).fold(1, |sum, step| black_box(sum).wrapping_add(step).wrapping_mul(6_364_136_223_846_793_005))
}

fn steps_of(time: Duration) -> u64 {
    const TRIED: u64 = 100_000;
    let fastest = (0..200).map(|_| {
        let began = Instant::now();
        black_box(work(TRIED));
        began.elapsed()
    });
    let fastest = fastest.min().unwrap();
    (time.as_secs_f64() / fastest.as_secs_f64() * TRIED as f64) as u64
}

fn median(of: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = of.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
