//! What fleets go through, as the tables of the guide.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use telemetry_core::BuildError;

use super::{Course, Load, Outage, Plan, Second};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// When the service is out, of a fleet that starts within the first minute.
const OUT: Range<u64> = 180..780;
/// How long that is watched.
const WATCHED: Duration = Duration::from_secs(1380);

/// What the services of the table do, the statements of a process in a second, and how many times what is
/// usual the service can take when it is back.
pub const OUTAGES: [(Outage, f64, Option<u64>); 9] = [
    (Outage::Unavailable, 0.1, None),
    (Outage::Unavailable, 1.0, None),
    (Outage::Hangs, 0.1, None),
    (Outage::Hangs, 1.0, None),
    (Outage::Throttles(120), 1.0, None),
    (Outage::ThrottlesToTheEnd, 1.0, None),
    (Outage::Refuses, 1.0, None),
    (Outage::Unavailable, 1.0, Some(2)),
    (Outage::Throttles(120), 1.0, Some(2)),
];

/// One outage of ten minutes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Through {
    /// What the service did.
    pub outage: Outage,
    /// The statements of a process in a second.
    pub rate: f64,
    /// How many times what is usual the service took when it was back.
    pub capacity: Option<u64>,
    /// How many processes there were.
    pub processes: u64,
    /// What became of it.
    pub course: Course,
}

impl Through {
    /// Plays one.
    ///
    /// # Errors
    ///
    /// What building a provider says.
    pub fn play(
        processes: u64,
        (outage, rate, capacity): (Outage, f64, Option<u64>),
    ) -> Result<Self, BuildError> {
        let out = Duration::from_secs(OUT.start)..Duration::from_secs(OUT.end);
        let mut plan = Plan::new(processes, MINUTE, vec![Load::Random(rate)], WATCHED);
        plan.outage = Some((outage, out));
        plan.capacity = capacity.map_or(u64::MAX, |times| times * usual(processes, rate));
        Ok(Through { outage, rate, capacity, processes, course: plan.play()? })
    }

    fn during(&self) -> &[Second] {
        &self.course.seconds[OUT.start as usize..OUT.end as usize]
    }

    fn after(&self) -> &[Second] {
        &self.course.seconds[OUT.end as usize..]
    }
}

/// The posts in a second of such a fleet when all is well: one for each process each 5 s, and the time until
/// the next statement.
fn usual(processes: u64, rate: f64) -> u64 {
    (processes as f64 / (5.0 + 1.0 / rate)).ceil() as u64
}

fn peak(seconds: &[Second], of: impl Fn(&Second) -> u64) -> u64 {
    seconds.iter().map(of).max().unwrap_or(0)
}

fn median(seconds: &[Second], of: impl Fn(&Second) -> u64) -> u64 {
    let mut all: Vec<_> = seconds.iter().map(of).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or(0)
}

fn mean(seconds: &[Second], of: impl Fn(&Second) -> u64) -> f64 {
    seconds.iter().map(of).sum::<u64>() as f64 / seconds.len().max(1) as f64
}

/// The head of the table of outages, in Markdown; a [`Through`] is a row of it.
pub const OUTAGES_HEAD: &str = "\
| the service | statements/s | before | out: median | peak | back: peak | records/s | recovered after | lost |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Through { outage, rate, capacity, course, .. } = self;
        let service = match outage {
            Outage::Unavailable => "503",
            Outage::Hangs => "hangs",
            Outage::Throttles(_) => "429, `Retry-After: 120`",
            Outage::ThrottlesToTheEnd => "429, `Retry-After:` its end",
            Outage::Refuses => "refuses connections",
        };
        let takes = capacity.map_or(String::new(), |times| format!(", then takes {times} × the usual"));
        let before = &course.seconds[120..OUT.start as usize];
        let recovered =
            course.recovered_after.map_or("not".to_owned(), |after| format!("{} s", after.as_secs()));
        write!(
            f,
            "| {service}{takes} | {rate} | {:.0} | {} | {} | {} | {} | {recovered} | {:.1} % |",
            mean(before, |second| second.posts),
            median(self.during(), |second| second.posts),
            peak(self.during(), |second| second.posts),
            peak(self.after(), |second| second.posts),
            peak(self.after(), |second| second.records),
            100.0 * course.lost as f64 / course.made as f64,
        )
    }
}

/// A fleet for a day.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Day {
    /// What the table calls it.
    pub name: &'static str,
    /// How many processes stand for all.
    pub processes: u64,
    /// What became of it.
    pub course: Course,
}

/// How many processes the day's fleet has.
pub const MILLION: u64 = 1_000_000;

/// What the table calls a fleet, within what time its processes start, and how many of them do what.
pub type Fleet = (&'static str, Duration, &'static [(usize, Load)]);

/// The fleets of the table.
pub const DAYS: [Fleet; 4] = [
    ("mixed, started within an hour", HOUR, MIXED),
    ("mixed, started within a minute", MINUTE, MIXED),
    ("mixed, started within a second", SECOND, MIXED),
    ("a statement each at the full hour", HOUR, &[(1, Load::FullHour)]),
];

/// Of 20 processes 14 run a statement in ten minutes, 5 one a minute, and one one a second.
const MIXED: &[(usize, Load)] =
    &[(14, Load::Random(1.0 / 600.0)), (5, Load::Random(1.0 / 60.0)), (1, Load::Random(1.0))];

impl Day {
    /// Plays one, so many processes standing for a million.
    ///
    /// # Errors
    ///
    /// What building a provider says.
    pub fn play(processes: u64, length: Duration, (name, starts, loads): Fleet) -> Result<Self, BuildError> {
        let loads = loads.iter().flat_map(|(count, load)| vec![*load; *count]).collect();
        let course = Plan::new(processes, starts, loads, length).play()?;
        Ok(Day { name, processes, course })
    }
}

/// The head of the table of days, in Markdown; a [`Day`] is a row of it.
pub const DAYS_HEAD: &str = "\
| the fleet | posts/s | peak | flag requests/s | peak | MB/s | peak | records in a post | bytes of a post |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Day { name, processes, course } = self;
        let times = MILLION as f64 / *processes as f64;
        let seconds = course.seconds.as_slice();
        let all = |of: fn(&Second) -> u64| seconds.iter().map(of).sum::<u64>() as f64;
        let posts = all(|second| second.posts);
        let rate = |of: fn(&Second) -> u64| mean(seconds, of) * times;
        let most = |of: fn(&Second) -> u64| peak(seconds, of) as f64 * times;
        write!(
            f,
            "| {name} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {:.0} |",
            rate(|second| second.posts),
            most(|second| second.posts),
            rate(|second| second.flags),
            most(|second| second.flags),
            rate(|second| second.post_bytes + second.flag_bytes) / 1e6,
            most(|second| second.post_bytes + second.flag_bytes) / 1e6,
            all(|second| second.records) / posts,
            all(|second| second.post_bytes) / posts,
        )
    }
}
