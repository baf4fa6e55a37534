//! Many threads, many connections, several services; and nothing left in the end.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use examples::terminal::Output;
use telemetry_core::{ClientProvider, Lease};

use crate::connections::{SHARED, Tally, acquire, connect};
use crate::provider;
use crate::traces::{Allowed, Traces, threads};

#[derive(Clone, Debug, Args)]
pub(crate) struct Play {
    /// A service, as a URL. Threads begin with one each, and go round.
    #[arg(long = "service", required = true)]
    pub(crate) services: Vec<String>,
    #[arg(long, default_value_t = 8)]
    pub(crate) threads: u64,
    /// How many connections each thread opens.
    #[arg(long, default_value_t = 100)]
    pub(crate) connections: u64,
    /// Goes on for so many milliseconds, whatever the number of connections.
    #[arg(long = "for", value_name = "MILLISECONDS")]
    pub(crate) length: Option<u64>,
    /// How long a close or a flush may take, in milliseconds.
    #[arg(long, default_value_t = 200)]
    pub(crate) within: u64,
    /// How many clients connections of one service are spread over, that are not held open.
    #[arg(long, default_value_t = 2)]
    pub(crate) principals: u64,
    /// How often all of it is done, each time with a new provider.
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: u64,
    /// How much more memory there may be after a later round than after the first, in MiB.
    #[arg(long, default_value_t = 16)]
    pub(crate) slack: u64,
}

/// What a round came to.
#[derive(Debug, Default)]
pub(crate) struct Played {
    pub(crate) connections: u64,
    /// Of the shared clients: records that were to come, that came, that were accepted.
    pub(crate) recorded: u64,
    pub(crate) made: u64,
    pub(crate) accepted: u64,
    pub(crate) longest_call_ms: u64,
    pub(crate) latest_close_ms: u64,
    /// The most threads that telemetry had at a time: of each name, and of all as `threads`.
    pub(crate) threads: BTreeMap<String, usize>,
    pub(crate) broken: Vec<String>,
}

impl Play {
    pub(crate) fn run(&self, out: &mut Output) -> Result<Vec<String>, Box<dyn Error>> {
        let start = Traces::now()?;
        let mut warm = None;
        let mut broken = Vec::new();
        for _ in 0..self.rounds {
            if !broken.is_empty() {
                break;
            }
            let mut played = self.round(&provider()?)?;
            broken.append(&mut played.broken);
            broken.extend(Traces::left_since(&start, Allowed::default())?);
            played.print(out)?;
            let memory = Traces::now()?.memory_kib;
            let warm = *warm.get_or_insert(memory);
            out.line(format_args!("memory-kib {memory}"))?;
            if memory > warm + self.slack * 1024 {
                broken.push(format!("memory: {memory} KiB, and {warm} after the first round"));
            }
        }
        Ok(broken)
    }

    /// All connections, over this provider.
    pub(crate) fn round(&self, provider: &ClientProvider) -> Result<Played, Box<dyn Error>> {
        let tally = Tally::default();
        let shared: Vec<_> = self.services.iter().map(|url| acquire(provider, url, SHARED)).collect();
        let running = AtomicU64::new(self.threads);
        let most = std::thread::scope(|scope| {
            for thread in 0..self.threads {
                let (tally, running) = (&tally, &running);
                let run = move || {
                    self.thread(thread, provider, tally);
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                // Its own threads are the host's, and no matter of telemetry's.
                std::thread::Builder::new().name("host".to_owned()).spawn_scoped(scope, run)?;
            }
            most_threads(|| running.load(Ordering::SeqCst) > 0)
        })?;
        let mut played = Played { threads: most, ..Played::default() };
        for lease in &shared {
            played.end(lease, self.within(), &tally);
        }
        drop(shared);
        played.connections = tally.connections();
        played.recorded = tally.recorded();
        played.longest_call_ms = tally.longest_call_ms();
        played.latest_close_ms = tally.latest_close_ms();
        played.broken = tally.into_broken();
        Ok(played)
    }

    fn within(&self) -> Duration {
        Duration::from_millis(self.within)
    }

    fn thread(&self, thread: u64, provider: &ClientProvider, tally: &Tally) {
        let (start, services) = (Instant::now(), self.services.len() as u64);
        let goes_on = |done| match self.length {
            Some(length) => start.elapsed() < Duration::from_millis(length),
            None => done < self.connections,
        };
        let mut done = 0;
        while goes_on(done) {
            let number = thread + done;
            let place = (number % services) as usize;
            let principal = match (number / services) % (self.principals + 1) {
                0 => SHARED.to_owned(),
                other => format!("principal-{other}"),
            };
            if let Some(url) = self.services.get(place) {
                connect(provider, url, &principal, number, self.within(), tally);
            }
            done += 1;
        }
    }
}

impl Played {
    /// The end of a client that was held open.
    fn end(&mut self, lease: &Lease, within: Duration, tally: &Tally) {
        drop(tally.wait("the last close", within, || lease.close_blocking(within)));
        tally.books(lease, true);
        let records = lease.status().records;
        self.made += records.made;
        self.accepted += records.accepted;
    }

    fn print(&self, out: &mut Output) -> Result<(), Box<dyn Error>> {
        out.line(format_args!("connections {}", self.connections))?;
        out.line(format_args!("recorded {}", self.recorded))?;
        out.line(format_args!("made {}", self.made))?;
        out.line(format_args!("accepted {}", self.accepted))?;
        out.line(format_args!("longest-call-ms {}", self.longest_call_ms))?;
        out.line(format_args!("latest-close-ms {}", self.latest_close_ms))?;
        for (name, most) in &self.threads {
            out.line(format_args!("{name} {most}"))?;
        }
        Ok(())
    }
}

/// The most threads that telemetry has at a time, of each name and of all, for as long as this holds.
fn most_threads(goes_on: impl Fn() -> bool) -> std::io::Result<BTreeMap<String, usize>> {
    let mut most = BTreeMap::new();
    while goes_on() {
        let mut threads = threads()?;
        threads.retain(|name, _| name.starts_with("telemetry"));
        let all = threads.values().sum();
        for (name, now) in threads.into_iter().chain([("threads".to_owned(), all)]) {
            let most: &mut usize = most.entry(name).or_default();
            *most = now.max(*most);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(most)
}
