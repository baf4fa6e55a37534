//! Foreign text, held to the allow-list: a word leaves only if it is known to be harmless.
//!
//! One pass over the atoms of each line. Every letter and digit of the output belongs to a word of the
//! vocabulary, to a number of a stated shape, or to a stack frame by its grammar.

use crate::config::TextLevel;
use crate::text::atoms::{Atom, Atoms, Kind, MARK};
use crate::text::bytes::split_start;
use crate::text::frames::{Frame, frame};
use crate::text::render::Render;
use crate::text::rules::TextRules;
use crate::text::sqlstate::SqlState;
use crate::text::tokens::{close_of, cut, looked_at};
use crate::text::vocabulary::Class;
use crate::text::words::Key;

/// How the heading begins and ends under which Spark repeats a statement: `== SQL ==`, `== SQL (line 1) ==`.
const ECHO: (&str, &str) = ("== SQL", "==");

/// So many words in a row without one that joins them are no sentence: a phrase to recover a key, a row.
const NO_SENTENCE: usize = 10;

/// What of a foreign text may leave, by these rules.
pub(crate) fn sanitize(text: &str, rules: &TextRules) -> String {
    let mut out = String::new();
    sanitize_onto(&mut out, text, rules);
    out
}

/// The same, behind what is there.
pub(crate) fn sanitize_onto(out: &mut String, text: &str, rules: &TextRules) {
    match rules.level() {
        TextLevel::None => {}
        TextLevel::Frames => frames(out, text, rules),
        TextLevel::Message => message(out, text, rules),
    }
}

fn frames(out: &mut String, text: &str, rules: &TextRules) {
    let mut lines = text.lines().peekable();
    let mut kept = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(Frame { text, takes_two }) = frame(line, lines.peek().copied(), rules) {
            kept.push(text);
            if takes_two {
                lines.next();
            }
        }
    }
    out.push_str(&kept.join("\n"));
}

fn message(out: &mut String, text: &str, rules: &TextRules) {
    out.reserve(text.len().min(4096));
    let mut atoms = Atoms::with_capacity(text.len().min(4096) / 5);
    let mut across = Across::default();
    let mut in_echo = false;
    let mut under_caret = false;
    let mut quotes = Quotes::default();
    let mut rest = Some(text);
    while let Some((line, behind)) = rest.map(next_line) {
        looked_at(line.len());
        let frame = frame(line, behind.map(|behind| next_line(behind).0), rules);
        // A statement that is repeated goes, to a frame, or to an empty line under where a caret points at
        // it.
        in_echo &= frame.is_none() && !(under_caret && line.trim().is_empty());
        under_caret = in_echo && line.contains('^') && line.bytes().all(|byte| b" -^".contains(&byte));
        rest = behind;
        match frame {
            Some(Frame { text, takes_two }) => {
                out.push_str(&text);
                if takes_two {
                    rest = behind.and_then(|behind| next_line(behind).1);
                }
            }
            None if in_echo && !under_caret => {
                if !line.trim().is_empty() {
                    out.push_str(MARK);
                }
            }
            None if under_caret || is_echo(line) => {
                in_echo = true;
                out.push_str(line.trim_end());
            }
            None => {
                atoms.clear();
                let open = cut(line, quotes.open, rules, &mut atoms);
                quotes.open = open.filter(|close| quotes.is_closed(*close, behind));
                if atoms.bare >= NO_SENTENCE {
                    mask_what_is_no_sentence(&mut atoms.atoms);
                }
                mask_statements(&mut atoms.atoms);
                let mut render = Render::new(line, out);
                across = Prose::new(across, &atoms.atoms, &mut render).render();
                render.space(atoms.space);
                render.end();
            }
        }
        if rest.is_some() {
            out.push('\n');
        }
    }
}

/// A text's first line, and what stands behind it, if it has another.
fn next_line(text: &str) -> (&str, Option<&str>) {
    text.split_once('\n').map_or((text, None), |(line, behind)| (line, Some(behind)))
}

