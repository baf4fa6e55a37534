//! The real thing: a program with the library linked in, run as a process of its own, under limits of the
//! system, beside services that fail, and to ends in the middle of everything. What it checks of itself is in
//! `src/bin/scenario`; what can only be seen from outside is here.
//!
//! `SCENARIO` names another build of the program, such as one in which a panic ends the process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod ends;
mod faults;
mod limits;
mod names;
mod signals;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use examples::compose::FLAG;
use telemetry_testkit::{Behaviour, FakeWorkspace};

/// After which a program counts as hanging.
const LIMIT: Duration = Duration::from_secs(120);

fn program() -> PathBuf {
    std::env::var_os("SCENARIO").map_or_else(|| env!("CARGO_BIN_EXE_scenario").into(), PathBuf::from)
}

fn scenario<'a>(name: &str, services: impl IntoIterator<Item = &'a String>) -> Command {
    let mut command = clean(program());
    command.arg(name);
    for service in services {
        command.args(["--service", service]);
    }
    command
}

/// A command without what the environment says of telemetry and of proxies.
fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    // Many threads would have as many heaps, each with something left in it.
    command.env("MALLOC_ARENA_MAX", "2");
    command
}

/// The same under a limit of the system's.
fn limited(command: &Command, limit: &str) -> Command {
    let mut limited = clean("prlimit");
    limited.args([limit, "--"]).arg(command.get_program()).args(command.get_args());
    limited
}

/// Runs it to its end, which it must come to by itself.
fn run(command: &mut Command) -> Output {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    // What it prints fits into a pipe.
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("it hung: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Runs it to an end without a word on standard error, and with what it should exit with.
fn run_to(code: i32, command: &mut Command) -> String {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.is_empty() && output.status.code() == Some(code), "{}: {error}\n{said}", output.status);
    said
}

/// Runs it well; the figures that it printed last.
fn figures(command: &mut Command) -> HashMap<String, u64> {
    let said = run_to(0, command);
    let figure = |line: &str| line.split_once(' ').map(|(name, n)| (name.to_owned(), n.parse().unwrap()));
    said.lines().filter_map(figure).collect()
}

fn service(behaviour: Behaviour) -> FakeWorkspace {
    let service = FakeWorkspace::start();
    service.set_flag(FLAG, true);
    service.on_telemetry(behaviour);
    service
}

/// The URL of a service that nobody listens at.
fn refused() -> String {
    FakeWorkspace::start().url()
}

/// A directory that goes with this.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("scenario-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Says that something can't be tested here, also where nobody asked for what tests print.
fn skip(why: impl std::fmt::Display) {
    use std::io::Write;
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}
