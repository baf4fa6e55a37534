//! A body, taken apart by the wire's own reader.

use serde_json::Value;
use telemetry_export_http::wire::{EnumOrUnknown, Frontend, OssSqlDriverTelemetryLog, Upload, WireEnum};

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

impl Envelope {
    pub(crate) fn read(body: &[u8]) -> Envelope {
        match Upload::read(body) {
            Ok(upload) => Envelope {
                uploaded: (upload.upload_time > 0).then_some(upload.upload_time),
                records: upload.proto_logs,
                is_broken: false,
            },
            Err(_) => Envelope { is_broken: true, ..Envelope::default() },
        }
    }
}

/// One record.
#[derive(Debug)]
pub(crate) struct Record {
    /// As the wire's reader has it.
    pub(crate) frontend: Frontend,
    /// All that is in it, as it came.
    pub(crate) value: Value,
}

impl Record {
    /// `None` for what is none, or is too large.
    pub(crate) fn read(text: &str) -> Option<Record> {
        if text.len() > MAX_RECORD_BYTES {
            return None;
        }
        let (frontend, value) = match serde_json::from_str::<Value>(text) {
            Ok(value) if value.is_object() => (serde_json::from_value(value.clone()).ok()?, value),
            Ok(_) => return None,
            // With half of a character in it, which the wire's reader alone can read.
            Err(_) => {
                let upload = Upload { proto_logs: vec![text.to_owned()], ..Upload::default() };
                let frontend = upload.records().next()?.ok()?;
                let value = serde_json::to_value(&frontend).ok()?;
                (frontend, value)
            }
        };
        Some(Record { frontend, value })
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
        assert!(Envelope::read(b"\xff").is_broken && Envelope::read(b"[]").is_broken);
    }
}
