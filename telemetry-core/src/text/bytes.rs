//! What a byte of a text is, so that a text is looked at with one look-up a byte.

pub(super) const DIGIT: u8 = 1;
pub(super) const SMALL: u8 = 1 << 1;
pub(super) const CAPITAL: u8 = 1 << 2;
/// A sign at which the inside of a token is parted.
pub(super) const PARTS: u8 = 1 << 3;
/// A sign that may stand before or behind a word.
pub(super) const EDGE: u8 = 1 << 4;
/// White space, a quote, or a byte of another script: a token may end here.
pub(super) const ENDS: u8 = 1 << 5;
/// What words, numbers and what parts them aren't made of (`@`, `\`, `$`, another script).
pub(super) const ODD: u8 = 1 << 6;
/// What may stand at the end of a path.
pub(super) const SLASH: u8 = 1 << 7;

pub(super) const WORD: u8 = DIGIT | SMALL | CAPITAL;

/// What a byte is.
#[inline]
pub(super) fn kind(byte: u8) -> u8 {
    KINDS[usize::from(byte)]
}

/// What the bytes of a text are, all together.
pub(super) fn kinds(text: &[u8]) -> u8 {
    text.iter().fold(0, |kinds, byte| kinds | kind(*byte))
}

/// How many bytes a text begins with that aren't of this kind; what they are, all together.
#[inline]
pub(super) fn while_without(text: &[u8], end: u8) -> (usize, u8) {
    let (mut len, mut all) = (0, 0);
    for byte in text {
        let kind = kind(*byte);
        if kind & end != 0 {
            break;
        }
        all |= kind;
        len += 1;
    }
    (len, all)
}

