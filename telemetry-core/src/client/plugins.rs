//! What a provider was composed of, shared by all its clients.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use crate::client::call_pool::CallPool;
use crate::client::last_opened::LastOpened;
use crate::client::roll::Roll;
use crate::client::safe_clock::SafeClock;
use crate::config::TelemetryConfig;
use crate::guard::fork::Process;
use crate::guard::memory::MemoryPool;
use crate::guard::panic::{DropGuarded, catch_panic};
use crate::guard::sync::atomic::AtomicU64;
use crate::guard::thread;
use crate::plugin::breaker::BreakerSource;
use crate::plugin::exporter::Exporter;
use crate::plugin::flags::FeatureFlagSource;
use crate::plugin::observer::Observer;
use crate::plugin::sink::Sink;
use crate::record::DriverContext;
use crate::text::rules::TextRules;

#[derive(Debug)]
pub(crate) struct Plugins {
    pub(crate) driver: Arc<DriverContext>,
    pub(crate) config: TelemetryConfig,
    /// What text may leave.
    pub(crate) text: TextRules,
    pub(crate) exporter: Arc<dyn Exporter>,
    /// The file that the exporter writes to instead of sending. It was asked once, as it is foreign.
    pub(crate) dry_run: Option<PathBuf>,
    pub(crate) flags: Arc<dyn FeatureFlagSource>,
    pub(crate) breakers: Arc<dyn BreakerSource>,
    /// What records go to beside the vendor's service.
    pub(crate) sinks: Vec<Arc<SharedSink>>,
    /// Who is told of deliveries, losses and breakers.
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) clock: SafeClock,
    /// What its clients may hold together.
    pub(crate) memory: Arc<MemoryPool>,
    /// All of its clients.
    pub(crate) roll: Roll,
    /// What its next connection is cleaned beside.
    pub(crate) last_opened: LastOpened,
    /// How many of its clients have ended otherwise than by their close.
    pub(crate) ended_early: Arc<AtomicU64>,
    /// The process that built the provider. A forked child has another, and keeps silent.
    pub(crate) parent: Process,
    /// Last, so that all else is gone when it is dropped.
    pub(crate) last: DropThread,
}

/// A provider's sink, with what its clients share of it.
#[derive(Debug)]
pub(crate) struct SharedSink {
    pub(crate) sink: Sink,
    /// Where its calls run that may block: threads of its own, so that it takes none from the others.
    pub(crate) pool: Arc<CallPool>,
    /// What may wait for it, of all clients.
    pub(crate) memory: Arc<MemoryPool>,
    /// The file that it writes to instead of sending.
    pub(crate) file: Option<PathBuf>,
}

impl SharedSink {
    pub(crate) fn new(sink: Sink) -> Self {
        let memory = Arc::new(MemoryPool::new(sink.config.max_total_bytes as u64));
        let file = catch_panic(|| sink.exporter.dry_run()).flatten();
        SharedSink { sink, pool: Arc::default(), memory, file }
    }
}

impl Plugins {
    /// Whether this is the process that built the provider, and no forked child of it.
    pub(crate) fn in_parent_process(&self) -> bool {
        self.parent.is_this()
    }
}

impl Drop for Plugins {
    fn drop(&mut self) {
        let Plugins { exporter, flags, breakers, sinks, observer, .. } = &*self;
        let mut held: Vec<Part> = vec![
            Box::new(Arc::clone(exporter)),
            Box::new(Arc::clone(flags)),
            Box::new(Arc::clone(breakers)),
            Box::new(self.clock.inner()),
        ];
        held.extend(observer.clone().map(|observer| Box::new(observer) as Part));
        for shared in sinks {
            held.push(Box::new(Arc::clone(&shared.sink.exporter)));
            held.push(Box::new(Arc::clone(&shared.sink.breakers)));
        }
        if self.in_parent_process() {
            self.last.0 = held;
        } else {
            // In a forked child the threads that they may wait for in the end aren't there.
            std::mem::forget(held);
        }
    }
}

/// Holds the plug-ins longer than anybody else, and lets go of them on a thread of their own: the driver's,
/// which may be a runtime's, is no place for what foreign code does in the end, and for how long.
#[derive(Default)]
pub(crate) struct DropThread(Vec<Part>);

type Part = Box<dyn Any + Send + Sync>;

impl Drop for DropThread {
    fn drop(&mut self) {
        if self.0.is_empty() {
            return;
        }
        // Each by itself: a panic while another unwinds would end the process.
        let parts: Vec<_> = self.0.drain(..).map(|part| DropGuarded(Some(part))).collect();
        // Without a thread it happens here, when the closure is dropped.
        drop(thread::spawn("telemetry-drop", move || drop(parts)));
    }
}

impl std::fmt::Debug for DropThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DropThread")
    }
}
