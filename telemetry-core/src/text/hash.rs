// How a word is folded and hashed: shared by the build script, which lays the table out, and the look-up.

/// The longest word of the vocabulary, in bytes. What is longer isn't looked up.
pub(crate) const LONGEST: usize = 24;

/// A word of up to 24 ASCII letters and digits in lower case, eight of them in a number.
pub(crate) type Folded = [u64; LONGEST / 8];

/// Folds the word that a text begins with, of so many bytes; `None` when it is too long. With eight bytes or
/// more of the text in sight, it takes no branch on how long the word is.
#[inline]
pub(crate) fn fold(text: &[u8], len: usize) -> Option<Folded> {
    let part = |from: usize| {
        if len <= from { 0 } else { fold_part(text.get(from..).unwrap_or_default(), len - from) }
    };
    (len <= LONGEST).then(|| [part(0), part(8), part(16)])
}

/// The first bytes of a text, up to eight, as a number, the first the lowest.
#[inline]
fn fold_part(text: &[u8], len: usize) -> u64 {
    let number = match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => few(text),
    };
    // Letters differ from their capitals, and digits from nothing else, by this bit.
    (number | u64::from_le_bytes([0x20; 8])) & (u64::MAX >> (64 - 8 * len.min(8)))
}

/// Fewer than eight bytes as a number: the first ones, and the last ones, which may be some of the same.
#[inline]
fn few(text: &[u8]) -> u64 {
    let at = |number: u64, from: usize| number << (8 * from);
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let [first, last] = [first, last].map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
        return first | at(last, text.len() - 4);
    }
    let middle = text.len() / 2;
    let [first, middle_byte, last] =
        [text.first(), text.get(middle), text.last()].map(|byte| byte.map_or(0, |byte| u64::from(*byte)));
    first | at(middle_byte, middle) | at(last, text.len().saturating_sub(1))
}

pub(crate) fn hash([first, second, third]: Folded) -> u32 {
    let mixed = first.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ second.wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
        ^ third.wrapping_mul(0x1656_67b1_9e37_79f9);
    (mixed >> 32) as u32 ^ mixed as u32
}
