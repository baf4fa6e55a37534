//! What a driver does with its connections, in every way that there is, and how long it was kept.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use telemetry_core::{
    Chunk, ClientProvider, CloseOutcome, ConnectionInfo, ErrorDetails, Fault, Lease, StatementType,
    StaticToken, Target,
};

/// How long a call that promises not to wait may take, and how much later than its deadline a close may come
/// back: much for a busy machine, and little for a network that doesn't answer.
const GRACE: Duration = Duration::from_secs(5);
const STATEMENTS: u64 = 2;

/// What was done, and which promises were broken on the way.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    connections: AtomicU64,
    /// Records that are to come of what was said to the shared clients.
    recorded: AtomicU64,
    longest_call: AtomicU64,
    latest_close: AtomicU64,
    broken: Mutex<Vec<String>>,
}

impl Tally {
    /// Something that promises not to wait.
    pub(crate) fn call<T>(&self, what: &str, call: impl FnOnce() -> T) -> T {
        self.timed(what, Duration::ZERO, &self.longest_call, call)
    }

    /// Something that waits no longer than `within`.
    pub(crate) fn wait<T>(&self, what: &str, within: Duration, wait: impl FnOnce() -> T) -> T {
        self.timed(what, within, &self.latest_close, wait)
    }

    fn timed<T>(&self, what: &str, within: Duration, most: &AtomicU64, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = call();
        let over = start.elapsed().saturating_sub(within);
        most.fetch_max(over.as_millis() as u64, Ordering::Relaxed);
        if over > GRACE {
            self.broke(format!("{what} took {over:?} too long"));
        }
        done
    }

    pub(crate) fn broke(&self, promise: String) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        // A few say what is wrong.
        if broken.len() < 10 {
            broken.push(promise);
        }
    }

    pub(crate) fn books(&self, lease: &Lease, ended: bool) {
        let status = lease.status();
        if !status.balances() || ended && (status.records.held > 0 || status.events.waiting > 0) {
            self.broke(format!("the books: {}; {}", status.events, status.records));
        }
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn recorded(&self) -> u64 {
        self.recorded.load(Ordering::SeqCst)
    }

    pub(crate) fn longest_call_ms(&self) -> u64 {
        self.longest_call.load(Ordering::Relaxed)
    }

    pub(crate) fn latest_close_ms(&self) -> u64 {
        self.latest_close.load(Ordering::Relaxed)
    }

    pub(crate) fn into_broken(self) -> Vec<String> {
        self.broken.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The principal whose client is held open all the while, so that its books tell of all.
pub(crate) const SHARED: &str = "shared";

pub(crate) fn acquire(provider: &ClientProvider, url: &str, principal: &str) -> Lease {
    provider.acquire(Target::new(url).credentials(StaticToken::new(principal)))
}

/// One connection, the `number`-th, from its opening to one of its ends.
pub(crate) fn connect(
    provider: &ClientProvider,
    url: &str,
    principal: &str,
    number: u64,
    within: Duration,
    tally: &Tally,
) {
    let lease = tally.call("acquire", || acquire(provider, url, principal));
    let opening = tally.call("opening", || lease.opening(ConnectionInfo::new().auth_type("pat")));
    let mut records = 1 + 2 * STATEMENTS;
    let session = tally.call("opened", || opening.opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b"));
    for place in 0..STATEMENTS {
        tally.call("a statement", || {
            let mut statement = session.statement();
            statement.kind(StatementType::Query);
            statement.id(&format!("01f0a1b2-c3d4-1e5f-{place:04x}-{number:012x}"));
            statement.poll(Duration::from_millis(8));
            statement.chunk(Chunk::new(0, Duration::from_millis(12)).bytes(65_536));
            statement.error(|| error(number));
            statement.complete();
        });
    }
    tally.connections.fetch_add(1, Ordering::SeqCst);
    match number % 5 {
        0 => {
            tally.call("closed", || session.closed(Duration::from_millis(3)));
            records += 1;
            drop(session);
            let outcome = tally.wait("close", within, || lease.close_blocking(within));
            tally.books(&lease, outcome != CloseOutcome::Shared);
        }
        1 => tally.call("drop", || drop((session, lease))),
        2 => tally.call("drop", || {
            // A statement that outlives its connection.
            let statement = session.statement();
            drop((session, lease));
            statement.complete();
            records += 1;
        }),
        3 => {
            drop(tally.wait("flush", within, || lease.flush_blocking(within)));
            tally.books(&lease, false);
        }
        _ => {
            // A close that is given up at once.
            let mut close = pin!(lease.close(within));
            drop(tally.call("close", || close.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
        }
    }
    if principal == SHARED {
        tally.recorded.fetch_add(records, Ordering::SeqCst);
    }
}

/// Now and then one that is sent at once.
fn error(number: u64) -> ErrorDetails {
    let fault = if number.is_multiple_of(8) { Fault::Status(403) } else { Fault::Timeout };
    ErrorDetails::new("CHUNK_TIMEOUT").fault(fault).message("chunk 3 timed out after 30 s, password=hunter2")
}
