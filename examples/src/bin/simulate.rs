//! Plays days of telemetry in milliseconds, each by a seed, and says which promise broke.

use std::panic;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anstream::{eprintln, println};
use clap::Parser;
use examples::simulation::{Coverage, FlagMode, ServiceMode, run};

/// Plays days of telemetry in milliseconds, each by a seed, and says which promise broke.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// How many steps of each.
    #[arg(long, default_value_t = 500)]
    steps: usize,
    /// Goes on for so many seconds, whatever the number of seeds.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u64>,
}

fn main() -> ExitCode {
    let Arguments { seed, seeds, steps, seconds } = Arguments::parse();
    let panics = count_panics();
    let begun = Instant::now();
    let mut coverage = Coverage::new();
    let (mut played, mut attempts, mut accepted, mut closes) = (0, 0, 0, 0);
    loop {
        let go_on = match seconds {
            Some(seconds) => begun.elapsed() < Duration::from_secs(seconds),
            None => played < seeds,
        };
        if !go_on {
            break;
        }
        match run(seed + played, steps) {
            Ok(outcome) => {
                attempts += outcome.attempts;
                accepted += outcome.accepted;
                closes += outcome.closes;
                for (what, times) in outcome.coverage {
                    *coverage.entry(what).or_default() += times;
                }
            }
            Err(violation) => {
                eprintln!("{violation}");
                eprintln!(
                    "again: cargo run --release -p examples --bin simulate -- --seed {} --seeds 1 --steps {steps}",
                    violation.seed
                );
                return ExitCode::FAILURE;
            }
        }
        played += 1;
        if panics.load(Ordering::SeqCst) > 0 {
            eprintln!("seed {}: a panic that nobody planted", seed + played - 1);
            return ExitCode::FAILURE;
        }
    }
    println!("{played} seeds of {steps} steps in {:.1} s: no promise broken", begun.elapsed().as_secs_f64());
    println!("{attempts} attempts, {accepted} records accepted, {closes} closes");
    let all = ServiceMode::ALL.len() * 3 * FlagMode::ALL.len();
    let least = coverage.iter().min_by_key(|(_, times)| **times);
    println!("{} of {all} combinations of service, breaker and flag", coverage.len());
    if let Some(((service, breaker, flag), times)) = least {
        println!(
            "the rarest {times} times: the service {service:?}, the breaker {breaker}, the flag {flag:?}"
        );
    }
    ExitCode::SUCCESS
}

/// Counts panics that weren't planted, and keeps the others silent.
fn count_panics() -> &'static AtomicU64 {
    static PANICS: AtomicU64 = AtomicU64::new(0);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"planted") {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }
    }));
    &PANICS
}
