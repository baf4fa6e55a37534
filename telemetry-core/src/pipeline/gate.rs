//! May anything be sent at all? What is known of the service's flag, and when to ask again.

use std::time::Duration;

use crate::fault::PluginError;
use crate::plugin::clock::Tick;
use crate::plugin::flags::{FlagOrigin, FlagSet, FlagValue};

/// What is known of the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlagState {
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

/// A pure state machine around one flag of one host, as one client sees it.
///
/// A failure never changes a value that is known. Nothing is asked twice at a time, and nothing more often
/// than once a second, whatever a source says.
#[derive(Debug)]
pub(crate) struct Gate {
    known: FlagState,
    asked_at: Tick,
    ask_at: Tick,
    retry: Duration,
}

/// The longest wait for a flag that could not be had, whatever `Retry-After` says.
const MAX_RETRY: Duration = Duration::from_secs(900);
const MIN_FRESH: Duration = Duration::from_secs(1);

impl Gate {
    /// A gate that asks.
    pub(crate) fn new(retry: Duration) -> Self {
        Gate { known: FlagState::Unknown, asked_at: Tick::ZERO, ask_at: Tick::ZERO, retry }
    }

    /// A gate that is open whatever the service says.
    pub(crate) fn forced() -> Self {
        Gate {
            known: FlagState::Enabled(FlagOrigin::Fixed),
            asked_at: Tick::ZERO,
            ask_at: Tick::MAX,
            retry: MAX_RETRY,
        }
    }

    pub(crate) fn flag_state(&self) -> FlagState {
        self.known
    }

    /// Whether records may be sent.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.known, FlagState::Enabled(_))
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
    }

    /// Takes the answer in.
    pub(crate) fn settle(&mut self, answer: Result<&FlagSet, PluginError>, flag: &str, now: Tick) {
        match answer {
            Ok(flags) => {
                self.known = match flags.value(flag) {
                    FlagValue::On => FlagState::Enabled(flags.origin),
                    FlagValue::Off => FlagState::Disabled(flags.origin),
                    FlagValue::Absent => FlagState::Absent(flags.origin),
                };
                self.ask_at = (self.asked_at + flags.fresh_for).max(now + MIN_FRESH);
            }
            Err(failure) => {
                if matches!(self.known, FlagState::Unknown | FlagState::Unreachable(_)) {
                    self.known = FlagState::Unreachable(failure);
                }
                let asked = failure.retry_after.unwrap_or_default().min(MAX_RETRY);
                self.ask_at = now + self.retry.max(asked);
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
    fn an_answer_is_fresh_from_when_it_was_asked_for() {
        let mut gate = gate();
        gate.ask(Tick::ZERO + 100 * SECOND);
        gate.settle(Ok(&flags("true", 900)), "flag", Tick::ZERO + 107 * SECOND);
        assert_eq!(gate.ask_at(), Tick::ZERO + 1000 * SECOND);
    }

    #[test]
    fn unreachable_is_off_and_is_asked_again_after_a_minute() {
        let mut gate = gate();
        gate.settle(Err(PluginError::new(Fault::Timeout)), "flag", Tick::ZERO);
        assert!(!gate.is_recording());
        assert_eq!(gate.flag_state(), FlagState::Unreachable(PluginError::new(Fault::Timeout)));
        assert_eq!(gate.ask_at(), Tick::ZERO + 60 * SECOND);
    }

    #[test]
    fn a_failed_refresh_keeps_the_last_known_value() {
        for (value, open) in [("true", true), ("false", false)] {
            let mut gate = gate();
            gate.settle(Ok(&flags(value, 900)), "flag", Tick::ZERO);
            gate.settle(Err(PluginError::new(503)), "flag", Tick::ZERO + 900 * SECOND);
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

    #[test]
    fn a_forced_gate_never_asks() {
        assert!(Gate::forced().is_open());
        assert_eq!(Gate::forced().ask_at(), Tick::MAX);
    }
}
