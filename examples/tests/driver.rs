//! The driver over HTTP gives what SQLite gives when asked directly, and telemetry sees every statement.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::time::Duration;

use examples::driver::{Connection, Driver, Error, Fetch, Options};
use examples::warehouse::{WAREHOUSE_ID, Warehouse};
use examples::workload::{Act, EMBEDDED, run_step};
use examples::{driver, tpch};
use telemetry_core::plugin::AlwaysClosed;
use telemetry_core::record::RecordKind;
use telemetry_core::status::{OffReason, TelemetryState};
use telemetry_core::{
    ClientProvider, DriverIdentity, HostPolicy, Mode, OperationType, ResultFormat, StatementType,
    TelemetryConfig,
};
use telemetry_testkit::{Answer, FakeWorkspace, RecordingExporter, ScriptedFlags};

struct Bench {
    warehouse: Warehouse,
    workspace: FakeWorkspace,
    exporter: RecordingExporter,
    driver: Driver,
}

fn bench() -> Bench {
    let warehouse = Warehouse::new(&["token"], 100, tpch::create).unwrap();
    let routed = warehouse.clone();
    bench_with(warehouse, move |request| routed.route(request))
}

fn bench_with(
    warehouse: Warehouse,
    route: impl Fn(&telemetry_testkit::Received) -> Option<Answer> + Send + Sync + 'static,
) -> Bench {
    let workspace = FakeWorkspace::builder().route(route).start();
    let exporter = RecordingExporter::new();
    let provider = ClientProvider::builder(
        DriverIdentity::builder().name("test").version("1.0.0").client("TEST").flag("flag").build().unwrap(),
    )
    .config(TelemetryConfig::default().mode(Mode::On).host_policy(HostPolicy::AllowLoopback))
    .exporter(exporter.clone())
    .flags(ScriptedFlags::fixed("flag", true))
    .breakers(AlwaysClosed)
    .environment(|_| None)
    .build()
    .unwrap();
    Bench { warehouse, workspace, exporter, driver: Driver::new(provider, driver::TIMEOUT).unwrap() }
}

impl Bench {
    async fn connect(&self) -> Connection {
        self.driver.connect(Options::new(self.workspace.url(), "token", WAREHOUSE_ID)).await.unwrap()
    }

