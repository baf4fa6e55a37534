//! What a process has taken of its system: threads, file descriptors, memory.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// How long what ends on its own has to be gone. Threads that were idle would be there for longer, if they
/// didn't end with their provider.
const PATIENCE: Duration = Duration::from_secs(9);

#[derive(Debug)]
pub(crate) struct Traces {
    /// How many there are of each name.
    pub(crate) threads: BTreeMap<String, usize>,
    pub(crate) descriptors: usize,
    pub(crate) memory_kib: u64,
}

impl Traces {
    pub(crate) fn now() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory_kib = resident
            .and_then(|size| size.split_whitespace().next()?.parse().ok())
            .ok_or_else(|| io::Error::other("the system doesn't say how much memory it is"))?;
        let descriptors = fs::read_dir("/proc/self/fd")?.count();
        Ok(Traces { threads: threads()?, descriptors, memory_kib })
    }

    /// What is there beyond what was at the start and what may be, once there was time for it to go.
    pub(crate) fn left_since(start: &Traces, allowed: Allowed) -> io::Result<Vec<String>> {
        let began = Instant::now();
        loop {
            let now = Traces::now()?;
            if now.count() <= start.count() + allowed.threads
                && now.descriptors <= start.descriptors + allowed.descriptors
            {
                return Ok(Vec::new());
            }
            if began.elapsed() > PATIENCE {
                return Ok(vec![format!("left behind: {now}; at the start {start}")]);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn count(&self) -> usize {
        self.threads.values().sum()
    }
}

impl fmt::Display for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Traces { threads, descriptors, memory_kib } = self;
        write!(f, "threads {threads:?}, {descriptors} descriptors, {memory_kib} KiB")
    }
}

/// What may be there that wasn't at the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowed {
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
}

/// How many threads there are of each name.
pub(crate) fn threads() -> io::Result<BTreeMap<String, usize>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task")?.flatten() {
        // One that ends meanwhile has no name any more.
        if let Ok(name) = fs::read_to_string(task.path().join("comm")) {
            *threads.entry(name.trim().to_owned()).or_default() += 1;
        }
    }
    Ok(threads)
}
