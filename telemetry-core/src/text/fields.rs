//! What a field that isn't free text may hold.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::text::atoms::MARK;
use crate::text::bytes::{self, EDGE, ENDS, ODD, SLASH, WORD};
use crate::text::message::sanitize;
use crate::text::rules::TextRules;
use crate::text::sqlstate::SqlState;
use crate::text::words::{names_value, word};

/// The longest value of a field, in characters.
const MAX_FIELD_CHARS: usize = 256;

/// The longest name of an error, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// What a rule leaves of a text: the text itself where that is all of it.
fn held<'a>(text: impl Into<Cow<'a, str>>, rule: fn(&str) -> Option<Cow<'_, str>>) -> Option<String> {
    let text = text.into();
    let other = match rule(&text)? {
        Cow::Borrowed(kept) if kept.len() == text.len() => None,
        kept => Some(kept.into_owned()),
    };
    let mut kept = other.unwrap_or_else(|| text.into_owned());
    kept.shrink_to_fit();
    Some(kept)
}

/// Any text on one line. What looks like a token or an address goes; a text in which something is quoted,
/// escaped, or named as a secret or a person is held to the allow-list of messages. At most 256 characters;
/// an empty one is none.
pub(crate) fn field<'a>(text: impl Into<Cow<'a, str>>) -> Option<String> {
    held(text, plain)
}

fn plain(text: &str) -> Option<Cow<'_, str>> {
    // What lies past the bound isn't looked at, and what was torn there isn't kept.
    let looked_at = past(text, 4 * MAX_FIELD_CHARS).map_or(text, |end| {
        let start = text.get(..end).unwrap_or("");
        start.rsplit_once(char::is_whitespace).map_or("", |(start, _)| start)
    });
    let kinds = bytes::kinds(looked_at.as_bytes());
    if kinds & ENDS != 0 && looked_at.contains(char::is_control) {
        let line: String = looked_at.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        return one_line(&line, kinds).map(|kept| Cow::Owned(kept.into_owned()));
    }
    one_line(looked_at, kinds)
}

/// What is kept of a line whose bytes are of these kinds.
fn one_line(line: &str, kinds: u8) -> Option<Cow<'_, str>> {
    let line = line.trim();
    let words = || line.split_whitespace();
    if needs_the_allow_list(line, kinds) {
        return whole(sanitize(line, &TextRules::default()));
    }
    let stays = if kinds & ENDS == 0 {
        !is_masked(line, kinds)
    } else {
        is_joined_by_spaces(line) && !words().any(|word| is_masked(word, kinds))
    };
    if !stays {
        let masked = |word| if is_masked(word, kinds) { MARK } else { word };
        return whole(words().map(masked).collect::<Vec<_>>().join(" "));
    }
    Some(Cow::Borrowed(start(line, MAX_FIELD_CHARS))).filter(|kept| !kept.is_empty())
}

/// Whether a word goes that has no bytes of other kinds than these.
fn is_masked(word: &str, kinds: u8) -> bool {
    is_token(word, kinds) || (kinds & EDGE != 0 && is_address(word))
}

/// A value that was made, cut.
fn whole(mut kept: String) -> Option<Cow<'static, str>> {
    cut(&mut kept, MAX_FIELD_CHARS);
    (!kept.is_empty()).then_some(Cow::Owned(kept))
}

/// Whether each white space in a line is one space.
fn is_joined_by_spaces(line: &str) -> bool {
    line.split(' ').all(|word| !word.is_empty() && (word.is_ascii() || !word.contains(char::is_whitespace)))
}

/// Cuts a text to this many characters, and the white space at its end.
fn cut(text: &mut String, characters: usize) {
    text.truncate(start(text, characters).len());
}

/// A text up to this many characters, without the white space at its end.
pub(super) fn start(text: &str, characters: usize) -> &str {
    past(text, characters).and_then(|end| text.get(..end)).unwrap_or(text).trim_end()
}

