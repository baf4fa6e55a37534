//! A workspace that runs for long: it shows what it gets, remembers nothing, and is bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use telemetry_testkit::{Answer, Behaviour, FakeWorkspace, FakeWorkspaceBuilder};

use super::{FLAGS, NET, ask, connect, envelope, post, request, send, status};

type Shown = Receiver<(String, Vec<u8>, Option<u16>)>;

fn observed() -> (FakeWorkspaceBuilder, Shown) {
    let (shows, shown) = channel();
    let builder = FakeWorkspace::builder().observer(move |request, status| {
        shows.send((request.path.clone(), request.body.clone(), status)).unwrap();
    });
    (builder, shown)
}

#[test]
fn each_request_is_shown_with_its_status_and_none_is_remembered() {
    let (builder, shown) = observed();
    let workspace = builder.start();
    assert_eq!(status(&post(&workspace, 2)), 200);
    assert_eq!(
        shown.recv_timeout(NET).unwrap(),
        ("/api/2.0/sql/telemetry-ext".to_owned(), envelope(2), Some(200))
    );
    assert_eq!(status(&ask(&workspace, "GET", FLAGS, &[], b"")), 401);
    assert_eq!(shown.recv_timeout(NET).unwrap().2, Some(401));
    assert_eq!(status(&ask(&workspace, "GET", "/else", &[], b"")), 404);
    assert_eq!(shown.recv_timeout(NET).unwrap().2, Some(404));
    workspace.script_telemetry([Behaviour::Hang, Behaviour::Slow(Duration::ZERO), Behaviour::Garbage]);
    for wanted in [None, Some(200), None] {
        let _stream = send(&workspace, "POST", "/telemetry-ext", Some("t"), &envelope(1));
        assert_eq!(shown.recv_timeout(NET).unwrap().2, wanted);
    }
    assert!(workspace.received().is_empty() && workspace.records().is_empty());
}

#[test]
fn a_strict_one_remembers_no_violation_either() {
    let (builder, shown) = observed();
    let workspace = builder.strict().start();
    assert_eq!(status(&ask(&workspace, "POST", "/telemetry-unauth", &[], b"{}")), 400);
    assert_eq!(shown.recv_timeout(NET).unwrap().2, Some(400));
    assert!(workspace.violations().is_empty());
}

#[test]
fn another_answers_where_it_would_work_and_nowhere_else() {
    let workspace =
        FakeWorkspace::builder().pass_on(|request| Answer::new(202, request.path.clone())).start();
    let answer = post(&workspace, 1);
    assert!(status(&answer) == 202 && answer.ends_with("/telemetry-ext"), "{answer}");
    assert_eq!(status(&ask(&workspace, "GET", FLAGS, &[], b"")), 202);
    workspace.on_telemetry(Behaviour::Status(503));
    assert_eq!(status(&post(&workspace, 1)), 503);
}

#[test]
fn a_panic_of_the_other_is_answered_500() {
    let workspace = FakeWorkspace::builder().pass_on(|_| panic!("for this test")).start();
    assert_eq!(status(&post(&workspace, 1)), 500);
}

#[test]
fn a_body_that_is_too_long_is_answered_413_and_shown_without_it() {
    let (builder, shown) = observed();
    let workspace = builder.max_body(100).start();
    assert_eq!(status(&ask(&workspace, "POST", "/telemetry-unauth", &[], &[b' '; 101])), 413);
    assert_eq!(shown.recv_timeout(NET).unwrap(), ("/telemetry-unauth".to_owned(), Vec::new(), Some(413)));
    assert_eq!(status(&ask(&workspace, "POST", "/telemetry-unauth", &[], &[b' '; 100])), 400);
}

#[test]
fn a_body_that_breaks_off_is_shown_as_a_bad_request() {
    let (builder, shown) = observed();
    let workspace = builder.start();
    let whole = request("POST", "/telemetry-unauth", &[], b"{}");
    let mut stream = connect(&workspace);
    stream.write_all(&whole[..whole.len() - 1]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(shown.recv_timeout(NET).unwrap(), ("/telemetry-unauth".to_owned(), Vec::new(), Some(400)));
}

#[test]
fn a_slow_client_is_not_waited_for() {
    let workspace = FakeWorkspace::builder().patience(Duration::from_millis(50)).start();
    let (mut head, mut rest) = (connect(&workspace), Vec::new());
    head.write_all(b"POST /telemetry-ext HT").unwrap();
    // The client's own patience is longer by far, and would be an error.
    head.read_to_end(&mut rest).unwrap();
    let mut slow = connect(&workspace);
    let whole = request("POST", "/telemetry-ext", &[], b"{}");
    slow.write_all(&whole[..whole.len() - 1]).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 408);
}

