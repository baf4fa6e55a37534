//! What a provider was composed of, shared by all its clients.

use std::any::Any;
use std::sync::Arc;

use crate::client::safe_clock::SafeClock;
use crate::config::TelemetryConfig;
use crate::guard::fork::Process;
use crate::guard::memory::MemoryPool;
use crate::guard::panic::DropGuarded;
use crate::guard::sync::atomic::AtomicU64;
use crate::guard::thread;
use crate::plugin::breaker::BreakerSource;
use crate::plugin::exporter::Exporter;
use crate::plugin::flags::FeatureFlagSource;
use crate::record::DriverContext;
use crate::text::rules::TextRules;

#[derive(Debug)]
pub(crate) struct Plugins {
    pub(crate) driver: Arc<DriverContext>,
    pub(crate) config: TelemetryConfig,
    /// What text may leave.
    pub(crate) text: TextRules,
    pub(crate) exporter: Arc<dyn Exporter>,
    pub(crate) flags: Arc<dyn FeatureFlagSource>,
    pub(crate) breakers: Arc<dyn BreakerSource>,
    pub(crate) clock: SafeClock,
    /// What its clients may hold together.
    pub(crate) memory: Arc<MemoryPool>,
    /// How many of its clients have ended otherwise than by their close.
    pub(crate) ended_early: Arc<AtomicU64>,
    /// The process that built the provider. A forked child has another, and keeps silent.
    pub(crate) parent: Process,
    /// Last, so that all else is gone when it is dropped.
    pub(crate) last: DropThread,
}

impl Plugins {
    /// Whether this is the process that built the provider, and no forked child of it.
    pub(crate) fn in_parent_process(&self) -> bool {
        self.parent.is_this()
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        let Plugins { exporter, flags, breakers, .. } = &*self;
        let held: [Part; 4] = [
            Box::new(Arc::clone(exporter)),
            Box::new(Arc::clone(flags)),
            Box::new(Arc::clone(breakers)),
            Box::new(self.clock.inner()),
        ];
        if self.in_parent_process() {
            self.last.0 = held.map(Some);
        } else {
            // In a forked child the threads that they may wait for in the end aren't there.
            std::mem::forget(held);
        }
    }
}

/// Holds the plug-ins longer than anybody else, and lets go of them on a thread of their own: the driver's,
/// which may be a runtime's, is no place for what foreign code does in the end, and for how long.
#[derive(Default)]
pub(crate) struct DropThread([Option<Part>; 4]);

type Part = Box<dyn Any + Send + Sync>;

impl Drop for DropThread {
    fn drop(&mut self) {
        if self.0.iter().all(Option::is_none) {
            return;
        }
        // Each by itself: a panic while another unwinds would end the process.
        let parts = std::mem::take(&mut self.0).map(DropGuarded);
        // Without a thread it happens here, when the closure is dropped.
        drop(thread::spawn("telemetry-drop", move || drop(parts)));
    }
}

impl std::fmt::Debug for DropThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DropThread")
    }
}
