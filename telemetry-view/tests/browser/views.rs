//! Each view shows what was sent, within a second, and as text.

use std::time::Duration;

use serde_json::{Value, json};

use crate::chromium::Page;
use crate::common::{View, body_of, exchange, request, statement};

const TOKEN: (&str, &str) = ("authorization", "Bearer token");
const LIVE: Duration = Duration::from_secs(1);

fn send(view: &View, records: &[Value]) {
    assert_eq!(view.send("POST", "/telemetry-ext", &[TOKEN], body_of(records).as_bytes()).status, 200);
}

/// A statement with all that a driver may say of it.
fn whole(number: u64, ms: u64) -> Value {
    let mut record = statement(number, ms);
    record["context"]["client_context"]["timestamp_millis"] = json!(1_795_523_848_610 + number * 137);
    let log = &mut record["entry"]["sql_driver_log"];
    log["sql_operation"]["operation_detail"]["n_operation_status_calls"] = json!(2);
    log["sql_operation"]["operation_detail"]["operation_status_latency_millis"] = json!(ms / 6);
    log["sql_operation"]["result_latency"] = json!({
        "result_set_ready_latency_millis": ms / 2, "result_set_consumption_latency_millis": ms,
    });
    log["sql_operation"]["chunk_details"] = json!({
        "initial_chunk_latency_millis": ms / 9, "slowest_chunk_latency_millis": ms / 7, "total_chunks_present": 4,
        "total_chunks_iterated": 4, "sum_chunks_download_time_millis": ms / 3,
    });
    log["system_configuration"] =
        json!({"driver_name": "Example Driver", "driver_version": "1.0.0", "os_name": "linux"});
    record
}

