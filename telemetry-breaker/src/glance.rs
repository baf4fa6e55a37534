//! A breaker's state in one word, as far as most calls need to know it.

use telemetry_core::plugin::{Outcome, Tick};

/// What can be read of a breaker without its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Glance {
    /// Closed, in this generation; a success changes nothing.
    Calm(u64),
    /// Closed, in this generation, with something to count.
    Closed(u64),
    /// Open until then.
    Open(Tick),
    /// The machine has to be asked.
    Unclear,
}

const TAG: u32 = 2;
const LARGEST: u64 = u64::MAX >> TAG;

impl Glance {
    pub(crate) fn word(self) -> u64 {
        let (value, tag) = match self {
            Glance::Calm(generation) => (generation, 0),
            Glance::Closed(generation) => (generation, 1),
            Glance::Open(until) => (until.as_nanos(), 2),
            Glance::Unclear => (0, 3),
        };
        if value > LARGEST { Glance::Unclear.word() } else { value << TAG | tag }
    }

    pub(crate) fn of(word: u64) -> Self {
        let value = word >> TAG;
        match word & 3 {
            0 => Glance::Calm(value),
            1 => Glance::Closed(value),
            2 => Glance::Open(Tick::from_nanos(value)),
            _ => Glance::Unclear,
        }
    }

    /// The ticket of a call, or until when there is none. `None` where the machine has to be asked.
    pub(crate) fn admit(self, now: Tick) -> Option<Result<u64, Tick>> {
        match self {
            Glance::Calm(generation) | Glance::Closed(generation) => Some(Ok(generation)),
            Glance::Open(until) if now < until => Some(Err(until)),
            Glance::Open(_) | Glance::Unclear => None,
        }
    }

    /// Whether a call of this ticket that went so changes nothing.
    pub(crate) fn settles_nothing(self, ticket: u64, outcome: Outcome) -> bool {
        match self {
            Glance::Calm(generation) => ticket != generation || !matches!(outcome, Outcome::Failure { .. }),
            Glance::Closed(generation) => ticket != generation || outcome == Outcome::Neutral,
            // Nothing is admitted while it is open.
            Glance::Open(_) => true,
            Glance::Unclear => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_what_it_was_made_of_and_what_is_too_large_is_unclear() {
        let open = |nanos| Glance::Open(Tick::from_nanos(nanos));
        let all = [
            Glance::Calm(0),
            Glance::Calm(7),
            Glance::Closed(7),
            Glance::Closed(LARGEST),
            open(5),
            open(LARGEST),
        ];
        for glance in all.into_iter().chain([Glance::Unclear]) {
            assert_eq!(Glance::of(glance.word()), glance);
        }
        for glance in [open(LARGEST + 1), Glance::Open(Tick::MAX), Glance::Calm(u64::MAX)] {
            assert_eq!(Glance::of(glance.word()), Glance::Unclear);
        }
    }

    #[test]
    fn most_calls_are_admitted_and_rejected_at_a_glance() {
        let at = Tick::from_nanos;
        assert_eq!(Glance::Calm(7).admit(at(4)), Some(Ok(7)));
        assert_eq!(Glance::Closed(7).admit(at(4)), Some(Ok(7)));
        assert_eq!(Glance::Open(at(5)).admit(at(4)), Some(Err(at(5))));
        assert_eq!(Glance::Open(at(5)).admit(at(5)), None, "the machine has to wake");
        assert_eq!(Glance::Unclear.admit(at(4)), None);
    }

    #[test]
    fn most_calls_are_settled_at_a_glance() {
        let failure = Outcome::Failure { retry_after: None };
        let nothing = |glance: Glance, ticket| {
            [Outcome::Success, Outcome::Neutral, failure]
                .map(|outcome| glance.settles_nothing(ticket, outcome))
        };
        assert_eq!(nothing(Glance::Calm(7), 7), [true, true, false]);
        assert_eq!(nothing(Glance::Closed(7), 7), [false, true, false]);
        assert_eq!(nothing(Glance::Unclear, 7), [false; 3]);
        for glance in [Glance::Calm(7), Glance::Closed(7), Glance::Open(Tick::from_nanos(5))] {
            assert_eq!(nothing(glance, 6), [true; 3], "{glance:?}");
        }
    }
}
