//! What outages of the service of telemetry cost, at several rates, as a table. It takes no options, and
//! prints the same table each time: that of the guide on sizing.

use std::error::Error;
use std::process::ExitCode;

use examples::outages::{self, LENGTH, Markdown};
use examples::terminal::{self, Output};

fn main() -> ExitCode {
    terminal::end(run(&mut Output::new()))
}

fn run(out: &mut Output) -> Result<ExitCode, Box<dyn Error>> {
    out.line(format_args!(
        "Default settings; statements run for {} min; the service answers 503 while it is out.\n",
        LENGTH.as_secs() / 60
    ))?;
    out.line(Markdown(&outages::all()?))?;
    Ok(ExitCode::SUCCESS)
}
