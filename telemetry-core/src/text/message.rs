//! Foreign text, held to the allow-list: a word leaves only if it is known to be harmless.
//!
//! One pass over the atoms of each line. Every letter and digit of the output belongs to a word of the
//! vocabulary, to a number of a stated shape, or to a stack frame by its grammar.

use crate::config::TextLevel;
use crate::text::frames::frame;
use crate::text::rules::TextRules;
use crate::text::sqlstate::SqlState;
use crate::text::tokens::{Atom, Kind, MARK, cut, looked_at};
use crate::text::vocabulary::Class;
use crate::text::words::Key;

/// The heading under which Spark repeats a statement.
const ECHO: &str = "== SQL ==";

/// What of a foreign text may leave, by these rules.
pub(crate) fn sanitize(text: &str, rules: &TextRules) -> String {
    match rules.level() {
        TextLevel::None => String::new(),
        TextLevel::Frames => {
            let frames: Vec<_> = text.lines().filter_map(|line| frame(line, rules)).collect();
            frames.join("\n")
        }
        TextLevel::Message => message(text, rules),
    }
}

fn message(text: &str, rules: &TextRules) -> String {
    let mut out = String::with_capacity(text.len().min(4096));
    let mut atoms = Vec::with_capacity(text.len().min(4096) / 3);
    let mut in_sql = false;
    let mut in_echo = false;
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        looked_at(line.len());
        let frame = frame(line, rules);
        in_echo &= frame.is_none() && !line.trim().is_empty();
        match frame {
            Some(frame) => out.push_str(&frame),
            // A statement that is repeated, to the next empty line or frame.
            None if in_echo => out.push_str(MARK),
            None if line.trim() == ECHO => {
                in_echo = true;
                out.push_str(ECHO);
            }
            None => {
                atoms.clear();
                cut(line, rules, &mut atoms);
                let mut prose = Prose::new(&atoms, in_sql, &mut out);
                atoms.iter().enumerate().for_each(|(at, atom)| prose.atom(at, atom));
                in_sql = prose.in_sql;
            }
        }
    }
    out
}

/// What of a value that follows a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    Nothing,
    /// The next value, whatever it says, save what says something about the key.
    Next,
    /// The next value, save `true`, `false`, nothing, and a short number.
    Assigned,
    /// All until the clause ends.
    Clause,
}

/// A line of prose, of which one atom after the other is kept or masked.
struct Prose<'a, 'o> {
    atoms: &'a [Atom<'a>],
    render: Render<'a, 'o>,
    /// Whether a SQL statement has begun: its numbers are values.
    in_sql: bool,
    goes: Goes,
    /// What the word before names.
    named: Key,
    last: Class,
    /// What the value before was.
    before: Kind,
    /// Whether a number may follow, whatever stands beside it: a code.
    code: bool,
}

