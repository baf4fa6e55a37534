// The hash of a vocabulary word, without regard to case: shared by the build script, which lays the table out, and the look-up.

/// FNV-1a over the lower-case bytes.
pub(crate) const fn hash(word: &[u8]) -> u32 {
    let mut hash = 0x811c_9dc5u32;
    let mut at = 0;
    while at < word.len() {
        hash ^= word[at].to_ascii_lowercase() as u32;
        hash = hash.wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}
