//! The words that are known to be harmless: `vocabulary.txt`, one a line, as a table that the build script lays out.

mod hash {
    include!("hash.rs");
}

use hash::hash;

mod table {
    include!(concat!(env!("OUT_DIR"), "/vocabulary.rs"));
}

use table::{SLOTS, WORDS};

/// The longest word of the vocabulary, in bytes. What is longer isn't looked up.
const LONGEST: usize = 24;

/// Whether a word is in the vocabulary, in whatever case.
pub(crate) fn holds(word: &str) -> bool {
    if word.is_empty() || word.len() > LONGEST {
        return false;
    }
    let mut slot = hash(word.as_bytes()) as usize % SLOTS.len();
    // The table is at most half full, so that a free slot ends the search soon.
    while let Some(found) = (SLOTS[slot] as usize).checked_sub(1) {
        if WORDS[found].eq_ignore_ascii_case(word) {
            return true;
        }
        slot = (slot + 1) % SLOTS.len();
    }
    false
}

/// Whether every part of a word is known: a plain word, an identifier joined by `_`, `-`, `.`, `/` or `'`, or one in camel case.
pub(crate) fn knows(word: &str) -> bool {
    let mut parts = 0;
    let known = word.split(['_', '-', '.', '/', '\'']).filter(|part| !part.is_empty()).all(|part| {
        parts += 1;
        (has_plain_case(part) && holds(part))
            || is_small_number(word, part)
            || is_contraction(word, part)
            || humps_are_known(part)
    });
    known && parts > 0
}

/// What follows the apostrophe of a short form: `can't`, `it's`, `we've`.
fn is_contraction(word: &str, part: &str) -> bool {
    ["t", "s", "re", "ve", "ll", "d", "m"].contains(&part)
        && word.split_once('\'').is_some_and(|(_, end)| end == part)
}

/// A number of up to two digits that is joined to a word, as in `UTF-8`, `HTTP/1.1` and `32-bit`.
fn is_small_number(word: &str, part: &str) -> bool {
    part.len() <= 2
        && part.bytes().all(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// One of lower, Title and UPPER; digits have no case.
fn has_plain_case(part: &str) -> bool {
    let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
    let mut letters = rest.bytes().filter(u8::is_ascii_alphabetic);
    let Some(first) = letters.next() else { return true };
    let (mut lower, mut upper) = (first.is_ascii_lowercase(), false);
    for letter in letters {
        lower |= letter.is_ascii_lowercase();
        upper |= letter.is_ascii_uppercase();
    }
    !(lower && upper) || ["IPv4", "IPv6", "OAuth", "SQLite", "gRPC"].contains(&part)
}

/// Whether `FileNotFoundException`, `IOException` or `getURL` is made of known words, at least two letters each.
fn humps_are_known(part: &str) -> bool {
    let bytes = part.as_bytes();
    if !part.is_ascii() || part.len() > 100 {
        return false;
    }
    let starts_hump = |at: usize| {
        let (before, here) = (bytes[at - 1], bytes[at]);
        here.is_ascii_uppercase()
            && (!before.is_ascii_uppercase() || bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase))
    };
    let mut start = 0;
    let mut humps = 0;
    for end in 1..=bytes.len() {
        if end == bytes.len() || starts_hump(end) {
            let Some(hump) = part.get(start..end) else { return false };
            if hump.len() < 2 && hump != "A" && hump != "a" || !holds(hump) {
                return false;
            }
            humps += 1;
            start = end;
        }
    }
    humps > 1
}
