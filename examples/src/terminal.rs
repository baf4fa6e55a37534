//! What a program for people owes them: output that fails with a word or ends quietly, and errors with their
//! causes.

use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

/// Standard output, with colour where a terminal shows it and `NO_COLOR` doesn't forbid it.
///
/// Once whoever reads has read enough, as `head` has, what is printed goes nowhere, and the program runs to
/// its end.
#[derive(Debug)]
pub struct Output(Option<anstream::Stdout>);

impl Output {
    /// The process's own.
    pub fn new() -> Self {
        Output(Some(anstream::stdout()))
    }

    /// Prints text and a line's end.
    ///
    /// # Errors
    ///
    /// What the system says, except that nobody reads any more.
    pub fn line(&mut self, text: impl Display) -> Result<(), NotPrinted> {
        self.print(format_args!("{text}\n"))
    }

    /// Prints a heading.
    ///
    /// # Errors
    ///
    /// As [`line`](Self::line).
    pub fn heading(&mut self, text: impl Display) -> Result<(), NotPrinted> {
        self.print(format_args!("\n\x1b[1m{text}\x1b[0m\n"))
    }

    fn print(&mut self, text: fmt::Arguments<'_>) -> Result<(), NotPrinted> {
        let Some(out) = &mut self.0 else { return Ok(()) };
        match out.write_all(text.to_string().as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.0 = None;
                Ok(())
            }
            printed => printed.map_err(NotPrinted),
        }
    }
}

impl Default for Output {
    fn default() -> Self {
        Output::new()
    }
}

/// Standard output can't be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output can't be written")]
pub struct NotPrinted(#[source] io::Error);

/// A line on the terminal that says how far long work is, and goes again. Nowhere else.
#[derive(Debug)]
pub struct Progress(bool);

impl Progress {
    /// On standard error, where that is a terminal.
    pub fn new() -> Self {
        Progress(io::stderr().is_terminal())
    }

    /// Shows this in the place of what was shown before.
    pub fn show(&self, text: impl Display) {
        if self.0 {
            // A progress line that can't be shown is missed by nobody.
            _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Progress::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}

/// The end of a program: an error is printed with its causes.
pub fn end(done: Result<ExitCode, Box<dyn Error>>) -> ExitCode {
    done.unwrap_or_else(|error| {
        _ = writeln!(io::stderr(), "error: {}", chain(&*error));
        ExitCode::FAILURE
    })
}

/// An error with its causes.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some errors say their cause themselves.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_with_its_causes() {
        let error = NotPrinted(io::Error::other("the disk is full"));
        assert_eq!(chain(&error), "standard output can't be written: the disk is full");
    }
}
