//! What is counted of all that ever came, and how fast it comes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::reading::Record;
use crate::text::cut;

/// Seconds that are kept one by one: an hour.
const MAX_SECONDS: usize = 3600;

/// Names that are told apart, of errors, drivers and paths each; more are counted together.
const MAX_NAMES: usize = 200;

/// Under which name they are.
const OTHERS: &str = "(others)";

/// What stands for a host that isn't named by a name.
const NO_NAME: &str = "(no name of a host)";

/// The upper bounds of the buckets of a distribution, in milliseconds. The last has none.
pub(crate) const BOUNDS: [i64; 17] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000];

/// What was counted.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Requests for flags, which are no telemetry.
    pub(crate) flag_requests: u64,
    /// Requests that have nothing to do with telemetry.
    pub(crate) other_requests: u64,
    /// Of requests that were refused, as they are for another host than this machine.
    pub(crate) other_hosts: Names,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    /// Records that had come before, under the same id.
    pub(crate) again: u64,
    /// Records that are none, or are too large to be taken apart.
    pub(crate) unreadable: u64,
    /// Records of requests that have more than are read.
    pub(crate) left_out: u64,
    /// Bodies that are no envelope.
    pub(crate) broken: u64,
    pub(crate) statements: u64,
    pub(crate) errors: u64,
    /// Lines of a file that are nothing of this.
    pub(crate) strange_lines: u64,
    /// Requests that are held no longer.
    pub(crate) forgotten: u64,
    /// Requests that came faster than they could be taken in.
    pub(crate) missed: u64,
    /// Requests that could not be written to the copy.
    pub(crate) not_kept: u64,
    pub(crate) authenticated: u64,
    pub(crate) error_names: Names,
    pub(crate) drivers: Names,
    pub(crate) paths: Names,
    pub(crate) answers: Names,
    pub(crate) latency: Distribution,
    pub(crate) chunk_latency: Distribution,
    pub(crate) chunks_there: u64,
    pub(crate) chunks_read: u64,
    #[serde(skip)]
    seconds: BTreeMap<i64, Second>,
}

/// What came within a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Second {
    pub(crate) requests: u64,
    pub(crate) records: u64,
    pub(crate) statements: u64,
    pub(crate) errors: u64,
}

impl Counts {
    pub(crate) fn second(&mut self, at: i64) -> &mut Second {
        let second = at.div_euclid(1000);
        if self.seconds.len() >= MAX_SECONDS && !self.seconds.contains_key(&second) {
            self.seconds.pop_first();
        }
        self.seconds.entry(second).or_default()
    }

    pub(crate) fn add_other_host(&mut self, name: Option<&str>) {
        self.other_hosts.add(name.unwrap_or(NO_NAME));
    }

    /// Counts a record that hasn't come before.
    pub(crate) fn add(&mut self, at: i64, record: &Record) {
        self.records += 1;
        self.second(at).records += 1;
        if let Some(driver) = record.driver() {
            self.drivers.add(&driver);
        }
        if let Some(error) = record.error_name() {
            self.errors += 1;
            self.second(at).errors += 1;
            self.error_names.add(error);
        }
        if !record.is_of_a_statement() {
            return;
        }
        self.statements += 1;
        self.second(at).statements += 1;
        let Some(log) = record.log() else { return };
        if let Some(latency) = log.operation_latency_ms {
            self.latency.add(latency);
        }
        let Some(chunks) = log.sql_operation.as_ref().and_then(|sql| sql.chunk_details.as_ref()) else {
            return;
        };
        let count = |count: Option<i32>| u64::try_from(count.unwrap_or(0)).unwrap_or(0);
        self.chunks_there += count(chunks.total_chunks_present);
        self.chunks_read += count(chunks.total_chunks_iterated);
        if let Some(slowest) = chunks.slowest_chunk_latency_millis {
            self.chunk_latency.add(slowest);
        }
    }

    /// The latest second in which anything came.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.seconds.last_key_value().map(|(second, _)| *second)
    }

    /// `steps` steps of `length` seconds each, of which the last ends with the second `end`.
    pub(crate) fn series(&self, end: i64, steps: usize, length: usize) -> Vec<Second> {
        let mut series = vec![Second::default(); steps];
        let begin = end.saturating_sub((steps * length) as i64 - 1);
        for (second, here) in self.seconds.range(begin..=end.max(begin)) {
            let step = usize::try_from(second - begin).unwrap_or(0) / length;
            if let Some(sum) = series.get_mut(step) {
                sum.requests += here.requests;
                sum.records += here.records;
                sum.statements += here.statements;
                sum.errors += here.errors;
            }
        }
        series
    }
}

/// How often each name was seen.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Names(BTreeMap<String, u64>);

impl Names {
    pub(crate) fn add(&mut self, name: &str) {
        let name = cut(name, 160);
        if let Some(count) = self.0.get_mut(name) {
            *count += 1;
        } else {
            let name = if self.0.len() < MAX_NAMES { name } else { OTHERS };
            *self.0.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// The most frequent first.
    pub(crate) fn sorted(&self) -> Vec<(&str, u64)> {
        let mut names: Vec<_> = self.0.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        names
    }
}

/// Times, by how long they were.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Distribution {
    pub(crate) counts: [u64; BOUNDS.len() + 1],
    pub(crate) longest: i64,
}

impl Distribution {
    fn add(&mut self, ms: i64) {
        let bucket = BOUNDS.partition_point(|bound| *bound < ms);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.longest = self.longest.max(ms);
    }

    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The bound below which this share, in percent, lies.
    pub(crate) fn below(&self, percent: u64) -> Option<i64> {
        let wanted = (self.total() * percent).div_ceil(100);
        let mut sum = 0;
        let bucket = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted && sum > 0
        })?;
        Some(BOUNDS.get(bucket).map_or(self.longest, |bound| (*bound).min(self.longest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_says_below_what_a_share_lies() {
        let mut times = Distribution::default();
        assert_eq!(times.below(50), None);
        (0..98).for_each(|_| times.add(3));
        times.add(700);
        times.add(999_999);
        assert_eq!((times.below(50), times.below(98), times.below(99)), (Some(5), Some(5), Some(1000)));
        assert_eq!((times.below(100), times.total()), (Some(999_999), 100));
    }

    #[test]
    fn a_bucket_ends_with_its_bound() {
        let mut times = Distribution::default();
        [-5, 1, 2, 3].into_iter().for_each(|ms| times.add(ms));
        assert_eq!(times.counts[..3], [2, 1, 1]);
    }

    #[test]
    fn a_series_has_what_came_within_each_step() {
        let mut counts = Counts::default();
        for second in [100, 104, 105, 109, 99] {
            counts.second(second * 1000 + 999).records += 1;
        }
        let records: Vec<u64> = counts.series(109, 2, 5).iter().map(|step| step.records).collect();
        assert_eq!(records, [2, 2]);
        assert_eq!(counts.latest(), Some(109));
        assert_eq!(counts.series(i64::MIN, 2, 5), [Second::default(); 2]);
    }

    #[test]
    fn an_hour_and_some_names_are_the_bound() {
        let mut counts = Counts::default();
        for number in 0..10_000 {
            counts.second(number * 1000).records += 1;
            counts.error_names.add(&number.to_string());
        }
        assert_eq!(counts.seconds.len(), MAX_SECONDS);
        assert!(counts.error_names.0.len() <= MAX_NAMES + 1);
        assert_eq!(counts.error_names.sorted()[0], (OTHERS, 10_000 - MAX_NAMES as u64));
    }
}
