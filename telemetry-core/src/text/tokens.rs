//! A line cut into its atoms: white space, signs, words, numbers, what is quoted, and what is masked whatever
//! it says.

use crate::text::atoms::{Atoms, Kind, MARK};
use crate::text::bytes::{self, DIGIT, EDGE, ENDS, ODD, PARTS, Run, SLASH, split_end, split_start};
use crate::text::frames::is_public_name;
use crate::text::rules::TextRules;
use crate::text::vocabulary::{Class, class};
use crate::text::words::{Word, is_space, plain_word, word};

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
    atoms: &mut Atoms<'a>,
) -> Option<char> {
    let mut rest = line;
    // What closes no quote in the rest of the line.
    let mut never = String::new();
    if let Some(close) = open {
        match quoted(rest, None, close, rules, atoms) {
            Some(behind) => rest = behind,
            None => return open,
        }
    }
    while let Some(byte) = rest.as_bytes().first() {
        if bytes::kind(*byte) & ENDS == 0 || !byte.is_ascii() && !rest.starts_with(ends_here) {
            rest = token(rest, rules, atoms);
            continue;
        }
        let Some(first) = rest.chars().next() else { break };
        if is_space(first) {
            (atoms.space, rest) = split_space(rest);
            looked_at(atoms.space.len());
        } else if let Some(close) = closing(first) {
            let behind = rest.get(first.len_utf8()..).unwrap_or("");
            rest = if let Some((inside, rest)) = doubled(behind, first) {
                let sign = behind.get(..first.len_utf8()).unwrap_or("");
                atoms.sign(sign);
                atoms.push(inside, Kind::Quoted(Some(first), Some(first)), word(inside, rules));
                atoms.sign(sign);
                rest
            } else if may_open(atoms) {
                match quoted(behind, Some(first), close, rules, atoms) {
                    Some(rest) => rest,
                    None => return Some(close),
                }
            } else if let Some(last) = last_of(behind, close, &mut never) {
                // `5" of "x"`, `users' x 'y'`: which of them open isn't known, so all between them goes.
                let inside = behind.get(..last).unwrap_or("");
                looked_at(inside.len());
                atoms.push(inside, Kind::Quoted(Some(first), Some(close)), word(inside, rules));
                behind.get(last + close.len_utf8()..).unwrap_or("")
            } else {
                atoms.sign(rest.get(..first.len_utf8()).unwrap_or(""));
                behind
            };
        }
    }
    None
}

/// The white space that a text begins with, nearly always one space; and what stands behind it.
#[inline]
fn split_space(text: &str) -> (&str, &str) {
    match text.as_bytes() {
        [b' ', next, ..] if next.is_ascii_graphic() => text.split_at(1),
        _ => split_start(text, is_space),
    }
}

/// Where a quote is closed for the last time in the rest of a line; what closes none there is remembered.
fn last_of(behind: &str, close: char, never: &mut String) -> Option<usize> {
    if never.contains(close) {
        return None;
    }
    let last = behind.rfind(close);
    if last.is_none() {
        looked_at(behind.len());
        never.push(close);
    }
    last
}

/// Whether a token ends before a character, save an apostrophe within a word.
fn ends_here(c: char) -> bool {
    is_space(c) || closing(c).is_some()
}

/// The token that a text begins with; what stands behind it is returned.
#[inline]
fn token<'a>(rest: &'a str, rules: &TextRules, atoms: &mut Atoms<'a>) -> &'a str {
    let run = Run::at_start(rest);
    let (text, behind, kinds) = token_end(rest, &run);
    if run.is_word(text) {
        plain(rest, text, &run, rules, atoms);
    } else if kinds & (PARTS | EDGE | ODD) == 0 {
        classified(rest, text, &run, kinds, rules, atoms);
    } else if kinds & ODD != 0 && text.contains('*') {
        for (number, piece) in text.split(MARK).enumerate() {
            if number > 0 {
                atoms.push(MARK, Kind::Masked, Word::default());
            }
            edged(piece, &Run::at_start(piece), rules, atoms);
        }
    } else {
        edged(text, &run, rules, atoms);
    }
    behind
}

