//! What is known of a word: whether it is harmless, and what it says of the words behind it.

use crate::text::bytes::{self, DIGIT, Run, SMALL, WORD};
use crate::text::rules::TextRules;
use crate::text::vocabulary::{self, Class, class};

/// What a key says of its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Key {
    Secret,
    Person,
    #[default]
    Other,
}

/// What is known of a word, from its pieces: identifiers are joined by `_`, `-`, `.`, `/`, `'`, or by camel
/// humps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Word {
    /// Whether each of its pieces is harmless.
    pub(super) known: bool,
    /// What it names, as a key: by its last piece, or by any that names a secret beyond doubt.
    pub(super) key: Key,
    /// The last piece.
    pub(super) last: Class,
    /// Whether it is one piece.
    pub(super) single: bool,
    /// Whether it is one piece of small letters and nothing else, and doesn't join others.
    pub(super) bare: bool,
}

/// How unknown words end that name a secret: `dbpassword`.
const SECRETS: [&str; 7] = ["password", "passwd", "passphrase", "pwd", "secret", "token", "apikey"];

/// Words that are known as they are, whatever their pieces.
const WHOLE: [&str; 4] = ["i/o", "n/a", "x.509", "asn.1"];

impl Word {
    /// What it names behind another word: only with that one a lone `key` may be a secret's, and a lone
    /// `name` a person's.
    pub(super) fn key_after(self, before: Class) -> Key {
        let of_person = before.has(Class::OF_NAME) || before.has(Class::PERSON);
        if self.single && self.last.has(Class::KEY) && before.has(Class::OF_KEY) {
            Key::Secret
        } else if self.single && self.last.has(Class::NAMING) && of_person {
            Key::Person
        } else {
            self.key
        }
    }
}

/// White space, and what is shown as such.
#[inline]
pub(super) fn is_space(c: char) -> bool {
    match c {
        '\0'..=' ' | '\x7f' => true,
        _ => !c.is_ascii() && (c.is_whitespace() || c.is_control()),
    }
}

/// Looks at a word.
pub(super) fn word(text: &str, rules: &TextRules) -> Word {
    let mut look = Look::new(text, rules);
    let mut rest = text;
    while !rest.is_empty() {
        let run = Run::at_start(rest);
        look.piece(rest, &run);
        let behind = rest.as_bytes().get(run.len..).unwrap_or_default();
        let (signs, _) = bytes::while_without(behind, WORD);
        rest = rest.get(run.len + signs..).unwrap_or("");
    }
    look.word()
}

/// Looks at a word that is this run of letters and digits, a letter first, and with which the rest of a line
/// begins.
#[inline]
pub(super) fn plain_word(rest: &str, text: &str, run: &Run, rules: &TextRules) -> Word {
    if run.may_have_humps() {
        return word(text, rules);
    }
    let class = class(rest.as_bytes(), run.len);
    let known = class.has(Class::KNOWN) || rules.knows(text.as_bytes());
    let last = if known { class } else { of_unknown(text.as_bytes(), class) };
    // None of those that are known as they are is one run.
    Word {
        known,
        key: key(Key::Other, Class::default(), last, run.len),
        last,
        single: true,
        bare: is_bare(run, last),
    }
}

/// What a piece names, as a key, behind others.
#[inline]
fn key(before: Key, last: Class, class: Class, len: usize) -> Key {
    if class.has(Class::SECRET) || (class.has(Class::KEY) && last.has(Class::OF_KEY)) {
        Key::Secret
    } else if class.has(Class::PERSON) || (class.has(Class::NAMING) && last.has(Class::OF_NAME)) {
        Key::Person
    } else if before != Key::Other && len <= 4 {
        // `password_hash`, `userId`.
        before
    } else {
        Key::Other
    }
}

/// What an unknown piece says, which may name a secret.
fn of_unknown(piece: &[u8], class: Class) -> Class {
    if SECRETS.iter().any(|end| ends_with(piece, end.as_bytes())) { Class::SECRET } else { class }
}

/// Whether a piece that is all of a word is of small letters alone, and doesn't join others.
#[inline]
fn is_bare(run: &Run, class: Class) -> bool {
    run.kinds() == SMALL && !class.has(Class::ABOUT.or(Class::SAYS).or(Class::LINK))
}

/// Whether a word in a text names a secret or a person. What parts words is said; there are no quotes among
/// them.
pub(super) fn names_value(text: &str, parts: impl Fn(char) -> bool) -> bool {
    let rules = TextRules::default();
    let mut look = Look::new(text, &rules);
    let mut rest = text;
    while !rest.is_empty() {
        let run = Run::at_start(rest);
        look.piece(rest, &run);
        let behind = rest.get(run.len..).unwrap_or("");
        let (signs, _) = bytes::while_without(behind.as_bytes(), WORD);
        let (signs, behind) = behind.split_at_checked(signs).unwrap_or((behind, ""));
        if signs.contains(&parts) {
            if look.word.key != Key::Other {
                return true;
            }
            look = Look::new(text, &rules);
        }
        rest = behind;
    }
    look.word.key != Key::Other
}

