//! Suites for those who implement a trait of `telemetry-core`: one call in a test of theirs says whether the
//! implementation keeps what the trait's documentation obliges it to.
//!
//! ```
//! use telemetry_core::plugin::AlwaysClosed;
//! use telemetry_testkit::conformance;
//!
//! conformance::breaker_that_never_opens(|| AlwaysClosed);
//! ```
//!
//! A suite checks what can be seen from outside, and its documentation says what can't. It panics with a
//! sentence that names the obligation. Suites that are asynchronous run on tokio, with its timers on, and
//! with its network where they speak HTTP. But for timeouts, which some obligations are about, time is
//! measured by nothing but a safety net of ten seconds, which ends a test of something that never ends.

mod breaker;
#[cfg(feature = "strategies")]
mod breaker_under;
mod clock;
mod credentials;
mod exporter;
mod flags;
#[cfg(feature = "workspace")]
mod http_exporter;
mod samples;
mod service_flags;
#[cfg(feature = "workspace")]
mod transport;

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

pub use self::breaker::{breaker, breaker_source, breaker_that_never_opens};
#[cfg(feature = "strategies")]
pub use self::breaker_under::breaker_under;
pub use self::clock::clock;
pub use self::credentials::credentials;
pub use self::exporter::exporter;
pub use self::flags::flags;
#[cfg(feature = "workspace")]
pub use self::http_exporter::http_exporter;
pub use self::service_flags::flags_over_transport;
#[cfg(feature = "workspace")]
pub use self::transport::transport;

/// Ends a broken test; nothing waits for it in one that works.
const NET: Duration = Duration::from_secs(10);

/// What stands for a credential, and must not be seen where credentials aren't shown.
const SECRET: &str = "conformance-secret";

/// What the future completes with, or a panic that names the obligation by which it should have completed.
async fn within<T>(obligation: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = tokio::time::timeout(NET, future).await else {
        panic!("{obligation}, but after {NET:?} it had not");
    };
    value
}

/// Completes once the condition holds; for what isn't told of.
#[cfg(feature = "workspace")]
async fn until(obligation: &str, holds: impl Fn() -> bool) {
    let end = std::time::Instant::now() + NET;
    while !holds() {
        assert!(std::time::Instant::now() < end, "{obligation}, but after {NET:?} it was still so");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Polls once, with the task's own waker.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// What it gives, or a panic that names the obligation by which it should not have panicked.
fn without_panic<T>(obligation: &str, work: impl FnOnce() -> T) -> T {
    let Ok(value) = catch_unwind(AssertUnwindSafe(work)) else { panic!("{obligation}, but it panicked") };
    value
}

/// Works on a thread of its own, which is left behind when it doesn't come back.
fn aside<T: Send + 'static>(obligation: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || drop(tell.send(work())));
    match told.recv_timeout(NET) {
        Ok(value) => value,
        Err(RecvTimeoutError::Timeout) => panic!("{obligation}, but after {NET:?} it had not come back"),
        Err(RecvTimeoutError::Disconnected) => {
            // Its own panic says more than one from here.
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            panic!("{obligation}, but it ended without a word");
        }
    }
}

/// Runs a call on a runtime of one thread, until something else on that thread has seen that the call waits.
/// A call that blocks the thread keeps the other from seeing it in time; one that ends without being seen
/// does nothing that could block.
#[cfg(feature = "workspace")]
fn blocks_no_thread(
    obligation: &str,
    call: impl Future + Send + 'static,
    waits: impl Future<Output = ()> + Send + 'static,
) {
    let seen_late = aside(obligation, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let mut waits = std::pin::pin!(waits);
            tokio::select! {
                biased;
                () = &mut waits => false,
                _ = call => poll_once(waits).await.is_ready(),
            }
        })
    });
    assert!(!seen_late, "{obligation}, but nothing else ran there until its call had ended");
}

/// Looks for the secret where it must not be.
fn assert_hidden(what: &str, shown: &impl fmt::Debug) {
    let shown = format!("{shown:?}");
    assert!(!shown.contains(SECRET), "{what} shows no credential in its Debug, but it did");
}
