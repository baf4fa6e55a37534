//! What a field that isn't free text may hold.

use std::net::IpAddr;

use super::{MARK, redact};

/// The longest value of a field, in characters.
const MAX_FIELD_CHARS: usize = 256;

/// The longest name of an error, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Any text: on one line, redacted and cut. An empty one is none.
pub(crate) fn field(text: &str) -> Option<String> {
    let text = look(text);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut text = redact(text.trim()).into_owned();
    if let Some((end, _)) = text.char_indices().nth(MAX_FIELD_CHARS) {
        text.truncate(end);
    }
    (!text.is_empty()).then_some(text)
}

/// What is looked at of a field: a little more than can be kept, so that what is cut is no half of a secret.
fn look(text: &str) -> &str {
    const LOOK_CHARS: usize = 4 * MAX_FIELD_CHARS;
    match text.char_indices().nth(LOOK_CHARS) {
        // What was torn goes.
        Some((end, _)) => text[..end].rfind(char::is_whitespace).map_or("", |torn| &text[..torn]),
        None => text,
    }
}

/// The name of a file or a program, without its directories and without arguments.
pub(crate) fn base_name(text: &str) -> Option<String> {
    let program = [" -", " /", " \"", " '"].iter().filter_map(|argument| text.find(argument)).min();
    let program = program.map_or(text, |end| &text[..end]);
    field(program.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next()?)
}

/// A URL or a path of one, without user, query and fragment.
pub(crate) fn url_without_query(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.split(['?', '#']).next()?;
    let without_user = match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next()?;
            format!("{scheme}://{host}{path}")
        }
        None => text.to_owned(),
    };
    field(&without_user)
}

/// The bare name of a host: no scheme, user, port or path, and no address, except this machine's own. A leading `*.` or `.` stays, as
/// lists of hosts have it. Anything else is none.
pub(crate) fn bare_host(text: &str) -> Option<String> {
    const LONGEST: usize = 253;
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next()?;
    let text = text.rsplit('@').next()?;
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.is_loopback().then(|| address.to_string());
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*');
    if name.is_empty() || name.len() > LONGEST || !name.bytes().all(is_name) {
        return None;
    }
    field(name).filter(|redacted| !redacted.contains(MARK)).map(|name| name.to_ascii_lowercase())
}

/// The name of an error: an identifier, as classes and codes are.
pub(crate) fn error_name(text: &str) -> Option<String> {
    let name = text.trim();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._:$-".contains(&byte);
    let fits = !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_name);
    (fits && redact(name) == name).then(|| name.to_owned())
}
