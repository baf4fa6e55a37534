// How a word is folded and hashed: shared by the build script, which lays the table out, and the look-up.

/// The longest word of the vocabulary, in bytes. What is longer isn't looked up.
pub(crate) const LONGEST: usize = 24;

/// A word of ASCII letters and digits in lower case, filled up with zeros.
pub(crate) fn fold(word: &[u8]) -> Option<[u8; LONGEST]> {
    let mut folded = [0; LONGEST];
    folded.get_mut(..word.len())?.copy_from_slice(word);
    // Letters differ from their capitals, and digits from nothing else, by this bit.
    for byte in folded.get_mut(..word.len())? {
        *byte |= 0x20;
    }
    Some(folded)
}

pub(crate) fn hash(folded: &[u8; LONGEST]) -> u32 {
    let (parts, _) = folded.as_chunks::<8>();
    let mut hash = 0u64;
    for part in parts {
        hash = (hash ^ u64::from_le_bytes(*part)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 32;
    }
    hash as u32
}
