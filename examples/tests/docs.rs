//! What `docs/TELEMETRY.md` shows is what is sent, and the settings that it lists are those that there are.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use examples::compose;
use examples::driver::{Driver, Fetch, TIMEOUT};
use examples::embedded::{ALICE, Embedded};
use serde_json::{Value, json};
use telemetry_core::record::VolumeOperationType;
use telemetry_core::{
    ClientProvider, ConnectionInfo, DriverIdentity, ErrorDetails, Fault, HostPolicy, Mode, Operation,
    StatementType, StaticToken, Target, TelemetryConfig,
};

const DOCUMENT: &str = include_str!("../../docs/TELEMETRY.md");

const SHOWN: &str = "01f0c0de-5a1e-1000-8000-000000000001";

/// A record with what differs from run to run and from machine to machine replaced: ids, times, counts, the
/// system's own details.
fn replaced(key: &str, value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key.clone(), replaced(&key, value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Number(_) => match key {
            "timestamp_millis" => json!(1_795_523_848_610_i64),
            "port" => json!(443),
            "total_chunks_present" | "total_chunks_iterated" | "async_poll_interval_millis" => value,
            _ => json!(12),
        },
        Value::String(text) => match key {
            "frontend_log_event_id" => json!("cd5d89c1-3cbf-4864-a167-a5da739d6bbe"),
            "session_id" | "sql_statement_id" => json!(SHOWN),
            "host_url" => json!("dbc-a1b2c3d4-e5f6.cloud.databricks.com"),
            "os_name" => json!("linux"),
            "os_version" => json!("6.8.0"),
            "os_arch" => json!("x86_64"),
            "runtime_version" => json!("1.90.0"),
            "locale_name" => json!("en_US"),
            "char_set_encoding" => json!("UTF-8"),
            "process_name" => json!("etl"),
            "driver_version" => json!("1.0.0"),
            "user_agent" => json!(text.split('/').next().unwrap().to_owned() + "/1.0.0"),
            _ => Value::String(text),
        },
        other => other,
    }
}

/// What a record says of its own: without what all records of a session have in common, which is shown once.
fn own(mut record: Value) -> Value {
    let mut log = record["entry"]["sql_driver_log"].take();
    for common in ["system_configuration", "driver_connection_params", "auth_type", "session_id"] {
        log.as_object_mut().unwrap().remove(common);
    }
    log
}

/// One record of every kind, as the service got it.
async fn samples() -> BTreeMap<&'static str, Value> {
    let there = Embedded::start(None).unwrap();
    let provider = |mode| {
        let config = Embedded::config().mode(mode);
        compose::telemetry(config, None).unwrap().environment(|_| None).build().unwrap()
    };
    let driver = Driver::new(provider(Mode::On), TIMEOUT).unwrap();
    let connection = driver.connect(there.options(ALICE)).await.unwrap();
    let lines = "SELECT * FROM lineitem ORDER BY l_orderkey, l_linenumber LIMIT 1000";
    connection.query(lines, Fetch::Links).await.unwrap();
    connection
        .query("SELECT * FROM invoices WHERE iban = 'DE89370400440532013000'", Fetch::Inline)
        .await
        .unwrap_err();
    let _ = connection.close(Duration::from_secs(60)).await.unwrap();

    let forced = provider(Mode::Forced);
    let lease = forced.acquire(Target::new(there.workspace.url()).credentials(StaticToken::new(ALICE)));
    let refused = || {
        ErrorDetails::new("UNAUTHENTICATED")
            .fault(401)
            .message("Credential was not sent or is invalid (HTTP 401)")
    };
    lease.opening(ConnectionInfo::new().auth_type("pat")).failed(refused);
    let session = lease.opening(ConnectionInfo::new().auth_type("pat")).opened(SHOWN);
    let (path, file) = ("/Volumes/main/default/in/orders.csv", "/home/ann/orders.csv");
    let put = Operation::volume(VolumeOperationType::Put, Duration::from_millis(3));
    session.operation(put.volume_path(path).local_file(file));
    assert!(lease.close(Duration::from_secs(60)).await.is_delivered());

    let lease = forced.acquire(Target::new(there.workspace.url()));
    let session = lease.opening(ConnectionInfo::new().auth_type("pat")).opened(SHOWN);
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    statement.error(|| ErrorDetails::new("CHUNK_TIMEOUT").fault(Fault::Timeout).message("chunk 1 timed out"));
    statement.complete();
    assert!(lease.close(Duration::from_secs(60)).await.is_delivered());

    let records = there.workspace.records();
    let find = |wanted: &dyn Fn(&Value) -> bool| {
        let log = |record: &&Value| wanted(&record["entry"]["sql_driver_log"]);
        replaced("", records.iter().find(log).unwrap_or_else(|| panic!("{records:#?}")).clone())
    };
    let operation = |log: &Value| log["sql_operation"]["operation_detail"]["operation_type"].clone();
    let has_session = |log: &Value| log.get("session_id").is_some();
    let own_of = |wanted: &dyn Fn(&Value) -> bool| own(find(wanted));
    BTreeMap::from([
        (
            "connection opened",
            find(&|log| {
                operation(log) == "CREATE_SESSION"
                    && log.get("driver_connection_params").is_some()
                    && has_session(log)
            }),
        ),
        ("connection failed", own_of(&|log| log["error_info"]["error_name"] == "UNAUTHENTICATED")),
        ("connection closed", own_of(&|log| operation(log) == "DELETE_SESSION")),
        ("statement", own_of(&|log| log["sql_operation"]["execution_result"] == "EXTERNAL_LINKS")),
        ("statement failed", own_of(&|log| log["error_info"]["error_name"] == "TABLE_OR_VIEW_NOT_FOUND")),
        ("operation", own_of(&|log| operation(log) == "CLOSE_STATEMENT")),
        ("volume operation", own_of(&|log| log.get("vol_operation").is_some())),
        (
            "statement without credentials",
            find(&|log| log["sql_operation"]["statement_type"] == "QUERY" && !has_session(log)),
        ),
        ("error without credentials", find(&|log| log["error_info"]["error_name"] == "CHUNK_TIMEOUT")),
    ])
}

