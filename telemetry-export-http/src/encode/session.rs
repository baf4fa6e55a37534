//! What is the same in every record of a connection. Its messages are taken apart whole, so that a new field
//! can't be forgotten here.

use telemetry_core::plugin::PluginError;
use telemetry_core::record::{DriverContext, HostDetails, SessionContext};
use telemetry_core::{ConnectionParams, Fault, SystemInfo};

use super::object::Object;
use super::{int64, millis};
use crate::wire::WireEnum;

/// What stands in every record of a session between its time and what happened.
pub(super) fn constant(session: &SessionContext) -> Result<String, PluginError> {
    let SessionContext { driver, session_id, workspace_id: _, user_agent, auth_type, params, encoded: _ } =
        session;
    let mut out = Vec::with_capacity(4096);
    up_to_log(&mut out, user_agent.as_deref().unwrap_or(driver.identity.user_agent()));
    let mut log = Object::opened(&mut out);
    log.name("session_id", session_id.as_ref().map(|id| id.as_str()));
    log.object("system_configuration", |object| system(object, driver));
    log.object_unless_empty("driver_connection_params", |object| connection(object, params));
    log.text("auth_type", auth_type.as_deref());
    String::from_utf8(out).map_err(|_| Fault::Unsendable.into())
}

/// What stands in every record between its time and its log.
pub(super) fn up_to_log(out: &mut Vec<u8>, user_agent: &str) {
    Object::continued(out).text("user_agent", Some(user_agent));
    out.extend_from_slice(br#"}},\"entry\":{\"sql_driver_log\":{"#);
}

fn system(object: &mut Object<'_>, driver: &DriverContext) {
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
    object.text("driver_version", Some(identity.version()));
    object.text("runtime_name", runtime_name.as_deref());
    object.text("runtime_version", runtime_version.as_deref());
    object.text("runtime_vendor", runtime_vendor.as_deref());
    object.text("os_name", os_name.as_deref());
    object.text("os_version", os_version.as_deref());
    object.text("os_arch", os_arch.as_deref());
    object.text("driver_name", Some(identity.name()));
    object.text("client_app_name", client_app_name.as_deref());
    object.text("locale_name", locale_name.as_deref());
    object.text("char_set_encoding", char_set_encoding.as_deref());
    object.text("process_name", process_name.as_deref());
}

fn connection(object: &mut Object<'_>, params: &ConnectionParams) {
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
    object.text("http_path", http_path.as_deref());
    object.name("mode", mode.map(WireEnum::wire_name));
    host(object, "host_info", host_info.as_ref());
    object.flag("use_proxy", *use_proxy);
    object.name("auth_mech", auth_mech.map(WireEnum::wire_name));
    object.name("auth_flow", auth_flow.map(WireEnum::wire_name));
    object.text("auth_scope", auth_scope.as_deref());
    object.flag("use_system_proxy", *use_system_proxy);
    object.texts("non_proxy_hosts", non_proxy_hosts.as_deref());
    object.flag("use_cf_proxy", *use_cf_proxy);
    host(object, "proxy_host_info", proxy_host_info.as_ref());
    host(object, "cf_proxy_host_info", cf_proxy_host_info.as_ref());
    object.flag("discovery_mode_enabled", *discovery_mode_enabled);
    object.text("discovery_url", discovery_url.as_deref());
    object.flag("use_empty_metadata", *use_empty_metadata);
    object.flag("support_many_parameters", *support_many_parameters);
    object.text("ssl_trust_store_type", ssl_trust_store_type.as_deref());
    object.flag("check_certificate_revocation", *check_certificate_revocation);
    object.flag("accept_undetermined_certificate_revocation", *accept_undetermined_certificate_revocation);
    object.text("google_service_account", google_service_account.as_deref());
    object.text("google_credential_file_path", google_credential_file_path.as_deref());
    object.number("http_connection_pool_size", *http_connection_pool_size);
    object.flag("enable_sea_hybrid_results", *enable_sea_hybrid_results);
    object.flag("enable_complex_datatype_support", *enable_complex_datatype_support);
    object.flag("allow_self_signed_support", *allow_self_signed_support);
    object.flag("use_system_trust_store", *use_system_trust_store);
    object.number("rows_fetched_per_block", *rows_fetched_per_block);
    object.text("azure_workspace_resource_id", azure_workspace_resource_id.as_deref());
    object.text("azure_tenant_id", azure_tenant_id.as_deref());
    object.number("string_column_length", string_column_length.map(i64::from));
    object.flag("enable_token_cache", *enable_token_cache);
    object.text("token_endpoint", token_endpoint.as_deref());
    object.text("auth_endpoint", auth_endpoint.as_deref());
    object.flag("enable_arrow", *enable_arrow);
    object.flag("enable_direct_results", *enable_direct_results);
    object.flag("enable_jwt_assertion", *enable_jwt_assertion);
    object.text("jwt_key_file", jwt_key_file.as_deref());
    object.text("jwt_algorithm", jwt_algorithm.as_deref());
    // In whole seconds.
    object.number("socket_timeout", socket_timeout.map(|timeout| int64(timeout.as_secs())));
    object.text("allowed_volume_ingestion_paths", allowed_volume_ingestion_paths.as_deref());
    object.number("async_poll_interval_millis", async_poll_interval.map(millis));
    object.text("query_tags", query_tags.as_deref());
    object.flag("enable_metric_view_metadata", *enable_metric_view_metadata);
    object.flag("auto_commit", *auto_commit);
    object.flag("fetch_auto_commit_from_server", *fetch_auto_commit_from_server);
    object.flag("enable_geospatial_support", *enable_geospatial_support);
}

fn host(object: &mut Object<'_>, key: &str, host: Option<&HostDetails>) {
    let Some(HostDetails { host_url, port, proxy_auth_type }) = host else { return };
    object.object(key, |object| {
        object.text("host_url", host_url.as_deref());
        object.number("port", port.map(i64::from));
        object.name("proxy_auth_type", proxy_auth_type.map(WireEnum::wire_name));
    });
}
