//! A fleet of processes, each the real thing with its default settings, and what reaches the service.
//!
//! Every process has a clock of its own; all are moved in the order of what happens, so that thousands of
//! them share one service without a thread or a wait.

mod process;
mod service;
pub mod tables;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use telemetry_core::{BuildError, Clock};
use telemetry_testkit::FakeClock;

use process::Process;
use service::Service;

pub use process::Load;
pub use service::{Outage, Second};

/// What a fleet goes through.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// How many processes there are.
    pub processes: u64,
    /// Within what time all of them have started, evenly.
    pub starts: Duration,
    /// When each of them runs statements, in turns.
    pub loads: Vec<Load>,
    /// How long it takes in all.
    pub length: Duration,
    /// Whether and when the service is out.
    pub outage: Option<(Outage, Range<Duration>)>,
    /// How many posts the service takes in a second after the outage.
    pub capacity: u64,
}

/// What became of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Course {
    /// What reached the service in each second.
    pub seconds: Vec<Second>,
    /// The records that were made.
    pub made: u64,
    /// The records that the service accepted.
    pub accepted: u64,
    /// The records that were dropped.
    pub lost: u64,
    /// The records that wait in the end, or are in flight.
    pub held: u64,
    /// How many statements there were.
    pub statements: u64,
    /// How long after the outage's end no more records were held than before it, by the second.
    pub recovered_after: Option<Duration>,
}

impl Plan {
    /// A fleet that is through its start when the clock begins to count, and no outage.
    pub fn new(processes: u64, starts: Duration, loads: Vec<Load>, length: Duration) -> Self {
        Plan { processes, starts, loads, length, outage: None, capacity: u64::MAX }
    }

    /// Plays it. The same plan has the same course each time.
    ///
    /// # Errors
    ///
    /// What building a provider says.
    pub fn play(&self) -> Result<Course, BuildError> {
        // Clients seed their waits from this thread's generator.
        fastrand::seed(1);
        let origin = FakeClock::new().now();
        let service = Arc::new(Service::new(origin, self.outage.clone(), self.capacity));
        let end = origin + self.length;
        let mut fleet: Vec<Process> = Vec::new();
        // Who is next, and when; a process starts at the turn of the one before it.
        let mut turns = BinaryHeap::from([Reverse((origin, 0))]);
        let mut held = Held::default();
        while let Some(Reverse((at, number))) = turns.pop().filter(|Reverse((at, _))| *at < end) {
            if let Some((_, outage)) = &self.outage {
                held.look(at - origin, outage, &fleet);
            }
            if number == fleet.len() {
                let load = self.loads[number % self.loads.len()];
                fleet.push(Process::start(number as u64, at - origin, load, &service)?);
                let next = number as u64 + 1;
                if next < self.processes {
                    let share = next as f64 / self.processes as f64;
                    turns.push(Reverse((origin + self.starts.mul_f64(share), fleet.len())));
                }
            } else {
                fleet[number].go_to(at);
            }
            turns.push(Reverse((fleet[number].next(), number)));
        }
        let mut seconds = std::mem::take(&mut *service.seconds());
        seconds.resize(self.length.as_secs() as usize, Second::default());
        let books: Vec<_> = fleet.iter().map(Process::records).collect();
        Ok(Course {
            seconds,
            made: books.iter().map(|records| records.made).sum(),
            accepted: books.iter().map(|records| records.accepted).sum(),
            lost: books.iter().map(|records| records.dropped.total()).sum(),
            held: books.iter().map(|records| records.held).sum(),
            statements: fleet.iter().map(|process| process.statements).sum(),
            recovered_after: held.recovered_after,
        })
    }
}

/// How many records the fleet holds: looked at each second of the minute before an outage, and after it until
/// it holds no more than then.
#[derive(Default)]
struct Held {
    look_at: Duration,
    most_before: u64,
    recovered_after: Option<Duration>,
}

impl Held {
    fn look(&mut self, now: Duration, outage: &Range<Duration>, fleet: &[Process]) {
        const MINUTE: Duration = Duration::from_secs(60);
        let is_before = (outage.start.saturating_sub(MINUTE)..outage.start).contains(&now);
        let is_after = outage.end <= now && self.recovered_after.is_none();
        if now < self.look_at || !(is_before || is_after) {
            return;
        }
        self.look_at = now + Duration::from_secs(1);
        let held = fleet.iter().map(|process| process.records().held).sum();
        if is_before {
            self.most_before = self.most_before.max(held);
        } else if held <= self.most_before {
            self.recovered_after = Some(now - outage.end);
        }
    }
}
