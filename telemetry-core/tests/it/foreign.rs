//! What foreign code does in the end, or never does: the driver sees none of it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime};

use crate::common::*;
use telemetry_core::plugin::*;
use telemetry_core::*;
use telemetry_testkit::{Do, FakeClock, RecordingExporter, ScriptedCredentials, ScriptedFlags};

/// Long enough for the busiest machine; nothing waits for it when all is well.
const SAFETY_NET: Duration = Duration::from_secs(60);

/// Does something when it is dropped.
struct OnDrop(Box<dyn Fn() + Send + Sync>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl fmt::Debug for OnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnDrop")
    }
}

/// Accepts everything, and keeps something of its own.
struct Keeping(OnDrop);

impl Keeping {
    fn new(own: impl Fn() + Send + Sync + 'static) -> Self {
        Keeping(OnDrop(Box::new(own)))
    }
}

impl fmt::Debug for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Keeping(own) = self;
        f.debug_tuple("Keeping").field(own).finish()
    }
}

#[async_trait::async_trait]
impl Exporter for Keeping {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        Ok(Receipt::new(attempt.records.len()))
    }
}

#[test]
fn plug_ins_end_on_a_thread_of_their_own_however_long_it_takes_them() {
    let (ended, end) = mpsc::channel::<ThreadId>();
    let (go_on, wait) = mpsc::channel::<()>();
    let (ended, wait) = (Mutex::new(ended), Mutex::new(wait));
    let own = move || {
        let _ = wait.lock().unwrap().recv_timeout(SAFETY_NET);
        let _ = ended.lock().unwrap().send(thread::current().id());
        panic!("in the end");
    };
    let bench = Bench::with(config(), |builder| builder.exporter(Keeping::new(own)));
    let lease = bench.lease();
    drop(open(&lease));
    let _ = bench.close(&lease, SECOND);
    drop((lease, bench));
    // Here already, while the exporter still waits.
    go_on.send(()).unwrap();
    assert_ne!(end.recv_timeout(SAFETY_NET).unwrap(), thread::current().id());
}

/// Breakers that never open, and do something when they are dropped.
struct Ending(OnDrop);

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl BreakerSource for Ending {
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker> {
        AlwaysClosed.breaker(host)
    }
}

#[test]
fn two_plug_ins_may_panic_in_the_end() {
    let (ended, end) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let last = move || {
        let _ = ended.lock().unwrap().send(());
        panic!("the breakers");
    };
    let exporter = Keeping::new(|| panic!("the exporter"));
    let bench =
        Bench::with(config(), |builder| builder.exporter(exporter).breakers(Ending(OnDrop(Box::new(last)))));
    drop(bench);
    // Both end on one thread, the exporter first; a second panic while the first unwinds would end this
    // process.
    end.recv_timeout(SAFETY_NET).unwrap();
}

/// A breaker that never opens, and does something when it is dropped.
#[derive(Debug)]
struct Last(#[expect(dead_code, reason = "it is there to be dropped")] OnDrop);

impl Breaker for Last {
    fn admit(&self, _now: Tick) -> Result<Permit<'_>, Rejected> {
        Ok(Permit::unwatched())
    }

    fn state(&self, _now: Tick) -> BreakerState {
        BreakerState::Closed
    }
}

/// Breakers that count their ends, and panic there.
#[derive(Clone, Debug, Default)]
struct Mortal(Arc<Mutex<Vec<ThreadId>>>);

impl BreakerSource for Mortal {
    fn breaker(&self, _host: &Host) -> Arc<dyn Breaker> {
        let ends = Arc::clone(&self.0);
        Arc::new(Last(OnDrop(Box::new(move || {
            ends.lock().unwrap().push(thread::current().id());
            panic!("the breaker");
        }))))
    }
}

#[test]
fn the_breakers_of_a_host_may_panic_in_the_end() {
    let mortal = Mortal::default();
    let bench = Bench::with(config(), |builder| {
        let sink = Sink::new("sink", RecordingExporter::new()).breakers(mortal.clone());
        builder.breakers(mortal.clone()).sink(sink)
    });
    let lease = bench.lease();
    drop(open(&lease));
    let _ = bench.close(&lease, SECOND);
    drop((lease, bench));
    let (start, ends) = (Instant::now(), || mortal.0.lock().unwrap().clone());
    while ends().len() < 2 {
        assert!(start.elapsed() < SAFETY_NET, "the vendor's and the sink's end");
        thread::yield_now();
    }
    assert!(ends().iter().all(|thread| *thread != thread::current().id()), "and no driver waits for that");
}

