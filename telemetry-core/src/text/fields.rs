//! What a field that isn't free text may hold.

use std::net::IpAddr;

use crate::text::message::sanitize;
use crate::text::rules::TextRules;
use crate::text::sqlstate::SqlState;
use crate::text::tokens::MARK;
use crate::text::words::{Key, word};

/// The longest value of a field, in characters.
const MAX_FIELD_CHARS: usize = 256;

/// The longest name of an error, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Any text on one line. What looks like a token or an address goes; a text in which something is quoted,
/// escaped, or named as a secret or a person is held to the allow-list of messages. At most 256 characters;
/// an empty one is none.
pub(crate) fn field(text: &str) -> Option<String> {
    // What lies past the bound isn't looked at, and what was torn there isn't kept.
    let looked_at = text.char_indices().nth(4 * MAX_FIELD_CHARS).map_or(text, |(end, _)| {
        let start = text.get(..end).unwrap_or("");
        start.rsplit_once(char::is_whitespace).map_or("", |(start, _)| start)
    });
    let line: String = looked_at.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    let mut kept = if needs_the_allow_list(line) {
        sanitize(line, &TextRules::default())
    } else {
        let words = line.split_whitespace();
        let masked = |word| if looks_like_token(word) || is_address(word) { MARK } else { word };
        words.map(masked).collect::<Vec<_>>().join(" ")
    };
    cut(&mut kept, MAX_FIELD_CHARS);
    (!kept.is_empty()).then_some(kept)
}

/// Cuts a text to this many characters, and the white space at its end.
pub(super) fn cut(text: &mut String, characters: usize) {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
    }
    text.truncate(text.trim_end().len());
}

/// Whether a field says more than a field's value should.
fn needs_the_allow_list(line: &str) -> bool {
    line.contains(['\'', '"', '`', '\\', '%', '@'])
        || ["/home/", "/Users/", "SELECT ", "select "].iter().any(|sign| line.contains(sign))
        || line
            .split(|c: char| c.is_whitespace() || ";,&=:(){}<>".contains(c))
            .any(|text| word(text, &TextRules::default()).key != Key::Other)
}

/// Whether a word has the address of a machine in it that isn't this one: alone, in a URL, with a port.
fn is_address(word: &str) -> bool {
    let is_one = |text: &str| text.parse::<IpAddr>().is_ok_and(|address| !address.is_loopback());
    let parts = || word.split(['/', '@', '[', ']', '(', ')', ',', ';', '=']);
    word.contains(['.', ':'])
        && parts().any(|part| is_one(part) || part.rsplit_once(':').is_some_and(|(host, _)| is_one(host)))
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

/// Whether a word has the shape of a token: a vendor's, or long with letters of both cases and digits, or
/// very long hexadecimal.
pub(crate) fn looks_like_token(word: &str) -> bool {
    word.split(['/', '.', '?', '=']).any(|word| {
        let vendor = TOKENS.iter().any(|start| word.strip_prefix(start).is_some_and(|rest| rest.len() >= 8));
        let has = |test: fn(&u8) -> bool| word.bytes().any(|byte| test(&byte));
        let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        let hexadecimal = word.len() > 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        vendor
            || word.contains("Q~")
            || (word.len() >= 16 && mixed && !word.contains(['-', '_']))
            || (word.len() >= 24 && mixed)
            || hexadecimal
    })
}

/// Whether an id has the shape of a vendor's token. None consists of hexadecimal digits and hyphens.
pub(crate) fn holds_token(id: &str) -> bool {
    TOKENS.iter().any(|start| {
        id.split(['.', ':']).any(|part| part.strip_prefix(start).is_some_and(|rest| rest.len() >= 8))
    })
}

/// The name of a file or a program, without its directories and without arguments.
pub(crate) fn base_name(text: &str) -> Option<String> {
    let program = [" -", " /", " \"", " '"]
        .iter()
        .fold(text, |text, argument| text.split(argument).next().unwrap_or(text));
    field(program.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next()?)
}

/// A URL or a path of one, without user, query and fragment.
pub(crate) fn url_without_query(text: &str) -> Option<String> {
    let text = text.trim().split(['?', '#']).next()?;
    let Some((scheme, rest)) = text.split_once("://") else { return field(text) };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    field(&format!("{scheme}://{}{path}", authority.rsplit('@').next()?))
}

/// The bare name of a host: no scheme, user, port or path, and no address, except this machine's own. A
/// leading `*.` or `.` stays, as lists of hosts have it. Anything else is none.
pub(crate) fn bare_host(text: &str) -> Option<String> {
    const LONGEST: usize = 253;
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next()?;
    let text = text.rsplit('@').next()?;
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.is_loopback().then(|| address.to_string());
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*');
    if name.is_empty() || name.len() > LONGEST || !name.bytes().all(is_name) {
        return None;
    }
    (!looks_like_token(name)).then(|| name.to_ascii_lowercase())
}

/// The name of an error, as classes and codes are: an identifier (`java.sql.SQLException`, `std::io::Error`,
/// `ORA-00942`), or known words, short numbers and SQLSTATEs with spaces, brackets and slashes between them
/// (`1064 (42000)`, `SQLSTATE[42S02]`, `HTTP 503`).
pub(crate) fn error_name(text: &str) -> Option<String> {
    let name = text.trim();
    let is_identifier =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:$-".contains(&byte));
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
    let mut parts = name.split(separates).filter(|part| !part.is_empty()).peekable();
    let fits =
        parts.peek().is_some() && (is_identifier(name) || parts.all(is_part)) && !name.starts_with('/');
    let fits = fits && name.len() <= MAX_NAME_BYTES && !looks_like_token(name) && !is_address(name);
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
    fn of_a_field_the_first_thousand_characters_are_looked_at_and_no_torn_word_is_kept() {
        let after = |spaces: usize| field(&format!("{}Frobnicator", " ".repeat(spaces)));
        assert_eq!(after(1024 - 11).as_deref(), Some("Frobnicator"));
        assert_eq!(after(1024 - 10), None);
        assert_eq!(field(&"x ".repeat(300)).unwrap(), "x ".repeat(128).trim_end());
    }

    #[test]
    fn a_token_is_long_and_of_letters_of_both_cases_and_digits_or_of_a_known_vendor() {
        for token in [
            "dapi01234567",
            "https://host/dapi01234567",
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
            "card 4111 1111 11111111",
            "a\nb",
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
