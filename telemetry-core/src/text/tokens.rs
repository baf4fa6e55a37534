//! A line cut into its atoms: white space, signs, words, numbers, what is quoted, and what is masked whatever
//! it says.

use crate::text::bytes::{self, DIGIT, EDGE, ENDS, ODD, PARTS, Run, SLASH};
use crate::text::frames::is_public_name;
use crate::text::rules::TextRules;
use crate::text::vocabulary::{Class, class};
use crate::text::words::{Word, is_space, plain_word, word};

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
    /// Between these quotes, which keep their place; one may be on another line.
    Quoted(Option<char>, Option<char>),
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

/// Signs that may stand before or behind a word.
fn may_edge(c: char) -> bool {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => bytes::kind(byte) & EDGE != 0,
        // An ellipsis, dashes, an arrow, a bullet; a wide colon and equals sign.
        _ => {
            ['\u{2026}', '\u{2013}', '\u{2014}', '\u{2192}', '\u{2022}', '\u{ff1a}', '\u{ff1d}'].contains(&c)
        }
    }
}

/// Cuts a line into its atoms. A quote may be open that began on an earlier line, and is told by what closes
/// it; so is one that is open at the end of this.
pub(super) fn cut<'a>(
    line: &'a str,
    open: Option<char>,
    rules: &TextRules,
    atoms: &mut Vec<Atom<'a>>,
) -> Option<char> {
    let mut rest = line;
    if let Some(close) = open {
        match quoted(rest, None, close, rules, atoms) {
            Some(behind) => rest = behind,
            None => return open,
        }
    }
    while let Some(first) = rest.chars().next() {
        if is_space(first) {
            let behind = rest.trim_start_matches(is_space);
            atoms.push(Atom::of(before(rest, behind), Kind::Space));
            rest = behind;
        } else if let Some(close) = closing(first) {
            let behind = rest.get(first.len_utf8()..).unwrap_or("");
            rest = if let Some((inside, rest)) = doubled(behind, first) {
                let sign = Atom::of(behind.get(..first.len_utf8()).unwrap_or(""), Kind::Sign);
                let kind = Kind::Quoted(Some(first), Some(first));
                atoms.extend([sign, Atom { text: inside, kind, word: word(inside, rules) }, sign]);
                rest
            } else if may_open(atoms) {
                match quoted(behind, Some(first), close, rules, atoms) {
                    Some(rest) => rest,
                    None => return Some(close),
                }
            } else if let Some(last) = behind.rfind(close) {
                // `5" of "x"`, `users' x 'y'`: which of them open isn't known, so all between them goes.
                let inside = behind.get(..last).unwrap_or("");
                looked_at(inside.len());
                let kind = Kind::Quoted(Some(first), Some(close));
                atoms.push(Atom { text: inside, kind, word: word(inside, rules) });
                behind.get(last + close.len_utf8()..).unwrap_or("")
            } else {
                looked_at(behind.len());
                let sign = rest.get(..first.len_utf8()).unwrap_or("");
                atoms.push(Atom::of(sign, Kind::Sign));
                behind
            };
        } else {
            let run = Run::at_start(rest);
            let (text, behind, kinds) = token_end(rest, &run);
            if text.len() == run.len && run.first & DIGIT == 0 {
                value(text, kinds, plain_word(rest, text, &run, rules), atoms);
            } else if kinds & (PARTS | EDGE | ODD) == 0 {
                classified(text, kinds, rules, atoms);
            } else if kinds & ODD != 0 && text.contains('*') {
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
    None
}

/// What stands in doubled quotes, of which the first quote is behind: ``` ``x`` ```, `""x""`; and what stands
/// behind them.
fn doubled(text: &str, quote: char) -> Option<(&str, &str)> {
    let inside = text.strip_prefix(quote).filter(|inside| !inside.starts_with(is_apart))?;
    let mut from = 0;
    loop {
        let end = from + inside.get(from..)?.find(quote)?;
        looked_at(end - from);
        let behind = inside.get(end + quote.len_utf8()..)?;
        if let Some(behind) = behind.strip_prefix(quote) {
            return Some((inside.get(..end)?, behind));
        }
        from = end + quote.len_utf8();
    }
}

/// Whether a character is no part of a value.
fn is_apart(c: char) -> bool {
    is_space(c) || may_edge(c) || closing(c).is_some()
}

/// Whether a quote may open here: not behind a word, save for the prefix of a literal (`b'…'`, `N'…'`), which
/// is a sign then.
fn may_open(atoms: &mut [Atom<'_>]) -> bool {
    let [.., before, last] = atoms else {
        return atoms.first_mut().is_none_or(|last| opens_behind(last, None));
    };
    opens_behind(last, Some(before.kind))
}

fn opens_behind(last: &mut Atom<'_>, before: Option<Kind>) -> bool {
    let stands_apart = |kind| matches!(kind, Kind::Space | Kind::Sign | Kind::Quoted(..));
    let is_prefix = |text: &str| {
        ["b", "e", "f", "n", "r", "u", "x"].iter().any(|prefix| prefix.eq_ignore_ascii_case(text))
    };
    if !stands_apart(last.kind) && is_prefix(last.text) && before.is_none_or(stands_apart) {
        last.kind = Kind::Sign;
    }
    stands_apart(last.kind)
}

/// Where a quote is closed for the first time: by what closes it, isn't escaped, and has no value right
/// behind it. Escapes count where the text is the quote's own.
pub(super) fn close_of(text: &str, close: char, escapes: bool) -> Option<usize> {
    let mut escaped = false;
    let first = close.encode_utf8(&mut [0; 4]).bytes().next();
    for (at, byte) in text.bytes().enumerate() {
        looked_at(1);
        if Some(byte) == first
            && !escaped
            && let Some(behind) = text.get(at..).and_then(|text| text.strip_prefix(close))
        {
            let mut behind = behind.chars();
            let next = behind.next();
            // Also the plural of what is quoted: `'x's`.
            let plural = next == Some('s') && behind.next().is_none_or(is_apart);
            if plural || next.is_none_or(is_apart) {
                return Some(at);
            }
        }
        escaped = escapes && byte == b'\\' && !escaped;
    }
    None
}

/// What of a text stands before its end `behind`.
fn before<'a>(text: &'a str, behind: &str) -> &'a str {
    let before = text.len().checked_sub(behind.len()).and_then(|end| text.get(..end)).unwrap_or("");
    looked_at(before.len());
    before
}

/// What is inside a quote, up to its end or to that of the line; what stands behind its end is returned.
fn quoted<'a>(
    text: &'a str,
    open: Option<char>,
    close: char,
    rules: &TextRules,
    atoms: &mut Vec<Atom<'a>>,
) -> Option<&'a str> {
    let end = close_of(text, close, true);
    let inside = text.get(..end.unwrap_or(text.len())).unwrap_or("");
    looked_at(inside.len());
    let kind = Kind::Quoted(open, end.map(|_| close));
    atoms.push(Atom { text: inside, kind, word: word(inside, rules) });
    let behind = text.get(end? + close.len_utf8()..)?;
    let Some(plural) = behind.strip_prefix('s').filter(|behind| !behind.starts_with(|c| !is_apart(c))) else {
        return Some(behind);
    };
    atoms.push(Atom::of(behind.get(..1).unwrap_or(""), Kind::Sign));
    Some(plural)
}

