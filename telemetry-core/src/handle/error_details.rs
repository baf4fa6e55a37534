//! What a driver says of an error, described only while telemetry is on.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::client::Client;
use crate::fault::{ErrorClass, Fault, classify};
use crate::guard::own_work::log;
use crate::guard::panic::catch_panic;
use crate::handle::session_scope::ago;
use crate::ledger::Refusal;
use crate::pipeline::failure::Failure;
use crate::plugin::clock::Tick;
use crate::record::ErrorInfo;
use crate::record::trace_parent::TraceParent;
use crate::text::error_text::{ErrorText, LOOK_BYTES};
use crate::text::fields::error_name;
use crate::text::sqlstate::SqlState;
use crate::text::template::{Fact, fill};

/// A driver's error, as far as telemetry may know it: a name, a class, facts, and text.
///
/// Best is text of the driver's own, a [`template`](ErrorDetails::template), which travels as it is. Text
/// from elsewhere, a [`message`](ErrorDetails::message) or a [`stack`](ErrorDetails::stack), is held to the
/// allow-list of [`text`](crate::text).
///
/// Handles take it as a closure, so that while telemetry is off nothing is formatted.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{ErrorClass, ErrorDetails, Fault};
///
/// let details = ErrorDetails::new("CHUNK_TIMEOUT")
///     .fault(Fault::Timeout)
///     .template("chunk {} timed out after {}", &[&3, &Duration::from_secs(30)]);
/// # drop(details);
/// let details = ErrorDetails::new("TABLE_OR_VIEW_NOT_FOUND")
///     .class(ErrorClass::Terminal)
///     .sqlstate("42P01")
///     .message("[TABLE_OR_VIEW_NOT_FOUND] The table or view `main`.`x` cannot be found");
/// # drop(details);
/// ```
#[derive(Clone)]
pub struct ErrorDetails {
    /// What of it is known. It is in its box from the start, as its parts would be copied from hand to hand.
    failure: Box<Failure>,
    ago: Duration,
    own: String,
    foreign: Bounded,
    malformed: u64,
}

impl ErrorDetails {
    /// An error by its name or code, as classes and databases have them: `SQLException`, `std::io::Error`,
    /// `TABLE_OR_VIEW_NOT_FOUND`, `ORA-00942`, `1064 (42000)`; at most 128 characters. Anything else travels
    /// as `unnamed`, and is counted in [`Status::malformed_names`](crate::status::Status::malformed_names).
    /// Its class is [`ErrorClass::Unknown`].
    pub fn new(name: impl AsRef<str>) -> Self {
        let name = error_name(name.as_ref());
        let malformed = u64::from(name.is_none());
        let error = ErrorInfo::new(name.unwrap_or_else(|| "unnamed".to_owned()), ErrorClass::Unknown);
        ErrorDetails {
            failure: Box::new(Failure { at: Tick::ZERO, trace_parent: None, error }),
            ago: Duration::ZERO,
            own: String::new(),
            foreign: Bounded::default(),
            malformed,
        }
    }

    /// The same with the class that [`classify`] gives an HTTP status, an [`io::Error`](std::io::Error) or a
    /// [`Fault`].
    #[must_use]
    pub fn fault(self, fault: impl Into<Fault>) -> Self {
        self.class(classify(fault))
    }

    /// The same with its class: terminal errors are sent at once, all others with their statement.
    #[must_use]
    pub fn class(mut self, class: ErrorClass) -> Self {
        self.failure.error.class = class;
        self
    }

    /// The same with the chunk whose download failed, counted from 0.
    #[must_use]
    pub fn chunk(mut self, index: u32) -> Self {
        self.failure.error.chunk = Some(index);
        self
    }

    /// The same with its SQLSTATE: five capitals and digits. Anything else is left out, and counted as a
    /// malformed name is.
    #[must_use]
    pub fn sqlstate(mut self, sqlstate: impl AsRef<str>) -> Self {
        self.failure.error.sqlstate = SqlState::new(sqlstate.as_ref());
        self.malformed += u64::from(self.failure.error.sqlstate.is_none());
        self
    }