fn failed(number: u64, name: &str, text: &str) -> Value {
    let mut record = statement(number, 5);
    let log = record["entry"]["sql_driver_log"].as_object_mut().unwrap();
    log.remove("operation_latency_ms");
    log.remove("sql_operation");
    log.insert("error_info".to_owned(), json!({"error_name": name, "stack_trace": text}));
    record["frontend_log_event_id"] = json!(format!("failed-{number}"));
    record
}

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn a_host_that_is_refused_is_named_where_it_is_a_name() {
    let view = View::start(&["--listen"]);
    for host in ["db.test:8443", "db.test", "<b>evil</b>"] {
        assert_eq!(exchange(view.listens.unwrap(), &request("GET", "/", &[("host", host)], b"")).status, 421);
    }
    let mut page = Page::open(&view, "now");
    page.sees("isn't this machine: db.test ×2, (no name of a host) ×1. Where");
    page.sees("--allow-host NAME");
}

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn each_view_shows_what_was_sent_within_a_second() {
    let view = View::start(&["--listen"]);
    let mut page = Page::open(&view, "now");
    page.sees("0 records in 0 requests");
    send(&view, &[whole(1, 120), failed(2, "TIMED_OUT", "it took too long")]);
    assert!(page.sees("2 records in 1 requests") < LIVE);
    assert!(page.sees("TIMED_OUT") < LIVE);
    page.sees("Example Driver 1.0.0");
    page.sees("half within 120 ms");
    assert_eq!(page.evaluate("document.querySelectorAll('#rate rect').length > 0"), true);

    page.go("requests");
    page.sees("with credentials");
    send(&view, &[whole(3, 50)]);
    assert!(page.until("document.querySelectorAll('#requests-list .row').length === 2") < LIVE);
    page.evaluate("document.querySelector('#requests-list .row').click()");
    page.sees("The exact bytes");
    page.sees(r#""operation_latency_ms": 50"#);
    page.sees(r#"\"operation_latency_ms\":50"#);
    page.key("Escape", 27);
    page.until("!document.getElementById('detail').open");

    page.go("statements");
    page.until("document.querySelectorAll('#statements-list .row').length === 3");
    assert!(page.text().contains("TIMED_OUT"));
    send(&view, &[whole(4, 240)]);
    assert!(page.sees("phases, from 0 to 240 ms") < LIVE);
    // Queue, ready, consumed and chunks.
    let bars = "[...document.querySelector('#statements-list .row').querySelectorAll('rect')].map((bar) => bar.getAttribute('class')).join()";
    assert_eq!(page.evaluate(bars), "f-queue,f-ready,f-consumed,f-chunks");
    page.evaluate("const select = document.getElementById('statements-which'); select.value = 'errors'; select.dispatchEvent(new Event('change'))");
    page.until("document.querySelectorAll('#statements-list .row').length === 1");
    page.evaluate("const search = document.getElementById('statements-search'); search.value = 'nowhere'; search.dispatchEvent(new Event('input'))");
    page.until("document.querySelectorAll('#statements-list .row').length === 0");

    page.go("fields");
    page.sees("entry.sql_driver_log.error_info.stack_trace");
    page.sees("personal");
    let mut strange = whole(5, 1);
    strange["entry"]["sql_driver_log"]["brand_new"] = json!("value of it");
    send(&view, &[strange]);
    assert!(page.sees("entry.sql_driver_log.brand_new") < LIVE);
    page.sees("value of it");

    page.go("books");
    page.sees("The driver offers no books");
    let books = json!({"driver": "Example Driver", "made": 3, "accepted": 2, "dropped": {"overflow": 1}});
    assert_eq!(view.send("POST", "/books", &[], books.to_string().as_bytes()).status, 204);
    assert!(page.sees("The books balance.") < LIVE);
    page.sees("dropped: overflow");
    assert_eq!(page.said, Vec::<Value>::new());
}

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn the_switches_switch() {
    let view = View::start(&["--listen"]);
    let mut page = Page::open(&view, "try");
    page.sees("429 with Retry-After");
    page.evaluate("document.querySelector('input[name=telemetry][value=unavailable]').click()");
    page.sees("Switched.");
    assert_eq!(view.send("POST", "/telemetry-ext", &[TOKEN], b"{}").status, 503);
    page.evaluate("document.querySelector('input[name=flag]').click()");
    page.until("document.querySelectorAll('input[name=flag]:not(:checked)').length === 1");
    let is_off = |now: &Value| {
        let flags = now["switches"]["flags"].as_object().unwrap();
        flags.values().filter(|on| **on == json!(false)).count() == 1
    };
    assert_eq!(view.until("try", is_off)["switches"]["telemetry"], "unavailable");
    page.evaluate("document.getElementById('try-flag').value = 'my.flag'; document.querySelector('#try form').requestSubmit()");
    page.sees("my.flag");
    page.evaluate("document.getElementById('try-flag').value = 'no flag'; document.querySelector('#try form').requestSubmit()");
    page.sees("Not switched");
    // The only thing that its console says is of the answer 400.
    assert!(page.said.iter().all(|said| said.to_string().contains("400")), "{:?}", page.said);
}

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn a_record_full_of_markup_and_script_stays_text() {
    let view = View::start(&["--listen"]);
    let mut page = Page::open(&view, "now");
    let evil =
        r#"<img src=x onerror="window.hit=1"><script>window.hit=1</script><svg onload="window.hit=1">"#;
    let mut record = whole(1, 5);
    let log = record["entry"]["sql_driver_log"].as_object_mut().unwrap();
    log.insert(evil.to_owned(), json!(evil));
    for (name, value) in [("session_id", evil), ("sql_statement_id", evil)] {
        log.insert(name.to_owned(), json!(value));
    }
    log.insert("error_info".to_owned(), json!({"error_name": evil, "stack_trace": evil}));
    log["system_configuration"]["driver_name"] = json!(evil);
    log["sql_operation"]["operation_detail"]["operation_type"] = json!(evil);
    log["sql_operation"]["execution_result"] = json!(evil);
    send(&view, &[record]);
    let path = "/telemetry-ext?x=%3Cscript%3Ewindow.hit=1%3C/script%3E";
    view.send("POST", path, &[TOKEN], evil.as_bytes());
    let books = json!({"driver": evil, "made": 0, "dropped": {evil: 0}});
    view.send("POST", "/books", &[], books.to_string().as_bytes());
    for at in ["now", "requests", "statements", "fields", "books"] {
        page.go(at);
        page.sees(if at == "requests" { "%3Cscript%3E" } else { "<script>window.hit=1</script>" });
    }
    for list in ["requests", "statements"] {
        page.go(list);
        page.until(&format!("document.querySelector('#{list}-list .row') !== null"));
        page.evaluate(&format!("document.querySelector('#{list}-list .row').click()"));
        page.sees("<script>window.hit=1</script>");
        page.evaluate("document.getElementById('detail').close()");
    }
    assert_eq!(
        page.evaluate("window.hit === undefined && document.querySelector('img, main script') === null"),
        true
    );
    // Nor could it be otherwise: the policy forbids script in markup, and markup from text.
    let forbidden =
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return false; } catch { return true; } })()";
    assert_eq!(page.evaluate(forbidden), true);
    let elsewhere = "fetch('http://127.0.0.1:1/').then(() => false, () => true)";
    assert_eq!(page.evaluate(elsewhere), true);
}

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn the_end_of_the_program_is_told() {
    let view = View::start(&["--listen"]);
    let mut page = Page::open(&view, "now");
    page.sees("0 records");
    drop(view);
    page.sees("telemetry-view has ended");
}

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn the_pictures_of_the_documentation() {
    let view = View::start(&["--listen"]);
    let mut page = Page::open(&view, "now");
    for batch in 0..12_u64 {
        let mut records: Vec<Value> = (0..(batch * 5 % 17 + 3))
            .map(|place| whole(batch * 100 + place, 20 + (batch * 131 + place * 977) % 1900))
            .collect();
        if batch % 3 == 0 {
            records.push(failed(batch * 100, "CHUNK_TIMEOUT", "chunk 3 timed out after 30s"));
        }
        send(&view, &records);
    }
    page.sees("CHUNK_TIMEOUT");
    page.sees("records in 12 requests");
    page.picture("now.png");
    page.go("statements");
    page.until("document.querySelectorAll('#statements-list .row').length > 10");
    page.dark(true);
    page.picture("statements-dark.png");
    page.dark(false);
    page.go("fields");
    page.sees("entry.sql_driver_log.session_id");
    page.picture("fields.png");
}
