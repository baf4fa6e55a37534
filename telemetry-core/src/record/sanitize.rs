//! Holds every string field of the model to what it may contain, where it enters.
//!
//! Each message is taken apart whole, so that a new field can't be added without a decision here.

use crate::record::params::{ConnectionParams, HostDetails};
use crate::record::system::SystemInfo;
use crate::text::fields::{bare_host, base_name, field, url_without_query};

impl SystemInfo {
    pub(crate) fn sanitized(self) -> Self {
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
        } = self;
        SystemInfo {
            runtime_name: sanitize(runtime_name, field),
            runtime_version: sanitize(runtime_version, field),
            runtime_vendor: sanitize(runtime_vendor, field),
            os_name: sanitize(os_name, field),
            os_version: sanitize(os_version, field),
            os_arch: sanitize(os_arch, field),
            client_app_name: sanitize(client_app_name, field),
            locale_name: sanitize(locale_name, field),
            char_set_encoding: sanitize(char_set_encoding, field),
            process_name: sanitize(process_name, base_name),
        }
    }
}

impl HostDetails {
    fn sanitized(self) -> Self {
        let HostDetails { host_url, port, proxy_auth_type } = self;
        HostDetails { host_url: sanitize(host_url, bare_host), port, proxy_auth_type }
    }
}

impl ConnectionParams {
    pub(crate) fn sanitized(self) -> Self {
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
        } = self;
        ConnectionParams {
            http_path: sanitize(http_path, url_without_query),
            mode,
            host_info: host_info.map(HostDetails::sanitized),
            use_proxy,
            auth_mech,
            auth_flow,
            auth_scope: sanitize(auth_scope, field),
            use_system_proxy,
            non_proxy_hosts: non_proxy_hosts
                .map(|hosts| hosts.iter().take(MAX_HOSTS).filter_map(|host| bare_host(host)).collect()),
            use_cf_proxy,
            proxy_host_info: proxy_host_info.map(HostDetails::sanitized),
            cf_proxy_host_info: cf_proxy_host_info.map(HostDetails::sanitized),
            discovery_mode_enabled,
            discovery_url: sanitize(discovery_url, url_without_query),
            use_empty_metadata,
            support_many_parameters,
            ssl_trust_store_type: sanitize(ssl_trust_store_type, field),
            check_certificate_revocation,
            accept_undetermined_certificate_revocation,
            google_service_account: sanitize(google_service_account, field),
            google_credential_file_path: sanitize(google_credential_file_path, base_name),
            http_connection_pool_size,
            enable_sea_hybrid_results,
            enable_complex_datatype_support,
            allow_self_signed_support,
            use_system_trust_store,
            rows_fetched_per_block,
            azure_workspace_resource_id: sanitize(azure_workspace_resource_id, field),
            azure_tenant_id: sanitize(azure_tenant_id, field),
            string_column_length,
            enable_token_cache,
            token_endpoint: sanitize(token_endpoint, url_without_query),
            auth_endpoint: sanitize(auth_endpoint, url_without_query),
            enable_arrow,
            enable_direct_results,
            enable_jwt_assertion,
            jwt_key_file: sanitize(jwt_key_file, base_name),
            jwt_algorithm: sanitize(jwt_algorithm, field),
            socket_timeout,
            allowed_volume_ingestion_paths: sanitize(allowed_volume_ingestion_paths, field),
            async_poll_interval,
            query_tags: sanitize(query_tags, field),
            enable_metric_view_metadata,
            auto_commit,
            fetch_auto_commit_from_server,
            enable_geospatial_support,
        }
    }
}

/// Hosts in a list of hosts, at the most.
const MAX_HOSTS: usize = 64;

pub(crate) fn sanitize(value: Option<String>, rule: impl Fn(&str) -> Option<String>) -> Option<String> {
    value.as_deref().and_then(rule)
}
