//! Foreign text, held to the allow-list: a word leaves only if it is known to be harmless.
//!
//! One pass over the tokens of each line. White space and quotes part tokens; what is inside a token's brackets, colons, commas and
//! equals signs is looked at by itself. Every letter and digit of the output belongs to a word of the vocabulary, to a number of
//! a stated shape, or to a stack frame by its grammar.

use crate::text::frames::{frame, is_public_name};
use crate::text::vocabulary::knows;
use crate::text::words::{Key, is_about, is_code_key, is_unit, key, starts_sql};

/// What stands for what isn't kept.
pub(crate) const MARK: &str = "***";

/// The heading under which Spark repeats a statement.
const ECHO: &str = "== SQL ==";

/// What of a foreign text may leave: words of the vocabulary, short numbers, and the frames of known packages. Everything else is
/// `***`, neighbours in one.
///
/// It never panics, takes time in proportion to the text, and what it gave is given back unchanged.
///
/// ```
/// use telemetry_core::text::sanitize;
///
/// assert_eq!(sanitize("connection to db.acme.example failed after 3 attempts"), "connection to *** failed after 3 attempts");
/// assert_eq!(sanitize("[TABLE_OR_VIEW_NOT_FOUND] SQLSTATE: 42P01"), "[TABLE_OR_VIEW_NOT_FOUND] SQLSTATE: 42P01");
/// assert_eq!(sanitize("password=hunter2"), "password=***");
/// ```
pub fn sanitize(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(4096));
    let mut in_sql = false;
    let mut in_echo = false;
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        looked_at(line.len());
        let frame = frame(line);
        in_echo &= frame.is_none() && !line.trim().is_empty();
        match frame {
            Some(frame) => out.push_str(&frame),
            // A statement that is repeated, to the next empty line or frame.
            None if in_echo => out.push_str(MARK),
            None if line.trim() == ECHO => {
                in_echo = true;
                out.push_str(ECHO);
            }
            None => prose(line, &mut in_sql, &mut out),
        }
    }
    out
}

/// What a part of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Space,
    /// One character of punctuation that keeps its place.
    Sign,
    Word,
    Number,
    /// Between these quotes, which keep their place.
    Quoted(char, Option<char>),
    Masked,
}

#[derive(Clone, Copy, Debug)]
struct Atom<'a> {
    text: &'a str,
    kind: Kind,
}

/// What of a value that follows a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    Nothing,
    /// The next value, whatever it says, save what says something about the key.
    Next,
    /// The next value, save `true`, `false` and a short number.
    Assigned,
    /// All until the clause ends.
    Clause,
}

