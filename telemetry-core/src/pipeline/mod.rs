//! From buffered events to a batch in hand: the aggregator, the gate and delivery as one machine, with the
//! books.

pub(crate) mod aggregator;
pub(crate) mod backoff;
pub(crate) mod batch_limit;
pub(crate) mod chunks;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod gate;
pub(crate) mod open_statements;
pub(crate) mod packed_id;
pub(crate) mod statement;

use std::borrow::Borrow;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::TelemetryConfig;
use crate::fault::PluginError;
use crate::ledger::{Counts, DropReason, RecordLedger, Refusal};
use crate::pipeline::aggregator::{Aggregator, Draft};
use crate::pipeline::delivery::{AttemptOutcome, Delivery, Next};
use crate::pipeline::event::Event;
use crate::pipeline::gate::{FlagState, Gate, NoAnswer};
use crate::plugin::breaker::BreakerState;
use crate::plugin::clock::Tick;
use crate::plugin::flags::FlagSet;
use crate::record::id::EventId;
use crate::record::trace_parent::TraceParent;
use crate::record::{Record, SessionContext};

/// What the worker is to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Ask for the flag, and say the answer with [`Pipeline::flags`].
    Ask,
    /// Deliver this batch, and say how it went with [`Pipeline::settle`].
    Send(Vec<Arc<Record>>),
    /// Nothing before then, unless events come.
    Wait(Tick),
    /// To be asked again soon: there is more work than others should wait for.
    More,
    /// The close is at its end.
    Finished,
}

/// What the worker has under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Busy {
    pub(crate) sending: bool,
    pub(crate) asking: bool,
}

/// How many open statements are ended before others have their turn.
const STATEMENTS_AT_ONCE: usize = 256;
/// How many records to be gather before room is made for them.
const DRAFTS: usize = 64;

/// A record for the sinks.
#[derive(Debug)]
pub(crate) struct Offered {
    /// As the vendor has it.
    pub(crate) record: Arc<Record>,
    /// What is for the customer alone.
    pub(crate) trace_parent: Option<Box<TraceParent>>,
    pub(crate) urgent: bool,
}

/// What became of the events that were taken out of the buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TakenBooks {
    pub(crate) folded: u64,
    pub(crate) made: u64,
    pub(crate) refused: Counts<Refusal>,
}

impl TakenBooks {
    /// How many events there were.
    pub(crate) fn total(&self) -> u64 {
        self.folded + self.made + self.refused.total()
    }
}

/// Pure: the caller passes the time, and does the work.
#[derive(Debug)]
pub(crate) struct Pipeline {
    aggregator: Aggregator,
    gate: Gate,
    delivery: Delivery,
    books: TakenBooks,
    flag: String,
    finished: bool,
    last_failure: Option<PluginError>,
    breaker: Option<BreakerState>,
    drafts: Vec<Draft>,
    /// Whether there are sinks beside the vendor's service, which take records whatever the gate says.
    has_sinks: bool,
    /// What was made for them and isn't taken yet.
    offered: Vec<Offered>,
    /// The present as tick and date, by which events' ticks are dated.
    present: (Tick, SystemTime),
    /// After so many records and events, a panic.
    #[cfg(test)]
    planted: Option<usize>,
}

impl Pipeline {
    pub(crate) fn new(config: &TelemetryConfig, flag: &str, gate: Gate, has_sinks: bool, seed: u64) -> Self {
        Pipeline {
            aggregator: Aggregator::new(config),
            gate,
            delivery: Delivery::new(config, seed),
            books: TakenBooks::default(),
            flag: flag.to_owned(),
            finished: false,
            last_failure: None,
            breaker: None,
            drafts: Vec::new(),
            has_sinks,
            offered: Vec::new(),
            present: (Tick::ZERO, SystemTime::UNIX_EPOCH),
            #[cfg(test)]
            planted: None,
        }
    }

    pub(crate) fn flag_state(&self) -> FlagState {
        self.gate.flag_state()
    }

    pub(crate) fn is_recording(&self) -> bool {
        (self.gate.is_recording() || self.has_sinks) && !self.finished
    }

    pub(crate) fn books(&self) -> TakenBooks {
        self.books
    }

    pub(crate) fn ledger(&self) -> RecordLedger {
        self.delivery.ledger()
    }

    pub(crate) fn open_statements(&self) -> usize {
        self.aggregator.open_statements()
    }

