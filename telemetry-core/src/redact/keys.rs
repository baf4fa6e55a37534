//! Values of keys that name a secret or a person, however they are assigned.

use super::Gone;
use super::commands::{argument, line_before};
use super::cookies::cookies;
use super::headers::{SCHEMES, authorization};
use super::looks::{is_no_value, is_uuid, looks_secret};
use super::names::{Names, Words};
use super::scan::{
    before, blanks, find as find_byte, goes_on, is_quote, is_token, is_word, line_end, skip, spaces, word,
};
use super::values::{Place, Sign, Value, bracketed, quoted, value};

pub(super) fn find(text: &str, gone: &mut Gone) {
    let bytes = text.as_bytes();
    let mut words = Words::new();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            // Words of one key stand a single space apart.
            if bytes[at] != b' ' || before(bytes, at).is_some_and(|last| !is_word(last)) {
                words.clear();
            }
            at += 1;
            continue;
        }
        let end = identifier(bytes, at);
        let key = Key { text, start: at, end };
        words.add(&text[at..end]);
        let next = match words.names() {
            None if goes_on(bytes, at, "value") && end == at + 5 => key.value_before_name(gone),
            Some(names) => key.assigned(names, &words, gone).or_else(|| key.scheme(gone)),
            None => key.scheme(gone),
        };
        match next.or_else(|| argument(text, at, end, gone)) {
            Some(next) => {
                at = next.max(end);
                words.clear();
            }
            None => at = end,
        }
    }
}

/// The end of a name such as `fs.azure.account.key` or `set-cookie`.
fn identifier(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        end = skip(bytes, end, is_word);
        let joined = matches!(bytes.get(end), Some(b'.' | b'-' | b'$'))
            && bytes.get(end + 1).copied().is_some_and(is_word);
        if !joined {
            return end;
        }
        end += 1;
    }
}

