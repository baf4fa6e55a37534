//! How much longer a driver's own work takes with telemetry on than with it off.
//!
//! `cargo run --release --no-default-features --bin own_work`, with a number for other than 300 pairs. In
//! each pair some statements are run with it off and as many with it on, in turns the one or the other first.
//! Told is the median of the pairs' ratios, with its 95 % interval by bootstrap: by the processor's time that
//! the driver's thread used, in which others of the machine have no part; by that of all threads, with the
//! worker's; and by the wall.

use std::time::{Duration, Instant};

use benches::connection::{Connection, config};
use benches::work::{statement, work};
use rustix::time::{ClockId, clock_gettime};
use telemetry_core::{Mode, Session};

/// How long a statement's own work is to take.
const OWN: [Duration; 3] = [Duration::from_micros(20), Duration::from_micros(200), Duration::from_millis(2)];
/// How long one half of a pair is to take.
const HALF: Duration = Duration::from_millis(10);
const RESAMPLED: usize = 2000;

fn main() {
    let pairs = std::env::args().nth(1).map_or(300, |pairs| pairs.parse().expect("a number of pairs"));
    let off = Connection::new(config().mode(Mode::Off));
    let on = Connection::new(config()).settled();
    println!("| own work | the driver's thread | all threads | wall |");
    println!("| --- | --- | --- | --- |");
    for own in OWN {
        let steps = steps(own);
        let times = (HALF.as_nanos() / own.as_nanos()) as u64;
        let half = |session: &Session| Took::of(|| (0..times).for_each(|_| statement(session, steps)));
        let mut ratios = [const { Vec::new() }; 3];
        for pair in 0..pairs {
            let (without, with);
            if pair % 2 == 0 {
                without = half(&off.session);
                with = half(&on.session);
            } else {
                with = half(&on.session);
                without = half(&off.session);
            }
            on.flush();
            on.delivered(times);
            for (ratios, (with, without)) in ratios.iter_mut().zip(with.0.into_iter().zip(without.0)) {
                ratios.push(with.as_secs_f64() / without.as_secs_f64());
            }
        }
        let told = ratios.map(|ratios| {
            let (low, high) = interval(&ratios);
            format!("{:.4} ({low:.4} to {high:.4})", median(ratios))
        });
        println!("| {own:?} | {} |", told.join(" | "));
    }
}

/// The time of the driver's thread, of all threads, and by the wall.
struct Took([Duration; 3]);

impl Took {
    fn of(work: impl FnOnce()) -> Self {
        let now = || [ClockId::ThreadCPUTime, ClockId::ProcessCPUTime].map(cpu);
        let (before, began) = (now(), Instant::now());
        work();
        let (wall, after) = (began.elapsed(), now());
        Took([after[0] - before[0], after[1] - before[1], wall])
    }
}

fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How many steps of work take so long, when nothing comes between.
fn steps(own: Duration) -> u64 {
    const TRIED: u64 = 100_000;
    let took = || {
        let began = Instant::now();
        work(TRIED);
        began.elapsed()
    };
    let least = (0..50).map(|_| took()).min().unwrap_or_default();
    (own.as_secs_f64() / least.as_secs_f64() * TRIED as f64) as u64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Where 95 of 100 medians are of as many values, drawn from these.
fn interval(values: &[f64]) -> (f64, f64) {
    let mut random = 1_u64;
    let mut draw = || {
        // Knuth's generator: the same values give the same interval.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        values[(random >> 33) as usize % values.len()]
    };
    let mut medians: Vec<f64> =
        (0..RESAMPLED).map(|_| median((0..values.len()).map(|_| draw()).collect())).collect();
    medians.sort_by(f64::total_cmp);
    (medians[RESAMPLED / 40], medians[RESAMPLED - 1 - RESAMPLED / 40])
}
