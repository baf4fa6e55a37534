//! One record. Its messages are taken apart whole, so that a new field can't be forgotten here.

use std::io::Write;

use telemetry_core::plugin::PluginError;
use telemetry_core::record::{
    Body, ChunkDetails, ErrorInfo, OperationDetail, Record, SqlExecution, VolumeOperation,
};

use super::object::{Object, integer};
use super::{int64, millis, millis_since_epoch, session};
use crate::wire::WireEnum;

/// The format under which a session keeps what is constant in its records.
const FORMAT: &str = "telemetry-export-http";

/// Writes a record as a string. Without credentials it has nothing of the workspace, the session, the
/// statement, the system or the connection; of a volume only what was done, and of an error its name.
pub(super) fn write(out: &mut Vec<u8>, record: &Record, authenticated: bool) -> Result<(), PluginError> {
    let Record { id, stamp, session, body } = record;
    out.extend_from_slice(br#""{"#);
    if let Some(workspace) = session.workspace_id.filter(|_| authenticated) {
        out.extend_from_slice(br#"\"workspace_id\":"#);
        integer(out, workspace);
        out.push(b',');
    }
    out.extend_from_slice(br#"\"frontend_log_event_id\":\""#);
    // Writing to a buffer doesn't fail.
    _ = write!(out, "{id}");
    out.extend_from_slice(br#"\",\"context\":{\"client_context\":{\"timestamp_millis\":"#);
    integer(out, millis_since_epoch(*stamp));
    if authenticated {
        let constant = session.encoded.get_or_try_make(FORMAT, || session::constant(session))?;
        out.extend_from_slice(constant.as_bytes());
        everything(&mut Object::continued(out), body);
    } else {
        // The connection's own user agent may name its application: the driver's own it is.
        session::up_to_log(out, session.driver.identity.user_agent());
        what_does_not_correlate(&mut Object::opened(out), body);
    }
    out.extend_from_slice(br#"}}}""#);
    Ok(())
}

fn everything(log: &mut Object<'_>, body: &Body) {
    // The caller's trace has no place on the wire, nor has when a statement began.
    let Body { kind: _, statement_id, trace_parent: _, latency, since_start: _, sql, volume, error } = body;
    log.name("sql_statement_id", statement_id.as_ref().map(|id| id.as_str()));
    if let Some(VolumeOperation { operation, volume_path, local_file }) = volume.as_deref() {
        log.object("vol_operation", |volume| {
            volume.name("volume_operation_type", operation.map(WireEnum::wire_name));
            volume.text("volume_path", volume_path.as_deref());
            volume.text("local_file", local_file.as_deref());
        });
    }
    log.object_unless_empty("sql_operation", |object| sql_operation(object, sql.as_ref(), error.as_ref()));
    if let Some(error) = error {
        log.object("error_info", |object| error_info(object, error));
    }
    log.number("operation_latency_ms", latency.map(millis));
}

fn what_does_not_correlate(log: &mut Object<'_>, body: &Body) {
    let Body { kind: _, statement_id: _, trace_parent: _, latency, since_start: _, sql, volume, error } =
        body;
    if let Some(VolumeOperation { operation, volume_path: _, local_file: _ }) = volume.as_deref() {
        log.object("vol_operation", |volume| {
            volume.name("volume_operation_type", operation.map(WireEnum::wire_name));
        });
    }
    log.object_unless_empty("sql_operation", |object| sql_operation(object, sql.as_ref(), error.as_ref()));
    if let Some(error) = error {
        log.object("error_info", |object| object.text("error_name", Some(&error.name)));
    }
    log.number("operation_latency_ms", latency.map(millis));
}

/// How a statement ran; on the wire, the chunk that an error is about is part of it.
fn sql_operation(object: &mut Object<'_>, sql: Option<&SqlExecution>, error: Option<&ErrorInfo>) {
    let nothing = SqlExecution::default();
    // Rows and bytes have no place on the wire.
    let SqlExecution {
        statement_type,
        is_compressed,
        execution_result,
        retry_count,
        rows: _,
        bytes: _,
        chunks,
        result_ready,
        result_consumed,
        operation,
        java_uses_patched_arrow,
    } = sql.unwrap_or(&nothing);
    object.name("statement_type", statement_type.map(WireEnum::wire_name));
    object.flag("is_compressed", *is_compressed);
    object.name("execution_result", execution_result.map(WireEnum::wire_name));
    object.number("chunk_id", error.and_then(|error| error.chunk).map(i64::from));
    object.number("retry_count", retry_count.map(int64));
    if let Some(chunks) = chunks {
        object.object("chunk_details", |object| chunk_details(object, chunks));
    }
    object.object_unless_empty("result_latency", |object| {
        object.number("result_set_ready_latency_millis", result_ready.map(millis));
        object.number("result_set_consumption_latency_millis", result_consumed.map(millis));
    });
    if let Some(operation) = operation {
        object.object("operation_detail", |object| operation_detail(object, operation));
    }
    object.flag("java_uses_patched_arrow", *java_uses_patched_arrow);
}

fn chunk_details(object: &mut Object<'_>, chunks: &ChunkDetails) {
    // The bytes have no place on the wire.
    let ChunkDetails { present, iterated, bytes: _, first, slowest, sum } = chunks;
    object.number("initial_chunk_latency_millis", first.map(millis));
    object.number("slowest_chunk_latency_millis", slowest.map(millis));
    object.number("total_chunks_present", present.map(int32));
    object.number("total_chunks_iterated", Some(int32(*iterated)));
    object.number("sum_chunks_download_time_millis", Some(millis(*sum)));
}

fn operation_detail(object: &mut Object<'_>, operation: &OperationDetail) {
    let OperationDetail { status_calls, status_latency, operation_type, is_internal_call } = operation;
    object.number("n_operation_status_calls", status_calls.map(int32));
    object.number("operation_status_latency_millis", status_latency.map(millis));
    object.name("operation_type", operation_type.map(WireEnum::wire_name));
    object.flag("is_internal_call", *is_internal_call);
}

fn error_info(object: &mut Object<'_>, error: &ErrorInfo) {
    // Its class decides when it is sent, and doesn't travel; its chunk does with the statement. Its facts
    // have no place of their own on the wire, and stand before the text.
    let ErrorInfo { name, class: _, chunk: _, sqlstate, http_status, vendor_code, text } = error;
    object.text("error_name", Some(name));
    object.lines("stack_trace", |lines| {
        lines.text("SQLSTATE: ", sqlstate.as_ref().map(|state| state.as_str()));
        lines.number("HTTP status: ", http_status.map(i64::from));
        lines.number("vendor code: ", *vendor_code);
        lines.text("", text.as_ref().map(|text| text.as_str()));
    });
}

fn int32(value: u32) -> i64 {
    i64::from(i32::try_from(value).unwrap_or(i32::MAX))
}
