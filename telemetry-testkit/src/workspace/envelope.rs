//! The envelope around records: what a service checks of it.

use serde_json::Value;

/// The records of a body, parsed; or what is wrong with it.
pub(crate) fn open(body: &[u8]) -> Result<Vec<Value>, &'static str> {
    let envelope: Value = serde_json::from_slice(body).map_err(|_| "the body isn't JSON")?;
    let envelope = envelope.as_object().ok_or("the body isn't an object")?;
    if !envelope.get("uploadTime").is_some_and(|time| time.is_i64() || time.is_u64()) {
        return Err("uploadTime isn't an integer");
    }
    // A shipped driver leaves it out, and is served.
    if !envelope.get("items").is_none_or(|items| items.as_array().is_some_and(Vec::is_empty)) {
        return Err("items isn't an empty array");
    }
    let logs = envelope.get("protoLogs").and_then(Value::as_array).ok_or("protoLogs isn't an array")?;
    logs.iter().map(open_record).collect()
}

fn open_record(log: &Value) -> Result<Value, &'static str> {
    let text = log.as_str().ok_or("an entry of protoLogs isn't a string")?;
    let record: Value = serde_json::from_str(text).map_err(|_| "an entry of protoLogs isn't JSON")?;
    if record.is_object() { Ok(record) } else { Err("an entry of protoLogs isn't an object") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_envelope_is_refused() {
        for body in [
            "",
            "[]",
            "null",
            r#"{"items":[],"protoLogs":[]}"#,
            r#"{"uploadTime":"1","items":[],"protoLogs":[]}"#,
            r#"{"uploadTime":1.5,"items":[],"protoLogs":[]}"#,
            r#"{"uploadTime":1,"items":{},"protoLogs":[]}"#,
            r#"{"uploadTime":1,"items":[1],"protoLogs":[]}"#,
            r#"{"uploadTime":1,"items":[]}"#,
            r#"{"uploadTime":1,"items":[],"protoLogs":{}}"#,
            r#"{"uploadTime":1,"items":[],"protoLogs":[{}]}"#,
            r#"{"uploadTime":1,"items":[],"protoLogs":["{"]}"#,
            r#"{"uploadTime":1,"items":[],"protoLogs":["[]"]}"#,
        ] {
            assert!(open(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn records_come_parsed_and_in_order() {
        let body = r#"{"uploadTime":1,"items":[],"protoLogs":["{\"a\":1}","{\"a\":2}"]}"#;
        let records = open(body.as_bytes()).unwrap();
        assert_eq!(records, [serde_json::json!({"a": 1}), serde_json::json!({"a": 2})]);
    }
}
