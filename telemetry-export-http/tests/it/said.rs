//! Whatever a driver says of a connection, a statement, a call or an error stands in the body that goes out,
//! in its own place.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{credentials, public_host, wall};
use serde_json::{Value, json};
use telemetry_core::plugin::{AlwaysClosed, Attempt};
use telemetry_core::record::{
    AuthFlow, AuthMech, DriverMode, HostDetails, ProxyAuth, RecordKind, VolumeOperationType,
};
use telemetry_core::{
    Chunk, ClientProvider, Clock, ConnectionInfo, ConnectionParams, DriverIdentity, ErrorDetails, Mode,
    Operation, OperationType, ResultFormat, Runtime, Session, StatementType, StaticToken, SystemInfo, Target,
    TelemetryConfig,
};
use telemetry_export_http::HttpExporter;
use telemetry_testkit::{FakeClock, RecordingExporter, ScriptedFlags, ScriptedTransport};

const MS: Duration = Duration::from_millis(1);

fn system() -> SystemInfo {
    SystemInfo {
        runtime_name: Some("node".to_owned()),
        runtime_version: Some("24.1".to_owned()),
        runtime_vendor: Some("OpenJS".to_owned()),
        os_name: Some("linux".to_owned()),
        os_version: Some("6.1".to_owned()),
        os_arch: Some("arm64".to_owned()),
        client_app_name: Some("dashboards".to_owned()),
        locale_name: Some("de_CH".to_owned()),
        char_set_encoding: Some("UTF-8".to_owned()),
        process_name: Some("server".to_owned()),
    }
}

/// The bodies of the records of what happens on a connection, with what they are about.
fn sent(info: ConnectionInfo, happens: impl FnOnce(&Session)) -> Vec<(RecordKind, Value)> {
    let (exporter, clock) = (RecordingExporter::new(), FakeClock::new());
    let identity = DriverIdentity::builder().name("Driver").version("1.2.3").client("DRIVER").flag("flag");
    let provider = ClientProvider::builder(identity.build().unwrap())
        .config(TelemetryConfig::default().mode(Mode::Forced))
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed("flag", true))
        .breakers(AlwaysClosed)
        .clock(clock.clone())
        .runtime(Runtime::Manual)
        .environment(|_| None)
        .system(system())
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(public_host().name()).credentials(StaticToken::new("t")));
    happens(&lease.opening(info).opened("session-1"));
    provider.step();
    clock.advance(Duration::from_secs(5));
    provider.step();
    let records = exporter.accepted();
    let sender = HttpExporter::new(Arc::new(ScriptedTransport::answering(500, "")));
    let (host, credentials) = (public_host(), credentials());
    let attempt = Attempt::new(&host, &records, wall()).with_credentials(Some(&credentials));
    let body: Value = serde_json::from_slice(&sender.request(&attempt).unwrap().body).unwrap();
    let logs = body["protoLogs"].as_array().unwrap();
    assert_eq!(logs.len(), records.len());
    let read = |log: &Value| serde_json::from_str(log.as_str().unwrap()).unwrap();
    records.iter().map(|record| record.body.kind).zip(logs.iter().map(read)).collect()
}

fn log(record: &Value) -> &Value {
    &record["entry"]["sql_driver_log"]
}

