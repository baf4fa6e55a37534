//! Keys whose value stands beside them, in an element, a pair or another field.

use super::Gone;
use super::headers::SCHEMES;
use super::keys::{Key, identifier, sign, sign_behind};
use super::looks::looks_secret;
use super::names::{Names, Words};
use super::scan::{before, blanks, find as find_byte, goes_on, is_quote, skip, spaces, word};
use super::values::{Place, Sign, Value, quoted, value};

impl Key<'_> {
    /// `<password>…</password>`, with attributes or without.
    pub(super) fn element(&self, end: usize) -> Option<Value> {
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
    pub(super) fn in_pair(&self, names: Names, in_quotes: bool, end: usize) -> Option<Value> {
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
    pub(super) fn beside(&self, end: usize) -> Option<Value> {
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

    /// `{"value": "…", "name": "DB_PASSWORD"}`: the key is named behind its value.
    pub(super) fn value_before_name(&self, gone: &mut Gone) -> Option<usize> {
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
}
