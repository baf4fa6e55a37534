//! Text that needs no scrubbing: a constant of the program, with typed facts in its places.

use std::fmt::Write;
use std::time::Duration;

use crate::fault::Fault;
use crate::text::sqlstate::SqlState;

/// What may stand in a template: numbers, times, codes, and constants of the program. It can hold no text of
/// a user's.
///
/// It is implemented here alone.
pub trait Fact: sealed::Sealed {}

mod sealed {
    pub trait Sealed {
        fn write(&self, out: &mut String);
    }
}

macro_rules! facts {
    ($format:literal: $($type:ty),*) => {$(
        impl Fact for $type {}

        impl sealed::Sealed for $type {
            fn write(&self, out: &mut String) {
                // Writing to a string can't fail.
                let _ = write!(out, $format, self);
            }
        }
    )*};
}

facts!("{}": u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64, bool, &'static str, Fault, SqlState);
facts!("{:?}": Duration);

/// The template with each `{}` replaced by the next fact. One without a fact stays; a fact without a place is
/// left out.
pub(crate) fn fill(template: &'static str, facts: &[&dyn Fact], out: &mut String) {
    /// What most facts take at the most, in bytes.
    const FACT: usize = 16;
    out.reserve(template.len() + FACT * facts.len());
    let place = |text: &'static str| {
        let at = text.as_bytes().windows(2).position(|pair| pair == b"{}")?;
        Some((text.get(..at)?, text.get(at + 2..)?))
    };
    let mut facts = facts.iter();
    let mut rest = template;
    while let Some((before, behind)) = place(rest) {
        let Some(fact) = facts.next() else { break };
        out.push_str(before);
        fact.write(out);
        rest = behind;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &'static str, facts: &[&dyn Fact]) -> String {
        let mut out = String::new();
        fill(template, facts, &mut out);
        out
    }

    #[test]
    fn facts_stand_in_their_places() {
        let late = Duration::from_millis(1500);
        assert_eq!(filled("chunk {} timed out after {}", &[&3, &late]), "chunk 3 timed out after 1.5s");
        assert_eq!(
            filled("{}: {}", &[&"download", &Fault::Timeout]),
            format!("download: {}", Fault::Timeout)
        );
    }

    #[test]
    fn a_place_without_a_fact_stays_and_a_fact_without_a_place_is_left_out() {
        assert_eq!(filled("{} of {}", &[&1]), "1 of {}");
        assert_eq!(filled("done", &[&1]), "done");
        assert_eq!(filled("{ {{}} }{", &[&1]), "{ {1} }{");
    }
}
