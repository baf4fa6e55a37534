//! Signals are the host's.

use std::io::{BufRead, BufReader, Lines, Read};
use std::process::Child;

use telemetry_testkit::Behaviour;

use super::*;

/// What a host waits for, or handles in a way of its own.
const HOSTS: [u32; 8] = [1, 2, 10, 12, 13, 15, 17, 25];

#[test]
fn no_thread_of_telemetrys_takes_a_signal_away_from_the_host() {
    let hangs = service(Behaviour::Hang);
    let url = hangs.url().replace("127.0.0.1", "localhost");
    let mut command = scenario("signals", [&url]);
    let mut child = Ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let next = |lines: &mut Lines<_>| -> String { lines.next().unwrap().unwrap() };
    let mut names = Vec::new();
    loop {
        let line = next(&mut lines);
        let Some((name, mask)) = line.split_once(' ') else {
            assert_eq!(line, "ready");
            break;
        };
        let mask = u64::from_str_radix(mask, 16).unwrap();
        for signal in HOSTS {
            assert!(mask >> (signal - 1) & 1 == 1, "{name} gets signal {signal}");
        }
        names.push(name.to_owned());
    }
    names.sort();
    assert_eq!(names, ["telemetry", "telemetry-close", "telemetry-names"]);
    let pid = child.0.id().to_string();
    for signal in ["USR1", "TERM"] {
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        assert_eq!(next(&mut lines), format!("SIG{signal}"));
    }
    let mut error = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((child.0.wait().unwrap().code(), error), (Some(0), String::new()));
}

/// A process that ends with the test, also with one that fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}