/// What stands in doubled quotes, of which the first quote is behind: ``` ``x`` ```, `""x""`; and what stands
/// behind them.
fn doubled(text: &str, quote: char) -> Option<(&str, &str)> {
    let inside = behind_sign(text, quote).filter(|inside| !inside.starts_with(is_apart))?;
    let mut from = 0;
    loop {
        let end = from + inside.get(from..)?.find(quote)?;
        looked_at(end - from);
        let behind = inside.get(end + quote.len_utf8()..)?;
        if let Some(behind) = behind_sign(behind, quote) {
            return Some((inside.get(..end)?, behind));
        }
        from = end + quote.len_utf8();
    }
}

/// What stands behind a sign, where a text begins with it. `strip_prefix` writes the sign to memory and waits
/// for it there.
fn behind_sign(text: &str, sign: char) -> Option<&str> {
    let mut characters = text.chars();
    (characters.next()? == sign).then_some(characters.as_str())
}

/// Whether a character is no part of a value.
fn is_apart(c: char) -> bool {
    is_space(c) || may_edge(c) || closing(c).is_some()
}

/// Whether a quote may open here: not behind a word, save for the prefix of a literal (`b'…'`, `N'…'`), which
/// is a sign then.
fn may_open(line: &mut Atoms<'_>) -> bool {
    let [before @ .., last] = &mut *line.atoms else { return true };
    if !line.space.is_empty() {
        return true;
    }
    let stands_apart = |kind| matches!(kind, Kind::Sign | Kind::Quoted(..));
    let is_prefix = |text: &str| {
        ["b", "e", "f", "n", "r", "u", "x"].iter().any(|prefix| prefix.eq_ignore_ascii_case(text))
    };
    let before = before.last().filter(|_| last.adjoins());
    if !stands_apart(last.kind)
        && is_prefix(last.text)
        && before.is_none_or(|before| stands_apart(before.kind))
    {
        last.kind = Kind::Sign;
    }
    stands_apart(last.kind)
}

/// Where a quote is closed for the first time: by what closes it, isn't escaped, and has no value right
/// behind it. Escapes count where the text is the quote's own.
pub(super) fn close_of(text: &str, close: char, escapes: bool) -> Option<usize> {
    let first = close.encode_utf8(&mut [0; 4]).bytes().next()?;
    let stops = |byte: &u8| *byte == first || (escapes && *byte == b'\\');
    let mut from = 0;
    loop {
        let next = text.as_bytes().get(from..)?.iter().position(stops);
        let at = from + next.unwrap_or(text.len() - from);
        looked_at(at + 1 - from);
        from = at + 1;
        if text.as_bytes().get(at)? == &b'\\' && escapes {
            // What is escaped closes nothing, and escapes nothing.
            from += 1;
        } else if let Some(behind) = text.get(at..).and_then(|text| behind_sign(text, close)) {
            let mut behind = behind.chars();
            let next = behind.next();
            // Also the plural of what is quoted: `'x's`.
            let plural = next == Some('s') && behind.next().is_none_or(is_apart);
            if plural || next.is_none_or(is_apart) {
                return Some(at);
            }
        }
    }
}

/// What is inside a quote, up to its end or to that of the line; what stands behind its end is returned.
fn quoted<'a>(
    text: &'a str,
    open: Option<char>,
    close: char,
    rules: &TextRules,
    atoms: &mut Atoms<'a>,
) -> Option<&'a str> {
    let end = close_of(text, close, true);
    let inside = text.get(..end.unwrap_or(text.len())).unwrap_or("");
    looked_at(inside.len());
    atoms.push(inside, Kind::Quoted(open, end.map(|_| close)), word(inside, rules));
    let behind = text.get(end? + close.len_utf8()..)?;
    let Some(plural) = behind.strip_prefix('s').filter(|behind| !behind.starts_with(|c| !is_apart(c))) else {
        return Some(behind);
    };
    atoms.sign(behind.get(..1).unwrap_or(""));
    Some(plural)
}