fn prose(line: &str, in_sql: &mut bool, out: &mut String) {
    let mut atoms = Vec::new();
    split(line, &mut atoms);
    let mut goes = Goes::Nothing;
    let mut last_word = "";
    let mut named = Key::Other;
    // Of the values before: what the one before was, and whether a number may follow it whatever stands beside.
    let mut before = Kind::Space;
    let mut code = false;
    let mut render = Render { out, marked: false, space: "" };
    for (at, atom) in atoms.iter().enumerate() {
        match atom.kind {
            Kind::Space => render.space(atom.text),
            Kind::Sign => {
                match atom.text {
                    "=" => goes = if named == Key::Other { Goes::Assigned } else { Goes::Clause },
                    ":" if named != Key::Other => goes = Goes::Clause,
                    "," | ";" => goes = Goes::Nothing,
                    // What was to be said of the key has been said.
                    "(" | "." if goes == Goes::Next => goes = Goes::Nothing,
                    _ => {}
                }
                if !matches!(atom.text, ":" | "(" | "[" | "=" | "#") {
                    code = false;
                }
                render.keep(atom.text);
            }
            Kind::Quoted(open, close) => {
                named = key(atom.text, last_word);
                last_word = "";
                (before, code) = (Kind::Masked, false);
                goes = if goes == Goes::Clause { goes } else { Goes::Nothing };
                render.quoted(open, atom.text, close);
            }
            Kind::Word => {
                let kept = match goes {
                    Goes::Clause => false,
                    Goes::Next => is_about(atom.text),
                    Goes::Assigned => {
                        matches!(atom.text, "true" | "false" | "True" | "False" | "TRUE" | "FALSE")
                    }
                    Goes::Nothing => {
                        let is_title = atom.text.chars().next().is_some_and(char::is_uppercase)
                            && atom.text.chars().any(char::is_lowercase);
                        !(named == Key::Person && is_title && !is_about(atom.text))
                    }
                };
                let says_value = matches!(atom.text, "is" | "was" | "for");
                goes = match goes {
                    Goes::Clause => Goes::Clause,
                    _ if named != Key::Other && says_value => Goes::Next,
                    Goes::Next if kept => Goes::Next,
                    _ => Goes::Nothing,
                };
                named = if says_value { Key::Other } else { key(atom.text, last_word) };
                if goes == Goes::Nothing
                    && (is_flag(&atoms, at) && named != Key::Other || is_scheme(atom.text))
                {
                    goes = Goes::Next;
                }
                last_word = atom.text;
                *in_sql |= kept && starts_sql(atom.text);
                code = kept && is_code_key(atom.text);
                before = if kept { Kind::Word } else { Kind::Masked };
                if kept {
                    render.keep(atom.text);
                } else {
                    render.mask();
                }
            }
            Kind::Number => {
                let after = atoms.iter().skip(at + 1).find(|atom| {
                    looked_at(1);
                    match atom.kind {
                        Kind::Space => false,
                        // What stands behind an equals sign is a value.
                        Kind::Sign => atom.text == "=",
                        _ => true,
                    }
                });
                let beside = [before, after.map_or(Kind::Space, |atom| atom.kind)];
                let alone = beside.iter().all(|kind| matches!(kind, Kind::Word | Kind::Space));
                let kept = match goes {
                    Goes::Clause | Goes::Next => false,
                    Goes::Assigned => atom.text.len() <= 3,
                    Goes::Nothing => code || (alone && !*in_sql),
                };
                goes = if goes == Goes::Clause { goes } else { Goes::Nothing };
                before = Kind::Number;
                // `1064 (42000)`: a vendor's number may have its SQLSTATE behind it.
                code &= kept && !last_word.is_empty();
                named = Key::Other;
                if kept {
                    render.keep(atom.text);
                } else {
                    render.mask();
                }
            }
            Kind::Masked => {
                // A SQLSTATE may have letters.
                let kept = code && goes == Goes::Nothing && is_sqlstate(atom.text);
                named = key(atom.text, last_word);
                before = Kind::Masked;
                goes = if goes == Goes::Clause { goes } else { Goes::Nothing };
                code = false;
                if goes == Goes::Nothing && is_flag(&atoms, at) && matches!(atom.text, "u" | "p" | "U" | "P")
                {
                    goes = Goes::Next;
                }
                if kept {
                    render.keep(atom.text);
                } else {
                    render.mask();
                }
            }
        }
    }
}

/// Whether a word is an option of a command line, whose value follows.
fn is_flag(atoms: &[Atom<'_>], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| atoms.get(before)).is_some_and(|before| before.text == "-")
}

/// Whether a word is the scheme of an authorization header, whose credentials follow.
fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "negotiate", "digest"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Five capitals and digits, with a digit in front, as SQLSTATEs have it (`42P01`, `0A000`); also those that begin with a letter.
fn is_sqlstate(text: &str) -> bool {
    text.len() == 5
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && text.bytes().filter(u8::is_ascii_digit).count() >= 2
}

struct Render<'a> {
    out: &'a mut String,
    /// Whether the last that was written is the mark.
    marked: bool,
    /// White space that isn't written yet: between two marks it goes.
    space: &'a str,
}