/// A name in a text.
#[derive(Clone, Copy)]
struct Key<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Key<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn before(&self) -> Option<u8> {
        before(self.bytes(), self.start)
    }

    /// Whether it is written as an option: `--password`.
    fn is_option(&self) -> bool {
        self.before() == Some(b'-')
    }

    /// Whether it stands in quotes, and the place past them.
    fn unquoted(&self) -> (bool, usize) {
        let bytes = self.bytes();
        let mut start = self.start;
        while before(bytes, start) == Some(b'-') {
            start -= 1;
        }
        match (before(bytes, start), bytes.get(self.end)) {
            (Some(open), Some(close)) if is_quote(open) && open == *close => (true, self.end + 1),
            _ => (false, self.end),
        }
    }

    /// Takes the value that the key is assigned; the place after it.
    fn assigned(&self, names: Names, words: &Words, gone: &mut Gone) -> Option<usize> {
        let bytes = self.bytes();
        let (in_quotes, mut end) = self.unquoted();
        if bytes.get(end) == Some(&b']') && (in_quotes || self.before() == Some(b'[')) {
            end += 1;
        }
        if let Some((sign, after)) = sign(bytes, end) {
            return self.takes(names, words, sign, after, gone);
        }
        if names == Names::Parameters && goes_on(bytes, end, " [") {
            return parameters(self.text, end + 1, gone);
        }
        if matches!(names, Names::Parameters | Names::Perhaps) {
            return None;
        }
        // `Added cookie sid="…" for domain`
        if names == Names::Cookie && sign_after(bytes, blanks(bytes, end)) {
            return Some(cookies(self.text, end, gone));
        }
        let found = self
            .element(end)
            .or_else(|| self.in_pair(names, in_quotes, end))
            .or_else(|| self.beside(end))
            .or_else(|| if in_quotes { None } else { self.apart(names, words, end) })?;
        if names == Names::Authorization {
            return Some(authorization(self.text, found.range.start, gone));
        }
        gone.push(found.range);
        Some(found.next)
    }

    fn takes(&self, names: Names, words: &Words, sign: Sign, after: usize, gone: &mut Gone) -> Option<usize> {
        let bytes = self.bytes();
        let mut at = blanks(bytes, after);
        if matches!(bytes.get(at), Some(b'\n' | b'\r')) {
            at = self.folded(names, words, sign, at, gone)?;
        }
        match names {
            Names::Authorization => return Some(authorization(self.text, at, gone)),
            Names::Cookie => return Some(cookies(self.text, at, gone)),
            Names::Parameters => return parameters(self.text, at, gone),
            Names::Secret | Names::Person | Names::Perhaps => {}
        }
        // In prose a role is what somebody does.
        if words.is_any(&["role"]) {
            return None;
        }
        let strong = words.is_any(&["password", "passwd", "pwd", "passphrase"]);
        // What a secret's object holds is secret too, whatever its keys are.
        if bytes.get(at) == Some(&b'{')
            && sign == Sign::Colon
            && (strong || words.is_any(&["secret", "secrets"]))
        {
            let inside = braces(self.text, at)?;
            gone.push(inside.range);
            return Some(inside.next);
        }
        let mut found = value(self.text, at, sign, self.place(sign, after < at, strong))?;
        // `token:secret@host/path` of a URL: the host stays.
        if sign == Sign::Colon
            && at == after
            && !found.quoted
            && let Some(end) = before_host(&self.text[found.range.clone()])
        {
            found.range.end = found.range.start + end;
            found.next = found.range.end;
        }
        let shown = &self.text[found.range.clone()];
        if is_no_value(shown) || self.is_nothing(names, words, sign, &found) {
            return None;
        }
        if sign == Sign::Colon && !found.quoted && !strong && self.is_prose(&found) {
            return None;
        }
        if sign == Sign::Colon && !found.quoted && starts_prose(shown) {
            return None;
        }
        // A session's id may be known by anyone.
        if words.is_any(&["sid", "sessionid", "uid"]) && is_uuid(shown) {
            return None;
        }
        // A scheme, and what it introduces: `token = "Bearer abc"`.
        gone.push(found.range.clone());
        let scheme_alone = !found.quoted && SCHEMES.iter().any(|scheme| shown.eq_ignore_ascii_case(scheme));
        if scheme_alone {
            let credentials = blanks(bytes, found.next);
            let end = skip(bytes, credentials, is_token);
            gone.push(credentials..end);
            return Some(end);
        }
        Some(found.next)
    }

    /// Where a value goes on, on the line after its key. Lists that stand there are taken at once.
    fn folded(&self, names: Names, words: &Words, sign: Sign, at: usize, gone: &mut Gone) -> Option<usize> {
        let bytes = self.bytes();
        let next = spaces(bytes, at);
        let indented = matches!(before(bytes, next), Some(b' ' | b'\t'));
        if names == Names::Authorization {
            return indented.then_some(next);
        }
        if sign == Sign::Equals {
            // `["password"]=>` and its value below.
            return (before(bytes, at) == Some(b'>')).then_some(next);
        }
        if bytes.get(next) == Some(&b'-') && names == Names::Secret {
            let mut line = next;
            while bytes.get(line) == Some(&b'-') && goes_on(bytes, line, "- ") {
                let item = blanks(bytes, line + 1);
                let end = line_end(bytes, item);
                if !self.text[item..end].contains(": ") && !self.text[item..end].ends_with(':') {
                    gone.push(item..end);
                }
                line = spaces(bytes, end);
            }
            return None;
        }
        if indented {
            // A nested mapping's keys speak for themselves.
            return (!sign_after(bytes, next)).then_some(next);
        }
        // `Signature:` and what was computed, below it.
        let end = skip(bytes, next, is_token);
        (words.is_any(&["signature", "sig", "token"]) && end - next >= 32).then_some(next)
    }

    /// What a bare value of this key stands in.
    fn place(&self, sign: Sign, spaced: bool, strong: bool) -> Place {
        let bytes = self.bytes();
        let start = skip_back(bytes, self.start);
        let last = before(bytes, start);
        let leads = start == 0 || matches!(last, Some(b'\n')) || self.text[..start].ends_with("\n-");
        match (sign, last) {
            (_, Some(b';')) => Place::Semicolons,
            (Sign::Equals, Some(b'{' | b'(')) => Place::Map,
            (Sign::Equals, Some(b',')) if start < self.start => Place::Map,
            (Sign::Equals, _) if (leads || self.text[..start].ends_with("export")) && self.is_shouted() => {
                Place::Environment
            }
            (Sign::Colon, _) if leads && spaced && strong => Place::Line,
            _ => Place::Text,
        }
    }

    /// Whether it is written as variables of the environment are: `DB_PASSWORD`.
    fn is_shouted(&self) -> bool {
        self.text[self.start..self.end]
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    }

    /// Whether a value is too plain for its key to be what the key may name.
    fn is_nothing(&self, names: Names, words: &Words, sign: Sign, found: &Value) -> bool {
        let shown = &self.text[found.range.clone()];
        let number = shown.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let constant = shown.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if names == Names::Perhaps {
            let long = shown.len() >= LONG || (found.quoted && shown.len() >= 12);
            let weak = words.is_any(&["code", "state", "challenge"]);
            return (weak && sign == Sign::Colon)
                || !long
                || !looks_secret(shown)
                || shown.bytes().all(is_constant);
        }
        // `prompt_tokens: 5213`, `sig=SIGTERM`, `PWD=/srv`
        (number && words.is_any(&["tokens"]))
            || (constant
                && !found.quoted
                && words.is_any(&["sig", "signature", "auth", "nonce", "ticket", "pat", "pin", "salt"]))
            || (shown.starts_with('/')
                && sign == Sign::Equals
                && &self.text[self.start..self.end] == "PWD"
                && before(self.bytes(), self.start) != Some(b';'))
    }

    /// `{"value": "…", "name": "DB_PASSWORD"}`: the key is named behind its value.
    fn value_before_name(&self, gone: &mut Gone) -> Option<usize> {
        let bytes = self.bytes();
        let (_, end) = self.unquoted();
        let (sign, after) = sign(bytes, end)?;
        let found = value(self.text, blanks(bytes, after), sign, Place::Text)?;
        let between = |byte: u8| byte.is_ascii_whitespace() || is_quote(byte) || byte == b',';
        let label = skip(bytes, found.next, between);
        let label_end = ["name", "key"].iter().find_map(|name| word(bytes, label, name))?;
        let (_, named) = sign_behind(bytes, label_end)?;
        let start = skip(bytes, named, between);
        let mut words = Words::new();
        words.add(&self.text[start..identifier(bytes, start)]);
        matches!(words.names(), Some(Names::Secret | Names::Person)).then(|| {
            gone.push(found.range);
            found.next
        })
    }

    /// Whether a bare value after a colon is the next part of a sentence: `inner token: oauth2: cannot fetch token: 401 Unauthorized`.
    fn is_prose(&self, found: &Value) -> bool {
        let bytes = self.bytes();
        let shown = &self.text[found.range.clone()];
        let constant = shown.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let chained = goes_on(bytes, found.range.end, ":") && (shown.len() < LONG || constant);
        let number = shown.len() <= 3 && shown.bytes().all(|byte| byte.is_ascii_digit());
        let more = blanks(bytes, found.next) > found.next
            && bytes
                .get(blanks(bytes, found.next))
                .copied()
                .is_some_and(|byte| is_word(byte) || is_quote(byte));
        let plain = shown.bytes().all(|byte| byte.is_ascii_lowercase())
            || shown.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
        chained || number || (more && plain)
    }

    /// `<password>…</password>`, with attributes or without.
    fn element(&self, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let opened =
            matches!(self.before(), Some(b'<' | b':')) && matches!(bytes.get(end), Some(b'>' | b' '));
        let head = opened.then(|| find_byte(bytes, end, |byte| matches!(byte, b'>' | b'<' | b'\n')))??;
        if bytes[head] != b'>' || bytes[head - 1] == b'/' {
            return None;
        }
        let start = head + 1;
        let (start, close) = match self.text[start..].strip_prefix("<![CDATA[") {
            Some(_) => (start + 9, self.text[start..].find("]]>").map(|close| start + close)?),
            None => (start, find_byte(bytes, start, |byte| byte == b'<')?),
        };
        (close > start).then_some(Value { range: start..close, next: close, quoted: true })
    }

    /// `("password", "…")`, and the same in a list of arguments, `"--password", "…"`, or of headers, `'X-Api-Key', '…'`.
    fn in_pair(&self, names: Names, in_quotes: bool, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let comma = blanks(bytes, end);
        // `{password,"…"}`, as Erlang has it.
        let of_erlang = self.before() == Some(b'{') && goes_on(bytes, end, ",\"");
        if of_erlang {
            return quoted(self.text, end + 1);
        }
        if !in_quotes || bytes.get(comma) != Some(&b',') {
            return None;
        }
        let mut open = spaces(bytes, comma + 1);
        // Python's bytes.
        if bytes.get(open) == Some(&b'b') {
            open += 1;
        }
        let found =
            quoted(self.text, bytes.get(open).copied().filter(|byte| is_quote(*byte)).map(|_| open)?)?;
        let in_brackets = |byte: Option<u8>| byte == Some(b'(');
        let opening = before(bytes, self.start - 1);
        // `'x-auth-token', '…'` in a list of headers, `["client_secret","…"]` in one of pairs.
        let of_headers = self.text[self.start..self.end].contains('-');
        let in_list = opening == Some(b'[') && matches!(before(bytes, self.start - 2), Some(b'[' | b','));
        let is_pair = of_headers
            || in_list
            || in_brackets(opening)
            || (opening == Some(b'b') && in_brackets(before(bytes, self.start - 2)));
        let shown = &self.text[found.range.clone()];
        let header = names == Names::Authorization
            && SCHEMES.iter().any(|scheme| goes_on(shown.as_bytes(), 0, scheme));
        (self.is_option() || is_pair || header || looks_secret(shown)).then_some(found)
    }

    /// `name: DB_PASSWORD`, `value: …` beside it; the same in JSON and XML.
    fn beside(&self, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let between =
            |byte: u8| byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, b',' | b'>' | b'<');
        let next = skip(bytes, end, between);
        if next == end {
            return None;
        }
        let after = ["value", "val", "contents"].iter().find_map(|name| word(bytes, next, name))?;
        if before(bytes, next) == Some(b'<') && bytes.get(after) == Some(&b'>') {
            let close = find_byte(bytes, after, |byte| byte == b'<')?;
            return Some(Value { range: after + 1..close, next: close, quoted: true });
        }
        let after = skip(bytes, after, |byte| is_quote(byte) || byte == b' ');
        if bytes.get(after) == Some(&b'{') {
            // `value { string_value: "…" }`
            let open = find_byte(bytes, after, |byte| is_quote(byte) || byte == b'}')
                .filter(|open| is_quote(bytes[*open]))?;
            return quoted(self.text, open);
        }
        let sign = match bytes.get(after) {
            Some(b'=') => Sign::Equals,
            Some(b':') => Sign::Colon,
            _ => return None,
        };
        value(self.text, blanks(bytes, after + 1), sign, Place::Text)
    }

    /// Without a sign: `--password x`, `user 'x'`, `password is "x"`, `for user x`.
    fn apart(&self, names: Names, words: &Words, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let mut at = blanks(bytes, end);
        if at == end {
            return None;
        }
        let next = *bytes.get(at)?;
        if next == b'{' && words.is_any(&["password", "passwd", "secret"]) {
            return braces(self.text, at);
        }
        if matches!(next, b'(' | b'[' | b'{' | b'<') && !self.is_option() {
            return None;
        }
        if self.is_option() {
            // The next option is no value.
            return if next == b'-' { None } else { value(self.text, at, Sign::Equals, Place::Word) };
        }
        if is_quote(next) {
            let of_a_parser =
                ["unexpected", "missing", "extraneous", "mismatched", "expected", "invalid", "illegal"];
            let names_a_token = words.is_any(&["token", "tokens"]) && words.is_after(&of_a_parser);
            // Kubernetes' secrets have names.
            let named = words.is_any(&["secret", "secrets", "credential", "credentials"]);
            let found = quoted(self.text, at)?;
            let kept = names_a_token || (named && !looks_secret(&self.text[found.range.clone()]));
            return (!kept).then_some(found);
        }
        if names == Names::Person {
            let in_netrc = |found: &Value| word(bytes, blanks(bytes, found.next), "password").is_some();
            let named = words.is_after(&["for", "as", "by"])
                && words.is_any(&["user", "principal", "role", "login", "username"]);
            let found =
                value(self.text, at, Sign::Equals, Place::Word).filter(|found| named || in_netrc(found))?;
            let shown = &self.text[found.range.clone()];
            return (!ORDINARY.contains(&shown) && !shown.starts_with('(')).then_some(found);
        }
        // `Bearer realm="…"`
        if words.is_any(&["bearer"]) {
            return None;
        }
        for verb in ["is", "was", "of", "equals", "="] {
            if let Some(after) = word(bytes, at, verb) {
                at = blanks(bytes, after);
                if bytes.get(at).copied().is_some_and(is_quote) {
                    return quoted(self.text, at);
                }
                break;
            }
        }
        let found = value(self.text, at, Sign::Equals, Place::Word)?;
        let shown = &self.text[found.range.clone()];
        // `machine h login x password y`
        let line = line_before(self.text, self.start);
        let in_netrc = line.contains("machine ") && line.contains(" login ");
        (in_netrc || (looks_secret(shown) && !shown.bytes().all(is_constant))).then_some(found)
    }

    /// A scheme without its header: `Bearer …`.
    fn scheme(&self, gone: &mut Gone) -> Option<usize> {
        let bytes = self.bytes();
        let name = &self.text[self.start..self.end];
        if !SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)) {
            return None;
        }
        let mut start = spaces(bytes, self.end);
        // `Bearer "…"`, `Bearer: …`
        let with_colon = !name.eq_ignore_ascii_case("token") && bytes.get(start) == Some(&b':');
        if start > self.end || with_colon {
            start = skip(bytes, start, |byte| is_quote(byte) || byte == b':' || byte == b' ');
        }
        let end = skip(bytes, start, |byte| {
            is_token(byte) || (b"|:$!*".contains(&byte) && !goes_on(bytes, start, "http"))
        });
        let credentials = self.text[start..end].trim_end_matches(['.', '/', ':', '!']);
        let is_attribute = credentials.ends_with('=') && bytes.get(end).copied().is_some_and(is_quote);
        if start == self.end
            || is_attribute
            || !looks_secret(credentials)
            || credentials.bytes().all(is_constant)
        {
            return None;
        }
        gone.push(start..start + credentials.len());
        Some(end)
    }
}

