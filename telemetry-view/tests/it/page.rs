//! What the page asks for, over a file that grows.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};

use serde_json::json;

use crate::common::{Folder, View, body_of, connect, dry_run_line, exchange, request, statement, text};

#[test]
fn a_file_is_followed_also_when_it_is_set_aside() {
    let folder = Folder::new();
    let file = folder.path("file");
    // It needn't be there yet.
    let view = View::start(&[text(&file)]);
    assert_eq!(view.get("state")["records"], 0);
    let add = |number| {
        let mut file = OpenOptions::new().append(true).create(true).open(&file).unwrap();
        file.write_all(dry_run_line(&[statement(number, 1)]).as_bytes()).unwrap();
    };
    add(1);
    view.until("state", |state| state["records"] == 1);
    add(2);
    std::fs::rename(&file, folder.path("file.1")).unwrap();
    add(3);
    view.until("state", |state| state["records"] == 3);
    let mut broken = OpenOptions::new().append(true).open(&file).unwrap();
    broken.write_all(b"{\"books\":{\"made\":1,\"held\":1}}\nnonsense\n").unwrap();
    view.until("now", |now| now["counts"]["strange_lines"] == 1);
    assert_eq!(view.get("books")["books"][0]["balance"], true);
    assert_eq!(view.get("try")["switches"], json!(null));
    assert_eq!(view.switch(&json!({"telemetry": "works"})).status, 409);
}

#[test]
fn what_is_new_is_told_at_once() {
    let view = View::start(&["--listen"]);
    let mut stream = connect(view.port);
    stream
        .write_all(&request("GET", &format!("{}events", view.path), &[("host", &view.host())], b""))
        .unwrap();
    let mut events =
        BufReader::new(stream).lines().map_while(Result::ok).filter(|line| line.starts_with("data:"));
    assert!(events.next().unwrap().contains("\"records\":0"));
    view.send("POST", "/telemetry-unauth", &[], body_of(&[statement(1, 1)]).as_bytes());
    assert!(events.any(|event| event.contains("\"records\":1")));
}

#[test]
fn the_views_have_what_was_sent() {
    let folder = Folder::new();
    let mut failed = statement(2, 900);
    failed["entry"]["sql_driver_log"]["error_info"] =
        json!({"error_name": "TIMED_OUT", "stack_trace": "too late"});
    let file = folder.write("file", &dry_run_line(&[statement(1, 7), failed]));
    let view = View::start(&[text(&file)]);
    view.until("state", |state| state["records"] == 2);
    let now = view.get("now");
    assert_eq!((&now["counts"]["statements"], &now["errors"]), (&json!(2), &json!([["TIMED_OUT", 1]])));
    assert_eq!(now["latency"], json!([10, 900, 900]));
    assert_eq!(now["minute"]["statements"], 2);
    let errors = view.get("statements?which=errors&q=too+late");
    assert_eq!((&errors["total"], &errors["longest"]), (&json!(1), &json!(900)));
    assert_eq!(view.get("statements?which=errors&q=elsewhere")["total"], 0);
    let fields = view.get("fields");
    let row = fields["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["path"] == "entry.sql_driver_log.session_id")
        .unwrap();
    assert_eq!(
        (&row["count"], &row["values"], &row["privacy"]),
        (&json!(2), &json!([["session", 2]]), &json!("pseudonymous"))
    );
    let saved = exchange(
        view.port,
        &request("GET", &format!("{}body?number=0", view.path), &[("host", &view.host())], b""),
    );
    assert!(
        saved.head.contains("application/octet-stream") && saved.head.contains("attachment"),
        "{}",
        saved.head
    );
    assert!(saved.body.contains("TIMED_OUT"));
}
