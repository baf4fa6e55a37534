//! The command line.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::arrival::Line;
use crate::follow::Follower;
use crate::store::Store;
use crate::summary;

/// Shows what a driver's telemetry sends from this machine.
#[derive(Debug, Parser)]
#[command(name = "telemetry-view", version)]
struct Arguments {
    /// A dry run's file, or a dump of bodies, one a line. What was set aside as FILE.1 is read too.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Prints the same as text, and ends.
    #[arg(long)]
    summary: bool,
    /// How much is held, in MiB; past that the oldest go.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(32..=4096))]
    memory: u16,
}

type Failed = Box<dyn Error + Send + Sync>;

pub(crate) fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failed> {
    let mut store = Store::new(usize::from(arguments.memory) * 1024 * 1024);
    read_whole(&arguments.file, &mut store)?;
    print(summary::of(&store))
}

/// Reads what is there.
fn read_whole(path: &Path, store: &mut Store) -> Result<(), Failed> {
    let mut follower = Follower::new(path);
    let mut take = |line: &[u8]| match Line::read(line) {
        Line::Request(arrival) => store.take(arrival),
        Line::Books(books) => store.keep_books(books),
        Line::Unreadable => store.counts.strange_lines += 1,
    };
    let named = |error: io::Error| format!("{}: {error}", path.display());
    if !path.exists() {
        return Err(named(ErrorKind::NotFound.into()).into());
    }
    follower.poll(&mut take).map_err(named)?;
    follower.finish(&mut take);
    store.counts.strange_lines += follower.too_long();
    store.counts.missed += follower.gaps;
    Ok(())
}

/// Prints to standard output, which may be closed once enough was read.
fn print(text: impl Display) -> Result<(), Failed> {
    match write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