impl<'a, 'o> Prose<'a, 'o> {
    fn new(atoms: &'a [Atom<'a>], in_sql: bool, out: &'o mut String) -> Self {
        Prose {
            atoms,
            render: Render { out, marked: false, space: "" },
            in_sql,
            goes: Goes::Nothing,
            named: Key::Other,
            last: Class::default(),
            before: Kind::Space,
            code: false,
        }
    }

    fn atom(&mut self, at: usize, atom: &Atom<'a>) {
        match atom.kind {
            Kind::Space => self.render.space(atom.text),
            Kind::Sign => self.sign(atom.text),
            Kind::Quoted(open, close) => {
                self.value(atom, Kind::Masked);
                self.last = Class::default();
                self.render.quoted(open, atom.text, close);
            }
            Kind::Word => self.word(at, atom),
            Kind::Number => self.number(at, atom.text),
            Kind::Masked => {
                // A SQLSTATE may have letters.
                let kept = self.code && self.goes == Goes::Nothing && is_sqlstate(atom.text);
                self.value(atom, Kind::Masked);
                self.render.value(atom.text, kept);
            }
        }
    }

    fn sign(&mut self, sign: &'a str) {
        match sign {
            "=" if self.named == Key::Other => self.goes = Goes::Assigned,
            "=" => self.goes = Goes::Clause,
            ":" if self.named != Key::Other => self.goes = Goes::Clause,
            "," | ";" => self.goes = Goes::Nothing,
            // What was to be said of the key has been said.
            "(" | "." if self.goes == Goes::Next => self.goes = Goes::Nothing,
            _ => {}
        }
        self.code &= matches!(sign, ":" | "(" | "[" | "=" | "#");
        self.render.keep(sign);
    }

    /// A value that is no word: it ends what waits for one.
    fn value(&mut self, atom: &Atom<'a>, kind: Kind) {
        self.named = atom.word.key_after(self.last);
        self.last = atom.word.last;
        self.before = kind;
        self.code = false;
        if self.goes != Goes::Clause {
            self.goes = Goes::Nothing;
        }
    }

    fn word(&mut self, at: usize, atom: &Atom<'a>) {
        let word = atom.word;
        let about = word.single && word.last.has(Class::ABOUT);
        let kept = match self.goes {
            Goes::Clause => false,
            Goes::Next => about,
            Goes::Assigned => {
                let truth = ["true", "false"].iter().any(|truth| truth.eq_ignore_ascii_case(atom.text));
                truth || (word.single && word.last.has(Class::NOTHING))
            }
            Goes::Nothing => {
                let is_name = word.single && word.last.has(Class::NAME) && self.before != Kind::Space;
                let may_be_name = is_name || (self.named == Key::Person && !about);
                !(may_be_name && is_title(atom.text))
            }
        };
        let says = word.single && word.last.has(Class::SAYS);
        let points = self.named != Key::Other && says;
        self.named = if says { Key::Other } else { word.key_after(self.last) };
        self.goes = match self.goes {
            Goes::Clause => Goes::Clause,
            _ if points => Goes::Next,
            Goes::Next if kept => Goes::Next,
            _ if self.named != Key::Other && self.is_option(at) => Goes::Next,
            _ if word.single && word.last.has(Class::SCHEME) => Goes::Next,
            _ => Goes::Nothing,
        };
        self.last = word.last;
        self.in_sql |= kept && word.single && starts_sql(atom.text, word.last);
        self.code = kept && word.last.has(Class::CODE);
        self.before = if kept { Kind::Word } else { Kind::Masked };
        self.render.value(atom.text, kept);
    }

    fn number(&mut self, at: usize, text: &'a str) {
        if text == "s" && self.before == Kind::Word && self.stands_between(at, "(", ")") {
            // `column(s)`
            return self.render.keep(text);
        }
        // What follows is a user's name or a password.
        let names_user = self.is_option(at) && matches!(text, "u" | "p" | "U" | "P");
        let after = self.atoms.iter().skip(at + 1).map(|atom| (atom.kind, atom.text)).find(|(kind, text)| {
            looked_at(1);
            // What stands behind an equals sign is a value.
            *kind != Kind::Space && (*kind != Kind::Sign || *text == "=")
        });
        let beside = [self.before, after.map_or(Kind::Space, |(kind, _)| kind)];
        let alone = beside.iter().all(|kind| matches!(kind, Kind::Word | Kind::Space));
        let kept = match self.goes {
            Goes::Clause | Goes::Next => false,
            Goes::Assigned => {
                text.len() <= 3 && !self.in_sql && text.bytes().all(|byte| byte.is_ascii_digit())
            }
            Goes::Nothing => self.code || (alone && !self.in_sql && !names_user),
        };
        if self.goes != Goes::Clause {
            self.goes = if names_user { Goes::Next } else { Goes::Nothing };
        }
        self.before = Kind::Number;
        // `1064 (42000)`: a vendor's number may have its SQLSTATE behind it.
        self.code &= kept;
        self.named = Key::Other;
        self.render.value(text, kept);
    }

    fn stands_between(&self, at: usize, open: &str, close: &str) -> bool {
        self.stands_behind(at, open) && self.atoms.get(at + 1).is_some_and(|after| after.text == close)
    }

    fn stands_behind(&self, at: usize, sign: &str) -> bool {
        at.checked_sub(1).and_then(|before| self.atoms.get(before)).is_some_and(|before| before.text == sign)
    }

    /// Whether a word is an option of a command line, whose value follows.
    fn is_option(&self, at: usize) -> bool {
        self.stands_behind(at, "-")
    }
}

