//! Runtimes of every kind, and none. The clock is the machine's here, but no outcome depends on how fast it
//! is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod common;

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::*;
use telemetry_core::plugin::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::*;
use telemetry_testkit::*;
use tokio::runtime::Builder;

/// Long enough never to be reached on a machine that works at all.
const LONG: Duration = Duration::from_secs(60);

fn provider(worker: Runtime, exporter: &RecordingExporter) -> ClientProvider {
    ClientProvider::builder(identity())
        .config(config())
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .runtime(worker)
        .environment(|_| None)
        .build()
        .unwrap()
}

fn runtimes() -> [tokio::runtime::Runtime; 2] {
    [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
    ]
}

#[test]
fn works_with_no_runtime_at_all() {
    let exporter = RecordingExporter::new();
    let lease = provider(Runtime::Own, &exporter).acquire(Target::new(HOST));
    open(&lease).statement().complete();
    assert!(lease.close_blocking(LONG).is_delivered());
    assert_eq!(exporter.accepted().len(), 2);
}

/// Drives a future on a thread with no timer of its own: by a bare runtime, or by three lines that poll when
/// they are woken. The limit ends a broken test.
fn drive<T: Send + 'static>(bare: bool, future: impl Future<Output = T> + Send + 'static) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let by_hand = |mut future: Pin<&mut dyn Future<Output = T>>| {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => return value,
                Poll::Pending => std::thread::park(),
            }
        }
    };
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().build().unwrap();
        _ = done.send(if bare { runtime.block_on(future) } else { by_hand(pin!(future)) });
    });
    wait.recv_timeout(LONG).unwrap()
}

#[test]
fn a_close_and_a_flush_run_on_any_executor_and_end_there_at_their_deadline() {
    for bare in [true, false] {
        let exporter = RecordingExporter::new();
        let provider = provider(Runtime::Own, &exporter);
        let lease = || Arc::new(provider.acquire(Target::new(HOST)));
        let flush = |lease: &Arc<Lease>, within| {
            let lease = Arc::clone(lease);
            drive(bare, async move { lease.flush(within).await })
        };
        let close = |lease: Arc<Lease>, within| drive(bare, async move { lease.close(within).await });
        let first = lease();
        open(&first).statement().complete();
        assert_eq!(flush(&first, LONG), FlushOutcome::Delivered { accepted: 2 });
        open(&first).statement().complete();
        assert_eq!(close(first, LONG), CloseOutcome::Delivered { accepted: 4 });

        exporter.script().set(Do::Hang);
        let second = lease();
        open(&second).statement().complete();
        let flushed = flush(&second, 20 * MS);
        assert!(matches!(flushed, FlushOutcome::TimedOut { held: 2, .. }), "{flushed}");
        let closed = close(second, 20 * MS);
        assert!(matches!(closed, CloseOutcome::TimedOut { dropped, .. } if dropped.total() == 2), "{closed}");
    }
}

#[test]
fn works_inside_runtimes_of_both_kinds() {
    for runtime in runtimes() {
        let exporter = RecordingExporter::new();
        let provider = provider(Runtime::Own, &exporter);
        let closed = runtime.block_on(async {
            let lease = provider.acquire(Target::new(HOST));
            open(&lease).statement().complete();
            let closed = lease.close(LONG).await;
            drop(lease);
            // Dropped inside a runtime, where a blocking shutdown would panic.
            drop(provider);
            closed
        });
        assert_eq!((closed, exporter.accepted().len()), (CloseOutcome::Delivered { accepted: 2 }, 2));
    }
}

#[test]
fn a_blocking_close_delivers_on_any_thread_of_any_runtime() {
    for runtime in runtimes() {
        let exporter = RecordingExporter::new();
        let provider = provider(Runtime::Own, &exporter);
        let record = || {
            let lease = provider.acquire(Target::new(HOST));
            open(&lease).statement().complete();
            lease
        };
        let two = CloseOutcome::Delivered { accepted: 2 };
        runtime.block_on(async {
            assert_eq!(record().close_blocking(LONG), two);
            let lease = record();
            let blocking = tokio::task::spawn_blocking(move || lease.close_blocking(LONG)).await;
            assert_eq!(blocking.unwrap(), two);
            let lease = record();
            let task = tokio::spawn(async move { lease.close_blocking(LONG) }).await;
            assert_eq!(task.unwrap(), two);
        });
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async { assert_eq!(record().close_blocking(LONG), two) });
        assert_eq!(exporter.accepted().len(), 8);
    }
}

#[test]
fn a_flush_works_on_any_runtime_and_without_one() {
    let exporter = RecordingExporter::new();
    let provider = provider(Runtime::Own, &exporter);
    let lease = provider.acquire(Target::new(HOST));
    let session = open(&lease);
    assert_eq!(lease.flush_blocking(LONG), FlushOutcome::Delivered { accepted: 1 });
    for runtime in runtimes() {
        session.statement().complete();
        assert_eq!(
            runtime.block_on(async { lease.flush(LONG).await }),
            FlushOutcome::Delivered { accepted: 1 }
        );
        session.statement().complete();
        assert_eq!(
            runtime.block_on(async { lease.flush_blocking(LONG) }),
            FlushOutcome::Delivered { accepted: 1 }
        );
    }
    assert_eq!(lease.flush_blocking(LONG), FlushOutcome::Delivered { accepted: 0 }, "there is nothing left");
    assert!(matches!(Lease::disabled().flush_blocking(LONG), FlushOutcome::Off(OffReason::Setting)));
}

