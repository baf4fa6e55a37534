//! Values of keys that name a secret or a person, however they are assigned.

use super::Gone;
use super::headers::{SCHEMES, authorization, cookies};
use super::looks::{is_no_value, is_uuid, looks_secret};
use super::names::{Names, Words};
use super::scan::{
    before, blanks, find as find_byte, goes_on, is_quote, is_token, is_word, line_end, skip, spaces, word,
};
use super::values::{Sign, Value, quoted, value};

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
            Some(names) => key.assigned(names, &words, gone).or_else(|| key.scheme(gone)),
            None => key.scheme(gone),
        };
        match next.or_else(|| key.short_option(gone)) {
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
        if in_quotes && bytes.get(end) == Some(&b']') {
            end += 1;
        }
        if let Some((sign, after)) = sign(bytes, end) {
            return self.takes(names, words, sign, after, gone);
        }
        if matches!(names, Names::Parameters | Names::Perhaps) {
            return None;
        }
        let found = self
            .element(end)
            .or_else(|| self.in_pair(in_quotes, end))
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
        // A value on the next line is indented.
        let folds = matches!(bytes.get(at), Some(b'\n' | b'\r')) && sign == Sign::Colon;
        if folds {
            let next = spaces(bytes, at);
            if !matches!(before(bytes, next), Some(b' ' | b'\t')) || bytes.get(next) == Some(&b'-') {
                return None;
            }
            // A nested mapping's keys speak for themselves.
            if names != Names::Authorization && sign_after(bytes, next) {
                return None;
            }
            at = next;
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
        let after_semicolon = before(bytes, skip_back(bytes, self.start)) == Some(b';');
        let mut found = value(self.text, at, sign, after_semicolon)?;
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
        if is_no_value(shown) {
            return None;
        }
        if names == Names::Perhaps && (sign == Sign::Colon || shown.len() < LONG || !looks_secret(shown)) {
            return None;
        }
        let strong = words.is_any(&["password", "passwd", "pwd", "passphrase"]);
        if sign == Sign::Colon && !found.quoted && !strong && self.is_prose(&found) {
            return None;
        }
        // A session's id may be known by anyone.
        if words.is_any(&["sid", "sessionid"]) && is_uuid(shown) {
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

    /// `<password>…</password>`.
    fn element(&self, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let opened = matches!(self.before(), Some(b'<' | b':')) && bytes.get(end) == Some(&b'>');
        let close = opened.then(|| find_byte(bytes, end + 1, |byte| byte == b'<'))??;
        (close > end + 1).then_some(Value { range: end + 1..close, next: close, quoted: true })
    }

    /// `("password", "…")`, and the same in a list of arguments: `"--password", "…"`.
    fn in_pair(&self, in_quotes: bool, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let pair = in_quotes && (self.is_option() || before(bytes, self.start - 1) == Some(b'('));
        let comma = blanks(bytes, end);
        if !pair || bytes.get(comma) != Some(&b',') {
            return None;
        }
        let open = spaces(bytes, comma + 1);
        if bytes.get(open).copied().is_some_and(is_quote) { quoted(self.text, open) } else { None }
    }

    /// `name: DB_PASSWORD`, `value: …` beside it; the same in JSON and XML.
    fn beside(&self, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let next = skip(bytes, end, |byte| byte.is_ascii_whitespace() || matches!(byte, b',' | b'"' | b'\''));
        if next == end {
            return None;
        }
        let after = ["value", "val", "contents"].iter().find_map(|name| word(bytes, next, name))?;
        let after = skip(bytes, after, |byte| is_quote(byte) || byte == b' ');
        let sign = match bytes.get(after) {
            Some(b'=') => Sign::Equals,
            Some(b':') => Sign::Colon,
            _ => return None,
        };
        value(self.text, blanks(bytes, after + 1), sign, false)
    }

    /// Without a sign: `--password x`, `user 'x'`, `password is "x"`, `for user x`.
    fn apart(&self, names: Names, words: &Words, end: usize) -> Option<Value> {
        let bytes = self.bytes();
        let mut at = blanks(bytes, end);
        if at == end {
            return None;
        }
        let next = *bytes.get(at)?;
        if self.is_option() {
            // The next option is no value.
            return if next == b'-' { None } else { value(self.text, at, Sign::Equals, false) };
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
            let found = value(self.text, at, Sign::Equals, false).filter(|found| named || in_netrc(found))?;
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
        let found = value(self.text, at, Sign::Equals, false)?;
        looks_secret(&self.text[found.range.clone()]).then_some(found)
    }

    /// A scheme without its header: `Bearer …`.
    fn scheme(&self, gone: &mut Gone) -> Option<usize> {
        let bytes = self.bytes();
        let name = &self.text[self.start..self.end];
        if !SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)) {
            return None;
        }
        let start = spaces(bytes, self.end);
        let end = skip(bytes, start, is_token);
        let credentials = self.text[start..end].trim_end_matches(['.', '/']);
        let is_attribute = credentials.ends_with('=') && bytes.get(end).copied().is_some_and(is_quote);
        if start == self.end || is_attribute || !looks_secret(credentials) {
            return None;
        }
        gone.push(start..start + credentials.len());
        Some(end)
    }

    /// `-u user:password`, `-p password`, `-psecret`: what common programs take on their command line.
    fn short_option(&self, gone: &mut Gone) -> Option<usize> {
        let bytes = self.bytes();
        let dash = self.start.checked_sub(1).filter(|at| bytes[*at] == b'-')?;
        if before(bytes, dash).is_some_and(|last| !last.is_ascii_whitespace() && !is_quote(last)) {
            return None;
        }
        let letter = bytes[self.start];
        if !matches!(letter, b'u' | b'U' | b'p' | b'P' | b'w') {
            return None;
        }
        if self.end == self.start + 1 {
            let (in_quotes, end) = self.unquoted();
            let at = if in_quotes {
                skip(bytes, end, |byte| matches!(byte, b',' | b' '))
            } else {
                blanks(bytes, end)
            };
            let found = (at > end).then(|| value(self.text, at, Sign::Equals, false))??;
            let shown = &self.text[found.range.clone()];
            let is_port = shown.len() <= 5 && shown.bytes().all(|byte| byte.is_ascii_digit());
            if shown.starts_with(['-', '/', '.']) || (is_port && letter != b'u') || is_mapping(shown) {
                return None;
            }
            gone.push(found.range);
            return Some(found.next);
        }
        // `-pSecret` as mysql has it; `-path` and `-port` are other options.
        let found = value(self.text, self.start + 1, Sign::Equals, false)?;
        let attached = &self.text[found.range.clone()];
        let ordinary = attached.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'=');
        if !matches!(letter, b'p' | b'P' | b'u') || ordinary || attached.contains('=') {
            return None;
        }
        gone.push(found.range);
        Some(found.next)
    }
}

