//! What text may leave: of foreign text, only words that are known to be harmless.

pub(crate) mod error_text;
pub(crate) mod fields;
mod frames;
pub(crate) mod message;
pub(crate) mod vocabulary;
mod words;

pub use error_text::{ErrorText, MAX_TEXT_CHARS};
pub use message::sanitize;
