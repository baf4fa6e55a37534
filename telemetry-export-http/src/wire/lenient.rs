//! Reads what shipped drivers write, where that differs from the schema: a number as a string or a float, a truth as a string, `null`
//! for what isn't there.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Any value, or `null`.
pub(super) fn any<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

/// A text; a number is taken as its text.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A list of texts; one text is a list of one.
pub(super) fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(vec![text]),
        Value::Array(values) => {
            Some(values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
        }
        _ => None,
    })
}

/// An integer, which may come as one, as a float or as a string of either. A fraction is cut off; what doesn't fit is held to the
/// type's bounds; what is no number isn't there.
pub(super) fn int64<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let of_float = |float: f64| (!float.is_nan()).then_some(float as i64);
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64().or_else(|| of_float(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| of_float(text.trim().parse().ok()?)),
        _ => None,
    })
}

/// The same in 32 bits.
pub(super) fn int32<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i32>, D::Error> {
    Ok(int64(from)?.map(|value| value.clamp(i32::MIN.into(), i32::MAX.into()) as i32))
}

/// A truth, which may come as a string.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    })
}
