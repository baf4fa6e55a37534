//! Keys in PEM, whole or cut.

use super::Gone;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// What stands between `-----BEGIN …-----` and `-----END …-----`; without an end, all the rest.
pub(super) fn find(text: &str, gone: &mut Gone) {
    let mut at = 0;
    while let Some(begin) = text[at..].find(BEGIN).map(|found| at + found + BEGIN.len()) {
        let Some(head) = text[begin..].find(DASHES).map(|found| begin + found + DASHES.len()) else {
            gone.push(begin..text.len());
            return;
        };
        match text[head..].find(END).map(|found| head + found) {
            Some(end) => {
                gone.push(head..end);
                at = end;
            }
            None => {
                gone.push(head..text.len());
                return;
            }
        }
    }
}
