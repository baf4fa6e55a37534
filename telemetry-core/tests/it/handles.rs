//! Whatever a driver says through a handle reaches its record, dated by when it was said, and cut where that
//! is documented.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::common::*;
use telemetry_core::record::*;
use telemetry_core::status::*;
use telemetry_core::text::SqlState;
use telemetry_core::*;

/// The records that are delivered of what happens on a connection, without the one of its opening.
fn delivered(bench: &Bench, happens: impl FnOnce(&Session)) -> Vec<Arc<Record>> {
    let lease = bench.lease();
    let before = bench.exporter.accepted().len();
    happens(&open(&lease));
    bench.pass(10 * SECOND);
    assert_balanced(&lease);
    bench.exporter.accepted().split_off(before + 1)
}

/// What is left of a statement of which nothing was said but this.
fn sql(said: impl FnOnce(&mut SqlExecution)) -> SqlExecution {
    let operation = OperationDetail {
        operation_type: Some(OperationType::ExecuteStatement),
        ..OperationDetail::default()
    };
    let mut sql = SqlExecution { operation: Some(operation), ..SqlExecution::default() };
    said(&mut sql);
    sql
}

fn in_operation(said: impl FnOnce(&mut OperationDetail)) -> SqlExecution {
    sql(|sql| said(sql.operation.as_mut().unwrap()))
}

