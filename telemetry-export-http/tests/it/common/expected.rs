//! What a record is on the wire, said a second time: an absent part is left out, all else is there, zeros and
//! `false` included.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use telemetry_core::ConnectionParams;
use telemetry_core::record::{
    ChunkDetails, HostDetails, OperationDetail, Record, SqlExecution, VolumeOperation,
};

/// An object of those of its fields that are there.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// The fields of these names, which are those of the wire, with their values.
macro_rules! same {
    ($from:expr; $($field:ident),* $(,)?) => { [$((stringify!($field), $from.$field.clone().map(Value::from))),*] };
}

/// The same for enums.
macro_rules! named {
    ($from:expr; $($field:ident),* $(,)?) => { [$((stringify!($field), $from.$field.map(|value| Value::from(value.as_str())))),*] };
}

fn merged(parts: impl IntoIterator<Item = Value>) -> Value {
    let parts = parts.into_iter().filter_map(|part| part.as_object().cloned());
    Value::Object(parts.flatten().collect())
}

fn unless_empty(value: Value) -> Option<Value> {
    Some(value).filter(|value| *value != json!({}))
}

/// Whole milliseconds, or as many as the wire's type holds.
fn millis(duration: Duration) -> Value {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(i64::MAX as u64).into()
}

fn date(date: SystemTime) -> Value {
    date.duration_since(SystemTime::UNIX_EPOCH).map_or(json!(0), millis)
}

fn host(host: &HostDetails) -> Value {
    merged([object(same!(host; host_url, port)), object(named!(host; proxy_auth_type))])
}

fn connection(params: &ConnectionParams) -> Value {
    let texts = same!(params;
        http_path, auth_scope, discovery_url, ssl_trust_store_type, google_service_account,
        google_credential_file_path, azure_workspace_resource_id, azure_tenant_id, token_endpoint, auth_endpoint,
        jwt_key_file, jwt_algorithm, allowed_volume_ingestion_paths, query_tags, non_proxy_hosts,
    );
    let flags = same!(params;
        use_proxy, use_system_proxy, use_cf_proxy, discovery_mode_enabled, use_empty_metadata, support_many_parameters,
        check_certificate_revocation, accept_undetermined_certificate_revocation, enable_sea_hybrid_results,
        enable_complex_datatype_support, allow_self_signed_support, use_system_trust_store, enable_token_cache,
        enable_arrow, enable_direct_results, enable_jwt_assertion, enable_metric_view_metadata, auto_commit,
        fetch_auto_commit_from_server, enable_geospatial_support,
    );
    let numbers = same!(params; http_connection_pool_size, rows_fetched_per_block, string_column_length);
    let enums = named!(params; mode, auth_mech, auth_flow);
    let others = [
        ("host_info", params.host_info.as_ref().map(host)),
        ("proxy_host_info", params.proxy_host_info.as_ref().map(host)),
        ("cf_proxy_host_info", params.cf_proxy_host_info.as_ref().map(host)),
        // In seconds, alone among all.
        (
            "socket_timeout",
            params.socket_timeout.map(|timeout| timeout.as_secs().min(i64::MAX as u64).into()),
        ),
        ("async_poll_interval_millis", params.async_poll_interval.map(millis)),
    ];
    merged([object(texts), object(flags), object(numbers), object(enums), object(others)])
}

fn chunks(chunks: &ChunkDetails) -> Value {
    object([
        ("total_chunks_present", chunks.present.map(|count| count.min(i32::MAX as u32).into())),
        ("total_chunks_iterated", Some(chunks.iterated.min(i32::MAX as u32).into())),
        ("initial_chunk_latency_millis", chunks.first.map(millis)),
        ("slowest_chunk_latency_millis", chunks.slowest.map(millis)),
        ("sum_chunks_download_time_millis", Some(millis(chunks.sum))),
    ])
}

fn operation(operation: &OperationDetail) -> Value {
    let numbers = object([
        ("n_operation_status_calls", operation.status_calls.map(|calls| calls.min(i32::MAX as u32).into())),
        ("operation_status_latency_millis", operation.status_latency.map(millis)),
    ]);
    merged([numbers, object(named!(operation; operation_type)), object(same!(operation; is_internal_call))])
}

