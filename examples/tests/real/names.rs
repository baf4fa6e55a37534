//! Names that can't be looked up.

use std::fs;

use super::*;

/// In the place of the system's look-up: one that takes its time, and finds nothing.
const SLOW: &str = "
#include <netdb.h>
#include <unistd.h>

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    (void)name, (void)service, (void)hints, (void)found;
    sleep(SECONDS);
    return EAI_AGAIN;
}
";

fn preloaded(directory: &Directory, seconds: u32, command: &mut Command) {
    let (source, library) = (directory.file("slow.c"), directory.file("slow.so"));
    fs::write(&source, SLOW).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let built = Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg(format!("-DSECONDS={seconds}"))
        .status();
    assert!(built.unwrap().success());
    command.env("LD_PRELOAD", library);
}

fn hosts() -> Vec<String> {
    (0..12).map(|number| format!("http://host-{number}.example.com")).collect()
}

#[test]
fn names_that_are_looked_up_for_long_hold_up_nobody_and_leave_nothing_behind() {
    let directory = Directory::new("slow");
    let mut command = scenario("play", &hosts());
    preloaded(&directory, 3, &mut command);
    let figures = figures(command.args(["--threads", "24", "--for", "2000"]));
    assert!(figures["connections"] > 24);
    assert_eq!(figures["telemetry-names"], 4);
    // Beside these the worker's, and one for closes with those before it that are about to end. By name there
    // may seem to be more workers: a thread that has just been started bears its starter's.
    assert!((5..=14).contains(&figures["threads"]), "{}", figures["threads"]);
}

#[test]
fn the_end_of_a_program_waits_for_no_look_up() {
    let directory = Directory::new("hanging");
    for by in ["return", "exit"] {
        let mut command = scenario("end", &hosts());
        preloaded(&directory, 3600, &mut command);
        run_to(7, command.args(["--by", by, "--after", "500"]));
    }
}
