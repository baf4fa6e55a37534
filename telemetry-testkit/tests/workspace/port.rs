//! A port of one's choice.

use std::io::ErrorKind;

use telemetry_testkit::FakeWorkspace;

use super::{post, status};

#[test]
fn it_listens_on_the_port_that_was_chosen() {
    let port = FakeWorkspace::start().port();
    let workspace = FakeWorkspace::builder().port(port).try_start().unwrap();
    assert_eq!((workspace.port(), workspace.url()), (port, format!("http://127.0.0.1:{port}")));
    assert_eq!(status(&post(&workspace, 1)), 200);
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let first = FakeWorkspace::start();
    let second = FakeWorkspace::builder().port(first.port()).try_start();
    assert_eq!(second.unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(status(&post(&first, 1)), 200);
}
