//! A line cut into its atoms: white space, signs, words, numbers, what is quoted, and what is masked whatever
//! it says.

use crate::text::frames::is_public_name;
use crate::text::rules::TextRules;
use crate::text::vocabulary::{Class, class};
use crate::text::words::{Word, word};

/// What stands for what isn't kept.
pub(crate) const MARK: &str = "***";

/// What a part of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Space,
    /// One character of punctuation that keeps its place.
    Sign,
    Word,
    /// A short number, or a single letter: harmless alone, and a part of something beside another.
    Number,
    /// Between these quotes, which keep their place.
    Quoted(char, Option<char>),
    Masked,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'a> {
    pub(super) text: &'a str,
    pub(super) kind: Kind,
    /// What is known of a word, or of what stands in its place.
    pub(super) word: Word,
}

impl<'a> Atom<'a> {
    fn of(text: &'a str, kind: Kind) -> Self {
        Atom { text, kind, word: Word::default() }
    }
}

/// Counts the characters that are looked at, where tests count them.
pub(super) fn looked_at(_characters: usize) {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get() + _characters as u64));
}

#[cfg(test)]
thread_local! {
    pub(super) static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// What closes a quote.
fn closing(open: char) -> Option<char> {
    match open {
        '"' | '`' | '\'' => Some(open),
        '\u{201c}' | '\u{201e}' => Some('\u{201d}'),
        '\u{2018}' => Some('\u{2019}'),
        '\u{ab}' => Some('\u{bb}'),
        _ => None,
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Signs at which the inside of a token is parted.
fn parts_words(byte: u8) -> bool {
    matches!(byte, b':' | b',' | b';' | b'=' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>')
}

/// Signs that may stand before or behind a word.
fn may_edge(c: char) -> bool {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => {
            parts_words(byte) || matches!(byte, b'.' | b'!' | b'?' | b'-' | b'%' | b'#' | b'|')
        }
        _ => matches!(c, '\u{2026}' | '\u{2013}' | '\u{2014}' | '\u{2192}' | '\u{2022}'),
    }
}

/// What words, numbers and what parts them are made of. What has anything else in it (`@`, `\`, `$`, another
/// script) is a value.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || parts_words(byte) || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'\'')
}

/// Cuts a line into its atoms.
pub(super) fn cut<'a>(line: &'a str, rules: &TextRules, atoms: &mut Vec<Atom<'a>>) {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if is_space(first) {
            let behind = rest.trim_start_matches(is_space);
            atoms.push(Atom::of(before(rest, behind), Kind::Space));
            rest = behind;
        } else if let Some(close) = closing(first) {
            rest = quoted(rest, first, close, rules, atoms);
        } else {
            let (text, behind, is_word) = token_end(rest);
            if is_word {
                atoms.push(classified(text, rules));
            } else if text.contains('*') {
                for (number, piece) in text.split(MARK).enumerate() {
                    if number > 0 {
                        atoms.push(Atom::of(MARK, Kind::Masked));
                    }
                    token(piece, rules, atoms);
                }
            } else {
                token(text, rules, atoms);
            }
            rest = behind;
        }
    }
}

/// What of a text stands before its end `behind`.
fn before<'a>(text: &'a str, behind: &str) -> &'a str {
    let before = text.len().checked_sub(behind.len()).and_then(|end| text.get(..end)).unwrap_or("");
    looked_at(before.len());
    before
}

/// What is inside a quote: up to what closes it and isn't escaped, or to the end of the line. What stands
/// behind it is returned.
fn quoted<'a>(
    text: &'a str,
    open: char,
    close: char,
    rules: &TextRules,
    atoms: &mut Vec<Atom<'a>>,
) -> &'a str {
    let inner = text.strip_prefix(open).unwrap_or(text);
    let mut escaped = false;
    let behind = inner.trim_start_matches(|c| {
        let closes = c == close && !escaped;
        escaped = c == '\\' && !escaped;
        !closes
    });
    let text = before(inner, behind);
    let unquoted = behind.strip_prefix(close);
    let kind = Kind::Quoted(open, unquoted.map(|_| close));
    atoms.push(Atom { text, kind, word: word(text, rules) });
    unquoted.unwrap_or(behind)
}

