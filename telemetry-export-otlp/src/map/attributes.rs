//! Attributes, and those by which operations are told apart.

use std::borrow::Cow;
use std::time::Duration;

use telemetry_core::record::{
    Body, ChunkDetails, ErrorInfo, OperationDetail, SqlExecution, VolumeOperation, VolumeOperationType,
};
use telemetry_core::{ErrorClass, Host, OperationType, ResultFormat, StatementType};

use super::Mapping;
use crate::proto::{AnyValue, KeyValue, Value};

/// Attributes while they are gathered. What isn't known is left out.
#[derive(Default)]
pub(super) struct Attributes(pub(super) Vec<KeyValue>);

impl Attributes {
    pub(super) fn text(&mut self, key: &str, value: Option<&str>) {
        self.push(key, value.map(|value| Value::Text(value.to_owned())));
    }

    pub(super) fn flag(&mut self, key: &str, value: Option<bool>) {
        self.push(key, value.map(Value::Flag));
    }

    pub(super) fn integer(&mut self, key: &str, value: Option<i64>) {
        self.push(key, value.map(Value::Integer));
    }

    /// What is larger than an integer can be is the largest.
    pub(super) fn count(&mut self, key: &str, value: Option<u64>) {
        self.integer(key, value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)));
    }

    pub(super) fn seconds(&mut self, key: &str, value: Option<Duration>) {
        self.push(key, value.map(|value| Value::Number(value.as_secs_f64())));
    }

    fn push(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.0.push(KeyValue { key: key.to_owned(), value: Some(AnyValue::from(value)) });
        }
    }
}

/// By what an operation is told apart from others at the same host: what its metrics are added up by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Operation<'a> {
    /// The driver's call.
    pub(super) name: Option<&'static str>,
    /// What the database says of its failure: the SQLSTATE, or else the database's own number.
    pub(super) status: Option<Cow<'a, str>>,
    /// The error's name.
    pub(super) error: Option<&'a str>,
}

impl<'a> Operation<'a> {
    pub(super) fn of(body: &'a Body) -> Self {
        let operation = body.sql.as_ref().and_then(|sql| sql.operation).and_then(|call| call.operation_type);
        let volume = || body.volume.as_ref().and_then(|volume| volume.operation);
        let name = match operation.filter(|operation| *operation != OperationType::Unspecified) {
            Some(operation) => Some(operation.as_str()),
            None => volume()
                .filter(|operation| *operation != VolumeOperationType::Unspecified)
                .map(VolumeOperationType::as_str),
        };
        let error = body.error.as_ref();
        let status = error.and_then(|error| {
            let state = error.sqlstate.as_ref().map(|state| Cow::Borrowed(state.as_str()));
            state.or_else(|| error.vendor_code.map(|code| Cow::Owned(code.to_string())))
        });
        Operation { name, status, error: error.map(|error| error.name.as_str()) }
    }
}

/// The name of a host as an address has it: without brackets.
pub(super) fn address(host: &Host) -> &str {
    host.name().trim_start_matches('[').trim_end_matches(']')
}

impl Mapping {
    /// What the conventions have for an operation.
    pub(super) fn operation(&self, operation: &Operation<'_>, host: &Host) -> Attributes {
        let Operation { name, status, error } = operation;
        let mut attributes = Attributes::default();
        attributes.text("db.system.name", Some(&self.config.system));
        attributes.text("db.operation.name", *name);
        attributes.text("db.response.status_code", status.as_deref());
        attributes.text("error.type", *error);
        attributes.text("server.address", Some(address(host)));
        attributes.integer("server.port", Some(i64::from(host.port())));
        attributes
    }

    /// What was said of a statement or a call beyond its times and its error.
    pub(super) fn body(&self, attributes: &mut Attributes, body: &Body) {
        // The caller's span is the parent, and when it began the span's start.
        let Body {
            kind: _,
            statement_id,
            trace_parent: _,
            latency: _,
            since_start: _,
            sql,
            volume,
            error: _,
        } = body;
        let names = &self.names;
        attributes.text(&names.statement_id, statement_id.as_ref().map(|id| id.as_str()));
        if let Some(sql) = sql {
            self.sql(attributes, sql);
        }
        if let Some(VolumeOperation { operation, volume_path, local_file }) = volume.as_deref() {
            attributes.text(&names.volume_operation, operation.map(VolumeOperationType::as_str));
            attributes.text(&names.volume_path, volume_path.as_deref());
            attributes.text(&names.volume_file, local_file.as_deref());
        }
    }

    fn sql(&self, attributes: &mut Attributes, sql: &SqlExecution) {
        // Both times of the result are events.
        let SqlExecution {
            statement_type,
            is_compressed,
            execution_result,
            retry_count,
            rows,
            bytes,
            chunks,
            result_ready: _,
            result_consumed: _,
            operation,
            java_uses_patched_arrow,
        } = sql;
        let names = &self.names;
        attributes.text(&names.statement_type, statement_type.map(StatementType::as_str));
        attributes.text(&names.result_format, execution_result.map(ResultFormat::as_str));
        attributes.flag(&names.result_compressed, *is_compressed);
        attributes.count("db.response.returned_rows", *rows);
        attributes.count(&names.result_bytes, *bytes);
        attributes.count(&names.retry_count, *retry_count);
        if let Some(ChunkDetails { present, iterated, bytes, first: _, slowest: _, sum: _ }) = chunks {
            attributes.integer(&names.chunk_present, present.map(i64::from));
            attributes.integer(&names.chunk_count, Some(i64::from(*iterated)));
            // Of a size of which nothing was said, it is zero.
            attributes.count(&names.chunk_bytes, Some(*bytes).filter(|bytes| *bytes > 0));
        }
        if let Some(operation) = operation {
            let OperationDetail { status_calls, status_latency: _, operation_type: _, is_internal_call } =
                operation;
            attributes.integer(&names.poll_count, status_calls.map(i64::from));
            attributes.flag(&names.internal, *is_internal_call);
        }
        attributes.flag(&names.arrow_patched, *java_uses_patched_arrow);
    }

    /// What was said of an error beyond its name, what the database says, and its text.
    pub(super) fn error(&self, attributes: &mut Attributes, error: &ErrorInfo) {
        let ErrorInfo { name, class, chunk, sqlstate: _, http_status, vendor_code: _, text: _ } = error;
        attributes.text("exception.type", Some(name));
        attributes.integer("http.response.status_code", http_status.map(i64::from));
        let class = match class {
            ErrorClass::Terminal => Some("terminal"),
            ErrorClass::Retryable => Some("retryable"),
            _ => None,
        };
        attributes.text(&self.names.error_class, class);
        attributes.integer(&self.names.error_chunk, chunk.map(i64::from));
    }
}
