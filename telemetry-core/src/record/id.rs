//! Identifiers: held inline, never allocated, and never able to carry anything but an identifier.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::num::NonZeroU8;
use std::str::FromStr;
use std::sync::LazyLock;

use crate::text::fields::holds_token;

/// A text is not a session or statement id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 1 to 63 letters, digits or -_.: are")]
#[expect(clippy::exhaustive_structs, reason = "a unit type, complete as it is")]
pub struct InvalidId;

/// The longest session or statement id, in bytes. UUIDs take 36; the longest seen in a shipped driver is 38.
pub const MAX_ID_BYTES: usize = 63;

/// Aligned, as text is copied and looked through by whole words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, align(8))]
struct Inline {
    bytes: [u8; MAX_ID_BYTES],
    len: NonZeroU8,
}

impl PartialOrd for Inline {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Inline {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

const ALLOWED: u8 = 1;
const HEX: u8 = 2;

/// Of each byte, whether an id may hold it, and whether it is a hexadecimal digit or a hyphen.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let is = byte as u8;
        if is.is_ascii_hexdigit() || is == b'-' {
            classes[byte] = ALLOWED | HEX;
        } else if is.is_ascii_alphanumeric() || matches!(is, b'_' | b'.' | b':') {
            classes[byte] = ALLOWED;
        }
        byte += 1;
    }
    classes
};

impl Inline {
    fn new(text: &str) -> Option<Inline> {
        if text.len() > MAX_ID_BYTES {
            return None;
        }
        let classes = text.bytes().fold(ALLOWED | HEX, |common, byte| common & CLASSES[usize::from(byte)]);
        // Hexadecimal digits and hyphens, as nearly all ids have them, are no token.
        if classes & ALLOWED == 0 || (classes & HEX == 0 && holds_token(text)) {
            return None;
        }
        let mut bytes = [0; MAX_ID_BYTES];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Inline { len: NonZeroU8::new(text.len() as u8)?, bytes })
    }

    fn as_str(&self) -> &str {
        // ASCII by construction, so this never falls back.
        std::str::from_utf8(&self.bytes[..usize::from(self.len.get())]).unwrap_or_default()
    }
}

impl Hash for Inline {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

macro_rules! inline_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Letters, digits and `-_.:`, 1 to [`MAX_ID_BYTES`] bytes; anything else, and an access token, is no
        /// id.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Inline);

        impl $name {
            /// Reads an id; `None` where the text isn't one.
            pub fn new(text: &str) -> Option<Self> {
                Inline::new(text).map($name)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                $name::new(text).ok_or(InvalidId)
            }
        }
    };
}

inline_id! {
    /// The id that the service gave a session.
    SessionId
}

inline_id! {
    /// The id that the service gave a statement.
    StatementId
}

impl StatementId {
    /// The id that is a UUID with this text: hexadecimal digits and hyphens.
    pub(crate) fn of_uuid(text: [u8; 36]) -> Self {
        const LEN: NonZeroU8 = NonZeroU8::new(36).unwrap();
        let mut bytes = [0; MAX_ID_BYTES];
        bytes[..36].copy_from_slice(&text);
        StatementId(Inline { len: LEN, bytes })
    }
}

/// The id of one record, a random UUID: made once, and the same in every attempt to deliver it, so that the
/// service can tell a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(uuid::Uuid);

impl EventId {
    /// A fresh one.
    pub fn random() -> Self {
        let mut bytes = [[0; 16]];
        fill(&mut bytes);
        let [bytes] = bytes;
        EventId::from_random_bytes(bytes)
    }

    /// So many fresh ones. One call of the system draws 128 bits that they start from, and a seed by which a
    /// generator tells them apart, at a fraction of what it would cost to draw each. Nothing is kept from one
    /// call to the next, so that a forked child draws its own.
    pub(crate) fn random_many(count: usize) -> impl Iterator<Item = EventId> {
        let mut drawn = [[0; 16]; 2];
        if count > 0 {
            fill(&mut drawn);
        }
        let [start, seed] = drawn.map(u128::from_ne_bytes);
        let mut generator = fastrand::Rng::with_seed(seed as u64);
        let fresh = move |_| EventId::from_random_bytes((start ^ generator.u128(..)).to_ne_bytes());
        (0..count).map(fresh)
    }

    fn from_random_bytes(bytes: [u8; 16]) -> Self {
        EventId(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The id with these 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        EventId(uuid::Uuid::from_bytes(bytes))
    }

    /// Its 16 bytes, of which ids of another form can be made: an exporter's are then the same in every
    /// attempt, too.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }
}

/// Fills ids with randomness: the system's, or where it has none to give our own, as an id is no secret.
fn fill(ids: &mut [[u8; 16]]) {
    let bytes = ids.as_flattened_mut();
    if getrandom::fill(bytes).is_err() {
        fastrand::fill(bytes);
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Who a connection acts for, as far as keeping tenants apart needs it: an opaque number.
///
/// It never leaves the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId(u64);

impl ScopeId {
    /// A scope with a number of the driver's own choosing.
    pub const fn new(number: u64) -> Self {
        ScopeId(number)
    }

    /// A scope that no other is equal to, drawn at random.
    pub(crate) fn unique() -> Self {
        ScopeId(fastrand::u64(..))
    }

    /// A scope for a principal that is known by a text (a user name, a client id, a token), through a hash
    /// whose key is drawn at random once per process.
    pub fn derived_from(principal: &str) -> Self {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        ScopeId(KEY.hash_one(principal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_no_id() {
        assert!(StatementId::new("01ef7b1c-94d2-1a6e-8f0b-3c51d7e2a940").is_some());
        assert!(StatementId::new("dapi0123456789abcdef0123456789abcdef").is_none());
        assert!(SessionId::new("xoxb-123456789012-abcdefghij").is_none());
    }

    #[test]
    fn ids_hold_what_services_use_and_nothing_else() {
        for good in ["01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b", "a", &"x".repeat(MAX_ID_BYTES)] {
            assert_eq!(StatementId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "select 'x'", "é", "a\n", &"x".repeat(MAX_ID_BYTES + 1)] {
            assert!(StatementId::new(bad).is_none(), "{bad}");
            assert!(bad.parse::<SessionId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_of_records_are_as_many_as_were_asked_for_and_random_uuids_none_twice() {
        let mut seen = std::collections::HashSet::new();
        for count in [0, 1, 63, 64, 65, 1000] {
            let ids: Vec<_> = EventId::random_many(count).chain([EventId::random()]).collect();
            assert_eq!(ids.len(), count + 1);
            for id in ids {
                assert_eq!(EventId::from_bytes(id.to_bytes()), id);
                assert!(seen.insert(id), "{id} came twice");
                // As RFC 9562 has version 4: `xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx`.
                assert_eq!(id.0.get_version_num(), 4, "{id}");
                assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122, "{id}");
            }
        }
        // Each bit that is random differs somewhere.
        let (ones, zeros) = seen
            .iter()
            .fold((0, u128::MAX), |(ones, zeros), id| (ones | id.0.as_u128(), zeros & id.0.as_u128()));
        assert_eq!((ones ^ zeros).count_ones(), 122);
    }

    #[test]
    fn scopes_tell_principals_apart() {
        assert_eq!(ScopeId::derived_from("a"), ScopeId::derived_from("a"));
        assert_ne!(ScopeId::derived_from("a"), ScopeId::derived_from("b"));
    }
}
