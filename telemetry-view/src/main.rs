//! Shows what a driver's telemetry sends from this machine. `telemetry-view --help` says how.
//!
//! A request becomes an [`arrival::Arrival`], from a line of a file ([`follow`]) or from the network
//! ([`listen`], which is a workspace's endpoints, and [`tee`], which passes on what comes). It waits in
//! [`intake`] until one thread has read it: [`reading`] takes it apart by the wire's own reader, and
//! [`store`] holds what was read within a bound in bytes, with the counts of all that ever came. [`server`]
//! serves the page, whose files are in `page/`; [`summary`] prints the same as text. [`keep`] has the copy in
//! SQLite, and the questions to it.

#![forbid(unsafe_code)]

mod arrival;
mod cli;
mod follow;
mod intake;
mod keep;
mod listen;
mod reading;
mod server;
mod store;
mod summary;
mod tee;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
