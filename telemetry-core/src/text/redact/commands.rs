//! Arguments of programs that take secrets without naming them.

use super::Gone;
use super::scan::{LOOK_AHEAD, before, blanks, boundary, is_quote, skip, word};
use super::values::{Place, Sign, Value, bracketed, quoted, value};

/// Takes what a word of a command line gives away; the place after it.
pub(super) fn argument(text: &str, start: usize, end: usize, gone: &mut Gone) -> Option<usize> {
    short_option(text, start, end, gone).or_else(|| positional(text, start, end, gone))
}

/// `-u user:password`, `-p password`, `-psecret`.
fn short_option(text: &str, start: usize, end: usize, gone: &mut Gone) -> Option<usize> {
    let bytes = text.as_bytes();
    let dash = start.checked_sub(1).filter(|at| bytes[*at] == b'-')?;
    if before(bytes, dash).is_some_and(|last| !last.is_ascii_whitespace() && !is_quote(last)) {
        return None;
    }
    let letter = bytes[start];
    let of_redis = || letter == b'a' && line_before(text, start).contains("redis-cli");
    if !matches!(letter, b'u' | b'U' | b'p' | b'P' | b'w') && !of_redis() {
        return None;
    }
    if end == start + 1 {
        let in_quotes = before(bytes, dash).is_some_and(is_quote);
        let at = if in_quotes {
            skip(bytes, end, |byte| matches!(byte, b',' | b' ' | b'"' | b'\''))
        } else {
            blanks(bytes, end)
        };
        let found =
            (at > end).then(|| if in_quotes { quoted(text, at - 1) } else { shell_word(text, at) })??;
        let shown = &text[found.range.clone()];
        let is_port = shown.len() <= 5 && shown.bytes().all(|byte| byte.is_ascii_digit());
        if shown.starts_with(['-', '/', '.']) || (is_port && letter != b'u') || is_mapping(shown) {
            return None;
        }
        gone.push(found.range);
        return Some(found.next);
    }
    // `-pSecret` as mysql has it; `-path` and `-port` are other options.
    let found = shell_word(text, start + 1)?;
    let attached = &text[found.range.clone()];
    let of_mysql = letter == b'p' && line_before(text, start).contains("mysql");
    let ordinary =
        !of_mysql && attached.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'=');
    if !matches!(letter, b'p' | b'P' | b'u' | b'a') || ordinary || attached.contains('=') {
        return None;
    }
    gone.push(found.range);
    Some(found.next)
}

/// A word as a shell reads it.
fn shell_word(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    if bytes.get(at).copied().is_some_and(is_quote) {
        return quoted(text, at);
    }
    let end = skip(bytes, at, |byte| {
        !byte.is_ascii_whitespace() && !is_quote(byte) && !matches!(byte, b',' | b')' | b']')
    });
    (end > at).then_some(Value { range: at..end, next: end, quoted: false })
}

/// `sqlplus user/password`, `user/password as sysdba`, `AUTH user password`, and what MySQL sets up with.
fn positional(text: &str, start: usize, end: usize, gone: &mut Gone) -> Option<usize> {
    let bytes = text.as_bytes();
    match &text[start..end] {
        "sqlplus" | "sqlldr" | "impdp" | "expdp" | "rman" => {
            let at = skip(bytes, end, |byte| byte == b' ' || byte == b'-' || byte == b'L' || byte == b'S');
            let found = shell_word(text, at)?;
            let shown = &text[found.range.clone()];
            let user_end = shown.find('@').unwrap_or(shown.len());
            shown[..user_end].contains('/').then(|| {
                gone.push(found.range.start..found.range.start + user_end);
                found.next
            })
        }
        "AUTH" => {
            let first = shell_word(text, blanks(bytes, end))?;
            if !line_before(text, start).to_ascii_lowercase().contains("redis") {
                return None;
            }
            gone.push(first.range);
            let second = blanks(bytes, first.next);
            match shell_word(text, second).filter(|_| second > first.next) {
                Some(second) => {
                    gone.push(second.range);
                    Some(second.next)
                }
                None => Some(first.next),
            }
        }
        // PHP's stacks show what was passed.
        "__construct" if bytes.get(end) == Some(&b'(') => {
            let found = bracketed(text, end, b')')?;
            gone.push(found.range);
            Some(found.next)
        }
        "generated" => {
            let lead = line_before(text, start).to_ascii_lowercase();
            let is_password = lead.contains("password");
            let line = bytes.len().min(end + 80);
            let colon = text[end..boundary(text, line)].find(": ").filter(|_| is_password)?;
            let found = value(text, end + colon + 2, Sign::Equals, Place::Environment)?;
            gone.push(found.range);
            Some(found.next)
        }
        _ => word(bytes, blanks(bytes, end), "as sysdba").and_then(|next| {
            before(bytes, start).filter(|byte| *byte == b'/')?;
            let user = bytes[..start - 1].iter().rev().take(64);
            let user = user.take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            gone.push(start - 1 - user..end);
            Some(next)
        }),
    }
}

/// The line up to a place, as far as a rule looks.
pub(super) fn line_before(text: &str, at: usize) -> &str {
    let from = boundary(text, at.saturating_sub(LOOK_AHEAD / 16));
    text[from..at].rsplit('\n').next().unwrap_or_default()
}

/// Ports as containers map them: `8080:80`.
fn is_mapping(shown: &str) -> bool {
    shown.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}
