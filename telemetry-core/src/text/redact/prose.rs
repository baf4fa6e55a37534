//! Keys that are said, and not assigned: `password is "x"`, `for user x`, `Bearer x`.

use super::Gone;
use super::commands::line_before;
use super::headers::SCHEMES;
use super::keys::{Key, braces, is_constant};
use super::looks::looks_secret;
use super::names::{Names, Words};
use super::scan::{blanks, goes_on, is_quote, is_token, skip, spaces, word};
use super::values::{Place, Sign, Value, quoted, value};

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

impl Key<'_> {
    /// Without a sign: `--password x`, `user 'x'`, `password is "x"`, `for user x`.
    pub(super) fn apart(&self, names: Names, words: &Words, end: usize) -> Option<Value> {
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
    pub(super) fn scheme(&self, gone: &mut Gone) -> Option<usize> {
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
