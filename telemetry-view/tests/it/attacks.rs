//! Whoever isn't meant to see or to switch, and whoever wants it to end.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{
    Answer, Folder, View, body_of, connect, dry_run_line, exchange, program, request, run, statement, text,
};

fn ask(view: &View, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    exchange(view.port, &request(method, path, headers, body))
}

#[test]
fn without_the_token_there_is_nothing_to_see() {
    let view = View::start(&["--listen"]);
    let host = view.host();
    let path = view.path.clone();
    assert_eq!(ask(&view, "GET", &path, &[("host", &host)], b"").status, 200);
    for wrong in [
        "/",
        "/now",
        "/state",
        "/../",
        "/favicon.ico",
        &path[..path.len() - 1],
        &format!("/{}now", "0".repeat(48)),
    ] {
        let answer = ask(&view, "GET", wrong, &[("host", &host)], b"");
        assert_eq!(answer.status, 404, "{wrong}");
        assert!(!answer.head.contains(&path) && !answer.body.contains(&path[1..]));
    }
    // Another one each time.
    assert_ne!(View::start(&["--listen"]).path, path);
}

#[test]
fn a_name_that_leads_here_by_its_dns_sees_nothing() {
    let view = View::start(&["--listen"]);
    let port = view.port;
    for host in [
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", port ^ 1),
        String::new(),
    ] {
        assert_eq!(ask(&view, "GET", &view.path, &[("host", &host)], b"").status, 421, "{host}");
    }
    assert_eq!(ask(&view, "GET", &view.path, &[], b"").status, 421);
    let localhost = format!("localhost:{port}");
    assert_eq!(ask(&view, "GET", &view.path, &[("host", &localhost)], b"").status, 200);
}

#[test]
fn another_page_can_not_switch_even_if_it_knew_the_token() {
    let view = View::start(&["--listen"]);
    let (host, path) = (view.host(), format!("{}try", view.path));
    let body = json!({"telemetry": "hangs"}).to_string();
    let json_body = ("content-type", "application/json");
    for headers in [
        // As a form sends it, and as `fetch` does without being allowed more.
        vec![("content-type", "text/plain")],
        vec![("content-type", "application/x-www-form-urlencoded")],
        vec![json_body],
        vec![json_body, ("x-telemetry-view", "1"), ("origin", "https://evil.example")],
        vec![json_body, ("x-telemetry-view", "1"), ("sec-fetch-site", "cross-site")],
        vec![json_body, ("x-telemetry-view", "1"), ("origin", "null")],
    ] {
        let headers = [&[("host", host.as_str())], headers.as_slice()].concat();
        assert_eq!(ask(&view, "POST", &path, &headers, body.as_bytes()).status, 403, "{headers:?}");
    }
    // Nobody is told that they may ask.
    let preflight = [
        ("host", host.as_str()),
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
    ];
    let answer = ask(&view, "OPTIONS", &path, &preflight, b"");
    assert!(answer.status == 405 && !answer.head.contains("access-control"), "{answer:?}");
    let read = [("host", host.as_str()), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")];
    assert_eq!(ask(&view, "GET", &path, &read, b"").status, 403);
    assert_eq!(view.get("try")["switches"]["telemetry"], "works");
}

#[test]
fn every_answer_is_hardened_and_the_token_travels_nowhere() {
    let view = View::start(&["--listen"]);
    let host = view.host();
    for path in
        [view.path.clone(), format!("{}page.js", view.path), format!("{}now", view.path), "/".to_owned()]
    {
        let head = ask(&view, "GET", &path, &[("host", &host)], b"").head;
        for wanted in [
            "content-security-policy: default-src 'none';",
            "script-src 'self';",
            "require-trusted-types-for 'script'",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(wanted), "{path}: {wanted}: {head}");
        }
        assert!(!head.contains("unsafe-") && !head.contains("http:"), "{head}");
    }
    // Nothing on the page leads elsewhere, and nothing is made of markup.
    for file in ["", "page.css", "page.js", "dom.js", "draw.js", "list.js", "lists.js", "panels.js"] {
        let text = ask(&view, "GET", &format!("{}{file}", view.path), &[("host", &host)], b"").body;
        assert!(text.len() > 500, "{file}");
        for never in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "https://",
            "style=\"",
            "onclick=\"",
        ] {
            assert!(!text.contains(never), "{file} has {never}");
        }
        assert_eq!(
            text.matches("http://").count(),
            text.matches("http://www.w3.org/2000/svg").count(),
            "{file}"
        );
    }
}

#[test]
fn no_path_leads_to_a_file() {
    let view = View::start(&["--listen"]);
    for path in [
        "../src/main.rs",
        "..%2f..%2fetc/passwd",
        "%2e%2e/Cargo.toml",
        "/etc/passwd",
        "page.css/../../x",
        "\\..\\x",
    ] {
        let path = format!("{}{path}", view.path);
        assert_eq!(ask(&view, "GET", &path, &[("host", &view.host())], b"").status, 404, "{path}");
    }
}

