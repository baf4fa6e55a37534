//! Authorization and cookie headers, wherever their lines break.

use super::Gone;
use super::looks::looks_secret;
use super::scan::{before, blanks, is_quote, is_token, is_word, skip, spaces};
use super::values::{Value, quoted};

/// Schemes after which one token stands.
pub(super) const SCHEMES: [&str; 9] =
    ["bearer", "basic", "negotiate", "ntlm", "token", "apikey", "kerberos", "splunk", "genie"];

/// Takes the credentials of an authorization header, wherever its lines break; the place after them.
pub(super) fn authorization(text: &str, at: usize, gone: &mut Gone) -> usize {
    let bytes = text.as_bytes();
    let at = skip(bytes, at, |byte| {
        is_quote(byte) || byte.is_ascii_whitespace() || matches!(byte, b'[' | b'(' | b'\\' | b'{')
    });
    let end = skip(bytes, at, is_token);
    let first = &text[at..end];
    let is_name = !first.is_empty()
        && first.len() <= 20
        && first.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    let numbered =
        first.eq_ignore_ascii_case("AWS4-HMAC-SHA256") || first.to_ascii_uppercase().starts_with("SCRAM-");
    if !is_name && !numbered {
        gone.push(at..end);
        return continued(text, end, gone);
    }
    let mut next = spaces(bytes, end);
    if next == end {
        // A single word is a credential if it isn't the name of a scheme.
        if !SCHEMES.iter().any(|scheme| first.eq_ignore_ascii_case(scheme)) {
            gone.push(at..end);
        }
        return end;
    }
    // Pairs, as Digest and AWS have them.
    let mut any = false;
    while let Some(pair) = pair(text, next) {
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
    let to = skip(bytes, next, is_token);
    gone.push(next..to);
    continued(text, to, gone)
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

/// Takes the values of a cookie header, and leaves their names and what is said about them.
pub(super) fn cookies(text: &str, at: usize, gone: &mut Gone) -> usize {
    let bytes = text.as_bytes();
    let mut at = skip(bytes, at, |byte| is_quote(byte) || matches!(byte, b'[' | b'{' | b'('));
    let mut first = true;
    loop {
        let sign = skip(bytes, at, |byte| {
            is_token(byte) && byte != b'=' || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'*' | b'|' | b'^')
        });
        match bytes.get(sign) {
            Some(b'=' | b':') if sign > at => {}
            // `HttpOnly`, or a value without a name.
            Some(b';') if sign > at && !first => {
                at = blanks(bytes, sign + 1);
                continue;
            }
            _ => {
                if first && sign > at && looks_secret(&text[at..sign]) {
                    gone.push(at..sign);
                }
                return sign.max(at);
            }
        }
        let name = &text[at..sign];
        let start = blanks(bytes, sign + 1);
        let end = skip(bytes, start, |byte| {
            !matches!(byte, b';' | b'"' | b'\'' | b'\n' | b'\r' | b' ' | b']' | b',' | b'}')
        });
        let about = ["path", "domain", "expires", "max-age", "samesite", "version", "priority"];
        if !about.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            gone.push(start..end);
        }
        // A date has spaces and a comma.
        let end = if name.eq_ignore_ascii_case("expires") {
            skip(bytes, end, |byte| !matches!(byte, b';' | b'\n' | b'\r' | b'"' | b'\''))
        } else {
            end
        };
        let next = blanks(bytes, skip(bytes, end, |byte| matches!(byte, b'"' | b'\'')));
        if !matches!(bytes.get(next), Some(b';' | b',')) {
            return end;
        }
        at = blanks(bytes, next + 1);
        at = skip(bytes, at, is_quote);
        first = false;
    }
}
