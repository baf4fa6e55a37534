//! The messages that stay the same for a whole connection.

use telemetry_core::record::{AuthFlow, AuthMech, DriverMode, ProxyAuth};

use super::facts::Cleaning::{Author, BaseName, Host, Hosts, Line, NoText, Url};
use super::facts::Privacy::{Neither, Personal, Pseudonymous};
use super::facts::When::{self, WithCredentials};
use super::lenient;
use super::message::message;
use super::named::EnumOrUnknown;

const DRIVER: When = WithCredentials("every record");
const DETECTED: When = WithCredentials("every record, if the system or the driver says it");
const SAID: When = WithCredentials("every record, if the driver says it");

message! {
    /// The driver and the system it runs on.
    DriverSystemConfiguration {
        /// The driver's version.
        driver_version: String = "lenient::text" => ("1.0.0", DRIVER, Author, Neither),
        /// The language runtime's name.
        runtime_name: String = "lenient::text" => ("rust", DETECTED, Line, Neither),
        /// The language runtime's version.
        runtime_version: String = "lenient::text" => ("1.90.0", DETECTED, Line, Neither),
        /// Who makes the language runtime.
        runtime_vendor: String = "lenient::text" => ("The Rust Foundation", DETECTED, Line, Neither),
        /// The operating system's name.
        os_name: String = "lenient::text" => ("linux", DETECTED, Line, Neither),
        /// The operating system's version.
        os_version: String = "lenient::text" => ("6.8.0", DETECTED, Line, Neither),
        /// The processor's architecture.
        os_arch: String = "lenient::text" => ("x86_64", DETECTED, Line, Neither),
        /// The driver's name.
        driver_name: String = "lenient::text" => ("Example Driver", DRIVER, Author, Neither),
        /// The application that uses the driver.
        client_app_name: String = "lenient::text" => ("reporting", SAID, Line, Personal),
        /// The locale.
        locale_name: String = "lenient::text" => ("en_US", DETECTED, Line, Neither),
        /// The character set of the program's texts.
        char_set_encoding: String = "lenient::text" => ("UTF-8", DETECTED, Line, Neither),
        /// The base name of the program's file.
        process_name: String = "lenient::text" => ("etl", DETECTED, BaseName, Personal),
    }
}