    pub(crate) fn last_failure(&self) -> Option<PluginError> {
        self.last_failure
    }

    pub(crate) fn breaker(&self) -> Option<BreakerState> {
        self.breaker
    }

    /// Notes what the host's breaker does; what it did before, if that was something else.
    pub(crate) fn saw_breaker(&mut self, state: Option<BreakerState>) -> Option<BreakerState> {
        let before = self.breaker.unwrap_or(BreakerState::Closed);
        self.breaker = state.or(self.breaker);
        state.filter(|state| !state.is_like(before)).map(|_| before)
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// How many bytes open statements and records take, without error text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        self.aggregator.bytes() + self.delivery.bytes()
    }

    /// Makes do with so many bytes, as far as what is in flight allows: drops records, the oldest first, and
    /// where there are none ends the quietest statement, as overflow does.
    fn fit_into(&mut self, bytes: u64, now: Tick) {
        while self.bytes() > bytes {
            if !self.delivery.overflow() {
                if self.aggregator.open_statements() == 0 {
                    return;
                }
                self.aggregator.evict_quietest(&mut self.drafts);
                self.make_records(now);
            }
        }
    }

    /// Whether nothing is held, so that the worker may sleep until it is woken.
    pub(crate) fn is_idle(&self) -> bool {
        self.delivery.held() == 0
    }

    /// Takes events in, in the order they were recorded, and makes do with the room there is: `room` says how
    /// much of so many bytes may be held.
    pub(crate) fn absorb<S: Borrow<Arc<SessionContext>>>(
        &mut self,
        events: Vec<Event<S>>,
        now: Tick,
        wall: SystemTime,
        room: impl Fn(u64) -> u64,
    ) {
        self.present = (now, wall);
        let recording = self.is_recording();
        for event in events {
            #[cfg(test)]
            tests::strike(&mut self.planted);
            if !recording {
                let reason = if self.finished { Refusal::Closed } else { Refusal::Off };
                self.books.refused.add(reason, event.weight());
                continue;
            }
            let absorbed = self.aggregator.absorb(event, &mut self.drafts);
            self.books.folded += absorbed.folded;
            self.books.made += absorbed.made;
            if let Some((reason, count)) = absorbed.refused {
                self.books.refused.add(reason, count);
            }
            if self.drafts.len() > DRAFTS {
                self.make_records(now);
                self.fit_into(room(self.bytes()), now);
            }
        }
        self.make_records(now);
        self.fit_into(room(self.bytes()), now);
    }

    /// What to do now that everything recorded has been taken in, with a close that is to end by `closing`.
    pub(crate) fn step(&mut self, now: Tick, busy: Busy, closing: Option<Tick>) -> Step {
        self.delivery.close_by(closing);
        let discarded = match self.gate.flag_state() {
            FlagState::Unasked | FlagState::Unknown | FlagState::Enabled(_) => None,
            FlagState::Disabled(_) | FlagState::Absent(_) => Some(DropReason::FlagOff),
            FlagState::Unreachable(_) => Some(DropReason::FlagUnreachable),
        };
        // At a close, what was on its way when it began has come. Without delivery, nothing is worth waiting
        // for.
        let in_vain = discarded.is_some() && !self.has_sinks;
        let ends = if closing.is_some() || in_vain { Tick::MAX } else { now };
        let all = self.aggregator.end_quiet(ends, STATEMENTS_AT_ONCE, &mut self.drafts);
        self.make_records(now);
        self.delivery.expire(now);
        if let Some(reason) = discarded {
            self.delivery.drop_waiting(reason);
        }
        if closing.is_some_and(|deadline| deadline <= now) {
            return Step::Finished;
        }
        if !all {
            return Step::More;
        }
        let overdue = self.gate.is_overdue(now);
        let worth_asking = overdue || closing.is_none() || self.gate.flag_state() == FlagState::Unknown;
        if !busy.asking && worth_asking && self.gate.ask_at() <= now {
            self.gate.ask(now);
            return Step::Ask;
        }
        let mut until = closing.unwrap_or(Tick::MAX);
        if !busy.asking && worth_asking {
            until = until.min(self.gate.ask_at());
        }
        until = until.min(self.aggregator.next_eviction().unwrap_or(Tick::MAX));
        if self.gate.is_open() && !(busy.asking && overdue) {
            match self.delivery.next(now) {
                Next::Send if !busy.sending => return Step::Send(self.delivery.take(now)),
                Next::Send | Next::Wait(None) => {}
                Next::Wait(Some(at)) => until = until.min(at),
                Next::GiveUp => return Step::Finished,
            }
        } else if let Some(deadline) = closing
            && (self.delivery.held() == 0 || (!busy.asking && deadline <= self.gate.ask_at()))
        {
            // Nothing will be known in time.
            return Step::Finished;
        }
        Step::Wait(until)
    }

