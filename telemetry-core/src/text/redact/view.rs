//! Encoded text, decoded, with the way back.

use std::ops::Range;

/// A text as it decodes, and where each byte of that came from.
pub(super) struct View {
    text: String,
    /// For each byte of `text`, and one past its end, the place in the original.
    origin: Vec<usize>,
}

impl View {
    /// Decodes one layer of escapes; `None` where there are none.
    pub(super) fn decode(text: &str) -> Option<View> {
        decode(text, |at| at)
    }

    /// Decodes another layer.
    pub(super) fn decode_again(&self) -> Option<View> {
        decode(&self.text, |at| self.origin[at])
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where a part of the decoded text stands in the original.
    pub(super) fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.origin[range.start]..self.origin[range.end]
    }
}

fn decode(text: &str, origin_of: impl Fn(usize) -> usize) -> Option<View> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&' | 0x1b)) {
        return None;
    }
    let mut view =
        View { text: String::with_capacity(text.len()), origin: Vec::with_capacity(text.len() + 1) };
    let mut changed = false;
    let mut at = 0;
    while at < bytes.len() {
        let escape = match bytes[at] {
            b'%' => percent(&bytes[at..]),
            b'\\' => backslash(&bytes[at..]),
            b'&' => entity(&bytes[at..]),
            0x1b => {
                // A terminal's colours are nothing.
                if let Some(length) = colour(&bytes[at..]) {
                    changed = true;
                    at += length;
                    continue;
                }
                None
            }
            _ => None,
        };
        let (character, length) = match escape {
            Some((byte, length)) => {
                changed = true;
                (char::from(byte), length)
            }
            None => {
                let character = text[at..].chars().next()?;
                (character, character.len_utf8())
            }
        };
        view.origin.extend(std::iter::repeat_n(origin_of(at), character.len_utf8()));
        view.text.push(character);
        at += length;
    }
    view.origin.push(origin_of(bytes.len()));
    changed.then_some(view)
}

/// `%3D`, for what is ASCII and printable, or white space.
fn percent(bytes: &[u8]) -> Option<(u8, usize)> {
    let byte = hex(bytes.get(1..3)?)?;
    plain(byte).map(|byte| (byte, 3))
}

/// A run of backslashes and what it escapes: a quote, a slash, white space, a character by number, or half as many backslashes.
fn backslash(bytes: &[u8]) -> Option<(u8, usize)> {
    /// Longer runs are nobody's escapes.
    const LONGEST: usize = 16;
    let run = bytes.iter().take(LONGEST).take_while(|byte| **byte == b'\\').count();
    match bytes.get(run).copied() {
        Some(quote @ (b'"' | b'\'' | b'/' | b'`')) => Some((quote, run + 1)),
        Some(b'n' | b'r') => Some((b'\n', run + 1)),
        Some(b't') => Some((b'\t', run + 1)),
        Some(b'u') if let Some(byte) = unicode(&bytes[run + 1..]) => Some((byte, run + 5)),
        Some(b'x') if let Some(byte) = bytes.get(run + 1..run + 3).and_then(hex).and_then(plain) => {
            Some((byte, run + 3))
        }
        _ if run >= 2 => Some((b'\\', 2)),
        _ => None,
    }
}

fn unicode(digits: &[u8]) -> Option<u8> {
    if digits.get(..2)? != b"00" {
        return None;
    }
    digits.get(2..4).and_then(hex).and_then(plain)
}

/// `&quot;`, `&#61;`, `&#x3D;`.
fn entity(bytes: &[u8]) -> Option<(u8, usize)> {
    const NAMED: [(&str, u8); 5] =
        [("quot", b'"'), ("apos", b'\''), ("amp", b'&'), ("lt", b'<'), ("gt", b'>')];
    const LONGEST: usize = 8;
    let end = bytes.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&bytes[1..end]).ok()?;
    let byte = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        }
        .and_then(plain),
        None => NAMED.iter().find(|(known, _)| *known == name).map(|(_, byte)| *byte),
    };
    byte.map(|byte| (byte, end + 1))
}

/// The length of an escape sequence such as `ESC [ 1 ; 31 m`.
fn colour(bytes: &[u8]) -> Option<usize> {
    const LONGEST: usize = 16;
    if bytes.get(1) != Some(&b'[') {
        return None;
    }
    let end = bytes.iter().take(LONGEST).skip(2).position(u8::is_ascii_alphabetic)?;
    Some(end + 3)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

fn plain(byte: u8) -> Option<u8> {
    (byte.is_ascii_graphic() || byte.is_ascii_whitespace()).then_some(byte)
}