/// What can be said of a statement through its handle and by its id, and what is delivered of it alone.
type Setter = (&'static str, fn(&mut Statement), fn(&Emitter), SqlExecution);

fn setters() -> Vec<Setter> {
    let chunks = ChunkDetails {
        present: None,
        iterated: 1,
        bytes: 70,
        first: Some(9 * MS),
        slowest: Some(9 * MS),
        sum: 9 * MS,
    };
    let present = ChunkDetails { present: Some(12), ..ChunkDetails::default() };
    vec![
        (
            "operation",
            |statement| statement.operation(OperationType::ExecuteStatementAsync),
            |emitter| emitter.operation("s1", OperationType::ExecuteStatementAsync),
            in_operation(|of| of.operation_type = Some(OperationType::ExecuteStatementAsync)),
        ),
        (
            "poll",
            |statement| statement.poll(7 * MS),
            |emitter| emitter.poll("s1", 7 * MS),
            in_operation(|of| (of.status_calls, of.status_latency) = (Some(1), Some(7 * MS))),
        ),
        (
            "retried",
            |statement| statement.retried(5),
            |emitter| emitter.retried("s1", 5),
            sql(|sql| sql.retry_count = Some(5)),
        ),
        (
            "not_polled",
            |statement| statement.not_polled(),
            |emitter| emitter.not_polled("s1"),
            in_operation(|of| (of.status_calls, of.status_latency) = (Some(0), Some(Duration::ZERO))),
        ),
        (
            "rows",
            |statement| statement.rows(1000),
            |emitter| emitter.rows("s1", 1000),
            sql(|sql| sql.rows = Some(1000)),
        ),
        (
            "no rows",
            |statement| statement.rows(0),
            |emitter| emitter.rows("s1", 0),
            sql(|sql| sql.rows = Some(0)),
        ),
        (
            "bytes",
            |statement| statement.bytes(4096),
            |emitter| emitter.bytes("s1", 4096),
            sql(|sql| sql.bytes = Some(4096)),
        ),
        (
            "internal",
            |statement| statement.internal(true),
            |emitter| emitter.internal("s1", true),
            in_operation(|of| of.is_internal_call = Some(true)),
        ),
        (
            "format",
            |statement| statement.format(ResultFormat::InlineArrow),
            |emitter| emitter.format("s1", ResultFormat::InlineArrow),
            sql(|sql| sql.execution_result = Some(ResultFormat::InlineArrow)),
        ),
        (
            "compressed",
            |statement| statement.compressed(true),
            |emitter| emitter.compressed("s1", true),
            sql(|sql| sql.is_compressed = Some(true)),
        ),
        (
            "patched_arrow",
            |statement| statement.patched_arrow(true),
            |emitter| emitter.patched_arrow("s1", true),
            sql(|sql| sql.java_uses_patched_arrow = Some(true)),
        ),
        (
            "result_ready",
            |statement| statement.result_ready_after(11 * MS),
            |emitter| emitter.result_ready("s1", 11 * MS),
            sql(|sql| sql.result_ready = Some(11 * MS)),
        ),
        (
            "result_consumed",
            |statement| statement.result_consumed_after(13 * MS),
            |emitter| emitter.result_consumed("s1", 13 * MS),
            sql(|sql| sql.result_consumed = Some(13 * MS)),
        ),
        (
            "chunks_present",
            |statement| statement.chunks_present(12),
            |emitter| emitter.chunks_present("s1", 12),
            sql(|sql| sql.chunks = Some(present)),
        ),
        (
            "chunk",
            |statement| statement.chunk(Chunk::new(2, 9 * MS).bytes(70).compressed(true)),
            |emitter| emitter.chunk("s1", Chunk::new(2, 9 * MS).bytes(70).compressed(true)),
            sql(|sql| (sql.chunks, sql.is_compressed) = (Some(chunks), Some(true))),
        ),
    ]
}

#[test]
fn whatever_is_said_of_a_statement_reaches_its_record_and_nothing_else_does() {
    for (name, _, by_id, expected) in setters() {
        let said = |session: &Session| {
            let emitter = session.emitter();
            emitter.started("s1", StatementType::Update);
            by_id(&emitter);
            emitter.completed("s1", 42 * MS);
        };
        let expected = SqlExecution { statement_type: Some(StatementType::Update), ..expected };
        let records = delivered(&Bench::new(), said);
        assert_eq!(records.len(), 1);
        let body = &records[0].body;
        assert_eq!(body.sql, Some(expected), "{name}");
        assert_eq!((body.kind, body.latency), (RecordKind::Statement, Some(42 * MS)));
        assert_eq!(body.statement_id, StatementId::new("s1"));
    }
    for (name, through_handle, _, expected) in setters() {
        let said = |session: &Session| {
            let mut statement = session.statement();
            through_handle(&mut statement);
            statement.complete_after(42 * MS);
        };
        let records = delivered(&Bench::new(), said);
        assert_eq!(records.len(), 1);
        let body = &records[0].body;
        assert_eq!(body.sql, Some(expected), "{name}");
        assert_eq!(
            (body.kind, body.latency, body.statement_id),
            (RecordKind::Statement, Some(42 * MS), None)
        );
    }
}

#[test]
fn the_id_and_the_kind_of_a_statement_reach_its_record_and_what_is_no_id_is_counted() {
    let bench = Bench::new();
    let records = delivered(&bench, |session| {
        let mut statement = session.statement();
        statement.kind(StatementType::Metadata);
        statement.id("s7");
        statement.id("no id");
        statement.complete();
    });
    let body = &records[0].body;
    assert_eq!(body.statement_id, StatementId::new("s7"));
    assert_eq!(body.sql.as_ref().unwrap().statement_type, Some(StatementType::Metadata));
    assert_eq!(bench.lease().status().events.refused.get(Refusal::InvalidId), 1);
}

#[test]
fn of_a_result_the_first_reading_counts_as_ready_and_the_last_as_consumed() {
    let bench = Bench::new();
    let records = delivered(&bench, |session| {
        let mut statement = session.statement();
        let later = |statement: &mut Statement, tell: fn(&mut Statement)| {
            bench.clock.advance(10 * MS);
            tell(statement);
        };
        later(&mut statement, Statement::result_ready);
        later(&mut statement, Statement::result_ready);
        later(&mut statement, Statement::result_consumed);
        later(&mut statement, Statement::result_consumed);
        bench.clock.advance(10 * MS);
        statement.complete();
    });
    let sql = records[0].body.sql.as_ref().unwrap();
    assert_eq!((sql.result_ready, sql.result_consumed), (Some(10 * MS), Some(40 * MS)));
    assert_eq!(records[0].body.latency, Some(50 * MS));
}

#[test]
fn what_adds_up_adds_up_and_of_the_rest_the_last_word_counts() {
    let records = delivered(&Bench::new(), |session| {
        let emitter = session.emitter();
        emitter.started("s1", StatementType::Query);
        for (number, yes) in [(1, true), (2, false)] {
            emitter.poll("s1", number * MS);
            emitter.not_polled("s1");
            emitter.retried("s1", number);
            emitter.rows("s1", number.into());
            emitter.bytes("s1", u64::MAX / u64::from(number));
            emitter.internal("s1", yes);
            emitter.compressed("s1", yes);
            emitter.patched_arrow("s1", yes);
            emitter.chunks_present("s1", number);
            emitter.chunk("s1", Chunk::new(3 - number, number * MS).compressed(!yes));
        }
        emitter.completed("s1", MS);
    });
    let sql = records[0].body.sql.as_ref().unwrap();
    let operation = sql.operation.unwrap();
    assert_eq!((operation.status_calls, operation.status_latency), (Some(2), Some(3 * MS)));
    assert_eq!((sql.retry_count, operation.is_internal_call), (Some(3), Some(false)));
    assert_eq!((sql.rows, sql.bytes), (Some(3), Some(u64::MAX - 1)), "as far as can be counted");
    assert_eq!((sql.is_compressed, sql.java_uses_patched_arrow), (Some(false), Some(false)));
    let chunks = sql.chunks.unwrap();
    assert_eq!((chunks.present, chunks.iterated), (Some(2), 2));
    assert_eq!((chunks.first, chunks.slowest, chunks.sum), (Some(2 * MS), Some(2 * MS), 3 * MS));
}

#[test]
fn a_call_that_is_no_statement_has_what_was_said_of_it() {
    let bench = Bench::new();
    let records = delivered(&bench, |session| {
        let tables = Operation::new(OperationType::ListTables, 31 * MS);
        session.operation(tables.clone());
        session.operation(tables.internal(true).retries(3).statement("s1"));
        let put = Operation::volume(VolumeOperationType::Put, 5 * MS);
        session.operation(put.volume_path("/Volumes/main").local_file("/tmp/orders.csv").statement("no id"));
        session.closed(3 * MS);
    });
    let call = |operation| in_operation(|of| of.operation_type = Some(operation));
    let bodies: Vec<_> = records.iter().map(|record| &record.body).collect();
    let latencies: Vec<_> = bodies.iter().map(|body| (body.kind, body.latency)).collect();
    let (operation, connection) = (RecordKind::Operation, RecordKind::Connection);
    assert_eq!(
        latencies,
        [(operation, 31), (operation, 31), (operation, 5), (connection, 3)]
            .map(|(kind, latency)| (kind, Some(latency * MS)))
    );
    assert_eq!(bodies[0].sql, Some(call(OperationType::ListTables)));
    let mut internal = call(OperationType::ListTables);
    internal.retry_count = Some(3);
    internal.operation.as_mut().unwrap().is_internal_call = Some(true);
    assert_eq!((&bodies[1].sql, bodies[1].statement_id), (&Some(internal), StatementId::new("s1")));
    let volume = bodies[2].volume.as_ref().unwrap();
    let paths = (volume.volume_path.as_deref(), volume.local_file.as_deref());
    assert_eq!((volume.operation, paths.0), (Some(VolumeOperationType::Put), Some("/Volumes/main")));
    assert_eq!((paths.1, bodies[2].statement_id), (Some("orders.csv"), None));
    assert_eq!(bodies[3].sql, Some(call(OperationType::DeleteSession)));
    assert_eq!(bench.lease().status().events.refused.get(Refusal::InvalidId), 1);
}

/// What is delivered of an error, with its text apart.
fn error(details: impl Fn() -> ErrorDetails) -> (ErrorInfo, Option<String>) {
    let records = delivered(&Bench::new(), |session| session.error(&details));
    let mut error = records[0].body.error.clone().unwrap();
    let text = error.text.take().map(|text| text.as_str().to_owned());
    (error, text)
}

#[test]
fn whatever_is_said_of_an_error_reaches_its_record_and_nothing_else_does() {
    let plain = ErrorInfo::new("E", ErrorClass::Unknown);
    let new = || ErrorDetails::new("E");
    let text = |text: &str| (plain.clone(), Some(text.to_owned()));
    let info = |info: ErrorInfo| (info, None);
    let cases: Vec<(ErrorDetails, _)> = vec![
        (new(), info(plain.clone())),
        (new().fault(503), info(ErrorInfo { class: ErrorClass::Retryable, ..plain.clone() })),
        (new().fault(Fault::Redirect), info(ErrorInfo { class: ErrorClass::Terminal, ..plain.clone() })),
        (new().class(ErrorClass::Terminal), info(ErrorInfo { class: ErrorClass::Terminal, ..plain.clone() })),
        (new().chunk(3), info(ErrorInfo { chunk: Some(3), ..plain.clone() })),
        (new().sqlstate("42P01"), info(ErrorInfo { sqlstate: SqlState::new("42P01"), ..plain.clone() })),
        (new().http_status(429), info(ErrorInfo { http_status: Some(429), ..plain.clone() })),
        (new().vendor_code(-942), info(ErrorInfo { vendor_code: Some(-942), ..plain.clone() })),
        (new().template("chunk {}", &[&3]), text("chunk 3")),
        (new().template("one", &[]).template("two", &[]), text("one\ntwo")),
        (new().message("timed out"), text("timed out")),
        (new().stack("at java.net.Socket.connect(Socket.java:12)"), text(STACK)),
        (new().message("timed out").stack("\tat java.net.Socket.connect(Socket.java:12)"), {
            text(&format!("timed out\n{STACK}"))
        }),
        (new().stack("timed out").template("chunk {}", &[&3]), text("chunk 3\ntimed out")),
    ];
    for (details, (info, text)) in cases {
        let shown = format!("{details:?}");
        let details = std::cell::Cell::new(Some(details));
        let (found, found_text) = error(|| details.take().unwrap());
        assert_eq!((format!("{found:?}"), found_text), (format!("{info:?}"), text), "{shown}");
    }
}

const STACK: &str = "    at java.net.Socket.connect(Socket.java:12)";

#[test]
fn an_error_by_id_has_the_id_of_its_statement_also_when_that_was_never_started() {
    let records = delivered(&Bench::new(), |session| {
        let emitter = session.emitter();
        emitter.error("gone", || ErrorDetails::new("LATE").chunk(4));
        emitter.started("s1", StatementType::Query);
        emitter.error("s1", || ErrorDetails::new("KEPT").fault(503));
        emitter.error("s1", || ErrorDetails::new("DENIED").fault(403));
        emitter.completed("s1", MS);
    });
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            let name = record.body.error.as_ref().map(|error| error.name.as_str());
            (record.body.kind, record.body.statement_id.unwrap().to_string(), name)
        })
        .collect();
    let s1 = || "s1".to_owned();
    assert_eq!(
        told,
        [
            (RecordKind::Error, "gone".to_owned(), Some("LATE")),
            (RecordKind::Error, s1(), Some("DENIED")),
            (RecordKind::Statement, s1(), None),
            (RecordKind::Error, s1(), Some("KEPT")),
        ]
    );
    assert_eq!(records[0].body.error.as_ref().unwrap().chunk, Some(4));
}