    /// Takes the answer about the flag in.
    pub(crate) fn flags(&mut self, answer: Result<&FlagSet, NoAnswer>, now: Tick) {
        self.last_failure = answer.err().map(|none| none.failure).or(self.last_failure);
        self.gate.settle(answer, &self.flag, now);
    }

    /// Whether something waits for other credentials, as it was refused for want of such as work.
    pub(crate) fn awaits_login(&self) -> bool {
        self.gate.is_refused() || self.delivery.is_refused()
    }

    /// There are credentials that weren't there, or weren't known to be good: what was refused for want of
    /// them is tried again.
    pub(crate) fn logged_in(&mut self, now: Tick) {
        self.gate.logged_in(now);
        self.delivery.logged_in();
    }

    /// Says how the attempt with the batch in hand ended.
    pub(crate) fn settle(&mut self, attempted: AttemptOutcome, now: Tick) {
        match attempted {
            AttemptOutcome::Answered(Err(failure)) | AttemptOutcome::NoCredentials(failure) => {
                self.last_failure = Some(failure)
            }
            AttemptOutcome::Answered(Ok(_)) | AttemptOutcome::Rejected { .. } => {}
        }
        if self.delivery.is_in_flight() {
            self.delivery.settle(attempted, now);
        }
    }

    /// Sends what waits now as soon as may be. The number of the first record that isn't among it.
    pub(crate) fn flush(&mut self) -> u64 {
        self.delivery.flush()
    }

    /// The number of the oldest record that is still held: all before it have left.
    pub(crate) fn left(&self) -> u64 {
        self.delivery.left()
    }

    /// The end. What is held is dropped under `reason`; what is in flight may have arrived.
    pub(crate) fn finish(&mut self, reason: DropReason, now: Tick) {
        // Its driver will not speak of an open statement again.
        self.aggregator.end_quiet(Tick::MAX, usize::MAX, &mut self.drafts);
        self.make_records(now);
        self.finished = true;
        self.delivery.drop_waiting(reason);
        self.delivery.drop_in_flight(DropReason::OutcomeUnknown);
    }

    /// The end after a panic of our own, wherever that left off. Of the events, so many had been taken out of
    /// the buffer.
    pub(crate) fn fail(&mut self, taken: u64) {
        self.finished = true;
        self.aggregator.clear();
        self.drafts.clear();
        let missing = taken.saturating_sub(self.books.total());
        self.books.refused.add(Refusal::InternalFault, missing);
        self.delivery.fail();
    }

    /// Takes what was made for the sinks.
    pub(crate) fn take_offered(&mut self) -> Vec<Offered> {
        std::mem::take(&mut self.offered)
    }

    fn make_records(&mut self, now: Tick) {
        let ids = EventId::random_many(self.drafts.len());
        for (Draft { at, mut record }, id) in self.drafts.drain(..).zip(ids) {
            #[cfg(test)]
            tests::strike(&mut self.planted);
            // Nobody else has it yet, so that it isn't copied.
            let made = Arc::make_mut(&mut record);
            (made.id, made.stamp) = (id, date(self.present, at));
            let urgent = made.body.is_urgent();
            // For the customer alone; the vendor has the rest as it is.
            let trace_parent = made.body.trace_parent.take();
            if self.has_sinks {
                self.offered.push(Offered { record: Arc::clone(&record), trace_parent, urgent });
            }
            if self.gate.flag_state() != FlagState::Unasked {
                self.delivery.push(record, urgent, now);
            }
        }
    }
}

/// The date of a tick, given one moment's tick and date.
fn date((now, wall): (Tick, SystemTime), at: Tick) -> SystemTime {
    let date = if at < now { wall.checked_sub(now - at) } else { wall.checked_add(at - now) };
    date.unwrap_or(wall)
}

#[cfg(test)]
mod tests;
