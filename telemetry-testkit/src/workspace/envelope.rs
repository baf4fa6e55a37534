//! The envelope around records: what a service checks of it.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// What else it has is passed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(rename = "uploadTime")]
    _upload_time: i64,
    // A shipped driver leaves it out, and is served.
    #[serde(default)]
    items: Vec<IgnoredAny>,
    proto_logs: Vec<String>,
}

/// The records of a body, as texts that can be [read](record); or what is wrong with it. One is read at a
/// time, as what is made of it may take a hundred times its size.
pub(crate) fn open(body: &[u8]) -> Result<Vec<String>, String> {
    // Members without names would be read as well.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err("the body is no object".to_owned());
    }
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|error| format!("the body is no envelope: {error}"))?;
    if !envelope.items.is_empty() {
        return Err("items isn't an empty array".to_owned());
    }
    for text in &envelope.proto_logs {
        record(text)?;
    }
    Ok(envelope.proto_logs)
}

/// A record, parsed.
pub(crate) fn record(text: &str) -> Result<Value, &'static str> {
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
            r#"[1,[],["{}"]]"#,
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
    fn what_else_an_envelope_has_is_passed_over() {
        // Deeper than what is kept may be.
        let other = "[".repeat(200) + &"]".repeat(200);
        let body = format!(r#"{{"other":{other},"uploadTime":1,"protoLogs":["{{}}"]}}"#);
        assert_eq!(open(body.as_bytes()), Ok(vec!["{}".to_owned()]));
    }

    #[test]
    fn records_come_parsed_and_in_order() {
        let body = r#"{"uploadTime":1,"items":[],"protoLogs":["{\"a\":1}","{\"a\":2}"]}"#;
        let records = open(body.as_bytes()).unwrap().into_iter().map(|text| record(&text).unwrap());
        assert!(records.eq([serde_json::json!({"a": 1}), serde_json::json!({"a": 2})]));
    }
}