    /// The same with the status of the HTTP answer that it came with. Its class is said besides, by
    /// [`fault`](Self::fault) or [`class`](Self::class).
    #[must_use]
    pub fn http_status(mut self, status: u16) -> Self {
        self.failure.error.http_status = Some(status);
        self
    }

    /// The same with the number that the database gives it, such as MySQL's `1064`.
    #[must_use]
    pub fn vendor_code(mut self, code: i64) -> Self {
        self.failure.error.vendor_code = Some(code);
        self
    }

    /// The same with how long ago it happened, for a driver that tells of it later; a day at the most. Its
    /// record is dated by that. What failed of it ended then.
    #[must_use]
    pub fn ago(mut self, time: Duration) -> Self {
        self.ago = time;
        self
    }

    /// The same with the caller's span that it belongs under: the text of a `traceparent` header, a
    /// [`TraceParent`], or its ids and flags. What is none is left out, and counted as a malformed name is.
    /// For an error that stands alone; that of a statement or call belongs where that does.
    #[must_use]
    pub fn trace_parent(mut self, parent: impl TryInto<TraceParent>) -> Self {
        self.failure.trace_parent = parent.try_into().ok().map(Box::new);
        self.malformed += u64::from(self.failure.trace_parent.is_none());
        self
    }

    /// The same with text of the driver's own, in which each `{}` stands for the next fact. What is a
    /// constant of the program can't be a user's secret, so it travels as it is, before message and stack. A
    /// `{}` without a fact stays; a fact without a place is left out.
    #[must_use]
    pub fn template(mut self, template: &'static str, facts: &[&dyn Fact]) -> Self {
        if !self.own.is_empty() {
            self.own.push('\n');
        }
        fill(template, facts, &mut self.own);
        self
    }

    /// The same with its message. Of message and stack together, the first 16 KiB are looked at, and with the
    /// driver's own text 2,048 characters kept.
    #[must_use]
    pub fn message(mut self, message: impl fmt::Display) -> Self {
        self.foreign.add(format_args!("{message}"));
        self
    }

    /// The same with its stack or chain of causes, which follows the message.
    #[must_use]
    pub fn stack(mut self, stack: impl fmt::Display) -> Self {
        self.foreign.add(format_args!("{stack}"));
        self
    }
}

impl fmt::Debug for ErrorDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The foreign text isn't sanitized yet.
        let ErrorDetails { failure, ago, own, foreign: _, malformed: _ } = self;
        f.debug_struct("ErrorDetails")
            .field("info", &failure.error)
            .field("ago", ago)
            .field("trace_parent", &failure.trace_parent)
            .field("own", own)
            .finish_non_exhaustive()
    }
}

/// Asks the driver's closure for the details, and holds its text to the rules. `None` when it panics, which
/// is counted.
pub(crate) fn describe(client: &Client, details: impl FnOnce() -> ErrorDetails) -> Option<Box<Failure>> {
    let Some(mut details) = catch_panic(details) else {
        client.refuse(Refusal::Panicked, 1);
        log!(host = %client.host, "what describes an error panicked");
        return None;
    };
    client.count_malformed(details.malformed);
    let (own, foreign) = (&mut details.own, &details.foreign.0);
    if !own.is_empty() || !foreign.is_empty() {
        let text = ErrorText::admit(&client.memory, own, foreign, &client.plugins.text);
        details.failure.error.text = text;
    }
    details.failure.at = ago(client, details.ago);
    Some(details.failure)
}

/// A text that stops growing once it is longer than what will be looked at.
#[derive(Clone, Default)]
struct Bounded(String);

impl Bounded {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        // An error says that the text is long enough, or that its formatter failed half-way; both leave what
        // is there.
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
        assert!(details.foreign.0.len() <= LOOK_BYTES + 32);
    }

    #[test]
    fn debug_does_not_show_the_text() {
        let shown = format!("{:?}", ErrorDetails::new("E").message("canary"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
