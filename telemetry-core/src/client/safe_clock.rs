//! The provider's clock, held to what a clock must do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use crate::fault::Fault;
use crate::guard::panic::{GuardedFuture, catch_panic};
use crate::plugin::clock::{Clock, SystemClock, Tick};

/// A clock that doesn't panic and doesn't go back, whatever the one inside does.
#[derive(Clone, Debug)]
pub(crate) struct SafeClock {
    inner: Arc<dyn Clock>,
    latest: Arc<AtomicU64>,
    /// Where the time goes on from when the clock inside panics, so that nothing stands still or spins.
    origin: (Tick, Instant),
    /// Whether what sleeps runs where tokio's timers do. Somebody who moves workers by hand may be anywhere.
    timers: bool,
}

impl SafeClock {
    pub(crate) fn new(inner: Arc<dyn Clock>, timers: bool) -> Self {
        let start = catch_panic(|| inner.now()).unwrap_or_default();
        SafeClock {
            inner,
            latest: Arc::new(AtomicU64::new(start.as_nanos())),
            origin: (start, Instant::now()),
            timers,
        }
    }

    pub(crate) fn inner(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner)
    }

    pub(crate) fn now(&self) -> Tick {
        let (start, since) = self.origin;
        let now = catch_panic(|| self.inner.now()).unwrap_or_else(|| start + since.elapsed()).as_nanos();
        Tick::from_nanos(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    pub(crate) fn wall(&self) -> SystemTime {
        catch_panic(|| self.inner.wall()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Completes at `at`. When the clock inside panics, wakes too early, or doesn't wake at all, the
    /// machine's own time counts.
    pub(crate) async fn sleep_until(&self, at: Tick) {
        if at == Tick::MAX {
            return std::future::pending().await;
        }
        let left = at.since(self.now());
        let mut sleep = GuardedFuture::new(|| self.inner.sleep_until(at));
        let mut patience = std::pin::pin!(machine_sleep(left.saturating_add(PATIENCE)));
        let slept = std::future::poll_fn(|cx| match Pin::new(&mut sleep).poll(cx) {
            Poll::Ready(slept) => Poll::Ready(Some(slept)),
            Poll::Pending if self.timers => patience.as_mut().poll(cx).map(|()| None),
            Poll::Pending => Poll::Pending,
        })
        .await;
        let left = at.since(self.now());
        if slept.is_some_and(|slept| slept.is_none() || left > Duration::ZERO) {
            machine_sleep(left).await;
        }
    }

    /// Runs a foreign future until it ends, panics, or the time is up.
    pub(crate) async fn limit<T>(&self, at: Tick, future: GuardedFuture<'_, T>) -> Result<T, Fault> {
        let mut future = future;
        let mut sleep = std::pin::pin!(self.sleep_until(at));
        std::future::poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
            Poll::Ready(Some(value)) => Poll::Ready(Ok(value)),
            Poll::Ready(None) => Poll::Ready(Err(Fault::Panicked)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| Err(Fault::Timeout)),
        })
        .await
    }
}

/// How much longer than it was to sleep a clock may take, in the machine's time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sleeps by the machine's clock; for ever where there is no runtime that could wake it.
async fn machine_sleep(time: Duration) {
    let timers = tokio::runtime::Handle::try_current().is_ok();
    let sleep = timers.then(|| GuardedFuture::new(|| SystemClock::new().sleep_until(Tick::ZERO + time)));
    if let Some(sleep) = sleep
        && sleep.await.is_some()
    {
        return;
    }
    std::future::pending().await
}
