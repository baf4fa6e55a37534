//! When which batch goes, and what becomes of it: buffer, retry, backoff, `Retry-After`, pauses and loss, as
//! one machine.
//!
//! They are one decision — when may this batch go? — so they are one state machine: there is one request in
//! flight, and no loop around another. A record leaves by acceptance, by a terminal answer, by overflow, by
//! age, or by the close.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::config::TelemetryConfig;
use crate::fault::{ErrorClass, Fault, PluginError, classify};
use crate::ledger::{DropReason, RecordLedger};
use crate::plugin::breaker::Outcome;
use crate::plugin::clock::Tick;
use crate::plugin::exporter::Receipt;
use crate::record::Record;

use crate::pipeline::backoff::{Backoff, Pause};
use crate::pipeline::batch_limit::BatchLimit;

/// How far apart batches are that go early because an error is urgent.
const BETWEEN_URGENT: Duration = Duration::from_secs(1);
/// The least wait after a breaker's rejection.
const MIN_REJECTION: Duration = Duration::from_millis(100);

/// A record, when it was made, and as which of all.
#[derive(Clone, Debug)]
struct Queued {
    record: Arc<Record>,
    since: Tick,
    number: u64,
    bytes: u64,
}

/// What delivery wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To send a batch: [`take`](Delivery::take) it.
    Send,
    /// To be asked again then, or when a record comes.
    Wait(Option<Tick>),
    /// Nothing more can be sent before the deadline of the close.
    GiveUp,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// The exporter was called, and this came of it.
    Answered(Result<Receipt, PluginError>),
    /// The breaker didn't admit the call.
    Rejected { retry_at: Tick },
    /// There were no credentials, so no call was made.
    NoCredentials(PluginError),
}

#[derive(Debug)]
pub(crate) struct Delivery {
    queue: VecDeque<Queued>,
    /// So many at the head of the queue are errors, which overflow spares: it goes on to look behind them.
    errors_ahead: usize,
    /// What is in flight, in order.
    in_flight: Vec<Queued>,
    /// How many bytes all of them take.
    bytes: u64,
    /// How often the batch at the head of the queue was tried in a row.
    attempt: u32,
    /// The size of that batch, so that it goes again as it was.
    retrying: Option<usize>,
    /// Nothing goes before then: the service, its breaker or the backoff says so.
    not_before: Tick,
    /// Nothing goes before then either, unless a flush or a close begins: quick retries were used up.
    spaced_until: Tick,
    pause: Pause,
    /// Whether it pauses for want of credentials that work.
    refused: bool,
    /// Whether there are other credentials since the batch in flight left.
    logged_in: bool,
    batch_limit: BatchLimit,
    /// How many records in a row were too large by themselves, and nothing was accepted in between.
    too_large: u32,
    urgent: bool,
    /// Nothing goes early before then only because it is urgent.
    urgent_from: Tick,
    /// Records before this number go at once.
    flush_to: u64,
    /// How long the oldest record waits for its batch to fill.
    fill_time: Duration,
    /// From then on it is calm: the last batch left an interval ago.
    calm_from: Tick,
    closing: Option<Tick>,
    ledger: RecordLedger,
    backoff: Backoff,
    max_records: usize,
    max_age: Duration,
    flush_interval: Duration,
    max_retries: u32,
    retry_after_cap: Duration,
}

impl Delivery {
    /// `seed` makes the jitter of the backoff.
    pub(crate) fn new(config: &TelemetryConfig, seed: u64) -> Self {
        Delivery {
            queue: VecDeque::new(),
            errors_ahead: 0,
            in_flight: Vec::new(),
            bytes: 0,
            attempt: 0,
            retrying: None,
            not_before: Tick::ZERO,
            spaced_until: Tick::ZERO,
            pause: Pause::new(config),
            refused: false,
            logged_in: false,
            batch_limit: BatchLimit::new(config.batch_size),
            too_large: 0,
            urgent: false,
            urgent_from: Tick::ZERO,
            flush_to: 0,
            fill_time: config.flush_interval,
            calm_from: Tick::ZERO,
            closing: None,
            ledger: RecordLedger::default(),
            backoff: Backoff::new(config, seed),
            max_records: config.max_records,
            max_age: config.max_age,
            flush_interval: config.flush_interval,
            max_retries: config.max_retries,
            retry_after_cap: config.retry_after_cap,
        }
    }

