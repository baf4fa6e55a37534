//! What a word looks like: a secret, a placeholder, an id.

/// Whether a word without quotes looks like a secret and not like prose: digits among letters, symbols, or capitals where none belong.
pub(super) fn looks_secret(shown: &str) -> bool {
    if shown.len() < 6 || is_uuid(shown) {
        return false;
    }
    let digits = shown.bytes().filter(u8::is_ascii_digit).count();
    let letters = shown.bytes().filter(u8::is_ascii_alphabetic).count();
    let symbols = shown.bytes().filter(|byte| b"!@#$%^&*+=~?".contains(byte)).count();
    let inner_capitals = shown.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
    let lower = shown.bytes().any(|byte| byte.is_ascii_lowercase());
    (letters > 0 && digits + symbols > 0) || (inner_capitals > 1 && lower && shown.len() >= 12)
}

pub(super) fn is_uuid(shown: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    shown.len() == 36
        && shown
            .bytes()
            .enumerate()
            .all(|(at, byte)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// What stands for a value, and is none.
pub(super) fn is_no_value(shown: &str) -> bool {
    const NONE: [&str; 22] = [
        "***",
        "null",
        "none",
        "nil",
        "true",
        "false",
        "yes",
        "no",
        "undefined",
        "required",
        "missing",
        "invalid",
        "expired",
        "empty",
        "unset",
        "not",
        "redacted",
        "[redacted]",
        "<redacted>",
        "n/a",
        "failed",
        "unknown",
    ];
    NONE.iter().any(|none| shown.eq_ignore_ascii_case(none))
        || shown.bytes().all(|byte| byte == b'*' || byte == b'.')
}
