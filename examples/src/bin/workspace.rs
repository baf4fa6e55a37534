//! A workspace on this machine, for drivers in any language. `--help` says how.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use examples::terminal::{self, Output};
use examples::{tpch, warehouse::Warehouse};
use telemetry_core::plugin::Headers;
use telemetry_testkit::{FakeWorkspace, FakeWorkspaceBuilder, Received};

/// Runs a workspace until it is stopped. Its first line is its URL; then follow the records that it accepts,
/// as JSON, one a line, and, with --strict, what it refuses.
///
/// It answers for flags and telemetry, and runs statements of the Statement Execution API on SQLite, for
/// anybody, with results in JSON. It has no Thrift and no Arrow.
#[derive(Debug, Parser)]
#[command(name = "workspace")]
struct Arguments {
    /// The port of 127.0.0.1; without it, one that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Speaks HTTPS, for 127.0.0.1, localhost and the names of --allow-host.
    #[arg(long)]
    tls: bool,
    /// Writes the certificate that clients are to trust to FILE. Implies --tls.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Issues tokens to this application; flags and telemetry take no others. Statements run for anybody.
    #[arg(long, value_name = "ID", requires = "client_secret")]
    client_id: Option<String>,
    /// The application's secret.
    #[arg(long, value_name = "SECRET", requires = "client_id")]
    client_secret: Option<String>,
    /// A feature flag that is on. May be given more than once.
    #[arg(long, value_name = "NAME")]
    flag: Vec<String>,
    /// Another name by which clients know this machine, beside its loopback addresses and localhost. A
    /// request for any other host is answered 421, and one that a browser makes for a page 403. May be given
    /// more than once.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Refuses what the schema doesn't have, and events whose ids don't hold.
    #[arg(long)]
    strict: bool,
}

/// Text of others, with nothing in it that a terminal obeys: control characters as JSON escapes them.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        if letter.is_control() {
            shown += &format!("\\u{:04x}", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    shown
}

fn main() -> ExitCode {
    terminal::end(run(Arguments::parse()))
}

fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error>> {
    const ANYBODY: &str = "anybody";
    let warehouse = Warehouse::new(&[ANYBODY], 200, tpch::create)?;
    let mut builder = FakeWorkspace::builder().port(arguments.port).route(move |request: &Received| {
        let host = request.headers.get("host").unwrap_or_default().to_owned();
        let headers = Headers::bearer(ANYBODY).with("host", host);
        warehouse.route(&Received::new(&request.method, &request.path, headers, request.body.clone()))
    });
    // No page that somebody looks at meanwhile, whatever its name leads to, is to run statements here.
    builder = arguments.allow_host.iter().fold(builder.refuse_pages(), FakeWorkspaceBuilder::allow_host);
    let names: Vec<_> = arguments.allow_host.iter().map(String::as_str).collect();
    builder = if arguments.tls || arguments.ca_file.is_some() { builder.tls(&names) } else { builder };
    builder = if arguments.strict { builder.strict() } else { builder };
    if let Some(file) = arguments.ca_file {
        builder = builder.ca_file(file);
    }
    if let (Some(id), Some(secret)) = (arguments.client_id, arguments.client_secret) {
        builder = builder.client_credentials(&id, &secret);
    }
    let workspace = builder.try_start()?;
    arguments.flag.iter().for_each(|name| workspace.set_flag(name, true));
    let mut out = Output::new();
    out.line(workspace.url())?;
    let (mut records, mut refused) = (0, 0);
    loop {
        workspace.wait_for_records(records + 1, Duration::from_secs(1));
        for record in workspace.records().drain(..).skip(records) {
            out.line(plain(&record.to_string()))?;
            records += 1;
        }
        for violation in workspace.violations().drain(..).skip(refused) {
            out.line(format_args!("refused: {}", plain(&violation)))?;
            refused += 1;
        }
    }
}
