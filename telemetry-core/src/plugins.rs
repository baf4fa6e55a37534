//! What a provider was composed of, shared by all its clients.

use std::sync::Arc;

use crate::breaker::BreakerSource;
use crate::config::TelemetryConfig;
use crate::contain::SafeClock;
use crate::exporter::Exporter;
use crate::flags::FeatureFlagSource;
use crate::process::Process;
use crate::record::DriverContext;

#[derive(Debug)]
pub(crate) struct Plugins {
    pub(crate) driver: Arc<DriverContext>,
    pub(crate) config: TelemetryConfig,
    pub(crate) exporter: Arc<dyn Exporter>,
    pub(crate) flags: Arc<dyn FeatureFlagSource>,
    pub(crate) breakers: Arc<dyn BreakerSource>,
    pub(crate) clock: SafeClock,
    /// The process that built the provider. A forked child has another, and keeps silent.
    pub(crate) home: Process,
}

impl Plugins {
    /// Whether this is the process that built the provider, and no forked child of it.
    pub(crate) fn is_home(&self) -> bool {
        self.home.is_this()
    }
}
