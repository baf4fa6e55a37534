//! A log record of an error.

use telemetry_core::Host;
use telemetry_core::record::{ErrorInfo, Level, Record};

use super::attributes::Operation;
use super::span::Ids;
use super::{Mapping, time};
use crate::proto::Value;
use crate::proto::logs::LogRecord;

/// What the conventions call an error of an operation.
const EVENT: &str = "db.client.operation.exception";

impl Mapping {
    /// The error that a record is, or has. One that a span has is in it.
    pub(super) fn log(
        &self,
        record: &Record,
        span: Option<Ids>,
        operation: &Operation<'_>,
        host: &Host,
    ) -> LogRecord {
        let Record { id: _, stamp, session, body } = record;
        let mut attributes = self.operation(operation, host);
        self.session(&mut attributes, session, false);
        if span.is_some() {
            // What else there is of it, its span says.
            let id = body.statement_id.as_ref().map(|id| id.as_str());
            attributes.text(&self.names.statement_id, id);
        } else {
            self.body(&mut attributes, body);
        }
        if let Some(error) = &body.error {
            self.error(&mut attributes, error);
        }
        let text = |error: &ErrorInfo| match &error.text {
            Some(text) => text.as_str().to_owned(),
            None => error.name.clone(),
        };
        // Of an error that is none of a span here, the caller's is the next.
        let parent = body.trace_parent.as_deref();
        let ids = span.or_else(|| parent.map(Ids::of_parent));
        let (severity_number, severity_text) = severity(Level::of(body));
        let at = time::nanos(*stamp);
        LogRecord {
            time_unix_nano: at,
            observed_time_unix_nano: at,
            severity_number,
            severity_text: severity_text.to_owned(),
            body: body.error.as_ref().map(|error| Value::Text(text(error)).into()),
            attributes: attributes.0,
            flags: ids.map_or(0, |ids| ids.flags),
            trace_id: ids.map_or(Vec::new(), |ids| ids.trace.to_vec()),
            span_id: ids.map_or(Vec::new(), |ids| ids.span.to_vec()),
            event_name: EVENT.to_owned(),
        }
    }
}

/// A level as OpenTelemetry has it: its number is the first of four.
fn severity(level: Level) -> (i32, &'static str) {
    match level {
        Level::Trace => (1, "TRACE"),
        Level::Debug => (5, "DEBUG"),
        Level::Info => (9, "INFO"),
        Level::Warn => (13, "WARN"),
        Level::Error => (17, "ERROR"),
        // A level that is new here is not less than any that is known.
        _ => (21, "FATAL"),
    }
}