fn is_echo(line: &str) -> bool {
    let (_, line) = split_start(line, char::is_whitespace);
    let inside = line.strip_prefix(ECHO.0).and_then(|line| line.trim_end().strip_suffix(ECHO.1));
    let place = |byte: u8| byte.is_ascii_digit() || b" (),".contains(&byte);
    inside.is_some_and(|inside| inside.replace("line", "").replace("position", "").bytes().all(place))
}

/// Quotes that are open at the end of a line.
#[derive(Default)]
struct Quotes {
    open: Option<char>,
    /// What was found last to close one, and how many bytes before the end of the text.
    found: Option<(char, usize)>,
    /// What closes no quote any more.
    never: String,
}

impl Quotes {
    /// Whether a quote is closed in what is to come. If not, it is one line's alone.
    fn is_closed(&mut self, close: char, behind: Option<&str>) -> bool {
        if self.never.contains(close) {
            return false;
        }
        let behind = behind.unwrap_or("");
        // What was found is still to come, so it isn't looked for anew at the end of each line before it.
        if self.found.is_some_and(|(found, at)| found == close && at <= behind.len()) {
            return true;
        }
        self.found = close_of(behind, close, false).map(|at| (close, behind.len() - at));
        if self.found.is_none() {
            self.never.push(close);
        }
        self.found.is_some()
    }
}

