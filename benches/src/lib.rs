//! What the benches record, encode and send.

pub mod connection;
pub mod messages;
pub mod work;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use telemetry_core::plugin::{Attempt, AuthHeaders, HttpRequest, HttpResponse, PluginError, Transport};
use telemetry_core::record::{
    AuthFlow, AuthMech, Body, ChunkDetails, DriverContext, DriverMode, Encoded, EventId, HostDetails,
    OperationDetail, Record, RecordKind, SessionContext, SessionId, SqlExecution, StatementId,
};
use telemetry_core::{
    ConnectionParams, DriverIdentity, Host, HostPolicy, OperationType, ResultFormat, StatementType,
    SystemInfo, async_trait,
};
use telemetry_export_http::HttpExporter;

use crate::connection::HOST;

/// The flag of the driver that is measured.
pub const FLAG: &str = "flag";

/// How much of a connection is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Every parameter.
    All,
    /// The path, the host, and how it authenticates.
    Few,
}

/// The driver that is measured.
pub fn identity() -> DriverIdentity {
    DriverIdentity::builder()
        .name("Bench Driver")
        .version("1.0.0")
        .client("BENCH")
        .flag(FLAG)
        .build()
        .unwrap()
}

/// The parameters of a connection.
pub fn params(known: Known) -> ConnectionParams {
    let text = |text: &str| Some(text.to_owned());
    let yes = Some(true);
    let few = ConnectionParams {
        http_path: text("/sql/1.0/warehouses/0a1b2c3d4e5f6789"),
        mode: Some(DriverMode::Sea),
        host_info: Some(HostDetails::new("dbc-a1b2c3d4-e5f6.cloud.databricks.com", 443)),
        auth_mech: Some(AuthMech::OAuth),
        auth_flow: Some(AuthFlow::ClientCredentials),
        ..ConnectionParams::default()
    };
    if known == Known::Few {
        return few;
    }
    ConnectionParams {
        use_proxy: yes,
        auth_scope: text("sql offline_access"),
        use_system_proxy: yes,
        non_proxy_hosts: Some(vec!["localhost".to_owned(), "internal.example.com".to_owned()]),
        use_cf_proxy: yes,
        proxy_host_info: Some(HostDetails::new("proxy.example.com", 8080)),
        cf_proxy_host_info: Some(HostDetails::new("proxy-cf.example.com", 8081)),
        discovery_mode_enabled: yes,
        discovery_url: text("https://login.example.com/.well-known/openid-configuration"),
        use_empty_metadata: yes,
        support_many_parameters: yes,
        ssl_trust_store_type: text("JKS"),
        check_certificate_revocation: yes,
        accept_undetermined_certificate_revocation: yes,
        google_service_account: text("an-account"),
        google_credential_file_path: text("credentials.json"),
        http_connection_pool_size: Some(100),
        enable_sea_hybrid_results: yes,
        enable_complex_datatype_support: yes,
        allow_self_signed_support: yes,
        use_system_trust_store: yes,
        rows_fetched_per_block: Some(100_000),
        azure_workspace_resource_id: text("/subscriptions/0a1b/resourceGroups/group/providers/workspace"),
        azure_tenant_id: text("0a1b2c3d-4e5f-6789-0a1b-2c3d4e5f6789"),
        string_column_length: Some(255),
        enable_token_cache: yes,
        token_endpoint: text("https://login.example.com/oauth2/token"),
        auth_endpoint: text("https://login.example.com/oauth2/authorize"),
        enable_arrow: yes,
        enable_direct_results: yes,
        enable_jwt_assertion: yes,
        jwt_key_file: text("key.pem"),
        jwt_algorithm: text("RS256"),
        socket_timeout: Some(Duration::from_secs(900)),
        allowed_volume_ingestion_paths: text("/data/in"),
        async_poll_interval: Some(Duration::from_millis(200)),
        query_tags: text("team:data,project:report"),
        enable_metric_view_metadata: yes,
        auto_commit: yes,
        fetch_auto_commit_from_server: yes,
        enable_geospatial_support: yes,
        ..few
    }
}

/// A connection of which this much is known, beside all of the system.
pub fn session(known: Known) -> Arc<SessionContext> {
    let system = SystemInfo { client_app_name: Some("a-report".to_owned()), ..SystemInfo::detect() };
    Arc::new(SessionContext {
        driver: Arc::new(DriverContext { identity: identity(), system }),
        session_id: SessionId::new("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b"),
        workspace_id: Some(1_234_567_890_123_456),
        user_agent: Some("BenchDriver/1.0.0 (a-report)".to_owned()),
        auth_type: Some("oauth-m2m".to_owned()),
        params: params(known),
        encoded: Encoded::default(),
    })
}

/// Records of statements of one connection, with all that a driver says of them.
pub fn records(known: Known, count: u64) -> Vec<Arc<Record>> {
    let session = session(known);
    (0..count).map(|number| Arc::new(statement(&session, number))).collect()
}

/// How many records a batch has.
pub const BATCH: u64 = 100;

/// What encodes a batch of a connection whose first record was encoded before.
pub fn batch() -> impl Fn() -> Vec<u8> {
    let exporter = HttpExporter::new(Arc::new(Nowhere::default()));
    let host = Host::parse(HOST, HostPolicy::Public).expect("it is a host");
    let (records, credentials) = (records(Known::All, BATCH), credentials());
    let encode = move || {
        let attempt =
            Attempt::new(&host, &records, SystemTime::UNIX_EPOCH).with_credentials(Some(&credentials));
        exporter.request(&attempt).expect("it can be encoded").body
    };
    encode();
    encode
}

fn statement(session: &Arc<SessionContext>, number: u64) -> Record {
    let millis = |least: u64| Duration::from_millis(least + number);
    Record {
        id: EventId::random(),
        stamp: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_523_848_610 + number),
        session: Arc::clone(session),
        body: Body {
            statement_id: StatementId::new(&format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012x}")),
            latency: Some(millis(420)),
            sql: Some(SqlExecution {
                statement_type: Some(StatementType::Query),
                is_compressed: Some(true),
                execution_result: Some(ResultFormat::ExternalLinks),
                retry_count: Some(0),
                rows: Some(40_960),
                bytes: None,
                chunks: Some(ChunkDetails {
                    present: Some(10),
                    iterated: 10,
                    bytes: 655_360,
                    first: Some(millis(12)),
                    slowest: Some(millis(36)),
                    sum: millis(190),
                }),
                result_ready: Some(millis(140)),
                result_consumed: Some(millis(410)),
                operation: Some(OperationDetail {
                    status_calls: Some(4),
                    status_latency: Some(millis(60)),
                    operation_type: Some(OperationType::ExecuteStatement),
                    is_internal_call: Some(false),
                }),
                java_uses_patched_arrow: None,
            }),
            ..Body::new(RecordKind::Statement)
        },
    }
}

/// Credentials.
pub fn credentials() -> AuthHeaders {
    AuthHeaders::bearer("a-token")
}

/// A transport to nowhere, by which everything is accepted.
#[derive(Debug, Default)]
pub struct Nowhere {
    /// How long an answer takes.
    pub takes: Duration,
}

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _request: HttpRequest) -> Result<HttpResponse, PluginError> {
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        Ok(HttpResponse::new(200, r#"{"numProtoSuccess":1000000}"#))
    }

    fn may_block(&self) -> bool {
        false
    }
}