#[test]
fn whatever_is_sent_is_answered_and_ends_nothing() {
    let mut view = View::start(&["--listen"]);
    let deep = "[".repeat(100_000);
    let record = |text: &str| json!({"uploadTime": 1, "items": [], "protoLogs": [text]}).to_string();
    let wide = json!({"a": vec![1; 200_000]}).to_string();
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        deep.clone().into_bytes(),
        record(&deep).into_bytes(),
        record(&wide).into_bytes(),
        record("{\"a\":\"\\ud83d\"}").into_bytes(),
        record("{\"workspace_id\":1e999,\"context\":{\"client_context\":{\"timestamp_millis\":-9223372036854775808}}}").into_bytes(),
        record("{\"entry\":{\"sql_driver_log\":{\"operation_latency_ms\":9223372036854775807,\"sql_operation\":{\"statement_type\":\"QUERY\",\"chunk_details\":{\"total_chunks_present\":-1}}}}}").into_bytes(),
        json!({"uploadTime": i64::MIN, "items": 7, "protoLogs": {}}).to_string().into_bytes(),
        format!("{{\"protoLogs\":[{}]}}", vec!["\"{}\""; 20_000].join(",")).into_bytes(),
    ];
    for body in &bodies {
        let answer = view.send("POST", "/telemetry-unauth", &[], body);
        assert!(matches!(answer.status, 200 | 400), "{answer:?}");
    }
    let shown = view.until("requests", |page| page["total"] == bodies.len());
    for line in shown["lines"].as_array().unwrap() {
        assert!(view.get(&format!("request?number={}", line["number"]))["exact"].is_string());
    }
    for path in ["now", "statements", "fields", "books", "state"] {
        view.get(path);
    }
    // Too long, too much of a head, no HTTP at all.
    assert_eq!(view.send("POST", "/telemetry-unauth", &[], &vec![b' '; 4 * 1024 * 1024 + 1]).status, 413);
    view.until("requests?q=413", |page| page["total"] == 1);
    let long = "x".repeat(1024 * 1024);
    for port in [view.port, view.listens.unwrap()] {
        let answer = exchange(port, &request("GET", "/", &[("host", "h"), ("x", &long)], b""));
        assert!(answer.status == 431 || answer.status == 0, "{answer:?}");
        assert_ne!(exchange(port, b"\x16\x03\x01nonsense\r\n\r\n").status, 200);
    }
    assert_eq!(view.switch(&json!({"flags": {"x".repeat(20_000): true}})).status, 413);
    assert!(view.is_running());
    assert_eq!(view.send("POST", "/telemetry-unauth", &[], body_of(&[]).as_bytes()).status, 200);
}

