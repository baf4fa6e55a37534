//! A driver runs real SQL, and shows what became of its telemetry. `--help` says how.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::builder::PossibleValuesParser;
use examples::collector::{self, Collector};
use examples::compose::{self, Dump};
use examples::driver::{Driver, Options};
use examples::embedded::{ALICE, BOB, Embedded, Misbehaviour};
use examples::load::{self, Load};
use examples::report::{self, Part};
use examples::terminal::{self, NotPrinted, Output};
use examples::view::View;
use examples::workload::{self, ANYWHERE, Closing, EMBEDDED};
use telemetry_core::{DEFAULT_CLOSE, Mode, OPT_OUT_VARIABLES, TelemetryConfig};
use telemetry_databricks::export::DRY_RUN_VARIABLE;
use telemetry_databricks::otlp::OtlpConfig;
use telemetry_testkit::Behaviour;

/// Runs a mixed workload through a small SQL driver with telemetry, and shows what became of every record.
///
/// Without more it starts a workspace on this machine, whose warehouse executes on SQLite. With
/// DATABRICKS_HOST, DATABRICKS_TOKEN and DATABRICKS_WAREHOUSE_ID set it is the same driver against that
/// workspace; set in part, they are an error.
///
/// DATABRICKS_TELEMETRY_DRY_RUN=FILE writes telemetry to FILE instead of sending it; DO_NOT_TRACK=1 turns it
/// off. The exit code is 0 where every number agrees, 1 where one doesn't or something failed, 2 for a
/// command line that makes no sense.
#[derive(Debug, Parser)]
#[command(name = "quickstart")]
struct Arguments {
    /// Writes the body of every delivered request to FILE, one JSON document a line.
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    /// Shows in a browser what was sent, until it is ended: starts telemetry-view by cargo.
    #[arg(long)]
    view: bool,
    /// Lets the service of telemetry on this machine misbehave. It is not for --rate, which has --outage.
    #[arg(long, conflicts_with = "rate", value_name = "NAME", value_parser = PossibleValuesParser::new(Misbehaviour::ALL.map(|(name, _)| name)))]
    fault: Option<String>,
    /// Tells an OpenTelemetry collector as well: the one at URL, by OTLP over HTTP, where the variables
    /// OTEL_EXPORTER_OTLP_HEADERS and the like hold too; without a URL, one on this machine, of which it is
    /// shown what it got.
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    otlp: Option<Option<String>>,
    /// Sends whatever the service's feature flag says; an opt-out in the environment still wins.
    #[arg(long)]
    forced: bool,
    /// How long the driver waits for an answer to a request of its own.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Runs so many small statements a second on one connection, instead of the mixed workload.
    #[arg(long, value_name = "STATEMENTS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: Option<u32>,
    /// With --rate: for how long.
    #[arg(long = "for", value_name = "SECONDS", requires = "rate", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    length: u64,
    /// With --rate: in the middle, the service of telemetry on this machine answers 503 for so long.
    #[arg(long, value_name = "SECONDS", requires = "rate", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
    outage: u64,
}

impl Arguments {
    fn fault(&self) -> Option<Misbehaviour> {
        self.fault.as_deref().and_then(|name| name.parse().ok())
    }

    fn config(&self) -> TelemetryConfig {
        Embedded::config().mode(self.mode())
    }

    fn mode(&self) -> Mode {
        if self.forced { Mode::Forced } else { Mode::On }
    }