/// The JSON that stands below a mark in the document.
fn documented(kind: &str) -> Option<Value> {
    let below = DOCUMENT.split_once(&format!("<!-- record: {kind} -->"))?.1;
    let block = below.split_once("```json\n")?.1.split_once("```")?.0;
    serde_json::from_str(block).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_records_are_those_that_are_sent() {
    let mut wrong = String::new();
    for (kind, sent) in samples().await {
        if documented(kind).as_ref() != Some(&sent) {
            wrong += &format!(
                "\n<!-- record: {kind} -->\n```json\n{}\n```\n",
                serde_json::to_string_pretty(&sent).unwrap()
            );
        }
    }
    assert!(wrong.is_empty(), "docs/TELEMETRY.md is to have:\n{wrong}");
}

/// A value outside its bounds, and what is said of it, by the mode's name.
fn out_of_bounds() -> Vec<(&'static str, TelemetryConfig)> {
    let config = TelemetryConfig::default;
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    vec![
        ("batch_size", config().batch_size(0)),
        ("flush_interval", config().flush_interval(century)),
        ("max_retries", config().max_retries(u32::MAX)),
        ("backoff_base", config().backoff_base(century)),
        ("backoff_max", config().backoff_max(century)),
        ("retry_after_cap", config().retry_after_cap(century)),
        ("request_timeout", config().request_timeout(century)),
        ("max_records", config().max_records(0)),
        ("max_age", config().max_age(century)),
        ("max_events", config().max_events(0)),
        ("max_bytes", config().max_bytes(usize::MAX)),
        ("max_total_bytes", config().max_total_bytes(0)),
        ("max_open_statements", config().max_open_statements(0)),
        ("abandoned_after", config().abandoned_after(century)),
        ("max_errors", config().max_errors(0)),
        ("close_timeout", config().close_timeout(century)),
        ("pause_base", config().pause_base(century)),
        ("pause_max", config().pause_max(century)),
        ("flag_retry", config().flag_retry(century)),
        ("max_clients", config().max_clients(0)),
    ]
}

/// The rows of the table of settings: name, default, bounds.
fn table() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| {
        let mut cells = row.trim_end_matches(" |").split(" | ");
        let name = cells.next()?.strip_suffix('`')?;
        Some((name, (cells.next()?, cells.next()?)))
    });
    cells.collect()
}

#[test]
fn the_table_of_settings_has_every_setting_with_its_default_and_its_bounds() {
    let shown = format!("{:?}", TelemetryConfig::default());
    let inside = shown.strip_prefix("TelemetryConfig { ").unwrap().strip_suffix(" }").unwrap();
    let defaults: BTreeMap<&str, &str> =
        inside.split(", ").map(|field| field.split_once(": ").unwrap()).collect();
    let table = table();
    for (name, default) in &defaults {
        let (documented, _) = table.get(name).unwrap_or_else(|| panic!("{name} isn't in the table"));
        assert_eq!(documented, default, "the default of {name}");
    }
    let bounded = out_of_bounds();
    for (name, config) in &bounded {
        let said = config.validate().unwrap_err().to_string();
        let bounds = said.split_once("must be ").unwrap().1;
        assert!(said.starts_with(name), "{said}");
        assert_eq!(table[name].1, bounds, "the bounds of {name}");
    }
    // Five settings are choices or lists.
    assert_eq!(bounded.len() + 5, defaults.len());
}

#[test]
fn the_example_configurations_are_valid() {
    // As the document has them.
    let basic = TelemetryConfig::default().mode(Mode::On);
    let off = TelemetryConfig::default().mode(Mode::Off);
    let batching = TelemetryConfig::default()
        .mode(Mode::On)
        .batch_size(200)
        .flush_interval(Duration::from_secs(30))
        .max_records(2000);
    let development = TelemetryConfig::default()
        .mode(Mode::Forced)
        .host_policy(HostPolicy::AllowLoopback)
        .flush_interval(Duration::from_millis(100));
    for config in [basic, off, batching, development] {
        assert_eq!(config.validate(), Ok(()));
        let printed = format!("{config:?}");
        assert!(printed.contains("batch_size"), "{printed}");
    }
    for line in [
        ".batch_size(200)",
        ".flush_interval(Duration::from_secs(30))",
        ".max_records(2000)",
        "Mode::Forced",
        "HostPolicy::AllowLoopback",
        ".flush_interval(Duration::from_millis(100))",
    ] {
        assert!(DOCUMENT.contains(line), "{line}");
    }
    let identity = DriverIdentity::builder().name("x").version("1").client("X").flag("flag").build().unwrap();
    assert!(ClientProvider::builder(identity).build().is_err(), "a provider without an exporter");
}