#[test]
fn all_that_is_said_of_a_connection_is_sent_with_each_of_its_records() {
    let text = |text: &str| Some(text.to_owned());
    let host = |name: &str, port, auth| {
        Some(HostDetails { proxy_auth_type: Some(auth), ..HostDetails::new(name, port) })
    };
    let params = ConnectionParams {
        http_path: text("/sql/1.0/warehouses/abc"),
        mode: Some(DriverMode::Sea),
        host_info: host("a.example.com", 443, ProxyAuth::None),
        use_proxy: Some(true),
        auth_mech: Some(AuthMech::OAuth),
        auth_flow: Some(AuthFlow::ClientCredentials),
        auth_scope: text("all-apis"),
        use_system_proxy: Some(false),
        non_proxy_hosts: Some(vec!["b.example.com".to_owned(), "*.c.example.com".to_owned()]),
        use_cf_proxy: Some(true),
        proxy_host_info: host("d.example.com", 3128, ProxyAuth::Basic),
        cf_proxy_host_info: host("e.example.com", 3129, ProxyAuth::Spnego),
        discovery_mode_enabled: Some(false),
        discovery_url: text("https://f.example.com/discovery"),
        use_empty_metadata: Some(true),
        support_many_parameters: Some(false),
        ssl_trust_store_type: text("JKS"),
        check_certificate_revocation: Some(true),
        accept_undetermined_certificate_revocation: Some(false),
        google_service_account: text("robot"),
        google_credential_file_path: text("key.json"),
        http_connection_pool_size: Some(7),
        enable_sea_hybrid_results: Some(true),
        enable_complex_datatype_support: Some(false),
        allow_self_signed_support: Some(true),
        use_system_trust_store: Some(false),
        rows_fetched_per_block: Some(8),
        azure_workspace_resource_id: text("resource"),
        azure_tenant_id: text("tenant"),
        string_column_length: Some(9),
        enable_token_cache: Some(true),
        token_endpoint: text("https://g.example.com/oauth2"),
        auth_endpoint: text("https://h.example.com/authorize"),
        enable_arrow: Some(false),
        enable_direct_results: Some(true),
        enable_jwt_assertion: Some(false),
        jwt_key_file: text("jwt.pem"),
        jwt_algorithm: text("RS256"),
        socket_timeout: Some(Duration::from_secs(900)),
        allowed_volume_ingestion_paths: text("/data"),
        async_poll_interval: Some(200 * MS),
        query_tags: text("team"),
        enable_metric_view_metadata: Some(true),
        auto_commit: Some(false),
        fetch_auto_commit_from_server: Some(true),
        enable_geospatial_support: Some(false),
    };
    let info = ConnectionInfo::new().params(params).auth_type("pat").user_agent("App/1").workspace_id(-42);
    let sent = sent(info, |session| session.closed(3 * MS));
    assert_eq!(sent.len(), 2);
    let expected = json!({
        "http_path": "/sql/1.0/warehouses/abc", "mode": "SEA",
        "host_info": {"host_url": "a.example.com", "port": 443, "proxy_auth_type": "NONE"},
        "use_proxy": true, "auth_mech": "OAUTH", "auth_flow": "CLIENT_CREDENTIALS", "auth_scope": "all-apis",
        "use_system_proxy": false, "non_proxy_hosts": ["b.example.com", "*.c.example.com"], "use_cf_proxy": true,
        "proxy_host_info": {"host_url": "d.example.com", "port": 3128, "proxy_auth_type": "BASIC"},
        "cf_proxy_host_info": {"host_url": "e.example.com", "port": 3129, "proxy_auth_type": "SPNEGO"},
        "discovery_mode_enabled": false, "discovery_url": "https://f.example.com/discovery",
        "use_empty_metadata": true, "support_many_parameters": false, "ssl_trust_store_type": "JKS",
        "check_certificate_revocation": true, "accept_undetermined_certificate_revocation": false,
        "google_service_account": "robot", "google_credential_file_path": "key.json",
        "http_connection_pool_size": 7, "enable_sea_hybrid_results": true,
        "enable_complex_datatype_support": false, "allow_self_signed_support": true,
        "use_system_trust_store": false, "rows_fetched_per_block": 8,
        "azure_workspace_resource_id": "resource", "azure_tenant_id": "tenant", "string_column_length": 9,
        "enable_token_cache": true, "token_endpoint": "https://g.example.com/oauth2",
        "auth_endpoint": "https://h.example.com/authorize", "enable_arrow": false,
        "enable_direct_results": true, "enable_jwt_assertion": false, "jwt_key_file": "jwt.pem",
        "jwt_algorithm": "RS256", "socket_timeout": 900, "allowed_volume_ingestion_paths": "/data",
        "async_poll_interval_millis": 200, "query_tags": "team", "enable_metric_view_metadata": true,
        "auto_commit": false, "fetch_auto_commit_from_server": true, "enable_geospatial_support": false,
    });
    for (_, record) in &sent {
        let log = log(record);
        assert_eq!(log["driver_connection_params"], expected);
        assert_eq!(log["auth_type"], "pat");
        assert_eq!(log["session_id"], "session-1");
        assert_eq!(record["workspace_id"], -42);
        assert_eq!(record["context"]["client_context"]["user_agent"], "App/1");
        let runs_on = json!({
            "driver_name": "Driver", "driver_version": "1.2.3", "runtime_name": "node", "runtime_version": "24.1",
            "runtime_vendor": "OpenJS", "os_name": "linux", "os_version": "6.1", "os_arch": "arm64",
            "client_app_name": "dashboards", "locale_name": "de_CH", "char_set_encoding": "UTF-8",
            "process_name": "server",
        });
        assert_eq!(log["system_configuration"], runs_on);
    }
}

#[test]
fn of_a_connection_of_which_nothing_is_said_nothing_is_sent_but_the_session_and_the_driver() {
    let sent = sent(ConnectionInfo::new(), |_| ());
    let (_, record) = &sent[0];
    assert_eq!(record.get("workspace_id"), None);
    assert_eq!(record["context"]["client_context"]["user_agent"], "Driver/1.2.3");
    let fields: Vec<_> = log(record).as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["operation_latency_ms", "session_id", "sql_operation", "system_configuration"]);
}

#[test]
fn a_record_is_sent_with_the_date_of_when_it_was_recorded() {
    let clock = FakeClock::new();
    let recorded = clock.wall().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let sent = sent(ConnectionInfo::new(), |session| session.closed(MS));
    let (_, record) = &sent[1];
    let dated = record["context"]["client_context"]["timestamp_millis"].as_u64().unwrap();
    assert_eq!(u128::from(dated), recorded, "and not of the five seconds later at which it was delivered");
}

