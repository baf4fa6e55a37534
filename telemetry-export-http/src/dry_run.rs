//! Seeing what would be sent.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;
use telemetry_core::plugin::{Attempt, HttpRequest, HttpResponse, PluginError, Receipt, Transport};
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
    File { path: PathBuf, max_bytes: u64 },
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
        DryRunExporter::new(Output::File { path: path.into(), max_bytes })
    }

    /// Writes to any writer, unbounded.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        DryRunExporter::new(Output::Writer(Box::new(writer)))
    }

    fn new(out: Output) -> Self {
        let file = match &out {
            Output::File { path, .. } => Some(path.clone()),
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
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(&*out, Output::File { max_bytes, .. } if line.len() as u64 > *max_bytes) {
            return Err(Fault::TooLarge.into());
        }
        out.write(&line).map_err(|error| Fault::Write(error.kind()).into())
    }
}

impl Output {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Output::Writer(writer) => writer.write_all(line).and_then(|()| writer.flush()),
            Output::File { path, max_bytes } => {
                let mut file = open(path)?;
                // Its real length: others may write to it too.
                if file.metadata()?.len() + line.len() as u64 > *max_bytes {
                    let mut aside = path.clone().into_os_string();
                    aside.push(".1");
                    fs::rename(&*path, aside)?;
                    file = open(path)?;
                }
                append(&mut file, line)
            }
        }
    }
}

/// Appends a line whole, or not at all.
fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let mut written = 0;
    loop {
        // One call as a rule, so that two processes that write to one file don't mix their lines.
        match file.write(&line[written..]) {
            Ok(0) if written < line.len() => break Err(ErrorKind::WriteZero.into()),
            Ok(more) if written + more == line.len() => break Ok(()),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    }
    .inspect_err(|_| {
        // Unless somebody else has written behind it.
        if file.metadata().is_ok_and(|now| now.len() == before + written as u64) {
            _ = file.set_len(before);
        }
    })
}

fn open(path: &Path) -> io::Result<File> {
    // Somebody else may create the file, or set it aside, between the look at it and the opening.
    open_regular(path).or_else(|_| open_regular(path))
}

/// Opens a file that is a regular one and no link, or isn't there. It is looked at first, as to open a pipe
/// would wait.
fn open_regular(path: &Path) -> io::Result<File> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Some(found),
        Ok(_) => return Err(ErrorKind::InvalidInput.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut options = OpenOptions::new();
    options.append(true).create_new(found.is_none());
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let opened = file.metadata()?;
        if found.is_some_and(|found| (found.dev(), found.ino()) != (opened.dev(), opened.ino())) {
            return Err(ErrorKind::InvalidInput.into());
        }
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Writer(_) => f.write_str("Writer"),
            Output::File { max_bytes, .. } => {
                f.debug_struct("File").field("max_bytes", max_bytes).finish_non_exhaustive()
            }
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
