//! What many clients, connections and statements cost: memory as the allocator sees it, threads, and time.
//!
//! `cargo bench --bench scale` in this folder, on Linux. Memory and threads are the same on every machine.
//! Times are the machine's: of calls those within which half of them were over, else the processor's.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::{FLAG, Known, Nowhere, identity, params};
use telemetry_core::plugin::{AlwaysClosed, FlagSet, PluginError};
use telemetry_core::{
    Chunk, ClientProvider, ConnectionInfo, FeatureFlagSource, Lease, Mode, Session, StatementType,
    StaticToken, Target, TelemetryConfig,
};
use telemetry_export_http::HttpExporter;
use telemetry_testkit::{Do, Script, ScriptedFlags};

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: it hands everything to the system's allocator, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MS: Duration = Duration::from_millis(1);
const MIB: usize = 1024 * 1024;
/// How many statements are open at a time.
const COUNT: usize = 100_000;
/// How many records all clients have at the least.
const RECORDS: usize = 50_000;

fn main() {
    clients();
    sessions();
    statements();
    openings();
}

/// A provider whose records go nowhere.
fn provider(
    flags: impl FeatureFlagSource,
    change: impl FnOnce(TelemetryConfig) -> TelemetryConfig,
) -> ClientProvider {
    until("nothing is left of the one before", || threads() == 1);
    ClientProvider::builder(identity())
        .config(change(TelemetryConfig::default().mode(Mode::On)))
        .exporter(HttpExporter::new(Arc::new(Nowhere::default())))
        .flags(flags)
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap()
}

/// Bounds that nothing here reaches.
fn wide(config: TelemetryConfig) -> TelemetryConfig {
    config.max_events(2 * COUNT).max_records(COUNT).max_bytes(1024 * MIB).max_total_bytes(4096 * MIB)
}

fn on() -> ScriptedFlags {
    ScriptedFlags::fixed(FLAG, true)
}

fn connect(provider: &ClientProvider, host: usize, principal: usize) -> (Lease, Session) {
    let target = Target::new(format!("dbc-{host}.cloud.databricks.com"));
    let lease = provider.acquire(target.credentials(StaticToken::new(&format!("dapi{principal:032}"))));
    let info = ConnectionInfo::new().params(params(Known::Few));
    let session = lease.opening(info).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    (lease, session)
}

fn statement(session: &Session) {
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    statement.id("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    statement.chunk(Chunk::new(0, MS).bytes(1000));
    statement.complete_after(42 * MS);
}

fn clients() {
    println!(
        "| clients | threads | bytes a client | acquire, open (µs) | processor for a record (µs) | close all (ms) |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for (hosts, principals) in [(1, 1), (10, 1), (10, 10), (10, 100), (100, 100)] {
        let count = hosts * principals;
        let provider = provider(on(), |config| wide(config).max_clients(count.max(1000)));
        let mut connections = Vec::with_capacity(count);
        let before = allocated();
        let opened = half_within(count, |number| {
            connections.push(connect(&provider, number % hosts, number / hosts));
        });
        settle(&connections);
        let bytes = (allocated() - before) / count;
        let threads = threads();
        // Each lot of a client is a batch.
        let lots = (RECORDS / 100 / count).max(1);
        let begun = process_time();
        for _ in 0..lots {
            for (_, session) in &connections {
                (0..100).for_each(|_| statement(session));
            }
        }
        until("all is sent", || {
            connections.iter().all(|(lease, _)| {
                let status = lease.status();
                status.events.waiting == 0 && status.records.held == 0
            })
        });
        let records = lots * 100 * count;
        let processor = (process_time() - begun) / records as u32;
        let begun = Instant::now();
        let outcome = provider.shutdown_blocking(Duration::from_secs(60));
        let closed = begun.elapsed();
        assert_eq!((outcome.clients().len(), outcome.undelivered()), (count, 0), "{outcome}");
        println!(
            "| {count} | {threads} | {bytes} | {:.2} | {:.2} | {:.1} |",
            micros(opened),
            micros(processor),
            closed.as_secs_f64() * 1e3
        );
    }
    println!();
}

fn sessions() {
    println!(
        "| connections of a client | threads | bytes a connection | acquire, open (µs) | give back (µs) |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for count in [1, 10, 100, 1000, 10_000] {
        let provider = provider(on(), wide);
        let first = connect(&provider, 0, 0);
        settle(std::slice::from_ref(&first));
        let mut connections = Vec::with_capacity(count);
        let before = allocated();
        let opened = half_within(count, |_| connections.push(connect(&provider, 0, 0)));
        settle(&connections[..1]);
        let bytes = (allocated() - before) / count;
        let threads = threads();
        let given_back = half_within(count, |_| drop(connections.pop()));
        println!("| {count} | {threads} | {bytes} | {:.2} | {:.2} |", micros(opened), micros(given_back));
        _ = provider.shutdown_blocking(Duration::from_secs(60));
    }
    println!();
}

fn statements() {
    println!("| {COUNT} open statements | bytes each | start (µs) | end (µs) |");
    println!("| --- | ---: | ---: | ---: |");
    let each = |time: Duration| micros(time) / COUNT as f64;
    for by_id in [false, true] {
        let provider = provider(on(), |config| wide(config).max_open_statements(COUNT));
        let connection = connect(&provider, 0, 0);
        settle(std::slice::from_ref(&connection));
        let (lease, session) = &connection;
        let mut handles = Vec::with_capacity(COUNT);
        let emitter = session.emitter();
        let id = |number: usize| format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012}");
        let ids: Vec<_> = (0..COUNT).map(id).collect();
        let (before, begun) = (allocated(), OnProcessor::now());
        for id in &ids {
            if by_id {
                emitter.started(id, StatementType::Query);
            } else {
                let mut statement = session.statement();
                statement.kind(StatementType::Query);
                statement.id(id);
                handles.push(statement);
            }
        }
        let started = begun.elapsed();
        until("all are open", || lease.status().events.waiting == 0);
        let bytes = (allocated() - before) / COUNT;
        let open = lease.status().open_statements;
        let begun = OnProcessor::now();
        if by_id {
            ids.iter().for_each(|id| emitter.completed(id, 42 * MS));
        } else {
            handles.into_iter().for_each(|statement| statement.complete_after(42 * MS));
        }
        let ended = begun.elapsed();
        let outcome = lease.close_blocking(Duration::from_secs(60));
        let status = lease.status();
        assert!(
            status.balances() && status.records.accepted == COUNT as u64 + 1,
            "{outcome}: {}",
            status.records
        );
        let name = if by_id { "by id" } else { "by handle" };
        assert_eq!(open, if by_id { COUNT } else { 0 });
        println!("| {name} | {bytes} | {:.2} | {:.2} |", each(started), each(ended));
    }
    println!();
}

