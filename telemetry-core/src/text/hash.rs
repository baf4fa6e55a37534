// How a word is folded and hashed: shared by the build script, which lays the table out, and the look-up.

/// The longest word of the vocabulary, in bytes. What is longer isn't looked up.
pub(crate) const LONGEST: usize = 24;

/// A word of up to 24 ASCII letters and digits in lower case, eight of them in a number.
pub(crate) type Folded = [u64; LONGEST / 8];

/// Folds a word; `None` when it is too long.
#[inline]
pub(crate) fn fold(word: &[u8]) -> Option<Folded> {
    let (first, behind) = word.split_at(word.len().min(8));
    let (second, third) = behind.split_at(behind.len().min(8));
    (word.len() <= LONGEST).then(|| [fold_part(first), fold_part(second), fold_part(third)])
}

/// Up to eight bytes as a number, the first the lowest.
#[inline]
fn fold_part(part: &[u8]) -> u64 {
    if part.is_empty() {
        return 0;
    }
    let number = if let Some(all) = part.first_chunk() {
        u64::from_le_bytes(*all)
    } else if let (Some(first), Some(last)) = (part.first_chunk(), part.last_chunk()) {
        let last = u64::from(u32::from_le_bytes(*last));
        u64::from(u32::from_le_bytes(*first)) | last << (8 * (part.len() - 4))
    } else {
        part.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    // Letters differ from their capitals, and digits from nothing else, by this bit.
    number | u64::from_le_bytes([0x20; 8]) >> (64 - 8 * part.len())
}

pub(crate) fn hash([first, second, third]: Folded) -> u32 {
    let mixed = first.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ second.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ third.wrapping_mul(0x1656_67b1_9e37_79f9);
    (mixed >> 32) as u32 ^ mixed as u32
}
