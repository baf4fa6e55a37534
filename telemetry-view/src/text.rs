//! Foreign text, made fit to be shown.

use std::fmt::Write;

/// Letters of a host's name, as DNS has it.
const MAX_HOST: usize = 253;

/// Text that a terminal shows and never obeys: control characters, and those that turn the direction of
/// writing, become escapes. At most `limit` characters.
pub(crate) fn plain(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    for (place, letter) in text.chars().enumerate() {
        if place == limit {
            shown.push('…');
            break;
        }
        if letter.is_control() || is_invisible(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Characters that change how others are shown, and show nothing themselves.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Bytes as text: what is UTF-8 as it is, any other byte as `\xNN`.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string never fails.
            _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// The first so many characters of a text.
pub(crate) fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// As much of a text as has room in so many bytes.
pub(crate) fn cut_to_bytes(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// The name of a host that a request says it is for, without its port, if it is one: letters, digits, dots,
/// hyphens and underscores, which mean nothing to a terminal, a shell or a page.
pub(crate) fn name_of_host(host: &str) -> Option<&str> {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = (1..=MAX_HOST).contains(&name.len()) && name.bytes().all(is_letter);
    // What begins with a hyphen is an option.
    (is_name && !name.starts_with('-')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        assert_eq!(plain("a\u{1b}[31mb\r\n\u{9b}\u{202e}ü", 99), "a\\u{1b}[31mb\\r\\n\\u{9b}\\u{202e}ü");
        assert_eq!(plain("\u{600}\u{e0041}", 99), "\\u{600}\\u{e0041}");
        assert_eq!(plain("abc", 2), "ab…");
        assert_eq!(plain("ab", 2), "ab");
    }

    #[test]
    fn only_a_hosts_name_is_taken_for_one() {
        for (host, name) in [("db-1.Example_2.test:8443", "db-1.Example_2.test"), ("db", "db"), ("db:", "db")]
        {
            assert_eq!(name_of_host(host), Some(name));
        }
        let long = "x".repeat(MAX_HOST + 1);
        assert_eq!(name_of_host(&long[1..]), Some(&long[1..]));
        for other in [
            "",
            ":80",
            &long,
            "a b",
            "a\n",
            "\u{1b}[31m",
            "ü",
            "a\u{202e}b",
            "$(id)",
            "`id`",
            "a;id",
            "a&b",
            "a'b",
            "a\"b",
            "<b>",
            "-rf",
            "a:b",
            "a:8x",
            "u@a",
            "a/b",
            "[::1]",
            "a\u{fffd}",
        ] {
            assert_eq!(name_of_host(other), None, "{other}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_escaped() {
        assert_eq!(of_bytes(b"a\xff\xc3\xbcb\xc3"), "a\\xffüb\\xc3");
    }

    #[test]
    fn a_cut_falls_between_characters() {
        assert_eq!((cut("üüü", 2), cut("ü", 2), cut("", 0)), ("üü", "ü", ""));
        let bytes = |bytes| cut_to_bytes("aüü", bytes);
        assert_eq!((bytes(0), bytes(1), bytes(2), bytes(3), bytes(9)), ("", "a", "a", "aü", "aüü"));
    }
}
