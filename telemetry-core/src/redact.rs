//! Takes secrets out of free text.

use std::borrow::Cow;

/// Placeholder until the rules stand.
pub fn redact(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text)
}

pub(crate) fn warm_up() {}
pub(crate) fn field(text: &str) -> Option<String> {
    Some(redact(text).into_owned())
}
pub(crate) fn base_name(text: &str) -> Option<String> {
    text.rsplit(['/', '\\']).next().and_then(field)
}
pub(crate) fn url_without_query(text: &str) -> Option<String> {
    text.split(['?', '#']).next().and_then(field)
}
pub(crate) fn bare_host(text: &str) -> Option<String> {
    field(text)
}
pub(crate) fn error_name(text: &str) -> Option<String> {
    field(text)
}
