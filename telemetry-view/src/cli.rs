//! The command line.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::arrival::Line;
use crate::follow::Follower;
use crate::intake::{Item, Queue, Shared};
use crate::keep::export::{self, Format};
use crate::keep::file::create_new;
use crate::keep::query::{self, Form};
use crate::keep::{Keeper, NotKept, Retention};
use crate::listen::{Listener, Settings};
use crate::server::Server;
use crate::store::Store;
use crate::summary;
use crate::tee::Tee;
use crate::text::plain;

/// How often a file is looked at.
const LOOK: Duration = Duration::from_millis(150);

/// Shows what a driver's telemetry sends from this machine, on a page that only this machine can open.
#[derive(Debug, Parser)]
#[command(
    name = "telemetry-view",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Arguments {
    #[command(subcommand)]
    question: Option<Question>,
    /// A dry run's file, or a dump of bodies, one a line. It is followed, also when it is set aside as
    /// FILE.1, or copied there and emptied.
    #[arg(value_name = "FILE", required_unless_present = "listen")]
    file: Option<PathBuf>,
    /// Prints the same as text, and ends.
    #[arg(long, conflicts_with = "listen", requires = "file")]
    summary: bool,
    /// Is a workspace's endpoints for telemetry and flags on 127.0.0.1, for drivers to be pointed at. Without
    /// a port, on one that is free.
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    listen: Option<u16>,
    /// With --listen: speaks HTTPS, and writes the certificate that drivers are to trust to this file.
    #[arg(long, value_name = "PEM", requires = "listen")]
    ca_file: Option<PathBuf>,
    /// With --listen: a flag that is on, beside those of known drivers. May be given more than once.
    #[arg(long, value_name = "NAME", requires = "listen")]
    flag: Vec<String>,
    /// With --listen: another name by which drivers know this machine, beside its loopback addresses and
    /// localhost. A request for any other host is answered 421. May be given more than once.
    #[arg(long, value_name = "NAME", requires = "listen", value_parser = host_name)]
    allow_host: Vec<String>,
    /// With --listen: passes everything on to this workspace, over HTTPS, and answers what it answers.
    #[arg(long, value_name = "HOST", requires = "listen")]
    tee: Option<String>,
    /// Keeps a copy in this file, a database of SQLite, for its owner alone.
    #[arg(long, value_name = "DATABASE", conflicts_with = "summary")]
    keep: Option<PathBuf>,
    /// With --keep: older requests are deleted.
    #[arg(long, value_name = "DAYS", requires = "keep", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36500))]
    keep_days: u32,
    /// With --keep: past this size, the oldest requests are deleted.
    #[arg(long, value_name = "MIB", requires = "keep", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1048576))]
    keep_mib: u32,
    /// The page's port; without it, one that is free.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// How much is held, in MiB; past that the oldest go.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(32..=4096))]
    memory: u16,
}

