//! The same messages as lines in a file.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde::Serialize;
use telemetry_core::plugin::{Attempt, PluginError, Receipt, RotatedFile};
use telemetry_core::{BuildError, Exporter, Fault};

use crate::config::{OtlpConfig, Signal};
use crate::map::{Mapping, Messages, Wanted};

/// How long a file grows before it is set aside: 10 MiB.
pub const MAX_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// Writes batches to a file as lines of OTLP's JSON, as the collector's file exporter does: up to three for a
/// batch, its spans, its log records and its metrics, each a whole message. The collector's `otlpjsonfile`
/// receiver reads them, for each signal those that are of it.
///
/// The lines of a batch are written together or not at all. The file is bounded, set aside and kept private
/// as [`RotatedFile`] says. What was written counts as
/// [written](telemetry_core::status::RecordLedger::written); what can't be written fails as [`Fault::Write`].
/// As for a collector, [`Attempt::credentials`] is never looked at.
pub struct OtlpFileExporter {
    mapping: Mapping,
    wanted: Wanted,
    path: PathBuf,
    file: Mutex<RotatedFile>,
}

impl OtlpFileExporter {
    /// An exporter to this file, which is bounded by [`MAX_FILE_BYTES`]. Of the settings, those that say
    /// where to and how to get there are of no use here, and aren't looked at.
    ///
    /// # Errors
    ///
    /// As those of [`OtlpExporter::new`](crate::OtlpExporter::new), save for URLs, headers and timeouts.
    pub fn new(path: impl Into<PathBuf>, config: OtlpConfig) -> Result<Self, BuildError> {
        OtlpFileExporter::bounded(path, MAX_FILE_BYTES, config)
    }

    /// The same with another bound, in bytes.
    ///
    /// # Errors
    ///
    /// As those of [`new`](Self::new).
    pub fn bounded(path: impl Into<PathBuf>, max_bytes: u64, config: OtlpConfig) -> Result<Self, BuildError> {
        let wanted = Wanted {
            traces: config.is_on(Signal::Traces),
            logs: config.is_on(Signal::Logs),
            metrics: config.is_on(Signal::Metrics),
        };
        if wanted == (Wanted { traces: false, logs: false, metrics: false }) {
            return Err(BuildError::Missing("a signal that is on"));
        }
        let path = path.into();
        let file = Mutex::new(RotatedFile::new(path.clone(), max_bytes));
        Ok(OtlpFileExporter { mapping: Mapping::new(config)?, wanted, path, file })
    }

    fn lines(&self, attempt: &Attempt<'_>) -> Result<Vec<u8>, PluginError> {
        let mut batch = self.mapping.batch(attempt.host);
        for record in attempt.records {
            batch.push(record, self.wanted);
        }
        let Messages { traces, logs, metrics } = batch.finish();
        let mut lines = Vec::new();
        line(&mut lines, traces)?;
        line(&mut lines, logs)?;
        line(&mut lines, metrics)?;
        Ok(lines)
    }
}

fn line(lines: &mut Vec<u8>, message: Option<impl Serialize>) -> Result<(), PluginError> {
    if let Some(message) = message {
        serde_json::to_writer(&mut *lines, &message).map_err(|_| Fault::Unsendable)?;
        lines.push(b'\n');
    }
    Ok(())
}

impl fmt::Debug for OtlpFileExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the path, which may name a user.
        f.debug_struct("OtlpFileExporter").field("file", &self.file).finish_non_exhaustive()
    }
}

#[async_trait]
impl Exporter for OtlpFileExporter {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let lines = self.lines(attempt)?;
        self.file.lock().unwrap_or_else(PoisonError::into_inner).append(&lines)?;
        Ok(Receipt::written(attempt.records.len()))
    }

    fn dry_run(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }
}
