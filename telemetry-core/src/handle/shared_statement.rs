//! A statement that many hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::guard::fork::Process;
use crate::guard::lock::lock;
use crate::guard::sync::Mutex;
use crate::handle::error_details::ErrorDetails;
use crate::handle::statement::Statement;

/// A [`Statement`] that is spoken to through `&self`, and by all who hold a clone: for a driver whose own
/// traits give no more, or whose statement is shared by tasks. It costs a lock that is held for some
/// nanoseconds; a `Statement` costs none.
///
/// Without a [`complete`](SharedStatement::complete) it ends with its last clone, as it is.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{Session, StatementType};
///
/// # let session = Session::disabled();
/// let statement = session.statement().shared();
/// statement.with(|statement| {
///     statement.kind(StatementType::Query);
///     statement.id("01f0a1b2-0001");
/// });
/// statement.with(|statement| statement.poll(Duration::from_millis(8)));
/// statement.complete();
/// ```
#[derive(Clone)]
pub struct SharedStatement {
    statement: Arc<Mutex<Statement>>,
    process: Process,
}

impl Statement {
    /// The same, to be spoken to through `&self` and by many.
    #[must_use = "dropped at once, the statement is over"]
    pub fn shared(self) -> SharedStatement {
        SharedStatement { statement: Arc::new(Mutex::new(self)), process: Process::this() }
    }
}

impl SharedStatement {
    /// A statement that records nothing.
    pub fn disabled() -> Self {
        Statement::disabled().shared()
    }

    /// Speaks to the statement. Once it is completed, what is said is ignored. It may not be spoken to again
    /// from within, which would wait for itself.
    pub fn with<T>(&self, tell: impl FnOnce(&mut Statement) -> T) -> T {
        if self.process.is_this() {
            tell(&mut lock(&self.statement))
        } else {
            // A forked child: the lock may be held for ever.
            tell(&mut Statement::disabled())
        }
    }

    /// Records that it is over, now. The first end counts.
    pub fn complete(&self) {
        self.with(std::mem::take).complete();
    }

    /// Records that it is over, and how long it took. The first end counts.
    pub fn complete_after(&self, latency: Duration) {
        self.with(std::mem::take).complete_after(latency);
    }

    /// Records that it failed, now, and of what; see [`Statement::failed`]. The first end counts.
    pub fn failed(&self, details: impl FnOnce() -> ErrorDetails) {
        self.with(std::mem::take).failed(details);
    }
}

impl fmt::Debug for SharedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStatement").finish_non_exhaustive()
    }
}