/// Where a text goes on past this many characters.
fn past(text: &str, characters: usize) -> Option<usize> {
    // It has no more characters than bytes.
    if text.len() <= characters {
        return None;
    }
    text.char_indices().nth(characters).map(|(end, _)| end)
}

/// Whether a field whose bytes are of these kinds says more than a field's value should.
fn needs_the_allow_list(line: &str, kinds: u8) -> bool {
    let marks = |byte| matches!(byte, b'\'' | b'"' | b'`' | b'\\' | b'%' | b'@');
    let holds = |signs: [&str; 2]| signs.iter().any(|sign| line.contains(sign));
    let parts = |c: char| {
        matches!(c, ';' | ',' | '&' | '=' | ':' | '(' | ')' | '{' | '}' | '<' | '>') || c.is_whitespace()
    };
    (kinds & (ENDS | ODD) != 0 && line.bytes().any(marks))
        || (kinds & ENDS != 0 && holds(["SELECT ", "select "]))
        || (kinds & SLASH != 0 && holds(["/home/", "/Users/"]))
        || names_value(line, parts)
}

/// Whether a word has the address of a machine in it that isn't this one: alone, in a URL, with a port.
fn is_address(word: &str) -> bool {
    let is_one = |text: &str| address(text).is_some_and(|address| !address.is_loopback());
    let (dots, colons) = word.bytes().fold((0_u32, 0_u32), |(dots, colons), byte| {
        (dots + u32::from(byte == b'.'), colons + u32::from(byte == b':'))
    });
    let splits = |c| matches!(c, '/' | '@' | '[' | ']' | '(' | ')' | ',' | ';' | '=');
    // An address has four numbers, or two colons.
    (dots >= 3 || colons >= 2)
        && word
            .split(splits)
            .any(|part| is_one(part) || part.rsplit_once(':').is_some_and(|(host, _)| is_one(host)))
}

/// The address that a text is.
fn address(text: &str) -> Option<IpAddr> {
    let may = text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'));
    may.then(|| text.parse().ok()).flatten()
}

/// How the tokens of well-known vendors begin.
const TOKENS: &[&str] = &[
    "dapi",
    "dose",
    "dkea",
    "AKIA",
    "ASIA",
    "AROA",
    "AIza",
    "ya29.",
    "GOCSPX-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxa-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "npm_",
    "pypi-",
    "sk-",
    "sk_live_",
    "rk_live_",
    "eyJ",
    "SG.",
    "hf_",
    "shpat_",
];

/// Whether something begins as a vendor's token, and goes on.
fn is_vendors_token(word: &[u8]) -> bool {
    /// The first two bytes of each: few words share them.
    const FIRST: [[u8; 2]; TOKENS.len()] = {
        let (mut first, mut at) = ([[0; 2]; TOKENS.len()], 0);
        while at < TOKENS.len() {
            let start = TOKENS[at].as_bytes();
            first[at] = [start[0], start[1]];
            at += 1;
        }
        first
    };
    let [first, second, ..] = word else { return false };
    FIRST.iter().fold(false, |any, start| any | (*start == [*first, *second]))
        && TOKENS.iter().any(|start| word.len() >= start.len() + 8 && word.starts_with(start.as_bytes()))
}

/// Whether a word has the shape of a token: a vendor's, or long with letters of both cases and digits, or
/// very long hexadecimal.
pub(crate) fn looks_like_token(word: &str) -> bool {
    is_token(word, bytes::kinds(word.as_bytes()))
}

/// The same for a word that has no bytes of other kinds than these.
fn is_token(word: &str, kinds: u8) -> bool {
    // By any other rule it is longer.
    if word.len() < 11 && kinds & ODD == 0 {
        return false;
    }
    let mixed = kinds & WORD == WORD;
    word.as_bytes().split(|byte| matches!(byte, b'/' | b'.' | b'?' | b'=')).any(|word| {
        let mixed = mixed && word.len() >= 16 && bytes::kinds(word) & WORD == WORD;
        let hexadecimal = || word.len() > 32 && word.iter().all(u8::is_ascii_hexdigit);
        // Also behind a sign that no token has: `name:dapi…`, `(dapi…)`.
        let is_sign = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        word.split(is_sign).any(is_vendors_token)
            || (kinds & ODD != 0 && word.windows(2).any(|pair| pair == b"Q~"))
            || (mixed && (word.len() >= 24 || !word.iter().any(|byte| matches!(byte, b'-' | b'_'))))
            || hexadecimal()
    })
}

