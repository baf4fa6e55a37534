//! A program with the library linked in, for tests to run as a real process: under limits, beside services
//! that fail, to ends in the middle of everything. It exits with 0 if the library kept its promises, and says
//! which it broke if not.
//!
//! What it measures of itself it reads from `/proc`, so it runs on Linux.

mod connections;
mod end;
mod play;
mod service;
mod shortage;
#[cfg(unix)]
mod signals;
mod soak;
mod traces;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use examples::compose;
use examples::embedded::Embedded;
use examples::terminal::{self, Output};
use telemetry_core::{ClientProvider, TelemetryConfig};

/// What the program exits with when anything panics, whoever catches it.
const PANICKED: i32 = 97;

/// Runs a program with telemetry, and says whether telemetry hurt it.
#[derive(Debug, Parser)]
#[command(name = "scenario")]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Many threads open connections, run statements and end them, and nothing is left in the end.
    Play(play::Play),
    /// The system has no thread to give, from the start and later. Run it under a limit.
    Threads(shortage::Shortage),
    /// The system has no file descriptor to give, from the start and later. Run it under a limit.
    Descriptors(shortage::Shortage),
    /// Waits for SIGUSR1 and SIGTERM, while all of telemetry's threads are there.
    #[cfg(unix)]
    Signals(signals::Signals),
    /// Ends while other threads record, close and acquire.
    End(end::End),
    /// Plays for a long time against services that change, and measures itself each minute.
    Soak(soak::Soak),
    /// What the soak runs beside itself: services that behave as standard input says.
    #[command(hide = true)]
    Service,
}

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        _ = writeln!(std::io::stderr(), "{panic}");
        std::process::exit(PANICKED);
    }));
    let out = &mut Output::new();
    terminal::end(match Arguments::parse().scenario {
        Scenario::Play(play) => play.run(out).map(verdict),
        Scenario::Threads(shortage) => shortage.of_threads(out).map(verdict),
        Scenario::Descriptors(shortage) => shortage.of_descriptors(out).map(verdict),
        #[cfg(unix)]
        Scenario::Signals(signals) => signals.run(out).map(verdict),
        Scenario::End(end) => end.run(),
        Scenario::Soak(soak) => soak.run(out).map(verdict),
        Scenario::Service => service::serve(out).map(|()| ExitCode::SUCCESS),
    })
}

/// The promises that were broken, on standard error.
fn verdict(broken: Vec<String>) -> ExitCode {
    for promise in &broken {
        _ = writeln!(std::io::stderr(), "{promise}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The whole composition, as a driver has it.
fn provider() -> Result<ClientProvider, Box<dyn Error>> {
    Ok(compose::telemetry(config(), None)?.build()?)
}

/// A driver's settings, for services on this machine. What failed is tried again while the program runs.
fn config() -> TelemetryConfig {
    Embedded::config().flush_interval(Duration::from_millis(500)).flag_retry(Duration::from_secs(1))
}
