//! What text may leave: of foreign text, only words that are known to be harmless; an author's own templates
//! as they are.

mod atoms;
mod bytes;
pub(crate) mod error_text;
pub(crate) mod fields;
mod frames;
pub(crate) mod message;
mod render;
pub(crate) mod rules;
pub(crate) mod sqlstate;
pub(crate) mod template;
mod tokens;
mod vocabulary;
mod words;

pub use crate::config::{TEXT_LEVEL_VARIABLE, TextLevel};
pub use error_text::{ErrorText, MAX_TEXT_CHARS};
pub use sqlstate::SqlState;
pub use template::Fact;

/// What of a foreign text may leave: words of the vocabulary, short numbers, and the frames of known
/// packages. Everything else is `***`, neighbours in one.
///
/// It never panics, and takes time in proportion to the text. What it gave is given back unchanged, but for
/// rare text of which what is left reads as something else.
///
/// ```
/// use telemetry_core::text::sanitize;
///
/// assert_eq!(sanitize("connection to db.acme.example failed twice"), "connection to *** failed twice");
/// assert_eq!(sanitize("[TABLE_NOT_FOUND] SQLSTATE: 42P01"), "[TABLE_NOT_FOUND] SQLSTATE: 42P01");
/// assert_eq!(sanitize("password=hunter2"), "password=***");
/// ```
pub fn sanitize(text: &str) -> String {
    message::sanitize(text, &rules::TextRules::default())
}