    pub(crate) fn ledger(&self) -> RecordLedger {
        RecordLedger { held: self.held() as u64, ..self.ledger }
    }

    pub(crate) fn held(&self) -> usize {
        self.queue.len() + self.in_flight.len()
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Takes a record in. Past the bound the oldest that is not an error makes room, or the oldest error if
    /// all are.
    pub(crate) fn push(&mut self, record: Arc<Record>, urgent: bool, now: Tick) {
        let bytes = record.bytes();
        self.push_counted(record, urgent, bytes, now);
    }

    /// The same with a record that takes so many bytes.
    pub(crate) fn push_counted(&mut self, record: Arc<Record>, urgent: bool, bytes: u64, now: Tick) {
        if self.held() == 0 {
            self.fill_time = self.flush_interval;
            if self.calm_from <= now {
                // What many processes do at the same moment, as they start or at the full hour, they are not
                // to report at the same moment.
                self.fill_time -= self.backoff.up_to(self.flush_interval / 2);
            }
        }
        self.urgent |= urgent;
        let bytes = bytes + size_of::<Queued>() as u64;
        self.bytes += bytes;
        self.queue.push_back(Queued { record, since: now, number: self.ledger.made, bytes });
        self.ledger.made += 1;
        while self.held() > self.max_records {
            self.overflow();
        }
    }

    /// Drops the oldest that waits and is not an error, or the oldest error if all are; `false` if none
    /// waits.
    pub(crate) fn overflow(&mut self) -> bool {
        let is_error = |held: &Queued| held.record.body.error.is_some();
        while self.queue.get(self.errors_ahead).is_some_and(is_error) {
            self.errors_ahead += 1;
        }
        let all = self.errors_ahead == self.queue.len();
        self.drop_at(if all { 0 } else { self.errors_ahead }, DropReason::Overflow)
    }

    /// How many bytes the records take, without error text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lets go of what waited too long.
    pub(crate) fn expire(&mut self, now: Tick) {
        // In order of age, save for a batch that came back, which is the oldest and stands in front.
        while self.queue.front().is_some_and(|held| now.since(held.since) >= self.max_age) {
            self.drop_at(0, DropReason::Expired);
        }
    }

    /// What to do now.
    pub(crate) fn next(&self, now: Tick) -> Next {
        if self.is_in_flight() {
            return Next::Wait(None);
        }
        let Some(oldest) = self.queue.front() else {
            return if self.closing.is_some() { Next::GiveUp } else { Next::Wait(None) };
        };
        let at_once = self.retrying.is_some()
            || self.closing.is_some()
            || oldest.number < self.flush_to
            || self.queue.len() >= self.batch_limit.records();
        let mut due = if at_once { now } else { oldest.since + self.fill_time };
        if self.urgent {
            due = due.min(self.urgent_from.max(now));
        }
        let at = due.max(self.not_before).max(self.spaced_until).max(self.pause.until());
        if self.closing.is_some_and(|deadline| at >= deadline) {
            return Next::GiveUp;
        }
        if at <= now {
            return Next::Send;
        }
        Next::Wait(Some(at.min(oldest.since + self.max_age)))
    }

    /// Puts the next batch in flight.
    pub(crate) fn take(&mut self, now: Tick) -> Vec<Arc<Record>> {
        if self.urgent {
            self.urgent_from = now + BETWEEN_URGENT;
        }
        let limit = self.batch_limit.records();
        let size = self.retrying.unwrap_or(limit).min(limit).min(self.queue.len());
        self.in_flight = self.queue.drain(..size).collect();
        self.calm_from = now + self.flush_interval;
        self.errors_ahead = self.errors_ahead.saturating_sub(size);
        self.logged_in = false;
        self.urgent &= !self.queue.is_empty();
        self.in_flight.iter().map(|held| Arc::clone(&held.record)).collect()
    }

    /// Says how the attempt with the batch in flight ended.
    pub(crate) fn settle(&mut self, attempted: AttemptOutcome, now: Tick) {
        self.refused = match attempted {
            AttemptOutcome::NoCredentials(_) => true,
            AttemptOutcome::Answered(Err(failure)) => failure.fault.refuses_credentials(),
            AttemptOutcome::Answered(Ok(_)) | AttemptOutcome::Rejected { .. } => false,
        };
        self.take_back(attempted, now);
        if self.logged_in {
            self.logged_in();
        }
    }

    fn take_back(&mut self, attempted: AttemptOutcome, now: Tick) {
        match attempted {
            AttemptOutcome::Rejected { retry_at } => {
                self.give_back(None);
                // Whatever a breaker says, it isn't asked in a loop, nor by all clients of a host at once.
                let retry_at = retry_at.max(now + MIN_REJECTION);
                self.not_before = now + self.backoff.spread(retry_at - now);
            }
            AttemptOutcome::NoCredentials(failure) => {
                self.give_back(None);
                self.pause.refused(self.capped(failure.retry_after), now);
            }
            AttemptOutcome::Answered(Ok(receipt)) => self.accepted(receipt),
            AttemptOutcome::Answered(Err(failure)) => self.failed(failure, now),
        }
    }

    /// Whether it pauses for want of credentials that work.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// There are credentials that may work: a pause for want of them is over.
    pub(crate) fn logged_in(&mut self) {
        self.logged_in = true;
        if std::mem::take(&mut self.refused) {
            self.pause.reset();
        }
    }

    /// As much of a `Retry-After` as is obeyed.
    fn capped(&self, retry_after: Option<Duration>) -> Option<Duration> {
        retry_after.map(|asked| asked.min(self.retry_after_cap))
    }

    fn accepted(&mut self, receipt: Receipt) {
        let sent = self.in_flight.len();
        let accepted = receipt.accepted.min(sent);
        let sum = if receipt.written { &mut self.ledger.written } else { &mut self.ledger.accepted };
        *sum += accepted as u64;
        self.ledger.dropped.add(DropReason::NotAccepted, (sent - accepted) as u64);
        self.clear_in_flight();
        self.attempt = 0;
        self.retrying = None;
        self.batch_limit.accepted(sent);
        self.too_large = 0;
        self.pause.reset();
    }

    fn failed(&mut self, failure: PluginError, now: Tick) {
        let PluginError { fault, retry_after } = failure;
        let retry_after = self.backoff.spread(self.capped(retry_after).unwrap_or_default());
        let sent = self.in_flight.len();
        if is_too_large(fault) {
            self.not_before = now + retry_after;
            match self.batch_limit.too_large(sent) {
                Some(half) => self.give_back(Some(half)),
                None => self.one_was_too_large(now),
            }
            return;
        }
        match classify(fault) {
            ErrorClass::Retryable => {
                let quick = self.attempt < self.max_retries && fault != Fault::NoSuchHost;
                self.give_back(quick.then_some(sent));
                if quick {
                    self.not_before = now + self.backoff.draw(self.attempt).max(retry_after);
                    self.attempt += 1;
                } else {
                    self.not_before = now + retry_after;
                    self.spaced_until = now + self.flush_interval;
                    self.attempt = 0;
                }
                return;
            }
            ErrorClass::Terminal => self.drop_in_flight(DropReason::Terminal),
            ErrorClass::Unknown => self.drop_in_flight(match fault {
                Fault::BadAnswer => DropReason::BadAnswer,
                Fault::Panicked => DropReason::Panicked,
                Fault::Write(_) => DropReason::NotWritten,
                _ => DropReason::Unclassified,
            }),
        }
        self.attempt = 0;
        if refuses_the_caller(fault) {
            self.pause.refused(self.capped(failure.retry_after), now);
        } else {
            self.not_before = now + retry_after;
        }
    }

    /// That says nothing of the others, which go at once. Where nothing is accepted between several, the
    /// service may take nothing at all: then it is asked as seldom as one that fails.
    fn one_was_too_large(&mut self, now: Tick) {
        self.drop_in_flight(DropReason::TooLarge);
        self.attempt = 0;
        if let Some(before) = self.too_large.checked_sub(1) {
            if before < self.max_retries {
                self.not_before = self.not_before.max(now + self.backoff.draw(before));
            } else {
                self.spaced_until = now + self.flush_interval;
            }
        }
        self.too_large = self.too_large.saturating_add(1);
    }

    /// Sends what waits now as soon as may be. The number of the first record that isn't among it.
    pub(crate) fn flush(&mut self) -> u64 {
        self.flush_to = self.ledger.made;
        self.spaced_until = Tick::ZERO;
        self.flush_to
    }

    /// The number of the oldest record that is still held: all before it have left.
    pub(crate) fn left(&self) -> u64 {
        let oldest = self.in_flight.first().or(self.queue.front());
        oldest.map_or(self.ledger.made, |oldest| oldest.number)
    }

    /// Closes by this time, or not any more. While it does, what waits goes at once.
    pub(crate) fn close_by(&mut self, deadline: Option<Tick>) {
        if self.closing.is_none() && deadline.is_some() {
            self.spaced_until = Tick::ZERO;
        }
        self.closing = deadline;
    }

    /// The end after a panic of our own: all that isn't in the books was lost by it.
    pub(crate) fn fail(&mut self) {
        self.queue.clear();
        self.errors_ahead = 0;
        self.in_flight.clear();
        self.bytes = 0;
        let RecordLedger { made, accepted, written, dropped, .. } = &mut self.ledger;
        let missing = made.saturating_sub(*accepted + *written + dropped.total());
        dropped.add(DropReason::InternalFault, missing);
    }

    /// Lets go of all that waits.
    pub(crate) fn drop_waiting(&mut self, reason: DropReason) {
        self.ledger.dropped.add(reason, self.queue.len() as u64);
        self.bytes -= self.queue.drain(..).map(|held| held.bytes).sum::<u64>();
        self.errors_ahead = 0;
        self.retrying = None;
        self.urgent = false;
        self.attempt = 0;
    }

    /// Lets go of what is in flight, of which nobody will learn what became of it.
    pub(crate) fn drop_in_flight(&mut self, reason: DropReason) {
        self.ledger.dropped.add(reason, self.in_flight.len() as u64);
        self.clear_in_flight();
        self.retrying = None;
    }

    /// The batch goes back to the head of the queue, to go again in this size or in any.
    fn give_back(&mut self, retry: Option<usize>) {
        let is_error = |held: &&Queued| held.record.body.error.is_some();
        let errors = self.in_flight.iter().take_while(is_error).count();
        // Where all of it are errors, those behind it are still known.
        let all = errors == self.in_flight.len();
        self.errors_ahead = if all { errors + self.errors_ahead } else { errors };
        for held in self.in_flight.drain(..).rev() {
            self.queue.push_front(held);
        }
        self.retrying = retry;
    }

    fn clear_in_flight(&mut self) {
        self.fill_time = self.flush_interval;
        self.bytes -= self.in_flight.drain(..).map(|held| held.bytes).sum::<u64>();
    }

    /// Drops one that waits; `false` if there is none in this place.
    fn drop_at(&mut self, place: usize, reason: DropReason) -> bool {
        let dropped = self.queue.remove(place);
        if let Some(dropped) = &dropped {
            self.bytes -= dropped.bytes;
            self.errors_ahead -= usize::from(place < self.errors_ahead);
            self.ledger.dropped.add(reason, 1);
            if self.retrying.is_some_and(|size| place < size) {
                self.retrying = self.retrying.map(|size| size - 1).filter(|size| *size > 0);
            }
        }
        dropped.is_some()
    }
}

fn is_too_large(fault: Fault) -> bool {
    matches!(fault, Fault::TooLarge | Fault::Status(413))
}

/// Whether the service, or we ourselves, refuse this one client, so that asking again soon is of no use.
fn refuses_the_caller(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::Status(400 | 401 | 403 | 404) | Fault::Authentication | Fault::RefusedHost | Fault::Unsendable
    )
}

/// What an attempt says about the service's health.
pub(crate) fn outcome(attempted: &AttemptOutcome) -> Outcome {
    match attempted {
        AttemptOutcome::Rejected { .. } | AttemptOutcome::NoCredentials(_) => Outcome::Neutral,
        AttemptOutcome::Answered(Ok(_)) => Outcome::Success,
        AttemptOutcome::Answered(Err(PluginError { fault, retry_after })) => match fault {
            fault if refuses_the_caller(*fault) || is_too_large(*fault) => Outcome::Neutral,
            Fault::Panicked | Fault::NoResources => Outcome::Neutral,
            _ => Outcome::Failure { retry_after: *retry_after },
        },
    }
}
