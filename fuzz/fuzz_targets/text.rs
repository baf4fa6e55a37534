//! Text: none panics, what was sanitized stays as it is, and a token goes wherever it stands.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemetry_core::text::sanitize;

const TOKEN: &str = "dapi0123456789abcdef0123456789abcdef";

fuzz_target!(|text: &str| {
    let once = sanitize(text);
    assert_eq!(sanitize(&once), once, "of {text:?}");
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle -= 1;
    }
    let (before, after) = text.split_at(middle);
    let planted = format!("{before}{TOKEN}{after}");
    assert!(!sanitize(&planted).contains(TOKEN), "of {planted:?}");
});