/// A token that begins with this run ends at white space and at a quote. Also what its bytes are.
#[inline]
fn token_end<'a>(text: &'a str, run: &Run) -> (&'a str, &'a str, u8) {
    let (mut end, mut kinds) = (run.len, run.kinds());
    loop {
        let (len, inside) = bytes::while_without(text.as_bytes().get(end..).unwrap_or_default(), ENDS);
        end += len;
        kinds |= inside;
        match text.as_bytes().get(end) {
            Some(byte) if !ends_token(text, end, *byte) => kinds |= bytes::kind(*byte),
            _ => break,
        }
        end += 1;
    }
    looked_at(end);
    let (token, behind) = text.split_at_checked(end).unwrap_or((text, ""));
    (token, behind, kinds)
}

/// Whether a token ends before this byte of a text.
#[inline]
fn ends_token(text: &str, at: usize, byte: u8) -> bool {
    // White space, and quotes of ASCII.
    byte.is_ascii() && byte != b'\'' || may_end_token(text, at, byte)
}

/// Whether it ends before an apostrophe, which it doesn't between letters, or before this byte of another
/// script.
fn may_end_token(text: &str, at: usize, byte: u8) -> bool {
    let Some((token, behind)) = text.split_at_checked(at) else { return false };
    if byte == b'\'' {
        !(token.ends_with(char::is_alphabetic) && behind.strip_prefix('\'').is_some_and(is_short_form))
    } else {
        behind.starts_with(ends_here)
    }
}

/// Whether what follows an apostrophe is the end of a short form: `can't`, `it's`, `we've`.
fn is_short_form(after: &str) -> bool {
    ["t", "s", "re", "ve", "ll", "d", "m"]
        .iter()
        .any(|end| after.strip_prefix(end).is_some_and(|behind| !behind.starts_with(char::is_alphanumeric)))
}

/// A token with signs, which begins with this run: those at its edges stay, its middle is a value, or words
/// parted by signs.
fn edged<'a>(text: &'a str, run: &Run, rules: &TextRules, atoms: &mut Atoms<'a>) {
    looked_at(text.len());
    let behind_signs;
    let (core, run) = if run.len > 0 {
        (text, run)
    } else {
        let (before, core) = split_start(text, may_edge);
        atoms.signs(before);
        behind_signs = Run::at_start(core);
        (core, &behind_signs)
    };
    let (middle, behind) = split_end(core, may_edge);
    let kinds = run.kinds() | bytes::kinds(middle.as_bytes().get(run.len..).unwrap_or_default());
    if kinds & ODD != 0 {
        atoms.push(middle, Kind::Masked, word(middle, rules));
    } else if kinds & PARTS != 0 {
        parts(middle, kinds, rules, atoms);
    } else if !middle.is_empty() {
        classified(core, middle, run, kinds, rules, atoms);
    }
    if !behind.is_empty() {
        atoms.signs(behind);
    }
}

/// What signs part, of which all bytes together are of these kinds.
fn parts<'a>(text: &'a str, kinds: u8, rules: &TextRules, atoms: &mut Atoms<'a>) {
    let parts_words = |c: char| u8::try_from(c).is_ok_and(|byte| bytes::kind(byte) & PARTS != 0);
    let edges_part = |c| matches!(c, '-' | '.');
    looked_at(2 * text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (part, behind) = split_start(rest, |c| !parts_words(c));
        let (before, core) = split_start(part, edges_part);
        let (middle, after) = split_end(core, edges_part);
        atoms.signs(before);
        if !middle.is_empty() {
            classified(core, middle, &Run::at_start(middle), kinds, rules, atoms);
        }
        atoms.signs(after);
        let (between, behind) = split_start(behind, parts_words);
        atoms.signs(between);
        rest = behind;
    }
}