/// What is known so far of a text.
struct Look<'a> {
    text: &'a str,
    rules: &'a TextRules,
    word: Word,
    pieces: u32,
    letters: bool,
    /// Whether a piece isn't harmless.
    unknown: bool,
    /// Pieces that are numbers.
    numbers: u32,
    after_number: bool,
}

impl<'a> Look<'a> {
    #[inline]
    fn new(text: &'a str, rules: &'a TextRules) -> Self {
        Look {
            text,
            rules,
            word: Word::default(),
            pieces: 0,
            letters: false,
            unknown: false,
            numbers: 0,
            after_number: false,
        }
    }

    fn word(self) -> Word {
        let Look { text, word, pieces, letters, unknown, .. } = self;
        let known = (!unknown && letters) || WHOLE.iter().any(|whole| whole.eq_ignore_ascii_case(text));
        Word { known, single: pieces == 1, ..word }
    }

    /// The run of letters and digits with which the rest of the text begins, if it does.
    fn piece(&mut self, rest: &str, run: &Run) {
        if run.len == 0 {
            return;
        }
        if run.kinds() == DIGIT {
            // As in `UTF-8`, `HTTP/1.1` and `32-bit`; more of them may be an address.
            self.numbers += 1;
            let few = self.numbers == 1 || (self.numbers == 2 && self.after_number);
            self.unknown |= run.len > 2 || !few;
            self.after_number = true;
            return self.take(Class::default(), run.len);
        }
        self.letters = true;
        self.after_number = false;
        let class = class(rest.as_bytes(), run.len);
        let Some((piece, behind)) = rest.split_at_checked(run.len) else { return };
        let bytes = piece.as_bytes();
        if run.may_have_humps() && self.humped(bytes, run, class) {
            return;
        }
        let is_short = || {
            class.has(Class::SHORT) && behind == "'t" || behind.is_empty() && is_contraction(piece, self.text)
        };
        let known = class.has(Class::KNOWN) || is_short() || self.rules.knows(bytes);
        self.unknown |= !known;
        let class = if known { class } else { of_unknown(bytes, class) };
        self.take(class, run.len);
        self.word.bare = run.len == self.text.len() && is_bare(run, class);
    }

    /// One that may have camel humps; whether it has more than one, or is known as it is.
    fn humped(&mut self, piece: &[u8], run: &Run, class: Class) -> bool {
        let mut humps = humps(piece);
        let first = humps.next().unwrap_or_default();
        if first.len() == piece.len() {
            return false;
        }
        let is_upper = run.kinds() & SMALL == 0;
        if class.has(Class::ANY_CASE) || is_upper && class.has(Class::KNOWN) {
            self.take(class, piece.len());
            return true;
        }
        self.unknown |= piece.len() > 100;
        for hump in std::iter::once(first).chain(humps) {
            let class = vocabulary::class(hump, hump.len());
            let long = hump.len() > 1 || matches!(hump, b"A" | b"a");
            self.unknown |= !(long && (class.has(Class::KNOWN) || self.rules.knows(hump)));
            self.take(class, hump.len());
        }
        true
    }

    #[inline]
    fn take(&mut self, class: Class, len: usize) {
        self.pieces += 1;
        self.word.key = key(self.word.key, self.word.last, class, len);
        self.word.last = class;
    }
}

fn ends_with(word: &[u8], end: &[u8]) -> bool {
    let same = |(byte, end): (&u8, &u8)| byte.eq_ignore_ascii_case(end);
    word.len() >= end.len() && word.iter().rev().zip(end.iter().rev()).all(same)
}

/// What follows the apostrophe of a short form: `can't`, `it's`, `we've`.
fn is_contraction(piece: &str, text: &str) -> bool {
    piece.len() < text.len()
        && piece.len() <= 2
        && ["t", "s", "re", "ve", "ll", "d", "m"].contains(&piece)
        && text.strip_suffix(piece).is_some_and(|before| before.ends_with('\''))
}

