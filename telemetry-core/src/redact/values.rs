//! Where a value starts and ends, however it is written.

use std::ops::Range;

use super::scan::{blanks, boundary, find, is_quote, is_word, line_end, skip, spaces};

/// A value: the part that goes, and where reading goes on.
pub(super) struct Value {
    pub(super) range: Range<usize>,
    pub(super) next: usize,
    pub(super) quoted: bool,
}

impl Value {
    fn new(range: Range<usize>, next: usize, quoted: bool) -> Option<Value> {
        (!range.is_empty()).then_some(Value { range, next, quoted })
    }
}

/// What was assigned with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equals,
    Colon,
}

/// The value at a place: quoted, in brackets, or bare. Nested objects are none: their own keys say what is in them.
pub(super) fn value(text: &str, at: usize, sign: Sign, after_semicolon: bool) -> Option<Value> {
    let bytes = text.as_bytes();
    let at = past_wrapping(bytes, at);
    match bytes.get(at).copied()? {
        quote if is_quote(quote) => quoted(text, at),
        b'{' if sign == Sign::Equals => braced(text, at),
        b'{' => None,
        b'[' => bracketed(text, at, b']'),
        b'(' => bracketed(text, at, b')'),
        b'<' => bracketed(text, at, b'>'),
        b'|' | b'>' if sign == Sign::Colon => block(text, at),
        _ => bare(text, at, after_semicolon),
    }
}

/// Past what stands before a quote: `b"`, `u'`, `N'`, `@"`, `Some("`, `Secret::new("`.
fn past_wrapping(bytes: &[u8], at: usize) -> usize {
    const LONGEST: usize = 24;
    let end = bytes.len().min(at + LONGEST);
    let name = bytes[at..end]
        .iter()
        .take_while(|byte| is_word(**byte) || matches!(byte, b':' | b'@' | b'$'))
        .count();
    let after = at + name;
    match (bytes.get(after), bytes.get(after + 1)) {
        (Some(quote), _) if is_quote(*quote) && name <= 2 => after,
        (Some(b'('), Some(quote)) if is_quote(*quote) && name > 0 => after + 1,
        _ => at,
    }
}

/// What stands in quotes. Escaped and doubled ones don't end it; where nothing does, it goes to the end of the line.
pub(super) fn quoted(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let quote = bytes[at];
    let start = at + 1;
    let mut from = start;
    while let Some(end) = find(bytes, from, |byte| byte == quote) {
        let escapes = bytes[start..end].iter().rev().take_while(|byte| **byte == b'\\').count();
        if escapes % 2 == 1 {
            from = end + 1;
        } else if end > start
            && bytes.get(end + 1) == Some(&quote)
            && bytes.get(end + 2).copied().is_some_and(is_word)
        {
            from = end + 2;
        } else {
            return Value::new(start..end, end + 1, true);
        }
    }
    let end = line_end(bytes, start);
    Value::new(start..end, end, true)
}

/// `{…}` as ODBC has it, where `}}` is a brace of the value.
fn braced(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let mut from = at + 1;
    while let Some(end) = find(bytes, from, |byte| byte == b'}' || byte == b'\n') {
        if bytes[end] == b'\n' {
            return Value::new(at + 1..end, end, true);
        }
        if bytes.get(end + 1) == Some(&b'}') {
            from = end + 2;
        } else {
            return Value::new(at + 1..end, end + 1, true);
        }
    }
    let end = line_end(bytes, at);
    Value::new(at + 1..end, end, true)
}

fn bracketed(text: &str, at: usize, close: u8) -> Option<Value> {
    let bytes = text.as_bytes();
    let (mut depth, mut end) = (0usize, at);
    let last = boundary(text, bytes.len().min(at + super::scan::LOOK_AHEAD));
    while end < last {
        match bytes[end] {
            byte if byte == bytes[at] => depth += 1,
            byte if byte == close => {
                depth -= 1;
                if depth == 0 {
                    return Value::new(at + 1..end, end + 1, true);
                }
            }
            quote if is_quote(quote) => {
                if let Some(inner) = quoted(text, end).filter(|inner| inner.next <= last) {
                    end = inner.next;
                    continue;
                }
            }
            _ => {}
        }
        end += 1;
    }
    let end = line_end(bytes, at + 1);
    Value::new(at + 1..end, end, true)
}

/// A YAML block: the lines that follow and are indented.
fn block(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let first = line_end(bytes, at);
    // More than an indicator: not a block.
    if first > at + 3 {
        return bare(text, at, false);
    }
    let start = spaces(bytes, first);
    let indented = start > first && bytes[start - 1] == b' ';
    let mut end = line_end(bytes, start);
    while indented && end < bytes.len() {
        let next = skip(bytes, end, |byte| byte == b'\n' || byte == b'\r');
        if !matches!(bytes.get(next), Some(b' ' | b'\t')) {
            break;
        }
        end = line_end(bytes, next);
    }
    Value::new(start..end, end, true)
}

/// A bare value: to white space or what delimits; in a connection string to its semicolon, white space and all.
fn bare(text: &str, at: usize, after_semicolon: bool) -> Option<Value> {
    let bytes = text.as_bytes();
    if let Some(end) = to_semicolon(bytes, at, after_semicolon) {
        return Value::new(at..end, end, false);
    }
    let mut end = at;
    while let Some(byte) = bytes.get(end).copied() {
        let next = bytes.get(end + 1).copied();
        let over = match byte {
            b';' | b'&' | b'<' | b'>' | b'|' => true,
            // A value may hold a comma: one before white space, a quote or another key is no part of it.
            b',' => {
                next.is_none_or(|next| next.is_ascii_whitespace() || is_quote(next))
                    || key_follows(bytes, end + 1)
            }
            b')' | b']' | b'}' => next.is_none_or(|next| !is_word(next)),
            byte => byte.is_ascii_whitespace() || is_quote(byte),
        };
        if over {
            break;
        }
        end += 1;
    }
    // A sentence's end, and a colon after which prose goes on.
    while end > at && matches!(bytes[end - 1], b'.' | b':' | b',' | b'!' | b'?') && end - at > 1 {
        end -= 1;
    }
    Value::new(at..end, end, false)
}

fn key_follows(bytes: &[u8], at: usize) -> bool {
    const LONGEST: usize = 40;
    let end = bytes.len().min(at + LONGEST);
    let key = bytes[at..end]
        .iter()
        .take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b'-' | b' '))
        .count();
    key > 0 && matches!(bytes.get(at + key), Some(b'=' | b':'))
}

/// In a connection string, where the value is followed by `;` and another key, or stands between semicolons.
fn to_semicolon(bytes: &[u8], at: usize, after_semicolon: bool) -> Option<usize> {
    const LONGEST: usize = 256;
    let end = bytes.len().min(at + LONGEST);
    let ends = |byte: &u8| matches!(byte, b';' | b'\n' | b'\r' | b'"') || (*byte == b'&' && !after_semicolon);
    let length = bytes[at..end].iter().position(ends)?;
    let end = at + length;
    let more = match bytes[end] {
        b';' => after_semicolon || key_follows(bytes, blanks(bytes, end + 1)),
        b'"' => after_semicolon,
        _ => false,
    };
    more.then_some(end)
}