/// Credentials that panic when they are dropped.
#[derive(Debug)]
struct Bomb(StaticToken);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Bomb {
    fn scope(&self) -> ScopeId {
        self.0.scope()
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        self.0.headers().await
    }
}

#[test]
fn credentials_may_panic_in_the_end() {
    let bench = Bench::new();
    let lease = bench.lease_of(Bomb(StaticToken::new("a")));
    drop(open(&lease));
    assert!(bench.close(&lease, SECOND).0.is_delivered());
    drop(lease);
    drop(bench.lease_of(Bomb(StaticToken::new("b"))));
}

#[test]
fn the_latest_connections_credentials_are_used_and_outlive_the_first() {
    let bench = Bench::new();
    let (first, second) = (ScriptedCredentials::token("t"), ScriptedCredentials::token("t"));
    let (one, other) = (bench.lease_of(first.clone()), bench.lease_of(second.clone()));
    first.headers_script().set(Do::Fail(Fault::Authentication.into()));
    let asked = first.headers_script().calls();
    assert_eq!(bench.close(&one, SECOND).0, CloseOutcome::Shared);
    drop(open(&other));
    bench.pass(10 * SECOND);
    assert_eq!(other.status().records.accepted, 1);
    assert_eq!(first.headers_script().calls(), asked, "the first connection's login has ended");
}

/// A clock on which nobody ever wakes.
#[derive(Debug)]
struct NeverWakes(FakeClock);