/// `=`, `:`, `=>` and `:=`, and the place after it.
fn sign(bytes: &[u8], end: usize) -> Option<(Sign, usize)> {
    let at = blanks(bytes, end);
    match (bytes.get(at)?, bytes.get(at + 1)) {
        (b'=', Some(b'=' | b'>')) => Some((Sign::Equals, at + 2)),
        (b'=', _) => Some((Sign::Equals, at + 1)),
        // A cell of a table.
        (b'|', Some(b' ')) if at > end => Some((Sign::Equals, at + 1)),
        (b':', Some(b'=')) => Some((Sign::Equals, at + 2)),
        // As Scala prints its maps.
        (b'-', Some(b'>')) if at > end => Some((Sign::Equals, at + 2)),
        // A path of a program's, a URL.
        (b':', Some(b':')) => None,
        (b':', Some(b'/')) if bytes.get(at + 2) == Some(&b'/') => None,
        (b':', _) => Some((Sign::Colon, at + 1)),
        _ => None,
    }
}

/// The sign after a label that may be in quotes.
fn sign_behind(bytes: &[u8], end: usize) -> Option<(Sign, usize)> {
    sign(bytes, skip(bytes, end, is_quote))
}

/// What stands in braces.
fn braces(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let end = find_byte(bytes, at, |byte| byte == b'}')?;
    Some(Value { range: at + 1..end, next: end + 1, quoted: true })
}

