//! The system's limits.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

use telemetry_testkit::Behaviour;

use super::*;

/// A program that runs out of something, comes back, and loses nothing.
fn runs_out(what: &str, limit: impl FnOnce(&Command) -> Option<Command>) {
    let services = [(); 3].map(|()| service(Behaviour::Normal));
    let mut urls = services.each_ref().map(FakeWorkspace::url);
    // This one has to be looked up.
    urls[1] = urls[1].replace("127.0.0.1", "localhost");
    let Some(mut command) = limit(&scenario(what, &urls)) else { return };
    let figures = figures(&mut command);
    let arrived = services.iter().map(|service| arrived_as("shared", service)).sum();
    assert_eq!((figures["recorded"], figures["accepted"]), (arrived, arrived));
    assert!(arrived > 100);
}

#[test]
fn without_file_descriptors_nothing_fails_and_it_comes_back_with_them() {
    runs_out("descriptors", |command| Some(limited(command, "--nofile=64")));
}

#[test]
fn without_threads_nothing_fails_and_it_comes_back_with_them() {
    let directory = Directory::new("threads");
    runs_out("threads", |command| {
        // The limit is one of all that a user runs, and none for root: then it is another user, who runs
        // nothing else.
        let user = fs::metadata("/proc/self").unwrap().uid();
        if user != 0 {
            return Some(limited(command, &format!("--nproc={}", threads_of(user) + 40)));
        }
        let user = 60_000 + std::process::id() % 5000;
        // Which may be where others can't read.
        let program = directory.file("scenario");
        fs::copy(program_of(command), &program).unwrap();
        fs::set_permissions(&directory.0, fs::Permissions::from_mode(0o755)).unwrap();
        let mut theirs = Command::new(&program);
        theirs.args(command.get_args());
        let mut limited = limited(&theirs, "--nproc=40");
        limited.uid(user).gid(user);
        match Command::new("true").uid(user).gid(user).status() {
            Ok(_) => Some(limited),
            Err(error) => {
                skip(format_args!("a limit of threads, as this root can't become another user ({error})"));
                None
            }
        }
    });
}

fn program_of(command: &Command) -> PathBuf {
    command.get_program().into()
}

/// A dry run into a file that can't be written to its end.
fn dry_run(file: &Path, limit: &str) -> u64 {
    let service = service(Behaviour::Normal);
    let mut play = scenario("play", [&service.url()]);
    play.args(["--threads", "4", "--connections", "50", "--principals", "0"]);
    let figures = figures(limited(&play, limit).env("DATABRICKS_TELEMETRY_DRY_RUN", file));
    assert_eq!(
        (figures["connections"], figures["accepted"], service.telemetry_requests().len()),
        (200, 0, 0)
    );
    assert!(figures["made"] > 1000);
    fs::metadata(file).unwrap().len()
}

#[test]
fn a_dry_runs_file_that_may_not_grow_or_a_full_disk_fails_nothing() {
    let directory = Directory::new("dry-run");
    // A write past the limit sends a signal that ends a process.
    let written = dry_run(&directory.file("requests.jsonl"), "--fsize=100000");
    assert!((50_000..=100_000).contains(&written), "{written}");
    dry_run(Path::new("/dev/full"), "--fsize=unlimited");
}

/// How many records came with this token.
fn arrived_as(token: &str, service: &FakeWorkspace) -> u64 {
    let authorization = format!("Bearer {token}");
    let requests = service.telemetry_requests().into_iter();
    let theirs = requests.filter(|request| request.headers.get("authorization") == Some(&authorization));
    theirs.map(|request| request.json()["protoLogs"].as_array().unwrap().len() as u64).sum()
}

/// How many threads a user has.
fn threads_of(user: u32) -> u64 {
    let mut threads = 0;
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let of_user = process.metadata().is_ok_and(|process| process.uid() == user);
        let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
        let count = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse::<u64>().ok());
        threads += count.filter(|_| of_user).unwrap_or_default();
    }
    threads
}