impl Clock for NeverWakes {
    fn now(&self) -> Tick {
        self.0.now()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn sleep_until(&self, _at: Tick) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_clock_that_never_wakes_does_not_hold_up_a_close_for_ever() {
    let exporter = RecordingExporter::new();
    exporter.script().set(Do::Hang);
    let flags = ScriptedFlags::fixed(FLAG, true);
    let provider = ClientProvider::builder(identity())
        .config(config())
        .exporter(exporter)
        .flags(flags)
        .breakers(AlwaysClosed)
        .clock(NeverWakes(FakeClock::new()))
        .environment(|_| None)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(HOST));
    drop(open(&lease));
    let start = Instant::now();
    assert!(matches!(lease.close_blocking(MS), CloseOutcome::TimedOut { .. }));
    assert!(start.elapsed() < SAFETY_NET);
}

/// Blocks its thread at every call, until it is let go; and counts.
#[derive(Clone, Debug, Default)]
struct Blocks {
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    go: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl FeatureFlagSource for Blocks {
    async fn flags(&self, _query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        let start = Instant::now();
        while !self.go.load(Ordering::SeqCst) && start.elapsed() < SAFETY_NET {
            thread::park_timeout(MS);
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Err(Fault::Other.into())
    }
}

#[test]
fn calls_that_block_for_ever_take_only_so_many_threads() {
    let blocks = Blocks::default();
    let provider = ClientProvider::builder(identity())
        .config(config())
        .exporter(RecordingExporter::new())
        .flags(blocks.clone())
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    for _ in 0..100 {
        let lease = provider.acquire(Target::new(HOST));
        drop(open(&lease));
        let _ = lease.close_blocking(MS);
    }
    let most = blocks.most.load(Ordering::SeqCst);
    blocks.go.store(true, Ordering::SeqCst);
    assert!((2..=65).contains(&most), "{most}");
}

/// Credentials that say on which thread they were dropped.
struct Telling(StaticToken, std::sync::Mutex<mpsc::Sender<Option<String>>>);

impl Drop for Telling {
    fn drop(&mut self) {
        let name = thread::current().name().map(str::to_owned);
        let _ = self.1.lock().unwrap().send(name);
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Telling {
    fn scope(&self) -> ScopeId {
        self.0.scope()
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        self.0.headers().await
    }
}

#[test]
fn credentials_end_on_a_thread_that_no_driver_waits_for() {
    let (told, tells) = mpsc::channel();
    let credentials = || Telling(StaticToken::new("t"), Mutex::new(told.clone()));
    let provider = ClientProvider::builder(identity())
        .config(config())
        .exporter(RecordingExporter::new())
        .flags(ScriptedFlags::fixed(FLAG, true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let acquire = || provider.acquire(Target::new(HOST).credentials(credentials()));
    let (one, other) = (acquire(), acquire());
    // They are replaced, given back by a drop, and given back last.
    other.credentials(credentials());
    drop(one);
    let _ = other.close_blocking(SAFETY_NET);
    drop((other, provider));
    for _ in 0..3 {
        let thread = tells.recv_timeout(SAFETY_NET).unwrap();
        assert!(thread.as_deref().is_some_and(|name| name.starts_with("telemetry-")), "{thread:?}");
    }
}

/// A plug-in that says whether it may block, and whether it was called on a thread of the pool.
struct Where {
    may_block: fn() -> bool,
    on_pool: Mutex<mpsc::Sender<bool>>,
}

impl Where {
    fn new(may_block: fn() -> bool) -> (Self, mpsc::Receiver<bool>) {
        let (on_pool, calls) = mpsc::channel();
        (Where { may_block, on_pool: Mutex::new(on_pool) }, calls)
    }

    fn called(&self) {
        let _ = self.on_pool.lock().unwrap().send(thread::current().name() == Some("telemetry-call"));
    }
}

impl fmt::Debug for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Where")
    }
}

#[async_trait::async_trait]
impl Exporter for Where {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        self.called();
        Ok(Receipt::new(attempt.records.len()))
    }

    fn may_block(&self) -> bool {
        (self.may_block)()
    }
}

#[async_trait::async_trait]
impl FeatureFlagSource for Where {
    async fn flags(&self, _query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        self.called();
        Ok(telemetry_testkit::flag(FLAG, true, Duration::MAX))
    }

    fn may_block(&self) -> bool {
        (self.may_block)()
    }
}

impl BreakerSource for Where {
    fn breaker(&self, host: &Host) -> Arc<dyn Breaker> {
        AlwaysClosed.breaker(host)
    }

    fn may_block(&self) -> bool {
        (self.may_block)()
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Where {
    fn scope(&self) -> ScopeId {
        ScopeId::new(7)
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        Ok(AuthHeaders::bearer("t"))
    }

    fn may_block(&self) -> bool {
        (self.may_block)()
    }
}

#[test]
fn the_providers_own_thread_calls_what_says_that_it_never_blocks_and_nothing_else() {
    let never: fn() -> bool = || false;
    // Who asks may get a panic for an answer, which isn't to be trusted.
    let may = || true;
    let panics = || panic!("planted");
    for (flags, exporter, credentials, on_pool) in [
        (never, never, never, [false, false]),
        (may, never, never, [true, false]),
        (never, may, never, [false, true]),
        (never, panics, never, [false, true]),
        (never, never, may, [true, true]),
    ] {
        let ((flags, asked), (exporter, exported)) = (Where::new(flags), Where::new(exporter));
        let provider = ClientProvider::builder(identity())
            .config(config())
            .exporter(exporter)
            .flags(flags)
            .breakers(AlwaysClosed)
            .environment(|_| None)
            .build()
            .unwrap();
        let lease = provider.acquire(Target::new(HOST).credentials(Where::new(credentials).0));
        drop(open(&lease));
        let _ = lease.close_blocking(SAFETY_NET);
        assert_eq!([asked, exported].map(|calls| calls.recv_timeout(SAFETY_NET).unwrap()), on_pool);
    }
}

#[test]
fn a_sink_is_called_there_when_neither_its_exporter_nor_its_breakers_ever_block() {
    let never: fn() -> bool = || false;
    let may = || true;
    for (exporter, breakers, on_pool) in [(never, never, false), (may, never, true), (never, may, true)] {
        let (exporter, exported) = Where::new(exporter);
        let sink = Sink::new("sink", exporter).breakers(Where::new(breakers).0);
        let bench = Bench::with(config(), |builder| builder.runtime(Runtime::Own).sink(sink));
        let lease = bench.lease();
        drop(open(&lease));
        let _ = lease.close_blocking(SAFETY_NET);
        assert_eq!(exported.recv_timeout(SAFETY_NET).unwrap(), on_pool);
    }
}
