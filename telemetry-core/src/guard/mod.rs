//! What keeps faults where they arise: panics, a forked process, a poisoned lock, telemetry about telemetry.

pub(crate) mod fork;
pub(crate) mod lock;
pub(crate) mod own_work;
pub(crate) mod panic;
pub(crate) mod thread;