impl<'a> Render<'a> {
    fn space(&mut self, space: &'a str) {
        self.space = space;
        if !self.marked {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.out.extend(self.space.chars().map(|c| if c == '\t' { '\t' } else { ' ' }));
        self.space = "";
    }

    fn keep(&mut self, text: &str) {
        self.flush();
        self.out.push_str(text);
        self.marked = false;
    }

    fn mask(&mut self) {
        if !self.marked {
            self.flush();
            self.out.push_str(MARK);
        }
        self.space = "";
        self.marked = true;
    }

    fn quoted(&mut self, open: char, text: &str, close: Option<char>) {
        self.flush();
        self.out.push(open);
        if !text.is_empty() {
            self.out.push_str(MARK);
        }
        self.out.extend(close);
        self.marked = false;
    }
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

/// Cuts a line into its atoms.
fn split<'a>(line: &'a str, atoms: &mut Vec<Atom<'a>>) {
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        rest = if is_space(first) {
            let (text, behind) = cut(rest, |c, _| !is_space(c));
            atoms.push(Atom { text, kind: Kind::Space });
            behind
        } else if let Some(close) = closing(first) {
            let (text, behind) = quote(without_first(rest), close);
            let (closed, behind) = match behind.strip_prefix(close) {
                Some(behind) => (Some(close), behind),
                None => (None, behind),
            };
            atoms.push(Atom { text, kind: Kind::Quoted(first, closed) });
            behind
        } else {
            let (text, behind) = token_end(rest);
            token(text, atoms);
            behind
        };
    }
}

/// Counts the characters that are looked at, where tests count them.
fn looked_at(_characters: usize) {
    #[cfg(test)]
    tests::STEPS.with(|steps| steps.set(steps.get() + _characters as u64));
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// The start of a text up to the first character that ends it, told also the one before.
fn cut(text: &str, ends: impl Fn(char, char) -> bool) -> (&str, &str) {
    let mut before = ' ';
    let end = text.char_indices().find(|(_, c)| {
        looked_at(1);
        let found = ends(*c, before);
        before = *c;
        found
    });
    end.and_then(|(end, _)| text.split_at_checked(end)).unwrap_or((text, ""))
}

fn without_first(text: &str) -> &str {
    let mut rest = text.chars();
    rest.next();
    rest.as_str()
}

/// What is inside a quote: up to what closes it and isn't escaped, or to the end of the line.
fn quote(inner: &str, close: char) -> (&str, &str) {
    let mut escaped = false;
    let end = inner.char_indices().find(|(_, c)| {
        looked_at(1);
        let found = *c == close && !escaped;
        escaped = *c == '\\' && !escaped;
        found
    });
    end.and_then(|(end, _)| inner.split_at_checked(end)).unwrap_or((inner, ""))
}

/// A token ends at white space and at a quote. An apostrophe between letters is none.
fn token_end(text: &str) -> (&str, &str) {
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        looked_at(1);
        let after = chars.peek().map_or(' ', |(_, c)| *c);
        let apostrophe = c == '\'' && before.is_alphabetic() && after.is_alphabetic();
        if is_space(c) || (closing(c).is_some() && !apostrophe) {
            return text.split_at_checked(at).unwrap_or((text, ""));
        }
        before = c;
    }
    (text, "")
}

/// Signs at which the inside of a token is parted.
fn parts_words(c: char) -> bool {
    matches!(c, ':' | ',' | ';' | '=' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>')
}

/// Signs that may stand before or behind a word.
fn may_edge(c: char) -> bool {
    parts_words(c)
        || matches!(
            c,
            '.' | '!'
                | '?'
                | '-'
                | '%'
                | '#'
                | '\u{2026}'
                | '\u{2013}'
                | '\u{2014}'
                | '\u{2192}'
                | '\u{2022}'
                | '|'
        )
}

fn sign(text: &str) -> impl Iterator<Item = Atom<'_>> {
    text.char_indices().filter_map(|(at, c)| {
        let text = text.get(at..at + c.len_utf8())?;
        Some(Atom { text, kind: Kind::Sign })
    })
}