/// A number or a word with which the rest of a line begins. It begins with this run, and has no bytes of
/// other kinds than these.
fn classified<'a>(
    rest: &'a str,
    text: &'a str,
    run: &Run,
    kinds: u8,
    rules: &TextRules,
    atoms: &mut Atoms<'a>,
) {
    if run.is_word(text) {
        plain(rest, text, run, rules, atoms);
    } else if (run.first & DIGIT != 0 || text.starts_with('.')) && is_number(text) {
        atoms.push(text, Kind::Number, Word::default());
    } else {
        joined(text, kinds, rules, atoms);
    }
}

/// A word that is this run.
#[inline]
fn plain<'a>(rest: &'a str, text: &'a str, run: &Run, rules: &TextRules, atoms: &mut Atoms<'a>) {
    let word = plain_word(rest, text, run, rules);
    push_value(text, word.known, word, atoms);
}

/// A word of several pieces, or what is no number by its digits.
fn joined<'a>(text: &'a str, kinds: u8, rules: &TextRules, atoms: &mut Atoms<'a>) {
    let word = word(text, rules);
    let is_name = || kinds & EDGE != 0 && (is_vendor_code(text) || is_public_name(text));
    let known = (word.known || is_name()) && !(kinds & SLASH != 0 && is_path(text));
    push_value(text, known, word, atoms);
}

#[inline]
fn push_value<'a>(text: &'a str, known: bool, word: Word, atoms: &mut Atoms<'a>) {
    if text.len() == 1 && !word.known {
        atoms.push(text, Kind::Number, Word::default());
    } else {
        atoms.push(text, if known { Kind::Word } else { Kind::Masked }, word);
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
    fn split_digits(text: &str) -> (&str, &str) {
        split_start(text, |c| c.is_ascii_digit())
    }
    let (first, mut behind) = split_digits(text);
    if let Some(whole) = behind.strip_prefix('/') {
        let (digits, behind) = split_digits(whole);
        return (1..=3).contains(&first.len()) && (1..=3).contains(&digits.len()) && behind.is_empty();
    }
    let mut places = 0;
    while let Some(place) = behind.strip_prefix('.') {
        let (digits, rest) = split_digits(place);
        if !(1..=3).contains(&digits.len()) {
            return false;
        }
        (places, behind) = (places + 1, rest);
    }
    let most = if places > 1 { 2 } else { 5 };
    let is_unit = || {
        behind.bytes().all(|byte| byte.is_ascii_alphabetic())
            && class(behind.as_bytes(), behind.len()).has(Class::UNIT)
    };
    (1..=most).contains(&first.len()) && places <= 2 && (behind.is_empty() || is_unit())
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
    use proptest::prelude::*;

    use super::*;
    use crate::text::message::sanitize;

    proptest! {
        /// By which what is kept is copied from its line.
        #[test]
        fn the_atoms_of_a_line_are_all_of_it(
            line in "(\\PC|[ \t'\"`*.:=()a-cS]){0,60}",
            open in proptest::option::of(proptest::char::any()),
        ) {
            let mut atoms = Atoms::with_capacity(0);
            cut(&line, open, &TextRules::default(), &mut atoms);
            let mut whole = String::new();
            for atom in &atoms.atoms {
                whole.push_str(atom.space);
                let Kind::Quoted(open, close) = atom.kind else {
                    whole.push_str(atom.text);
                    continue;
                };
                whole.extend(open);
                whole.push_str(atom.text);
                whole.extend(close);
            }
            whole.push_str(atoms.space);
            prop_assert_eq!(whole, line);
        }
    }

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
