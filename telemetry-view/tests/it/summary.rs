//! `FILE --summary`.

use serde_json::json;

use crate::common::{Folder, dry_run_line, printed, run, text};

#[test]
fn what_shipped_drivers_sent_is_summed_up() {
    let folder = Folder::new();
    let fixture = |name: &str| {
        let path = format!("{}/../telemetry-export-http/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap().replace('\n', "") + "\n"
    };
    let (node, python) = (fixture("node-2.1.0-authenticated"), fixture("python-4.9.0-every-field"));
    let file = folder.write("bodies", &(node + &python));
    let summary = printed(&[text(&file), "--summary"]);
    for wanted in [
        "records in 2 requests",
        "TimeoutError",
        "Databricks SQL Python Connector 4.9.0",
        "EXECUTE_STATEMENT · QUERY · EXTERNAL_LINKS · 01f0-stmt-2 · took 912 ms · queue 88 ms · ready 120 ms · chunks 318 ms",
        "entry.sql_driver_log.sql_statement_id (pseudonymous)",
        "entry.sql_driver_log.error_info.stack_trace (personal)",
        "The driver offers none.",
    ] {
        assert!(summary.contains(wanted), "{wanted}: {summary}");
    }
}

#[test]
fn both_files_of_a_dry_run_are_read_and_its_books() {
    let folder = Folder::new();
    let record =
        |id: &str| json!({"frontend_log_event_id": id, "entry": {"sql_driver_log": {"auth_type": "pat"}}});
    folder.write("file.1", &dry_run_line(&[record("a")]));
    let books =
        r#"{"books":{"driver":"d","made":3,"accepted":0,"written":2,"held":0,"dropped":{"expired":1}}}"#;
    let file =
        folder.write("file", &format!("nonsense\n{}{books}", dry_run_line(&[record("a"), record("b")])));
    let summary = printed(&[text(&file), "--summary"]);
    for wanted in [
        "2 records in 2 requests",
        "1 records were sent again",
        "1 lines of the file are no requests",
        "POST h.example.com/telemetry-ext · with credentials",
        "d: 3 made = 0 accepted + 2 written + 1 dropped (1 expired) + 0 held: they balance",
    ] {
        assert!(summary.contains(wanted), "{wanted}: {summary}");
    }
}

#[test]
fn what_a_terminal_would_obey_is_shown_as_text() {
    let folder = Folder::new();
    let record = json!({"\u{1b}[2J": "x", "entry": {"sql_driver_log": {"error_info": {"error_name": "\u{1b}]0;x\u{7}"}}}});
    let file = folder.write("file", &dry_run_line(&[record]));
    let summary = printed(&[text(&file), "--summary"]);
    assert!(!summary.contains(|letter: char| letter.is_control() && letter != '\n'), "{summary:?}");
    assert!(summary.contains(r"\u{1b}[2J"), "{summary}");
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let output = run(&["/nowhere/at/all", "--summary"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("/nowhere/at/all"), "{said}");
}
