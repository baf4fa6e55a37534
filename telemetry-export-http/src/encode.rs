//! From records to the wire. Every message is taken apart whole, so that a new field can't be forgotten here.

use std::time::{Duration, SystemTime};

use telemetry_core::plugin::PluginError;
use telemetry_core::record::{
    Body, ChunkDetails, DriverContext, ErrorInfo, HostDetails, OperationDetail, Record, SessionContext,
    SqlExecution, VolumeOperation,
};
use telemetry_core::{ConnectionParams, DriverIdentity, Fault, SystemInfo};

use crate::wire::{self, ClientContext, Context, Extra, Frontend, OssSqlDriverTelemetryLog};

/// The body of a request, with its records.
pub(crate) fn body<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    authenticated: bool,
    wall: SystemTime,
) -> Result<Vec<u8>, PluginError> {
    let encode = if authenticated { with_everything } else { with_nothing_that_correlates };
    let proto_logs = records.into_iter().map(encode).collect::<Result<_, _>>()?;
    let upload = wire::Upload {
        upload_time: millis_since_epoch(wall),
        items: Vec::new(),
        proto_logs,
        extra: Extra::new(),
    };
    serde_json::to_vec(&upload).map_err(|_| Fault::Unsendable.into())
}

/// The format under which a session keeps what is constant in its records.
const FORMAT: &str = "telemetry-export-http";

/// What is the same for every record of a session, as the inside of a JSON object.
fn constant(session: &SessionContext) -> Result<String, PluginError> {
    let SessionContext { driver, session_id, workspace_id: _, user_agent: _, auth_type, params, encoded: _ } =
        session;
    let log = OssSqlDriverTelemetryLog {
        session_id: session_id.map(|id| id.as_str().to_owned()),
        system_configuration: Some(system(driver)),
        driver_connection_params: Some(connection(params)).filter(|params| *params != Default::default()),
        auth_type: auth_type.clone(),
        ..OssSqlDriverTelemetryLog::default()
    };
    json(&log).map(|log| inside(&log).to_owned())
}

