//! What went wrong, as a record carries it.

use std::fmt;

use crate::fault::ErrorClass;
use crate::record::audience::viewed;
use crate::text::error_text::ErrorText;
use crate::text::fields::field;
use crate::text::sqlstate::SqlState;

viewed! {
    /// What went wrong.
    #[derive(Clone)]
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct ErrorInfo {
        /// The error's name or class, such as `TABLE_OR_VIEW_NOT_FOUND`.
        [everybody] pub name: String,
        /// Its class.
        [everybody] pub class: ErrorClass,
        /// The chunk it is about, counted from 0.
        [everybody] pub chunk: Option<u32>,
        /// The SQLSTATE that the service gave.
        [everybody] pub sqlstate: Option<SqlState>,
        /// The status of the HTTP answer that it came with.
        [everybody] pub http_status: Option<u16>,
        /// The number that the database gives it, such as MySQL's `1064`.
        [everybody] pub vendor_code: Option<i64>,
        /// Its message and stack, sanitized and cut. `None` when there is none, or when as much text is held
        /// as may be.
        [vendor customer] pub text: Option<ErrorText>,
    }
}

impl ErrorInfo {
    /// An error of which nothing else is known.
    pub fn new(name: impl Into<String>, class: ErrorClass) -> Self {
        ErrorInfo {
            name: name.into(),
            class,
            chunk: None,
            sqlstate: None,
            http_status: None,
            vendor_code: None,
            text: None,
        }
    }

    /// How many bytes it takes, without its text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        (size_of::<ErrorInfo>() + self.name.capacity()) as u64
    }
}

impl fmt::Debug for ErrorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ErrorInfo { name, class, chunk, sqlstate, http_status, vendor_code, text } = self;
        f.debug_struct("ErrorInfo")
            .field("name", &field(name).unwrap_or_default())
            .field("class", class)
            .field("chunk", chunk)
            .field("sqlstate", sqlstate)
            .field("http_status", http_status)
            .field("vendor_code", vendor_code)
            .field("text", text)
            .finish()
    }
}
