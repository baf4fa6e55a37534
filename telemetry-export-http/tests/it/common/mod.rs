//! Records and attempts that the tests share.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod arbitrary;
pub(crate) mod checker;
pub(crate) mod expected;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use telemetry_core::plugin::{Attempt, AuthHeaders, PluginError, Receipt};
use telemetry_core::record::{
    AuthMech, Body, ChunkDetails, DriverContext, Encoded, ErrorInfo, EventId, HostDetails, OperationDetail,
    Record, RecordKind, SessionContext, SessionId, SqlExecution, StatementId, TraceParent, VolumeOperation,
    VolumeOperationType,
};
use telemetry_core::text::{ErrorText, SqlState};
use telemetry_core::{
    ConnectionParams, DriverIdentity, ErrorClass, Exporter, Host, HostPolicy, OperationType, ResultFormat,
    StatementType, SystemInfo,
};
#[cfg(feature = "reqwest")]
use telemetry_export_http::ReqwestTransport;

/// Ends a broken test; nothing that is tested depends on it.
pub(crate) const SAFETY_NET: Duration = Duration::from_secs(30);

/// In everything that may not show, or may not travel without credentials.
pub(crate) const CANARY: &str = "canary";

/// 1994-11-06 08:49:07 GMT.
pub(crate) fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747)
}

pub(crate) fn public_host() -> Host {
    Host::parse("dbc-a1.cloud.databricks.com", HostPolicy::Public).unwrap()
}

pub(crate) fn credentials() -> AuthHeaders {
    AuthHeaders::bearer("canary-token").with("x-databricks-org-id", "canary-org")
}

/// The real transport, which leaves the proxies of whoever runs the tests alone.
#[cfg(feature = "reqwest")]
pub(crate) fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().configure(|client| client.no_proxy()).build().unwrap()
}

/// A session of which everything that correlates holds the canary.
pub(crate) fn session() -> Arc<SessionContext> {
    let canary = |what: &str| Some(format!("canary-{what}"));
    let system = SystemInfo {
        runtime_name: canary("runtime"),
        os_name: canary("os"),
        client_app_name: canary("app"),
        process_name: canary("process"),
        ..SystemInfo::default()
    };
    let identity = DriverIdentity::builder()
        .name("Test Driver")
        .version("1.2.3")
        .client("TEST")
        .flag("a.b.enable")
        .build()
        .unwrap();
    Arc::new(SessionContext {
        driver: Arc::new(DriverContext { identity, system }),
        session_id: SessionId::new("canary-session"),
        workspace_id: Some(7_700_077_000_770),
        user_agent: canary("agent/9"),
        auth_type: canary("auth"),
        params: ConnectionParams {
            http_path: canary("path"),
            host_info: Some(HostDetails::new("canary.databricks.com", 443)),
            auth_mech: Some(AuthMech::Pat),
            enable_arrow: Some(false),
            socket_timeout: Some(Duration::from_secs(900)),
            ..ConnectionParams::default()
        },
        encoded: Encoded::default(),
    })
}

/// A record of this session with something in each of its messages.
pub(crate) fn record(session: &Arc<SessionContext>, number: u8) -> Arc<Record> {
    let sql = SqlExecution {
        statement_type: Some(StatementType::Query),
        is_compressed: Some(false),
        execution_result: Some(ResultFormat::ExternalLinks),
        retry_count: Some(0),
        rows: Some(1000),
        bytes: Some(4096),
        chunks: Some(ChunkDetails {
            present: Some(3),
            iterated: 2,
            bytes: 4096,
            first: Some(Duration::from_millis(11)),
            slowest: Some(Duration::from_micros(22_999)),
            sum: Duration::from_millis(33),
        }),
        result_ready: Some(Duration::from_millis(44)),
        result_consumed: Some(Duration::from_millis(55)),
        operation: Some(OperationDetail {
            status_calls: Some(0),
            status_latency: Some(Duration::ZERO),
            operation_type: Some(OperationType::ExecuteStatement),
            is_internal_call: Some(false),
        }),
        java_uses_patched_arrow: None,
    };
    let volume = VolumeOperation {
        operation: Some(VolumeOperationType::Put),
        volume_path: Some("/Volumes/canary".to_owned()),
        local_file: Some("canary.csv".to_owned()),
    };
    let error = ErrorInfo {
        chunk: Some(0),
        sqlstate: SqlState::new("42P01"),
        text: Some(ErrorText::detached("no such canary")),
        ..ErrorInfo::new("TABLE_OR_VIEW_NOT_FOUND", ErrorClass::Terminal)
    };
    Arc::new(Record {
        id: EventId::from_bytes([number; 16]),
        stamp: wall() - Duration::from_millis(1500),
        session: Arc::clone(session),
        body: Body {
            kind: RecordKind::Statement,
            statement_id: StatementId::new("canary-statement"),
            trace_parent: TraceParent::new("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
                .map(Box::new),
            latency: Some(Duration::from_millis(1234)),
            since_start: Some(Duration::from_millis(1235)),
            sql: Some(sql),
            volume: Some(Box::new(volume)),
            error: Some(error),
        },
    })
}

/// So many records of one session.
pub(crate) fn records(count: u8) -> Vec<Arc<Record>> {
    let session = session();
    (0..count).map(|number| record(&session, number)).collect()
}

/// One attempt, ended by the safety net.
pub(crate) async fn export(
    exporter: &impl Exporter,
    host: &Host,
    records: &[Arc<Record>],
    credentials: Option<&AuthHeaders>,
) -> Result<Receipt, PluginError> {
    let attempt = Attempt::new(host, records, wall()).with_credentials(credentials);
    soon(exporter.export(&attempt)).await
}

/// What a future gives, unless the safety net ends it.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SAFETY_NET, future).await.unwrap()
}
