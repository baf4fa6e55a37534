//! Records with something to find in every place that correlates.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use telemetry_core::record::{
    AuthMech, Body, ChunkDetails, DriverContext, DriverMode, Encoded, ErrorInfo, EventId, HostDetails,
    OperationDetail, Record, RecordKind, SessionContext, SessionId, SqlExecution, StatementId, TraceParent,
};
use telemetry_core::text::ErrorText;
use telemetry_core::{
    ConnectionParams, DriverIdentity, ErrorClass, OperationType, ResultFormat, StatementType, SystemInfo,
};

/// The workspace's id in the samples.
pub(super) const WORKSPACE: i64 = 7_331_733_173_317_331;

/// What stands in the samples wherever something correlates, and mustn't travel without credentials, with
/// what it is.
#[cfg(feature = "workspace")]
pub(super) const CORRELATING: [(&str, &str); 7] = [
    ("7331733173317331", "the workspace's id"),
    ("conformance-session", "the session's id"),
    ("conformance-statement", "a statement's id"),
    ("conformance-system", "the system's configuration"),
    ("conformance-parameter", "a connection parameter"),
    ("sentinel-stack", "a stack"),
    ("c0f0c0f0c0f0c0f0", "the caller's trace"),
];

/// The date of an upload.
pub(super) fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

/// Records of all kinds, in turns.
pub(super) fn records(count: usize) -> Vec<Arc<Record>> {
    let session = Arc::new(session());
    let kinds = [RecordKind::Connection, RecordKind::Statement, RecordKind::Error, RecordKind::Operation];
    kinds.into_iter().cycle().take(count).map(|kind| Arc::new(record(kind, &session))).collect()
}

fn record(kind: RecordKind, session: &Arc<SessionContext>) -> Record {
    let failed = kind == RecordKind::Error;
    Record {
        id: EventId::random(),
        stamp: wall(),
        session: Arc::clone(session),
        body: Body {
            statement_id: StatementId::new("conformance-statement"),
            trace_parent: TraceParent::new("00-c0f0c0f0c0f0c0f0c0f0c0f0c0f0c0f0-c0f0c0f0c0f0c0f0-01")
                .map(Box::new),
            latency: (!failed).then(|| Duration::from_millis(31)),
            sql: (!failed).then(sql),
            error: failed.then(|| ErrorInfo {
                text: Some(ErrorText::detached("sentinel-stack: it went wrong")),
                ..ErrorInfo::new("CONFORMANCE_ERROR", ErrorClass::Retryable)
            }),
            ..Body::new(kind)
        },
    }
}

fn sql() -> SqlExecution {
    SqlExecution {
        statement_type: Some(StatementType::Query),
        is_compressed: Some(false),
        execution_result: Some(ResultFormat::ExternalLinks),
        retry_count: Some(0),
        rows: Some(1000),
        bytes: None,
        chunks: Some(ChunkDetails { present: Some(2), iterated: 2, ..ChunkDetails::default() }),
        result_ready: Some(Duration::from_millis(12)),
        result_consumed: Some(Duration::from_millis(30)),
        operation: Some(OperationDetail {
            operation_type: Some(OperationType::ExecuteStatement),
            ..OperationDetail::default()
        }),
        java_uses_patched_arrow: None,
    }
}

/// The driver that the suites act for.
pub(super) fn driver() -> DriverIdentity {
    let builder = DriverIdentity::builder().name("Conformance Driver").version("1.2.3");
    builder.client("CONFORMANCE").flag("a.flag").build().unwrap()
}

fn session() -> SessionContext {
    let text = |text: &str| Some(text.to_owned());
    let parameter = || text("conformance-parameter");
    let system = || text("conformance-system");
    SessionContext {
        driver: Arc::new(DriverContext {
            identity: driver(),
            system: SystemInfo {
                runtime_name: system(),
                runtime_version: system(),
                runtime_vendor: system(),
                os_name: system(),
                os_version: system(),
                os_arch: system(),
                client_app_name: system(),
                locale_name: system(),
                char_set_encoding: system(),
                process_name: system(),
            },
        }),
        session_id: SessionId::new("conformance-session"),
        workspace_id: Some(WORKSPACE),
        user_agent: None,
        auth_type: text("pat"),
        params: ConnectionParams {
            http_path: parameter(),
            mode: Some(DriverMode::Sea),
            host_info: Some(HostDetails::new("conformance-parameter.example", 443)),
            auth_mech: Some(AuthMech::Pat),
            auth_scope: parameter(),
            proxy_host_info: Some(HostDetails::new("conformance-parameter.example", 8080)),
            discovery_url: parameter(),
            google_service_account: parameter(),
            azure_tenant_id: parameter(),
            token_endpoint: parameter(),
            allowed_volume_ingestion_paths: parameter(),
            query_tags: parameter(),
            ..ConnectionParams::default()
        },
        encoded: Encoded::default(),
    }
}
