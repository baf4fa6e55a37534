//! A host that waits for signals on one thread: telemetry's threads take none of them away.

use std::error::Error;
use std::fs;
use std::time::Duration;

use clap::Args;
use examples::terminal::Output;
use nix::sys::signal::{SigSet, Signal};

use crate::connections::{SHARED, Tally, acquire, connect};
use crate::provider;

#[derive(Debug, Args)]
pub(crate) struct Signals {
    /// A service that never answers, as a URL with a name in it.
    #[arg(long)]
    service: String,
}

impl Signals {
    pub(crate) fn run(&self, out: &mut Output) -> Result<Vec<String>, Box<dyn Error>> {
        let tally = Tally::default();
        let provider = provider()?;
        let lease = acquire(&provider, &self.service, SHARED);
        connect(&provider, &self.service, SHARED, 1, Duration::ZERO, &tally);
        // Waits for a service that doesn't answer, on a thread that another runtime would.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?;
        let (waits, within) = (acquire(&provider, &self.service, "other"), Duration::from_secs(60));
        drop(waits.opening(telemetry_core::ConnectionInfo::new()));
        runtime.spawn(async move { waits.close(within).await });

        // Only now, so that no thread has the mask from here. One in which they weren't blocked would get the
        // signal, and the process end of it.
        let mut awaited = SigSet::empty();
        [Signal::SIGUSR1, Signal::SIGTERM].into_iter().for_each(|signal| awaited.add(signal));
        let begun = std::time::Instant::now();
        let mut threads = masks()?;
        // Three of three names: one that has just been started bears its starter's.
        while (threads.len(), names(&threads)) != (3, 3) && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(5));
            threads = masks()?;
        }
        runtime.shutdown_background();
        awaited.thread_block()?;
        for (name, mask) in threads {
            out.line(format_args!("{name} {mask}"))?;
        }
        out.line("ready")?;
        for _ in 0..2 {
            out.line(awaited.wait()?)?;
        }
        drop(lease);
        Ok(tally.into_broken())
    }
}

/// How many names these threads have.
fn names(threads: &[(String, String)]) -> usize {
    threads.iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>().len()
}

/// The signals that are blocked on each of telemetry's threads, as the system writes them.
fn masks() -> std::io::Result<Vec<(String, String)>> {
    let mut masks = Vec::new();
    for task in fs::read_dir("/proc/self/task")?.flatten() {
        let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        if field("Name:").starts_with("telemetry") {
            masks.push((field("Name:").to_owned(), field("SigBlk:").to_owned()));
        }
    }
    Ok(masks)
}