/// The characters of a kind that a text begins with, and what stands behind them. Those of ASCII are told by
/// their bytes.
#[inline]
pub(super) fn split_start(text: &str, is: impl Fn(char) -> bool) -> (&str, &str) {
    let is_one = |byte: &u8| byte.is_ascii() && is(char::from(*byte));
    let mut end = text.bytes().take_while(is_one).count();
    if text.as_bytes().get(end).is_some_and(|byte| !byte.is_ascii()) {
        end = text.len() - text.trim_start_matches(is).len();
    }
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// What stands before the characters of a kind that a text ends with, and those.
#[inline]
pub(super) fn split_end(text: &str, is: impl Fn(char) -> bool) -> (&str, &str) {
    let is_one = |byte: &u8| byte.is_ascii() && is(char::from(*byte));
    let mut end = text.len() - text.bytes().rev().take_while(is_one).count();
    if text.as_bytes().get(..end).and_then(<[u8]>::last).is_some_and(|byte| !byte.is_ascii()) {
        end = text.trim_end_matches(is).len();
    }
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The run of letters and digits that a text begins with.
pub(super) struct Run {
    pub(super) len: usize,
    /// What its first byte is.
    pub(super) first: u8,
    /// What the bytes behind that are, all together.
    pub(super) others: u8,
}

impl Run {
    pub(super) fn at_start(text: &str) -> Run {
        let mut bytes = text.bytes();
        let first = bytes.next().map_or(0, kind) & WORD;
        let (mut len, mut others) = (usize::from(first != 0), 0);
        if first != 0 {
            for kind in bytes.map(kind).take_while(|kind| kind & WORD != 0) {
                others |= kind;
                len += 1;
            }
        }
        Run { len, first, others }
    }

    pub(super) fn kinds(&self) -> u8 {
        self.first | self.others
    }

    /// Whether a text that begins with it is no more, and no number by its first digit.
    pub(super) fn is_word(&self, text: &str) -> bool {
        self.len == text.len() && self.first & DIGIT == 0
    }

    /// Whether it may consist of more than one camel hump: it has a capital behind its first byte, and not
    /// capitals alone.
    pub(super) fn may_have_humps(&self) -> bool {
        self.others & CAPITAL != 0 && self.kinds() != CAPITAL
    }
}

const KINDS: [u8; 256] = {
    let mut kinds = [ENDS | ODD; 256];
    let mut byte = 0;
    while byte < 128 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' => SMALL,
            b'A'..=b'Z' => CAPITAL,
            b':' | b',' | b';' | b'=' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' => PARTS | EDGE,
            b'.' | b'-' => EDGE,
            b'!' | b'?' | b'%' | b'#' | b'|' => EDGE | ODD,
            b'/' => SLASH,
            b'_' => 0,
            // An apostrophe within a word is a quote otherwise.
            b'\'' => ENDS,
            b'"' | b'`' | b' ' => ENDS | ODD,
            control if control.is_ascii_control() => ENDS | ODD,
            _ => ODD,
        };
        byte += 1;
    }
    kinds
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::words::is_space;

    proptest! {
        #[test]
        fn a_text_is_split_where_characters_of_a_kind_end(text in "[ \u{a0}\u{2003}\ta\u{e4}.]{0,8}") {
            let (start, behind) = split_start(&text, is_space);
            prop_assert_eq!((start.len() + behind.len(), behind), (text.len(), text.trim_start_matches(is_space)));
            let (before, end) = split_end(&text, is_space);
            prop_assert_eq!((before, before.len() + end.len()), (text.trim_end_matches(is_space), text.len()));
        }
    }

    #[test]
    fn a_byte_is_what_the_rules_of_tokens_say() {
        for byte in 0..=255 {
            let (kind, c) = (kind(byte), char::from(byte));
            let is = |mark| kind & mark != 0;
            let among = |signs: &str| byte.is_ascii() && signs.contains(c);
            assert_eq!(is(DIGIT), byte.is_ascii_digit(), "{c:?}");
            assert_eq!(is(SMALL), byte.is_ascii_lowercase(), "{c:?}");
            assert_eq!(is(CAPITAL), byte.is_ascii_uppercase(), "{c:?}");
            assert_eq!(is(PARTS), among(":,;=()[]{}<>"), "{c:?}");
            assert_eq!(is(EDGE), among(":,;=()[]{}<>.!?-%#|"), "{c:?}");
            assert_eq!(is(SLASH), byte == b'/', "{c:?}");
            let is_space = c.is_whitespace() || c.is_control();
            assert_eq!(is(ENDS), is_space || among("'\"`") || !byte.is_ascii(), "{c:?}");
            assert_eq!(is(ODD), !(byte.is_ascii_alphanumeric() || among(":,;=()[]{}<>_-./'")), "{c:?}");
        }
    }

    #[test]
    fn a_text_is_looked_at_up_to_a_byte_of_a_kind() {
        for (text, found) in [
            ("", (0, 0)),
            ("Ab_7 c", (4, CAPITAL | SMALL | DIGIT)),
            (" a", (0, 0)),
            ("a:", (2, SMALL | PARTS | EDGE)),
        ] {
            assert_eq!(while_without(text.as_bytes(), ENDS), found, "{text}");
        }
    }

    #[test]
    fn a_run_with_a_capital_behind_its_first_byte_may_have_humps_save_of_capitals_alone() {
        for (text, may) in [
            ("server", false),
            ("Server", false),
            ("SERVER", false),
            ("serverX", true),
            ("SE7R", true),
            ("S7", false),
        ] {
            assert_eq!(Run::at_start(text).may_have_humps(), may, "{text}");
        }
    }

    #[test]
    fn a_run_is_what_letters_and_digits_a_text_begins_with() {
        for (text, run) in [
            ("", (0, 0, 0)),
            (" a", (0, 0, 0)),
            ("\u{e4}a", (0, 0, 0)),
            ("a", (1, SMALL, 0)),
            ("A1b_2", (3, CAPITAL, DIGIT | SMALL)),
            ("7\u{e4}", (1, DIGIT, 0)),
        ] {
            let Run { len, first, others } = Run::at_start(text);
            assert_eq!((len, first, others), run, "{text}");
        }
    }
}
