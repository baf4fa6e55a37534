//! Authorization headers, wherever their lines break.

use super::Gone;
use super::looks::looks_secret;
use super::scan::{before, is_quote, is_token, is_word, skip, spaces};
use super::values::{Value, quoted};

/// Schemes after which one token stands.
pub(super) const SCHEMES: [&str; 9] =
    ["bearer", "basic", "negotiate", "ntlm", "token", "apikey", "kerberos", "splunk", "genie"];

/// Takes the credentials of an authorization header, wherever its lines break; the place after them.
pub(super) fn authorization(text: &str, at: usize, gone: &mut Gone) -> usize {
    let bytes = text.as_bytes();
    let lead = |byte: u8| {
        is_quote(byte) || byte.is_ascii_whitespace() || matches!(byte, b'[' | b'(' | b'\\' | b'{' | b':')
    };
    let mut at = skip(bytes, at, lead);
    // Python's bytes: `b'Bearer …'`.
    if bytes.get(at) == Some(&b'b') && bytes.get(at + 1).copied().is_some_and(is_quote) {
        at += 2;
    }
    let end = skip(bytes, at, is_token);
    let first = &text[at..end];
    let is_name = !first.is_empty()
        && first.len() <= 20
        && first.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    let numbered =
        first.eq_ignore_ascii_case("AWS4-HMAC-SHA256") || first.to_ascii_uppercase().starts_with("SCRAM-");
    if !is_name && !numbered {
        let end = credential(bytes, at);
        gone.push(at..end);
        return continued(text, end, gone);
    }
    let one_token = SCHEMES.iter().any(|scheme| first.eq_ignore_ascii_case(scheme));
    let mut next = skip(bytes, end, lead);
    if next == end {
        // A single word is a credential if it isn't the name of a scheme.
        if !one_token {
            gone.push(at..credential(bytes, at));
        }
        return end;
    }
    // Pairs, as Digest and AWS have them.
    let mut any = false;
    while let Some(pair) = pair(text, next).filter(|_| !one_token) {
        gone.push(pair.range);
        any = true;
        next = skip(bytes, pair.next, |byte| byte.is_ascii_whitespace() || byte == b',');
        if next == pair.next || !bytes[pair.next..next].contains(&b',') {
            return pair.next;
        }
    }
    if any {
        return next;
    }
    let to = credential(bytes, next);
    // `authorization: header missing` is prose.
    if !one_token && !numbered && !looks_secret(&text[next..to]) && to - next < 12 {
        return end;
    }
    gone.push(next..to);
    continued(text, to, gone)
}

/// The end of a credential: whatever it is made of, to white space, a quote or what encloses it.
fn credential(bytes: &[u8], at: usize) -> usize {
    skip(bytes, at, |byte| !byte.is_ascii_whitespace() && !is_quote(byte) && !b",]})<>\\".contains(&byte))
}

/// `name="value"` or `name=value` of an authorization header.
fn pair(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let sign = skip(bytes, at, |byte| is_word(byte) || byte == b'-');
    if sign == at || bytes.get(sign) != Some(&b'=') || matches!(bytes.get(sign + 1), None | Some(b'=')) {
        return None;
    }
    let start = sign + 1;
    if bytes.get(start).copied().is_some_and(is_quote) {
        return quoted(text, start);
    }
    let end = skip(bytes, start, |byte| !byte.is_ascii_whitespace() && byte != b',' && !is_quote(byte));
    (end > start).then_some(Value { range: start..end, next: end, quoted: false })
}

/// A credential that was broken into lines: what follows, indented, and is no header of its own.
fn continued(text: &str, mut at: usize, gone: &mut Gone) -> usize {
    let bytes = text.as_bytes();
    while matches!(bytes.get(at), Some(b'\r' | b'\n')) {
        let next = spaces(bytes, at);
        let end = skip(bytes, next, is_token);
        let more = matches!(before(bytes, next), Some(b' ' | b'\t'))
            && end >= next + 4
            && bytes.get(end) != Some(&b':');
        if !more || !matches!(bytes.get(end), None | Some(b'\r' | b'\n' | b'"' | b'\'' | b',')) {
            break;
        }
        gone.push(next..end);
        at = end;
    }
    at
}