/// A token that begins with this run ends at white space and at a quote. Also what its bytes are.
fn token_end<'a>(text: &'a str, run: &Run) -> (&'a str, &'a str, u8) {
    let mut end = run.len;
    let (token, behind) = loop {
        let behind = text.as_bytes().get(end..).unwrap_or_default();
        let Some(next) = behind.iter().position(|byte| bytes::kind(*byte) & ENDS != 0) else {
            break (text, "");
        };
        end += next;
        if let Some((token, behind)) = text.split_at_checked(end)
            && ends_token(token, behind)
        {
            break (token, behind);
        }
        end += 1;
    };
    looked_at(token.len());
    let signs = token.as_bytes().get(run.len..).unwrap_or_default();
    (token, behind, run.kinds() | bytes::kinds(signs))
}

/// Whether a token ends before what stands behind it. An apostrophe between letters ends none.
fn ends_token(token: &str, behind: &str) -> bool {
    let mut chars = behind.chars();
    chars.next().is_some_and(|c| {
        let apostrophe =
            || c == '\'' && token.ends_with(char::is_alphabetic) && is_short_form(chars.as_str());
        is_space(c) || (closing(c).is_some() && !apostrophe())
    })
}

/// Whether what follows an apostrophe is the end of a short form: `can't`, `it's`, `we've`.
fn is_short_form(after: &str) -> bool {
    ["t", "s", "re", "ve", "ll", "d", "m"]
        .iter()
        .any(|end| after.strip_prefix(end).is_some_and(|behind| !behind.starts_with(char::is_alphanumeric)))
}

