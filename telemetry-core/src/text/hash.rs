// How a word is folded and hashed: shared by the build script, which lays the table out, and the look-up.

/// The longest word of the vocabulary, in bytes. What is longer isn't looked up.
pub(crate) const LONGEST: usize = 24;

/// A word of up to 24 ASCII letters and digits in lower case, eight of them in a number.
pub(crate) type Folded = [u64; LONGEST / 8];

/// Folds a word; `None` when it is too long.
pub(crate) fn fold(word: &[u8]) -> Option<Folded> {
    // Letters differ from their capitals, and digits from nothing else, by this bit.
    let fold_part = |part: &[u8]| part.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(byte | 0x20));
    let mut folded = Folded::default();
    let mut parts = folded.iter_mut();
    for part in word.chunks(8) {
        *parts.next()? = fold_part(part);
    }
    Some(folded)
}

pub(crate) fn hash([first, second, third]: Folded) -> u32 {
    let mixed = first.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ second.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ third.wrapping_mul(0x1656_67b1_9e37_79f9);
    (mixed >> 32) as u32 ^ mixed as u32
}
