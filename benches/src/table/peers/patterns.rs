//! Text that is cleaned by patterns of what must not leave. It isn't what this library does, which keeps only
//! what is known to be harmless.

use std::hint::black_box;

use benches::messages::{MESSAGE_100, MESSAGE_500};
use regex::{Regex, RegexSet};

use crate::table::measure::{Meter, Row};
use crate::table::ours::subject::{ERROR_100, ERROR_500};

const PATTERNS: [&str; 12] = [
    r"dapi[0-9a-f]{32}",
    r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+",
    r"(?i)bearer +[A-Za-z0-9._~+/-]+",
    r"(?i)(password|passwd|pwd|secret|token|key) *[=:] *\S+",
    r"AKIA[0-9A-Z]{16}",
    r"-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----",
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
    r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
    r"https?://[^ ]+",
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    r"'[^']*'",
    r"`[^`]*`",
];

pub fn rows() -> Vec<Row> {
    vec![
        Row::peer(ERROR_100, "regex", "12 patterns, the text alone", patterns(MESSAGE_100, 1)),
        Row::peer(ERROR_500, "regex", "12 patterns, the text alone", patterns(MESSAGE_500, 5)),
    ]
}

/// Only those are replaced of which the set says that they are there.
fn patterns(text: &'static str, there: usize) -> impl FnMut(&mut Meter) {
    let set = RegexSet::new(PATTERNS).expect("they are patterns");
    let each = PATTERNS.map(|pattern| Regex::new(pattern).expect("it is a pattern"));
    assert_eq!(set.matches(text).iter().count(), there);
    move |meter| {
        meter.each(|_| {
            set.matches(black_box(text))
                .iter()
                .fold(text.to_owned(), |text, place| each[place].replace_all(&text, "***").into_owned())
        });
    }
}