/// What is asked of a copy.
#[derive(Debug, Subcommand)]
enum Question {
    /// Answers a question in SQL, of the tables `requests` and `records`. It can change nothing.
    Query {
        /// A copy that --keep has written.
        #[arg(long, value_name = "DATABASE")]
        keep: PathBuf,
        /// How the answer is written.
        #[arg(long = "as", value_enum, default_value_t = Form::Table)]
        form: Form,
        /// It is stopped, with an error, when SQLite has worked on it for so long.
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86400))]
        timeout: u32,
        /// One statement, such as: SELECT error_name, count(*) FROM records GROUP BY 1
        sql: String,
    },
    /// Writes all records out, as they are: a program that calculates may take a text for a formula.
    Export {
        /// A copy that --keep has written.
        #[arg(long, value_name = "DATABASE")]
        keep: PathBuf,
        #[arg(long = "as", value_enum)]
        format: Format,
        /// It is stopped, with an error, when SQLite has worked on it for so long.
        #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=86400))]
        timeout: u32,
        /// A file that isn't there yet; without it, standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

type Failed = Box<dyn Error + Send + Sync>;

pub(crate) fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            _ = writeln!(io::stderr(), "error: {}", plain(&error.to_string(), 4096));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failed> {
    if let Some(question) = &arguments.question {
        return ask(question);
    }
    let mut store = Store::new(usize::from(arguments.memory) * 1024 * 1024);
    match &arguments.file {
        Some(file) if arguments.summary => {
            read_whole(file, &mut store)?;
            print(summary::of(&store))
        }
        _ => show(arguments, store),
    }
}

fn ask(question: &Question) -> Result<(), Failed> {
    let seconds = |timeout: u32| Duration::from_secs(timeout.into());
    let answered = match question {
        Question::Query { keep, form, timeout, sql } => {
            let mut out = BufWriter::new(io::stdout().lock());
            query::run(keep, sql, seconds(*timeout), *form, &mut out).and_then(|()| Ok(out.flush()?))
        }
        Question::Export { keep, format, timeout, out: Some(path) } => {
            let file = create_new(path).map_err(|error| format!("{}: {error}", path.display()))?;
            let mut out = BufWriter::new(file);
            export::run(keep, seconds(*timeout), *format, &mut out).and_then(|()| Ok(out.flush()?))
        }
        Question::Export { keep, format, timeout, out: None } => {
            let mut out = BufWriter::new(io::stdout());
            export::run(keep, seconds(*timeout), *format, &mut out).and_then(|()| Ok(out.flush()?))
        }
    };
    // Whoever reads may have read enough.
    let is_closed = |error: &Failed| {
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    match answered {
        Err(error) if is_closed(&error) => Ok(()),
        answered => answered,
    }
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

/// Serves the page until the process ends.
fn show(arguments: &Arguments, store: Store) -> Result<(), Failed> {
    let (shared, queue) = (Shared::new(store), Arc::new(Queue::default()));
    let keeper = match &arguments.keep {
        Some(path) => {
            let bytes = u64::from(arguments.keep_mib) * 1024 * 1024;
            let keeper = Keeper::open(path, Retention { days: arguments.keep_days, bytes });
            Some(keeper.map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => None,
    };
    let listener = listen(arguments, &queue)?;
    let reader = (Arc::clone(&shared), Arc::clone(&queue));
    std::thread::Builder::new()
        .name("reader".to_owned())
        .spawn(move || read(&reader.0, &reader.1, keeper))?;
    let file = arguments.file.as_ref().map(|path| path.display().to_string());
    if let Some(path) = arguments.file.clone() {
        let mut follower = Follower::new(&path);
        // What can't be read at all is an error now; what isn't there yet is waited for.
        follow(&mut follower, &queue).map_err(|error| format!("{}: {error}", path.display()))?;
        std::thread::Builder::new().name("follower".to_owned()).spawn(move || {
            loop {
                std::thread::sleep(LOOK);
                if follow(&mut follower, &queue).is_err() {
                    queue.give(Item::Missed(1));
                    // It may come back, and nobody gains by being told of it more often.
                    std::thread::sleep(Duration::from_secs(5));
                }
            }
        })?;
    }
    let at = listener.as_ref().map(Listener::url);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind(arguments.port, shared, listener, file).await?;
        print(format_args!("page: {}\n", server.url()))?;
        if let Some(at) = at {
            print(format_args!("telemetry and flags: {at}\n"))?;
        }
        server.run().await;
        Ok(())
    })
}

/// A host's name as a request has it, but for its port.
fn host_name(text: &str) -> Result<String, &'static str> {
    let authority = text.parse::<hyper::http::uri::Authority>();
    let is_name = authority.is_ok_and(|authority| authority.host() == text);
    if is_name { Ok(text.to_owned()) } else { Err("that is no host's name: without https:// and port") }
}

fn listen(arguments: &Arguments, queue: &Arc<Queue>) -> Result<Option<Listener>, Failed> {
    let Some(port) = arguments.listen else { return Ok(None) };
    if let Some(file) = arguments.file.as_deref().and_then(Path::to_str)
        && port == 0
        && file.parse::<u16>().is_ok()
        && !Path::new(file).exists()
    {
        return Err(format!("there is no file {file}: a port is written --listen={file}").into());
    }
    let tee = arguments.tee.as_deref().map(Tee::new).transpose()?;
    let there = tee.as_ref().map(|tee| (tee.is_here(), tee.host().port()));
    let settings = Settings {
        port,
        ca_file: arguments.ca_file.clone(),
        flags: arguments.flag.clone(),
        hosts: arguments.allow_host.clone(),
    };
    let listener = Listener::start(&settings, tee, Arc::clone(queue))?;
    if there == Some((true, listener.port())) {
        return Err("--tee leads to itself".into());
    }
    Ok(Some(listener))
}

fn follow(follower: &mut Follower, queue: &Queue) -> io::Result<()> {
    let (too_long, gaps) = (follower.too_long(), follower.gaps);
    follower.poll(|line| queue.give(Line::read(line).into()))?;
    for (more, item) in [
        (follower.too_long() - too_long, Item::Strange as fn(u64) -> Item),
        (follower.gaps - gaps, Item::Missed),
    ] {
        if more > 0 {
            queue.give(item(more));
        }
    }
    Ok(())
}

fn read(shared: &Shared, queue: &Queue, mut keeper: Option<Keeper>) {
    let mut is_told = false;
    loop {
        for item in queue.take() {
            if let Item::OtherHost(name) = &item
                && !std::mem::replace(&mut is_told, true)
            {
                tell_of_host(name.as_deref());
            }
            let mut kept = Ok(());
            match &mut keeper {
                Some(keeper) => shared.take(item, Some(&mut |request| kept = keeper.keep(request))),
                None => shared.take(item, None),
            }
            if let Err(NotKept(lost)) = kept {
                shared.take(Item::NotKept(lost), None);
            }
        }
        if let Some(keeper) = &mut keeper
            && let Err(NotKept(lost)) = keeper.commit()
        {
            shared.take(Item::NotKept(lost), None);
        }
    }
}

/// Says that there are requests for other hosts than this machine; the page has all of them.
fn tell_of_host(name: Option<&str>) {
    let host = name.map_or_else(|| "a host that no name names".to_owned(), |name| format!("the host {name}"));
    _ = writeln!(
        io::stderr(),
        "refused: a request for {host}, which isn't this machine. Where a driver knows this machine by another \
         name, --allow-host NAME allows that. Further ones are on the page."
    );
}

/// Prints to standard output, which may be closed once enough was read.
fn print(text: impl Display) -> Result<(), Failed> {
    match write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