/// All that can be said of a statement, in its place on the wire.
fn statement() -> Value {
    json!({
        "statement_type": "UPDATE",
        "is_compressed": true,
        "execution_result": "INLINE_ARROW",
        "retry_count": 5,
        "chunk_details": {
            "initial_chunk_latency_millis": 6, "slowest_chunk_latency_millis": 9, "total_chunks_present": 12,
            "total_chunks_iterated": 2, "sum_chunks_download_time_millis": 15,
        },
        "result_latency": {
            "result_set_ready_latency_millis": 11, "result_set_consumption_latency_millis": 13,
        },
        "operation_detail": {
            "n_operation_status_calls": 2, "operation_status_latency_millis": 10,
            "operation_type": "EXECUTE_STATEMENT_ASYNC", "is_internal_call": false,
        },
        "java_uses_patched_arrow": true,
    })
}

#[test]
fn all_that_is_said_of_a_statement_is_sent_whether_through_its_handle_or_by_its_id() {
    let sent = sent(ConnectionInfo::new(), |session| {
        let mut statement = session.statement();
        statement.kind(StatementType::Update);
        statement.id("s1");
        statement.operation(OperationType::ExecuteStatementAsync);
        statement.poll(3 * MS);
        statement.poll(7 * MS);
        statement.retried(5);
        statement.internal(false);
        statement.format(ResultFormat::InlineArrow);
        statement.compressed(true);
        statement.patched_arrow(true);
        statement.result_ready_after(11 * MS);
        statement.result_consumed_after(13 * MS);
        statement.chunks_present(12);
        statement.chunk(Chunk::new(1, 9 * MS));
        statement.chunk_recorder().chunk(Chunk::new(0, 6 * MS));
        statement.complete_after(42 * MS);
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Update);
        emitter.operation("s1", OperationType::ExecuteStatementAsync);
        emitter.poll("s1", 3 * MS);
        emitter.poll("s1", 7 * MS);
        emitter.retried("s1", 5);
        emitter.internal("s1", false);
        emitter.format("s1", ResultFormat::InlineArrow);
        emitter.compressed("s1", true);
        emitter.patched_arrow("s1", true);
        emitter.result_ready("s1", 11 * MS);
        emitter.result_consumed("s1", 13 * MS);
        emitter.chunks_present("s1", 12);
        emitter.chunk("s1", Chunk::new(1, 9 * MS));
        emitter.chunk("s1", Chunk::new(0, 6 * MS));
        emitter.completed("s1", 42 * MS);
    });
    assert_eq!(sent.len(), 3);
    for (kind, record) in &sent[1..] {
        assert_eq!(*kind, RecordKind::Statement);
        let log = log(record);
        assert_eq!(log["sql_statement_id"], "s1");
        assert_eq!(log["operation_latency_ms"], 42);
        assert_eq!(log["sql_operation"], statement());
        assert_eq!(log.get("error_info"), None);
    }
}

#[test]
fn all_that_is_said_of_a_call_and_of_an_error_is_sent() {
    let sent = sent(ConnectionInfo::new(), |session| {
        let put = Operation::volume(VolumeOperationType::Put, 5 * MS).volume_path("/Volumes/main");
        session.operation(put.local_file("orders.csv").statement("s1").internal(true).retries(3));
        session.error(|| {
            let error = ErrorDetails::new("CHUNK_TIMEOUT").chunk(4).sqlstate("08006").http_status(504);
            let error = error.vendor_code(-942).template("chunk {}", &[&4]).message("timed out");
            error.stack("\tat java.net.Socket.connect(Socket.java:12)")
        });
    });
    let (call, error) = (log(&sent[1].1), log(&sent[2].1));
    assert_eq!((sent[1].0, sent[2].0), (RecordKind::Operation, RecordKind::Error));
    let volume = json!({
        "volume_operation_type": "PUT", "volume_path": "/Volumes/main", "local_file": "orders.csv",
    });
    assert_eq!(call["vol_operation"], volume);
    assert_eq!((&call["sql_statement_id"], &call["operation_latency_ms"]), (&json!("s1"), &json!(5)));
    let detail = json!({
        "operation_detail": {"operation_type": "EXECUTE_STATEMENT", "is_internal_call": true},
        "retry_count": 3,
    });
    assert_eq!(call["sql_operation"], detail);
    let text = "SQLSTATE: 08006\nHTTP status: 504\nvendor code: -942\nchunk 4\ntimed out\n    at \
                java.net.Socket.connect(Socket.java:12)";
    assert_eq!(error["error_info"], json!({"error_name": "CHUNK_TIMEOUT", "stack_trace": text}));
    assert_eq!(error["sql_operation"], json!({"chunk_id": 4}));
}
