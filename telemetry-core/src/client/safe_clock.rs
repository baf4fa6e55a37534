//! The provider's clock, held to what a clock must do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

#[cfg(target_os = "linux")]
use nix::time::ClockId;

use crate::fault::Fault;
use crate::guard::panic::{GuardedFuture, catch_panic};
use crate::plugin::clock::{Clock, SystemClock, Tick};

/// A clock that doesn't panic, go back or stand still, whatever the one inside does. When that one goes back,
/// time goes on from where it was.
#[derive(Clone, Debug)]
pub(crate) struct SafeClock {
    inner: Arc<dyn Clock>,
    /// The machine's, where the one inside is that: it needs no watching.
    machine: Option<Machine>,
    latest: Arc<AtomicU64>,
    /// How far the clock inside has gone back, in nanoseconds.
    behind: Arc<AtomicU64>,
    /// The same of the machine's, which goes on when the one inside can't say.
    machine_behind: Arc<AtomicU64>,
    /// Where the time goes on from when the clock inside panics, so that nothing stands still or spins.
    origin: (Tick, Instant),
    /// Whether what sleeps runs where tokio's timers do. Somebody who moves workers by hand may be anywhere.
    timers: bool,
}

impl SafeClock {
    /// The machine's clock.
    pub(crate) fn machine(timers: bool) -> Self {
        let clock = SystemClock::new();
        SafeClock { machine: Some(Machine::new(clock)), ..SafeClock::new(Arc::new(clock), timers) }
    }

    pub(crate) fn new(inner: Arc<dyn Clock>, timers: bool) -> Self {
        let start = catch_panic(|| inner.now()).filter(|now| *now < LATEST).unwrap_or_default();
        SafeClock {
            inner,
            machine: None,
            latest: Arc::new(AtomicU64::new(start.as_nanos())),
            behind: Arc::default(),
            machine_behind: Arc::default(),
            origin: (start, Instant::now()),
            timers,
        }
    }

