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

    /// The SQLSTATE as text.
    pub fn as_str(&self) -> &str {
        // ASCII by construction, so this never falls back.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

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
    fn a_sqlstate_is_five_capitals_and_digits() {
        for state in ["42P01", "08006", "HY000", "0A000"] {
            assert_eq!(SqlState::new(state).unwrap().to_string(), state);
        }
        for other in ["", "42P0", "42P012", "42p01", "42 01", "4\u{e9}00"] {
            assert_eq!(SqlState::new(other), None, "{other}");
        }
    }
}
