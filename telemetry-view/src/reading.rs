//! A body, taken apart by the wire's own reader.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use telemetry_export_http::wire::{
    EnumOrUnknown, Frontend, OssSqlDriverTelemetryLog, WireEnum, whole_characters,
};

/// Of one request so many records are read; a body with more is shown, and the rest of it counted.
pub(crate) const MAX_RECORDS: usize = 10_000;

/// A record of more bytes is shown with its request, and not taken apart: what is made of it takes many times
/// its size.
pub(crate) const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// The envelope of a body, whose records are read one at a time.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    /// When the request was made, in milliseconds since the epoch, if it says so.
    pub(crate) uploaded: Option<i64>,
    pub(crate) records: Vec<String>,
    /// Whether the body is none.
    pub(crate) is_broken: bool,
}

/// What of a body is needed. The wire's own reader keeps all else that is in it, which may take a hundred
/// times its size.
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "uploadTime", default)]
    uploaded: i64,
    #[serde(rename = "items", default)]
    _items: Vec<IgnoredAny>,
    #[serde(rename = "protoLogs", default)]
    records: Vec<String>,
}

impl Envelope {
    pub(crate) fn read(body: &[u8]) -> Envelope {
        let text = str::from_utf8(body).map(whole_characters);
        let read = match &text {
            // Members without names would be read as well.
            Ok(text) if text.trim_ascii_start().starts_with('{') => serde_json::from_str::<Body>(text).ok(),
            _ => None,
        };
        match read {
            Some(Body { uploaded, records, .. }) => {
                Envelope { uploaded: (uploaded > 0).then_some(uploaded), records, is_broken: false }
            }
            None => Envelope { is_broken: true, ..Envelope::default() },
        }
    }
}

/// One record.
#[derive(Debug)]
pub(crate) struct Record {
    /// As the wire's reader has it.
    pub(crate) frontend: Frontend,
    /// All that is in it, as it came but for lone halves of characters.
    pub(crate) value: Value,
}

impl Record {
    /// `None` for what is none, or is too large.
    pub(crate) fn read(text: &str) -> Option<Record> {
        if text.len() > MAX_RECORD_BYTES {
            return None;
        }
        let value: Value = serde_json::from_str(&whole_characters(text)).ok()?;
        if !value.is_object() {
            return None;
        }
        Some(Record { frontend: Frontend::deserialize(&value).ok()?, value })
    }

    pub(crate) fn log(&self) -> Option<&OssSqlDriverTelemetryLog> {
        self.frontend.log()
    }

    /// The driver's name and version, or its user agent.
    pub(crate) fn driver(&self) -> Option<String> {
        Record::driver_of(&self.frontend)
    }

    pub(crate) fn driver_of(frontend: &Frontend) -> Option<String> {
        let system = frontend.log().and_then(|log| log.system_configuration.as_ref());
        if let Some(name) = system.and_then(|system| system.driver_name.as_deref()) {
            let version = system.and_then(|system| system.driver_version.as_deref());
            return Some(format!("{name} {}", version.unwrap_or_default()).trim_end().to_owned());
        }
        frontend.context.as_ref()?.client_context.as_ref()?.user_agent.clone()
    }

    /// The name of the error that it is about, or that the statement ended with.
    pub(crate) fn error_name(&self) -> Option<&str> {
        let error = self.log()?.error_info.as_ref()?;
        Some(error.error_name.as_deref().unwrap_or("unnamed"))
    }

    /// The call that it is about, as the driver names it.
    pub(crate) fn operation(&self) -> Option<&str> {
        let call = self.log()?.sql_operation.as_ref()?.operation_detail.as_ref()?;
        name(call.operation_type.as_ref())
    }

    /// Whether it says how a statement ran: not only of its error, or of a call beside it.
    pub(crate) fn is_of_a_statement(&self) -> bool {
        let Some(log) = self.log() else { return false };
        match self.operation() {
            Some(operation) => operation.starts_with("EXECUTE_"),
            None => {
                log.operation_latency_ms.is_some()
                    && log
                        .sql_operation
                        .as_ref()
                        .is_some_and(|sql| sql.statement_type.is_some() || sql.execution_result.is_some())
            }
        }
    }
}

