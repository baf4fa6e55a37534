//! Shows what would leave this machine of a text: give it on standard input.
//!
//! With `--json-lines` each line is a text as a JSON string, and so is each line of the answer.

use std::error::Error;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::process::ExitCode;

use clap::Parser;
use examples::terminal;
use serde::de::{Deserialize, Deserializer, Visitor};
use telemetry_core::text::sanitize;

/// Shows what would leave this machine of the text on standard input.
#[derive(Debug, Parser)]
#[command(name = "what-leaves")]
struct Arguments {
    /// Each line is a text as a JSON string, and so is each line of the answer.
    #[arg(long)]
    json_lines: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (input, output) = (io::stdin().lock(), io::stdout().lock());
    let done = if arguments.json_lines { json_lines(input, output) } else { text(input, output) };
    terminal::end(match done {
        // Whoever reads has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        done => done.map(|()| ExitCode::SUCCESS).map_err(Box::<dyn Error>::from),
    })
}

fn text(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    output.write_all(sanitize(&String::from_utf8_lossy(&bytes)).as_bytes())?;
    output.flush()
}

/// A text as JSON has it, also one with half a pair of surrogates, which is read as U+FFFD.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

fn json_lines(input: impl BufRead, output: impl Write) -> io::Result<()> {
    let mut output = io::BufWriter::new(output);
    for line in input.lines() {
        let Text(text) = serde_json::from_str(&line?)?;
        serde_json::to_writer(&mut output, &sanitize(&text))?;
        output.write_all(b"\n")?;
    }
    output.flush()
}
