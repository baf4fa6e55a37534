//! The books: two ledgers that balance at all times.

use std::fmt;
use std::marker::PhantomData;

/// A reason that losses are counted by.
pub trait Reason: Copy + fmt::Debug + 'static {
    /// All reasons, in the order of their counters.
    const ALL: &'static [Self];
    /// Its place in [`Reason::ALL`].
    fn index(self) -> usize;
    /// Its name in words, for people.
    fn as_str(self) -> &'static str;
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $words:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$value_doc])* $value,)* }

        impl Reason for $name {
            const ALL: &'static [Self] = &[$($name::$value),*];

            fn index(self) -> usize {
                self as usize
            }

            fn as_str(self) -> &'static str {
                match self { $($name::$value => $words,)* }
            }
        }
    };
}

reasons! {
    /// Why an event was refused.
    Refusal {
        /// The event buffer was full.
        BufferFull = "buffer full",
        /// As many bytes were held as may be, by the client or by all of the provider's.
        MemoryFull = "memory full",
        /// No part of the buffer could be locked at once, which is possible only in a forked child; or a
        /// [`SharedStatement`](crate::SharedStatement) was spoken to from within, where nothing is waited
        /// for.
        Contended = "buffer contended",
        /// The client had been closed.
        Closed = "client closed",
        /// Telemetry was, or went, off while the event was on its way.
        Off = "telemetry off",
        /// The id is no id.
        InvalidId = "invalid id",
        /// No open statement has this id: it was never started, or is finished.
        UnknownStatement = "unknown statement",
        /// A statement with this id is open already.
        StartedTwice = "started twice",
        /// The statement holds as many errors as it may.
        TooManyErrors = "too many errors",
        /// A recorder was told of a chunk after its statement's end.
        Late = "statement finished before its recorder",
        /// The driver's closure that describes an error, or one of its formatters, panicked.
        Panicked = "details panicked",
        /// A fault of this library: a panic of its own, after which the client ended.
        InternalFault = "internal fault",
    }
}

reasons! {
    /// Why a record was dropped.
    DropReason {
        /// More records were waiting than may, or more bytes.
        Overflow = "overflow",
        /// It waited too long.
        Expired = "expired",
        /// The service's flag is off.
        FlagOff = "flag off",
        /// The service's flag could not be had.
        FlagUnreachable = "flag unreachable",
        /// The service refused the batch for good, or must not be called.
        Terminal = "refused for good",
        /// The service failed in a way for which nobody knows whether trying again helps.
        Unclassified = "unclassified failure",
        /// The service answered with success, and with something that isn't an answer.
        BadAnswer = "unreadable answer",
        /// The service took the batch, but not this record.
        NotAccepted = "not accepted",
        /// It could not be written to the file of a dry run.
        NotWritten = "not written",
        /// It is too large to be sent, even alone.
        TooLarge = "too large",
        /// The exporter panicked with it in hand.
        Panicked = "exporter panicked",
        /// The client was closed before it could be sent.
        Closed = "closed",
        /// It was in flight when the client was closed: it may have arrived.
        OutcomeUnknown = "outcome unknown",
        /// The runtime that the worker ran on was shut down.
        RuntimeGone = "runtime gone",
        /// A fault of this library: a panic of its own, after which the client ended.
        InternalFault = "internal fault",
    }
}

/// How many there can be of either kind of reason.
const MAX_REASONS: usize = 16;

/// A count for each reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Counts<R> {
    counts: [u64; MAX_REASONS],
    reason: PhantomData<R>,
}

impl<R: Reason> Counts<R> {
    /// The count of one reason.
    pub fn get(&self, reason: R) -> u64 {
        self.counts.get(reason.index()).copied().unwrap_or(0)
    }

    /// All reasons together.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The reasons that have a count.
    pub fn iter(&self) -> impl Iterator<Item = (R, u64)> {
        R::ALL.iter().map(|reason| (*reason, self.get(*reason))).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, reason: R, count: u64) {
        if let Some(sum) = self.counts.get_mut(reason.index()) {
            *sum += count;
        }
    }

