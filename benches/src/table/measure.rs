//! One row of the table, and how it is measured.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::allocations;

/// How long a turn is to take. Short, so that most turns are over before the system gives the processor to
/// somebody else.
const TURN: Duration = Duration::from_micros(500);

/// How long is waited where the time of processors is told: of a thread that runs on another processor it is
/// known only once that thread sleeps.
const SETTLED: Duration = Duration::from_millis(1);

/// What is done, and who does it.
pub struct Row {
    subject: &'static str,
    by: String,
    kind: Kind,
    most: u64,
    every: u32,
    cpu: bool,
    times: Option<u64>,
    work: Box<dyn FnMut(&mut Meter)>,
    found: Vec<Found>,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Peer,
    /// What can hardly be done faster, for comparison.
    Floor,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ours => "ours",
            Kind::Peer => "peer",
            Kind::Floor => "floor",
        }
    }
}

impl Row {
    pub fn new(
        kind: Kind,
        subject: &'static str,
        by: impl Into<String>,
        work: impl FnMut(&mut Meter) + 'static,
    ) -> Self {
        let (work, found) = (Box::new(work), Vec::new());
        Row { subject, by: by.into(), kind, most: u64::MAX, every: 1, cpu: false, times: None, work, found }
    }

    pub fn ours(subject: &'static str, by: &'static str, work: impl FnMut(&mut Meter) + 'static) -> Self {
        Row::new(Kind::Ours, subject, by, work)
    }

    pub fn floor(subject: &'static str, by: &'static str, work: impl FnMut(&mut Meter) + 'static) -> Self {
        Row::new(Kind::Floor, subject, by, work)
    }

    /// The same, with a crate whose version is told.
    pub fn peer(
        subject: &'static str,
        package: &'static str,
        how: &'static str,
        work: impl FnMut(&mut Meter) + 'static,
    ) -> Self {
        Row::new(Kind::Peer, subject, format!("{package} {}, {how}", version(package)), work)
    }

    /// The same with this many operations in a turn, however long they take.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// The same with at most this many operations in a turn.
    pub fn most(mut self, times: u64) -> Self {
        self.most = times;
        self
    }

    /// The same with a turn in each so many rounds: for what takes long.
    pub fn every(mut self, rounds: u32) -> Self {
        self.every = rounds;
        self
    }

    /// The same with the time of processors of all threads, which is told beside.
    pub fn cpu(mut self) -> Self {
        self.cpu = true;
        self
    }

    pub fn is_about(&self, word: &str) -> bool {
        format!("{} {}", self.subject, self.by).to_lowercase().contains(word)
    }

    /// Has its turn, if this is a round in which it has one.
    pub fn turn(&mut self, round: u32) {
        if !round.is_multiple_of(self.every) {
            return;
        }
        let times = self.times.unwrap_or_else(|| self.calibrated());
        self.times = Some(times);
        let mut meter = Meter::new(times, self.cpu);
        if self.cpu {
            thread::sleep(SETTLED);
        }
        (self.work)(&mut meter);
        self.found.push(meter.found());
    }

    /// How many operations fill a turn. Each count is tried more than once, as a turn may be interrupted.
    fn calibrated(&mut self) -> u64 {
        let mut times = 16.min(self.most);
        loop {
            let tried = (0..3).map(|_| {
                let mut meter = Meter::new(times, false);
                (self.work)(&mut meter);
                meter.wall
            });
            let wall = tried.min().unwrap_or_default();
            if wall >= TURN / 2 || times >= self.most {
                return times;
            }
            let fit = TURN.as_nanos() as u64 * times / (wall.as_nanos() as u64).max(1);
            times = fit.clamp(times + 1, 8 * times).min(self.most);
        }
    }

    /// What was found, unless it never had a turn that counts.
    pub fn summary(self) -> Option<Summary> {
        let of = |what: fn(&Found) -> f64| Spread::of(self.found.iter().map(what));
        Some(Summary {
            subject: self.subject,
            by: self.by,
            kind: self.kind,
            turns: self.found.len(),
            wall: of(|found| found.wall)?,
            allocations: of(|found| found.allocations)?.median,
            cpu: if self.cpu { of(|found| found.cpu) } else { None },
            sent: of(|found| found.sent).map(|sent| sent.median).filter(|sent| *sent > 0.0),
        })
    }
}