/// Whether a word begins with a capital and goes on in small letters.
fn is_title(word: &str) -> bool {
    word.starts_with(|c: char| c.is_uppercase()) && word.chars().any(char::is_lowercase)
}

fn starts_sql(word: &str, class: Class) -> bool {
    class.has(Class::VERB)
        && (word.eq_ignore_ascii_case("select") || word.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// A SQLSTATE that is no word in capitals: at least two of it are digits (`42P01`, `0A000`, `HY000`).
fn is_sqlstate(text: &str) -> bool {
    SqlState::new(text).is_some() && text.bytes().filter(u8::is_ascii_digit).count() >= 2
}

struct Render<'a, 'o> {
    out: &'o mut String,
    /// Whether the last that was written is the mark.
    marked: bool,
    /// White space that isn't written yet: between two marks it goes.
    space: &'a str,
}

impl<'a> Render<'a, '_> {
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

    fn value(&mut self, text: &str, kept: bool) {
        if kept {
            self.keep(text);
        } else {
            self.mask();
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokens::STEPS;

    fn steps(text: &str) -> u64 {
        STEPS.set(0);
        sanitize(text, &TextRules::default());
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
    fn what_stands_beside_a_word_decides() {
        for (text, kept) in [
            // Numbers: alone, and outside SQL.
            ("failed after 3 attempts on port 5432", "failed after 3 attempts on port 5432"),
            ("card 4111 1111 1111 1111 refused", "card *** refused"),
            ("call 555-1234 or 0171 555", "call *** or ***"),
            ("SELECT name FROM table LIMIT 42", "SELECT name FROM table LIMIT ***"),
            ("SELECT name FROM table WHERE id = 42", "SELECT name FROM table WHERE id = ***"),
            ("update 3 rows", "update 3 rows"),
            ("error 1064 (42000): syntax", "error 1064 (42000): syntax"),
            ("SQLSTATE: 0A000, HTTP status 503", "SQLSTATE: 0A000, HTTP status 503"),
            // Values: what is quoted, what is assigned, what a key names.
            ("table 'orders' not found", "table '***' not found"),
            ("can't read, don't retry", "can't read, don't retry"),
            (
                "retries=3 enabled=true size=12345 mode=fast value=null",
                "retries=3 enabled=true size=*** mode=*** value=null",
            ),
            ("password is welcome", "password is ***"),
            ("password is not set", "password is not set"),
            ("the password was rejected by the server", "the password was rejected *** the server"),
            ("user Marks is unknown", "user *** is unknown"),
            ("access key: server; primary key: server", "access key: ***; primary key: server"),
            ("Grant failed for Grant", "Grant failed for ***"),
            ("Bearer welcome", "Bearer ***"),
            ("digest algorithm is unknown", "digest algorithm is unknown"),
            ("mysql -u root --password welcome", "mysql -*** --password ***"),
            // Letters, plurals, and words joined.
            ("column(s) x and y", "column(s) x and y"),
            ("x y z", "***"),
            ("I/O error in X.509 chain", "I/O error in X.509 chain"),
            ("TableNotFoundException in read_timeout_ms", "TableNotFoundException in read_timeout_ms"),
            ("OAuth over IPv6, gRPC or HTTP/1.1", "OAuth over IPv6, gRPC or HTTP/1.1"),
            ("wELCOME frobnicate \u{4f60}\u{597d} na\u{ef}ve", "***"),
        ] {
            assert_eq!(sanitize(text, &TextRules::default()), kept);
        }
    }

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

    #[test]
    fn an_authors_own_words_and_packages_are_kept() {
        let rules = |level| TextRules::new(level, &["Photonix", "widget9"], &["com.acme.driver"]).unwrap();
        let text = "photonix WIDGET9 gadgetron\n\tat com.acme.driver.Wire.read(Wire.java:12)\n\tat com.acme.other.X.y(X.java:1)";
        assert_eq!(
            sanitize(text, &rules(TextLevel::Message)),
            "photonix WIDGET9 ***\n    at com.acme.driver.Wire.read(Wire.java:12)\n    at ***"
        );
        let frames = "    at com.acme.driver.Wire.read(Wire.java:12)\n    at ***";
        assert_eq!(sanitize(text, &rules(TextLevel::Frames)), frames);
        assert_eq!(sanitize(text, &rules(TextLevel::None)), "");
    }
}
