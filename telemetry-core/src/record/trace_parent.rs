//! Where in the caller's trace something belongs.

use std::fmt;
use std::str::FromStr;

/// What was given is no trace parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C trace parent: such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 is one")]
#[expect(clippy::exhaustive_structs, reason = "a unit type, complete as it is")]
pub struct InvalidTraceParent;

/// The span of the caller's that something belongs under, as the
/// [W3C's trace context](https://www.w3.org/TR/trace-context/#traceparent-header) has it. It comes from the
/// driver; none is ever made up.
///
/// ```
/// use telemetry_core::record::TraceParent;
///
/// let parent = TraceParent::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// assert!(parent.is_sampled());
/// let made = TraceParent::from_ids(parent.trace_id(), parent.parent_id(), parent.flags());
/// assert_eq!(made, Some(parent));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    flags: u8,
}

/// The one flag that all versions have.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Reads the text of a `traceparent` header; `None` where it isn't one.
    ///
    /// In version `00` it is 55 characters: version, trace id, parent id and flags as lower-case hexadecimal
    /// digits between hyphens, no id all zeros. Of a later version, as the specification wants it, these
    /// fields are read alike, of the flags the sampled one alone, and what follows after one more hyphen is
    /// left out. There is no version `ff`.
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (head, rest) = bytes.split_at_checked(55)?;
        if [2, 35, 52].iter().any(|place| head[*place] != b'-') {
            return None;
        }
        let [version] = hex(&head[..2])?;
        let [flags] = hex(&head[53..])?;
        let flags = match (version, rest) {
            (0, []) => flags,
            (1..=0xfe, [] | [b'-', ..]) => flags & SAMPLED,
            _ => return None,
        };
        TraceParent::from_ids(hex(&head[3..35])?, hex(&head[36..52])?, flags)
    }

    /// Of ids as a tracing library has them, and the flags; `None` where an id is all zeros, which says that
    /// there is none.
    pub fn from_ids(trace_id: [u8; 16], parent_id: [u8; 8], flags: u8) -> Option<Self> {
        let both = trace_id != [0; 16] && parent_id != [0; 8];
        both.then_some(TraceParent { trace_id, parent_id, flags })
    }

    /// The trace's id.
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The id of the caller's span.
    pub const fn parent_id(&self) -> [u8; 8] {
        self.parent_id
    }

    /// The flags, as they came.
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether the caller may have recorded the trace.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// So many bytes in lower-case hexadecimal digits, two for each.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// As the header of version `00` that it is.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, parent) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.parent_id));
        write!(f, "00-{trace:032x}-{parent:016x}-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceParent({self})")
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        TraceParent::new(text).ok_or(InvalidTraceParent)
    }
}

/// As [`new`](TraceParent::new).
impl TryFrom<&str> for TraceParent {
    type Error = InvalidTraceParent;

    fn try_from(text: &str) -> Result<Self, InvalidTraceParent> {
        text.parse()
    }
}

/// As [`from_ids`](TraceParent::from_ids): the trace's id, the span's, and the flags.
impl TryFrom<([u8; 16], [u8; 8], u8)> for TraceParent {
    type Error = InvalidTraceParent;

    fn try_from((trace_id, parent_id, flags): ([u8; 16], [u8; 8], u8)) -> Result<Self, InvalidTraceParent> {
        TraceParent::from_ids(trace_id, parent_id, flags).ok_or(InvalidTraceParent)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn a_header_of_version_00_is_read_whole() {
        let parent = TraceParent::new(&format!("00-{TRACE}-{PARENT}-a3")).unwrap();
        assert_eq!(u128::from_be_bytes(parent.trace_id()), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(u64::from_be_bytes(parent.parent_id()), 0x00f0_67aa_0ba9_02b7);
        assert_eq!((parent.flags(), parent.is_sampled()), (0xa3, true));
        assert!(!TraceParent::new(&format!("00-{TRACE}-{PARENT}-02")).unwrap().is_sampled());
    }

    #[test]
    fn of_a_later_version_what_this_one_has_is_read() {
        let read = |text: String| TraceParent::new(&text).map(|parent| parent.flags());
        assert_eq!(read(format!("01-{TRACE}-{PARENT}-a3")), Some(1));
        assert_eq!(read(format!("fe-{TRACE}-{PARENT}-02")), Some(0));
        assert_eq!(read(format!("cc-{TRACE}-{PARENT}-01-what the future brings")), Some(1));
        assert_eq!(read(format!("cc-{TRACE}-{PARENT}-01-")), Some(1));
        assert_eq!(read(format!("cc-{TRACE}-{PARENT}-01.")), None);
        assert_eq!(read(format!("cc-{TRACE}-{PARENT}-0")), None);
    }

    #[test]
    fn what_is_no_header_is_none() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            "é".repeat(55),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-0"),
            format!("00-{TRACE}-{PARENT}-0g"),
            format!("00-{TRACE}-{PARENT}_01"),
            format!("00_{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}+{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-001"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0x-{TRACE}-{PARENT}-01"),
            format!("00-{zeros}-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", PARENT.to_uppercase()),
            format!("FE-{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(TraceParent::new(&text), None, "{text}");
            assert_eq!(text.parse::<TraceParent>(), Err(InvalidTraceParent), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_of_ids_is_read_from_its_own_text(trace: [u8; 16], parent: [u8; 8], flags: u8) {
            let Some(made) = TraceParent::from_ids(trace, parent, flags) else { return Ok(()) };
            let ids = (made.trace_id(), made.parent_id(), made.flags());
            prop_assert_eq!(ids, (trace, parent, flags));
            prop_assert_eq!(TraceParent::new(&made.to_string()), Some(made));
        }

        #[test]
        fn no_text_is_read_as_another(text in "\\PC{0,60}|[0-9a-f-]{50,60}|0[01]-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?") {
            if let Some(parent) = TraceParent::new(&text) {
                prop_assert_eq!(&parent.to_string()[3..52], &text[3..52]);
            }
        }
    }

    #[test]
    fn ids_of_zeros_are_none() {
        let some = |trace, parent| TraceParent::from_ids([trace; 16], [parent; 8], 1).is_some();
        assert_eq!([some(1, 1), some(0, 1), some(1, 0), some(0, 0)], [true, false, false, false]);
        assert!(TraceParent::try_from(([0; 16], [1; 8], 1)).is_err());
    }
}