/// What one operation took in one turn: nanoseconds, and requests for memory by the thread that measures.
struct Found {
    wall: f64,
    cpu: f64,
    allocations: f64,
    sent: f64,
}

/// What was found of a row.
pub struct Summary {
    pub subject: &'static str,
    pub by: String,
    pub kind: Kind,
    pub turns: usize,
    pub wall: Spread,
    pub allocations: f64,
    pub cpu: Option<Spread>,
    /// Bytes sent, where any are.
    pub sent: Option<f64>,
}

/// Of all turns.
#[derive(Clone, Copy)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        Some(Spread { min: *sorted.first()?, median: sorted[sorted.len() / 2] })
    }
}

/// Measures one turn.
pub struct Meter {
    /// How many operations are to be done.
    pub times: u64,
    wall: Duration,
    cpu_began: Option<Duration>,
    cpu: Duration,
    settles: bool,
    allocations: u64,
    sent: u64,
}

impl Meter {
    fn new(times: u64, settles: bool) -> Self {
        let (wall, cpu) = (Duration::ZERO, Duration::ZERO);
        Meter { times, wall, cpu_began: None, cpu, settles, allocations: 0, sent: 0 }
    }

    /// Measures an operation, done as often as is to be. It is told how often it was done before.
    pub fn each<T>(&mut self, mut operation: impl FnMut(u64) -> T) {
        self.all(|times| {
            for time in 0..times {
                black_box(operation(time));
            }
        });
    }

    /// Measures work that is all the operations; it is told how many.
    pub fn all<T>(&mut self, work: impl FnOnce(u64) -> T) -> T {
        self.cpu_began.get_or_insert_with(cpu);
        let (allocations, began) = (allocations::count(), Instant::now());
        let done = work(self.times);
        self.wall += began.elapsed();
        self.allocations += allocations::count() - allocations;
        self.note_cpu();
        done
    }

    /// Waits for what the operations left to other threads, and counts the time of processors alone.
    pub fn rest<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let done = work();
        self.note_cpu();
        done
    }

    /// The time of processors from the start of the operations until now.
    fn note_cpu(&mut self) {
        if self.settles {
            thread::sleep(SETTLED);
        }
        self.cpu = self.cpu_began.map_or(Duration::ZERO, |began| cpu().saturating_sub(began));
    }

    /// Measures an operation that some threads do at once, each its share of the times.
    pub fn on_threads(&mut self, threads: u64, operation: impl Fn(u64) + Sync) {
        self.times = (self.times / threads).max(1) * threads;
        let (each, start, operation) = (self.times / threads, Barrier::new(threads as usize + 1), &operation);
        thread::scope(|scope| {
            let work = |number: u64| {
                let start = &start;
                move || {
                    start.wait();
                    let before = allocations::count();
                    (0..each).for_each(|time| operation(number * each + time));
                    allocations::count() - before
                }
            };
            let threads: Vec<_> = (0..threads).map(|number| scope.spawn(work(number))).collect();
            self.allocations += self.all(|_| {
                start.wait();
                threads.into_iter().map(|thread| thread.join().expect("it doesn't panic")).sum::<u64>()
            });
        });
    }

    /// Notes how many bytes the operations have sent.
    pub fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    fn found(&self) -> Found {
        let per = |value: f64| value / self.times as f64;
        Found {
            wall: per(self.wall.as_nanos() as f64),
            cpu: per(self.cpu.as_nanos() as f64),
            allocations: per(self.allocations as f64),
            sent: per(self.sent as f64),
        }
    }
}

/// The time of processors that all threads of the process have used.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The version of a crate that is linked.
fn version(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let found = lock.split_once(&format!("name = \"{package}\"\nversion = \""));
    found.and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}