/// Masks the words of each run that is no sentence.
fn mask_what_is_no_sentence(atoms: &mut [Atom<'_>]) {
    looked_at(atoms.len());
    for run in atoms.split_mut(|atom| !is_bare(atom)).filter(|run| run.len() >= NO_SENTENCE) {
        run.iter_mut().for_each(|atom| atom.kind = Kind::Masked);
    }
}

/// Masks what stands in a SQL statement and is no keyword, to where the line or the statement ends: at a word
/// that goes on with a sentence.
fn mask_statements(atoms: &mut [Atom<'_>]) {
    if !atoms.iter().any(may_begin_statement) {
        return;
    }
    looked_at(3 * atoms.len());
    let mut ends = Ends { from: 0, set: 0, last_where: 0 };
    for (at, atom) in atoms.iter().enumerate().filter(|(_, atom)| atom.word.last.has(Class::SQL)) {
        let is = |word: &str| atom.text.eq_ignore_ascii_case(word);
        ends.from = if is("from") { at } else { ends.from };
        ends.set = if is("set") { at } else { ends.set };
        ends.last_where = if is("where") { at } else { ends.last_where };
    }
    let mut at = 0;
    while at < atoms.len() {
        if !begins_statement(atoms, at, &ends) {
            at += 1;
            continue;
        }
        while let Some(atom) = atoms.get_mut(at) {
            let keyword = atom.word.single && atom.word.last.has(Class::SQL);
            if atom.word.single && !keyword && atom.word.last.has(Class::LINK) {
                break;
            }
            if atom.kind == Kind::Word && !keyword {
                atom.kind = Kind::Masked;
            }
            at += 1;
        }
    }
}

/// The last places of words in a line by which statements are known.
struct Ends {
    from: usize,
    set: usize,
    last_where: usize,
}

/// Whether a word is a keyword of SQL's, and none of those that sentences have as well.
fn may_begin_statement(atom: &Atom<'_>) -> bool {
    atom.word.last.has(Class::SQL)
        && atom.word.single
        && (!atom.word.last.has(Class::ABOUT.or(Class::LINK).or(Class::OBJECT)) || atom.text == "FROM")
}

/// Whether a statement begins with this word: `SELECT … FROM`, `INSERT INTO`, `UPDATE … SET`, `DROP TABLE`,
/// `FROM … WHERE`.
fn begins_statement(atoms: &[Atom<'_>], at: usize, ends: &Ends) -> bool {
    let Some(atom) = atoms.get(at).filter(|atom| may_begin_statement(atom)) else { return false };
    let is = |word: &str| atom.text.eq_ignore_ascii_case(word);
    let next = || atoms.get(at + 1);
    let before = |word: &str| next().is_some_and(|next| next.text.eq_ignore_ascii_case(word));
    let on_object = || next().is_some_and(|next| next.word.last.has(Class::OBJECT));
    (is("select") && at < ends.from)
        || (is("update") && at < ends.set)
        || ((is("insert") || is("merge")) && before("into"))
        || (is("delete") && before("from"))
        || (["create", "drop", "alter", "truncate"].iter().any(|verb| is(verb)) && on_object())
        || (atom.text == "FROM" && at < ends.last_where)
}

/// Whether an atom is a word in small letters that joins no others.
fn is_bare(atom: &Atom<'_>) -> bool {
    matches!(atom.kind, Kind::Word | Kind::Masked) && atom.word.bare
}

/// What of a value that follows a key goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Goes {
    #[default]
    Nothing,
    /// The next value, whatever it says, save what says something about the key.
    Next,
    /// The same where it was said to be the key's: it may go on.
    Said,
    /// What stands behind such a value, to the end of the clause.
    Rest,
    /// The next value, save `true`, `false` and nothing,
    Assigned,
    /// of a known key, a short number,
    AssignedKnown,
    /// and of a code, what a code may be.
    AssignedCode,
    /// All until the clause ends: at a comma or a semicolon, or at the bracket that closes around it.
    Clause,
    /// All to the end of the line.
    Line,
}

/// What a word says of the number behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Code {
    #[default]
    None,
    /// It is one, whatever stands beside it.
    Any,
    /// It is a SQLSTATE.
    State,
    /// It was one, and another may stand in brackets: `1064 (42000)`.
    Second,
    /// It stands in those brackets.
    InBrackets,
}

/// What one line says of the next.
#[derive(Clone, Copy, Debug, Default)]
struct Across {
    /// Whether a SQL statement has begun: its numbers are values.
    in_sql: bool,
    /// What goes of the value that was to come.
    goes: Goes,
}

/// A line of prose, of which one atom after the other is kept or masked.
struct Prose<'a, 'l, 'r, 'o> {
    atoms: &'l [Atom<'a>],
    /// Which of them is looked at.
    at: usize,
    render: &'r mut Render<'a, 'o>,
    in_sql: bool,
    goes: Goes,
    /// Whether what goes is still to come.
    waits: bool,
    /// Brackets that are open in the clause that goes.
    depth: u32,
    /// What the word before names.
    named: Key,
    last: Class,
    /// What the value before was.
    before: Option<Kind>,
    code: Code,
    /// Whether words with a capital go on a name: `name=Max Long`.
    name_goes_on: bool,
}

