//! Which process this is: a forked child shares the memory of its parent, but none of its threads.

/// A process, by its id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn this() -> Self {
        Process(std::process::id())
    }

    /// Whether it is the one that asks, and not its parent.
    pub(crate) fn is_this(self) -> bool {
        self.0 == std::process::id()
    }
}
