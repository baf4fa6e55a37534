//! `--keep`, `query` and `export`.

use std::process::Output;

use serde_json::{Value, json};

use crate::common::{Folder, View, body_of, dry_run_line, printed, run, statement, text};

const TOKEN: (&str, &str) = ("authorization", "Bearer token");

/// A copy of some requests.
fn kept(folder: &Folder) -> String {
    let copy = text(&folder.path("copy.db")).to_owned();
    let view = View::start(&["--listen", "--keep", &copy]);
    let mut failed = statement(2, 900);
    let log = failed["entry"]["sql_driver_log"].as_object_mut().unwrap();
    log.insert(
        "error_info".to_owned(),
        json!({"error_name": "=cmd|'x'", "stack_trace": "a \"quoted\",\nline"}),
    );
    view.send("POST", "/telemetry-ext", &[TOKEN], body_of(&[statement(1, 7), failed]).as_bytes());
    view.send("POST", "/telemetry-unauth", &[], b"\xff no envelope");
    view.until("state", |state| state["requests"] == 2);
    // It is written once it can be read.
    let end = std::time::Instant::now() + crate::common::NET;
    while !String::from_utf8_lossy(&query(&copy, "SELECT count(*) FROM requests").stdout).contains('2') {
        assert!(std::time::Instant::now() < end);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    copy
}

fn query(copy: &str, sql: &str) -> Output {
    run(&["query", "--keep", copy, "--as", "csv", sql])
}

#[test]
fn questions_are_answered_from_the_copy() {
    let folder = Folder::new();
    let copy = kept(&folder);
    let answer = |sql: &str| printed(&["query", "--keep", &copy, "--as", "csv", sql]);
    assert_eq!(
        answer("SELECT statement, latency_ms, error_name FROM records ORDER BY 1"),
        "statement,latency_ms,error_name\r\nstatement-1,7,\r\nstatement-2,900,=cmd|'x'\r\n"
    );
    assert_eq!(
        answer("SELECT path, authenticated, answer FROM requests ORDER BY id"),
        "path,authenticated,answer\r\n/telemetry-ext,1,200\r\n/telemetry-unauth,0,400\r\n"
    );
    // What came is there exactly, and can be taken apart.
    assert_eq!(
        answer(
            "SELECT record ->> '$.entry.sql_driver_log.sql_operation.statement_type' AS t FROM records LIMIT 1"
        ),
        "t\r\nQUERY\r\n"
    );
    assert!(answer("SELECT hex(body) FROM requests WHERE id = 2").contains("FF206E6F"));
    let table = printed(&["query", "--keep", &copy, "SELECT error_text, char(27) || '[31m' FROM records"]);
    assert!(table.contains(r#"a "quoted",\nline | \u{1b}[31m"#), "{table}");
    let lines = printed(&[
        "query",
        "--keep",
        &copy,
        "--as",
        "json-lines",
        "SELECT count(*) AS n, NULL AS x FROM records",
    ]);
    assert_eq!(serde_json::from_str::<Value>(&lines).unwrap(), json!({"n": 2, "x": null}));
}

#[test]
fn a_question_can_change_nothing_and_reach_no_other_file() {
    let folder = Folder::new();
    let copy = kept(&folder);
    let other = text(&folder.path("other.db")).to_owned();
    let before = std::fs::read(&copy).unwrap();
    for sql in [
        "DELETE FROM records",
        "UPDATE requests SET host = ''",
        "INSERT INTO records SELECT * FROM records",
        "DROP TABLE records",
        "CREATE TABLE x (y)",
        "CREATE TEMP TABLE x (y)",
        "PRAGMA query_only = 0",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = 1",
        "SELECT 1; DELETE FROM records",
        "WITH x AS (SELECT 1) DELETE FROM records",
        "BEGIN IMMEDIATE",
        "VACUUM",
        "REINDEX",
        "ANALYZE",
        &format!("ATTACH '{other}' AS x"),
        &format!("VACUUM INTO '{other}'"),
        "SELECT load_extension('/tmp/x.so')",
        "SELECT writefile('/tmp/x', 'y')",
        "SELECT readfile('/etc/passwd')",
        "SELECT * FROM pragma_database_list",
        "nonsense",
        "",
    ] {
        let output = query(&copy, sql);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.starts_with("error: "), "{sql}: {output:?}");
    }
    assert!(!folder.path("other.db").exists());
    assert!(std::fs::read(&copy).unwrap() == before);
    assert!(
        printed(&["query", "--keep", &copy, "--as", "csv", "SELECT count(*) FROM records"])
            .ends_with("2\r\n")
    );
    // No copy at all, and none that is made by asking.
    let none = folder.path("none.db");
    assert!(!query(text(&none), "SELECT 1").status.success() && !none.exists());
    let strange = folder.write("strange.db", "");
    assert!(!query(text(&strange), "SELECT 1").status.success());
}

#[test]
fn a_question_without_an_end_is_stopped_and_says_so() {
    let folder = Folder::new();
    let copy = kept(&folder);
    let endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)";
    for rows in ["SELECT count(*) FROM r", "SELECT n FROM r WHERE n < 3"] {
        let sql = format!("{endless} {rows}");
        let output = run(&["query", "--keep", &copy, "--as", "csv", "--timeout", "1", &sql]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("stopped after 1 s") && said.contains("--timeout"),
            "{said}"
        );
        // What was found until then is written.
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(answer == "count(*)\r\n" || answer == "n\r\n1\r\n2\r\n", "{answer}");
    }
    // A text that would take all the memory there is.
    let output = query(&copy, "SELECT length(hex(zeroblob(50000000)))");
    assert!(String::from_utf8_lossy(&output.stderr).contains("too big"), "{output:?}");
}

#[test]
fn a_copy_that_was_made_to_have_no_end_is_exported_for_so_long() {
    let folder = Folder::new();
    let copy = kept(&folder);
    let endless = "
        ALTER TABLE records RENAME TO kept;
        CREATE VIEW records AS SELECT * FROM kept WHERE id <
            (WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r);";
    rusqlite::Connection::open(&copy).unwrap().execute_batch(endless).unwrap();
    let output = run(&["export", "--keep", &copy, "--as", "csv", "--timeout", "1"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("stopped after 1 s"), "{output:?}");
}

#[test]
fn all_records_are_exported_as_they_are() {
    let folder = Folder::new();
    let copy = kept(&folder);
    let csv = printed(&["export", "--keep", &copy, "--as", "csv"]);
    assert!(csv.starts_with("request,arrived,host,path,authenticated,answer,event,at,"), "{csv}");
    assert!(csv.contains("=cmd|'x',\"a \"\"quoted\"\",\nline\",\"{"), "{csv}");
    let lines = printed(&["export", "--keep", &copy, "--as", "json-lines"]);
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((records.len(), &records[1]["latency_ms"]), (2, &json!(900)));
    let record: Value = serde_json::from_str(records[0]["record"].as_str().unwrap()).unwrap();
    assert_eq!(record, statement(1, 7));
    // Into a file that isn't there yet, and over none that is.
    let out = folder.path("out.csv");
    assert_eq!(printed(&["export", "--keep", &copy, "--as", "csv", "--out", text(&out)]), "");
    assert_eq!(std::fs::read_to_string(&out).unwrap(), csv);
    assert!(!run(&["export", "--keep", &copy, "--as", "csv", "--out", text(&out)]).status.success());
    #[cfg(feature = "parquet")]
    {
        let out = folder.path("out.parquet");
        printed(&["export", "--keep", &copy, "--as", "parquet", "--out", text(&out)]);
        let bytes = std::fs::read(&out).unwrap();
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    }
}

#[test]
fn a_copy_that_can_not_be_written_is_an_error_that_names_it() {
    let folder = Folder::new();
    let strange = folder.write("text", &"no database ".repeat(100));
    #[cfg(unix)]
    std::fs::set_permissions(&strange, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for copy in [folder.path("none/copy.db"), strange, folder.path("")] {
        let output = run(&["--listen", "--keep", text(&copy)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(text(&copy)), "{said}");
    }
}

#[test]
fn a_file_is_kept_once_however_often_it_is_shown() {
    let folder = Folder::new();
    let file = folder.write("file", &(dry_run_line(&[statement(1, 1)]) + &dry_run_line(&[statement(2, 1)])));
    let copy = text(&folder.path("copy.db")).to_owned();
    for _ in 0..2 {
        let view = View::start(&[text(&file), "--keep", &copy, "--keep-days", "36500"]);
        view.until("state", |state| state["records"] == 2);
        let end = std::time::Instant::now() + crate::common::NET;
        while !query(&copy, "SELECT count(*) FROM requests").stdout.ends_with(b"2\r\n") {
            assert!(std::time::Instant::now() < end);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
