//! A steady load, with an outage of the service of telemetry in its middle: what does an outage cost?

use std::sync::Arc;
use std::time::{Duration, Instant};

use telemetry_core::CloseOutcome;
use telemetry_core::status::Status;
use tokio::task::JoinSet;

use crate::driver::{Connection, Driver, Error, Fetch, Options};
use crate::terminal::Progress;

/// What is run, and when the service of telemetry is out.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is made whole, of a command line")]
pub struct Load {
    /// Statements a second.
    pub rate: u32,
    /// For how long.
    pub length: Duration,
    /// How long of that, in the middle, the service of telemetry answers 503.
    pub outage: Duration,
}

impl Load {
    /// Whether the service is out at this time after the start.
    pub fn is_out(&self, at: Duration) -> bool {
        let begin = self.length.saturating_sub(self.outage) / 2;
        at >= begin && at < begin + self.outage
    }
}

/// How long statements took, for their caller.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The latency that this share of them, in percent, stayed under.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = sorted.len() * percent / 100;
        sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

/// What a load came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// Of the statements while the service worked.
    pub well: Latencies,
    /// Of the statements while it was out.
    pub out: Latencies,
    /// Statements that failed.
    pub failed: usize,
    /// The most records that were held at a time.
    pub most_held: u64,
    /// How telemetry closed.
    pub closed: CloseOutcome,
    /// The status after that.
    pub status: Status,
}

/// Runs a load on one connection. `outage` is called when an outage begins, with `true`, and when it ends.
///
/// # Errors
///
/// What the driver says of opening and closing.
pub async fn run(
    driver: &Driver,
    options: Options,
    load: Load,
    within: Duration,
    outage: impl Fn(bool),
) -> Result<Loaded, Error> {
    let connection = Arc::new(driver.connect(options).await?);
    let progress = Progress::new();
    let (mut well, mut out, mut failed, mut most_held) = (Latencies::default(), Latencies::default(), 0, 0);
    let mut running = JoinSet::new();
    let mut count = |took: Result<(bool, Duration), Error>| match took {
        Ok((true, took)) => out.0.push(took),
        Ok((false, took)) => well.0.push(took),
        Err(_) => failed += 1,
    };
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / load.rate.max(1));
    let (start, mut was_out) = (Instant::now(), false);
    while start.elapsed() < load.length {
        ticks.tick().await;
        let is_out = load.is_out(start.elapsed());
        if is_out != was_out {
            outage(is_out);
            was_out = is_out;
        }
        running.spawn(statement(Arc::clone(&connection), is_out));
        while let Some(done) = running.try_join_next() {
            count(done.unwrap_or(Err(Error::Cancelled)));
        }
        most_held = connection.telemetry().records.held.max(most_held);
        let (at, of) = (start.elapsed().as_secs(), load.length.as_secs());
        let state = if is_out { "the service of telemetry is out" } else { "all is well" };
        progress.show(format_args!("{at} of {of} s: {state}"));
    }
    outage(false);
    while let Some(done) = running.join_next().await {
        count(done.unwrap_or(Err(Error::Cancelled)));
    }
    let (closed, _) = connection.close(within).await?;
    Ok(Loaded { well, out, failed, most_held, closed, status: connection.telemetry() })
}

async fn statement(connection: Arc<Connection>, is_out: bool) -> Result<(bool, Duration), Error> {
    let start = Instant::now();
    connection.query("SELECT r_name FROM region", Fetch::Inline).await?;
    Ok((is_out, start.elapsed()))
}
