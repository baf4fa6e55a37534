//! How a driver composes its telemetry, once.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use telemetry_databricks::export::HttpExporter;
use telemetry_databricks::plugin::{Attempt, PluginError, Receipt};
use telemetry_databricks::{BuildError, Composition, DriverIdentity, Exporter, TelemetryConfig};

/// The feature flag that turns this driver's telemetry on.
pub const FLAG: &str = "databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForExampleDriver";

/// The example driver's telemetry; what else the caller wants to say is said before it is built.
///
/// # Errors
///
/// [`BuildError`] when a part can't be set up: the one moment at which telemetry has errors.
pub fn telemetry(config: TelemetryConfig, dump: Option<Dump>) -> Result<Composition, BuildError> {
    let version = env!("CARGO_PKG_VERSION");
    let identity = DriverIdentity::builder()
        .name("Example Driver")
        .version(version)
        .client("EXAMPLE")
        .flag(FLAG)
        .build()?;
    let composition = Composition::new(identity).config(|_| config);
    Ok(match dump.map(Arc::new) {
        Some(dump) => composition.exporter(move |http| Dumping { http, dump: Arc::clone(&dump) }),
        None => composition,
    })
}

/// A file that every delivered body is written to, one JSON document a line.
#[derive(Debug)]
pub struct Dump(Mutex<File>);

impl Dump {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    ///
    /// [`NoDump`], which names the path.
    pub fn create(path: &Path) -> Result<Self, NoDump> {
        let named = |source| NoDump { path: path.to_owned(), source };
        File::create(path).map(|file| Dump(Mutex::new(file))).map_err(named)
    }
}

/// A dump's file can't be written.
#[derive(Debug, thiserror::Error)]
#[error("{} can't be written", path.display())]
pub struct NoDump {
    path: PathBuf,
    source: io::Error,
}

/// An exporter of one's own is a few lines: this one delivers, and keeps a copy of what was delivered.
#[derive(Debug)]
struct Dumping {
    http: HttpExporter,
    dump: Arc<Dump>,
}

#[async_trait]
impl Exporter for Dumping {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let receipt = self.http.export(attempt).await?;
        let mut line = self.http.request(attempt)?.body;
        line.push(b'\n');
        let mut file = self.dump.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(&line) {
            tracing::debug!(%error, "a delivered body could not be written down");
        }
        Ok(receipt)
    }
}
