//! May anything be sent at all? What is known of the service's flag, and when to ask again.

use std::time::Duration;

use crate::fault::PluginError;
use crate::plugin::clock::Tick;
use crate::plugin::flags::{FlagOrigin, FlagSet, FlagValue};

/// What is known of the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlagState {
    /// It isn't asked for, as the setting is off.
    Unasked,
    /// Nothing yet: record, and send nothing.
    Unknown,
    Enabled(FlagOrigin),
    /// Its value is another than `true`.
    Disabled(FlagOrigin),
    /// The service has no such flag.
    Absent(FlagOrigin),
    /// It could not be had: off, until it can.
    Unreachable(PluginError),
}

/// Why there is no answer about the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    pub(crate) failure: PluginError,
    /// For want of credentials that work.
    pub(crate) refused: bool,
    /// While a log-in is still to come, which may bring such.
    pub(crate) pending: bool,
}

impl From<PluginError> for NoAnswer {
    fn from(failure: PluginError) -> Self {
        NoAnswer { failure, refused: failure.fault.refuses_credentials(), pending: false }
    }
}

/// A pure state machine around one flag of one host, as one client sees it.
///
/// A failure never changes a value that is known. Nothing is asked twice at a time, and nothing more often
/// than once a second, whatever a source says.
#[derive(Debug)]
pub(crate) struct Gate {
    known: FlagState,
    asked_at: Tick,
    ask_at: Tick,
    /// Until when what is known is fresh.
    fresh_until: Tick,
    retry: Duration,
    /// Whether there are other credentials since it was asked, or refused.
    logged_in: bool,
    /// Whether what was asked last failed for want of credentials that work.
    refused: bool,
}

/// The longest wait for a flag that could not be had, whatever `Retry-After` says.
const MAX_RETRY: Duration = Duration::from_secs(900);
const MIN_FRESH: Duration = Duration::from_secs(1);
/// How long past its time an answer is good enough to send by while it is asked for again.
const OVERDUE: Duration = Duration::from_secs(60);

impl Gate {
    /// A gate that asks.
    pub(crate) fn new(retry: Duration) -> Self {
        Gate {
            known: FlagState::Unknown,
            asked_at: Tick::ZERO,
            ask_at: Tick::ZERO,
            fresh_until: Tick::MAX,
            retry,
            logged_in: false,
            refused: false,
        }
    }

    /// A gate that is open whatever the service says.
    pub(crate) fn forced() -> Self {
        Gate { known: FlagState::Enabled(FlagOrigin::Fixed), ask_at: Tick::MAX, ..Gate::new(MAX_RETRY) }
    }

    /// A gate that is closed whatever the service says, and never asks.
    pub(crate) fn off() -> Self {
        Gate { known: FlagState::Unasked, ask_at: Tick::MAX, ..Gate::new(MAX_RETRY) }
    }

    pub(crate) fn flag_state(&self) -> FlagState {
        self.known
    }

