//! The connection parameters, all of them.

use std::time::Duration;

use crate::record::enums::{AuthFlow, AuthMech, DriverMode, ProxyAuth};
use crate::record::message::message;
use crate::text::fields::{bare_host, base_name, field, url_without_query};

message! {
    /// How a connection was configured. Every field is optional: what isn't known is left out, what is known
    /// is sent, also when it is zero or false.
    ///
    /// Strings are held to what their field may contain when the connection opens: redacted, stripped of
    /// queries and directories where that is said, and cut to 256 characters.
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
    ConnectionParams {
        /// The path of the warehouse or cluster, such as `/sql/1.0/warehouses/abc`. Its query is cut off.
        [vendor customer] http_path: String => url_without_query,
        /// The protocol spoken.
        [vendor customer] mode: DriverMode,
        /// The workspace's host.
        [vendor customer] host_info: HostDetails => HostDetails::rule,
        /// Whether a proxy is used.
        [vendor customer] use_proxy: bool,
        /// What proves who connects.
        [vendor] auth_mech: AuthMech,
        /// How the driver obtains an OAuth token.
        [vendor] auth_flow: AuthFlow,
        /// The OAuth scopes asked for.
        [vendor] auth_scope: String => field,
        /// Whether the system's proxy settings are used.
        [vendor customer] use_system_proxy: bool,
        /// Hosts that are reached without the proxy.
        [vendor customer] non_proxy_hosts: Vec<String> => hosts,
        /// Whether chunk downloads have a proxy of their own.
        [vendor customer] use_cf_proxy: bool,
        /// The proxy.
        [vendor customer] proxy_host_info: HostDetails => HostDetails::rule,
        /// The proxy of chunk downloads.
        [vendor customer] cf_proxy_host_info: HostDetails => HostDetails::rule,
        /// Whether OAuth endpoints are discovered.
        [vendor] discovery_mode_enabled: bool,
        /// Where they are discovered. Its query is cut off.
        [vendor] discovery_url: String => url_without_query,
        /// Whether metadata calls answer with nothing.
        [vendor customer] use_empty_metadata: bool,
        /// Whether more than 256 parameters are supported.
        [vendor customer] support_many_parameters: bool,
        /// The type of the trust store, such as `JKS` or `PEM`.
        [vendor] ssl_trust_store_type: String => field,
        /// Whether a certificate's revocation is checked.
        [vendor] check_certificate_revocation: bool,
        /// Whether a certificate of unknown revocation is accepted.
        [vendor] accept_undetermined_certificate_revocation: bool,
        /// The Google service account's address. Redacted where it is an e-mail address.
        [vendor] google_service_account: String => field,
        /// The Google credential file: its base name alone is kept.
        [vendor] google_credential_file_path: String => base_name,
        /// The size of the HTTP connection pool, in connections.
        [vendor customer] http_connection_pool_size: i64,
        /// Whether small results of the REST API come inline.
        [vendor customer] enable_sea_hybrid_results: bool,
        /// Whether nested types are given as such.
        [vendor customer] enable_complex_datatype_support: bool,
        /// Whether self-signed certificates are accepted.
        [vendor] allow_self_signed_support: bool,
        /// Whether the system's trust store is used.
        [vendor] use_system_trust_store: bool,
        /// Rows asked for at a time.
        [vendor customer] rows_fetched_per_block: i64,
        /// The Azure resource id of the workspace.
        [vendor] azure_workspace_resource_id: String => field,
        /// The Azure tenant's id.
        [vendor] azure_tenant_id: String => field,
        /// The length that string columns are described with, in characters.
        [vendor customer] string_column_length: i32,
        /// Whether OAuth tokens are cached.
        [vendor] enable_token_cache: bool,
        /// The OAuth token endpoint. Its query is cut off.
        [vendor] token_endpoint: String => url_without_query,
        /// The OAuth authorisation endpoint. Its query is cut off.
        [vendor] auth_endpoint: String => url_without_query,
        /// Whether results come as Arrow.
        [vendor customer] enable_arrow: bool,
        /// Whether small results come with the answer to execution.
        [vendor customer] enable_direct_results: bool,
        /// Whether a JWT assertion proves who connects.
        [vendor] enable_jwt_assertion: bool,
        /// The JWT's key file: its base name alone is kept.
        [vendor] jwt_key_file: String => base_name,
        /// The JWT's algorithm, such as `RS256`.
        [vendor] jwt_algorithm: String => field,
        /// The socket timeout; whole **seconds** on the wire.
        [vendor customer] socket_timeout: Duration,
        /// The local paths from which volumes may be filled. Redacted.
        [vendor customer] allowed_volume_ingestion_paths: String => field,
        /// The wait between two polls of a statement; milliseconds on the wire.
        [vendor customer] async_poll_interval: Duration,
        /// The query tags that the connection sets. Redacted.
        [vendor customer] query_tags: String => field,
        /// Whether metric views are described as such.
        [vendor customer] enable_metric_view_metadata: bool,
        /// Whether statements commit by themselves.
        [vendor customer] auto_commit: bool,
        /// Whether the service is asked for `auto_commit`.
        [vendor customer] fetch_auto_commit_from_server: bool,
        /// Whether geospatial types are given as such.
        [vendor customer] enable_geospatial_support: bool,
    }
}

message! {
    /// A host and how it is reached, as a connection parameter.
    HostDetails {
        /// The bare host name. A scheme, a path or a port in it is cut off.
        [vendor customer] host_url: String => bare_host,
        /// The port.
        [vendor customer] port: u16,
        /// How it asks who is there, if it is a proxy.
        [vendor customer] proxy_auth_type: ProxyAuth,
    }
}

impl HostDetails {
    /// A host and its port.
    pub fn new(host_url: &str, port: u16) -> Self {
        HostDetails { host_url: Some(host_url.into()), port: Some(port), proxy_auth_type: None }
    }

    fn rule(self) -> Option<Self> {
        Some(self.sanitized())
    }
}

/// Hosts in a list of hosts, at the most.
const MAX_HOSTS: usize = 64;

fn hosts(hosts: Vec<String>) -> Option<Vec<String>> {
    let mut kept: Vec<_> = hosts.into_iter().take(MAX_HOSTS).filter_map(bare_host).collect();
    kept.shrink_to_fit();
    Some(kept)
}