/// The name of a value that may be unknown.
pub(crate) fn name<E: WireEnum>(value: Option<&EnumOrUnknown<E>>) -> Option<&str> {
    value.map(EnumOrUnknown::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shipped_drivers_send_is_read_whole() {
        for body in [
            include_str!("../../telemetry-export-http/fixtures/node-2.1.0-authenticated.json"),
            include_str!("../../telemetry-export-http/fixtures/node-2.1.0-unauthenticated.json"),
            include_str!("../../telemetry-export-http/fixtures/python-4.9.0-authenticated.json"),
            include_str!("../../telemetry-export-http/fixtures/python-4.9.0-every-field.json"),
            include_str!("../../telemetry-export-http/fixtures/sql-kernel-1.3.0-authenticated.json"),
        ] {
            let envelope = Envelope::read(body.as_bytes());
            assert!(!envelope.is_broken && envelope.uploaded.is_some() && !envelope.records.is_empty());
            for text in &envelope.records {
                let record = Record::read(text).unwrap();
                assert_eq!(record.value, serde_json::from_str::<Value>(text).unwrap());
                assert!(record.driver().is_some(), "{text}");
            }
        }
    }

    #[test]
    fn a_statement_is_told_from_its_errors_and_from_other_calls() {
        let is_statement = |log: &str| {
            let record = format!(r#"{{"entry":{{"sql_driver_log":{log}}}}}"#);
            Record::read(&record).unwrap().is_of_a_statement()
        };
        let call = |name: &str| {
            format!(r#"{{"sql_operation":{{"operation_detail":{{"operation_type":"{name}"}}}}}}"#)
        };
        assert!(is_statement(&call("EXECUTE_STATEMENT")));
        assert!(is_statement(&call("EXECUTE_STATEMENT_ASYNC")));
        // Another driver names no call.
        assert!(is_statement(r#"{"operation_latency_ms":1,"sql_operation":{"statement_type":"QUERY"}}"#));
        assert!(!is_statement(&call("CLOSE_STATEMENT")));
        assert!(!is_statement(&call("CREATE_SESSION")));
        assert!(!is_statement(r#"{"error_info":{"error_name":"X"},"sql_operation":{"chunk_id":1}}"#));
    }

    #[test]
    fn half_a_character_costs_nothing_else() {
        let record =
            Record::read(r#"{"entry":{"sql_driver_log":{"session_id":"a\ud83d","new":1}}}"#).unwrap();
        assert_eq!(record.log().unwrap().session_id.as_deref(), Some("a\u{fffd}"));
        assert_eq!(record.value["entry"]["sql_driver_log"]["new"], 1);
    }

    #[test]
    fn what_is_no_record_is_none() {
        assert!(Record::read("[]").is_none() && Record::read("{").is_none() && Record::read("").is_none());
        let deep = "{\"a\":".repeat(200_000);
        assert!(Record::read(&deep).is_none());
        assert!(Record::read(&format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_RECORD_BYTES))).is_none());
        for body in
            [&b"\xff"[..], b"", b"[]", b"[1,[],[]]", b"{", b"{\"items\":7}", b"{\"uploadTime\":\"x\"}"]
        {
            assert!(Envelope::read(body).is_broken, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn of_a_body_only_what_is_needed_is_read() {
        // Deeper than what is kept may be.
        let other = "[".repeat(200) + &"]".repeat(200);
        let body =
            format!(r#" {{"protoLogs":["{{}}","a\ud83d"],"other":{other},"uploadTime":7,"items":[1]}}"#);
        let envelope = Envelope::read(body.as_bytes());
        assert_eq!((envelope.uploaded, envelope.is_broken), (Some(7), false));
        assert_eq!(envelope.records, ["{}", "a\u{fffd}"]);
    }
}
