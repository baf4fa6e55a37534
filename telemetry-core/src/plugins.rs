//! What a provider was composed of, shared by all its clients.

use std::any::Any;
use std::sync::Arc;

use crate::breaker::BreakerSource;
use crate::config::TelemetryConfig;
use crate::contain::{SafeClock, contained};
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
    /// Threads that run calls of plug-ins, those that never come back included.
    pub(crate) calls: Arc<()>,
    /// Last, so that all else is gone when it is dropped.
    pub(crate) last: LastHold,
}

impl Plugins {
    /// Whether this is the process that built the provider, and no forked child of it.
    pub(crate) fn is_home(&self) -> bool {
        self.home.is_this()
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        let Plugins { exporter, flags, breakers, .. } = &*self;
        let held = (Arc::clone(exporter), Arc::clone(flags), Arc::clone(breakers), self.clock.inner());
        if self.is_home() {
            self.last.0 = Some(Box::new(held));
        } else {
            // In a forked child the threads that they may wait for in the end aren't there.
            std::mem::forget(held);
        }
    }
}

/// Holds the plug-ins longer than anybody else, and lets go of them on a thread of their own: the driver's, which may be a
/// runtime's, is no place for what foreign code does in the end, and for how long.
#[derive(Default)]
pub(crate) struct LastHold(Option<Box<dyn Any + Send + Sync>>);

impl Drop for LastHold {
    fn drop(&mut self) {
        let Some(plugins) = self.0.take() else { return };
        let let_go = move || {
            contained(move || drop(plugins));
        };
        // Without a thread it happens here, when the closure is dropped.
        drop(contained(|| std::thread::Builder::new().name("telemetry-drop".to_owned()).spawn(let_go)));
    }
}

impl std::fmt::Debug for LastHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LastHold")
    }
}
