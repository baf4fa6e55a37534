//! The event that a record becomes.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use telemetry_core::record::{Level, Record, RecordKind, VolumeOperationType};
use telemetry_core::{ErrorClass, Host, OperationType, ResultFormat, StatementType};

use crate::TARGET;

/// Logs a record; whether the subscriber takes it.
pub(crate) fn log(record: &Record, host: &Host) -> bool {
    let Record { id, stamp, session, body } = record;
    let sql = body.sql.as_ref();
    let call = sql.and_then(|sql| sql.operation);
    let chunks = sql.and_then(|sql| sql.chunks);
    let error = body.error.as_ref();

    let kind = match body.kind {
        RecordKind::Connection => "connection",
        RecordKind::Statement => "statement",
        RecordKind::Error => "error",
        _ => "operation",
    };
    let operation = call.and_then(|call| call.operation_type);
    let operation = operation.filter(|call| *call != OperationType::Unspecified).map(OperationType::as_str);
    let volume = body.volume.as_ref().and_then(|volume| volume.operation);
    let status = error.and_then(|error| {
        let state = error.sqlstate.as_ref().map(|state| Cow::Borrowed(state.as_str()));
        state.or_else(|| error.vendor_code.map(|code| Cow::Owned(code.to_string())))
    });
    let class = error.and_then(|error| match error.class {
        ErrorClass::Terminal => Some("terminal"),
        ErrorClass::Retryable => Some("retryable"),
        _ => None,
    });
    let time = stamp.duration_since(SystemTime::UNIX_EPOCH).ok();

    // A level of `tracing` is part of the place in the code that an event comes from.
    macro_rules! log_at {
        ($level:expr) => {{
            let takes = tracing::event_enabled!(target: TARGET, $level);
            if takes {
                tracing::event!(
                    target: TARGET,
                    $level,
                    server.address = host.name().trim_start_matches('[').trim_end_matches(']'),
                    server.port = host.port(),
                    db.operation.name = operation,
                    db.client.operation.duration = body.latency.as_ref().map(Duration::as_secs_f64),
                    db.response.status_code = status.as_deref(),
                    http.response.status_code = error.and_then(|error| error.http_status),
                    error.type = error.map(|error| error.name.as_str()),
                    error.message = error.and_then(|error| error.text.as_ref()).map(|text| text.as_str()),
                    db.response.returned_rows = sql.and_then(|sql| sql.rows),
                    traceparent = body.trace_parent.as_deref().map(tracing::field::display),
                    telemetry.error.class = class,
                    telemetry.error.chunk = error.and_then(|error| error.chunk),
                    telemetry.time_unix_nano = time.and_then(|time| u64::try_from(time.as_nanos()).ok()),
                    telemetry.record.id = %id,
                    telemetry.driver.name = session.driver.identity.name(),
                    telemetry.workspace.id = session.workspace_id,
                    telemetry.session.id = session.session_id.as_ref().map(|id| id.as_str()),
                    telemetry.statement.id = body.statement_id.as_ref().map(|id| id.as_str()),
                    telemetry.statement.type =
                        sql.and_then(|sql| sql.statement_type).map(StatementType::as_str),
                    telemetry.result.format =
                        sql.and_then(|sql| sql.execution_result).map(ResultFormat::as_str),
                    telemetry.result.bytes = sql.and_then(|sql| sql.bytes),
                    telemetry.volume.operation = volume.map(VolumeOperationType::as_str),
                    telemetry.retry.count = sql.and_then(|sql| sql.retry_count),
                    telemetry.poll.count = call.and_then(|call| call.status_calls),
                    telemetry.chunk.count = chunks.map(|chunks| chunks.iterated),
                    telemetry.chunk.bytes = chunks.map(|chunks| chunks.bytes).filter(|bytes| *bytes > 0),
                    "{kind}"
                );
            }
            takes
        }};
    }
    match Level::of(body) {
        Level::Trace => log_at!(tracing::Level::TRACE),
        Level::Debug => log_at!(tracing::Level::DEBUG),
        Level::Info => log_at!(tracing::Level::INFO),
        Level::Warn => log_at!(tracing::Level::WARN),
        // `tracing` has none above; a level that is new here is not less than any that is known.
        _ => log_at!(tracing::Level::ERROR),
    }
}