/// The session of the record of a connection that was opened with this.
fn connected(info: ConnectionInfo) -> Arc<SessionContext> {
    let bench = Bench::new();
    let lease = bench.lease();
    drop(lease.opening(info).opened("session-1"));
    bench.pass(10 * SECOND);
    Arc::clone(&bench.exporter.accepted()[0].session)
}

#[test]
fn whatever_is_said_of_a_connection_reaches_its_records_and_nothing_else_does() {
    let bare = connected(ConnectionInfo::new());
    assert_eq!(bare.session_id, SessionId::new("session-1"));
    assert_eq!((bare.workspace_id, &bare.user_agent, &bare.auth_type), (None, &None, &None));
    assert_eq!(bare.params, ConnectionParams::default());
    assert_eq!(bare.driver.identity, identity());
    let params = ConnectionParams { use_proxy: Some(false), ..ConnectionParams::default() };
    let infos = [
        ConnectionInfo::new().workspace_id(-7),
        ConnectionInfo::new().user_agent("App/1"),
        ConnectionInfo::new().auth_type("pat"),
        ConnectionInfo::new().params(params.clone()),
    ];
    let told = infos.map(|info| {
        let session = connected(info);
        let SessionContext { workspace_id, user_agent, auth_type, params, .. } = &*session;
        (*workspace_id, user_agent.clone(), auth_type.clone(), params.clone())
    });
    let nothing = ConnectionParams::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        told,
        [
            (Some(-7), None, None, nothing()),
            (None, text("App/1"), None, nothing()),
            (None, None, text("pat"), nothing()),
            (None, None, None, params),
        ]
    );
}

