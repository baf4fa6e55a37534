//! Services that behave as standard input says, in a process of their own, so that what they take of the
//! system isn't taken for the host's.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use examples::compose::FLAG;
use examples::terminal::Output;
use telemetry_testkit::{Behaviour, FakeWorkspace};

/// What services do in turn, by name. One that is refused has ended before it is called.
pub(crate) const BEHAVIOURS: [&str; 9] =
    ["normal", "refused", "hang", "503", "truncated", "reset", "slow", "garbage", "flag-hang"];

/// Reads names of behaviours, a line of them at a time; starts services that behave so, in the place of those
/// of the line before, and prints their URLs.
pub(crate) fn serve(out: &mut Output) -> Result<(), Box<dyn Error>> {
    let mut services = Vec::new();
    for line in io::stdin().lock().lines() {
        services.clear();
        let mut urls = Vec::new();
        for name in line?.split_whitespace() {
            let service = start(name)?;
            urls.push(service.url());
            if name != "refused" {
                services.push(service);
            }
        }
        out.line(urls.join(" "))?;
    }
    Ok(())
}

fn start(name: &str) -> Result<FakeWorkspace, Box<dyn Error>> {
    let service = FakeWorkspace::start();
    service.set_flag(FLAG, true);
    service.on_telemetry(match name {
        "normal" | "refused" | "flag-hang" => Behaviour::Normal,
        "hang" => Behaviour::Hang,
        "503" => Behaviour::Status(503),
        "truncated" => Behaviour::Truncated,
        "reset" => Behaviour::Reset,
        "slow" => Behaviour::Slow(Duration::from_millis(1)),
        "garbage" => Behaviour::Garbage,
        _ => return Err(format!("no such behaviour: {name}").into()),
    });
    if name == "flag-hang" {
        service.on_flags(Behaviour::Hang);
    }
    Ok(service)
}

/// The process of services, which ends with this.
#[derive(Debug)]
pub(crate) struct Services {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Services {
    pub(crate) fn spawn() -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("service")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("a pipe is missing".into()) };
        Ok(Services { child, input, output: BufReader::new(output) })
    }

    /// Services that behave so, in the place of those before; their URLs.
    pub(crate) fn become_these(&mut self, behaviours: &[&str]) -> io::Result<Vec<String>> {
        writeln!(self.input, "{}", behaviours.join(" "))?;
        let mut urls = String::new();
        self.output.read_line(&mut urls)?;
        Ok(urls.split_whitespace().map(str::to_owned).collect())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