/// The camel humps of a piece: each starts with a capital after a small letter or a digit, or with the last
/// capital of several.
fn humps(piece: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = piece;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let starts = |pair: &[u8], behind: Option<&u8>| {
            let [before, here] = pair else { return false };
            here.is_ascii_uppercase()
                && (!before.is_ascii_uppercase() || behind.is_some_and(u8::is_ascii_lowercase))
        };
        let end = rest.windows(2).enumerate().position(|(at, pair)| starts(pair, rest.get(at + 2)));
        let (hump, behind) = rest.split_at_checked(end.map_or(rest.len(), |end| end + 1))?;
        rest = behind;
        Some(hump)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Word {
        word(text, &TextRules::default())
    }

    #[test]
    fn a_word_is_known_by_its_pieces() {
        let longest = "Server".repeat(16);
        for text in [
            "server",
            "SERVER",
            "Server",
            "read_timeout",
            "read-timeout",
            "read.timeout",
            "TableNotFound",
            "tableNotFound",
            "HTTPServer",
            "IPv6",
            "GetATable",
            "UTF-8",
            "UTF-16",
            "HTTP/1.1",
            "didn't",
            "it's",
            "N/A",
            "I/O",
            "X.509",
            &longest,
        ] {
            assert!(look(text).known, "{text}");
        }
        for text in [
            "",
            "frobnicate",
            "read_frobnicate",
            "frobnicate_read",
            "TableNotFrobnicate",
            "sErver",
            "serverX",
            "ServerXTimeout",
            "UTF-128",
            "server-1-2-3",
            "server-1-server-2",
            "12-34",
            "ain",
            "server'ss",
            &format!("{longest}Server"),
        ] {
            assert!(!look(text).known, "{text}");
        }
    }

    #[test]
    fn a_lone_letter_among_humps_is_no_word_of_an_authors_either() {
        let rules = TextRules::new(crate::config::TextLevel::Message, &["x", "photonix"], &[]).unwrap();
        assert!(word("ServerPhotonixTimeout", &rules).known && word("x", &rules).known);
        assert!(!word("ServerXTimeout", &rules).known);
    }

    #[test]
    fn a_key_names_by_its_last_piece_what_its_value_is() {
        for text in [
            "password",
            "PASSWORD",
            "dbpassword",
            "xPassword",
            "password_hash",
            "password_id_no",
            "api_key",
            "apiKey",
            "apikey",
            "user_token",
        ] {
            assert_eq!(look(text).key, Key::Secret, "{text}");
        }
        for text in ["user", "userId", "user_name", "username"] {
            assert_eq!(look(text).key, Key::Person, "{text}");
        }
        for text in [
            "server",
            "key",
            "primary_key",
            "name",
            "table_name",
            "password_length",
            "password_length_id",
            "passwordless",
        ] {
            assert_eq!(look(text).key, Key::Other, "{text}");
        }
    }

    #[test]
    fn behind_another_word_a_key_may_be_a_secrets_and_a_name_a_persons() {
        let after = |before: &str, text: &str| look(text).key_after(look(before).last);
        assert_eq!(after("api", "key"), Key::Secret);
        assert_eq!(after("primary", "key"), Key::Other);
        assert_eq!(after("api", "key_name"), look("key_name").key);
        assert_eq!(after("api", "server"), Key::Other);
        assert_eq!(after("user", "server"), Key::Other);
        assert_eq!(after("user", "name"), Key::Person);
        assert_eq!(after("given", "name"), Key::Person);
        assert_eq!(after("table", "name"), Key::Other);
        assert_eq!(after("user", "table_name"), Key::Other);
        assert_eq!(after("api", "password"), Key::Secret);
    }

    #[test]
    fn white_space_is_also_what_is_shown_as_such() {
        for c in (0..=0x3000).filter_map(char::from_u32) {
            assert_eq!(is_space(c), c.is_whitespace() || c.is_control(), "{c:?}");
        }
    }

    #[test]
    fn a_bare_word_is_of_small_letters_and_joins_no_others() {
        assert!(look("server").bare && look("frobnicate").bare && look("frobtoken").bare);
        for text in ["Server", "SERVER", "http2", "read_timeout", "can't", "accepted", "is", "and"] {
            assert!(!look(text).bare, "{text}");
        }
    }

    #[test]
    fn a_word_is_known_alike_alone_and_where_a_line_begins_with_it() {
        for text in [
            "server",
            "SERVER",
            "Server",
            "readTimeout",
            "HTTPServer",
            "IPv6",
            "frobnicate",
            "dbpassword",
            "ain",
        ] {
            let line = format!("{text} and so on");
            let word = plain_word(&line, text, &Run::at_start(&line), &TextRules::default());
            assert_eq!(format!("{word:?}"), format!("{:?}", look(text)), "{text}");
        }
    }

    #[test]
    fn a_word_of_one_piece_is_single() {
        assert!(look("server").single && look("it").single && look("TIMEOUT").single);
        assert!(!look("read_timeout").single && !look("readTimeout").single && !look("it's").single);
    }

    #[test]
    fn camel_humps_begin_with_capitals() {
        for (piece, parts) in [
            ("", &[] as &[&str]),
            ("server", &["server"]),
            ("Server", &["Server"]),
            ("SERVER", &["SERVER"]),
            ("tableNotFound", &["table", "Not", "Found"]),
            ("HTTPServer", &["HTTP", "Server"]),
            ("readHTTP", &["read", "HTTP"]),
            ("v2Server", &["v2", "Server"]),
            ("aBC", &["a", "BC"]),
            ("aBc", &["a", "Bc"]),
        ] {
            let humps: Vec<_> =
                humps(piece.as_bytes()).map(|hump| std::str::from_utf8(hump).unwrap()).collect();
            assert_eq!(humps, parts, "{piece}");
            assert!(humps.len() < 2 || Run::at_start(piece).may_have_humps(), "{piece}");
        }
    }
}
