//! The simulation, for as long as a test may take: `cargo run --release -p examples --bin simulate` goes on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};

use examples::simulation::{Coverage, FlagMode, ServiceMode, run};

#[test]
fn no_promise_breaks_in_three_hundred_days_and_nothing_panics() {
    static PANICS: AtomicU64 = AtomicU64::new(0);
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"planted") {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }
    }));
    let mut coverage = Coverage::new();
    for seed in 1..=300 {
        let outcome = run(seed, 500).unwrap_or_else(|violation| panic!("{violation}"));
        for (what, times) in outcome.coverage {
            *coverage.entry(what).or_default() += times;
        }
    }
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "panics that nobody planted");
    // They went through nearly everything.
    let all = ServiceMode::ALL.len() * 3 * FlagMode::ALL.len();
    assert!(coverage.len() * 10 >= all * 9, "{} of {all}", coverage.len());
}

#[test]
fn a_seed_plays_the_same_day_again() {
    let play = || {
        let outcome = run(7, 500).unwrap();
        (outcome.attempts, outcome.accepted, outcome.closes, outcome.coverage)
    };
    assert_eq!(play(), play());
}
