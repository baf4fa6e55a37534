//! How a close or a flush ended.

use std::fmt;

use crate::client::status::{OffReason, Status, TelemetryState};
use crate::ledger::{Counts, DropReason, RecordLedger};

/// How a close ended. It says what became of *all* records of the client, which connections to the same host
/// as the same principal share, since its first lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it says whether records were lost"]
#[non_exhaustive]
pub enum CloseOutcome {
    /// This was the client's last lease, and every record was accepted.
    Delivered {
        /// How many.
        accepted: u64,
    },
    /// This was the client's last lease, and every record was written to a file, and sent to nobody: the
    /// exporter is a dry run's.
    Written {
        /// How many.
        written: u64,
    },
    /// This was the client's last lease, and some records were lost.
    Lost {
        /// How many were accepted, or, in a dry run, written.
        accepted: u64,
        /// How many were dropped, by reason.
        dropped: Counts<DropReason>,
    },
    /// This was the client's last lease, and the deadline came while records were still held: what was left
    /// is among the dropped.
    TimedOut {
        /// How many were accepted, or, in a dry run, written.
        accepted: u64,
        /// How many were dropped, by reason; those in flight, which may have arrived, included.
        dropped: Counts<DropReason>,
    },
    /// Other connections use the client, which goes on and delivers what this one recorded.
    Shared,
    /// This lease had been closed before.
    Already,
    /// Telemetry is off, and nothing was to be delivered.
    Off(OffReason),
}

impl CloseOutcome {
    /// Whether all records of the client were accepted by the service. A dry run delivers none.
    pub fn is_delivered(&self) -> bool {
        matches!(self, CloseOutcome::Delivered { .. })
    }

    /// How many records of the client were lost.
    pub fn undelivered(&self) -> u64 {
        match self {
            CloseOutcome::Lost { dropped, .. } | CloseOutcome::TimedOut { dropped, .. } => dropped.total(),
            _ => 0,
        }
    }
}

/// How a flush ended. It says what became of the records that were held when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it says whether records were lost"]
#[non_exhaustive]
pub enum FlushOutcome {
    /// Every record was accepted.
    Delivered {
        /// How many.
        accepted: u64,
    },
    /// Every record was written to a file, and sent to nobody: the exporter is a dry run's.
    Written {
        /// How many.
        written: u64,
    },
    /// Some records were lost.
    Lost {
        /// How many were accepted, or, in a dry run, written.
        accepted: u64,
        /// How many were dropped, by reason.
        dropped: Counts<DropReason>,
    },
    /// The deadline came first. What is still held is delivered later.
    TimedOut {
        /// How many were accepted, or, in a dry run, written.
        accepted: u64,
        /// How many were dropped, by reason.
        dropped: Counts<DropReason>,
        /// How many are still held.
        held: u64,
    },
    /// Telemetry is off, and nothing was to be delivered.
    Off(OffReason),
}

impl FlushOutcome {
    /// Whether every record that was held was accepted.
    pub fn is_delivered(&self) -> bool {
        matches!(self, FlushOutcome::Delivered { .. })
    }
}

fn lost(f: &mut fmt::Formatter<'_>, accepted: u64, dropped: &Counts<DropReason>) -> fmt::Result {
    write!(f, "delivered {accepted} records, lost {}: {dropped}", dropped.total())
}

fn written_down(f: &mut fmt::Formatter<'_>, written: u64) -> fmt::Result {
    write!(f, "wrote all {written} records to a file, and sent none")
}

impl fmt::Display for CloseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseOutcome::Delivered { accepted } => write!(f, "delivered all {accepted} records"),
            CloseOutcome::Written { written } => written_down(f, *written),
            CloseOutcome::Lost { accepted, dropped } => lost(f, *accepted, dropped),
            CloseOutcome::TimedOut { accepted, dropped } => {
                f.write_str("timed out: ")?;
                lost(f, *accepted, dropped)
            }
            CloseOutcome::Shared => f.write_str("other connections go on with the client"),
            CloseOutcome::Already => f.write_str("was closed before"),
            CloseOutcome::Off(reason) => write!(f, "was off: {reason}"),
        }
    }
}

impl fmt::Display for FlushOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FlushOutcome::Delivered { accepted } => write!(f, "delivered all {accepted} records"),
            FlushOutcome::Written { written } => written_down(f, *written),
            FlushOutcome::Lost { accepted, dropped } => lost(f, *accepted, dropped),
            FlushOutcome::TimedOut { accepted, dropped, held } => {
                let lost = dropped.total();
                write!(
                    f,
                    "timed out: delivered {accepted} records, lost {lost} ({dropped}), {held} still held"
                )
            }
            FlushOutcome::Off(reason) => write!(f, "is off: {reason}"),
        }
    }
}

/// What the client's books say after its end.
pub(super) fn of_close(status: Status, in_time: bool) -> CloseOutcome {
    let RecordLedger { accepted, written, dropped, .. } = status.records;
    // What is dropped by the end itself was held until then.
    let cut_off = dropped.get(DropReason::Closed) + dropped.get(DropReason::OutcomeUnknown);
    let in_time = in_time || cut_off == 0;
    match status.state {
        TelemetryState::Off(reason) if reason != OffReason::Closed => CloseOutcome::Off(reason),
        _ if dropped.total() == 0 && written > 0 => CloseOutcome::Written { written },
        _ if dropped.total() == 0 => CloseOutcome::Delivered { accepted },
        _ if in_time => CloseOutcome::Lost { accepted: accepted + written, dropped },
        _ => CloseOutcome::TimedOut { accepted: accepted + written, dropped },
    }
}

/// What changed in the client's books by a flush.
pub(super) fn of_flush(before: &Status, status: Status, in_time: bool) -> FlushOutcome {
    let accepted = status.records.accepted - before.records.accepted;
    let written = status.records.written - before.records.written;
    let dropped = status.records.dropped.since(&before.records.dropped);
    match status.state {
        TelemetryState::Off(reason) if reason != OffReason::Closed => FlushOutcome::Off(reason),
        _ if !in_time => {
            FlushOutcome::TimedOut { accepted: accepted + written, dropped, held: status.records.held }
        }
        _ if dropped.total() == 0 && written > 0 => FlushOutcome::Written { written },
        _ if dropped.total() == 0 => FlushOutcome::Delivered { accepted },
        _ => FlushOutcome::Lost { accepted: accepted + written, dropped },
    }
}
