//! A statement that many hold.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::guard::fork::Process;
use crate::guard::lock::lock_if;
use crate::guard::sync::{Mutex, thread_local};
use crate::handle::error_details::ErrorDetails;
use crate::handle::session_scope::SessionScope;
use crate::handle::statement::Statement;
use crate::ledger::Refusal;

thread_local! {
    /// Whether this thread speaks to a shared statement.
    static SPEAKS: Cell<bool> = const { Cell::new(false) };
}

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
    /// To count what can't be said to the statement.
    session: Weak<SessionScope>,
    process: Process,
}

impl Statement {
    /// The same, to be spoken to through `&self` and by many.
    #[must_use = "dropped at once, the statement is over"]
    pub fn shared(self) -> SharedStatement {
        let session = self.session().map(Arc::downgrade).unwrap_or_default();
        SharedStatement { statement: Arc::new(Mutex::new(self)), session, process: Process::this() }
    }
}

impl SharedStatement {
    /// A statement that records nothing; the default.
    pub fn disabled() -> Self {
        Statement::disabled().shared()
    }

    /// Speaks to the statement. Once it is completed, what is said is ignored.
    ///
    /// From within, nothing is waited for: what is said there to the same statement, or to one that somebody
    /// else is speaking to, goes to a statement that records nothing, and one event counts as refused
    /// ([`Contended`](Refusal::Contended)). So it is in a forked child with a statement that another thread
    /// was speaking to when it was forked.
    pub fn with<T>(&self, tell: impl FnOnce(&mut Statement) -> T) -> T {
        let speaking = Speaking::begin();
        // From within, whoever holds the lock may be this thread, or wait for it.
        if let Some(mut statement) = lock_if(&self.statement, || !speaking.within && self.process.is_this()) {
            return tell(&mut statement);
        }
        if let Some(session) = self.session.upgrade() {
            session.client().refuse(Refusal::Contended, 1);
        }
        tell(&mut Statement::disabled())
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

/// A thread speaks to a shared statement.
struct Speaking {
    /// Whether it did already.
    within: bool,
}

impl Speaking {
    fn begin() -> Self {
        Speaking { within: SPEAKS.try_with(|speaks| speaks.replace(true)).unwrap_or(false) }
    }
}

impl Drop for Speaking {
    fn drop(&mut self) {
        let _ = SPEAKS.try_with(|speaks| speaks.set(self.within));
    }
}

impl Default for SharedStatement {
    fn default() -> Self {
        SharedStatement::disabled()
    }
}

impl fmt::Debug for SharedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedStatement").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_speaks_from_within_until_the_outermost_has_spoken() {
        for _ in 0..2 {
            let outermost = Speaking::begin();
            let inner = Speaking::begin();
            assert!(!outermost.within && inner.within);
            drop(inner);
            assert!(Speaking::begin().within);
        }
    }
}