/// A token ends at white space and at a quote. An apostrophe between letters is none. Also whether it holds
/// nothing but ASCII letters and digits, as most words do.
fn token_end(text: &str) -> (&str, &str, bool) {
    let behind = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let word = before(text, behind);
    if behind.is_empty() || behind.starts_with(' ') {
        return (word, behind, true);
    }
    let mut last = word.chars().next_back().unwrap_or(' ');
    let mut chars = behind.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        looked_at(1);
        if !c.is_ascii_alphanumeric() {
            let after = chars.peek().map_or(' ', |(_, c)| *c);
            let apostrophe = c == '\'' && last.is_alphabetic() && after.is_alphabetic();
            if is_space(c) || (closing(c).is_some() && !apostrophe) {
                let (token, behind) = text.split_at_checked(word.len() + at).unwrap_or((text, ""));
                return (token, behind, at == 0);
            }
        }
        last = c;
    }
    (text, "", false)
}

fn signs<'a>(text: &'a str, atoms: &mut Vec<Atom<'a>>) {
    let sign = |(at, c): (usize, char)| Some(Atom::of(text.get(at..at + c.len_utf8())?, Kind::Sign));
    atoms.extend(text.char_indices().filter_map(sign));
}

/// One token: its edges are signs, its middle is a value, or words parted by signs.
fn token<'a>(text: &'a str, rules: &TextRules, atoms: &mut Vec<Atom<'a>>) {
    let core = text.trim_start_matches(may_edge);
    let middle = core.trim_end_matches(may_edge);
    signs(before(text, core), atoms);
    if middle.bytes().all(is_plain) {
        parts(middle, rules, atoms);
    } else {
        atoms.push(Atom { text: middle, kind: Kind::Masked, word: word(middle, rules) });
    }
    signs(core.get(middle.len()..).unwrap_or(""), atoms);
}

fn parts<'a>(text: &'a str, rules: &TextRules, atoms: &mut Vec<Atom<'a>>) {
    let parts_words = |c: char| u8::try_from(c).is_ok_and(parts_words);
    let mut rest = text;
    while !rest.is_empty() {
        let behind = rest.trim_start_matches(|c| !parts_words(c));
        let part = before(rest, behind);
        if !part.is_empty() {
            atoms.push(classified(part, rules));
        }
        rest = behind.trim_start_matches(parts_words);
        signs(before(behind, rest), atoms);
    }
}

fn classified<'a>(text: &'a str, rules: &TextRules) -> Atom<'a> {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') && is_number(text) {
        return Atom::of(text, Kind::Number);
    }
    let word = word(text, rules);
    if text.len() == 1 && !word.known {
        return Atom::of(text, Kind::Number);
    }
    let inside = text.trim_matches(['_', '-', '.', '\'']);
    let is_path = inside.starts_with('/') || inside.ends_with('/');
    let known = !is_path && (word.known || is_vendor_code(text) || is_public_name(text));
    Atom { text, kind: if known { Kind::Word } else { Kind::Masked }, word }
}

/// Up to 5 digits, with a fraction of up to 3 or a unit; a version of two or three parts; `2/3`.
fn is_number(text: &str) -> bool {
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit())
    };
    if let Some((part, whole)) = text.split_once('/') {
        return digits(part, 3) && digits(whole, 3);
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(number).unwrap_or("");
    if !unit.is_empty() && !class(unit.as_bytes()).has(Class::UNIT) {
        return false;
    }
    let mut places = number.split('.');
    let first = places.next().is_some_and(|first| digits(first, 5));
    first && places.clone().count() <= 2 && places.all(|place| digits(place, 3))
}

/// `ORA-00942`, `SQL-204` and other numbers of known vendors: letters, a hyphen, and up to 5 digits.
fn is_vendor_code(text: &str) -> bool {
    const VENDORS: [&str; 8] = ["ORA", "TNS", "PLS", "SQL", "ERR", "DELTA", "SPARK", "HTTP"];
    text.split_once('-').is_some_and(|(vendor, number)| {
        VENDORS.contains(&vendor)
            && (1..=5).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
