//! How the attempts on one way ended, and how long they took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Key, Label};
use telemetry_core::ErrorClass;
use telemetry_core::plugin::{PluginError, Receipt};

use crate::series;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Written,
    Retryable,
    Terminal,
    Unknown,
}

impl Outcome {
    /// All of them, in the order of their counters.
    pub(crate) const ALL: [Outcome; 5] =
        [Outcome::Accepted, Outcome::Written, Outcome::Retryable, Outcome::Terminal, Outcome::Unknown];

    pub(crate) fn delivered(receipt: Receipt) -> Self {
        if receipt.written { Outcome::Written } else { Outcome::Accepted }
    }

    pub(crate) fn failed(failure: PluginError) -> Self {
        match failure.class() {
            ErrorClass::Retryable => Outcome::Retryable,
            ErrorClass::Terminal => Outcome::Terminal,
            ErrorClass::Unknown => Outcome::Unknown,
            // A class that is new here.
            _ => Outcome::Unknown,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Written => "written",
            Outcome::Retryable => "retryable",
            Outcome::Terminal => "terminal",
            Outcome::Unknown => "unknown",
        }
    }
}

/// The attempts on the way to one sink.
#[derive(Debug)]
pub(crate) struct Attempts {
    sink: Box<str>,
    /// By outcome.
    counts: [AtomicU64; Outcome::ALL.len()],
    durations: [Key; Outcome::ALL.len()],
}

impl Attempts {
    /// None yet. The keys of its series are made here, once.
    pub(crate) fn new(sink: &str, labels: &[Label]) -> Self {
        let key = |outcome: Outcome| {
            let own = [Label::new("sink", sink.to_owned()), Label::new("outcome", outcome.as_str())];
            series::key("telemetry_attempt_duration_seconds", labels, own)
        };
        Attempts { sink: sink.into(), counts: Default::default(), durations: Outcome::ALL.map(key) }
    }

    pub(crate) fn sink(&self) -> &str {
        &self.sink
    }

    /// One more. The recorder is looked up each time, as it may have been installed meanwhile.
    pub(crate) fn add(&self, outcome: Outcome, took: Duration) {
        self.counts[outcome as usize].fetch_add(1, Ordering::Relaxed);
        series::record(&self.durations[outcome as usize], took.as_secs_f64());
    }

    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.counts[outcome as usize].load(Ordering::Relaxed)
    }
}