#[test]
fn a_body_that_breaks_off_is_a_bad_request_and_none_that_is_too_long() {
    let view = View::start(&["--listen"]);
    let headers = [("host", &*view.host()), ("content-type", "application/json"), ("x-telemetry-view", "1")];
    let page = request("POST", &format!("{}try", view.path), &headers, b"{}");
    let listens = request("POST", "/telemetry-unauth", &[], b"{}");
    for (port, whole) in [(view.port, page), (view.listens.unwrap(), listens)] {
        let mut stream = connect(port);
        stream.write_all(&whole[..whole.len() - 1]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[test]
fn pages_of_others_can_not_put_records_in() {
    let view = View::start(&["--listen"]);
    let origin = [("origin", "https://evil.example"), ("content-type", "text/plain")];
    assert_eq!(
        view.send("POST", "/telemetry-unauth", &origin, body_of(&[statement(1, 1)]).as_bytes()).status,
        403
    );
    assert_eq!(view.get("state")["records"], 0);
}

#[test]
fn a_name_that_leads_here_by_its_dns_can_neither_put_records_in_nor_read_flags() {
    let view = View::start(&["--listen", "--allow-host", "workspace.test"]);
    let port = view.listens.unwrap();
    let flags = "/api/2.0/connector-service/feature-flags/NODEJS/2.1.0";
    let body = body_of(&[statement(1, 1)]);
    let ask = |headers: &[(&str, &str)]| {
        let headers = [&[("authorization", "Bearer t")], headers].concat();
        let posted = exchange(port, &request("POST", "/telemetry-ext", &headers, body.as_bytes())).status;
        let asked = exchange(port, &request("GET", flags, &headers, b"")).status;
        let left = exchange(port, &request("POST", "/books", &headers, b"{\"made\":0}")).status;
        (posted, asked, left)
    };
    let evil = format!("evil.example:{port}");
    assert_eq!(ask(&[("host", &evil)]), (421, 421, 421));
    assert_eq!(ask(&[("host", "localhost"), ("host", &evil)]), (421, 421, 421));
    assert_eq!(view.get("state")["requests"], 0);
    for host in ["localhost", "127.1.2.3", "[::1]", "Workspace.Test", "workspace.test:443"] {
        assert_eq!(ask(&[("host", host)]), (200, 200, 204), "{host}");
    }
    assert_eq!(ask(&[]), (200, 200, 204), "it names no host");
    for wrong in ["", "https://workspace.test", "workspace.test:443", "a b", "a@b"] {
        assert!(!run(&["--listen", "--allow-host", wrong]).status.success(), "{wrong}");
    }
}

#[test]
fn a_host_that_is_refused_is_told_of_once_and_in_no_way_that_is_obeyed() {
    let folder = Folder::new();
    let stderr = folder.path("stderr");
    let view = View::of(program().arg("--listen").stderr(std::fs::File::create(&stderr).unwrap()));
    let ask = |host: &str| {
        let answer = exchange(view.listens.unwrap(), &request("GET", "/", &[("host", host)], b""));
        assert_eq!(answer.status, 421, "{host}");
    };
    let long = "x".repeat(10_000);
    for host in ["db.test:8443", "db.test", "$(id)", "<b>evil</b>", "evil\t\u{202e}", &long, "other.test"] {
        ask(host);
    }
    let hosts = json!([["(no name of a host)", 4], ["db.test", 2], ["other.test", 1]]);
    view.until("now", |now| now["other_hosts"] == hosts);
    let said = std::fs::read_to_string(&stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("refused: a request for the host db.test, ") && said.contains("--allow-host"),
        "{said}"
    );
    assert_eq!(view.get("state")["requests"], 0);
}

#[test]
fn many_streams_of_events_and_slow_clients_leave_room_for_others() {
    let view = View::start(&["--listen"]);
    let ask_events = request("GET", &format!("{}events", view.path), &[("host", &view.host())], b"");
    let mut streams: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = connect(view.port);
            stream.write_all(&ask_events).unwrap();
            // Its head is there, so it counts.
            assert_ne!(stream.read(&mut [0]).unwrap(), 0);
            stream
        })
        .collect();
    assert_eq!(exchange(view.port, &ask_events).status, 503);
    // They begin, and never go on.
    let slow: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = connect(view.port);
            stream.write_all(b"GET /").unwrap();
            stream
        })
        .collect();
    assert_eq!(view.get("state")["records"], 0);
    streams.clear();
    drop(slow);
    let free = |_: &Value| {
        let mut stream = connect(view.port);
        stream.write_all(&ask_events).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        head == *b"HTTP/1.1 200"
    };
    view.until("state", free);
}

#[test]
fn whoever_is_refused_may_ask_no_more_on_the_same_connection() {
    let view = View::start(&["--listen"]);
    let without_token = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", view.host());
    let with_token = format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", view.path, view.host());
    let mut stream = connect(view.port);
    stream.write_all((with_token.clone() + &without_token + &with_token).as_bytes()).unwrap();
    let mut read = Vec::new();
    _ = stream.read_to_end(&mut read);
    let read = String::from_utf8(read).unwrap();
    let answers: Vec<_> = read.matches("HTTP/1.1 200").chain(read.matches("HTTP/1.1 404")).collect();
    assert_eq!(answers, ["HTTP/1.1 200", "HTTP/1.1 404"]);
}

#[test]
fn slow_clients_are_let_go() {
    let view = View::start(&["--listen"]);
    let body = request(
        "POST",
        &format!("{}try", view.path),
        &[("host", &view.host()), ("content-type", "application/json"), ("x-telemetry-view", "1")],
        b"{}",
    );
    let waiting: Vec<_> = [
        (view.port, &b"GET /"[..]),
        (view.port, &body[..body.len() - 1]),
        (view.listens.unwrap(), b"POST /"),
    ]
    .into_iter()
    .map(|(port, begun)| {
        let mut stream = connect(port);
        stream.write_all(begun).unwrap();
        stream
    })
    .collect();
    for mut stream in waiting {
        // Longer than this is an error of the client's own.
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).unwrap();
        assert!(!read.starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn a_record_full_of_markup_is_handed_to_the_page_as_text_in_json() {
    let folder = Folder::new();
    let record = json!({"<img src=x onerror=alert(1)>": "</script><script>alert(1)</script>"});
    let file = folder.write("file", &dry_run_line(&[record]));
    let view = View::start(&[text(&file)]);
    view.until("state", |state| state["records"] == 1);
    for what in ["fields", "request?number=0", "requests", "statements", "now"] {
        let answer = ask(&view, "GET", &format!("{}{what}", view.path), &[("host", &view.host())], b"");
        assert!(answer.head.contains("content-type: application/json") && answer.head.contains("nosniff"));
    }
}
