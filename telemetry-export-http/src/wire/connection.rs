//! The messages that stay the same for a whole connection.

use telemetry_core::record::{AuthFlow, AuthMech, DriverMode, ProxyAuth};

use super::lenient;
use super::message::message;
use super::named::EnumOrUnknown;

message! {
    /// The driver and the system it runs on.
    DriverSystemConfiguration {
        /// The driver's version.
        driver_version: String = "lenient::text",
        /// The language runtime's name.
        runtime_name: String = "lenient::text",
        /// The language runtime's version.
        runtime_version: String = "lenient::text",
        /// Who makes the language runtime.
        runtime_vendor: String = "lenient::text",
        /// The operating system's name.
        os_name: String = "lenient::text",
        /// The operating system's version.
        os_version: String = "lenient::text",
        /// The processor's architecture.
        os_arch: String = "lenient::text",
        /// The driver's name.
        driver_name: String = "lenient::text",
        /// The application that uses the driver.
        client_app_name: String = "lenient::text",
        /// The locale.
        locale_name: String = "lenient::text",
        /// The character set of the program's texts.
        char_set_encoding: String = "lenient::text",
        /// The base name of the program's file.
        process_name: String = "lenient::text",
    }
}

message! {
    /// How the connection was configured.
    DriverConnectionParameters {
        /// The path of the warehouse or cluster.
        http_path: String = "lenient::text",
        /// The protocol spoken.
        mode: EnumOrUnknown<DriverMode> = "lenient::any",
        /// The workspace's host.
        host_info: HostDetails = "lenient::any",
        /// Whether a proxy is used.
        use_proxy: bool = "lenient::flag",
        /// What proves who connects.
        auth_mech: EnumOrUnknown<AuthMech> = "lenient::any",
        /// How the driver obtains an OAuth token.
        auth_flow: EnumOrUnknown<AuthFlow> = "lenient::any",
        /// The OAuth scopes asked for.
        auth_scope: String = "lenient::text",
        /// Whether the system's proxy settings are used.
        use_system_proxy: bool = "lenient::flag",
        /// Hosts reached without the proxy.
        non_proxy_hosts: Vec<String> = "lenient::texts",
        /// Whether chunk downloads have a proxy of their own.
        use_cf_proxy: bool = "lenient::flag",
        /// The proxy.
        proxy_host_info: HostDetails = "lenient::any",
        /// The proxy of chunk downloads.
        cf_proxy_host_info: HostDetails = "lenient::any",
        /// Whether OAuth endpoints are discovered.
        discovery_mode_enabled: bool = "lenient::flag",
        /// Where they are discovered.
        discovery_url: String = "lenient::text",
        /// Whether metadata calls answer with nothing.
        use_empty_metadata: bool = "lenient::flag",
        /// Whether more than 256 parameters are supported.
        support_many_parameters: bool = "lenient::flag",
        /// The type of the trust store.
        ssl_trust_store_type: String = "lenient::text",
        /// Whether a certificate's revocation is checked.
        check_certificate_revocation: bool = "lenient::flag",
        /// Whether a certificate of unknown revocation is accepted.
        accept_undetermined_certificate_revocation: bool = "lenient::flag",
        /// The Google service account.
        google_service_account: String = "lenient::text",
        /// The Google credential file.
        google_credential_file_path: String = "lenient::text",
        /// The size of the connection pool, in connections.
        http_connection_pool_size: i64 = "lenient::int64",
        /// Whether small results of the REST API come inline.
        enable_sea_hybrid_results: bool = "lenient::flag",
        /// Whether nested types are given as such.
        enable_complex_datatype_support: bool = "lenient::flag",
        /// Whether self-signed certificates are accepted.
        allow_self_signed_support: bool = "lenient::flag",
        /// Whether the system's trust store is used.
        use_system_trust_store: bool = "lenient::flag",
        /// Rows asked for at a time.
        rows_fetched_per_block: i64 = "lenient::int64",
        /// The Azure resource id of the workspace.
        azure_workspace_resource_id: String = "lenient::text",
        /// The Azure tenant's id.
        azure_tenant_id: String = "lenient::text",
        /// The length that string columns are described with, in characters.
        string_column_length: i32 = "lenient::int32",
        /// Whether OAuth tokens are cached.
        enable_token_cache: bool = "lenient::flag",
        /// The OAuth token endpoint.
        token_endpoint: String = "lenient::text",
        /// The OAuth authorisation endpoint.
        auth_endpoint: String = "lenient::text",
        /// Whether results come as Arrow.
        enable_arrow: bool = "lenient::flag",
        /// Whether small results come with the answer to execution.
        enable_direct_results: bool = "lenient::flag",
        /// Whether a JWT assertion proves who connects.
        enable_jwt_assertion: bool = "lenient::flag",
        /// The JWT's key file.
        jwt_key_file: String = "lenient::text",
        /// The JWT's algorithm.
        jwt_algorithm: String = "lenient::text",
        /// The socket timeout, in **seconds**.
        socket_timeout: i64 = "lenient::int64",
        /// The local paths from which volumes may be filled.
        allowed_volume_ingestion_paths: String = "lenient::text",
        /// The wait between two polls of a statement, in milliseconds.
        async_poll_interval_millis: i64 = "lenient::int64",
        /// The query tags that the connection sets.
        query_tags: String = "lenient::text",
        /// Whether metric views are described as such.
        enable_metric_view_metadata: bool = "lenient::flag",
        /// Whether statements commit by themselves.
        auto_commit: bool = "lenient::flag",
        /// Whether the service is asked for `auto_commit`.
        fetch_auto_commit_from_server: bool = "lenient::flag",
        /// Whether geospatial types are given as such.
        enable_geospatial_support: bool = "lenient::flag",
    }
}

message! {
    /// A host and how it is reached.
    HostDetails {
        /// The bare host name.
        host_url: String = "lenient::text",
        /// The port.
        port: i32 = "lenient::int32",
        /// How it asks who is there, if it is a proxy.
        proxy_auth_type: EnumOrUnknown<ProxyAuth> = "lenient::any",
    }
}
