//! Clocks.

use std::thread;
use std::time::Duration;

use telemetry_core::Clock;
use telemetry_core::plugin::Tick;

use super::{poll_once, within, without_panic};

/// Long enough for a machine's timer, short enough for a test.
const SHORT: Duration = Duration::from_millis(20);
/// Doesn't pass while a test runs.
const LONG: Duration = Duration::from_secs(3600);

/// Checks a [`Clock`]. `pass` lets at least so much of its time pass: by sleeping for a clock that runs by
/// itself, by moving it for one that stands still.
///
/// Checked:
///
/// - `now` never goes back, in one thread or from thread to thread, and is later when time has passed;
/// - the future of `sleep_until` completes when `at` has passed, even if it passed before the call; it wakes
///   its task for that, and doesn't complete while `now` is earlier than `at`;
/// - it takes any moment, [`Tick::MAX`] included;
/// - it may be dropped, polled or not.
///
/// Not checked: that `now` neither waits nor locks, and how soon after `at` a sleep ends.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use telemetry_core::plugin::SystemClock;
/// use telemetry_testkit::{FakeClock, conformance};
///
/// conformance::clock(&SystemClock::new(), tokio::time::sleep).await;
///
/// let clock = FakeClock::new();
/// conformance::clock(&clock, async |time| clock.advance(time)).await;
/// # }
/// ```
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn clock(clock: &dyn Clock, pass: impl AsyncFn(Duration)) {
    never_goes_back(clock, &pass).await;
    past_moments_complete_at_once(clock).await;
    sleeps_until_its_time(clock, &pass).await;
    sleeps_may_be_dropped(clock, &pass).await;
    let _any = clock.wall();
}

async fn never_goes_back(clock: &dyn Clock, pass: impl AsyncFn(Duration)) {
    let start = clock.now();
    let mut last = start;
    let mut see = |now: Tick| {
        assert!(now >= last, "Clock::now never goes back, but it went from {last:?} to {now:?}");
        last = now;
    };
    for _ in 0..1000 {
        see(clock.now());
    }
    for _ in 0..10 {
        see(thread::scope(|scope| scope.spawn(|| clock.now()).join()).unwrap());
        see(clock.now());
    }
    pass(SHORT).await;
    see(clock.now());
    assert!(last > start, "Clock::now is later when time has passed, but it stood still at {start:?}");
}

async fn past_moments_complete_at_once(clock: &dyn Clock) {
    const OBLIGATION: &str = "Clock::sleep_until completes at once when the moment has passed";
    within(OBLIGATION, clock.sleep_until(Tick::ZERO)).await;
    within(OBLIGATION, clock.sleep_until(clock.now())).await;
}

async fn sleeps_until_its_time(clock: &dyn Clock, pass: impl AsyncFn(Duration)) {
    let at = clock.now() + SHORT;
    // A task of its own, which nobody but the clock wakes.
    let sleep = tokio::spawn(clock.sleep_until(at));
    let woken = async {
        sleep.await.unwrap();
        let now = clock.now();
        assert!(
            now >= at,
            "Clock::sleep_until completes once now has reached the moment, but it did at {now:?}, before {at:?}"
        );
    };
    let passed = async {
        // The task sleeps before the time passes.
        tokio::task::yield_now().await;
        pass(SHORT * 2).await;
    };
    let both = async { tokio::join!(biased; woken, passed) };
    within("Clock::sleep_until completes soon after its moment, and wakes its task", both).await;
}

async fn sleeps_may_be_dropped(clock: &dyn Clock, pass: impl AsyncFn(Duration)) {
    const ANY: &str = "Clock::sleep_until takes any moment, Tick::MAX included";
    const DROP: &str = "Clock::sleep_until's future may be dropped at any time";
    let soon = clock.now() + SHORT;
    for at in [soon, clock.now() + LONG, Tick::MAX] {
        let unpolled = without_panic(ANY, || clock.sleep_until(at));
        without_panic(DROP, || drop(unpolled));
        let mut sleep = without_panic(ANY, || clock.sleep_until(at));
        let polled = poll_once(sleep.as_mut()).await;
        assert!(
            polled.is_pending() || clock.now() >= at,
            "Clock::sleep_until completes once now has reached the moment, but it did at once, before {at:?}"
        );
        without_panic(DROP, || drop(sleep));
    }
    // What was dropped isn't woken.
    pass(SHORT * 2).await;
}