fn openings() {
    const THREADS: usize = 8;
    const EACH: usize = 5000;
    println!(
        "| the flag | processor for acquire and opening, {THREADS} threads (µs) | half of them within (µs) |"
    );
    println!("| --- | ---: | ---: |");
    let refuse = || Do::<FlagSet>::Fail(PluginError::new(503));
    let states = [
        ("unknown", ScriptedFlags::new(Script::always(Do::Hang))),
        ("on", on()),
        ("off", ScriptedFlags::fixed(FLAG, false)),
        ("unreachable", ScriptedFlags::new(Script::always(refuse()))),
    ];
    for (name, flags) in states {
        let provider = provider(flags, |config| config);
        let first = connect(&provider, 0, 0);
        if name != "unknown" {
            until("the flag is answered", || format!("{:?}", first.0.status().state) != "Unknown");
        }
        let barrier = Barrier::new(THREADS);
        let work = || {
            let mut connections = Vec::with_capacity(EACH);
            let mut times = Vec::with_capacity(EACH);
            let infos: Vec<_> = (0..EACH).map(|_| ConnectionInfo::new().params(params(Known::Few))).collect();
            let token = StaticToken::new("dapi00000000000000000000000000000000");
            barrier.wait();
            let begun = OnProcessor::now();
            for info in infos {
                let at = Instant::now();
                let target = Target::new("dbc-0.cloud.databricks.com").credentials(token.clone());
                let lease = provider.acquire(target);
                let opening = lease.opening(info);
                times.push(at.elapsed());
                connections.push((lease, opening));
            }
            (begun.elapsed() / EACH as u32, times)
        };
        let measured: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let processor: Duration =
            measured.iter().map(|(processor, _)| *processor).sum::<Duration>() / THREADS as u32;
        let times = measured.into_iter().flat_map(|(_, times)| times).collect();
        println!("| {name} | {:.2} | {:.2} |", micros(processor), micros(median(times)));
    }
}

/// Does it so often, and says within what time half of the calls were over.
fn half_within(count: usize, mut call: impl FnMut(usize)) -> Duration {
    let timed = |number| {
        let begun = Instant::now();
        call(number);
        begun.elapsed()
    };
    median((0..count).map(timed).collect())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn allocated() -> usize {
    ALLOCATED.load(Ordering::Relaxed)
}

/// Waits until everything that was recorded is delivered.
fn settle(connections: &[(Lease, Session)]) {
    for (lease, _) in connections {
        _ = lease.flush_blocking(Duration::from_secs(60));
    }
    // The thread that waited for the flush ends.
    until("the workers are idle", || threads() <= 2);
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {what}");
        thread::sleep(MS);
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// The processor time of this thread.
struct OnProcessor(Duration);

impl OnProcessor {
    fn now() -> Self {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        OnProcessor(Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap()))
    }

    fn elapsed(&self) -> Duration {
        OnProcessor::now().0 - self.0
    }
}

/// The processor time of all threads that live.
fn process_time() -> Duration {
    let of = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
    };
    fs::read_dir("/proc/self/task").unwrap().map(|task| of(task.unwrap().path())).sum()
}
