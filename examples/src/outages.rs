//! What an outage of the service of telemetry costs: the real pipeline with its default settings, moved
//! through a quarter of an hour by a clock that stands still until it is told.
//!
//! The service answers at once, and 503 while it is out. Beside each outage stands what it costs a design
//! that keeps nothing back: it drops what it would send while its breaker is open, and a batch whose retries
//! are used up.

use std::fmt;
use std::ops::Range;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use telemetry_breaker::BreakerRegistry;
use telemetry_core::plugin::{AlwaysClosed, Attempt, BreakerSource, Outcome, PluginError, Receipt, Tick};
use telemetry_core::status::{Counts, DropReason, RecordLedger};
use telemetry_core::{
    BuildError, ClientProvider, Clock, ConnectionInfo, DEFAULT_CLOSE, DriverIdentity, Exporter, Mode,
    Runtime, SystemInfo, Target, TelemetryConfig,
};
use telemetry_flags::StaticFlags;
use telemetry_testkit::FakeClock;

/// How long statements run, at an even rate.
pub const LENGTH: Duration = Duration::from_secs(15 * 60);

/// How long after the connection was opened the outage begins.
const BEGIN: Duration = Duration::from_secs(60);

/// What `max_records` is by default, for the estimate.
const MAX_RECORDS: u64 = 500;

/// How often a batch is tried again by the design that keeps nothing back: as often as ours is in a row.
const MAX_RETRIES: u32 = 3;

/// The outages of the table.
pub const OUTAGES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(10 * 60),
];

/// The rates of the table, in statements a second.
pub const RATES: [u32; 3] = [1, 10, 100];

/// What one outage costs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Cost {
    /// How long the service was out.
    pub outage: Duration,
    /// Statements a second.
    pub rate: u32,
    /// What became of the records of this pipeline.
    pub records: RecordLedger,
    /// How long after the outage's begin the first batch was accepted again.
    pub back_after: Duration,
    /// How many records the design that keeps nothing back lost.
    pub dropping: u64,
}

impl Cost {
    /// Runs both designs through one outage, with the default settings.
    ///
    /// # Errors
    ///
    /// What building a provider says.
    pub fn of(outage: Duration, rate: u32) -> Result<Self, BuildError> {
        let (records, back_after) = through(TelemetryConfig::default(), outage, rate)?;
        let clock = FakeClock::new();
        let dropping = Dropping {
            service: Service::out_for(&clock, outage),
            breakers: BreakerRegistry::default(),
            failures: AtomicU32::new(0),
        };
        let dropping = run(&clock, TelemetryConfig::default(), rate, dropping, AlwaysClosed)?.dropped.total();
        Ok(Cost { outage, rate, records, back_after, dropping })
    }

    /// What the formula says is lost: what is made until a batch is accepted again, less what may be held.
    pub fn estimate(&self) -> u64 {
        let made = self.back_after.as_secs_f64() * f64::from(self.rate);
        (made.round() as u64).saturating_sub(MAX_RECORDS)
    }
}

/// Runs this pipeline through one outage: what became of its records, and how long after the outage's begin
/// the first batch was accepted again.
///
/// # Errors
///
/// What building a provider says.
pub fn through(
    config: TelemetryConfig,
    outage: Duration,
    rate: u32,
) -> Result<(RecordLedger, Duration), BuildError> {
    let clock = FakeClock::new();
    let service = Service::out_for(&clock, outage);
    let records = run(&clock, config, rate, Arc::clone(&service), BreakerRegistry::default())?;
    Ok((records, service.back_after()))
}

/// All outages at all rates.
///
/// # Errors
///
/// What building a provider says.
pub fn all() -> Result<Vec<Cost>, BuildError> {
    let pairs = OUTAGES.into_iter().flat_map(|outage| RATES.map(|rate| (outage, rate)));
    pairs.map(|(outage, rate)| Cost::of(outage, rate)).collect()
}

/// The costs as a table of Markdown.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it wraps what it shows")]
pub struct Markdown<'a>(pub &'a [Cost]);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings = [
            "outage",
            "statements/s",
            "made",
            "delivered",
            "lost",
            "back after",
            "formula",
            "lost by a design that drops",
        ];
        writeln!(f, "| {} |", headings.join(" | "))?;
        writeln!(f, "|{}", " ---: |".repeat(headings.len()))?;
        for cost in self.0 {
            let Cost { outage, rate, records, back_after, dropping } = cost;
            let RecordLedger { made, accepted, dropped, .. } = records;
            let (outage, back) = (Length(*outage), back_after.as_secs_f64());
            let (lost, estimate) = (Lost(dropped), cost.estimate());
            writeln!(
                f,
                "| {outage} | {rate} | {made} | {accepted} | {lost} | {back:.1} s | {estimate} | {dropping} |"
            )?;
        }
        Ok(())
    }
}