/// Says that it never blocks, and blocks.
#[derive(Debug)]
struct Lying(RecordingExporter);

#[async_trait]
impl Exporter for Lying {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        self.0.export(attempt).await
    }

    fn may_block(&self) -> bool {
        false
    }
}

#[test]
fn the_closing_deadline_fires_without_the_workers_help() {
    let exporter = RecordingExporter::scripted(Script::always(Do::Block));
    let script = exporter.script().clone();
    let provider = ClientProvider::builder(identity())
        .config(config())
        .exporter(Lying(exporter))
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let (lease, other) =
        (provider.acquire(Target::new(HOST)), provider.acquire(Target::new("b.databricks.com")));
    open(&lease).error(|| ErrorDetails::new("DENIED").fault(403));
    open(&other).statement().complete();
    // The worker's own thread is blocked from here on.
    eventually("the exporter is called", || script.calls() > 0);
    let closed = lease.close_blocking(Duration::from_millis(20));
    assert!(matches!(closed, CloseOutcome::TimedOut { dropped, .. } if dropped.total() == 2), "{closed}");
    assert_balanced(&lease);
    let elsewhere = Builder::new_current_thread().build().unwrap();
    let closed = elsewhere.block_on(other.close(Duration::from_millis(20)));
    assert!(matches!(closed, CloseOutcome::TimedOut { dropped, .. } if dropped.total() == 2), "{closed}");
    script.release();
}

#[test]
fn providers_that_live_shortly_end_without_a_panic_of_any_of_their_calls() {
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::SeqCst);
        before(info);
    }));
    for number in 0..200 {
        let exporter = RecordingExporter::new();
        let provider = provider(Runtime::Own, &exporter);
        let lease = provider.acquire(Target::new(HOST));
        open(&lease).error(|| ErrorDetails::new("DENIED").fault(403));
        if number % 2 == 0 {
            let _ = lease.close_blocking(Duration::ZERO);
        }
        drop((lease, provider));
    }
    _ = std::panic::take_hook();
    assert_eq!(panics.load(Ordering::SeqCst), 0);
}

#[test]
fn many_threads_of_a_synchronous_driver_lose_nothing() {
    let exporter = RecordingExporter::new();
    let config = config().max_records(100_000).max_events(100_000);
    let provider = ClientProvider::builder(identity())
        .config(config)
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(HOST));
    let session = open(&lease);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let session = &session;
            scope.spawn(move || {
                let emitter = session.emitter();
                for number in 0..200 {
                    let id = format!("s-{thread}-{number}");
                    emitter.started(&id, StatementType::Query);
                    emitter.chunk(&id, Chunk::new(0, MS));
                    emitter.completed(&id, MS);
                    session.statement().complete();
                }
            });
        }
    });
    assert!(lease.close_blocking(LONG).is_delivered());
    let status = lease.status();
    assert_eq!(status.events.refused.total(), 0, "{}", status.events);
    assert_eq!(status.records.accepted, 1 + 8 * 400);
    assert_eq!(exporter.accepted().len(), 1 + 8 * 400);
    assert_balanced(&lease);
}

#[test]
fn a_flush_that_was_begun_outlives_the_provider() {
    let exporter = RecordingExporter::new();
    let provider = provider(Runtime::Own, &exporter);
    let lease = provider.acquire(Target::new(HOST));
    open(&lease).statement().complete();
    let script = exporter.script().clone();
    drop(lease);
    drop(provider);
    eventually("what was recorded is delivered", || exporter.accepted().len() == 2);
    assert_eq!(script.calls(), 1);
}

/// Closes a lease when it is dropped, and says how that ended.
struct ClosesLate(Lease, std::sync::mpsc::Sender<CloseOutcome>);

impl Drop for ClosesLate {
    fn drop(&mut self) {
        self.1.send(self.0.close_blocking(LONG)).unwrap();
    }
}

#[test]
fn a_blocking_close_delivers_on_a_thread_that_is_being_torn_down() {
    thread_local! {
        static KEPT: std::cell::RefCell<Option<ClosesLate>> = const { std::cell::RefCell::new(None) };
    }
    let exporter = RecordingExporter::new();
    let lease = provider(Runtime::Own, &exporter).acquire(Target::new(HOST));
    open(&lease).statement().complete();
    let (closed, close) = std::sync::mpsc::channel();
    // A panic is contained, and would leave the outcome to chance.
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let here = std::thread::current().name().is_some_and(|name| name == "torn");
        PANICS.fetch_add(usize::from(here), Ordering::SeqCst);
        before(info);
    }));
    let thread = std::thread::Builder::new().name("torn".to_owned()).spawn(move || {
        // Destructors run in the reverse order: the runtime's own state is gone when this one closes.
        KEPT.with(|kept| *kept.borrow_mut() = Some(ClosesLate(lease, closed)));
        Builder::new_current_thread().build().unwrap().block_on(async {});
    });
    thread.unwrap().join().unwrap();
    assert!(close.recv().unwrap().is_delivered());
    assert_eq!((exporter.accepted().len(), PANICS.load(Ordering::SeqCst)), (2, 0));
}

