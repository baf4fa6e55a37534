//! What a run says for itself, readably, and whether its numbers agree with each other.

use std::collections::BTreeMap;
use std::fmt::Write;

use telemetry_core::CloseOutcome;
use telemetry_core::plugin::BreakerState;
use telemetry_export_http::wire::{EnumOrUnknown, Frontend, OssSqlDriverTelemetryLog};
use telemetry_testkit::FakeWorkspace;

use crate::tpch;
use crate::warehouse::Warehouse;
use crate::workload::{Act, Closing, Run, WITHOUT};

/// What came of every statement.
pub fn statements(run: &Run) -> String {
    let mut text = String::from("Statements\n");
    for outcome in &run.outcomes {
        let came = match &outcome.result {
            Ok(rows) => format!("{} rows in {} chunks", rows.rows.len(), rows.chunks),
            Err(error) => format!("error: {}", error.to_string().lines().next().unwrap_or_default()),
        };
        let _ = writeln!(text, "  {:8} {:18} {came}", outcome.connection, outcome.name);
    }
    text
}

/// How telemetry ended on every connection, and both books of every client.
pub fn telemetry(run: &Run) -> String {
    let mut text = String::from("Telemetry\n");
    for Closing { connection, closed, took, state, .. } in &run.closings {
        let _ = writeln!(text, "  {connection:8} {state}; closed in {} ms: {closed}", took.as_millis());
    }
    for closing in clients(run) {
        let status = &closing.status;
        let _ = writeln!(text, "Books of the client of {}", closing.connection);
        let _ = writeln!(text, "  events   {}", status.events);
        let _ = writeln!(text, "  records  {}", status.records);
        if let Some(breaker) = status.breaker {
            let _ = writeln!(text, "  breaker  {}", name(breaker));
        }
        if let Some(failure) = &status.last_failure {
            let _ = writeln!(text, "  last failure: {failure}");
        }
    }
    text
}

fn name(breaker: BreakerState) -> &'static str {
    match breaker {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        BreakerState::HalfOpen => "half-open",
        _ => "unknown",
    }
}

/// What the service has: requests, and records by what they are.
pub fn delivered(workspace: &FakeWorkspace) -> String {
    let mut text = format!(
        "Delivered: {} records; {} telemetry requests, {} questions for flags\n",
        workspace.records().len(),
        workspace.telemetry_requests().len(),
        workspace.flag_requests().len()
    );
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for record in records(workspace) {
        *kinds.entry(what(&record)).or_default() += 1;
    }
    for (kind, count) in kinds {
        let _ = writeln!(text, "  {count:4} {kind}");
    }
    text
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
    let pairs = [
        ("statements run, and statement records", watched().count(), statements.len()),
        ("statements run, and statement ids", watched().count(), ids.len()),
        ("errors, and error records", watched().filter(|o| o.result.is_err()).count(), count("error")),
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

/// Each client once: with the connection that was closed last.
fn clients(run: &Run) -> impl Iterator<Item = &Closing> {
    use telemetry_core::status::OffReason;
    run.closings.iter().filter(|closing| {
        !matches!(
            closing.closed,
            CloseOutcome::Shared | CloseOutcome::Off(OffReason::Setting | OffReason::OptOut(_))
        )
    })
}

/// The records that the service accepted, read.
pub fn records(workspace: &FakeWorkspace) -> Vec<Frontend> {
    workspace.records().into_iter().filter_map(|record| serde_json::from_value(record).ok()).collect()
}

/// Whether a record is the one of a statement, and not of an error or a call.
fn is_statement(record: &Frontend) -> bool {
    let log = record.log().filter(|log| log.error_info.is_none());
    log.and_then(|log| log.sql_operation.as_ref()).is_some_and(|operation| operation.statement_type.is_some())
}

fn chunks(log: &OssSqlDriverTelemetryLog) -> Option<i64> {
    log.sql_operation.as_ref()?.chunk_details.as_ref()?.total_chunks_iterated.map(i64::from)
}

/// What a record is: an error, or the call that it is about.
fn what(record: &Frontend) -> String {
    let Some(log) = record.log() else { return "unreadable".to_owned() };
    if log.error_info.is_some() {
        return "error".to_owned();
    }
    let operation =
        log.sql_operation.as_ref().and_then(|sql| sql.operation_detail.as_ref()?.operation_type.as_ref());
    match operation {
        Some(EnumOrUnknown::Known(operation)) => operation.as_str().to_owned(),
        Some(EnumOrUnknown::Unknown(name)) => name.to_string(),
        None => "other".to_owned(),
    }
}