fn with_everything(record: &Record) -> Result<String, PluginError> {
    let Record { id, stamp, session, body } = record;
    let Body { kind: _, statement_id, latency, sql, volume, error } = body;
    let constant = session.encoded.get_or_try_make(FORMAT, || constant(session))?;
    let user_agent = session.user_agent.as_deref().unwrap_or(session.driver.identity.user_agent()).to_owned();
    let log = OssSqlDriverTelemetryLog {
        sql_statement_id: statement_id.map(|id| id.as_str().to_owned()),
        vol_operation: volume.as_ref().map(volume_operation),
        sql_operation: sql_operation(sql.as_ref(), error.as_ref()),
        error_info: error.as_ref().map(error_info),
        operation_latency_ms: latency.map(millis),
        ..OssSqlDriverTelemetryLog::default()
    };
    let head = Frontend {
        workspace_id: session.workspace_id,
        frontend_log_event_id: Some(id.to_string()),
        context: Some(context(*stamp, user_agent)),
        entry: None,
        extra: Extra::new(),
    };
    let entry = format!(r#""entry":{{"sql_driver_log":{{{}}}}}"#, joined(&constant, inside(&json(&log)?)));
    Ok(format!("{{{}}}", joined(inside(&json(&head)?), &entry)))
}

/// Nothing of the workspace, the session, the statement, the system or the connection; of errors the name.
fn with_nothing_that_correlates(record: &Record) -> Result<String, PluginError> {
    let Record { id, stamp, session, body } = record;
    let Body { kind: _, statement_id: _, latency, sql, volume, error } = body;
    let log = OssSqlDriverTelemetryLog {
        vol_operation: volume.as_ref().map(|volume| wire::VolumeOperationEvent {
            volume_operation_type: volume.operation.map(Into::into),
            ..wire::VolumeOperationEvent::default()
        }),
        sql_operation: sql_operation(sql.as_ref(), error.as_ref()),
        error_info: error.as_ref().map(|error| wire::DriverErrorInfo {
            error_name: Some(error.name.clone()),
            ..wire::DriverErrorInfo::default()
        }),
        operation_latency_ms: latency.map(millis),
        ..OssSqlDriverTelemetryLog::default()
    };
    // The connection's own user agent may name its application: the driver's own it is.
    let frontend = Frontend {
        workspace_id: None,
        frontend_log_event_id: Some(id.to_string()),
        context: Some(context(*stamp, session.driver.identity.user_agent().to_owned())),
        entry: Some(wire::Entry { sql_driver_log: Some(log), extra: Extra::new() }),
        extra: Extra::new(),
    };
    serde_json::to_string(&frontend).map_err(|_| Fault::Unsendable.into())
}

fn json(message: &impl serde::Serialize) -> Result<String, PluginError> {
    serde_json::to_string(message).map_err(|_| Fault::Unsendable.into())
}

/// A JSON object without its braces.
fn inside(object: &str) -> &str {
    object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default()
}

/// The insides of two JSON objects as that of one.
fn joined(first: &str, second: &str) -> String {
    match (first, second) {
        ("", one) | (one, "") => one.to_owned(),
        (first, second) => format!("{first},{second}"),
    }
}

fn context(stamp: SystemTime, user_agent: String) -> Context {
    let client_context = ClientContext {
        timestamp_millis: Some(millis_since_epoch(stamp)),
        user_agent: Some(user_agent),
        extra: Extra::new(),
    };
    Context { client_context: Some(client_context), timestamp_millis: None, extra: Extra::new() }
}

fn millis_since_epoch(wall: SystemTime) -> i64 {
    wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn int32(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn int64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn system(driver: &DriverContext) -> wire::DriverSystemConfiguration {
    let DriverContext { identity, system } = driver;
    let SystemInfo {
        runtime_name,
        runtime_version,
        runtime_vendor,
        os_name,
        os_version,
        os_arch,
        client_app_name,
        locale_name,
        char_set_encoding,
        process_name,
    } = system;
    wire::DriverSystemConfiguration {
        driver_version: Some(DriverIdentity::version(identity).to_owned()),
        runtime_name: runtime_name.clone(),
        runtime_version: runtime_version.clone(),
        runtime_vendor: runtime_vendor.clone(),
        os_name: os_name.clone(),
        os_version: os_version.clone(),
        os_arch: os_arch.clone(),
        driver_name: Some(identity.name().to_owned()),
        client_app_name: client_app_name.clone(),
        locale_name: locale_name.clone(),
        char_set_encoding: char_set_encoding.clone(),
        process_name: process_name.clone(),
        extra: Extra::new(),
    }
}

fn host(host: &HostDetails) -> wire::HostDetails {
    let HostDetails { host_url, port, proxy_auth_type } = host;
    wire::HostDetails {
        host_url: host_url.clone(),
        port: port.map(i32::from),
        proxy_auth_type: proxy_auth_type.map(Into::into),
        extra: Extra::new(),
    }
}

fn connection(params: &ConnectionParams) -> wire::DriverConnectionParameters {
    let ConnectionParams {
        http_path,
        mode,
        host_info,
        use_proxy,
        auth_mech,
        auth_flow,
        auth_scope,
        use_system_proxy,
        non_proxy_hosts,
        use_cf_proxy,
        proxy_host_info,
        cf_proxy_host_info,
        discovery_mode_enabled,
        discovery_url,
        use_empty_metadata,
        support_many_parameters,
        ssl_trust_store_type,
        check_certificate_revocation,
        accept_undetermined_certificate_revocation,
        google_service_account,
        google_credential_file_path,
        http_connection_pool_size,
        enable_sea_hybrid_results,
        enable_complex_datatype_support,
        allow_self_signed_support,
        use_system_trust_store,
        rows_fetched_per_block,
        azure_workspace_resource_id,
        azure_tenant_id,
        string_column_length,
        enable_token_cache,
        token_endpoint,
        auth_endpoint,
        enable_arrow,
        enable_direct_results,
        enable_jwt_assertion,
        jwt_key_file,
        jwt_algorithm,
        socket_timeout,
        allowed_volume_ingestion_paths,
        async_poll_interval,
        query_tags,
        enable_metric_view_metadata,
        auto_commit,
        fetch_auto_commit_from_server,
        enable_geospatial_support,
    } = params;
    wire::DriverConnectionParameters {
        http_path: http_path.clone(),
        mode: mode.map(Into::into),
        host_info: host_info.as_ref().map(host),
        use_proxy: *use_proxy,
        auth_mech: auth_mech.map(Into::into),
        auth_flow: auth_flow.map(Into::into),
        auth_scope: auth_scope.clone(),
        use_system_proxy: *use_system_proxy,
        non_proxy_hosts: non_proxy_hosts.clone(),
        use_cf_proxy: *use_cf_proxy,
        proxy_host_info: proxy_host_info.as_ref().map(host),
        cf_proxy_host_info: cf_proxy_host_info.as_ref().map(host),
        discovery_mode_enabled: *discovery_mode_enabled,
        discovery_url: discovery_url.clone(),
        use_empty_metadata: *use_empty_metadata,
        support_many_parameters: *support_many_parameters,
        ssl_trust_store_type: ssl_trust_store_type.clone(),
        check_certificate_revocation: *check_certificate_revocation,
        accept_undetermined_certificate_revocation: *accept_undetermined_certificate_revocation,
        google_service_account: google_service_account.clone(),
        google_credential_file_path: google_credential_file_path.clone(),
        http_connection_pool_size: *http_connection_pool_size,
        enable_sea_hybrid_results: *enable_sea_hybrid_results,
        enable_complex_datatype_support: *enable_complex_datatype_support,
        allow_self_signed_support: *allow_self_signed_support,
        use_system_trust_store: *use_system_trust_store,
        rows_fetched_per_block: *rows_fetched_per_block,
        azure_workspace_resource_id: azure_workspace_resource_id.clone(),
        azure_tenant_id: azure_tenant_id.clone(),
        string_column_length: *string_column_length,
        enable_token_cache: *enable_token_cache,
        token_endpoint: token_endpoint.clone(),
        auth_endpoint: auth_endpoint.clone(),
        enable_arrow: *enable_arrow,
        enable_direct_results: *enable_direct_results,
        enable_jwt_assertion: *enable_jwt_assertion,
        jwt_key_file: jwt_key_file.clone(),
        jwt_algorithm: jwt_algorithm.clone(),
        socket_timeout: socket_timeout.map(|timeout| int64(timeout.as_secs())),
        allowed_volume_ingestion_paths: allowed_volume_ingestion_paths.clone(),
        async_poll_interval_millis: async_poll_interval.map(millis),
        query_tags: query_tags.clone(),
        enable_metric_view_metadata: *enable_metric_view_metadata,
        auto_commit: *auto_commit,
        fetch_auto_commit_from_server: *fetch_auto_commit_from_server,
        enable_geospatial_support: *enable_geospatial_support,
        extra: Extra::new(),
    }
}

/// How a statement ran; on the wire, the chunk that an error is about is part of it.
fn sql_operation(sql: Option<&SqlExecution>, error: Option<&ErrorInfo>) -> Option<wire::SqlExecutionEvent> {
    let event = wire::SqlExecutionEvent {
        chunk_id: error.and_then(|error| error.chunk).map(i64::from),
        ..sql.map(execution).unwrap_or_default()
    };
    Some(event).filter(|event| *event != Default::default())
}

fn execution(sql: &SqlExecution) -> wire::SqlExecutionEvent {
    let SqlExecution {
        statement_type,
        is_compressed,
        execution_result,
        retry_count,
        chunks,
        result_ready,
        result_consumed,
        operation,
        java_uses_patched_arrow,
    } = sql;
    let latency = wire::ResultLatency {
        result_set_ready_latency_millis: result_ready.map(millis),
        result_set_consumption_latency_millis: result_consumed.map(millis),
        extra: Extra::new(),
    };
    wire::SqlExecutionEvent {
        statement_type: statement_type.map(Into::into),
        is_compressed: *is_compressed,
        execution_result: execution_result.map(Into::into),
        chunk_id: None,
        retry_count: retry_count.map(int64),
        chunk_details: chunks.as_ref().map(chunk_details),
        result_latency: Some(latency).filter(|latency| *latency != Default::default()),
        operation_detail: operation.as_ref().map(operation_detail),
        java_uses_patched_arrow: *java_uses_patched_arrow,
        extra: Extra::new(),
    }
}

fn chunk_details(chunks: &ChunkDetails) -> wire::ChunkDetails {
    // The bytes have no place on the wire.
    let ChunkDetails { present, iterated, bytes: _, first, slowest, sum } = chunks;
    wire::ChunkDetails {
        initial_chunk_latency_millis: first.map(millis),
        slowest_chunk_latency_millis: slowest.map(millis),
        total_chunks_present: present.map(int32),
        total_chunks_iterated: Some(int32(*iterated)),
        sum_chunks_download_time_millis: Some(millis(*sum)),
        extra: Extra::new(),
    }
}

fn operation_detail(operation: &OperationDetail) -> wire::OperationDetail {
    let OperationDetail { status_calls, status_latency, operation_type, is_internal_call } = operation;
    wire::OperationDetail {
        n_operation_status_calls: status_calls.map(int32),
        operation_status_latency_millis: status_latency.map(millis),
        operation_type: operation_type.map(Into::into),
        is_internal_call: *is_internal_call,
        extra: Extra::new(),
    }
}

fn volume_operation(volume: &VolumeOperation) -> wire::VolumeOperationEvent {
    let VolumeOperation { operation, volume_path, local_file } = volume;
    wire::VolumeOperationEvent {
        volume_operation_type: operation.map(Into::into),
        volume_path: volume_path.clone(),
        local_file: local_file.clone(),
        extra: Extra::new(),
    }
}

fn error_info(error: &ErrorInfo) -> wire::DriverErrorInfo {
    // Its class decides when it is sent, and doesn't travel; its chunk does with the statement. Its facts
    // have no place of their own on the wire, and stand before the text.
    let ErrorInfo { name, class: _, chunk: _, sqlstate, http_status, vendor_code, text } = error;
    let facts = [
        sqlstate.map(|state| format!("SQLSTATE: {state}")),
        http_status.map(|status| format!("HTTP status: {status}")),
        vendor_code.map(|code| format!("vendor code: {code}")),
    ];
    let lines: Vec<_> =
        facts.into_iter().flatten().chain(text.as_ref().map(|text| text.as_str().to_owned())).collect();
    wire::DriverErrorInfo {
        error_name: Some(name.clone()),
        stack_trace: (!lines.is_empty()).then(|| lines.join("\n")),
        extra: Extra::new(),
    }
}