/// Whether an id has the shape of a vendor's token. None consists of hexadecimal digits and hyphens.
pub(crate) fn holds_token(id: &str) -> bool {
    id.as_bytes().split(|byte| matches!(byte, b'.' | b':')).any(is_vendors_token)
}

/// The name of a file or a program, without its directories and without arguments.
pub(crate) fn base_name<'a>(text: impl Into<Cow<'a, str>>) -> Option<String> {
    held(text, |text| {
        let begins_argument = |pair: &[u8]| matches!(pair, [b' ', b'-' | b'/' | b'"' | b'\'']);
        let end = text.as_bytes().windows(2).position(begins_argument).unwrap_or(text.len());
        let program = text.get(..end)?;
        plain(program.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next()?)
    })
}

/// A URL or a path of one, without user, query and fragment.
pub(crate) fn url_without_query<'a>(text: impl Into<Cow<'a, str>>) -> Option<String> {
    held(text, |text| {
        let text = text.trim();
        let end = text.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(text.len());
        let text = text.get(..end)?;
        let Some((scheme, rest)) = scheme(text) else { return plain(text) };
        let authority = rest.split('/').next()?;
        let Some((user, _)) = authority.rsplit_once('@') else { return plain(text) };
        let without = format!("{scheme}://{}", rest.get(user.len() + 1..)?);
        plain(&without).map(|kept| Cow::Owned(kept.into_owned()))
    })
}

/// A URL's scheme, and what stands behind it.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let end = text.as_bytes().windows(3).position(|sign| sign == b"://")?;
    Some((text.get(..end)?, text.get(end + 3..)?))
}

/// The bare name of a host: no scheme, user, port or path, and no address, except this machine's own. A
/// leading `*.` or `.` stays, as lists of hosts have it. Anything else is none.
pub(crate) fn bare_host<'a>(text: impl Into<Cow<'a, str>>) -> Option<String> {
    const LONGEST: usize = 253;
    held(text, |text| {
        let text = text.trim();
        let text = scheme(text).map_or(text, |(_, rest)| rest);
        let text = text.split(['/', '?', '#']).next()?;
        let text = text.rsplit('@').next()?;
        let name = match text.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => text,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        if let Some(address) = address(name) {
            return address.is_loopback().then(|| Cow::Owned(address.to_string()));
        }
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*');
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(is_name) || looks_like_token(name) {
            return None;
        }
        let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
        Some(if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) })
    })
}

