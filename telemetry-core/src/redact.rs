//! Takes secrets out of free text.

use std::borrow::Cow;

/// Placeholder until the rules stand.
pub fn redact(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}
