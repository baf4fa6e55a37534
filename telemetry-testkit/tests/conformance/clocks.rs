use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, SystemTime};

use telemetry_core::Clock;
use telemetry_core::plugin::{BoxFuture, SystemClock, Tick};
use telemetry_testkit::{FakeClock, conformance};

use crate::{Refused, run, run_paused};

#[test]
fn the_workspaces_clocks_conform() {
    run(conformance::clock(&SystemClock::new(), tokio::time::sleep));
    let clock = FakeClock::new();
    run_paused(conformance::clock(&clock, async |time| clock.advance(time)));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    GoesBack,
    DiffersByThread,
    StandsStill,
    IgnoresThePast,
    WakesEarly,
    NeverEnds,
    NeverWakes,
    RefusesNever,
    CompletesAtOnce,
    PanicsWhenDropped,
}

#[derive(Debug)]
struct Broken {
    flaw: Flaw,
    clock: FakeClock,
    calls: AtomicU64,
    home: ThreadId,
}

impl Clock for Broken {
    fn now(&self) -> Tick {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now().as_nanos();
        match self.flaw {
            Flaw::GoesBack => Tick::from_nanos(now - calls),
            Flaw::DiffersByThread if thread::current().id() != self.home => Tick::from_nanos(now / 2),
            Flaw::StandsStill => Tick::from_nanos(5),
            _ => Tick::from_nanos(now),
        }
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    fn sleep_until(&self, at: Tick) -> BoxFuture<'static, ()> {
        let now = self.clock.now();
        let sleep = self.clock.sleep_until(at);
        let far = at.since(now) > Duration::from_secs(1);
        match self.flaw {
            Flaw::IgnoresThePast if at <= now => Box::pin(std::future::pending()),
            Flaw::WakesEarly if at > now => self.clock.sleep_until(now),
            Flaw::NeverEnds if at > now => Box::pin(std::future::pending()),
            Flaw::NeverWakes if at > now => Box::pin(Unwoken(sleep)),
            Flaw::RefusesNever if at == Tick::MAX => panic!("overflow when adding duration to instant"),
            Flaw::CompletesAtOnce if far => Box::pin(std::future::ready(())),
            Flaw::PanicsWhenDropped if far => {
                let bomb = Bomb;
                Box::pin(async move {
                    sleep.await;
                    drop(bomb);
                })
            }
            _ => sleep,
        }
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

/// Polls without its task's waker.
struct Unwoken(BoxFuture<'static, ()>);

impl Future for Unwoken {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        self.0.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}

#[test]
fn broken_clocks_are_refused() {
    let broken = |flaw| {
        move || {
            let clock = FakeClock::new();
            let broken =
                Broken { flaw, clock: clock.clone(), calls: AtomicU64::new(0), home: thread::current().id() };
            run_paused(conformance::clock(&broken, async |time| clock.advance(time)));
        }
    };
    Refused::new()
        .with("now never goes back", broken(Flaw::GoesBack))
        .with("now never goes back", broken(Flaw::DiffersByThread))
        .with("later when time has passed", broken(Flaw::StandsStill))
        .with("completes at once when the moment has passed", broken(Flaw::IgnoresThePast))
        .with("completes once now has reached the moment", broken(Flaw::WakesEarly))
        .with("completes soon after its moment", broken(Flaw::NeverEnds))
        .with("wakes its task", broken(Flaw::NeverWakes))
        .with("takes any moment", broken(Flaw::RefusesNever))
        .with("completes once now has reached the moment", broken(Flaw::CompletesAtOnce))
        .with("may be dropped at any time", broken(Flaw::PanicsWhenDropped))
        .check();
}
