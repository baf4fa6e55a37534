//! What keeps faults where they arise: panics, a forked process, a poisoned lock, telemetry about telemetry.

pub(crate) mod fork;
pub(crate) mod lock;
pub(crate) mod memory;
pub(crate) mod own_work;
pub(crate) mod panic;
#[cfg_attr(all(test, shuttle), path = "../interleavings/sync.rs")]
pub(crate) mod sync;
#[cfg_attr(all(test, shuttle), path = "../interleavings/thread.rs")]
pub(crate) mod thread;
pub(crate) mod thread_pool;