/// One token: its edges are signs, its middle is a value, or words parted by signs.
fn token<'a>(text: &'a str, atoms: &mut Vec<Atom<'a>>) {
    let mut first = true;
    for piece in text.split(MARK) {
        if !first {
            atoms.push(Atom { text: MARK, kind: Kind::Masked });
        }
        first = false;
        let core = piece.trim_start_matches(may_edge);
        let lead = piece.strip_suffix(core).unwrap_or("");
        let middle = core.trim_end_matches(may_edge);
        let trail = core.strip_prefix(middle).unwrap_or("");
        atoms.extend(sign(lead));
        if !middle.is_empty() {
            if !middle.chars().all(is_plain) {
                atoms.push(Atom { text: middle, kind: Kind::Masked });
            } else {
                parts(middle, atoms);
            }
        }
        atoms.extend(sign(trail));
    }
}

/// What words, numbers and what parts them are made of. What has anything else in it (`@`, `\`, `$`, another script) is a value.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || parts_words(c) || matches!(c, '_' | '-' | '.' | '/' | '\'')
}

fn parts<'a>(text: &'a str, atoms: &mut Vec<Atom<'a>>) {
    let mut rest = text;
    while !rest.is_empty() {
        let (part, behind) = cut(rest, |c, _| parts_words(c));
        if !part.is_empty() {
            atoms.push(Atom { text: part, kind: classify(part) });
        }
        let (signs, behind) = cut(behind, |c, _| !parts_words(c));
        atoms.extend(sign(signs));
        rest = behind;
    }
}

fn classify(part: &str) -> Kind {
    if part.starts_with(|c: char| c.is_ascii_digit() || c == '.') && is_number(part) {
        Kind::Number
    } else if !part.starts_with('/')
        && !part.ends_with('/')
        && (knows(part) || is_vendor_code(part) || is_public_name(part))
    {
        Kind::Word
    } else {
        Kind::Masked
    }
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
    if !unit.is_empty() && !is_unit(unit) {
        return false;
    }
    let mut places = number.split('.');
    let first = places.next().is_some_and(|first| digits(first, 5));
    let rest: Vec<&str> = places.collect();
    first && rest.len() <= 2 && rest.iter().all(|place| digits(place, 3))
}

/// `ORA-00942`, `SQL0204N`-like numbers of known vendors: letters, a hyphen, and up to 5 digits.
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
    use std::cell::Cell;

    use super::*;

    thread_local! {
        pub(super) static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    fn steps(text: &str) -> u64 {
        STEPS.set(0);
        sanitize(text);
        STEPS.get()
    }

    /// What is hard on one rule or another, over and over.
    const HARD: &[&str] = &[
        "password=\"",
        "password='",
        "password={",
        "password=[",
        "password=(",
        "password: |\n  ",
        "a",
        "aA1",
        "eyJ",
        "eyJ.",
        "://",
        "@",
        "a@",
        ":",
        "::",
        "1.",
        "1:",
        "\\",
        "\\\\",
        "\\\\a\\",
        "%25",
        "%",
        "&",
        "&amp;",
        "-----BEGIN ",
        "-----BEGIN -----",
        "Authorization: ",
        "Authorization:\n ",
        "authorization: digest a=\"",
        "cookie: a=",
        "cookie: a=b; ",
        "near '",
        "near \"",
        "== SQL ==\n",
        "LINE 1: ",
        "SELECT ",
        "SELECT a FROM '",
        "'SELECT ",
        "value '",
        "(",
        "contains (",
        ")=(",
        "key ",
        "user ",
        "for user x ",
        "-p",
        "-u ",
        "/home/",
        "/home/a ",
        "C:\\Users\\a ",
        "~",
        "'@'",
        "name: password value: ",
        "password is ",
        "<password>",
        "dapi",
        "sk-",
        "password\n",
        "params=[",
        "parameters: {",
        "=",
        "a=",
        "a=b;",
        "\u{e4}",
        "password=\u{1f511}",
    ];

    #[test]
    fn time_is_linear_in_the_text() {
        for hard in HARD {
            let text = hard.repeat(32 * 1024 / hard.len());
            let steps = steps(&text);
            assert!(
                steps > 0 && steps <= 6 * text.len() as u64,
                "{hard:?}: {steps} steps for {} bytes",
                text.len()
            );
        }
    }
}
