//! Reads what shipped drivers write, where that differs from the schema: a number as a string or a float, a
//! truth as a string, `null` for what isn't there, a lone half of a character.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Any value, or `null`. What is of another type isn't there: it costs its field, not the record.
pub(super) fn any<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(T::deserialize(Value::deserialize(from)?).ok())
}

/// JSON in which every escaped surrogate has its other half: a lone one, as JavaScript and Python write it,
/// becomes U+FFFD.
///
/// Valid JSON is left as it is. One pass over the text.
pub fn whole_characters(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut whole = String::with_capacity(json.len());
    let mut rest = json;
    let mut changed = false;
    while let Some((before, escaped)) = rest.split_once('\\') {
        whole.push_str(before);
        whole.push('\\');
        match (
            surrogate(escaped),
            escaped.get(5..).and_then(|next| next.strip_prefix('\\')).and_then(surrogate),
        ) {
            (Some(Half::High), Some(Half::Low)) => {
                let (pair, behind) = escaped.split_at_checked(11).unwrap_or((escaped, ""));
                whole.push_str(pair);
                rest = behind;
            }
            (Some(_), _) => {
                whole.push_str("ufffd");
                rest = escaped.get(5..).unwrap_or("");
                changed = true;
            }
            // An escape of another kind, of which a backslash is one, is passed over whole.
            (None, _) => {
                let mut behind = escaped.chars();
                whole.extend(behind.next());
                rest = behind.as_str();
            }
        }
    }
    whole.push_str(rest);
    if changed { Cow::Owned(whole) } else { Cow::Borrowed(json) }
}

/// Half of a character beyond the first 65,536, as JSON escapes it.
#[derive(Clone, Copy)]
enum Half {
    High,
    Low,
}

/// Which half a text begins with, behind its backslash: `ud83d`.
fn surrogate(text: &str) -> Option<Half> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    let digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

/// A text; a number is taken as its text, and a list is joined by commas.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(values) => {
            let texts = values.iter().filter_map(|value| match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            Some(texts.collect::<Vec<_>>().join(","))
        }
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

/// An integer, which may come as one, as a float or as a string of either. A fraction is cut off; what
/// doesn't fit is held to the type's bounds; what is no number isn't there.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{Frontend, Upload};

    #[test]
    fn a_lone_half_of_a_character_is_read_as_the_replacement_character() {
        let read = |json: &str| serde_json::from_str::<String>(&whole_characters(json)).ok();
        for (json, text) in [
            (r#""a\ud83db""#, "a\u{fffd}b"),
            (r#""\udc00""#, "\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\uD83D\u0041""#, "\u{fffd}A"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
        ] {
            assert_eq!(read(json).as_deref(), Some(text), "{json}");
        }
    }

    #[test]
    fn a_record_with_one_is_read_at_either_level() {
        let inner = r#"{"entry":{"sql_driver_log":{"session_id":"a\ud83d"}}}"#;
        let body = serde_json::json!({"uploadTime": 1, "items": ["x"], "protoLogs": [inner]}).to_string();
        let body = body.replace(r#"["x"]"#, r#"["\ud83d"]"#);
        let upload = Upload::read(body.as_bytes()).unwrap();
        let records: Vec<Frontend> = upload.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(records[0].log().unwrap().session_id.as_deref(), Some("a\u{fffd}"));
    }

    #[test]
    fn what_is_of_another_type_costs_its_field_alone() {
        let log = r#"{"entry":{"sql_driver_log":{"session_id":["a",7],"operation_latency_ms":5,
            "sql_operation":{"statement_type":3,"retry_count":2},"error_info":true}}}"#;
        let record: Frontend = serde_json::from_str(log).unwrap();
        let log = record.log().unwrap();
        assert_eq!(log.session_id.as_deref(), Some("a,7"));
        assert_eq!((log.operation_latency_ms, log.error_info.is_none()), (Some(5), true));
        let sql = log.sql_operation.as_ref().unwrap();
        assert_eq!((sql.statement_type.is_none(), sql.retry_count), (true, Some(2)));
    }

    proptest! {
        #[test]
        fn valid_json_is_left_as_it_is(text: String, other in "[\\\\u0-9a-f\"dD]{0,40}") {
            for text in [text, other] {
                let mut json = serde_json::to_string(&text).unwrap();
                prop_assert_eq!(whole_characters(&json), json.as_str());
                // The same with everything escaped that can be.
                json = format!("\"{}\"", text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>());
                prop_assert_eq!(whole_characters(&json), json.as_str());
            }
        }
    }
}
