//! Shows what would leave this machine of a text: give it on standard input.
//!
//! With `--json-lines` each line is a text as a JSON string, and so is each line of the answer.

use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

use telemetry_core::text::sanitize;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => text(io::stdin().lock(), io::stdout().lock()),
        ["--json-lines"] => json_lines(io::stdin().lock(), io::stdout().lock()),
        _ => Err(io::Error::other("usage: what-leaves [--json-lines] < TEXT")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn text(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    output.write_all(sanitize(&String::from_utf8_lossy(&bytes)).as_bytes())?;
    output.flush()
}

fn json_lines(input: impl BufRead, output: impl Write) -> io::Result<()> {
    let mut output = io::BufWriter::new(output);
    for line in input.lines() {
        let text: String = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut output, &sanitize(&text))?;
        output.write_all(b"\n")?;
    }
    output.flush()
}