/// Whether a value is the start of a sentence about the key: `Password: must contain a digit`.
fn starts_prose(shown: &str) -> bool {
    const WORDS: [&str; 16] = [
        "must", "is", "was", "should", "cannot", "can't", "has", "have", "may", "the", "a", "at", "too",
        "does", "header", "will",
    ];
    WORDS.iter().any(|word| shown.eq_ignore_ascii_case(word))
}

fn is_constant(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit()
}

/// Whether a name with a sign stands there.
fn sign_after(bytes: &[u8], at: usize) -> bool {
    let end = skip(bytes, at, |byte| is_word(byte) || byte == b'-' || byte == b'.');
    end > at && matches!(bytes.get(end), Some(b':' | b'='))
}

fn skip_back(bytes: &[u8], at: usize) -> usize {
    let blank = |byte: &u8| *byte == b' ';
    at - bytes[..at].iter().rev().take(8).take_while(|byte| blank(byte)).count()
}

/// Takes what is bound to parameters, if it is written as such.
fn parameters(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    let bytes = text.as_bytes();
    match bytes.get(at)? {
        b'[' | b'(' | b'{' => {
            let found = match bytes[at] {
                // An object too: its keys are the statement's, not ours.
                b'{' => bracketed(text, at, b'}')?,
                _ => value(text, at, Sign::Colon, Place::Text)?,
            };
            gone.push(found.range);
            Some(found.next)
        }
        b'$' | b'\'' | b'@' | b'?' | b'"' => {
            let end = line_end(bytes, at);
            gone.push(at..end);
            Some(end)
        }
        _ => {
            let end = line_end(bytes, at);
            // As MyBatis logs them.
            let typed = [
                "(String)",
                "(Integer)",
                "(Long)",
                "(Timestamp)",
                "(Date)",
                "(BigDecimal)",
                "(Boolean)",
                "(Double)",
            ];
            typed.iter().any(|of| text[at..end].contains(of)).then(|| {
                gone.push(at..end);
                end
            })
        }
    }
}

/// As long as a secret is at least that goes by its looks alone.
const LONG: usize = 16;

/// Where a password ends that is followed by `@` and the name of a host.
fn before_host(shown: &str) -> Option<usize> {
    let slash =
        shown.rfind('@').map(|sign| shown[sign..].find('/').map_or(shown.len(), |slash| sign + slash))?;
    let sign = shown[..slash].rfind('@')?;
    let host = shown[sign + 1..slash].split(':').next()?;
    let is_host = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    is_host.then_some(sign)
}

/// Words after `for user` that don't name one.
const ORDINARY: &[&str] = &[
    "defined",
    "code",
    "function",
    "functions",
    "error",
    "request",
    "action",
    "actions",
    "type",
    "types",
    "space",
    "id",
    "group",
    "groups",
    "name",
    "table",
    "tables",
    "experience",
    "interface",
    "management",
    "provided",
    "supplied",
    "specified",
    "who",
    "that",
    "whose",
    "mode",
    "agents",
    "account",
    "accounts",
    "input",
    "data",
    "agent",
    "session",
    "sessions",
    "is",
    "was",
    "with",
    "in",
    "to",
    "on",
    "at",
    "and",
    "or",
    "has",
    "does",
    "not",
    "from",
];
