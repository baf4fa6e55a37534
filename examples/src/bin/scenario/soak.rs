//! A long run, which measures itself each minute.

use std::error::Error;
use std::time::{Duration, Instant};

use clap::Args;
use examples::terminal::Output;
use telemetry_core::CloseOutcome;

use crate::connections::{SHARED, Tally, acquire, connect};
use crate::play::Play;
use crate::provider;
use crate::service::{BEHAVIOURS, Services};
use crate::traces::{Allowed, Traces};

/// What the provider that lives all the while may have: its thread, and one that ends; its poll, wake-up and
/// connection.
const STEADY: Allowed = Allowed { threads: 2, descriptors: 8 };

/// How much more memory there may be than after the first minute.
const SLACK_KIB: u64 = 16 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// For how many seconds.
    #[arg(long = "for", value_name = "SECONDS", default_value_t = 3600)]
    length: u64,
    /// How many threads open connections.
    #[arg(long, default_value_t = 16)]
    threads: u64,
}

impl Soak {
    pub(crate) fn run(&self, out: &mut Output) -> Result<Vec<String>, Box<dyn Error>> {
        let (mut steady, mut services) = (Services::spawn()?, Services::spawn()?);
        let steady = steady.become_these(&["normal"])?.concat();
        let (start, tally, begun) = (Traces::now()?, Tally::default(), Instant::now());
        let length = Duration::from_secs(self.length);
        let old = provider()?;
        let lease = acquire(&old, &steady, SHARED);
        let (mut broken, mut warm, mut minute, mut total) = (Vec::new(), None, Duration::ZERO, 0);
        while broken.is_empty() && minute < length {
            minute = length.min(minute + Duration::from_secs(60));
            let (mut longest, mut latest) = (0, 0);
            while broken.is_empty() && begun.elapsed() < minute {
                connect(&old, &steady, SHARED, total, Duration::from_secs(1), &tally);
                let play = self.play(services.become_these(&BEHAVIOURS)?);
                // One provider that ends, and the one that lives all the while, for which hosts come and go.
                for provider in [&provider()?, &old] {
                    let mut played = play.round(provider)?;
                    total += played.connections;
                    longest = longest.max(played.longest_call_ms);
                    latest = latest.max(played.latest_close_ms);
                    broken.append(&mut played.broken);
                }
            }
            services.become_these(&[])?;
            broken.extend(Traces::left_since(&start, STEADY)?);
            let now = Traces::now()?;
            let at = begun.elapsed().as_secs();
            out.line(format_args!(
                "{at} s: {total} connections; {now}; longest call {longest} ms, latest close {latest} ms late"
            ))?;
            let warm = *warm.get_or_insert(now.memory_kib);
            if now.memory_kib > warm + SLACK_KIB {
                broken.push(format!("memory: {} KiB, and {warm} after the first minute", now.memory_kib));
            }
        }
        let closed = lease.close_blocking(Duration::from_secs(5));
        tally.books(&lease, true);
        let records = lease.status().records;
        out.line(format_args!("the connection that was open all the while: {records}"))?;
        if closed != (CloseOutcome::Delivered { accepted: tally.recorded() }) {
            broken.push(format!("{} records recorded, and the close {closed}", tally.recorded()));
        }
        drop((lease, old));
        broken.extend(tally.into_broken());
        broken.extend(Traces::left_since(&start, Allowed::default())?);
        Ok(broken)
    }

    fn play(&self, services: Vec<String>) -> Play {
        Play {
            services,
            threads: self.threads,
            connections: 0,
            length: Some(3000),
            within: 200,
            principals: 2,
            rounds: 1,
            slack: 0,
        }
    }
}
