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
    use super::*;

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
