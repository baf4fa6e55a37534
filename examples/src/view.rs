//! Looking at what was sent, in a browser: by `telemetry-view`, which no program here is built with.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use serde_json::json;
use telemetry_core::status::{Reason, Status};

/// A file that what was sent is written to, for `telemetry-view` to show.
#[derive(Debug)]
pub struct View(PathBuf);

impl View {
    /// A file that is there, or will be.
    pub fn of(path: PathBuf) -> Self {
        View(path)
    }

    /// A new file among those for a while, for its owner alone. It stays when the process ends.
    ///
    /// # Errors
    ///
    /// When it can't be made.
    pub fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("quickstart-{}.jsonl", std::process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?;
        Ok(View(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Adds a driver's books of records to it, by which the page checks what came.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    pub fn add_books(&self, driver: &str, status: &Status) -> io::Result<()> {
        let records = &status.records;
        let dropped: serde_json::Map<_, _> = records
            .dropped
            .iter()
            .map(|(reason, count)| (reason.as_str().to_owned(), count.into()))
            .collect();
        let books = json!({"books": {
            "driver": driver, "made": records.made, "accepted": records.accepted, "written": records.written,
            "held": records.held, "dropped": dropped,
        }});
        let mut file = OpenOptions::new().append(true).create(true).open(&self.0)?;
        file.write_all(format!("{books}\n").as_bytes())
    }

    /// Builds `telemetry-view`, and shows the file until somebody ends it.
    ///
    /// # Errors
    ///
    /// When cargo can't be started.
    pub fn show(&self) -> io::Result<ExitStatus> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        let path = std::path::absolute(&self.0)?;
        command.args(["run", "--quiet", "-p", "telemetry-view", "--"]).arg(path);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).status()
    }
}
