//! A SQLSTATE.

use std::fmt;

/// A SQLSTATE, such as `42P01`: five capitals and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// Reads a SQLSTATE; `None` where the text isn't one.
    pub fn new(text: &str) -> Option<Self> {
        let state: [u8; 5] = text.as_bytes().try_into().ok()?;
        let fits = state.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        fits.then_some(SqlState(state))
    }

    /// Whether its first two characters are a class of the standard's, or of PostgreSQL's or Db2's.
    pub(super) fn has_known_class(self) -> bool {
        let [first, second, ..] = self.0;
        KNOWN_CLASSES[usize::from(first)] & (1 << (second - b'0')) != 0
    }

    /// The SQLSTATE as text.
    pub fn as_str(&self) -> &str {
        // ASCII by construction, so this never falls back.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The known classes: of each first character, a bit for each second.
const KNOWN_CLASSES: [u64; 128] = {
    // In order.
    const CLASSES: &[u8] = b"\
        000102030708090A0B0D0E0F0K0L0M0N0P0S0T0U0V0W0X0Y\
        0Z102021222324252627282B2C2D2E2F2H30333435363839\
        3B3C3D3F40424445465153545556575872HVHWHYHZIMKDP0\
        XX";
    let (mut known, mut at) = ([0; 128], 0);
    while at < CLASSES.len() {
        known[CLASSES[at] as usize] |= 1 << (CLASSES[at + 1] - b'0');
        at += 2;
    }
    known
};

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_known_by_its_two_characters() {
        let is_known = |text| SqlState::new(text).unwrap().has_known_class();
        let known = ["00000", "0Z001", "22012", "42P01", "57014", "72000", "HY000", "P0001", "XX000"];
        assert!(known.into_iter().all(is_known));
        let others = ["04000", "43P01", "29000", "YH000", "ZZ000", "A0000"];
        assert!(!others.into_iter().any(is_known));
    }

    #[test]
    fn a_sqlstate_is_five_capitals_and_digits() {
        for state in ["42P01", "08006", "HY000", "0A000"] {
            assert_eq!(SqlState::new(state).unwrap().to_string(), state);
        }
        for other in ["", "42P0", "42P012", "42p01", "42 01", "4\u{e9}00"] {
            assert_eq!(SqlState::new(other), None, "{other}");
        }
    }
}
