//! What a batch measured, added up by what tells its operations apart.
//!
//! Deltas: each batch says what came about in it, and nothing of it is kept. So what is sent again is the
//! same, and counted once where it arrives once.

use std::collections::HashMap;

use telemetry_core::Host;
use telemetry_core::record::{Record, SqlExecution};

use super::attributes::{Attributes, Operation};
use super::{Mapping, is_span, time};
use crate::proto::KeyValue;
use crate::proto::metrics::{DELTA, Data, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum};

/// The bounds of the buckets of durations, in seconds, as the conventions have them. A bucket ends with its
/// bound.
const BOUNDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// What was measured so far.
#[derive(Debug)]
pub(super) struct Aggregates<'a> {
    durations: Sets<'a, Durations>,
    /// In the order of [`counts`].
    counts: [Sets<'a, u64>; 4],
    /// The first and the last date.
    dates: Option<(u64, u64)>,
}

/// What is counted of a statement or a call: rows, bytes, chunks and retries; `None` for what nothing was
/// said of.
fn counts(sql: &SqlExecution) -> [Option<u64>; 4] {
    // Of a size of which nothing was said, it is zero.
    let of_chunks = sql.chunks.map(|chunks| chunks.bytes).filter(|bytes| *bytes > 0);
    let bytes = match (sql.bytes, of_chunks) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    [sql.rows, bytes, sql.chunks.map(|chunks| u64::from(chunks.iterated)), sql.retry_count]
}

/// Lengths in seconds.
#[derive(Debug, Default)]
struct Durations {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    buckets: [u64; BOUNDS.len() + 1],
}

/// One aggregate for each set of attributes, and one more for what is beyond the bound.
#[derive(Debug)]
struct Sets<'a, T> {
    places: HashMap<Operation<'a>, usize>,
    /// In the order in which they came first.
    sets: Vec<(Operation<'a>, T)>,
    beyond: Option<T>,
    most: usize,
}

impl<'a, T: Default> Sets<'a, T> {
    fn new(most: usize) -> Self {
        Sets { places: HashMap::new(), sets: Vec::new(), beyond: None, most }
    }

    fn of(&mut self, operation: &Operation<'a>) -> &mut T {
        let place = match self.places.get(operation) {
            Some(place) => *place,
            None if self.sets.len() < self.most => {
                self.places.insert(operation.clone(), self.sets.len());
                self.sets.push((operation.clone(), T::default()));
                self.sets.len() - 1
            }
            None => self.most,
        };
        match self.sets.get_mut(place) {
            Some((_, aggregate)) => aggregate,
            None => self.beyond.get_or_insert_default(),
        }
    }
}

impl Durations {
    fn add(&mut self, seconds: f64) {
        let first = self.count == 0;
        self.min = if first { seconds } else { self.min.min(seconds) };
        self.max = if first { seconds } else { self.max.max(seconds) };
        self.count += 1;
        self.sum += seconds;
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
    }
}

impl<'a> Aggregates<'a> {
    /// Nothing yet, in at the most so many sets for each metric.
    pub(super) fn new(most: usize) -> Self {
        Aggregates { durations: Sets::new(most), counts: [(); 4].map(|()| Sets::new(most)), dates: None }
    }

    /// Adds what a record measured.
    pub(super) fn measure(&mut self, record: &'a Record, operation: Operation<'a>) {
        if !is_span(record) {
            return;
        }
        let mut measured = false;
        if let Some(latency) = record.body.latency {
            self.durations.of(&operation).add(latency.as_secs_f64());
            measured = true;
        }
        if let Some(sql) = &record.body.sql {
            for (sets, count) in self.counts.iter_mut().zip(counts(sql)) {
                let Some(count) = count else { continue };
                let sum = sets.of(&operation);
                *sum = sum.saturating_add(count);
                measured = true;
            }
        }
        if measured {
            let at = time::nanos(record.stamp);
            let (first, last) = self.dates.unwrap_or((at, at));
            self.dates = Some((first.min(at), last.max(at)));
        }
    }
}

impl Mapping {
    /// The metrics that have something to say.
    pub(super) fn metrics(&self, aggregates: Aggregates<'_>, host: &Host) -> Vec<Metric> {
        let Aggregates { durations, counts, dates } = aggregates;
        let Some((first, last)) = dates else { return Vec::new() };
        // From just before the first, as the start of a time is no part of it.
        let times = (first.saturating_sub(1), last);
        let durations = self.points(durations, host, |attributes, durations| {
            let Durations { count, sum, min, max, buckets } = durations;
            HistogramDataPoint {
                attributes,
                start_time_unix_nano: times.0,
                time_unix_nano: times.1,
                count,
                sum: Some(sum),
                bucket_counts: buckets.to_vec(),
                explicit_bounds: BOUNDS.to_vec(),
                min: Some(min),
                max: Some(max),
            }
        });
        let durations = Histogram { data_points: durations, aggregation_temporality: DELTA };
        let metric = |name: &str, description: &str, unit: &str, data| Metric {
            name: name.to_owned(),
            description: description.to_owned(),
            unit: unit.to_owned(),
            data: Some(data),
        };
        let mut metrics = Vec::new();
        if !durations.data_points.is_empty() {
            let description = "Duration of database client operations.";
            metrics.push(metric(
                "db.client.operation.duration",
                description,
                "s",
                Data::Histogram(durations),
            ));
        }
        let names = &self.names;
        let named = [
            (&names.client_rows, "Rows of results that were fetched.", "{row}"),
            (&names.client_bytes, "Bytes of results, as they came.", "By"),
            (&names.client_chunks, "Chunks of results that were read.", "{chunk}"),
            (&names.client_retries, "Requests of operations that were retried.", "{retry}"),
        ];
        for ((name, description, unit), sets) in named.into_iter().zip(counts) {
            let data_points = self.points(sets, host, |attributes, sum| NumberDataPoint {
                attributes,
                start_time_unix_nano: times.0,
                time_unix_nano: times.1,
                as_int: Some(i64::try_from(sum).unwrap_or(i64::MAX)),
            });
            if !data_points.is_empty() {
                let sum = Sum { data_points, aggregation_temporality: DELTA, is_monotonic: true };
                metrics.push(metric(name, description, unit, Data::Sum(sum)));
            }
        }
        metrics
    }

    fn points<T, Point>(
        &self,
        sets: Sets<'_, T>,
        host: &Host,
        point: impl Fn(Vec<KeyValue>, T) -> Point,
    ) -> Vec<Point> {
        let beyond = sets.beyond.map(|aggregate| {
            let mut attributes = Attributes::default();
            attributes.flag("otel.metric.overflow", Some(true));
            point(attributes.0, aggregate)
        });
        let own = sets
            .sets
            .into_iter()
            .map(|(operation, aggregate)| point(self.operation(&operation, host).0, aggregate));
        own.chain(beyond).collect()
    }
}
