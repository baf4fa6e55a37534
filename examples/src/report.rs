//! What a run says for itself, readably, and whether its numbers agree with each other.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use telemetry_core::CloseOutcome;
use telemetry_core::plugin::BreakerState;
use telemetry_core::status::{DropReason, OffReason, Status};
use telemetry_export_http::wire::{EnumOrUnknown, Frontend, OssSqlDriverTelemetryLog};
use telemetry_testkit::FakeWorkspace;

use crate::collector::Received;
use crate::load::{Load, Loaded};
use crate::tpch;
use crate::warehouse::Warehouse;
use crate::workload::{Act, Closing, Run, WITHOUT};

/// A table with these headings.
fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A part of the report: its heading, what its words mean, and the rest.
#[derive(Debug)]
#[non_exhaustive]
pub struct Part {
    /// The heading.
    pub heading: &'static str,
    /// What the words in it mean, where they need it.
    pub legend: &'static str,
    /// A table.
    pub body: String,
}

impl Part {
    fn new(heading: &'static str, legend: &'static str, body: &Table) -> Self {
        Part { heading, legend, body: body.trim_fmt() }
    }
}

/// What came of every statement.
pub fn statements(run: &Run) -> Part {
    let mut table = table(["connection", "statement", "result"]);
    for outcome in &run.outcomes {
        let came = match &outcome.result {
            Ok(rows) => format!("{} in {}", count(rows.rows.len(), "row"), count(rows.chunks, "chunk")),
            Err(error) => {
                let text = error.to_string();
                let line = text.lines().next().unwrap_or_default();
                format!("error: {}", line.split(". ").next().unwrap_or_default())
            }
        };
        table.add_row([outcome.connection, outcome.name, &came]);
    }
    Part::new("Statements", "What the driver's caller got.", &table)
}

fn count(count: impl TryInto<u64>, what: &str) -> String {
    match count.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// How telemetry ended on every connection.
pub fn endings(run: &Run) -> Part {
    let mut table = table(["connection", "telemetry was", "closing took", "and ended so"]);
    for Closing { connection, closed, took, state, .. } in &run.closings {
        let took = format!("{} ms", took.as_millis());
        table.add_row([*connection, &state.to_string(), &took, &closed.to_string()]);
    }
    Part::new(
        "Telemetry of each connection",
        "Connections to one host under one token share a client; the last of them to close delivers for all.",
        &table,
    )
}

/// Both books of every client.
pub fn books(run: &Run) -> Part {
    let mut table = table(["client of", "book", "it adds up"]);
    for closing in clients(run) {
        add_books(&mut table, closing.connection, &closing.status);
    }
    Part::new(
        "Books",
        "An event is one call of the driver's, such as a chunk; those of a statement are folded into its records.\n\
         A record is what is sent. Every event and every record is accounted for.",
        &table,
    )
}

fn add_books(table: &mut Table, client: &str, status: &Status) {
    table.add_row([client, "events", &status.events.to_string()]);
    table.add_row(["", "records", &status.records.to_string()]);
    if let Some(breaker) = status.breaker.filter(|breaker| *breaker != BreakerState::Closed) {
        table.add_row(["", "breaker", name(breaker)]);
    }
    if let Some(failure) = &status.last_failure {
        table.add_row(["", "last failure", &failure.to_string()]);
    }
    for sink in &status.sinks {
        table.add_row(["", &sink.name, &sink.records.to_string()]);
        if let Some(failure) = &sink.last_failure {
            table.add_row(["", "its last failure", &failure.to_string()]);
        }
    }
    if let Some(file) = &status.dry_run {
        table.add_row(["", "dry run", &format!("nothing is sent; records go to {}", file.display())]);
    }
}

fn name(breaker: BreakerState) -> &'static str {
    match breaker {
        BreakerState::Closed => "closed: the service is called",
        BreakerState::Open { .. } => "open: the service is left alone, as it failed again and again",
        BreakerState::HalfOpen => "half-open: one call tries whether the service works again",
        _ => "unknown",
    }
}

/// What the service has: requests, and records by what they are.
pub fn arrived(workspace: &FakeWorkspace) -> Part {
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for record in records(workspace) {
        *kinds.entry(what(&record)).or_default() += 1;
    }
    let mut table = table(["number", "what arrived"]);
    table.add_row([workspace.flag_requests().len().to_string(), "questions for the feature flag".to_owned()]);
    let requests = workspace.telemetry_requests().len();
    table.add_row([requests.to_string(), "requests with telemetry, refused ones included".to_owned()]);
    table.add_row([workspace.records().len().to_string(), "records accepted, of which".to_owned()]);
    for (kind, count) in kinds {
        table.add_row([count.to_string(), format!("  {kind}")]);
    }
    Part::new("At the service", "", &table)
}