#[test]
fn a_connection_that_fails_to_open_says_the_same_of_itself_without_a_session() {
    let bench = Bench::new();
    let lease = bench.lease();
    let info = || ConnectionInfo::new().workspace_id(7).user_agent("App/1").auth_type("pat");
    let opening = lease.opening(info());
    bench.clock.advance(30 * MS);
    opening.failed(|| ErrorDetails::new("DENIED").fault(403).sqlstate("28000"));
    let opening = lease.opening(info());
    bench.clock.advance(20 * MS);
    drop(opening);
    let opening = lease.opening(info());
    bench.clock.advance(10 * MS);
    drop(opening.opened_without_id());
    bench.pass(10 * SECOND);
    let records = bench.exporter.accepted();
    let latencies: Vec<_> = records.iter().map(|record| record.body.latency.unwrap()).collect();
    assert_eq!(latencies, [30 * MS, 20 * MS, 10 * MS]);
    for record in &records {
        let SessionContext { session_id, workspace_id, user_agent, auth_type, .. } = &*record.session;
        assert_eq!((*session_id, *workspace_id), (None, Some(7)));
        assert_eq!((user_agent.as_deref(), auth_type.as_deref()), (Some("App/1"), Some("pat")));
    }
    let error = records[0].body.error.as_ref().unwrap();
    assert_eq!((error.class, error.sqlstate), (ErrorClass::Terminal, SqlState::new("28000")));
    assert_eq!(lease.status().events.refused.total(), 0);
}