/// Ports as containers map them: `8080:80`.
fn is_mapping(shown: &str) -> bool {
    shown.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

/// `=`, `:`, `=>` and `:=`, and the place after it.
fn sign(bytes: &[u8], end: usize) -> Option<(Sign, usize)> {
    let at = blanks(bytes, end);
    match (bytes.get(at)?, bytes.get(at + 1)) {
        (b'=', Some(b'=' | b'>')) => Some((Sign::Equals, at + 2)),
        (b'=', _) => Some((Sign::Equals, at + 1)),
        (b':', Some(b'=')) => Some((Sign::Equals, at + 2)),
        // A path of a program's, a URL.
        (b':', Some(b':')) => None,
        (b':', Some(b'/')) if bytes.get(at + 2) == Some(&b'/') => None,
        (b':', _) => Some((Sign::Colon, at + 1)),
        _ => None,
    }
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
                b'{' => {
                    let end =
                        find_byte(bytes, at, |byte| byte == b'}').unwrap_or_else(|| line_end(bytes, at));
                    Value { range: at + 1..end, next: end, quoted: true }
                }
                _ => value(text, at, Sign::Colon, false)?,
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
const ORDINARY: [&str; 20] = [
    "account", "accounts", "input", "data", "agent", "session", "sessions", "is", "was", "with", "in", "to",
    "on", "at", "and", "or", "has", "does", "not", "from",
];
