//! What a workspace does with a request, well or badly.

use std::collections::VecDeque;
use std::time::Duration;

/// What a workspace does with a request for flags or with telemetry.
///
/// All but [`Hang`](Behaviour::Hang) end the request; all read it first, and all remember it. Only
/// [`Normal`](Behaviour::Normal), [`Slow`](Behaviour::Slow), [`MaxBody`](Behaviour::MaxBody) and
/// [`PartiallyAccept`](Behaviour::PartiallyAccept) accept records.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// It works.
    Normal,
    /// This status, with an empty body.
    Status(u16),
    /// This answer.
    StatusWith {
        /// The status code.
        status: u16,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// This status with a `retry-after` header.
    RetryAfter {
        /// The status code, usually 429 or 503.
        status: u16,
        /// The header's value: seconds, a date, or nonsense.
        value: String,
    },
    /// It never answers.
    Hang,
    /// It resets the connection (RST) without an answer.
    Reset,
    /// It closes the connection (FIN) without an answer.
    Close,
    /// It answers with bytes that aren't HTTP.
    Garbage,
    /// 200 with an HTML page, as a captive portal answers.
    Html,
    /// 200 with less body than its `content-length` says, then the connection closes.
    Truncated,
    /// 200 with a body that never ends.
    Endless,
    /// 307 to this URL.
    Redirect(String),
    /// 200, but counts only this many of the records, the first ones, as accepted. On the flags path like
    /// [`Normal`](Behaviour::Normal).
    PartiallyAccept(usize),
    /// 200, but lists errors and counts no record as accepted. On the flags path like
    /// [`Normal`](Behaviour::Normal).
    Errors,
    /// 413 for a body longer than this many bytes, or else [`Normal`](Behaviour::Normal).
    MaxBody(usize),
    /// It works, but sends its answer byte by byte, with this pause before each.
    Slow(Duration),
}

/// What is done with one request after another: first what was queued, then the standing behaviour.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) queue: VecDeque<Behaviour>,
    pub(crate) standing: Behaviour,
}

impl Default for Plan {
    fn default() -> Self {
        Plan { queue: VecDeque::new(), standing: Behaviour::Normal }
    }
}

impl Plan {
    pub(crate) fn next(&mut self) -> Behaviour {
        self.queue.pop_front().unwrap_or_else(|| self.standing.clone())
    }
}