#[test]
fn what_the_program_runs_on_is_as_it_was_said() {
    let said = SystemInfo { runtime_name: Some("node".to_owned()), ..SystemInfo::default() };
    let bench = Bench::with(config(), |builder| builder.system(said.clone()));
    drop(open(&bench.lease()));
    bench.pass(10 * SECOND);
    assert_eq!(bench.exporter.accepted()[0].session.driver.system, said);
}

#[test]
fn a_record_has_the_date_of_when_it_was_recorded_and_not_of_when_it_was_taken_in_or_delivered() {
    let bench = Bench::with(config().abandoned_after(30 * SECOND), |builder| builder);
    let begun = bench.clock.wall();
    let lease = bench.lease();
    // Each of these a second after the one before, and nothing is taken in meanwhile.
    let opening = lease.opening(ConnectionInfo::new());
    let later = || bench.clock.advance(SECOND);
    later();
    let session = opening.opened("session-1");
    let emitter = session.emitter();
    emitter.started("ended", StatementType::Query);
    emitter.started("quiet", StatementType::Query);
    let statement = session.statement();
    later();
    session.error(|| ErrorDetails::new("E"));
    later();
    emitter.poll("quiet", MS);
    statement.complete();
    later();
    emitter.completed("ended", MS);
    later();
    session.operation(Operation::new(OperationType::ListTables, MS));
    later();
    emitter.error("ended", || ErrorDetails::new("DENIED").fault(403));
    later();
    drop(lease.opening(ConnectionInfo::new()));
    later();
    session.closed(MS);
    bench.pass(60 * SECOND);
    let records = bench.exporter.accepted();
    let dated: Vec<_> =
        records.iter().map(|record| record.stamp.duration_since(begun).unwrap().as_millis()).collect();
    // That of the quiet one is when it was last heard of, though it was ended half a minute later.
    assert_eq!(dated, [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 3000]);
    assert_eq!(records[8].body.statement_id, StatementId::new("quiet"));
}

