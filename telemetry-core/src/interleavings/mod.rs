//! Laws that hold however threads take turns. Shuttle decides who goes on at each use of a lock, an atomic, a
//! condition variable or a thread: `.ci/interleavings` runs these tests, and `cargo test` has none of them.
//!
//! What is shuttle's: the locks and atomics (`sync.rs`), the threads (`thread.rs`) and the runtimes
//! (`own_runtime.rs`), each in the place of the real file. What is tokio's, such as a channel, is used as it
//! is: each use of it is one step. Memory is sequentially consistent here, so that a wrong ordering of an
//! atomic isn't seen.

mod books;
mod buffer;
mod call_pool;
mod clients;
mod logins;
mod statements;
mod world;

use std::sync::Arc;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{JoinHandle, yield_now};
use shuttle::{Config, Runner};

/// How many interleavings of each kind there are of a scenario, unless the variable says otherwise.
const INTERLEAVINGS: usize = 500;

/// How often a scenario lets the others go on at its end: they come to where they wait in fewer turns.
const YIELDS: usize = 100;

/// Runs a scenario in many interleavings, half of them at random, and half such that few changes of threads
/// at the right moments are found early. They are the same each time, unless `SHUTTLE_RANDOM_SEED` is set.
fn check(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(scenario);
    let variable = std::env::var("INTERLEAVINGS").ok();
    let count = variable.map_or(INTERLEAVINGS, |count| count.parse().unwrap());
    run(RandomScheduler::new_from_seed(1, count), &scenario);
    run(PctScheduler::new_from_seed(1, 3, count), &scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: &Arc<impl Fn() + Send + Sync + 'static>) {
    let mut config = Config::new();
    config.stack_size = 256 * 1024;
    config.silence_warnings = true;
    let scenario = Arc::clone(scenario);
    Runner::new(scheduler, config).run(move || {
        // So that an interleaving can be replayed.
        fastrand::seed(1);
        scenario();
        // Whatever still runs is unwound where it is, and may want a lock there that another holds. So first
        // all come to where they wait.
        (0..YIELDS).for_each(|_| yield_now());
    });
}

/// Waits for threads, and fails with them.
fn join<T, const N: usize>(threads: [JoinHandle<T>; N]) -> [T; N] {
    threads.map(|thread| thread.join().unwrap())
}