/// What a collector has: spans, log records, and metrics by their names.
pub fn collected(received: &Received) -> Part {
    let Received { spans, logs, metrics, statements: _ } = received;
    let mut table = table(["number", "what arrived"]);
    for (what, items) in [("spans", spans), ("log records", logs)] {
        table.add_row([items.values().sum::<u64>().to_string(), format!("{what}, of which")]);
        for (name, count) in items {
            table.add_row([count.to_string(), format!("  {name}")]);
        }
    }
    for (name, sum) in metrics {
        table.add_row([sum.to_string(), name.clone()]);
    }
    let legend =
        "Spans by their operation; a metric by what it adds up to, and durations by how many there are.";
    Part::new("At the collector", legend, &table)
}

/// What a load came to, and what an outage cost.
pub fn loaded(load: &Load, loaded: &Loaded) -> [Part; 2] {
    let mut noticed =
        table(["the service of telemetry", "statements", "median", "99 % took at most", "slowest"]);
    for (when, latencies) in [("works", &loaded.well), ("is out", &loaded.out)] {
        if latencies.count() == 0 {
            continue;
        }
        let time = |percent| format!("{:.1} ms", latencies.percentile(percent).as_secs_f64() * 1000.0);
        noticed.add_row([when, &latencies.count().to_string(), &time(50), &time(99), &time(100)]);
    }
    if loaded.failed > 0 {
        noticed.add_row(["", &loaded.failed.to_string(), "failed", "", ""]);
    }
    let mut cost = table(["client of", "book", "it adds up"]);
    add_books(&mut cost, "the load", &loaded.status);
    cost.add_row(["", "held at the most", &count(loaded.most_held, "record")]);
    cost.add_row(["", "closing", &loaded.closed.to_string()]);
    let closed = loaded.status.records.dropped.get(DropReason::Closed);
    if closed > 0 && !load.outage.is_zero() {
        let why = format!(
            "{}: the breaker asks again a minute after it opened, and the load was over by then",
            count(closed, "record")
        );
        cost.add_row(["", "closed too early", &why]);
    }
    let heading = if load.outage.is_zero() { "What the load came to" } else { "What the outage cost" };
    [
        Part::new("What the driver's caller noticed", "", &noticed),
        Part::new(
            heading,
            "While the service is out, records are held up to a bound; past it the oldest are dropped and counted.",
            &cost,
        ),
    ]
}

/// Where the caller didn't get what it would have got of SQLite itself. The run is done over, on the same
/// data, without a driver, without HTTP, and without telemetry.
///
/// # Errors
///
/// What SQLite says when it is set up.
pub fn wrong_results(run: &Run) -> rusqlite::Result<Vec<String>> {
    let direct = Warehouse::new(&[], 1, tpch::create)?;
    let mut wrong = Vec::new();
    for outcome in &run.outcomes {
        let expected = match outcome.act {
            Act::Cancel => None,
            _ => direct.ask(outcome.sql).ok(),
        };
        let seen = outcome.result.as_ref().ok().map(|rows| &rows.rows);
        if seen != expected.as_ref() {
            wrong.push(format!("{} {}: not what SQLite gives", outcome.connection, outcome.name));
        }
    }
    Ok(wrong)
}

/// Books that don't balance, or hold something after the end.
pub fn unbalanced(run: &Run) -> Vec<String> {
    let mut wrong = Vec::new();
    for closing in clients(run) {
        let status = &closing.status;
        if !status.balances() {
            wrong.push(format!("the books of {} don't balance", closing.connection));
        }
        if status.records.held != 0 || status.events.waiting != 0 {
            wrong.push(format!("the client of {} holds something after its end", closing.connection));
        }
    }
    wrong
}

