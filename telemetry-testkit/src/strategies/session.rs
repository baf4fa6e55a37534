//! The constant part of records: driver, system, connection.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use telemetry_core::record::{
    AuthFlow, AuthMech, DriverContext, DriverMode, Encoded, HostDetails, ProxyAuth, SessionContext, SessionId,
};
use telemetry_core::{ConnectionParams, DriverIdentity, SystemInfo};

use super::time::duration;
use super::{maybe, text};

/// A connection: each of its parts is there or not.
pub fn session() -> impl Strategy<Value = Arc<SessionContext>> {
    let id = "[A-Za-z0-9_.:-]{1,63}".prop_filter_map("it looks like a token", |text| SessionId::new(&text));
    (driver(), maybe(id), maybe(any::<i64>()), maybe(text()), maybe(text()), params()).prop_map(
        |(driver, session_id, workspace_id, user_agent, auth_type, params)| {
            Arc::new(SessionContext {
                driver: Arc::new(driver),
                session_id,
                workspace_id,
                user_agent,
                auth_type,
                params,
                encoded: Encoded::default(),
            })
        },
    )
}

fn driver() -> impl Strategy<Value = DriverContext> {
    let version = "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}(-[a-z0-9.]{1,10})?";
    let identity = ("[A-Za-z][ -~]{0,30}", version, "[A-Z]{1,20}", "[a-z][a-zA-Z.]{0,60}");
    let identity = identity.prop_map(|(name, version, client, flag)| {
        DriverIdentity::builder().name(&name).version(&version).client(&client).flag(&flag).build().unwrap()
    });
    (identity, system()).prop_map(|(identity, system)| DriverContext { identity, system })
}

fn system() -> impl Strategy<Value = SystemInfo> {
    vec(maybe(text()), 10).prop_map(|mut texts| {
        let mut next = || texts.pop().flatten();
        SystemInfo {
            runtime_name: next(),
            runtime_version: next(),
            runtime_vendor: next(),
            os_name: next(),
            os_version: next(),
            os_arch: next(),
            client_app_name: next(),
            locale_name: next(),
            char_set_encoding: next(),
            process_name: next(),
        }
    })
}

fn host_details() -> impl Strategy<Value = HostDetails> {
    (maybe(text()), maybe(any::<u16>()), maybe(select(ProxyAuth::ALL)))
        .prop_map(|(host_url, port, proxy_auth_type)| HostDetails { host_url, port, proxy_auth_type })
}

fn params() -> impl Strategy<Value = ConnectionParams> {
    let enums = (maybe(select(DriverMode::ALL)), maybe(select(AuthMech::ALL)), maybe(select(AuthFlow::ALL)));
    let numbers = (vec(maybe(any::<i64>()), 2), maybe(any::<i32>()), vec(maybe(duration()), 2));
    let hosts = (vec(maybe(host_details()), 3), maybe(vec(text(), 0..4)));
    (enums, numbers, hosts, vec(maybe(any::<bool>()), 20), vec(maybe(text()), 14)).prop_map(
        |(enums, numbers, hosts, mut flags, mut texts)| {
            let (mode, auth_mech, auth_flow) = enums;
            let (mut longs, string_column_length, mut durations) = numbers;
            let (mut hosts, non_proxy_hosts) = hosts;
            let mut flag = || flags.pop().flatten();
            let mut text = || texts.pop().flatten();
            let mut long = || longs.pop().flatten();
            let mut duration = || durations.pop().flatten();
            let mut host = || hosts.pop().flatten();
            ConnectionParams {
                http_path: text(),
                mode,
                host_info: host(),
                use_proxy: flag(),
                auth_mech,
                auth_flow,
                auth_scope: text(),
                use_system_proxy: flag(),
                non_proxy_hosts,
                use_cf_proxy: flag(),
                proxy_host_info: host(),
                cf_proxy_host_info: host(),
                discovery_mode_enabled: flag(),
                discovery_url: text(),
                use_empty_metadata: flag(),
                support_many_parameters: flag(),
                ssl_trust_store_type: text(),
                check_certificate_revocation: flag(),
                accept_undetermined_certificate_revocation: flag(),
                google_service_account: text(),
                google_credential_file_path: text(),
                http_connection_pool_size: long(),
                enable_sea_hybrid_results: flag(),
                enable_complex_datatype_support: flag(),
                allow_self_signed_support: flag(),
                use_system_trust_store: flag(),
                rows_fetched_per_block: long(),
                azure_workspace_resource_id: text(),
                azure_tenant_id: text(),
                string_column_length,
                enable_token_cache: flag(),
                token_endpoint: text(),
                auth_endpoint: text(),
                enable_arrow: flag(),
                enable_direct_results: flag(),
                enable_jwt_assertion: flag(),
                jwt_key_file: text(),
                jwt_algorithm: text(),
                socket_timeout: duration(),
                allowed_volume_ingestion_paths: text(),
                async_poll_interval: duration(),
                query_tags: text(),
                enable_metric_view_metadata: flag(),
                auto_commit: flag(),
                fetch_auto_commit_from_server: flag(),
                enable_geospatial_support: flag(),
            }
        },
    )
}
