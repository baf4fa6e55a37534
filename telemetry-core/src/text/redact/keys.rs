//! Values of keys that name a secret or a person, however they are assigned.

use super::Gone;
use super::commands::argument;
use super::cookies::cookies;
use super::headers::{SCHEMES, authorization};
use super::looks::{is_no_value, is_uuid, looks_secret};
use super::names::{Names, Words};
use super::scan::{
    before, blanks, find as find_byte, goes_on, is_quote, is_token, is_word, line_end, skip, spaces,
};
use super::values::{Place, Sign, Value, bracketed, value};

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
pub(super) fn identifier(bytes: &[u8], at: usize) -> usize {
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
pub(super) struct Key<'a> {
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Key<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    pub(super) fn before(&self) -> Option<u8> {
        before(self.bytes(), self.start)
    }

    /// Whether it is written as an option: `--password`.
    pub(super) fn is_option(&self) -> bool {
        self.before() == Some(b'-')
    }

    /// Whether it stands in quotes, and the place past them.
    pub(super) fn unquoted(&self) -> (bool, usize) {
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
}

/// `=`, `:`, `=>` and `:=`, and the place after it.
pub(super) fn sign(bytes: &[u8], end: usize) -> Option<(Sign, usize)> {
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
pub(super) fn sign_behind(bytes: &[u8], end: usize) -> Option<(Sign, usize)> {
    sign(bytes, skip(bytes, end, is_quote))
}

/// What stands in braces.
pub(super) fn braces(text: &str, at: usize) -> Option<Value> {
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

pub(super) fn is_constant(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit()
}

/// Whether a name with a sign stands there.
fn sign_after(bytes: &[u8], at: usize) -> bool {
    let end = skip(bytes, at, |byte| is_word(byte) || byte == b'-' || byte == b'.');
    end > at && matches!(bytes.get(end), Some(b':' | b'='))
}

pub(super) fn skip_back(bytes: &[u8], at: usize) -> usize {
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