fn sql(sql: &SqlExecution) -> Value {
    let latency = object([
        ("result_set_ready_latency_millis", sql.result_ready.map(millis)),
        ("result_set_consumption_latency_millis", sql.result_consumed.map(millis)),
    ]);
    let others = [
        ("retry_count", sql.retry_count.map(|count| count.min(i64::MAX as u64).into())),
        ("chunk_details", sql.chunks.as_ref().map(chunks)),
        ("result_latency", unless_empty(latency)),
        ("operation_detail", sql.operation.as_ref().map(operation)),
    ];
    merged([
        object(same!(sql; is_compressed, java_uses_patched_arrow)),
        object(named!(sql; statement_type, execution_result)),
        object(others),
    ])
}

fn volume(volume: &VolumeOperation, authenticated: bool) -> Value {
    let operation = volume.operation.map(|operation| operation.as_str().into());
    let paths = object(same!(volume; volume_path, local_file));
    merged([object([("volume_operation_type", operation)]), if authenticated { paths } else { json!({}) }])
}

/// What the session says of itself.
fn constant(record: &Record) -> Value {
    let session = &record.session;
    let (identity, system) = (&session.driver.identity, &session.driver.system);
    let texts = same!(system;
        runtime_name, runtime_version, runtime_vendor, os_name, os_version, os_arch, client_app_name, locale_name,
        char_set_encoding, process_name,
    );
    let driver = json!({"driver_name": identity.name(), "driver_version": identity.version()});
    object([
        ("session_id", session.session_id.map(|id| id.as_str().into())),
        ("auth_type", session.auth_type.clone().map(Value::from)),
        ("driver_connection_params", unless_empty(connection(&session.params))),
        ("system_configuration", Some(merged([driver, object(texts)]))),
    ])
}

/// What this record is on the wire.
pub(crate) fn expected(record: &Record, authenticated: bool) -> Value {
    let session = &record.session;
    let body = &record.body;
    let chunk = object([("chunk_id", body.error.as_ref().and_then(|error| error.chunk).map(Value::from))]);
    let sql = merged([body.sql.as_ref().map_or(json!({}), sql), chunk]);
    let error = body.error.as_ref().map(|error| {
        let facts = [
            error.sqlstate.map(|state| format!("SQLSTATE: {}", state.as_str())),
            error.http_status.map(|status| format!("HTTP status: {status}")),
            error.vendor_code.map(|code| format!("vendor code: {code}")),
            error.text.as_ref().map(|text| text.as_str().to_owned()),
        ];
        let lines: Vec<_> = facts.into_iter().flatten().collect();
        let text = (authenticated && !lines.is_empty()).then(|| lines.join("\n").into());
        object([("error_name", Some(error.name.clone().into())), ("stack_trace", text)])
    });
    let varying = object([
        ("sql_statement_id", body.statement_id.filter(|_| authenticated).map(|id| id.as_str().into())),
        ("operation_latency_ms", body.latency.map(millis)),
        ("sql_operation", unless_empty(sql)),
        ("vol_operation", body.volume.as_ref().map(|operation| volume(operation, authenticated))),
        ("error_info", error),
    ]);
    let log = if authenticated { merged([constant(record), varying]) } else { varying };
    let own = session.user_agent.clone().filter(|_| authenticated);
    let user_agent = own.unwrap_or_else(|| session.driver.identity.user_agent().to_owned());
    object([
        ("workspace_id", session.workspace_id.filter(|_| authenticated).map(Value::from)),
        ("frontend_log_event_id", Some(record.id.to_string().into())),
        (
            "context",
            Some(
                json!({"client_context": {"timestamp_millis": date(record.stamp), "user_agent": user_agent}}),
            ),
        ),
        ("entry", Some(json!({"sql_driver_log": log}))),
    ])
}

/// The date of an upload on the wire.
pub(crate) fn upload_time(wall: SystemTime) -> Value {
    date(wall)
}