fn signs<'a>(text: &'a str, atoms: &mut Vec<Atom<'a>>) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let Some((sign, behind)) = rest.split_at_checked(c.len_utf8()) else { break };
        atoms.push(Atom::of(sign, Kind::Sign));
        rest = behind;
    }
}

/// One token: its edges are signs, its middle is a value, or words parted by signs.
fn token<'a>(text: &'a str, rules: &TextRules, atoms: &mut Vec<Atom<'a>>) {
    let core = text.trim_start_matches(may_edge);
    let middle = core.trim_end_matches(may_edge);
    signs(before(text, core), atoms);
    let kinds = bytes::kinds(middle.as_bytes());
    if kinds & ODD != 0 {
        atoms.push(Atom { text: middle, kind: Kind::Masked, word: word(middle, rules) });
    } else if kinds & PARTS != 0 {
        parts(middle, kinds, rules, atoms);
    } else if !middle.is_empty() {
        classified(middle, kinds, rules, atoms);
    }
    signs(core.get(middle.len()..).unwrap_or(""), atoms);
}

/// What signs part, of which all bytes together are of these kinds.
fn parts<'a>(text: &'a str, kinds: u8, rules: &TextRules, atoms: &mut Vec<Atom<'a>>) {
    let parts_words = |c: char| u8::try_from(c).is_ok_and(|byte| bytes::kind(byte) & PARTS != 0);
    let mut rest = text;
    while !rest.is_empty() {
        let behind = rest.trim_start_matches(|c| !parts_words(c));
        let part = before(rest, behind);
        let core = part.trim_start_matches(['-', '.']);
        let middle = core.trim_end_matches(['-', '.']);
        signs(before(part, core), atoms);
        if !middle.is_empty() {
            classified(middle, kinds, rules, atoms);
        }
        signs(core.get(middle.len()..).unwrap_or(""), atoms);
        rest = behind.trim_start_matches(parts_words);
        signs(before(behind, rest), atoms);
    }
}

/// A number or a word that has no bytes of other kinds than these.
fn classified<'a>(text: &'a str, kinds: u8, rules: &TextRules, atoms: &mut Vec<Atom<'a>>) {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') && is_number(text) {
        atoms.push(Atom::of(text, Kind::Number));
    } else {
        value(text, kinds, word(text, rules), atoms);
    }
}

/// The same of what is no number by its digits, and of which this is known.
fn value<'a>(text: &'a str, kinds: u8, word: Word, atoms: &mut Vec<Atom<'a>>) {
    let is_name = || kinds & EDGE != 0 && (is_vendor_code(text) || is_public_name(text));
    let known = (word.known || is_name()) && !(kinds & SLASH != 0 && is_path(text));
    if text.len() == 1 && !word.known {
        atoms.push(Atom::of(text, Kind::Number));
    } else {
        atoms.push(Atom { text, kind: if known { Kind::Word } else { Kind::Masked }, word });
    }
}

/// Whether a word has a slash at one of its ends.
fn is_path(text: &str) -> bool {
    let inside = text.trim_matches(['_', '-', '.', '\'']);
    inside.starts_with('/') || inside.ends_with('/')
}

