//! A driver runs real SQL, and shows what became of its telemetry. `--help` says how.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program for people to look at")]

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use examples::compose::{self, Dump};
use examples::driver::{Driver, Options};
use examples::embedded::{ALICE, BOB, Embedded, Misbehaviour};
use examples::report;
use examples::workload::{self, ANYWHERE, Closing, EMBEDDED};
use telemetry_core::{DEFAULT_CLOSE, Mode, TelemetryConfig};
use telemetry_export_http::DRY_RUN_VARIABLE;

const HELP: &str = "\
Runs a mixed workload through a small SQL driver with telemetry, and shows what became of every record.

    quickstart [--dump FILE] [--fault NAME]

--dump FILE   writes the body of every delivered request to FILE, one JSON document a line
--fault NAME  lets the service of telemetry misbehave: 503, 429, hang, flag-off, flag-hang, garbage or reset
--forced      sends whatever the service's feature flag says; an opt-out in the environment still wins

Without more it starts a workspace on this machine, whose warehouse executes on SQLite. With DATABRICKS_HOST, DATABRICKS_TOKEN
and DATABRICKS_WAREHOUSE_ID set it is the same driver against that workspace; set in part, they are an error.

DATABRICKS_TELEMETRY_DRY_RUN=FILE writes telemetry to FILE instead of sending it; DO_NOT_TRACK=1 turns it off.";

struct Arguments {
    dump: Option<PathBuf>,
    fault: Option<Misbehaviour>,
    mode: Mode,
}

impl Arguments {
    /// `None` where help was asked for.
    fn read(mut from: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut arguments = Arguments { dump: None, fault: None, mode: Mode::On };
        while let Some(argument) = from.next() {
            let mut value = || from.next().ok_or_else(|| format!("{argument} needs a value; see --help"));
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--dump" => arguments.dump = Some(value()?.into()),
                "--fault" => arguments.fault = Some(value()?.parse()?),
                "--forced" => arguments.mode = Mode::Forced,
                _ => return Err(format!("{argument} is not known; see --help")),
            }
        }
        Ok(Some(arguments))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let ran = match workspace(|name| std::env::var(name).ok()) {
        Ok(Some([host, token, warehouse])) => remote(arguments, &host, &token, &warehouse).await,
        Ok(None) => embedded(arguments).await,
        Err(error) => Err(error.into()),
    };
    match ran {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(wrong) => {
            eprintln!("What doesn't agree:\n  {}", wrong.join("\n  "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// What names a workspace: all of it, or nothing.
const WORKSPACE: [&str; 3] = ["DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_WAREHOUSE_ID"];

fn workspace(variable: impl Fn(&str) -> Option<String>) -> Result<Option<[String; 3]>, String> {
    let values = WORKSPACE.map(|name| variable(name).filter(|value| !value.is_empty()));
    let missing: Vec<_> =
        WORKSPACE.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    match values {
        [Some(host), Some(token), Some(warehouse)] => Ok(Some([host, token, warehouse])),
        [None, None, None] => Ok(None),
        _ => Err(format!("a workspace needs {} too", missing.join(" and "))),
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

async fn embedded(arguments: Arguments) -> Result<Vec<String>, Box<dyn Error>> {
    let Arguments { dump, fault, mode } = arguments;
    let dump = dump.as_deref().map(Dump::create).transpose()?;
    let there = Embedded::start(fault)?;
    let config = Embedded::config().mode(mode);
    let driver = Driver::new(compose::telemetry(config, dump)?.build()?)?;

    let start = Instant::now();
    let run =
        workload::run(&driver, there.options(ALICE), there.options(BOB), EMBEDDED, DEFAULT_CLOSE).await?;
    let took = start.elapsed();

    println!(
        "{}\n{}\n{}",
        report::statements(&run),
        report::telemetry(&run),
        report::delivered(&there.workspace)
    );
    let mut wrong = report::wrong_results(&run)?;
    wrong.extend(report::unbalanced(&run));
    // A user who opted out, or only looks, sees nothing arrive.
    let sent = std::env::var_os(DRY_RUN_VARIABLE).is_none() && !run.closings.iter().any(Closing::opted_out);
    if fault.is_none() && sent {
        wrong.extend(report::disagreements(&run, &there.workspace));
    }
    if wrong.is_empty() {
        println!(
            "{} statements in {} ms: what SQLite gives when asked directly. The books balance.",
            run.outcomes.len(),
            took.as_millis()
        );
    }
    Ok(wrong)
}

async fn remote(
    arguments: Arguments,
    host: &str,
    token: &str,
    warehouse: &str,
) -> Result<Vec<String>, Box<dyn Error>> {
    let Arguments { dump, fault, mode } = arguments;
    if fault.is_some() {
        return Err("--fault is for the embedded workspace: unset DATABRICKS_HOST".into());
    }
    let dump = dump.as_deref().map(Dump::create).transpose()?;
    let config = TelemetryConfig::default().mode(mode);
    let driver = Driver::new(compose::telemetry(config, dump)?.build()?)?;
    let host = host.trim_end_matches('/');
    let url = if host.starts_with("https://") { host.to_owned() } else { format!("https://{host}") };
    let options = Options::new(url, token, warehouse);
    let run = workload::run(&driver, options.clone(), options, ANYWHERE, DEFAULT_CLOSE).await?;
    println!("{}\n{}", report::statements(&run), report::telemetry(&run));
    Ok(report::unbalanced(&run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_named_whole_or_not_at_all() {
        let of = |names: &'static [&'static str]| {
            workspace(move |name| names.contains(&name).then(|| name.to_lowercase()))
        };
        assert_eq!(of(&[]), Ok(None));
        assert!(of(&WORKSPACE).is_ok_and(|workspace| workspace.is_some()));
        let missing = of(&["DATABRICKS_HOST"]).unwrap_err();
        assert_eq!(missing, "a workspace needs DATABRICKS_TOKEN and DATABRICKS_WAREHOUSE_ID too");
        assert!(
            workspace(|_| Some(String::new())).is_ok_and(|workspace| workspace.is_none()),
            "empty is none"
        );
    }

    #[test]
    fn an_error_is_shown_with_its_causes() {
        #[derive(Debug)]
        struct Outer(std::io::Error);

        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("outer")
            }
        }

        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        assert_eq!(chain(&Outer(std::io::Error::other("inner"))), "outer: inner");
    }
}