#[test]
fn a_date_that_the_user_sets_dates_what_is_recorded_from_then_on() {
    let bench = Bench::new();
    let lease = bench.lease();
    let session = open(&lease);
    bench.step();
    let elsewhere = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    bench.clock.set_wall(elsewhere);
    session.closed(MS);
    bench.clock.advance(3 * SECOND);
    bench.pass(10 * SECOND);
    assert_eq!(bench.exporter.accepted()[1].stamp, elsewhere);
}

#[test]
fn fields_are_cut_at_256_characters_and_lists_of_hosts_at_64() {
    let hosts = |count: usize| (0..count).map(|number| format!("h{number}.example.com")).collect();
    let cut = |count: usize| {
        let params = ConnectionParams {
            auth_scope: Some("é ".repeat(count)),
            non_proxy_hosts: Some(hosts(count / 2)),
            ..ConnectionParams::default()
        };
        let text = "word ".repeat(count / 5) + &"x".repeat(count % 5);
        let info = ConnectionInfo::new().params(params).auth_type(text.clone()).user_agent(text);
        let session = connected(info);
        let chars = |text: &Option<String>| text.as_ref().unwrap().chars().count();
        let SessionContext { user_agent, auth_type, params, .. } = &*session;
        [chars(user_agent), chars(auth_type), chars(&params.auth_scope)]
            .into_iter()
            .chain([params.non_proxy_hosts.as_ref().unwrap().len()])
            .collect::<Vec<_>>()
    };
    assert_eq!(cut(126), [126, 126, 251, 63]);
    assert_eq!(cut(128), [128, 128, 255, 64]);
    assert_eq!(cut(256), [256, 256, 255, 64]);
    assert_eq!(cut(257), [256, 256, 255, 64]);
    assert_eq!(cut(900), [256, 256, 255, 64]);
}

#[test]
fn names_have_at_most_128_characters_and_ids_63() {
    let named = |length: usize| error(|| ErrorDetails::new("X".repeat(length))).0.name;
    assert_eq!((named(128).len(), named(129).as_str()), (128, "unnamed"));
    let id = |length: usize| connected_as(&"s".repeat(length)).map(|id| id.as_str().len());
    assert_eq!((id(63), id(64)), (Some(63), None));
    let build = |name: String, version: String| {
        DriverIdentity::builder().name(name).version(version).client("TEST").flag(FLAG).build()
    };
    let long = build("n".repeat(128), "1".repeat(128)).unwrap();
    assert_eq!(long.name().len(), 128);
    assert_eq!(long.user_agent(), "n".repeat(128), "the default is cut");
    for (name, version, which) in [(129, 1, "driver name"), (1, 129, "driver version")] {
        let error = build("n".repeat(name), "1".repeat(version)).unwrap_err();
        let BuildError::InvalidName { name, value } = error else { panic!("{error}") };
        assert!(name == which && value.len() <= 128, "{name} {value}");
    }
    let agent = |agent: &str| {
        let identity = DriverIdentity::builder().name("Test Driver").version("1.2.3").client("T").flag("f");
        identity.user_agent(agent).build().unwrap().user_agent().to_owned()
    };
    assert_eq!(agent("Mine/7"), "Mine/7");
    assert_eq!(identity().user_agent(), "TestDriver/1.2.3");
    assert_eq!(build("---".to_owned(), "1".to_owned()).unwrap().user_agent(), "driver/1");
}

/// The session id that is delivered when the service gave this.
fn connected_as(id: &str) -> Option<SessionId> {
    let bench = Bench::new();
    let lease = bench.lease();
    drop(lease.opening(ConnectionInfo::new()).opened(id));
    bench.pass(10 * SECOND);
    bench.exporter.accepted()[0].session.session_id
}

#[test]
fn a_disabled_handle_records_nothing() {
    let bench = Bench::new();
    let lease = bench.provider.acquire(Target::new(HOST).mode(Mode::Off));
    let session = open(&lease);
    for (_, through_handle, by_id, _) in setters() {
        let mut statement = session.statement();
        through_handle(&mut statement);
        by_id(&session.emitter());
        statement.complete();
    }
    bench.pass(60 * SECOND);
    assert_eq!(bench.flags.script().calls(), 0);
    assert!(bench.exporter.attempts().is_empty());
}