/// Up to 5 digits, with a fraction of up to 3 or a unit; a version of three parts, the first of up to 2;
/// `2/3`.
fn is_number(text: &str) -> bool {
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit())
    };
    if digits(text, usize::MAX) {
        return text.len() <= 5;
    }
    if let Some((part, whole)) = text.split_once('/') {
        return digits(part, 3) && digits(whole, 3);
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(number).unwrap_or("");
    if !unit.is_empty() && !class(unit.as_bytes(), unit.len()).has(Class::UNIT) {
        return false;
    }
    let mut places = number.split('.');
    let most = if places.clone().count() > 2 { 2 } else { 5 };
    let first = places.next().is_some_and(|first| digits(first, most));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::message::sanitize;

    #[test]
    fn a_number_is_short_or_has_a_unit_or_is_a_version_or_a_part() {
        for number in
            ["1", "12345", "12.5", "12345.678", "1.2.3", "12.345.678", "5ms", "2.5s", "2/3", "123/456"]
        {
            assert!(is_number(number), "{number}");
        }
        for other in [
            "", "123456", "1.2345", "123.4.5", "1.2.3.4", "5frob", "ms", "1234/5", "1/2345", "1/", "/1",
            ".5", "1.", "1.x.2",
        ] {
            assert!(!is_number(other), "{other}");
        }
    }

    #[test]
    fn a_vendors_code_is_its_letters_a_hyphen_and_up_to_five_digits() {
        for code in ["ORA-0", "ORA-00942", "SQL-204"] {
            assert!(is_vendor_code(code), "{code}");
        }
        for other in ["ORA", "ORA-", "ORA-009421", "ORA-0x", "FROB-1", "ora-1"] {
            assert!(!is_vendor_code(other), "{other}");
        }
    }

    #[test]
    fn what_is_quoted_goes_and_its_quotes_stay() {
        for (text, kept) in [
            ("the 'frob' failed", "the '***' failed"),
            ("the \"frob\" failed", "the \"***\" failed"),
            ("the `frob` failed", "the `***` failed"),
            ("the \u{201c}server\u{201d} failed", "the \u{201c}***\u{201d} failed"),
            ("the \u{201e}server\u{201d} failed", "the \u{201e}***\u{201d} failed"),
            ("the \u{2018}server\u{2019} failed", "the \u{2018}***\u{2019} failed"),
            ("the \u{ab}server\u{bb} failed", "the \u{ab}***\u{bb} failed"),
            ("the ``server`` failed", "the ``***`` failed"),
            ("the \"\"server\"\" failed", "the \"\"***\"\" failed"),
            ("the ''a server'' failed", "the ''***'' failed"),
            ("the '' failed", "the '' failed"),
            ("the b'server' failed", "the b'***' failed"),
            ("the N'server' failed", "the N'***' failed"),
            // An apostrophe, an escape, and what stands right behind end no quote; a plural does.
            ("the 'server can't' failed", "the '***' failed"),
            ("the 'server\\' failed' failed", "the '***' failed"),
            ("the 'server\\\\' failed", "the '***' failed"),
            ("the 'server'failed' failed", "the '***' failed"),
            ("the 'server's failed", "the '***'s failed"),
            ("the 'server'sql' failed", "the '***' failed"),
            // Of quotes behind a word it isn't known which of them open.
            ("the server' table 'failed' again", "the server'***' again"),
            ("the server' failed", "the server' failed"),
            ("the server\"s failed", "the server\"s failed"),
        ] {
            assert_eq!(sanitize(text, &TextRules::default()), kept);
        }
    }

    #[test]
    fn words_with_a_slash_at_an_end_are_a_path() {
        for (text, kept) in [
            ("server/table failed", "server/table failed"),
            ("/server failed", "*** failed"),
            ("server/ failed", "*** failed"),
            ("_/server failed", "*** failed"),
        ] {
            assert_eq!(sanitize(text, &TextRules::default()), kept);
        }
    }

    #[test]
    fn a_short_form_is_a_word_and_no_quote() {
        for word in ["can't", "it's", "they're", "we've", "they'll", "I'd", "I'm"] {
            assert!(is_short_form(word.split_once('\'').unwrap().1), "{word}");
            assert_eq!(sanitize(word, &TextRules::default()), word);
        }
        for end in ["", "x", "ta", "table", "s1"] {
            assert!(!is_short_form(end), "{end}");
        }
    }
}
