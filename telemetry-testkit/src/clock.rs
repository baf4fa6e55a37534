//! A clock that moves when it is told to.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use telemetry_core::Clock;
use telemetry_core::plugin::{BoxFuture, Tick};

/// A clock that stands still until it is moved. Clones are the same clock.
///
/// It starts an hour after its origin, so that arithmetic around zero isn't tested by accident, on the date
/// 2026-01-01.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::Clock;
/// use telemetry_testkit::FakeClock;
///
/// let clock = FakeClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now() - before, Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, Default)]
pub struct FakeClock {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    now: Tick,
    wall: SystemTime,
    sleepers: BTreeMap<(Tick, u64), Option<Waker>>,
    next_sleeper: u64,
}

impl Default for State {
    fn default() -> Self {
        State {
            now: Tick::ZERO + Duration::from_secs(3600),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600),
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        }
    }
}

impl FakeClock {
    /// A clock that stands still.
    pub fn new() -> Self {
        FakeClock::default()
    }

    /// Moves it forward, and wakes whoever's time has come. Moves the wall clock as far.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.now = state.now + by;
        state.wall += by;
        let now = state.now;
        let wakers: Vec<_> =
            state.sleepers.range_mut(..=(now, u64::MAX)).filter_map(|(_, waker)| waker.take()).collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Moves it forward to the next moment that a task sleeps for; `false` if none does.
    pub fn advance_to_next(&self) -> bool {
        let Some(at) = self.next_wake() else { return false };
        let now = self.now();
        self.advance(at - now);
        true
    }

    /// Sets the wall clock alone, as a user does who sets the date.
    pub fn set_wall(&self, wall: SystemTime) {
        self.lock().wall = wall;
    }

    /// How many sleep.
    pub fn sleepers(&self) -> usize {
        self.lock().sleepers.len()
    }

    /// The next moment that a task sleeps for.
    pub fn next_wake(&self) -> Option<Tick> {
        let state = self.lock();
        state.sleepers.range((state.now, u64::MAX)..).map(|((at, _), _)| *at).find(|at| *at < Tick::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Tick {
        self.lock().now
    }

    fn wall(&self) -> SystemTime {
        self.lock().wall
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let mut state = self.lock();
        let number = state.next_sleeper;
        state.next_sleeper += 1;
        state.sleepers.insert((at, number), None);
        Box::pin(Sleep { clock: self.clone(), key: (at, number) })
    }
}

struct Sleep {
    clock: FakeClock,
    key: (Tick, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.lock();
        if self.key.0 <= state.now {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.lock().sleepers.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = FakeClock::new();
        let mut sleep = clock.sleep_until(clock.now() + Duration::from_secs(10));
        let mut poll = || sleep.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!poll());
        clock.advance(Duration::from_secs(9));
        assert!(!poll());
        assert!(clock.advance_to_next());
        assert!(poll());
    }

    #[test]
    fn a_dropped_sleeper_is_forgotten() {
        let clock = FakeClock::new();
        let sleep = clock.sleep_until(clock.now() + Duration::from_secs(1));
        assert_eq!(clock.sleepers(), 1);
        drop(sleep);
        assert_eq!((clock.sleepers(), clock.next_wake()), (0, None));
    }

    #[test]
    fn setting_the_date_moves_no_interval() {
        let clock = FakeClock::new();
        let before = clock.now();
        clock.set_wall(SystemTime::UNIX_EPOCH);
        assert_eq!(clock.now(), before);
        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH);
    }
}
