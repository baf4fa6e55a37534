//! What threads meet at: the standard library's, or, where interleavings are tested, shuttle's, which decides
//! before each use who goes on.

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
