//! The connection parameters, all of them.

use std::fmt;
use std::time::Duration;

use crate::record::debug::{DebugRedacted, debug_redacted};
use crate::record::enums::{AuthFlow, AuthMech, DriverMode, ProxyAuth};

/// How a connection was configured. Every field is optional: what isn't known is left out, what is known is sent, also
/// when it is zero or false.
///
/// Strings are held to what their field may contain when the connection opens: redacted, stripped of queries and
/// directories where that is said, and cut to 256 characters.
///
/// ```
/// use telemetry_core::ConnectionParams;
/// use telemetry_core::record::{AuthMech, DriverMode};
///
/// let params = ConnectionParams {
///     http_path: Some("/sql/1.0/warehouses/abc".into()),
///     mode: Some(DriverMode::Sea),
///     auth_mech: Some(AuthMech::Pat),
///     enable_arrow: Some(false),
///     ..ConnectionParams::default()
/// };
/// # assert!(params.use_proxy.is_none());
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct ConnectionParams {
    /// The path of the warehouse or cluster, such as `/sql/1.0/warehouses/abc`. Its query is cut off.
    pub http_path: Option<String>,
    /// The protocol spoken.
    pub mode: Option<DriverMode>,
    /// The workspace's host.
    pub host_info: Option<HostDetails>,
    /// Whether a proxy is used.
    pub use_proxy: Option<bool>,
    /// What proves who connects.
    pub auth_mech: Option<AuthMech>,
    /// How an OAuth token is had.
    pub auth_flow: Option<AuthFlow>,
    /// The OAuth scopes asked for.
    pub auth_scope: Option<String>,
    /// Whether the system's proxy settings are used.
    pub use_system_proxy: Option<bool>,
    /// Hosts that are reached without the proxy.
    pub non_proxy_hosts: Option<Vec<String>>,
    /// Whether chunk downloads have a proxy of their own.
    pub use_cf_proxy: Option<bool>,
    /// The proxy.
    pub proxy_host_info: Option<HostDetails>,
    /// The proxy of chunk downloads.
    pub cf_proxy_host_info: Option<HostDetails>,
    /// Whether OAuth endpoints are discovered.
    pub discovery_mode_enabled: Option<bool>,
    /// Where they are discovered. Its query is cut off.
    pub discovery_url: Option<String>,
    /// Whether metadata calls answer with nothing.
    pub use_empty_metadata: Option<bool>,
    /// Whether more than 256 parameters are supported.
    pub support_many_parameters: Option<bool>,
    /// The type of the trust store, such as `JKS` or `PEM`.
    pub ssl_trust_store_type: Option<String>,
    /// Whether a certificate's revocation is checked.
    pub check_certificate_revocation: Option<bool>,
    /// Whether a certificate of unknown revocation is accepted.
    pub accept_undetermined_certificate_revocation: Option<bool>,
    /// The Google service account's address. Redacted where it is an e-mail address.
    pub google_service_account: Option<String>,
    /// The Google credential file: its base name alone is kept.
    pub google_credential_file_path: Option<String>,
    /// The size of the HTTP connection pool, in connections.
    pub http_connection_pool_size: Option<i64>,
    /// Whether small results of the REST API come inline.
    pub enable_sea_hybrid_results: Option<bool>,
    /// Whether nested types are given as such.
    pub enable_complex_datatype_support: Option<bool>,
    /// Whether self-signed certificates are accepted.
    pub allow_self_signed_support: Option<bool>,
    /// Whether the system's trust store is used.
    pub use_system_trust_store: Option<bool>,
    /// Rows asked for at a time.
    pub rows_fetched_per_block: Option<i64>,
    /// The Azure resource id of the workspace.
    pub azure_workspace_resource_id: Option<String>,
    /// The Azure tenant's id.
    pub azure_tenant_id: Option<String>,
    /// The length that string columns are described with, in characters.
    pub string_column_length: Option<i32>,
    /// Whether OAuth tokens are cached.
    pub enable_token_cache: Option<bool>,
    /// The OAuth token endpoint. Its query is cut off.
    pub token_endpoint: Option<String>,
    /// The OAuth authorisation endpoint. Its query is cut off.
    pub auth_endpoint: Option<String>,
    /// Whether results come as Arrow.
    pub enable_arrow: Option<bool>,
    /// Whether small results come with the answer to execution.
    pub enable_direct_results: Option<bool>,
    /// Whether a JWT assertion proves who connects.
    pub enable_jwt_assertion: Option<bool>,
    /// The JWT's key file: its base name alone is kept.
    pub jwt_key_file: Option<String>,
    /// The JWT's algorithm, such as `RS256`.
    pub jwt_algorithm: Option<String>,
    /// The socket timeout; whole **seconds** on the wire.
    pub socket_timeout: Option<Duration>,
    /// The local paths from which volumes may be filled. Redacted.
    pub allowed_volume_ingestion_paths: Option<String>,
    /// The wait between two polls of a statement; milliseconds on the wire.
    pub async_poll_interval: Option<Duration>,
    /// The query tags that the connection sets. Redacted.
    pub query_tags: Option<String>,
    /// Whether metric views are described as such.
    pub enable_metric_view_metadata: Option<bool>,
    /// Whether statements commit by themselves.
    pub auto_commit: Option<bool>,
    /// Whether the service is asked for `auto_commit`.
    pub fetch_auto_commit_from_server: Option<bool>,
    /// Whether geospatial types are given as such.
    pub enable_geospatial_support: Option<bool>,
}

debug_redacted!(ConnectionParams {
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
    enable_geospatial_support
});

/// A host and how it is reached, as a connection parameter.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct HostDetails {
    /// The bare host name. A scheme, a path or a port in it is cut off.
    pub host_url: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// How it asks who is there, if it is a proxy.
    pub proxy_auth_type: Option<ProxyAuth>,
}

debug_redacted!(HostDetails { host_url, port, proxy_auth_type });

impl DebugRedacted for HostDetails {
    fn debug_redacted(&self) -> Box<dyn fmt::Debug + '_> {
        Box::new(self)
    }
}

impl HostDetails {
    /// A host and its port.
    pub fn new(host_url: &str, port: u16) -> Self {
        HostDetails { host_url: Some(host_url.into()), port: Some(port), proxy_auth_type: None }
    }
}
