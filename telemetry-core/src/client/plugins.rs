//! What a provider was composed of, shared by all its clients.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::client::safe_clock::SafeClock;
use crate::config::TelemetryConfig;
use crate::guard::fork::Process;
use crate::guard::lock::lock;
use crate::guard::panic::DropGuarded;
use crate::host::Host;
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
    /// The process that built the provider. A forked child has another, and keeps silent.
    pub(crate) parent: Process,
    /// Threads of calls that were given up and didn't end.
    pub(crate) stuck: Stuck,
    /// Last, so that all else is gone when it is dropped.
    pub(crate) last: DropThread,
}

impl Plugins {
    /// Whether this is the process that built the provider, and no forked child of it.
    pub(crate) fn in_parent_process(&self) -> bool {
        self.parent.is_this()
    }
}

/// Threads of calls that were given up and didn't end, by the host that they are for.
#[derive(Debug, Default)]
pub(crate) struct Stuck(Mutex<HashMap<Host, Arc<()>>>);

impl Stuck {
    /// How many there may be for one host: as many are lost for good if it blocks whoever calls it.
    pub(crate) const PER_HOST: usize = 64;
    /// How many there may be in all.
    pub(crate) const IN_ALL: usize = 1024;

    /// One more; it counts for as long as what is returned lives.
    pub(crate) fn add(&self, host: &Host) -> Arc<()> {
        let mut hosts = lock(&self.0);
        hosts.retain(|_, threads| Arc::strong_count(threads) > 1);
        Arc::clone(hosts.entry(host.clone()).or_default())
    }

    /// Whether as many are stuck as may be.
    pub(crate) fn are_too_many(&self, host: &Host) -> bool {
        let hosts = lock(&self.0);
        let count = |threads: &Arc<()>| Arc::strong_count(threads) - 1;
        hosts.get(host).is_some_and(|threads| count(threads) >= Stuck::PER_HOST)
            || hosts.values().map(count).sum::<usize>() >= Stuck::IN_ALL
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
        drop(std::thread::Builder::new().name("telemetry-drop".to_owned()).spawn(move || drop(parts)));
    }
}

impl std::fmt::Debug for DropThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DropThread")
    }
}
