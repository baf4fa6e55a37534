//! What text may leave.

pub(crate) mod error_text;
pub(crate) mod redact;

pub use error_text::{ErrorText, MAX_TEXT_CHARS};
pub use redact::redact;