struct Length(Duration);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds < 60 => write!(f, "{seconds} s"),
            seconds => write!(f, "{} min", seconds / 60),
        }
    }
}

struct Lost<'a>(&'a Counts<DropReason>);

impl fmt::Display for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.total() == 0 { f.write_str("0") } else { write!(f, "{}", self.0) }
    }
}

/// One connection that runs statements at an even rate, and is closed in the end. What became of its records.
fn run(
    clock: &FakeClock,
    config: TelemetryConfig,
    rate: u32,
    exporter: impl Exporter,
    breakers: impl BreakerSource,
) -> Result<RecordLedger, BuildError> {
    const FLAG: &str = "enabled";
    // A client seeds its backoff from this thread's generator, so that every run draws the same waits.
    fastrand::seed(1);
    let identity = DriverIdentity::builder().name("Outages").version("1.0.0").client("OUTAGES").flag(FLAG);
    let provider = ClientProvider::builder(identity.build()?)
        .config(config.mode(Mode::On))
        .exporter(exporter)
        .flags(StaticFlags::new([(FLAG, true)]))
        .breakers(breakers)
        .clock(clock.clone())
        .runtime(Runtime::Manual)
        .system(SystemInfo::default())
        .environment(|_| None)
        .build()?;
    let begin = clock.now();
    let lease = provider.acquire(Target::new("workspace.example.com"));
    let session = lease.opening(ConnectionInfo::new()).opened_without_id();
    let statements = LENGTH.as_secs() * u64::from(rate);
    for number in 1..=statements {
        let at = begin + Duration::from_nanos(1_000_000_000 / u64::from(rate) * number);
        pass(clock, &provider, at);
        session.statement().complete();
        provider.step();
    }
    let mut close = pin!(lease.close(DEFAULT_CLOSE));
    while close.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        provider.step();
        clock.advance_to_next();
    }
    Ok(lease.status().records)
}

/// Moves the clock to this moment, and the workers at each moment on the way that they wait for.
fn pass(clock: &FakeClock, provider: &ClientProvider, to: Tick) {
    while let Some(at) = clock.next_wake().filter(|at| *at <= to) {
        clock.advance(at - clock.now());
        provider.step();
    }
    clock.advance(to - clock.now());
}

/// A service that answers at once, and 503 while it is out.
#[derive(Debug)]
struct Service {
    clock: FakeClock,
    out: Range<Tick>,
    back: Mutex<Option<Tick>>,
}

impl Service {
    fn out_for(clock: &FakeClock, outage: Duration) -> Arc<Self> {
        let begin = clock.now() + BEGIN;
        Arc::new(Service { clock: clock.clone(), out: begin..begin + outage, back: Mutex::default() })
    }

    fn back_after(&self) -> Duration {
        let back = *self.back.lock().unwrap_or_else(PoisonError::into_inner);
        back.unwrap_or(Tick::MAX) - self.out.start
    }
}

#[async_trait]
impl Exporter for Service {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let now = self.clock.now();
        if self.out.contains(&now) {
            return Err(PluginError::new(503));
        }
        if self.out.end <= now {
            self.back.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
        }
        Ok(Receipt::new(attempt.records.len()))
    }
}

/// A design that keeps nothing back, as an exporter: what it can't send now it drops. It has a breaker with
/// the same settings, and tries a batch as often.
#[derive(Debug)]
struct Dropping {
    service: Arc<Service>,
    breakers: BreakerRegistry,
    /// How often the batch in hand has failed.
    failures: AtomicU32,
}

#[async_trait]
impl Exporter for Dropping {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        const DROPPED: Receipt = Receipt::new(0);
        let breaker = self.breakers.breaker(attempt.host);
        let Ok(permit) = breaker.admit(self.service.clock.now()) else {
            self.failures.store(0, Ordering::Relaxed);
            return Ok(DROPPED);
        };
        let sent = self.service.export(attempt).await;
        let outcome = if sent.is_ok() { Outcome::Success } else { Outcome::FAILURE };
        permit.settle(outcome, self.service.clock.now());
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        if sent.is_ok() || before >= MAX_RETRIES {
            self.failures.store(0, Ordering::Relaxed);
            return Ok(sent.unwrap_or(DROPPED));
        }
        sent
    }
}
