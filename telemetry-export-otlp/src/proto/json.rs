//! Where OTLP's JSON differs from that of serde: ids are lower-case hexadecimal, and integers of 64 bits are
//! strings.

use std::fmt::{Display, Write};

use serde::ser::{Serialize, SerializeSeq, Serializer};

/// Shows as a string.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

pub(super) fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// What needn't be said.
pub(super) fn is_zero(value: &u32) -> bool {
    *value == 0
}

pub(super) fn texts<T: Display, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(values.len()))?;
    for value in values {
        list.serialize_element(&Text(value))?;
    }
    list.end()
}

pub(super) fn hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string doesn't fail.
        _ = write!(text, "{byte:02x}");
    }
    serializer.serialize_str(&text)
}
