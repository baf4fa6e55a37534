//! What a driver says of an error, described only when somebody will read it.

use std::fmt::{self, Write};

use crate::client::Client;
use crate::fault::{ErrorClass, Fault, classify};
use crate::guard::panic::catch_panic;
use crate::ledger::Refusal;
use crate::record::ErrorInfo;
use crate::text::error_text::LOOK_BYTES;
use crate::text::fields::error_name;

/// A driver's error, as far as telemetry may know it: a name, a class, and free text, which is redacted before it is kept.
///
/// Handles take it as a closure, so that while telemetry is off nothing is formatted.
///
/// ```
/// use telemetry_core::{ErrorClass, ErrorDetails};
///
/// let details = ErrorDetails::new("TABLE_OR_VIEW_NOT_FOUND").class(ErrorClass::Terminal).message("no such table");
/// # drop(details);
/// ```
pub struct ErrorDetails {
    name: String,
    class: ErrorClass,
    text: Bounded,
    chunk: Option<u32>,
}

impl ErrorDetails {
    /// An error by its name or class, such as `TABLE_OR_VIEW_NOT_FOUND`: letters, digits and `._:$-`, at most 128. Anything
    /// else travels as `unnamed`. Its class is [`ErrorClass::Unknown`].
    pub fn new(name: impl AsRef<str>) -> Self {
        let name = error_name(name.as_ref()).unwrap_or_else(|| "unnamed".to_owned());
        ErrorDetails { name, class: ErrorClass::Unknown, text: Bounded::default(), chunk: None }
    }

    /// The same with the class that [`classify`] gives an HTTP status, an [`io::Error`](std::io::Error) or a [`Fault`].
    #[must_use]
    pub fn fault(self, fault: impl Into<Fault>) -> Self {
        self.class(classify(fault))
    }

    /// The same with its class: terminal errors are sent at once, all others with their statement.
    #[must_use]
    pub fn class(mut self, class: ErrorClass) -> Self {
        self.class = class;
        self
    }

    /// The same with its message. Of message and stack together, the first 16 KiB are looked at, and 2,048 characters kept.
    #[must_use]
    pub fn message(mut self, message: impl fmt::Display) -> Self {
        self.text.add(format_args!("{message}"));
        self
    }

    /// The same with its stack or chain of causes, which follows the message.
    #[must_use]
    pub fn stack(mut self, stack: impl fmt::Display) -> Self {
        self.text.add(format_args!("{stack}"));
        self
    }

    /// The same with the chunk whose download failed, counted from 0.
    #[must_use]
    pub fn chunk(mut self, index: u32) -> Self {
        self.chunk = Some(index);
        self
    }
}

impl fmt::Debug for ErrorDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text isn't redacted yet.
        let ErrorDetails { name, class, text: _, chunk } = self;
        f.debug_struct("ErrorDetails")
            .field("name", name)
            .field("class", class)
            .field("chunk", chunk)
            .finish_non_exhaustive()
    }
}

/// Asks the driver's closure for the details, and redacts them. `None` when it panics, which is counted.
pub(crate) fn describe(client: &Client, details: impl FnOnce() -> ErrorDetails) -> Option<ErrorInfo> {
    let Some(details) = catch_panic(details) else {
        client.refuse(Refusal::Panicked, 1);
        return None;
    };
    let ErrorDetails { name, class, text, chunk } = details;
    let text = (!text.0.is_empty()).then(|| client.text.admit(&text.0)).flatten();
    Some(ErrorInfo { name, class, chunk, text })
}

/// A text that stops growing once it is longer than what will be looked at.
#[derive(Default)]
struct Bounded(String);

impl Bounded {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        // An error says that the text is long enough, or that its formatter failed half-way; both leave what is there.
        let _ = self.write_fmt(text);
    }
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // A little longer than what is looked at, so that the cut is seen to be one.
        let room = (LOOK_BYTES + 16).saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        self.0.push_str(&text[..end]);
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_end_is_cut_while_it_is_written() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("é and so on ")?;
                }
            }
        }
        let details = ErrorDetails::new("E").message(Endless).stack("more");
        assert!(details.text.0.len() <= LOOK_BYTES + 32);
    }

    #[test]
    fn debug_does_not_show_the_text() {
        let shown = format!("{:?}", ErrorDetails::new("E").message("canary"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
