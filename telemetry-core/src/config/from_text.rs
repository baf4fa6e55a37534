//! Settings as text has them: in a connection string, a property, a configuration file.

use std::time::Duration;

use crate::config::{Mode, TextLevel};
use crate::error::BuildError;
use crate::host::HostPolicy;

/// A kind of setting that text can say.
pub(super) trait FromText: Sized {
    /// What the text must be, in words. `None` where only the program may say it.
    const FORM: Option<&'static str>;

    fn from_text(text: &str) -> Option<Self>;
}

/// Reads the setting of this name.
pub(super) fn read<T: FromText>(name: &'static str, text: &str) -> Result<T, BuildError> {
    let expected = T::FORM.ok_or_else(|| BuildError::UnknownSetting(name.to_owned()))?;
    let text = text.trim();
    T::from_text(text).ok_or_else(|| BuildError::OutOfBounds { name, value: format!("{text:?}"), expected })
}

impl FromText for usize {
    const FORM: Option<&'static str> = Some("a whole number");

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromText for u32 {
    const FORM: Option<&'static str> = <usize as FromText>::FORM;

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromText for Duration {
    const FORM: Option<&'static str> = Some("a time such as 500ms, 5s or 1m30s, or a number of milliseconds");

    fn from_text(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(milliseconds) => Some(Duration::from_millis(milliseconds)),
            Err(_) => humantime::parse_duration(text).ok(),
        }
    }
}

impl FromText for bool {
    const FORM: Option<&'static str> = Some("true or false");

    fn from_text(text: &str) -> Option<Self> {
        let is = |words: [&str; 5]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if is(["true", "1", "yes", "on", "enabled"]) {
            return Some(true);
        }
        is(["false", "0", "no", "off", "disabled"]).then_some(false)
    }
}

impl FromText for Mode {
    const FORM: Option<&'static str> = Some("off, on or forced");

    fn from_text(text: &str) -> Option<Self> {
        match bool::from_text(text) {
            Some(true) => Some(Mode::On),
            Some(false) => Some(Mode::Off),
            None => text.eq_ignore_ascii_case("forced").then_some(Mode::Forced),
        }
    }
}

impl FromText for TextLevel {
    const FORM: Option<&'static str> = Some("none, frames or message");

    fn from_text(text: &str) -> Option<Self> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        let levels =
            [("none", TextLevel::None), ("frames", TextLevel::Frames), ("message", TextLevel::Message)];
        levels.into_iter().find(|(word, _)| is(word)).map(|(_, level)| level)
    }
}

/// Which hosts may be called is for the program to say: who writes a connection string may not open it.
impl FromText for HostPolicy {
    const FORM: Option<&'static str> = None;

    fn from_text(_: &str) -> Option<Self> {
        None
    }
}

/// Words and packages are constants of the driver.
impl FromText for &'static [&'static str] {
    const FORM: Option<&'static str> = None;

    fn from_text(_: &str) -> Option<Self> {
        None
    }
}