    /// What can't be meant.
    fn contradiction(&self) -> Option<&'static str> {
        (self.outage > self.length).then_some("--outage is longer than the load: raise --for")
    }

    fn load(&self) -> Option<Load> {
        let (length, outage) = (Duration::from_secs(self.length), Duration::from_secs(self.outage));
        self.rate.map(|rate| Load { rate, length, outage })
    }

    /// The file that is to be shown at the end, if that is wanted.
    fn view(&self) -> std::io::Result<Option<View>> {
        if !self.view {
            return Ok(None);
        }
        let dry_run = std::env::var_os(DRY_RUN_VARIABLE).filter(|path| !path.is_empty());
        match dry_run.map(PathBuf::from).or_else(|| self.dump.clone()) {
            Some(path) => Ok(Some(View::of(path))),
            None => View::new().map(Some),
        }
    }

    /// The collector on this machine, if it is asked for.
    fn collector(&self) -> Option<Collector> {
        matches!(self.otlp, Some(None)).then(Collector::start)
    }

    fn driver(
        &self,
        config: TelemetryConfig,
        view: Option<&View>,
        collector: Option<&Collector>,
    ) -> Result<Driver, Box<dyn Error>> {
        let dump = self.dump.as_deref().or(view.map(View::path));
        let is_dry_run = std::env::var_os(DRY_RUN_VARIABLE).is_some_and(|path| !path.is_empty());
        // A dry run writes its own file.
        let dump = dump.filter(|_| self.dump.is_some() || !is_dry_run).map(Dump::create).transpose()?;
        let mut telemetry = compose::telemetry(config, dump)?;
        let otlp = match &self.otlp {
            Some(Some(url)) => {
                let variables = OtlpConfig::from_env().ok_or("OTEL_SDK_DISABLED is set: leave --otlp out")?;
                Some(variables.all(|all| all.endpoint(url)))
            }
            _ => collector.map(Collector::config),
        };
        if let Some(otlp) = otlp {
            telemetry = telemetry.sink(move || collector::sink(otlp.clone()));
        }
        Ok(Driver::new(telemetry.build()?, Duration::from_secs(self.timeout))?)
    }

    /// Where it runs, and under what settings.
    fn introduce(&self, out: &mut Output, place: &str) -> Result<(), NotPrinted> {
        let on = if self.forced {
            "on, whatever the service's flag says"
        } else {
            "on where the service's flag is"
        };
        out.line(format_args!("A small SQL driver with telemetry, against {place}."))?;
        out.line(format_args!(
            "Telemetry is {on}; a batch goes after 5 s at the latest; closing waits for {} s at the most.",
            DEFAULT_CLOSE.as_secs()
        ))?;
        for variable in OPT_OUT_VARIABLES.into_iter().chain([DRY_RUN_VARIABLE]) {
            if let Some(value) = std::env::var_os(variable) {
                out.line(format_args!("{variable} is set: {}.", value.display()))?;
            }
        }
        match &self.otlp {
            Some(Some(url)) => out.line(format_args!("The collector at {url} is told as well."))?,
            Some(None) => out.line("A collector on this machine is told as well.")?,
            None => {}
        }
        if let Some(fault) = &self.fault {
            out.line(format_args!("The service of telemetry misbehaves: {fault}."))?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    terminal::end(run(arguments, &mut Output::new()).await)
}

async fn run(arguments: Arguments, out: &mut Output) -> Result<ExitCode, Box<dyn Error>> {
    if let Some(contradiction) = arguments.contradiction() {
        return Err(contradiction.into());
    }
    let view = arguments.view()?;
    let wrong = match workspace(|name| std::env::var(name).ok())? {
        Some(_) if arguments.fault.is_some() || arguments.outage > 0 => {
            return Err(
                "--fault and --outage are for the workspace on this machine: unset DATABRICKS_HOST".into()
            );
        }
        Some([host, token, warehouse]) => {
            remote(&arguments, out, view.as_ref(), &host, &token, &warehouse).await?
        }
        None => embedded(&arguments, out, view.as_ref()).await?,
    };
    look(out, view)?;
    if wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!("what doesn't agree:\n  {}", wrong.join("\n  ")).into())
}