message! {
    /// How the connection was configured.
    DriverConnectionParameters {
        /// The path of the warehouse or cluster.
        http_path: String = "lenient::text"
            => ("/sql/1.0/warehouses/0123456789abcdef", SAID, Url, Pseudonymous),
        /// The protocol spoken.
        mode: EnumOrUnknown<DriverMode> = "lenient::any" => ("SEA", SAID, NoText, Neither),
        /// The workspace's host.
        host_info: HostDetails = "lenient::any" => "The workspace's host",
        /// Whether a proxy is used.
        use_proxy: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// What proves who connects.
        auth_mech: EnumOrUnknown<AuthMech> = "lenient::any" => ("PAT", SAID, NoText, Neither),
        /// How the driver obtains an OAuth token.
        auth_flow: EnumOrUnknown<AuthFlow> = "lenient::any" => ("TOKEN_PASSTHROUGH", SAID, NoText, Neither),
        /// The OAuth scopes asked for.
        auth_scope: String = "lenient::text" => ("sql offline_access", SAID, Line, Neither),
        /// Whether the system's proxy settings are used.
        use_system_proxy: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Hosts reached without the proxy.
        non_proxy_hosts: Vec<String> = "lenient::texts" => ("[\"*.example.com\"]", SAID, Hosts, Pseudonymous),
        /// Whether chunk downloads have a proxy of their own.
        use_cf_proxy: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// The proxy.
        proxy_host_info: HostDetails = "lenient::any" => "The proxy",
        /// The proxy of chunk downloads.
        cf_proxy_host_info: HostDetails = "lenient::any" => "The proxy of chunk downloads",
        /// Whether OAuth endpoints are discovered.
        discovery_mode_enabled: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Where they are discovered.
        discovery_url: String = "lenient::text"
            => ("https://login.example.com/.well-known/openid-configuration", SAID, Url, Pseudonymous),
        /// Whether metadata calls answer with nothing.
        use_empty_metadata: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Whether more than 256 parameters are supported.
        support_many_parameters: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// The type of the trust store.
        ssl_trust_store_type: String = "lenient::text" => ("PEM", SAID, Line, Neither),
        /// Whether a certificate's revocation is checked.
        check_certificate_revocation: bool = "lenient::flag" => ("true", SAID, NoText, Neither),
        /// Whether a certificate of unknown revocation is accepted.
        accept_undetermined_certificate_revocation: bool = "lenient::flag"
            => ("false", SAID, NoText, Neither),
        /// The Google service account.
        google_service_account: String = "lenient::text" => ("reporting", SAID, Line, Personal),
        /// The Google credential file.
        google_credential_file_path: String = "lenient::text" => ("reporting.json", SAID, BaseName, Personal),
        /// The size of the connection pool, in connections.
        http_connection_pool_size: i64 = "lenient::int64" => ("100", SAID, NoText, Neither),
        /// Whether small results of the REST API come inline.
        enable_sea_hybrid_results: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Whether nested types are given as such.
        enable_complex_datatype_support: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Whether self-signed certificates are accepted.
        allow_self_signed_support: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Whether the system's trust store is used.
        use_system_trust_store: bool = "lenient::flag" => ("true", SAID, NoText, Neither),
        /// Rows asked for at a time.
        rows_fetched_per_block: i64 = "lenient::int64" => ("10000", SAID, NoText, Neither),
        /// The Azure resource id of the workspace.
        azure_workspace_resource_id: String = "lenient::text"
            => ("/subscriptions/0f8e/resourceGroups/data/workspaces/main", SAID, Line, Pseudonymous),
        /// The Azure tenant's id.
        azure_tenant_id: String = "lenient::text"
            => ("5c1d2e3f-0a1b-4c2d-8e3f-405162738495", SAID, Line, Pseudonymous),
        /// The length that string columns are described with, in characters.
        string_column_length: i32 = "lenient::int32" => ("255", SAID, NoText, Neither),
        /// Whether OAuth tokens are cached.
        enable_token_cache: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// The OAuth token endpoint.
        token_endpoint: String = "lenient::text"
            => ("https://login.example.com/oauth2", SAID, Url, Pseudonymous),
        /// The OAuth authorisation endpoint.
        auth_endpoint: String = "lenient::text"
            => ("https://login.example.com/oauth2/authorize", SAID, Url, Pseudonymous),
        /// Whether results come as Arrow.
        enable_arrow: bool = "lenient::flag" => ("true", SAID, NoText, Neither),
        /// Whether small results come with the answer to execution.
        enable_direct_results: bool = "lenient::flag" => ("true", SAID, NoText, Neither),
        /// Whether a JWT assertion proves who connects.
        enable_jwt_assertion: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// The JWT's key file.
        jwt_key_file: String = "lenient::text" => ("reporting.pem", SAID, BaseName, Personal),
        /// The JWT's algorithm.
        jwt_algorithm: String = "lenient::text" => ("RS256", SAID, Line, Neither),
        /// The socket timeout, in seconds.
        socket_timeout: i64 = "lenient::int64" => ("900", SAID, NoText, Neither),
        /// The local paths from which volumes may be filled.
        allowed_volume_ingestion_paths: String = "lenient::text" => ("/data/in", SAID, Line, Personal),
        /// The wait between two polls of a statement, in milliseconds.
        async_poll_interval_millis: i64 = "lenient::int64" => ("200", SAID, NoText, Neither),
        /// The query tags that the connection sets.
        query_tags: String = "lenient::text" => ("team:finance", SAID, Line, Personal),
        /// Whether metric views are described as such.
        enable_metric_view_metadata: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Whether statements commit by themselves.
        auto_commit: bool = "lenient::flag" => ("true", SAID, NoText, Neither),
        /// Whether the service is asked for `auto_commit`.
        fetch_auto_commit_from_server: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
        /// Whether geospatial types are given as such.
        enable_geospatial_support: bool = "lenient::flag" => ("false", SAID, NoText, Neither),
    }
}

message! {
    /// A host and how it is reached.
    HostDetails {
        /// The bare host name.
        host_url: String = "lenient::text" => ("host.example.com", SAID, Host, Pseudonymous),
        /// The port.
        port: i32 = "lenient::int32" => ("443", SAID, NoText, Neither),
        /// How it asks who is there, if it is a proxy.
        proxy_auth_type: EnumOrUnknown<ProxyAuth> = "lenient::any" => ("BASIC", SAID, NoText, Neither),
    }
}
