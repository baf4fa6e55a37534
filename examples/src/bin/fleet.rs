//! What a fleet of processes does to the service of telemetry, as tables: through an outage of ten minutes,
//! and for a day.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use examples::fleet::tables::{DAYS, DAYS_HEAD, Day, OUTAGES, OUTAGES_HEAD, Through};
use examples::terminal::{self, Output};

/// What a fleet of processes does to the service of telemetry, as tables: those of the guide on sizing. The
/// processes are the real thing, and a clock that is moved by hand takes them through. Build it with
/// `--release`.
#[derive(Debug, Parser)]
#[command(name = "fleet")]
struct Arguments {
    /// How many processes go through each outage. Each may hold 0.3 MB in it.
    #[arg(long, default_value_t = 10_000)]
    processes: u64,
    /// How many processes stand for a million in the table of days.
    #[arg(long, default_value_t = 2_000)]
    sample: u64,
    /// How many hours a day has.
    #[arg(long, default_value_t = 24)]
    hours: u64,
}

fn main() -> ExitCode {
    terminal::end(run(&Arguments::parse(), &mut Output::new()))
}

fn run(arguments: &Arguments, out: &mut Output) -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { processes, sample, hours } = *arguments;
    if processes > 0 {
        out.line(format_args!("{processes} processes through an outage of 10 min, by the second:\n"))?;
        out.line(OUTAGES_HEAD)?;
        for outage in OUTAGES {
            out.line(Through::play(processes, outage)?)?;
        }
    }
    if sample > 0 {
        out.line(format_args!("\nA million processes for {hours} h, {sample} of them real:\n"))?;
        out.line(DAYS_HEAD)?;
        for day in DAYS {
            out.line(Day::play(sample, Duration::from_secs(hours * 3600), day)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
