//! Which process this is: a forked child shares the memory of its parent, but none of its threads.
//!
//! A process is told by its id. That doesn't tell PID 1 from a child that it forks into a namespace of its
//! own. What would, a page that a fork wipes or a handler that runs at one, isn't to be had in safe code; the
//! ids of sessions and groups change without a fork; and a driver's thread reads no file to find out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A process, by its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn this() -> Self {
        Process(std::process::id())
    }

    /// The parent of one that isn't there.
    #[cfg(test)]
    pub(crate) fn another() -> Self {
        Process(std::process::id() + 1)
    }

    /// Whether it is the one that asks, and not its parent.
    pub(crate) fn is_this(self) -> bool {
        self.0 == std::process::id()
    }
}

/// A value that a forked child makes for itself, once.
#[derive(Debug)]
pub(crate) struct InChild<T> {
    /// The process that makes it; 0 as long as none does.
    maker: AtomicU32,
    value: OnceLock<Option<T>>,
}

impl<T> InChild<T> {
    pub(crate) const fn new() -> Self {
        InChild { maker: AtomicU32::new(0), value: OnceLock::new() }
    }

    /// The value, which the first that asks makes. `None` where it could not be made, and in a child that was
    /// forked while it was: whoever was making it doesn't exist there.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> Option<T>) -> Option<&T> {
        let this = std::process::id();
        let maker = match self.maker.compare_exchange(0, this, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => this,
            Err(maker) => maker,
        };
        let value = if maker == this { Some(self.value.get_or_init(make)) } else { self.value.get() };
        value.and_then(Option::as_ref)
    }
}

impl<T> Default for InChild<T> {
    fn default() -> Self {
        InChild::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once() {
        let made = InChild::default();
        assert_eq!(made.get_or_make(|| Some(1)), Some(&1));
        assert_eq!(made.get_or_make(|| Some(2)), Some(&1));
        let failed = InChild::default();
        assert_eq!(failed.get_or_make(|| None::<u8>), None);
        assert_eq!(failed.get_or_make(|| Some(2)), None);
    }

    #[test]
    fn what_another_process_was_making_is_waited_for_by_nobody() {
        let other = InChild { maker: AtomicU32::new(std::process::id() + 1), value: OnceLock::new() };
        assert_eq!(other.get_or_make(|| Some(1)), None);
        assert!(other.value.set(Some(2)).is_ok());
        assert_eq!(other.get_or_make(|| Some(1)), Some(&2), "what it had made is there");
    }
}
