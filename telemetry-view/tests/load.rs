//! 5,000 records a second for a minute: nothing is missed, nobody waits, and nothing grows.
//!
//! `cargo test --release -p telemetry-view --test load -- --ignored --nocapture` prints what it took. On
//! Linux, as it reads what the system says of the process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that prints what it measured")]

#[path = "it/common/mod.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod common;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::{Folder, View, body_of, connect, statement, text};
use serde_json::json;

const RECORDS: u64 = 100;
const REQUESTS_A_SECOND: u32 = 50;

/// For how long, in seconds. The first of them fill what may be held.
const SECONDS: u32 = 60;
const FULL_AFTER: u32 = 25;

#[test]
#[ignore = "takes a minute, and wants an optimised program"]
fn five_thousand_records_a_second_for_a_minute() {
    load("without --keep", &["--listen"]);
    let folder = Folder::new();
    load("with --keep", &["--listen", "--keep", text(&folder.path("copy.db")), "--keep-mib", "128"]);
}

fn load(what: &str, arguments: &[&str]) {
    let view = View::start(arguments);
    let mut stream = connect(view.listens.unwrap());
    let total = SECONDS * REQUESTS_A_SECOND;
    let begin = Instant::now();
    let (mut longest, mut late, mut full) = (Duration::ZERO, Duration::ZERO, 0);
    let mut peak = 0;
    for request in 0..total {
        let due = begin + Duration::from_secs(1) * request / REQUESTS_A_SECOND;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let body = body(u64::from(request));
        let sent = Instant::now();
        late = late.max(sent - due);
        let head = format!(
            "POST /telemetry-ext HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer t\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
        longest = longest.max(sent.elapsed());
        if request % REQUESTS_A_SECOND == 0 {
            // As an open page does.
            view.get("now");
            let resident = resident(&view);
            peak = peak.max(resident);
            if request == FULL_AFTER * REQUESTS_A_SECOND {
                full = resident;
            }
        }
    }
    let sent = begin.elapsed();
    view.until("state", |state| state["records"] == u64::from(total) * RECORDS);
    let behind = begin.elapsed() - sent;
    let end = resident(&view);
    let now = view.get("now");
    println!(
        "{what}: {} records in {:.1} s; the longest answer {longest:.1?}, all read {behind:.1?} after the last; \
         memory {full} KiB after {FULL_AFTER} s, {end} KiB at the end, {peak} KiB at most; processor {:.1} s",
        u64::from(total) * RECORDS,
        sent.as_secs_f64(),
        processor(&view),
    );
    assert_eq!(now["counts"]["records"], u64::from(total) * RECORDS);
    assert_eq!((&now["counts"]["missed"], &now["counts"]["not_kept"]), (&json!(0), &json!(0)));
    assert!(sent < Duration::from_secs(u64::from(SECONDS) + 2), "it held up the sender: {sent:?}");
    assert!(behind < Duration::from_secs(1), "it fell behind: {behind:?}");
    assert!(end < full + full / 4, "it grew from {full} to {end} KiB");
}

fn body(request: u64) -> String {
    let records: Vec<_> = (0..RECORDS)
        .map(|place| {
            let mut record = statement(request * RECORDS + place, place * 17);
            let log = record["entry"]["sql_driver_log"].as_object_mut().unwrap();
            log.insert("system_configuration".to_owned(), json!({
                "driver_name": "Example Driver", "driver_version": "1.0.0", "os_name": "linux", "os_arch": "x86_64",
                "runtime_name": "rust", "runtime_version": "1.90.0", "locale_name": "en_US",
            }));
            log.insert("driver_connection_params".to_owned(), json!({
                "http_path": "/sql/1.0/warehouses/0123456789abcdef", "mode": "SEA", "auth_mech": "PAT",
                "use_proxy": false, "host_info": {"host_url": "host.example.com", "port": 443},
            }));
            record
        })
        .collect();
    body_of(&records)
}

/// KiB of memory that the program has.
fn resident(view: &View) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", view.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Seconds of a processor that it took.
fn processor(view: &View) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", view.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
