//! What the rules read text with.

/// How far a rule looks ahead, in bytes.
pub(super) const LOOK_AHEAD: usize = 2048;

/// A letter, a digit or an underscore, of ASCII.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What tokens and base64, plain or for URLs, are made of.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-.~".contains(&byte)
}

/// A quote of any kind.
pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// The byte before a place.
pub(super) fn before(bytes: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).map(|at| bytes[at])
}

/// The first place from `at` on whose byte isn't such.
pub(super) fn skip(bytes: &[u8], at: usize, such: impl Fn(u8) -> bool) -> usize {
    bytes[at..].iter().position(|byte| !such(*byte)).map_or(bytes.len(), |length| at + length)
}

/// The first place from `at` on, within the look-ahead, whose byte is such.
pub(super) fn find(bytes: &[u8], at: usize, such: impl Fn(u8) -> bool) -> Option<usize> {
    let end = bytes.len().min(at + LOOK_AHEAD);
    bytes[at..end].iter().position(|byte| such(*byte)).map(|length| at + length)
}

/// Past spaces and tabs.
pub(super) fn blanks(bytes: &[u8], at: usize) -> usize {
    skip(bytes, at, |byte| byte == b' ' || byte == b'\t')
}

/// Past white space, with line breaks.
pub(super) fn spaces(bytes: &[u8], at: usize) -> usize {
    skip(bytes, at, |byte| byte.is_ascii_whitespace())
}

/// The end of the line that `at` is in.
pub(super) fn line_end(bytes: &[u8], at: usize) -> usize {
    skip(bytes, at, |byte| byte != b'\n' && byte != b'\r')
}

/// Whether the text goes on with this, in any case.
pub(super) fn goes_on(bytes: &[u8], at: usize, with: &str) -> bool {
    bytes.get(at..at + with.len()).is_some_and(|there| there.eq_ignore_ascii_case(with.as_bytes()))
}

/// The place past a word, if the text goes on with it, in any case and as a whole.
pub(super) fn word(bytes: &[u8], at: usize, word: &str) -> Option<usize> {
    let end = at + word.len();
    (goes_on(bytes, at, word) && !bytes.get(end).copied().is_some_and(is_word)).then_some(end)
}

/// The next place from `at` on that a text may be cut at.
pub(super) fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}
