//! The copy, as files that others read.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::{Failed, query};

/// What it is exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Csv,
    /// An object a line.
    JsonLines,
    #[cfg(feature = "parquet")]
    Parquet,
}

/// All records, each with what is known of its request.
pub(super) const RECORDS: &str =
    "SELECT requests.id AS request, requests.arrived, requests.host, requests.path,
    requests.authenticated, requests.answer, records.event, records.at, records.workspace, records.session,
    records.statement, records.driver, records.operation, records.statement_type, records.result,
    records.latency_ms, records.polls, records.queue_ms, records.ready_ms, records.consumed_ms,
    records.chunks_present, records.chunks_read, records.first_chunk_ms, records.slowest_chunk_ms,
    records.chunks_ms, records.retries, records.error_name, records.error_text, records.record
    FROM records JOIN requests ON requests.id = records.request ORDER BY records.id";

/// Writes all records.
pub(crate) fn run(
    path: &Path,
    timeout: Duration,
    format: Format,
    out: &mut (impl Write + Send),
) -> Result<(), Failed> {
    let (database, mut budget) = query::open(path, timeout)?;
    match format {
        Format::Csv => query::write_rows(&database, &mut budget, RECORDS, query::Form::Csv, out),
        Format::JsonLines => query::write_rows(&database, &mut budget, RECORDS, query::Form::JsonLines, out),
        #[cfg(feature = "parquet")]
        Format::Parquet => super::parquet::write(&database, &mut budget, RECORDS, out),
    }
}