#[test]
fn workers_moved_by_hand_need_no_runtime_for_the_machines_time() {
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let mover = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == mover {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        before(info);
    }));
    let exporter = RecordingExporter::new();
    let provider = provider(Runtime::Manual, &exporter);
    let lease = provider.acquire(Target::new(HOST));
    let session = open(&lease);
    (0..10).for_each(|_| provider.step());
    assert_eq!(lease.status().records.held, 1, "it waits for its time");
    session.error(|| ErrorDetails::new("DENIED").fault(403));
    (0..10).for_each(|_| provider.step());
    _ = std::panic::take_hook();
    assert_eq!((panics.load(Ordering::SeqCst), exporter.accepted().len()), (0, 2));
}

/// One whose calls may hold up their threads.
#[derive(Debug)]
struct MayBlock(RecordingExporter);

#[async_trait]
impl Exporter for MayBlock {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        self.0.export(attempt).await
    }
}

fn provider_with_sink(exporter: &RecordingExporter, sink: &RecordingExporter) -> ClientProvider {
    ClientProvider::builder(identity())
        .config(config().batch_size(1))
        .exporter(MayBlock(exporter.clone()))
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .sink(Sink::new("sink", MayBlock(sink.clone())))
        .environment(|_| None)
        .build()
        .unwrap()
}

#[test]
fn a_close_ends_as_soon_as_the_last_sink_is_done() {
    let (exporter, slow) = (RecordingExporter::new(), RecordingExporter::new());
    drop(slow.script().clone().first(Do::Fail(PluginError::new(503))));
    let lease = provider_with_sink(&exporter, &slow).acquire(Target::new(HOST));
    open(&lease).statement().complete();
    let start = std::time::Instant::now();
    assert!(lease.close_blocking(LONG).is_delivered());
    assert!(start.elapsed() < LONG / 2, "it waited for its deadline");
    let sinks = lease.status().sinks;
    assert_eq!((sinks[0].records.accepted, slow.accepted().len()), (2, 2));
}

/// A lease of a provider with a sink that has what it holds wait for minutes.
fn patient(exporter: &RecordingExporter, sink: &RecordingExporter) -> Lease {
    let own = TelemetryConfig::default().flush_interval(5 * LONG);
    let provider = ClientProvider::builder(identity())
        .config(config().batch_size(1))
        .exporter(MayBlock(exporter.clone()))
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .sink(Sink::new("sink", sink.clone()).config(own))
        .environment(|_| None)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(HOST));
    drop(open(&lease));
    eventually("it waits", || lease.status().sinks[0].records.held == 1);
    lease
}

#[test]
fn a_close_sends_what_waits_for_its_time_in_a_sink() {
    let (exporter, sink) = (RecordingExporter::new(), RecordingExporter::new());
    let lease = patient(&exporter, &sink);
    let start = std::time::Instant::now();
    assert!(lease.close_blocking(LONG).is_delivered());
    assert!(start.elapsed() < LONG / 2, "it waited for its deadline");
    assert_eq!(sink.accepted().len(), 1);
}

#[test]
fn what_waits_in_a_sink_is_sent_by_a_close_that_waits_for_the_vendors_service() {
    let (exporter, sink) = (RecordingExporter::scripted(Script::always(Do::Block)), RecordingExporter::new());
    let lease = patient(&exporter, &sink);
    eventually("the service hangs", || exporter.script().calls() == 1);
    let mut close = pin!(lease.close(LONG));
    assert!(close.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    eventually("the sink has it", || sink.accepted().len() == 1);
    exporter.script().release();
}

#[test]
fn a_sink_that_blocks_takes_no_thread_from_the_vendors_exporter() {
    let (exporter, blocks) =
        (RecordingExporter::new(), RecordingExporter::scripted(Script::always(Do::Block)));
    let provider = provider_with_sink(&exporter, &blocks);
    let host = |number: usize| format!("dbc-{number}.cloud.databricks.com");
    let leases: Vec<_> = (0..20).map(|number| provider.acquire(Target::new(host(number)))).collect();
    let sessions: Vec<_> = leases.iter().map(open).collect();
    let start = std::time::Instant::now();
    let until = |calls, accepted| {
        while blocks.script().calls() < calls || exporter.accepted().len() < accepted {
            assert!(start.elapsed() < LONG, "{} calls", blocks.script().calls());
            std::thread::yield_now();
        }
    };
    until(8, 0);
    sessions.iter().for_each(|session| session.statement().complete());
    until(8, 40);
    assert_eq!(blocks.script().calls(), 8, "and it has eight threads itself");
    blocks.script().release();
}
