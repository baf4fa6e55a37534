//! Seeing what would be sent.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;
use telemetry_core::plugin::{
    Attempt, HttpRequest, HttpResponse, PluginError, Receipt, RotatedFile, Transport,
};
use telemetry_core::{Exporter, Fault};

use crate::exporter::HttpExporter;

/// The variable that makes [`default_exporter`] write to a file instead of sending: its value is the file's
/// path.
pub const DRY_RUN_VARIABLE: &str = "DATABRICKS_TELEMETRY_DRY_RUN";

/// How long a dry run's file grows before it is set aside: 10 MiB.
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// Writes what would be sent, and sends nothing.
///
/// Each request is a line of JSON: `{"host": "…", "path": "…", "authenticated": true, "body": "…"}`, with the
/// exact body as a string. No header is written, so no credential is. A file that would grow past its bound
/// is set aside as `FILE.1`, in the place of the one before, so that both together take twice the bound at
/// the most, also when several write to it in turn; those that write at the very same moment may pass it by a
/// line each. A line that is longer than the bound is too large.
///
/// Only a regular file is written and set aside; a device, a pipe, a directory and a link are refused. The
/// file is opened for each batch, and made its owner's alone where the system knows such a thing, also when
/// it was there before; one that can't be is not written.
///
/// What was written counts as [written](telemetry_core::status::RecordLedger::written), never as accepted.
/// What can't be written fails as [`Fault::Write`]: the batch is kept while the disk is full, and else
/// dropped and counted as not written; the status says which file it is and why. It stands against the host's
/// breaker as every failure does, so once that is open, records wait, and one batch at a time is tried. No
/// half of a line is left behind.
pub struct DryRunExporter {
    request: HttpExporter,
    file: Option<PathBuf>,
    out: Mutex<Output>,
}

enum Output {
    Writer(Box<dyn Write + Send>),
    File(RotatedFile),
}

/// One line of a dry run.
#[derive(Serialize)]
struct Line<'a> {
    host: &'a str,
    path: &'a str,
    authenticated: bool,
    body: &'a str,
}

impl DryRunExporter {
    /// Writes to a regular file, which is created on the first batch, for its owner alone where the system
    /// knows such a thing, and bounded by [`MAX_FILE_BYTES`].
    pub fn file(path: impl Into<PathBuf>) -> Self {
        DryRunExporter::bounded_file(path, MAX_FILE_BYTES)
    }

    /// The same with another bound, in bytes.
    pub fn bounded_file(path: impl Into<PathBuf>, max_bytes: u64) -> Self {
        DryRunExporter::new(Output::File(RotatedFile::new(path, max_bytes)))
    }

    /// Writes to any writer, unbounded.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        DryRunExporter::new(Output::Writer(Box::new(writer)))
    }

    fn new(out: Output) -> Self {
        let file = match &out {
            Output::File(file) => Some(file.path().to_owned()),
            Output::Writer(_) => None,
        };
        DryRunExporter { request: HttpExporter::new(Arc::new(Nowhere)), file, out: Mutex::new(out) }
    }

    /// The same for requests as this exporter would make them: to its paths, within its limit.
    #[must_use]
    pub fn as_sent_by(mut self, exporter: &HttpExporter) -> Self {
        self.request = exporter.clone();
        self
    }

    fn write(&self, attempt: &Attempt<'_>) -> Result<(), PluginError> {
        let request = self.request.request(attempt)?;
        let line = Line {
            host: attempt.host.name(),
            path: &request.path,
            authenticated: attempt.credentials.is_some(),
            body: std::str::from_utf8(&request.body).map_err(|_| Fault::Unsendable)?,
        };
        let mut line = serde_json::to_vec(&line).map_err(|_| Fault::Unsendable)?;
        line.push(b'\n');
        self.out.lock().unwrap_or_else(PoisonError::into_inner).write(&line)
    }
}

impl Output {
    fn write(&mut self, line: &[u8]) -> Result<(), PluginError> {
        match self {
            Output::Writer(writer) => writer
                .write_all(line)
                .and_then(|()| writer.flush())
                .map_err(|error| Fault::Write(error.kind()).into()),
            Output::File(file) => file.append(line),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Writer(_) => f.write_str("Writer"),
            Output::File(file) => file.fmt(f),
        }
    }
}

impl fmt::Debug for DryRunExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the path, which may name a user.
        f.debug_struct("DryRunExporter")
            .field("request", &self.request)
            .field("out", &self.out)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Exporter for DryRunExporter {
    /// Accepts all that it could write.
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        self.write(attempt).map(|()| Receipt::written(attempt.records.len()))
    }

    fn dry_run(&self) -> Option<PathBuf> {
        self.file.clone()
    }
}

/// The transport of requests that are only looked at.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _request: HttpRequest) -> Result<HttpResponse, PluginError> {
        Err(Fault::Unsendable.into())
    }
}

/// Writes what is sent, and sends it. What can't be written is sent all the same.
#[derive(Debug)]
pub struct TeeExporter {
    copy: DryRunExporter,
    exporter: HttpExporter,
}

impl TeeExporter {
    /// Sends by `exporter`, and lets `copy` write the same bytes, once for each attempt.
    pub fn new(copy: DryRunExporter, exporter: HttpExporter) -> Self {
        TeeExporter { copy: copy.as_sent_by(&exporter), exporter }
    }
}

#[async_trait]
impl Exporter for TeeExporter {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        if let Err(failure) = self.copy.write(attempt) {
            tracing::debug!(%failure, "telemetry could not be copied");
        }
        self.exporter.export(attempt).await
    }
}

/// What a driver composes: this exporter, unless the user has set [`DRY_RUN_VARIABLE`] to a file's path; then
/// [`DryRunExporter`], as [`dry_run_or`] has it. It reads the variable once, now.
pub fn default_exporter(exporter: HttpExporter) -> Arc<dyn Exporter> {
    dry_run_or(exporter, std::env::var_os(DRY_RUN_VARIABLE).map(PathBuf::from))
}

/// This exporter, unless there is a path that isn't empty; then a [`DryRunExporter`] that writes there, and
/// nothing is sent. A path that can't be written is found out by the first batch, and costs the driver
/// nothing; the [status](telemetry_core::status::Status::dry_run) names it.
pub fn dry_run_or(exporter: HttpExporter, path: Option<PathBuf>) -> Arc<dyn Exporter> {
    match path.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Arc::new(DryRunExporter::file(path).as_sent_by(&exporter)),
        None => Arc::new(exporter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_turns_sending_into_writing() {
        let exporter = || HttpExporter::new(Arc::new(Nowhere));
        let file = |value: Option<&str>| dry_run_or(exporter(), value.map(PathBuf::from)).dry_run();
        assert_eq!(file(Some("requests.jsonl")), Some("requests.jsonl".into()));
        assert_eq!((file(None), file(Some(""))), (None, None));
    }
}