/// Sends these bytes one after another, for as long as they are taken, and reads what comes meanwhile.
fn drip(mut stream: TcpStream, bytes: &[u8]) -> String {
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    for byte in bytes {
        let is_taken = stream.write_all(&[*byte]).is_ok();
        let read = stream.read_to_end(&mut answer);
        if !is_taken || read.map_or_else(|error| error.kind() != ErrorKind::WouldBlock, |_| true) {
            break;
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_client_that_sends_byte_by_byte_has_no_longer_than_one_that_stops() {
    // Whole they would take half a minute.
    let padding = [b'x'; 6_000];
    let workspace = FakeWorkspace::builder().patience(Duration::from_millis(300)).max_connections(1).start();
    let head = [b"GET / HTTP/1.1\r\nx: ", padding.as_slice()].concat();
    let begun = Instant::now();
    assert_eq!(drip(connect(&workspace), &head), "");
    let mut slow = connect(&workspace);
    slow.write_all(b"POST /telemetry-ext HTTP/1.1\r\nhost: x\r\ncontent-length: 6000\r\n\r\n").unwrap();
    assert_eq!(status(&drip(slow, &padding)), 408);
    assert!(begun.elapsed() < NET);
    assert_eq!(status(&ask(&workspace, "GET", "/else", &[], b"")), 404);
}

#[test]
fn a_client_that_stays_connected_gives_its_place_back() {
    let workspace = FakeWorkspace::builder().patience(Duration::from_millis(50)).max_connections(1).start();
    let mut idle = connect(&workspace);
    idle.write_all(b"GET /else HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    idle.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 404);
    assert_eq!(status(&ask(&workspace, "GET", "/else", &[], b"")), 404);
}

#[test]
fn a_request_that_hangs_gives_its_place_back() {
    let timeout = Duration::from_millis(50);
    let workspace = FakeWorkspace::builder().request_timeout(timeout).max_connections(1).start();
    workspace.script_telemetry([Behaviour::Hang, Behaviour::Slow(Duration::from_secs(60))]);
    assert_eq!(post(&workspace, 1), "");
    assert_eq!(post(&workspace, 1), "");
    assert_eq!(status(&post(&workspace, 1)), 200);
}

#[test]
fn a_client_that_reads_no_answer_gives_its_place_back() {
    // More than any socket holds that nobody reads.
    let long = vec![b' '; 64 * 1024 * 1024];
    let workspace = FakeWorkspace::builder()
        .route(move |request| (request.path == "/long").then(|| Answer::new(200, long.clone())))
        .request_timeout(Duration::from_millis(300))
        .max_connections(1)
        .start();
    let unread = send(&workspace, "GET", "/long", None, b"");
    assert_eq!(status(&ask(&workspace, "GET", "/else", &[], b"")), 404);
    drop(unread);
}

#[test]
fn a_connection_may_have_one_request_after_another() {
    let timeout = Duration::from_secs(2);
    let workspace = FakeWorkspace::builder().request_timeout(timeout).start();
    let mut stream = connect(&workspace);
    let begun = Instant::now();
    while begun.elapsed() < timeout * 5 / 4 {
        stream.write_all(b"GET /else HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn more_connections_than_may_be_wait_for_one_to_end() {
    let workspace = FakeWorkspace::builder().max_connections(1).start();
    let first = connect(&workspace);
    assert!(workspace.wait_for_connections(1, NET));
    let mut second = connect(&workspace);
    second.write_all(&request("GET", "/else", &[], b"")).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(second.read(&mut [0]).is_err(), "it was served beside the first");
    drop(first);
    second.set_read_timeout(Some(NET)).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 404);
}

#[test]
fn what_a_page_asks_for_is_refused_where_that_is_wanted() {
    let origin = [("origin", "https://example.com")];
    let (builder, shown) = observed();
    let workspace = builder.refuse_pages().start();
    for of_a_page in [origin[0], ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")] {
        assert_eq!(status(&ask(&workspace, "POST", "/telemetry-unauth", &[of_a_page], &envelope(1))), 403);
    }
    assert!(shown.try_recv().is_err());
    let open = FakeWorkspace::start();
    assert_eq!(status(&ask(&open, "POST", "/telemetry-unauth", &origin, &envelope(1))), 200);
}

#[test]
fn a_name_that_was_made_to_lead_here_is_refused_where_pages_are() {
    // Each request here is for the host `x`.
    let (builder, shown) = observed();
    let (tells, told) = channel();
    let refusing =
        builder.refuse_pages().on_other_host(move |host| tells.send(host.to_owned()).unwrap()).start();
    assert_eq!(status(&ask(&refusing, "POST", "/telemetry-unauth", &[], &envelope(1))), 421);
    assert_eq!(status(&ask(&refusing, "GET", FLAGS, &[("authorization", "Bearer t")], b"")), 421);
    assert!(shown.try_recv().is_err());
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["x", "x"]);
    let allowing = FakeWorkspace::builder().refuse_pages().allow_host("x").start();
    assert_eq!(status(&ask(&allowing, "POST", "/telemetry-unauth", &[], &envelope(1))), 200);
}
