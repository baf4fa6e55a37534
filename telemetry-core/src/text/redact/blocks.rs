//! Keys in PEM, whole or cut.

use super::Gone;
use super::scan::{LOOK_AHEAD, before, line_end, skip};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// What stands between `-----BEGIN …-----` and `-----END …-----`; without an end, all the rest of a private key, and of anything else
/// what looks like one; and what stands before an end without a beginning.
pub(super) fn find(text: &str, gone: &mut Gone) {
    let mut at = 0;
    // Each is looked for once: from behind the last one found.
    let mut end = text.find(END);
    loop {
        let begin = text[at..].find(BEGIN).map(|found| at + found);
        if let Some(last) = end.filter(|last| *last < at) {
            end = text[at.max(last)..].find(END).map(|found| at + found);
        }
        match (begin, end) {
            (None, None) => return,
            (begin, Some(end)) if begin.is_none_or(|begin| end < begin) => {
                gone.push(headless(text, at, end)..end);
                at = end + END.len();
            }
            (Some(begin), _) => match block(text, begin + BEGIN.len(), end, gone) {
                Some(next) => at = next,
                None => return,
            },
            (None, Some(_)) => return,
        }
    }
}

/// Takes a block from its label on; the place after it, if there is more to look at.
fn block(text: &str, label: usize, end: Option<usize>, gone: &mut Gone) -> Option<usize> {
    let Some(head) = text[label..].find(DASHES).map(|found| label + found + DASHES.len()) else {
        gone.push(label..text.len());
        return None;
    };
    if let Some(end) = end.filter(|end| *end >= head) {
        gone.push(head..end);
        return Some(end + END.len());
    }
    if text[label..head].contains("PRIVATE") {
        gone.push(head..text.len());
        return None;
    }
    // A message may only speak of it.
    let bytes = text.as_bytes();
    let start = skip(bytes, head, |byte| byte.is_ascii_whitespace() || matches!(byte, b'\\' | b'n' | b'r'));
    let end = skip(bytes, start, is_body);
    if end - start >= 16 {
        gone.push(start..end);
    }
    Some(end)
}

fn is_body(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\n' | b'\r' | b'\\')
}

/// Where the body of a block starts whose beginning was cut off.
fn headless(text: &str, from: usize, end: usize) -> usize {
    let bytes = text.as_bytes();
    let length = bytes[from..end].iter().rev().take(LOOK_AHEAD).take_while(|byte| is_body(**byte)).count();
    let start = end - length;
    // The rest of a word of prose before it isn't the body's.
    match before(bytes, start) {
        Some(b' ') => line_end(bytes, start).min(end),
        _ => start,
    }
}