    async fn close(&self, connection: Connection) {
        assert!(connection.close(Duration::from_secs(30)).await.unwrap().0.is_delivered());
        assert!(connection.telemetry().balances());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_gives_what_sqlite_gives_when_asked_directly() {
    let bench = bench();
    let connection = bench.connect().await;
    let mut queries = 0;
    for (name, act, sql) in EMBEDDED.iter().filter(|(_, _, sql)| !sql.starts_with("INSERT")) {
        let Ok(rows) = run_step(&connection, (name, *act, sql)).await else { continue };
        assert_eq!(rows.rows, bench.warehouse.ask(sql).unwrap(), "{name}");
        queries += 1;
    }
    assert_eq!(queries, 7);
    bench.close(connection).await;
    assert_eq!(bench.warehouse.held().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_downloaded_in_parallel_come_in_order_and_are_all_recorded() {
    let bench = bench();
    let connection = bench.connect().await;
    let (name, act, sql) = EMBEDDED[3];
    let rows = run_step(&connection, (name, act, sql)).await.unwrap();
    assert_eq!(rows.rows, bench.warehouse.ask(sql).unwrap());
    assert!(rows.chunks > 20, "{}", rows.chunks);
    bench.close(connection).await;
    let records = bench.exporter.accepted();
    let record = records.iter().find(|record| record.body.kind == RecordKind::Statement).unwrap();
    let sql = record.body.sql.as_ref().unwrap();
    let chunks = sql.chunks.unwrap();
    assert_eq!((chunks.present, chunks.iterated), (Some(rows.chunks), rows.chunks));
    assert!(chunks.first <= chunks.slowest && chunks.slowest.unwrap() <= chunks.sum && chunks.bytes > 10_000);
    assert_eq!(
        (sql.execution_result, sql.statement_type),
        (Some(ResultFormat::ExternalLinks), Some(StatementType::Query))
    );
    assert!(sql.result_ready <= sql.result_consumed && sql.result_consumed <= record.body.latency);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_long_is_polled() {
    let bench = bench();
    let connection = bench.connect().await;
    let (_, act, sql) = EMBEDDED[4];
    run_step(&connection, ("", act, sql)).await.unwrap();
    bench.close(connection).await;
    let records = bench.exporter.accepted();
    let record = records.iter().find(|record| record.body.kind == RecordKind::Statement).unwrap();
    assert!(record.body.sql.as_ref().unwrap().operation.unwrap().status_calls > Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_statement_is_really_interrupted() {
    let bench = bench();
    let connection = bench.connect().await;
    let (_, act, endless) = EMBEDDED[10];
    assert_eq!(act, Act::Cancel);
    assert!(matches!(run_step(&connection, ("", act, endless)).await, Err(Error::Cancelled)));
    bench.close(connection).await;
    let operations: Vec<_> = bench
        .exporter
        .accepted()
        .iter()
        .filter(|record| record.body.kind == RecordKind::Operation)
        .filter_map(|record| record.body.sql.as_ref()?.operation?.operation_type)
        .collect();
    assert_eq!(operations, [OperationType::CancelStatement]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_carry_their_class_and_sqlstate_and_telemetry_none_of_their_sql() {
    let bench = bench();
    let connection = bench.connect().await;
    for (sql, class, state) in [
        ("SELEC 'Ann Secret'", "PARSE_SYNTAX_ERROR", "42601"),
        ("SELECT 'Ann Secret' FROM invoices", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
        ("SELECT secret_column FROM region", "UNRESOLVED_COLUMN", "42703"),
    ] {
        match connection.query(sql, Fetch::Inline).await.unwrap_err() {
            Error::Statement { class: seen, sql_state, message } => {
                assert_eq!((seen.as_str(), sql_state.as_deref()), (class, Some(state)));
                assert!(message.contains(sql), "the caller is told everything");
            }
            other => panic!("{other:?}"),
        }
    }
    bench.close(connection).await;
    let errors: Vec<_> =
        bench.exporter.accepted().iter().filter_map(|record| record.body.error.clone()).collect();
    assert_eq!(errors.len(), 3);
    for error in errors {
        let text = error.text.unwrap();
        assert!(text.contains("SQLSTATE: 42"), "{}", text.as_str());
        assert!(!text.contains("Secret") && !text.contains("SELEC "), "{}", text.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_touches_a_file() {
    let bench = bench();
    let connection = bench.connect().await;
    let directory = std::env::temp_dir().join(format!("warehouse-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("file.db");
    let file = file.to_str().unwrap();
    let touching = [
        format!("ATTACH '{file}' AS other"),
        format!("ATTACH '{file}' || '' AS other"),
        format!("ATTACH 'file:{file}?mode=rwc' AS other"),
        format!("VACUUM INTO '{file}'"),
        format!("VACUUM INTO '{file}' || ''"),
        format!("PRAGMA temp_store_directory = '{}'", directory.display()),
        "PRAGMA journal_mode = WAL".to_owned(),
        "SELECT * FROM pragma_database_list".to_owned(),
        "DETACH main".to_owned(),
        format!("SELECT load_extension('{file}')"),
    ];
    for sql in touching {
        match connection.query(&sql, Fetch::Inline).await.unwrap_err() {
            Error::Statement { class, sql_state, .. } => {
                assert_eq!(
                    (class.as_str(), sql_state.as_deref()),
                    ("INSUFFICIENT_PERMISSIONS", Some("42501")),
                    "{sql}"
                );
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    for unknown in ["readfile", "writefile", "edit"] {
        let error = connection.query(&format!("SELECT {unknown}('{file}')"), Fetch::Inline).await;
        assert!(matches!(error, Err(Error::Statement { .. })), "{unknown}");
    }
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    std::fs::remove_dir_all(directory).unwrap();
    bench.close(connection).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_is_tried_again_and_the_retry_is_recorded() {
    let warehouse = Warehouse::new(&["token"], 100, tpch::create).unwrap();
    let routed = warehouse.clone();
    let busy = std::sync::atomic::AtomicBool::new(true);
    let bench = bench_with(warehouse, move |request| {
        if request.path == "/api/2.0/sql/statements" && busy.swap(false, std::sync::atomic::Ordering::SeqCst)
        {
            return Some(Answer::new(503, "").with_header("retry-after", "0"));
        }
        routed.route(request)
    });
    let connection = bench.connect().await;
    assert_eq!(connection.query("SELECT 1", Fetch::Inline).await.unwrap().rows, [[Some("1".to_owned())]]);
    bench.close(connection).await;
    let records = bench.exporter.accepted();
    let record = records.iter().find(|record| record.body.kind == RecordKind::Statement).unwrap();
    assert_eq!(record.body.sql.as_ref().unwrap().retry_count, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_opens_nothing_is_an_error_and_a_record() {
    let bench = bench();
    let options = Options::new(bench.workspace.url(), "wrong", WAREHOUSE_ID);
    let error = bench.driver.connect(options).await.unwrap_err();
    assert!(matches!(error, Error::Service { status: 401, .. }), "{error:?}");
    let delivered = async {
        while bench.exporter.accepted().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), delivered).await.expect("it is never delivered");
    let record = bench.exporter.accepted().remove(0);
    assert_eq!(
        (record.body.kind, record.body.error.as_ref().unwrap().name.as_str()),
        (RecordKind::Connection, "UNAUTHENTICATED")
    );
}

#[test]
fn debug_of_the_options_shows_no_token() {
    assert!(!format!("{:?}", Options::new("u", "canary", "w")).contains("canary"));
    assert!(driver::USER_AGENT.starts_with("ExampleDriver/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_is_set_by_options_as_anything_else_and_a_wrong_one_is_an_error_of_the_driver() {
    let bench = bench();
    let mut options = Options::new(bench.workspace.url(), "token", WAREHOUSE_ID);
    options.set("telemetry.mode", "off").unwrap();
    let off = bench.driver.connect(options.clone()).await.unwrap();
    assert_eq!(off.telemetry().state, TelemetryState::Off(OffReason::Setting));
    options.set("telemetry.mode", "on").unwrap();
    options.set("telemetry.batch_size", "1").unwrap();
    let connection = bench.driver.connect(options.clone()).await.unwrap();
    connection.query("SELECT 1", Fetch::Inline).await.unwrap();
    bench.close(connection).await;
    let sizes: Vec<_> = bench.exporter.attempts().iter().map(|attempt| attempt.records.len()).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size == 1), "{sizes:?}");
    for (name, value, says) in [
        ("telemetry.batch_size", "0", "batch_size is 0, and must be 1 to max_records"),
        ("telemetry.colour", "red", "there is no setting \"colour\""),
        ("colour", "red", "there is no option \"colour\""),
    ] {
        assert_eq!(options.set(name, value).unwrap_err().to_string(), says);
    }
}
