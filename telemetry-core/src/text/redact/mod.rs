//! Takes secrets, and what says who somebody is, out of free text.
//!
//! Each rule looks at the whole text and says which parts must go; what any rule says goes. A text that is encoded (percent, JSON's or
//! HTML's escapes, one in another) is looked at again as what it decodes to, and what must go there goes where it stands, so that
//! no rule knows of encodings. Every rule walks forward alone, with bounded looks ahead: the time is linear in the text.
//!
//! What goes: the values of authorization headers and cookies, tokens by their shape (as gitleaks and the vendors' own documentation
//! have them), what looks drawn at random, the values of keys that name a secret or a person however they are assigned, user and
//! password in URLs, e-mail addresses, user names in paths, servers in UNC paths, IP addresses, and SQL with the data in it. What
//! is left of a part that goes is `***`.

mod beside;
mod blocks;
mod commands;
mod cookies;
mod fields;
mod headers;
mod keys;
mod looks;
mod names;
mod places;
mod prose;
mod scan;
mod sql;
mod tokens;
mod values;
mod view;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use fields::{bare_host, base_name, error_name, field, url_without_query};
pub(crate) use tokens::holds_token;
use view::View;

use crate::guard::panic::catch_panic;

/// What stands for what went.
pub(crate) const MARK: &str = "***";

/// What a rule says must go, in the text that it looked at.
type Gone = Vec<Range<usize>>;

/// How often a text is decoded: once, and what that gives again.
const MAX_LAYERS: usize = 3;

/// How often the result is looked at again, while that still finds something: what was next to a secret may read differently
/// without it.
const MAX_ROUNDS: usize = 4;

/// The text without secrets, each replaced by `***`.
///
/// ```
/// use telemetry_core::text::redact;
///
/// assert_eq!(redact("connect to host:443 failed: password=hunter2"), "connect to host:443 failed: password=***");
/// assert_eq!(redact("[TABLE_OR_VIEW_NOT_FOUND] SQLSTATE: 42P01"), "[TABLE_OR_VIEW_NOT_FOUND] SQLSTATE: 42P01");
/// ```
pub fn redact(text: &str) -> Cow<'_, str> {
    catch_panic(|| rounds(text)).unwrap_or(Cow::Borrowed(MARK))
}

/// Should a rule panic, the whole text goes.
fn rounds(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MAX_ROUNDS {
        match once(&text) {
            Some(redacted) => text = Cow::Owned(redacted),
            None => break,
        }
    }
    text
}

/// One round; `None` when nothing went.
fn once(text: &str) -> Option<String> {
    let mut gone = Gone::new();
    apply(text, &mut gone);
    let mut view = View::decode(text);
    for _ in 0..MAX_LAYERS {
        let Some(decoded) = view else { break };
        let mut gone_there = Gone::new();
        apply(decoded.text(), &mut gone_there);
        gone.extend(gone_there.into_iter().map(|range| decoded.origin(range)));
        view = decoded.decode_again();
    }
    render(text, gone).filter(|redacted| redacted != text)
}

fn apply(text: &str, gone: &mut Gone) {
    blocks::find(text, gone);
    keys::find(text, gone);
    tokens::find(text, gone);
    places::find(text, gone);
    sql::find(text, gone);
}

fn render(text: &str, mut gone: Gone) -> Option<String> {
    gone.retain(|range| !range.is_empty());
    if gone.is_empty() {
        return None;
    }
    gone.sort_unstable_by_key(|range| (range.start, range.end));
    let mut redacted = String::with_capacity(text.len());
    let mut end = 0;
    let mut marked_to = None;
    for range in gone {
        if range.end <= end {
            continue;
        }
        let start = range.start.max(end);
        redacted.push_str(&text[end..start]);
        // What overlaps or touches is one.
        if marked_to != Some(start) {
            redacted.push_str(MARK);
        }
        end = range.end;
        marked_to = Some(end);
    }
    redacted.push_str(&text[end..]);
    Some(redacted)
}

#[cfg(test)]
mod tests;
