//! Cookies: their values go, their names and what is said about them stay.

use super::Gone;
use super::looks::looks_secret;
use super::scan::{LOOK_AHEAD, blanks, boundary, find as find_byte, is_quote, is_word, skip};
use super::values::quoted;

/// What is said about a cookie, and isn't its value.
const ABOUT: [&str; 8] =
    ["path", "domain", "expires", "max-age", "samesite", "version", "priority", "comment"];

/// Takes the values of cookies: of a header's line, or of a list or mapping of them; the place after them.
pub(super) fn cookies(text: &str, at: usize, gone: &mut Gone) -> usize {
    let bytes = text.as_bytes();
    let mut start = blanks(bytes, at);
    // `<SimpleCookie: a='…'>`
    if bytes.get(start) == Some(&b'<') {
        start = find_byte(bytes, start, |byte| byte == b':' || byte == b'\n')
            .map_or(start, |colon| blanks(bytes, colon + 1));
    }
    let close = match bytes.get(start) {
        Some(b'[') => Some(b']'),
        Some(b'{') => Some(b'}'),
        Some(b'(') => Some(b')'),
        _ => None,
    };
    let last = boundary(text, bytes.len().min(start + LOOK_AHEAD));
    let end = match close {
        Some(close) => find_byte(bytes, start, |byte| byte == close).unwrap_or(last),
        None => match bytes.get(start) {
            // The header stands in quotes.
            Some(quote) if is_quote(*quote) => quoted(text, start).map_or(start, |inside| inside.next),
            _ => find_byte(bytes, start, |byte| byte == b'\n' || byte == b'\r').unwrap_or(last),
        },
    };
    let mut at = start;
    let mut any = false;
    while at < end {
        let name_end = skip(bytes, at, is_name).min(end);
        if name_end == at {
            at += 1;
            continue;
        }
        let sign = blanks(bytes, skip(bytes, name_end, is_quote));
        if !matches!(bytes.get(sign), Some(b'=' | b':')) || sign >= end {
            // A value without a name.
            if !any && looks_secret(&text[at..name_end]) {
                gone.push(at..name_end);
            }
            at = name_end;
            continue;
        }
        any = true;
        let value = blanks(bytes, sign + 1);
        let is_about = ABOUT.iter().any(|about| text[at..name_end].eq_ignore_ascii_case(about));
        let (range, next) = match bytes.get(value) {
            Some(quote) if is_quote(*quote) => match quoted(text, value) {
                Some(inside) => (inside.range, inside.next),
                None => (value..value, bytes.len().min(value + 2)),
            },
            _ => {
                let end = skip(bytes, value, |byte| {
                    !byte.is_ascii_whitespace() && !is_quote(byte) && !matches!(byte, b';' | b']' | b'}')
                });
                let end = value + text[value..end].trim_end_matches(',').len();
                (value..end, end)
            }
        };
        if !is_about {
            gone.push(range);
        }
        // A header's line ends its cookies with a word that is none.
        at = next.max(at + 1);
        let more = blanks(bytes, skip(bytes, at, is_quote));
        if close.is_none() && !is_about && !matches!(bytes.get(more), Some(b';' | b',')) {
            return at;
        }
    }
    end
}

fn is_name(byte: u8) -> bool {
    is_word(byte) || b"-.!#$%*^|~+".contains(&byte)
}