/// The name of an error, as classes and codes are: an identifier (`java.sql.SQLException`, `std::io::Error`,
/// `ORA-00942`), or known words, short numbers and SQLSTATEs with spaces, brackets and slashes between them
/// (`1064 (42000)`, `SQLSTATE[42S02]`, `HTTP 503`).
pub(crate) fn error_name(text: &str) -> Option<String> {
    let name = text.trim();
    let kinds = bytes::kinds(name.as_bytes());
    // Of letters, digits and `_` alone, as most are.
    let is_plain = kinds & !WORD == 0;
    let is_identifier = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'$' | b'-'))
    };
    let is_part = |part: &str| {
        let number = part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_digit());
        let code = part.contains('-')
            && part.bytes().all(|byte| byte.is_ascii_uppercase() || b"0123456789-_".contains(&byte));
        is_identifier(part)
            && (number
                || code
                || SqlState::new(part).is_some()
                || word(part.trim_matches(':'), &TextRules::default()).known)
    };
    let separates = |c: char| matches!(c, ' ' | '/' | '(' | ')' | '[' | ']' | ',');
    let are_parts = || {
        let mut parts = name.split(separates).filter(|part| !part.is_empty()).peekable();
        parts.peek().is_some() && parts.all(is_part) && !name.starts_with('/')
    };
    let fits = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && (is_plain || is_identifier(name) || are_parts())
        && !is_masked(name, kinds);
    fits.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_plain_field_tokens_and_addresses_go_and_the_words_beside_them_stay() {
        let token = "dapi0123456789abcdef";
        for (text, kept) in [
            ("Frobnicator 2.1", "Frobnicator 2.1"),
            (&*format!("Frobnicator {token} 2.1"), "Frobnicator *** 2.1"),
            ("Frobnicator 10.11.12.13 2.1", "Frobnicator *** 2.1"),
            ("Frobnicator http://[fd00::1]:80/x 2.1", "Frobnicator *** 2.1"),
            ("127.0.0.1 ::1", "127.0.0.1 ::1"),
            (" Frob\tni\ncator ", "Frob ni cator"),
        ] {
            assert_eq!(field(text).as_deref(), Some(kept), "{text}");
        }
        assert_eq!(field(" \n"), None);
    }

    #[test]
    fn a_field_that_says_more_than_a_value_is_held_to_the_allow_list() {
        for text in [
            "the 'Frobnicator'",
            "the \"Frobnicator\"",
            "the `Frobnicator`",
            "C:\\Frobnicator",
            "%46Frobnicator",
            "@Frobnicator",
            "/home/Frobnicator",
            "/Users/Frobnicator",
            "SELECT Frobnicator",
            "select Frobnicator",
            "password=Frobnicator and more",
            "user Frobnicator and more",
        ] {
            let kept = field(text).unwrap_or_default();
            assert!(!kept.contains("Frobnicator"), "{text}: {kept}");
        }
    }

    #[test]
    fn a_key_is_told_by_its_last_piece_up_to_what_parts_words() {
        for sign in [';', ',', '&', '=', ':', '(', ')', '{', '}', '<', '>', ' ', '\u{a0}'] {
            let text = format!("x password{sign}Frobnicator");
            assert!(!field(&text).unwrap_or_default().contains("Frobnicator"), "{text}");
        }
        for sign in ['[', ']', '_', '-', '.', '/', '#', '\u{e4}'] {
            let text = format!("x,password{sign}Frobnicator");
            assert_eq!(field(&text).as_deref(), Some(&*text));
        }
    }

    #[test]
    fn a_text_of_which_all_is_kept_stays_where_it_is_and_of_any_other_no_more_is_held_than_is_kept() {
        for rule in [field, base_name, url_without_query, bare_host] {
            let text = "frobnicator.example".to_owned();
            let place = text.as_ptr();
            let kept = rule(text).unwrap();
            assert_eq!(kept.as_ptr(), place);
            let mut roomy = "frobnicator.example".to_owned();
            roomy.reserve(4096);
            assert_eq!(rule(roomy).unwrap().capacity(), 19);
        }
        assert_eq!(url_without_query(format!("/a?{}", "x".repeat(4096))).unwrap().capacity(), 2);
    }

    #[test]
    fn an_address_is_one_wherever_it_stands_in_a_word() {
        for word in ["10.1.2.3", "10.1.2.3:80", "x=10.1.2.3,y", "::", "a/[fe80::1]", "ann@10.1.2.3"] {
            assert!(is_address(word), "{word}");
        }
        for word in
            ["1.2.3", "1.2.3.4.5", "tcp:10.1.2.3", "::1", "127.0.0.1:80", "1:2", "a.b.c.d", "300.1.2.3"]
        {
            assert!(!is_address(word), "{word}");
        }
    }

    #[test]
    fn of_a_field_the_first_thousand_characters_are_looked_at_and_no_torn_word_is_kept() {
        let after = |spaces: usize| field(format!("{}Frobnicator", " ".repeat(spaces)));
        assert_eq!(after(1024 - 11).as_deref(), Some("Frobnicator"));
        assert_eq!(after(1024 - 10), None);
        assert_eq!(field("x ".repeat(300)).unwrap(), "x ".repeat(128).trim_end());
    }

    #[test]
    fn a_token_is_long_and_of_letters_of_both_cases_and_digits_or_of_a_known_vendor() {
        for token in [
            "dapi01234567",
            "https://host/dapi01234567",
            "app:dapi01234567",
            "app$dapi01234567",
            "(dapi01234567)",
            "\u{e4}dapi01234567",
            "aaaaaaaaaaaaaA1a",
            "aaaaaaaaaaaaaaaaaaaaaA-1",
            "xQ~x",
            &"0a".repeat(17),
        ] {
            assert!(looks_like_token(token), "{token}");
        }
        for word in [
            "dapi0123456",
            "xdapi01234567",
            "aaaaaaaaaaaaA1a",
            "aaaaaaaaaaaaaaA-1",
            "aaaaaaaaaaaaaaaaaaaaA-1",
            "AAAAAAAAAAAAAAAAAAAAAAAA1",
            "aaaaaaaaaaaaaaaaaaaaaaaa1",
            "aaaaaaaaaaaaaaaaaaaaaaaaA",
            &"0a".repeat(16),
            &"0g".repeat(17),
        ] {
            assert!(!looks_like_token(word), "{word}");
        }
    }

    #[test]
    fn of_a_url_neither_user_nor_query_nor_fragment_is_kept() {
        for (url, kept) in [
            ("https://ann:pw@host.example/a/b?c=d#e", "https://host.example/a/b"),
            (" https://host.example#e ", "https://host.example"),
            ("/a/b?c=d", "/a/b"),
        ] {
            assert_eq!(url_without_query(url).as_deref(), Some(kept));
        }
        assert_eq!(url_without_query("?c=d"), None);
    }

    #[test]
    fn of_a_host_the_bare_name_is_kept_and_of_addresses_this_machines_own_alone() {
        let (longest, longer) = ("x".repeat(253), "x".repeat(254));
        for (text, kept) in [
            ("Proxy.Example.com", Some("proxy.example.com")),
            ("https://ann:pw@proxy.example.com:8080/a?b#c", Some("proxy.example.com")),
            ("*.example.com", Some("*.example.com")),
            (".example.com", Some(".example.com")),
            ("[::1]:8080", Some("::1")),
            ("127.0.0.1", Some("127.0.0.1")),
            (&longest, Some(&longest)),
            (&longer, None),
            ("10.11.12.13", None),
            ("proxy:port", None),
            ("two words", None),
            ("dapi0123456789abcdef", None),
            (":8080", None),
        ] {
            assert_eq!(bare_host(text).as_deref(), kept, "{text}");
        }
    }

    #[test]
    fn names_of_classes_and_codes_are_names() {
        for name in [
            "SQLException",
            "java.sql.SQLException",
            "std::io::Error",
            "TABLE_OR_VIEW_NOT_FOUND",
            "1064 (42000)",
            "ORA-00942",
            "ORA-00942 (42000)",
            "SQLSTATE[42S02]",
            "HTTP 503",
            "HTTP/2 stream error",
            "Timeout Error",
            "System.IO.IOException",
            "net/http: request canceled",
            "ECONNREFUSED",
            "-1",
        ] {
            assert_eq!(error_name(&format!(" {name} ")).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_has_no_names_grammar_is_none() {
        for text in [
            "",
            " ",
            "()",
            "relation \"orders\" does not exist",
            "Access denied for ann@acme.example",
            "no table Xyzzyfrob",
            "/home/ann/x.py",
            "10.11.12.13",
            "dapi0123456789abcdef0123456789abcdef",
            "auth_failed:dapi0123456789abcdef",
            "card 4111 1111 11111111",
            "a\nb",
            "xyzzy@frob",
            "xyzzy\\frob",
            "xyzzy~frob",
            "xyzzy\u{e4}frob",
            &"x".repeat(129),
        ] {
            assert_eq!(error_name(text), None, "{text}");
        }
    }

    #[test]
    fn no_token_begins_as_a_hexadecimal_number_does() {
        let is_hex = |start: &&str| start.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        assert_eq!(TOKENS.iter().find(|start| is_hex(start)), None);
    }
}
