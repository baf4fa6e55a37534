//! The system has no more to give of something: telemetry goes without, and comes back when there is.

use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use clap::Args;
use examples::compose;
use examples::terminal::Output;
use telemetry_core::status::{OffReason, TelemetryState};
use telemetry_core::{ClientProvider, Lease, Mode};

use crate::config;
use crate::connections::{SHARED, Tally, acquire, connect};
use crate::traces::{Allowed, Traces};

/// How long what is delivered again may take.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(crate) struct Shortage {
    /// A service, as a URL. Those after the first are called only while there is a shortage, and after it.
    #[arg(long = "service", required = true)]
    services: Vec<String>,
}

impl Shortage {
    pub(crate) fn of_threads(&self, out: &mut Output) -> Result<Vec<String>, Box<dyn Error>> {
        let take = || {
            let (end, ended) = mpsc::channel::<()>();
            let wait = move || _ = ended.recv();
            let thread = Builder::new().name("host".to_owned()).spawn(wait)?;
            Ok(Thread { end: Some(end), thread: Some(thread) })
        };
        self.run(take, out)
    }

    pub(crate) fn of_descriptors(&self, out: &mut Output) -> Result<Vec<String>, Box<dyn Error>> {
        self.run(|| File::open("/dev/null"), out)
    }

    fn run<T>(
        &self,
        take: impl Fn() -> io::Result<T>,
        out: &mut Output,
    ) -> Result<Vec<String>, Box<dyn Error>> {
        let [first, others @ ..] = &self.services[..] else { return Err("it takes a service".into()) };
        let (start, tally) = (Traces::now()?, Tally::default());

        // From the start.
        let all = take_all(&take)?;
        let early = eager()?;
        let lease = acquire(&early, first, SHARED);
        if !matches!(lease.status().state, TelemetryState::Off(OffReason::NotStarted(_))) {
            tally.broke(format!("not started, and yet {}", lease.status().state));
        }
        // What is said to telemetry that is off comes to nothing, and isn't to be counted.
        let off = Tally::default();
        each_end(&early, first, &off);
        drop((all, lease));
        let lease = acquire(&early, first, SHARED);
        each_end(&early, first, &tally);
        delivered(&lease, "after a start without", &tally);
        let before = lease.status().records.accepted;
        drop((lease, early));

        // Once it has started.
        let later = eager()?;
        let lease = acquire(&later, first, SHARED);
        each_end(&later, first, &tally);
        delivered(&lease, "before", &tally);
        let mut leases: Vec<_> = others.iter().map(|url| acquire(&later, url, SHARED)).collect();
        leases.push(lease);
        let all = take_all(&take)?;
        for url in &self.services {
            each_end(&later, url, &tally);
        }
        drop(all);
        let mut accepted = before;
        for lease in &leases {
            delivered(lease, "when there is some again", &tally);
            tally.books(lease, false);
            accepted += lease.status().records.accepted;
        }
        out.line(format_args!("recorded {}", tally.recorded()))?;
        out.line(format_args!("accepted {accepted}"))?;

        // In the end.
        let all = take_all(&take)?;
        drop((leases, later));
        drop(all);
        let mut broken = tally.into_broken();
        broken.append(&mut off.into_broken());
        broken.extend(Traces::left_since(&start, Allowed::default())?);
        Ok(broken)
    }
}

/// One that doesn't ask for the flag, so that it tries to deliver also during the shortage, which is none of
/// the service's faults: no breaker opens.
fn eager() -> Result<ClientProvider, Box<dyn Error>> {
    Ok(compose::telemetry(config().mode(Mode::Forced), None)?.build()?)
}

/// A connection for each of its ends.
fn each_end(provider: &ClientProvider, url: &str, tally: &Tally) {
    for number in 1..=5 {
        connect(provider, url, SHARED, number, Duration::from_millis(200), tally);
        connect(provider, url, "other", number, Duration::from_millis(200), tally);
    }
}

fn delivered(lease: &Lease, when: &str, tally: &Tally) {
    let outcome = lease.flush_blocking(PATIENCE);
    if !outcome.is_delivered() {
        let status = lease.status();
        tally.broke(format!("{when}: {outcome}; {:?}, {:?}", status.breaker, status.last_failure));
    }
}

/// All that the system gives.
fn take_all<T>(take: impl Fn() -> io::Result<T>) -> Result<Vec<T>, &'static str> {
    let mut all = Vec::new();
    while let Ok(one) = take() {
        all.push(one);
        if all.len() > 10_000 {
            return Err("there is no limit");
        }
    }
    Ok(all)
}

/// A thread that does nothing, until this is dropped.
struct Thread {
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.end.take());
        // It can't panic.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