    pub(crate) fn inner(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.inner)
    }

    pub(crate) fn now(&self) -> Tick {
        if let Some(machine) = &self.machine {
            return machine.now();
        }
        let inside = catch_panic(|| self.inner.now()).filter(|now| *now < LATEST);
        match inside {
            Some(now) => self.goes_on(now, &self.behind),
            None => {
                let (start, since) = self.origin;
                self.goes_on(start + since.elapsed(), &self.machine_behind)
            }
        }
    }

    /// The time as it was some milliseconds ago at the most, which on the machine's clock is had for a third
    /// of the price: for what happens often and is dated only if nothing else comes.
    pub(crate) fn roughly(&self) -> Tick {
        match &self.machine {
            Some(machine) => machine.roughly(),
            None => self.now(),
        }
    }

    /// The time by a clock that may have gone back, and by how much it is behind then.
    fn goes_on(&self, reading: Tick, behind: &AtomicU64) -> Tick {
        let before = behind.load(Ordering::Relaxed);
        let now = reading.as_nanos().saturating_add(before);
        let latest = self.latest.fetch_max(now, Ordering::Relaxed);
        if latest.saturating_sub(now) > RACE {
            // Whoever else saw it go back at the same time has corrected it.
            let more = before.saturating_add(latest - now);
            let _ = behind.compare_exchange(before, more, Ordering::Relaxed, Ordering::Relaxed);
        }
        Tick::from_nanos(latest.max(now))
    }

    pub(crate) fn wall(&self) -> SystemTime {
        catch_panic(|| self.inner.wall()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Completes at `at`. When the clock inside panics, wakes too early, or doesn't wake at all, the
    /// machine's own time counts.
    pub(crate) async fn sleep_until(&self, at: Tick) {
        if at == Tick::MAX || (self.machine.is_some() && !self.timers) {
            // Whoever moves workers by hand looks at the clock each time.
            return std::future::pending().await;
        }
        let left = at.since(self.now());
        let inside = Tick::from_nanos(at.as_nanos().saturating_sub(self.behind.load(Ordering::Relaxed)));
        let mut sleep = GuardedFuture::new(|| self.inner.sleep_until(inside));
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

/// The machine's clock, read as it is or, where the system has one, by the time of its last tick.
#[derive(Clone, Copy, Debug)]
struct Machine {
    clock: SystemClock,
    /// A moment, and the system's reading of it.
    #[cfg(target_os = "linux")]
    start: Option<(Tick, u64)>,
}

#[cfg(target_os = "linux")]
impl Machine {
    fn new(clock: SystemClock) -> Self {
        let now = clock.now();
        let start = monotonic(ClockId::CLOCK_MONOTONIC).map(|reading| (now, reading));
        Machine { clock, start }
    }

    fn now(&self) -> Tick {
        self.by(ClockId::CLOCK_MONOTONIC)
    }

    fn roughly(&self) -> Tick {
        self.by(ClockId::CLOCK_MONOTONIC_COARSE)
    }

    fn by(&self, clock: ClockId) -> Tick {
        match monotonic(clock).zip(self.start) {
            // Of the first milliseconds the coarse one may know nothing yet.
            Some((reading, (now, start))) => {
                Tick::from_nanos(now.as_nanos().saturating_add(reading.saturating_sub(start)))
            }
            None => self.clock.now(),
        }
    }
}

/// In nanoseconds; the standard library's way to them takes twice as long.
#[cfg(target_os = "linux")]
fn monotonic(clock: ClockId) -> Option<u64> {
    let time = nix::time::clock_gettime(clock).ok()?;
    Some(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

#[cfg(not(target_os = "linux"))]
impl Machine {
    fn new(clock: SystemClock) -> Self {
        Machine { clock }
    }

    fn now(&self) -> Tick {
        self.clock.now()
    }

    fn roughly(&self) -> Tick {
        self.clock.now()
    }
}

/// A clock that says so much isn't believed: some hundred years since its origin.
const LATEST: Tick = Tick::from_nanos(u64::MAX / 6);
/// By how much one thread's reading may be older than another's that was used before, in nanoseconds. A clock
/// that is further behind went back.
const RACE: u64 = 1_000_000_000;
/// How much longer than it was to sleep a clock may take, in the machine's time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sleeps by the machine's clock; for ever where there is no runtime that could wake it.
async fn machine_sleep(time: Duration) {
    let timers = tokio::runtime::Handle::try_current().is_ok();
    let clock = SystemClock::new();
    let sleep = timers.then(|| GuardedFuture::new(|| clock.sleep_until(clock.now() + time)));
    if let Some(sleep) = sleep
        && sleep.await.is_some()
    {
        return;
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::plugin::clock::BoxFuture;

    /// A clock that reads what it is told to, and the last of it for ever.
    #[derive(Debug)]
    struct Told(Vec<Option<u64>>, AtomicUsize);

    impl Clock for Told {
        fn now(&self) -> Tick {
            let at = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
            Tick::from_nanos(self.0[at].expect("planted"))
        }

        fn wall(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }

        fn sleep_until(&self, _at: Tick) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    const SECOND: u64 = 1_000_000_000;

    fn readings(told: &[Option<u64>]) -> Vec<u64> {
        let clock = SafeClock::new(Arc::new(Told(told.to_vec(), AtomicUsize::new(0))), false);
        told[1..].iter().map(|_| clock.now().as_nanos()).collect()
    }

    #[test]
    fn time_goes_on_from_where_it_was_when_the_clock_inside_goes_back() {
        let day = 86_400 * SECOND;
        let told = [0, 10 * SECOND, day, 11 * SECOND, 12 * SECOND, 15 * SECOND].map(Some);
        let expected = [10 * SECOND, day, day, day + SECOND, day + 4 * SECOND];
        assert_eq!(readings(&told), expected);
    }

    #[test]
    fn a_little_behind_is_another_threads_reading() {
        let told = [0, 10 * SECOND, 10 * SECOND - 5, 10 * SECOND + 5].map(Some);
        assert_eq!(readings(&told), [10 * SECOND, 10 * SECOND, 10 * SECOND + 5]);
    }

    #[test]
    fn what_no_clock_can_say_and_a_panic_cost_nothing() {
        let day = 86_400 * SECOND;
        let told = [Some(SECOND), Some(day), Some(u64::MAX), None, Some(day + SECOND)];
        let readings = readings(&told);
        assert!(readings[..3].iter().all(|reading| (day..day + SECOND).contains(reading)), "{readings:?}");
        assert_eq!(readings[3], day + SECOND);
    }

    #[test]
    fn the_machines_time_is_roughly_what_it_is() {
        let clock = SafeClock::machine(false);
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(20) {
            let before = clock.now();
            let roughly = clock.roughly();
            let after = clock.now();
            assert!(roughly <= after && before.since(roughly) < Duration::from_millis(100), "{roughly:?}");
        }
        assert!(clock.roughly() > Tick::ZERO);
    }
}