/// Shows what was sent, or says how to.
fn look(out: &mut Output, view: Option<View>) -> Result<(), Box<dyn Error>> {
    let Some(view) = view else {
        out.line("\nTo look at what was sent, in a browser: the same with --view.")?;
        return Ok(());
    };
    out.line(format_args!("\n{} has what was sent. telemetry-view shows it:", view.path().display()))?;
    let ended = view.show()?;
    if ended.success() { Ok(()) } else { Err(format!("telemetry-view ended with {ended}").into()) }
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

fn show(out: &mut Output, part: &Part) -> Result<(), NotPrinted> {
    out.heading(part.heading)?;
    if !part.legend.is_empty() {
        out.line(part.legend)?;
    }
    out.line(&part.body)
}

fn show_collected(out: &mut Output, collector: Option<&Collector>) -> Result<(), NotPrinted> {
    collector.map_or(Ok(()), |collector| show(out, &report::collected(&collector.received())))
}

async fn embedded(
    arguments: &Arguments,
    out: &mut Output,
    view: Option<&View>,
) -> Result<Vec<String>, Box<dyn Error>> {
    let fault = arguments.fault();
    let there = Embedded::start(fault)?;
    arguments.introduce(
        out,
        &format!("a workspace on this machine ({}), which runs SQL on SQLite", there.workspace.url()),
    )?;
    let collector = arguments.collector();
    let driver = arguments.driver(arguments.config(), view, collector.as_ref())?;
    if let Some(load) = arguments.load() {
        let outage = |is_out| {
            there.workspace.on_telemetry(if is_out { Behaviour::Status(503) } else { Behaviour::Normal });
        };
        let wrong = under_load(&driver, there.options(ALICE), load, out, view, outage).await?;
        show_collected(out, collector.as_ref())?;
        return Ok(wrong);
    }
    let start = Instant::now();
    let run =
        workload::run(&driver, there.options(ALICE), there.options(BOB), EMBEDDED, DEFAULT_CLOSE).await?;
    let took = start.elapsed();
    add_books(view, &run.closings)?;
    for part in [
        report::statements(&run),
        report::endings(&run),
        report::books(&run),
        report::arrived(&there.workspace),
    ] {
        show(out, &part)?;
    }
    show_collected(out, collector.as_ref())?;
    let mut wrong = report::wrong_results(&run)?;
    wrong.extend(report::unbalanced(&run));
    // A user who opted out, or only looks, sees nothing arrive.
    let silent = run.closings.iter().any(Closing::opted_out);
    if fault.is_none() && !silent && std::env::var_os(DRY_RUN_VARIABLE).is_none() {
        wrong.extend(report::disagreements(&run, &there.workspace));
    }
    if let Some(collector) = collector.filter(|_| !silent) {
        wrong.extend(report::uncollected(&run, &collector.received()));
    }
    if wrong.is_empty() {
        out.line(format_args!(
            "\n{} statements in {} ms. Each gave what SQLite gives when it is asked directly, and the books balance.",
            run.outcomes.len(),
            took.as_millis()
        ))?;
    }
    Ok(wrong)
}

async fn remote(
    arguments: &Arguments,
    out: &mut Output,
    view: Option<&View>,
    host: &str,
    token: &str,
    warehouse: &str,
) -> Result<Vec<String>, Box<dyn Error>> {
    let host = host.trim_end_matches('/');
    let url = if host.starts_with("https://") { host.to_owned() } else { format!("https://{host}") };
    arguments.introduce(out, &url)?;
    let collector = arguments.collector();
    let config = TelemetryConfig::default().mode(arguments.mode());
    let driver = arguments.driver(config, view, collector.as_ref())?;
    let options = Options::new(url, token, warehouse);
    if let Some(load) = arguments.load() {
        let wrong = under_load(&driver, options, load, out, view, |_| ()).await?;
        show_collected(out, collector.as_ref())?;
        return Ok(wrong);
    }
    let run = workload::run(&driver, options.clone(), options, ANYWHERE, DEFAULT_CLOSE).await?;
    add_books(view, &run.closings)?;
    for part in [report::statements(&run), report::endings(&run), report::books(&run)] {
        show(out, &part)?;
    }
    show_collected(out, collector.as_ref())?;
    Ok(report::unbalanced(&run))
}

/// The books of each connection's client, the last that was said of it.
fn add_books(view: Option<&View>, closings: &[Closing]) -> std::io::Result<()> {
    let Some(view) = view else { return Ok(()) };
    closings.iter().try_for_each(|closing| {
        view.add_books(&format!("quickstart, {}", closing.connection), &closing.status)
    })
}

async fn under_load(
    driver: &Driver,
    options: Options,
    load: Load,
    out: &mut Output,
    view: Option<&View>,
    outage: impl Fn(bool),
) -> Result<Vec<String>, Box<dyn Error>> {
    let loaded = load::run(driver, options, load, DEFAULT_CLOSE, outage).await?;
    if let Some(view) = view {
        view.add_books("quickstart, under load", &loaded.status)?;
    }
    for part in report::loaded(&load, &loaded) {
        show(out, &part)?;
    }
    Ok(if loaded.status.balances() { Vec::new() } else { vec!["the books don't balance".to_owned()] })
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
    fn the_command_line_is_read_as_it_is_meant() {
        let read = |arguments: &[&str]| Arguments::try_parse_from([&["quickstart"], arguments].concat());
        for fault in [&["--fault", "503"][..], &["--fault=503"]] {
            assert_eq!(read(fault).unwrap().fault(), Some(Misbehaviour::Unavailable));
        }
        let load = read(&["--rate", "5", "--for", "20", "--outage", "10"]).unwrap().load().unwrap();
        assert!(!load.is_out(Duration::from_millis(4999)) && load.is_out(Duration::from_secs(5)));
        assert!(load.is_out(Duration::from_millis(14_999)) && !load.is_out(Duration::from_secs(15)));
        assert_eq!(read(&["--forced"]).unwrap().mode(), Mode::Forced);
        let url = "http://localhost:4318";
        let otlp = [read(&[]), read(&["--otlp", "--forced"]), read(&["--forced", "--otlp", url])];
        assert_eq!(otlp.map(|read| read.unwrap().otlp), [None, Some(None), Some(Some(url.to_owned()))]);
        let longer = read(&["--rate", "5", "--for", "20", "--outage", "21"]).unwrap();
        assert!(longer.contradiction().is_some());
        for wrong in [
            &["--fault", "504"][..],
            &["--fault", "503", "--rate", "5"],
            &["--outage", "5"],
            &["--rate", "0"],
            &["--timeout", "0"],
            &["x"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
