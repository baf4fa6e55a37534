//! What threads meet at. Tests of interleavings have `interleavings/sync.rs` in its place, which decides
//! before each use who goes on.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
pub(crate) use std::thread_local;