impl<'a, 'l, 'r, 'o> Prose<'a, 'l, 'r, 'o> {
    fn new(Across { in_sql, goes }: Across, atoms: &'l [Atom<'a>], render: &'r mut Render<'a, 'o>) -> Self {
        Prose {
            atoms,
            at: 0,
            render,
            in_sql,
            goes,
            waits: goes != Goes::Nothing,
            depth: 0,
            named: Key::Other,
            last: Class::default(),
            before: None,
            code: Code::None,
            name_goes_on: false,
        }
    }

    /// Writes what is left of the line; what that says of the next.
    fn render(mut self) -> Across {
        for (at, atom) in self.atoms.iter().enumerate() {
            self.at = at;
            self.atom(atom);
        }
        let carries = self.waits && matches!(self.goes, Goes::Clause | Goes::Next | Goes::Said | Goes::Line);
        Across { in_sql: self.in_sql, goes: if carries { self.goes } else { Goes::Nothing } }
    }

    /// What stands before the atom that is looked at.
    fn prior(&self) -> Option<&'l Atom<'a>> {
        self.atoms.get(self.at.checked_sub(1)?)
    }

    /// What stands behind it.
    fn behind(&self) -> &'l [Atom<'a>] {
        self.atoms.get(self.at + 1..).unwrap_or_default()
    }

    fn atom(&mut self, atom: &Atom<'a>) {
        if !atom.adjoins() {
            self.render.space(atom.space);
        }
        match atom.kind {
            Kind::Sign => self.sign(atom),
            Kind::Quoted(open, close) => {
                self.value(atom);
                self.last = Class::default();
                self.render.quoted(open, atom.text, close);
            }
            Kind::Word => self.word(atom),
            Kind::Number => self.number(atom),
            Kind::Masked => {
                // A SQLSTATE may have letters.
                let code = self.code != Code::None || self.is_bracketed(atom);
                let assigned = self.goes == Goes::AssignedCode;
                let kept = ((code && self.goes == Goes::Nothing) || assigned) && is_sqlstate(atom.text);
                self.value(atom);
                self.render.value(atom.text, kept);
            }
        }
    }

    /// Begins what goes.
    fn goes(&mut self, goes: Goes) {
        self.goes = goes;
        self.waits = goes != Goes::Nothing;
        self.depth = 0;
    }

    fn sign(&mut self, atom: &Atom<'a>) {
        let sign = atom.text.chars().next().unwrap_or(' ');
        match self.goes {
            Goes::Line => {}
            Goes::Clause => self.sign_in_clause(sign),
            goes => match sign {
                '=' | ':' | '>' | '\u{ff1d}' | '\u{ff1a}' if self.named != Key::Other => {
                    let line = self.last.has(Class::HEADER) && sign == ':';
                    self.goes(if line { Goes::Line } else { Goes::Clause });
                }
                '=' | '\u{ff1d}' => {
                    self.goes(match self.before {
                        Some(Kind::Word) if self.last.has(Class::CODE) => Goes::AssignedCode,
                        Some(Kind::Word) => Goes::AssignedKnown,
                        _ => Goes::Assigned,
                    });
                }
                // `user:password`
                ':' if self.name_goes_on && self.stands_inside(atom) => self.goes(Goes::Next),
                '(' | '[' | '{' if self.opens_values() => {
                    self.goes(Goes::Clause);
                    self.depth = 1;
                }
                ',' | ';' | ')' | ']' | '}' => self.goes(Goes::Nothing),
                // What was to be said of the key has been said.
                '(' | '.' if matches!(goes, Goes::Next | Goes::Said | Goes::Rest) => self.goes(Goes::Nothing),
                ':' if goes == Goes::Rest => self.goes(Goes::Nothing),
                _ => {}
            },
        }
        self.code = match self.code {
            Code::Second if matches!(sign, '(' | '[') => Code::InBrackets,
            Code::Any | Code::State if matches!(sign, ':' | '(' | '[' | '=' | '#') => self.code,
            _ => Code::None,
        };
        self.name_goes_on = false;
        self.render.keep(atom.text.len());
    }

    fn sign_in_clause(&mut self, sign: char) {
        match sign {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.goes(Goes::Nothing);
                }
            }
            ',' if self.depth == 0 => self.goes(Goes::Nothing),
            ';' if self.depth == 0 && self.ends_here_or_assigns() => self.goes(Goes::Nothing),
            '<' => self.goes(Goes::Nothing),
            _ => {}
        }
    }

    /// Whether what stands in the brackets that open here are values.
    fn opens_values(&self) -> bool {
        self.last.has(Class::ROWS)
            || matches!(self.goes, Goes::Assigned | Goes::AssignedKnown | Goes::AssignedCode)
            || (self.goes == Goes::Said && self.waits)
    }

    /// A value that is no word: it ends what waits for one.
    fn value(&mut self, atom: &Atom<'a>) {
        self.named = atom.word.key_after(self.last);
        self.last = atom.word.last;
        self.before = Some(Kind::Masked);
        self.code = Code::None;
        self.ends_wait();
    }

    /// What was to come has come.
    fn ends_wait(&mut self) {
        self.waits = false;
        self.name_goes_on |= self.goes != Goes::Nothing;
        self.goes = match self.goes {
            goes @ (Goes::Next | Goes::Said) if self.last.has(Class::SCHEME) => goes,
            goes @ (Goes::Rest | Goes::Clause | Goes::Line) => goes,
            _ => Goes::Nothing,
        };
    }

    fn word(&mut self, atom: &Atom<'a>) {
        let word = atom.word;
        let single = if word.single { word.last } else { Class::default() };
        let about = single.has(Class::ABOUT);
        let links = single.has(Class::LINK);
        let is_name = single.has(Class::NAME);
        let says = single.has(Class::SAYS);
        let kept = match self.goes {
            Goes::Clause | Goes::Line => false,
            Goes::Rest => links,
            // A name goes on, as it does where what went before is masked already.
            Goes::Next | Goes::Said => (about || links) && !(self.name_goes_on && is_title(atom.text)),
            Goes::Assigned | Goes::AssignedKnown | Goes::AssignedCode => {
                let truth = ["true", "false"].iter().any(|truth| truth.eq_ignore_ascii_case(atom.text));
                truth || single.has(Class::NOTHING) || (self.goes == Goes::AssignedCode && !self.in_sql)
            }
            Goes::Nothing => {
                let of_person = self.named == Key::Person && !about && !links;
                let shouted =
                    || atom.text.len() > 2 && atom.text.bytes().all(|byte| byte.is_ascii_uppercase());
                let title = || is_title(atom.text);
                let joins = about || links || says;
                let secret =
                    self.named == Key::Secret && word.key == Key::Other && !joins && self.ends_part();
                let name = ((is_name && self.before.is_some()) || self.name_goes_on) && title();
                !(secret || name || (of_person && (is_name || title() || shouted())))
            }
        };
        let points = self.named != Key::Other && says;
        let before = self.goes;
        self.named = if says { Key::Other } else { word.key_after(self.last) };
        // `the value is (…)`
        let of_rows = says && self.last.has(Class::VALUE);
        self.last = if of_rows { Class::ROWS } else { word.last };
        self.name_goes_on = !kept;
        self.waits &= kept || word.last.has(Class::SCHEME);
        let is_key = self.named != Key::Other || points || single.has(Class::SCHEME);
        if is_key || before != Goes::Nothing {
            self.goes = match before {
                Goes::Clause | Goes::Line => before,
                _ if points => Goes::Said,
                Goes::Next | Goes::Said if kept && !links => before,
                Goes::Said | Goes::Rest if !kept => Goes::Rest,
                _ if self.named != Key::Other && self.is_option(atom) => Goes::Next,
                _ if single.has(Class::SCHEME) => Goes::Next,
                _ => Goes::Nothing,
            };
            self.waits |= self.goes != before && matches!(self.goes, Goes::Next | Goes::Said);
        }
        self.in_sql |= kept && starts_sql(atom.text, single);
        self.code = match kept && word.last.has(Class::CODE) {
            true if atom.text.eq_ignore_ascii_case("sqlstate") => Code::State,
            true => Code::Any,
            false => Code::None,
        };
        self.before = Some(if kept { Kind::Word } else { Kind::Masked });
        self.render.value(atom.text, kept);
    }

    fn number(&mut self, atom: &Atom<'a>) {
        let text = atom.text;
        if text == "s" && matches!(self.before, Some(Kind::Word)) && self.stands_between(atom, b'(', b')') {
            // `column(s)`
            return self.render.keep(text.len());
        }
        // What follows is a user's name or a password.
        let names_user = self.is_option(atom) && matches!(text, "u" | "p" | "U" | "P");
        let after = self.behind().iter().find(|atom| {
            looked_at(1);
            // What stands behind an equals sign is a value.
            !atom.is_sign() || matches!(atom.text, "=" | "\u{ff1d}")
        });
        let name_behind = after.is_some_and(|after| {
            after.kind == Kind::Word && after.word.last.has(Class::NAME) && is_title(after.text)
        });
        let after = after.map(|after| after.kind);
        let alone = [self.before, after].iter().all(|kind| matches!(kind, None | Some(Kind::Word)));
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_code = match self.code {
            Code::None | Code::Second => self.is_bracketed(atom) && is_sqlstate(text) && !self.in_sql,
            Code::State => is_sqlstate(text) || (!self.in_sql && after != Some(Kind::Number)),
            Code::Any => !self.in_sql && (after != Some(Kind::Number) || self.opens_behind()),
            Code::InBrackets => after != Some(Kind::Number),
        };
        let kept = match self.goes {
            Goes::Clause | Goes::Line | Goes::Next | Goes::Said | Goes::Rest => false,
            Goes::Assigned => false,
            Goes::AssignedKnown => digits && !self.in_sql && text.len() <= 3,
            Goes::AssignedCode => digits && !self.in_sql,
            Goes::Nothing => {
                (is_code || (alone && !name_behind && !self.in_sql && !names_user))
                    && self.named == Key::Other
            }
        };
        self.ends_wait();
        if names_user && !matches!(self.goes, Goes::Clause | Goes::Line) {
            self.goes(Goes::Next);
        }
        self.before = Some(Kind::Number);
        self.code =
            if kept && matches!(self.code, Code::Any | Code::State) { Code::Second } else { Code::None };
        self.named = Key::Other;
        self.last = Class::default();
        self.render.value(text, kept);
    }

    fn stands_between(&self, atom: &Atom<'a>, open: u8, close: u8) -> bool {
        let closes = |after: &Atom<'a>| after.adjoins() && after.is(close);
        self.stands_behind(atom, open) && self.behind().first().is_some_and(closes)
    }

    fn stands_behind(&self, atom: &Atom<'a>, sign: u8) -> bool {
        atom.adjoins() && self.prior().is_some_and(|before| before.is(sign))
    }

    fn is_bracketed(&self, atom: &Atom<'a>) -> bool {
        self.stands_between(atom, b'(', b')') || self.stands_between(atom, b'[', b']')
    }

    /// Whether a sign stands between two values, without white space.
    fn stands_inside(&self, sign: &Atom<'a>) -> bool {
        sign.adjoins()
            && self.prior().is_some_and(|before| !before.is_sign())
            && self.behind().first().is_some_and(|after| after.adjoins() && !after.is_sign())
    }

    /// Whether a part of the sentence ends with a word: nothing, a sign or a quote follows.
    fn ends_part(&self) -> bool {
        self.behind().first().is_none_or(|after| matches!(after.kind, Kind::Sign | Kind::Quoted(..)))
    }

    fn opens_behind(&self) -> bool {
        self.behind().first().is_some_and(|after| matches!(after.text, "(" | "["))
    }

    /// Whether nothing follows, or another key and its value.
    fn ends_here_or_assigns(&self) -> bool {
        looked_at(5);
        let sign = self.behind().iter().take(5).find(|atom| atom.is_sign());
        self.behind().is_empty() || sign.is_some_and(|sign| matches!(sign.text, "=" | ":"))
    }

    /// Whether a word is an option of a command line, whose value follows.
    fn is_option(&self, word: &Atom<'a>) -> bool {
        self.stands_behind(word, b'-')
    }
}

/// Whether a word begins with a capital and goes on in small letters.
fn is_title(word: &str) -> bool {
    word.starts_with(|c: char| c.is_uppercase()) && word.chars().any(char::is_lowercase)
}

fn starts_sql(word: &str, class: Class) -> bool {
    let word = || word.trim_matches(['_', '\'']);
    class.has(Class::VERB)
        && (word().eq_ignore_ascii_case("select") || word().bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// A SQLSTATE of a class that databases use, and no word in capitals (`42P01`, `0A000`, `HY000`).
fn is_sqlstate(text: &str) -> bool {
    SqlState::new(text).is_some_and(|state| state.has_known_class())
        && text.bytes().filter(u8::is_ascii_digit).count() >= 2
}

#[cfg(test)]
mod tests;
