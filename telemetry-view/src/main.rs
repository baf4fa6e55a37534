//! Shows what a driver's telemetry sends from this machine. `telemetry-view --help` says how.
//!
//! A request becomes an [`arrival::Arrival`], from a line of a file ([`follow`]) or from the network.
//! [`reading`] takes it apart by the wire's own reader, and [`store`] holds what was read within a bound in
//! bytes, with the counts of all that ever came. [`summary`] prints the same as the page shows.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), expect(dead_code, reason = "the page will read these"))]

mod arrival;
mod cli;
mod follow;
mod reading;
mod store;
mod summary;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
