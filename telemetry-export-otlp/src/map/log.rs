//! A log record of an error.

use telemetry_core::record::{ErrorInfo, Record};
use telemetry_core::{ErrorClass, Host};

use super::attributes::Operation;
use super::span::Ids;
use super::{Mapping, time};
use crate::proto::Value;
use crate::proto::logs::{ERROR, LogRecord, WARN};

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
        // What may work when tried again is no error yet.
        let (severity_number, severity_text) = match body.error.as_ref().map(|error| error.class) {
            Some(ErrorClass::Retryable) => (WARN, "WARN"),
            _ => (ERROR, "ERROR"),
        };
        let at = time::nanos(*stamp);
        LogRecord {
            time_unix_nano: at,
            observed_time_unix_nano: at,
            severity_number,
            severity_text: severity_text.to_owned(),
            body: body.error.as_ref().map(|error| Value::Text(text(error)).into()),
            attributes: attributes.0,
            trace_id: span.map_or(Vec::new(), |ids| ids.trace.to_vec()),
            span_id: span.map_or(Vec::new(), |ids| ids.span.to_vec()),
            event_name: EVENT.to_owned(),
        }
    }
}
