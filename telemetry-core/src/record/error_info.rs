//! What went wrong, as a record carries it.

use std::fmt;

use crate::fault::ErrorClass;
use crate::text::error_text::ErrorText;
use crate::text::fields::field;

/// What went wrong.
#[derive(Clone)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct ErrorInfo {
    /// The error's name or class, such as `TABLE_OR_VIEW_NOT_FOUND`.
    pub name: String,
    /// Its class.
    pub class: ErrorClass,
    /// The chunk it is about, counted from 0.
    pub chunk: Option<u32>,
    /// Its message and stack, redacted and cut. `None` when there is none, or when as much text is held as may be.
    pub text: Option<ErrorText>,
}

impl fmt::Debug for ErrorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorInfo { name, class, chunk, text } = self;
        f.debug_struct("ErrorInfo")
            .field("name", &field(name).unwrap_or_default())
            .field("class", class)
            .field("chunk", chunk)
            .field("text", text)
            .finish()
    }
}
