//! Where a value starts and ends, however it is written.

use std::ops::Range;

use super::scan::{
    LOOK_AHEAD, before, blanks, boundary, find, goes_on, is_quote, is_word, line_end, skip, spaces,
};

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
pub(super) fn value(text: &str, at: usize, sign: Sign, place: Place) -> Option<Value> {
    let bytes = text.as_bytes();
    let at = past_wrapping(text, past_tag(bytes, at, sign));
    match bytes.get(at).copied()? {
        quote if is_quote(quote) => quoted(text, at),
        b'{' if sign == Sign::Equals => braced(text, at),
        b'{' => None,
        b'[' => bracketed(text, at, b']'),
        b'(' => bracketed(text, at, b')'),
        b'<' if goes_on(bytes, at, "<<") => heredoc(text, at),
        b'<' => bracketed(text, at, b'>'),
        b'|' | b'>' if sign == Sign::Colon => block(text, at),
        _ => bare(text, at, place),
    }
}

/// Past a tag or an anchor of YAML: `!!str x`, `&anchor x`.
fn past_tag(bytes: &[u8], at: usize, sign: Sign) -> usize {
    if sign == Sign::Equals || !matches!(bytes.get(at), Some(b'!' | b'&')) {
        return at;
    }
    let tag =
        skip(bytes, at, |byte| is_word(byte) || matches!(byte, b'!' | b'&' | b':' | b'/' | b'.' | b'-'));
    let after = blanks(bytes, tag);
    if after > tag { after } else { at }
}

/// Past what stands before a quote: `b"`, `u'`, `N'`, `@"`, `Some("`, `Secret::new(value="`, `(string) (len=14) "`, `string(7) "`. Where no
/// quote follows in the end, nothing is wrapping.
fn past_wrapping(text: &str, at: usize) -> usize {
    const DEEPEST: usize = 4;
    const LONGEST: usize = 24;
    let bytes = text.as_bytes();
    let is_name = |byte: u8| is_word(byte) || matches!(byte, b':' | b'@' | b'$' | b'.' | b'&');
    let mut here = at;
    for _ in 0..DEEPEST {
        let after = skip(&bytes[..bytes.len().min(here + LONGEST)], here, is_name);
        let next = match bytes.get(after) {
            Some(quote) if is_quote(*quote) && after - here <= 2 => return after,
            // `value="`
            Some(b'=') if here > at && bytes.get(after + 1).copied().is_some_and(is_quote) => {
                return after + 1;
            }
            Some(b'=') if here > at => after + 1,
            Some(b'(') => {
                // A type in brackets is passed over, a call is entered.
                let inside = &bytes[after..bytes.len().min(after + LONGEST)];
                let close = inside
                    .iter()
                    .position(|byte| *byte == b')' || is_quote(*byte))
                    .map(|close| after + close);
                match close.filter(|close| bytes[*close] == b')') {
                    Some(close) if bytes.get(close + 1) == Some(&b' ') => close + 2,
                    _ => spaces(bytes, after + 1),
                }
            }
            // `ClientSecret { inner: "`
            Some(b' ') if after > here && bytes.get(after + 1) == Some(&b'{') => {
                let inside = &bytes[after + 2..bytes.len().min(after + 2 + LONGEST)];
                let quote = inside
                    .iter()
                    .position(|byte| is_quote(*byte) || *byte == b'}')
                    .map(|quote| after + 2 + quote);
                return quote.filter(|quote| is_quote(bytes[*quote])).unwrap_or(at);
            }
            _ => return at,
        };
        here = next;
    }
    at
}

/// What stands in quotes. Escaped and doubled ones don't end it; where nothing does, it goes to the end of the line.
pub(super) fn quoted(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let quote = bytes[at];
    if bytes[at..].starts_with(&[quote; 3]) && bytes.get(at + 3).is_some_and(|next| *next != quote) {
        let far = boundary(text, bytes.len().min(at + LOOK_AHEAD));
        let end = text[at + 3..far].find(&text[at..at + 3]).map_or(far, |end| at + 3 + end);
        return Value::new(at + 3..end, bytes.len().min(end + 3), true);
    }
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

pub(super) fn bracketed(text: &str, at: usize, close: u8) -> Option<Value> {
    let bytes = text.as_bytes();
    let (mut depth, mut end) = (0usize, at);
    let last = boundary(text, bytes.len().min(at + LOOK_AHEAD));
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

/// `<<EOT`, and the lines up to `EOT`.
fn heredoc(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let name = skip(bytes, at, |byte| matches!(byte, b'<' | b'-' | b'~' | b'"' | b'\''));
    let name_end = skip(bytes, name, is_word);
    let first = line_end(bytes, name_end);
    if name_end == name {
        return None;
    }
    let far = boundary(text, bytes.len().min(first + LOOK_AHEAD));
    let end = text[first..far].find(&text[name..name_end]).map_or(far, |end| first + end);
    Value::new(spaces(bytes, first).min(end)..end, end, true)
}

/// A YAML block: the lines that follow and are indented.
fn block(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let first = line_end(bytes, at);
    // More than an indicator: not a block.
    if first > at + 3 {
        return bare(text, at, Place::Text);
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

/// What a bare value stands in, and so where it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among other words: at white space or what delimits.
    Text,
    /// Among other words that assign nothing.
    Word,
    /// Between semicolons.
    Semicolons,
    /// On a line of its own: at white space alone.
    Environment,
    /// After the key that a line of YAML starts with: at the line's end, if it holds no more than a few words.
    Line,
    /// Between braces, as a map is printed: at the next key, or the brace.
    Map,
}

/// A bare value: to white space or what delimits; in a connection string to its semicolon, white space and all.
fn bare(text: &str, at: usize, place: Place) -> Option<Value> {
    let bytes = text.as_bytes();
    let known = match place {
        Place::Line => few_words(text, at),
        Place::Map => to_next_key(bytes, at),
        Place::Environment => Some(skip(bytes, at, |byte| !byte.is_ascii_whitespace() && !is_quote(byte))),
        Place::Text => to_semicolon(bytes, at, false),
        // The last attribute, of a few words, at the line's end.
        Place::Semicolons => to_semicolon(bytes, at, true).or_else(|| few_words(text, at)),
        Place::Word => None,
    };
    if let Some(end) = known {
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
            // libpq escapes its spaces.
            b' ' => before(bytes, end) != Some(b'\\'),
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
    key > 0 && (matches!(bytes.get(at + key), Some(b'=' | b':')) || goes_on(bytes, at + key, ">"))
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

/// The end of a line of a few words, without a comment; none for a sentence.
fn few_words(text: &str, at: usize) -> Option<usize> {
    const MOST: usize = 4;
    let line = &text[at..line_end(text.as_bytes(), at)];
    let value = line.split(" #").next()?.trim_end();
    let words = value.split_whitespace().count();
    let is_sentence = value.contains([',', ';', '(', '"', '\'', '{', '['])
        || value.ends_with(['.', ':'])
        || value.contains(": ");
    ((2..=MOST).contains(&words) && !is_sentence).then_some(at + value.len())
}

/// Where the next key of a printed map starts, or the map ends: `{password=my secret, user=x}`.
fn to_next_key(bytes: &[u8], at: usize) -> Option<usize> {
    const LONGEST: usize = 128;
    let end = bytes.len().min(at + LONGEST);
    (at..end).take_while(|at| bytes[*at] != b'\n' && !is_quote(bytes[*at])).find(|at| match bytes[*at] {
        b',' => key_follows(bytes, blanks(bytes, at + 1)),
        b'}' | b')' => true,
        _ => false,
    })
}
