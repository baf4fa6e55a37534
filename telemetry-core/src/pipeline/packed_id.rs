//! A statement's id from a driver's thread to its record: small, as nearly all ids are UUIDs.

use crate::record::id::StatementId;

/// The id of a statement. A UUID as services write it, in small letters, takes 16 bytes; any other is boxed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PackedId {
    /// In words, as it is copied and compared often.
    Uuid([u64; 2]),
    Other(Box<StatementId>),
}

/// How long a UUID is as text.
const TEXT: usize = 36;
/// Where its digits are, between hyphens: from, to.
const GROUPS: [(usize, usize); 5] = [(0, 8), (9, 13), (14, 18), (19, 23), (24, TEXT)];

impl PackedId {
    /// Reads an id; `None` where the text isn't one.
    pub(crate) fn new(text: &str) -> Option<Self> {
        match text.as_bytes().try_into().ok().and_then(pack) {
            Some(uuid) => Some(PackedId::Uuid(uuid)),
            None => StatementId::new(text).map(|id| PackedId::Other(Box::new(id))),
        }
    }

    /// The id as records have it.
    pub(crate) fn unpack(&self) -> StatementId {
        match self {
            PackedId::Uuid(uuid) => StatementId::of_uuid(unpack(*uuid)),
            PackedId::Other(id) => **id,
        }
    }

    /// How many bytes it takes beside itself.
    pub(crate) fn heap_bytes(&self) -> u64 {
        match self {
            PackedId::Uuid(_) => 0,
            PackedId::Other(_) => size_of::<StatementId>() as u64,
        }
    }
}

/// The digits of a UUID: in each byte one of the first half and one of the second, so that all are read
/// alike, some at once.
fn pack(text: &[u8; TEXT]) -> Option<[u64; 2]> {
    let mut halves = [[0; 16]; 2];
    let digits = halves.as_flattened_mut();
    let mut at = 0;
    for (from, to) in GROUPS {
        digits[at..at + to - from].copy_from_slice(&text[from..to]);
        at += to - from;
    }
    let mut is_uuid = GROUPS[1..].iter().fold(true, |is_uuid, (from, _)| is_uuid & (text[from - 1] == b'-'));
    for digit in digits {
        let (figure, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
        is_uuid &= (figure < 10) | (letter < 6);
        *digit = if figure < 10 { figure } else { letter.wrapping_add(10) };
    }
    is_uuid.then(|| {
        let [first, second] = halves.map(u128::from_le_bytes);
        let uuid = (first << 4) | second;
        [uuid as u64, (uuid >> 64) as u64]
    })
}

fn unpack([first, second]: [u64; 2]) -> [u8; TEXT] {
    /// A one in each byte.
    const ONES: u128 = u128::MAX / 255;
    const TO_LETTERS: u128 = (b'a' - b'0' - 10) as u128;
    // Sixteen digits at once, one in each byte: those above 9 have a bit more when 6 is added.
    let text = |digits: u128| {
        let letters = ((digits + ONES * 6) >> 4) & ONES;
        (digits + ONES * u128::from(b'0') + letters * TO_LETTERS).to_le_bytes()
    };
    let uuid = u128::from(first) | (u128::from(second) << 64);
    let halves = [text((uuid >> 4) & (ONES * 15)), text(uuid & (ONES * 15))];
    let digits = halves.as_flattened();
    let mut text = [b'-'; TEXT];
    let mut at = 0;
    for (from, to) in GROUPS {
        text[from..to].copy_from_slice(&digits[at..at + to - from]);
        at += to - from;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "01ef7b1c-94d2-1a6e-8f0b-3c51d7e2a940";

    #[test]
    fn a_uuid_is_packed_and_whatever_differs_from_one_is_not() {
        assert!(matches!(PackedId::new(UUID), Some(PackedId::Uuid(_))));
        for at in 0..TEXT {
            for other in "-0g/:@`GF~\u{0}".chars() {
                let mut text: Vec<char> = UUID.chars().collect();
                text[at] = other;
                let text = String::from_iter(text);
                let is_uuid = uuid::Uuid::parse_str(&text).is_ok() && text.to_lowercase() == text;
                let packed = PackedId::new(&text);
                assert_eq!(matches!(packed, Some(PackedId::Uuid(_))), is_uuid, "{text}");
                assert_eq!(packed.map(|id| id.unpack()), StatementId::new(&text), "{text}");
            }
        }
    }

    #[test]
    fn with_no_hyphen_in_its_place_it_is_none() {
        for text in ["01ef7b1c.94d2.1a6e-8f0b-3c51d7e2a940", "01ef7b1c.94d2.1a6e.8f0b.3c51d7e2a940"] {
            assert!(matches!(PackedId::new(text), Some(PackedId::Other(_))), "{text}");
        }
    }

    #[test]
    fn only_one_that_is_no_uuid_takes_room_elsewhere() {
        let bytes = |text| PackedId::new(text).map(|id| id.heap_bytes());
        assert_eq!((bytes(UUID), bytes("s1")), (Some(0), Some(size_of::<StatementId>() as u64)));
    }

    #[test]
    fn it_is_small() {
        assert_eq!(size_of::<Option<PackedId>>(), 24);
    }

    proptest! {
        #[test]
        fn an_id_comes_out_as_it_went_in_and_is_only_equal_to_itself(
            first in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[A-Za-z0-9_.:-]{1,63}|.{0,70}",
            second in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        ) {
            let packed = PackedId::new(&first);
            prop_assert_eq!(packed.as_ref().map(PackedId::unpack), StatementId::new(&first));
            prop_assert_eq!(packed == PackedId::new(&second), first == second);
        }
    }
}