    /// Whether records may be sent.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.known, FlagState::Enabled(_))
    }

    /// Whether what is known is so old that it is asked for before anything more is sent: a machine that
    /// slept may have slept through the flag's being turned off. If nobody answers, it counts on.
    pub(crate) fn is_overdue(&self, now: Tick) -> bool {
        self.fresh_until + OVERDUE < now
    }

    /// Whether events are recorded: unless it is known that they may not be sent.
    pub(crate) fn is_recording(&self) -> bool {
        matches!(self.known, FlagState::Unknown | FlagState::Enabled(_))
    }

    /// When to ask next.
    pub(crate) fn ask_at(&self) -> Tick {
        self.ask_at
    }

    /// The question is asked now.
    pub(crate) fn ask(&mut self, now: Tick) {
        self.asked_at = now;
        self.logged_in = false;
    }

    /// Whether what was asked last failed for want of credentials that work.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// There are credentials that may work: what is refused for want of them is asked again, but no more than
    /// once a second.
    pub(crate) fn logged_in(&mut self, now: Tick) {
        self.logged_in = true;
        self.ask_again(now);
    }

    fn ask_again(&mut self, now: Tick) {
        if self.refused && self.logged_in {
            self.ask_at = self.ask_at.min(now.max(self.asked_at + MIN_FRESH));
        }
    }

    /// Takes the answer in.
    pub(crate) fn settle(&mut self, answer: Result<&FlagSet, NoAnswer>, flag: &str, now: Tick) {
        self.refused = answer.is_err_and(|none| none.refused);
        match answer {
            Ok(flags) => {
                self.known = match flags.value(flag) {
                    FlagValue::On => FlagState::Enabled(flags.origin),
                    FlagValue::Off => FlagState::Disabled(flags.origin),
                    FlagValue::Absent => FlagState::Absent(flags.origin),
                };
                self.ask_at = (self.asked_at + flags.fresh_for).max(now + MIN_FRESH);
                self.fresh_until = self.ask_at;
            }
            Err(NoAnswer { failure, refused, pending }) => {
                match self.known {
                    // What is recorded waits for the log-in.
                    FlagState::Unknown if refused && pending => {}
                    FlagState::Unknown | FlagState::Unreachable(_) => {
                        self.known = FlagState::Unreachable(failure);
                    }
                    FlagState::Unasked
                    | FlagState::Enabled(_)
                    | FlagState::Disabled(_)
                    | FlagState::Absent(_) => {}
                }
                let asked = failure.retry_after.unwrap_or_default().min(MAX_RETRY);
                self.ask_at = now + self.retry.max(asked);
                self.ask_again(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;

    const SECOND: Duration = Duration::from_secs(1);

    fn flags(value: &str, fresh_for: u32) -> FlagSet {
        let values = [("flag".to_owned(), value.to_owned())].into();
        FlagSet::new(values, FlagOrigin::Fetched, SECOND * fresh_for)
    }

    fn gate() -> Gate {
        Gate::new(60 * SECOND)
    }

    #[test]
    fn records_and_sends_nothing_until_the_first_answer() {
        let gate = gate();
        assert!(gate.is_recording() && !gate.is_open());
        assert_eq!(gate.ask_at(), Tick::ZERO);
    }

    #[test]
    fn on_opens_it_and_off_closes_it_until_the_next_answer() {
        let mut gate = gate();
        gate.settle(Ok(&flags("TRUE", 900)), "flag", Tick::ZERO);
        assert!(gate.is_recording() && gate.is_open());
        assert_eq!(gate.ask_at(), Tick::ZERO + 900 * SECOND);
        gate.settle(Ok(&flags("false", 900)), "flag", Tick::ZERO + 900 * SECOND);
        assert!(!gate.is_recording() && !gate.is_open());
        assert_eq!(gate.flag_state(), FlagState::Disabled(FlagOrigin::Fetched));
        gate.settle(Ok(&flags("true", 900)), "flag", Tick::ZERO + 1800 * SECOND);
        assert!(gate.is_open());
    }

    #[test]
    fn a_flag_that_the_service_does_not_have_is_off_and_known_to_be_absent() {
        let mut gate = gate();
        gate.settle(Ok(&flags("true", 900)), "another", Tick::ZERO);
        assert!(!gate.is_recording() && !gate.is_open());
        assert_eq!(gate.flag_state(), FlagState::Absent(FlagOrigin::Fetched));
    }

    #[test]
    fn an_answer_is_overdue_a_minute_after_its_time_until_there_is_another() {
        let mut gate = gate();
        assert!(!gate.is_overdue(Tick::MAX), "there is none");
        gate.settle(Ok(&flags("true", 900)), "flag", Tick::ZERO);
        assert!(!gate.is_overdue(Tick::ZERO + 960 * SECOND));
        assert!(gate.is_overdue(Tick::ZERO + 961 * SECOND));
        gate.settle(Err(PluginError::new(503).into()), "flag", Tick::ZERO + 961 * SECOND);
        assert!(gate.is_open() && gate.is_overdue(Tick::ZERO + 962 * SECOND));
        gate.ask(Tick::ZERO + 1021 * SECOND);
        gate.settle(Ok(&flags("true", 900)), "flag", Tick::ZERO + 1022 * SECOND);
        assert!(!gate.is_overdue(Tick::ZERO + 1023 * SECOND));
    }

    #[test]
    fn an_answer_is_fresh_from_when_it_was_asked_for() {
        let mut gate = gate();
        gate.ask(Tick::ZERO + 100 * SECOND);
        gate.settle(Ok(&flags("true", 900)), "flag", Tick::ZERO + 107 * SECOND);
        assert_eq!(gate.ask_at(), Tick::ZERO + 1000 * SECOND);
    }

    #[test]
    fn unreachable_is_off_and_is_asked_again_after_a_minute() {
        let mut gate = gate();
        gate.settle(Err(PluginError::new(Fault::Timeout).into()), "flag", Tick::ZERO);
        assert!(!gate.is_recording());
        assert_eq!(gate.flag_state(), FlagState::Unreachable(PluginError::new(Fault::Timeout)));
        assert_eq!(gate.ask_at(), Tick::ZERO + 60 * SECOND);
    }

    #[test]
    fn a_failed_refresh_keeps_the_last_known_value() {
        for (value, open) in [("true", true), ("false", false)] {
            let mut gate = gate();
            gate.settle(Ok(&flags(value, 900)), "flag", Tick::ZERO);
            gate.settle(Err(PluginError::new(503).into()), "flag", Tick::ZERO + 900 * SECOND);
            assert_eq!(gate.is_open(), open);
            assert_eq!(gate.ask_at(), Tick::ZERO + 960 * SECOND);
        }
    }

    #[test]
    fn a_source_that_is_never_fresh_is_not_asked_in_a_loop() {
        let mut gate = gate();
        gate.settle(Ok(&flags("true", 0)), "flag", Tick::ZERO + 5 * SECOND);
        assert_eq!(gate.ask_at(), Tick::ZERO + 6 * SECOND);
    }

    fn refused(pending: bool) -> NoAnswer {
        NoAnswer { pending, ..PluginError::new(401).into() }
    }

    #[test]
    fn without_credentials_nothing_is_decided_while_a_log_in_is_pending() {
        for (pending, recording) in [(true, true), (false, false)] {
            let mut gate = gate();
            gate.ask(Tick::ZERO);
            gate.settle(Err(refused(pending)), "flag", Tick::ZERO + 2 * SECOND);
            assert_eq!((gate.is_recording(), gate.is_open()), (recording, false));
            assert_eq!(gate.ask_at(), Tick::ZERO + 62 * SECOND);
            gate.logged_in(Tick::ZERO + 3 * SECOND);
            assert_eq!(gate.ask_at(), Tick::ZERO + 3 * SECOND, "at once");
            gate.ask(Tick::ZERO + 3 * SECOND);
            gate.settle(Ok(&flags("true", 900)), "flag", Tick::ZERO + 3 * SECOND);
            assert!(gate.is_open());
            gate.logged_in(Tick::ZERO + 4 * SECOND);
            assert_eq!(gate.ask_at(), Tick::ZERO + 903 * SECOND, "what is known isn't asked again");
        }
    }

    #[test]
    fn a_log_in_while_it_is_asked_makes_it_ask_again() {
        let mut gate = gate();
        gate.ask(Tick::ZERO);
        gate.logged_in(Tick::ZERO + SECOND);
        gate.settle(Err(refused(true)), "flag", Tick::ZERO + 2 * SECOND);
        assert_eq!(gate.ask_at(), Tick::ZERO + 2 * SECOND);
        gate.ask(Tick::ZERO + 2 * SECOND);
        gate.settle(Err(refused(true)), "flag", Tick::ZERO + 2 * SECOND);
        assert_eq!(gate.ask_at(), Tick::ZERO + 62 * SECOND, "once");
    }

    #[test]
    fn a_service_that_fails_decides_also_while_a_log_in_is_pending() {
        let mut gate = gate();
        gate.settle(Err(NoAnswer { pending: true, ..PluginError::new(503).into() }), "flag", Tick::ZERO);
        assert!(!gate.is_recording());
        gate.logged_in(Tick::ZERO + SECOND);
        assert_eq!(gate.ask_at(), Tick::ZERO + 60 * SECOND);
    }

    #[test]
    fn log_ins_do_not_make_it_ask_more_than_once_a_second() {
        let mut gate = gate();
        gate.ask(Tick::ZERO + 5 * SECOND);
        gate.settle(Err(refused(true)), "flag", Tick::ZERO + 5 * SECOND);
        gate.logged_in(Tick::ZERO + 5 * SECOND);
        assert_eq!(gate.ask_at(), Tick::ZERO + 6 * SECOND);
    }

    #[test]
    fn a_retry_after_that_is_longer_is_obeyed_up_to_fifteen_minutes() {
        for (asked, wait) in [(0, 60), (30, 60), (61, 61), (120, 120), (899, 899), (901, 900), (100_000, 900)]
        {
            let mut gate = gate();
            let failure = PluginError::new(503).with_retry_after(Some(SECOND * asked));
            gate.settle(Err(failure.into()), "flag", Tick::ZERO);
            assert_eq!(gate.ask_at(), Tick::ZERO + SECOND * wait);
        }
    }

    #[test]
    fn what_was_off_for_want_of_an_answer_is_not_on_again_by_a_refusal() {
        for pending in [false, true] {
            let mut gate = gate();
            gate.settle(Err(PluginError::new(503).into()), "flag", Tick::ZERO);
            gate.settle(Err(refused(pending)), "flag", Tick::ZERO + 60 * SECOND);
            assert!(!gate.is_recording());
            assert_eq!(
                gate.flag_state(),
                FlagState::Unreachable(PluginError::new(401)),
                "the latest failure"
            );
        }
    }

    #[test]
    fn a_forced_gate_never_asks() {
        assert!(Gate::forced().is_open());
        assert_eq!(Gate::forced().ask_at(), Tick::MAX);
    }
}
