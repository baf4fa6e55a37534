//! What is told to the recorder, each call of which is contained.

use metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit, with_recorder};
use telemetry_core::plugin::catch_panic;

static METADATA: Metadata<'static> = Metadata::new(env!("CARGO_PKG_NAME"), Level::INFO, Some(module_path!()));

/// The series of one provider.
pub(crate) struct Series<'a> {
    /// What every series has.
    labels: &'a [Label],
}

/// The key of a series.
pub(crate) fn key<const N: usize>(name: &'static str, labels: &[Label], own: [Label; N]) -> Key {
    Key::from_parts(name, own.into_iter().chain(labels.iter().cloned()).collect::<Vec<_>>())
}

/// One more value of a histogram.
pub(crate) fn record(key: &Key, value: f64) {
    tell(|recorder| recorder.register_histogram(key, &METADATA).record(value));
}

fn tell(what: impl FnOnce(&dyn Recorder)) {
    catch_panic(|| with_recorder(what));
}

impl<'a> Series<'a> {
    pub(crate) fn new(labels: &'a [Label]) -> Self {
        Series { labels }
    }

    /// Says what each metric is. Each time, as the recorder may have been installed meanwhile.
    pub(crate) fn describe(&self) {
        let counter = |name: &'static str, is: &'static str| {
            tell(|recorder| {
                recorder.describe_counter(KeyName::from_const_str(name), Some(Unit::Count), is.into());
            });
        };
        let gauge = |name: &'static str, is: &'static str| {
            tell(|recorder| {
                recorder.describe_gauge(KeyName::from_const_str(name), Some(Unit::Count), is.into());
            });
        };
        counter("telemetry_events_seen_total", "Events recorded.");
        counter("telemetry_events_folded_total", "Events that became part of a statement.");
        counter("telemetry_events_made_total", "Events that became a record of their own.");
        counter("telemetry_events_refused_total", "Events that were refused, by reason.");
        gauge("telemetry_events_waiting", "Events that wait in buffers.");
        counter("telemetry_records_made_total", "Records made, by sink.");
        counter("telemetry_records_accepted_total", "Records accepted, by sink.");
        counter("telemetry_records_written_total", "Records written to a file instead of sent, by sink.");
        counter("telemetry_records_dropped_total", "Records dropped, by sink and reason.");
        gauge("telemetry_records_held", "Records that wait or are in flight, by sink.");
        counter("telemetry_attempts_total", "Attempts to deliver a batch, by sink and outcome.");
        gauge("telemetry_breakers", "Clients by what their breaker does, by sink.");
        gauge("telemetry_clients", "Clients that live.");
        let (duration, is) = ("telemetry_attempt_duration_seconds", "How long attempts took.");
        tell(|recorder| {
            recorder.describe_histogram(KeyName::from_const_str(duration), Some(Unit::Seconds), is.into());
        });
    }

    /// A counter stands at this.
    pub(crate) fn counter<const N: usize>(&self, name: &'static str, own: [Label; N], total: u64) {
        let key = key(name, self.labels, own);
        tell(|recorder| recorder.register_counter(&key, &METADATA).absolute(total));
    }

    /// A gauge stands at this.
    pub(crate) fn gauge<const N: usize>(&self, name: &'static str, own: [Label; N], value: u64) {
        let key = key(name, self.labels, own);
        tell(|recorder| recorder.register_gauge(&key, &METADATA).set(value as f64));
    }
}