/// Where what was run, what the books say and what the service has don't agree. For a service that works.
pub fn disagreements(run: &Run, workspace: &FakeWorkspace) -> Vec<String> {
    let delivered = records(workspace);
    let watched = || run.outcomes.iter().filter(|outcome| outcome.connection != WITHOUT);
    let connections = run.closings.iter().filter(|closing| closing.connection != WITHOUT).count();
    let count = |kind: &str| delivered.iter().filter(|record| what(record) == kind).count();
    let statements: Vec<&Frontend> = delivered.iter().filter(|record| is_statement(record)).collect();
    let mut ids: Vec<_> =
        statements.iter().filter_map(|record| record.log()?.sql_statement_id.as_deref()).collect();
    ids.sort_unstable();
    ids.dedup();
    let accepted: u64 = clients(run).map(|closing| closing.status.records.accepted).sum();
    let chunks_seen: i64 = statements.iter().filter_map(|record| chunks(record.log()?)).sum();
    let chunks_read: i64 =
        watched().filter_map(|o| o.result.as_ref().ok()).map(|rows| i64::from(rows.chunks)).sum();
    let has_failed = |record: &&&Frontend| record.log().is_some_and(|log| log.error_info.is_some());
    let failed = statements.iter().filter(has_failed).count();
    let pairs = [
        ("statements run, and statement records", watched().count(), statements.len()),
        ("statements run, and statement ids", watched().count(), ids.len()),
        (
            "statements that failed, and records that say so",
            watched().filter(|o| o.result.is_err()).count(),
            failed,
        ),
        ("connections, and records of opening", connections, count("CREATE_SESSION")),
        ("connections, and records of closing", connections, count("DELETE_SESSION")),
        (
            "records accepted, and records there",
            usize::try_from(accepted).unwrap_or(usize::MAX),
            delivered.len(),
        ),
        (
            "chunks read, and chunks reported",
            usize::try_from(chunks_read).unwrap_or(0),
            usize::try_from(chunks_seen).unwrap_or(0),
        ),
    ];
    let differ = pairs.iter().filter(|(_, one, other)| one != other);
    differ.map(|(what, one, other)| format!("{what}: {one} and {other}")).collect()
}

/// Where what was run, what the books say and what a collector has don't agree: of a connection with
/// telemetry off too, as that is for the vendor's.
pub fn uncollected(run: &Run, received: &Received) -> Vec<String> {
    let mut ids = received.statements.clone();
    ids.sort_unstable();
    ids.dedup();
    let books = || clients(run).flat_map(|closing| &closing.status.sinks);
    let (made, accepted) =
        (books().map(|sink| sink.records.made).sum(), books().map(|sink| sink.records.accepted).sum::<u64>());
    let spans = received.spans.values().sum::<u64>();
    let statements = run.outcomes.len() as u64;
    let pairs = [
        ("statements run, and spans of statements", statements, received.statements.len() as u64),
        ("statements run, and statement ids at the collector", statements, ids.len() as u64),
        ("records for the collector, and records that it accepted", made, accepted),
        ("spans, and durations", spans, *received.metrics.get(DURATIONS).unwrap_or(&0)),
    ];
    let differ = pairs.iter().filter(|(_, one, other)| one != other);
    differ.map(|(what, one, other)| format!("{what}: {one} and {other}")).collect()
}

/// The metric of durations.
const DURATIONS: &str = "db.client.operation.duration";

/// Each client once: with the connection that was closed last. One that is off has nothing to say, unless
/// there is a sink.
fn clients(run: &Run) -> impl Iterator<Item = &Closing> {
    run.closings.iter().filter(|closing| match closing.closed {
        CloseOutcome::Shared => false,
        CloseOutcome::Off(OffReason::Setting | OffReason::OptOut(_)) => closing.status.events.seen > 0,
        _ => true,
    })
}

/// The records that the service accepted, read.
pub fn records(workspace: &FakeWorkspace) -> Vec<Frontend> {
    workspace.records().into_iter().filter_map(|record| serde_json::from_value(record).ok()).collect()
}

/// Whether a record is the one of a statement, and not of an error or a call.
fn is_statement(record: &Frontend) -> bool {
    let sql = record.log().and_then(|log| log.sql_operation.as_ref());
    sql.is_some_and(|operation| operation.statement_type.is_some())
}

fn chunks(log: &OssSqlDriverTelemetryLog) -> Option<i64> {
    log.sql_operation.as_ref()?.chunk_details.as_ref()?.total_chunks_iterated.map(i64::from)
}

/// What a record is: the call that it is about, or an error that belongs to none.
fn what(record: &Frontend) -> String {
    let Some(log) = record.log() else { return "unreadable".to_owned() };
    let operation =
        log.sql_operation.as_ref().and_then(|sql| sql.operation_detail.as_ref()?.operation_type.as_ref());
    match operation {
        None if log.error_info.is_some() => "error of a statement that went on".to_owned(),
        Some(EnumOrUnknown::Known(operation)) => operation.as_str().to_owned(),
        Some(EnumOrUnknown::Unknown(name)) => name.to_string(),
        None => "other".to_owned(),
    }
}