    /// What was counted since an earlier time.
    pub(crate) fn since(&self, earlier: &Counts<R>) -> Counts<R> {
        let mut counts = *self;
        for (count, before) in counts.counts.iter_mut().zip(earlier.counts) {
            *count = count.saturating_sub(before);
        }
        counts
    }

    pub(crate) fn merge(&mut self, other: &Counts<R>) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
    }
}

impl<R> Default for Counts<R> {
    fn default() -> Self {
        Counts { counts: [0; MAX_REASONS], reason: PhantomData }
    }
}

impl<R: Reason> fmt::Debug for Counts<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<R: Reason> fmt::Display for Counts<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.total() == 0 {
            return f.write_str("none");
        }
        for (place, (reason, count)) in self.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", reason.as_str())?;
        }
        Ok(())
    }
}

/// What became of the events that a driver recorded: `seen = folded + made + refused + waiting`.
///
/// An event counts as seen when it leaves its handle; what a [`Statement`](crate::Statement) has gathered
/// counts when the statement ends. While telemetry is off, nothing is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventLedger {
    /// Events recorded.
    pub seen: u64,
    /// Events that became part of a statement.
    pub folded: u64,
    /// Events that became a record of their own.
    pub made: u64,
    /// Events that were refused, by reason.
    pub refused: Counts<Refusal>,
    /// Events that wait in the buffer.
    pub waiting: u64,
}

impl EventLedger {
    /// Adds up another's.
    pub(crate) fn add(&mut self, other: &EventLedger) {
        let EventLedger { seen, folded, made, refused, waiting } = other;
        self.seen += seen;
        self.folded += folded;
        self.made += made;
        self.refused.merge(refused);
        self.waiting += waiting;
    }

    /// Whether the books balance.
    pub fn balances(&self) -> bool {
        self.seen == self.folded + self.made + self.refused.total() + self.waiting
    }
}

impl fmt::Display for EventLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EventLedger { seen, folded, made, refused, waiting } = self;
        write!(
            f,
            "{seen} seen = {folded} folded + {made} made + {} refused ({refused}) + {waiting} waiting",
            refused.total()
        )
    }
}

/// What became of the records that were made: `made = accepted + written + dropped + held`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordLedger {
    /// Records made.
    pub made: u64,
    /// Records that the service accepted.
    pub accepted: u64,
    /// Records that were written down on this machine, and sent to nobody: a dry run's.
    pub written: u64,
    /// Records that were dropped, by reason.
    pub dropped: Counts<DropReason>,
    /// Records that wait or are in flight.
    pub held: u64,
}

impl RecordLedger {
    /// Adds up another's.
    pub(crate) fn add(&mut self, other: &RecordLedger) {
        let RecordLedger { made, accepted, written, dropped, held } = other;
        self.made += made;
        self.accepted += accepted;
        self.written += written;
        self.dropped.merge(dropped);
        self.held += held;
    }

    /// Whether the books balance.
    pub fn balances(&self) -> bool {
        self.made == self.accepted + self.written + self.dropped.total() + self.held
    }
}

impl fmt::Display for RecordLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordLedger { made, accepted, written, dropped, held } = self;
        write!(f, "{made} made = {accepted} accepted + ")?;
        if *written > 0 {
            write!(f, "{written} written to a file + ")?;
        }
        write!(f, "{} dropped ({dropped}) + {held} held", dropped.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter() {
        assert!(Refusal::ALL.len() <= MAX_REASONS && DropReason::ALL.len() <= MAX_REASONS);
        let mut counts = Counts::<DropReason>::default();
        for (place, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), place);
            counts.add(*reason, 1);
        }
        assert_eq!(counts.total(), DropReason::ALL.len() as u64);
    }
}
