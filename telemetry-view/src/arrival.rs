//! A request as it came: from the network, or from a line of a file.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A request with telemetry, or for flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// When it came, in milliseconds since the epoch; where a file doesn't say it, when it was made.
    pub(crate) at: Option<i64>,
    pub(crate) method: String,
    /// The host that it is for.
    pub(crate) host: String,
    pub(crate) path: String,
    /// Whether it has the connection's authorization, where that is known.
    pub(crate) authenticated: Option<bool>,
    /// The exact bytes.
    pub(crate) body: Vec<u8>,
    pub(crate) answer: Answer,
}

/// What a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was written to a file instead of being sent, or sent and written; the file doesn't say.
    Written,
    /// This status.
    Status(u16),
    /// Nothing, or nothing that is HTTP.
    Nothing,
}

impl Answer {
    /// In words, for people.
    pub(crate) fn words(self) -> String {
        match self {
            Answer::Written => "written to a file".to_owned(),
            Answer::Status(status) => status.to_string(),
            Answer::Nothing => "no answer".to_owned(),
        }
    }
}

/// The books of a driver, where it offers them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Books {
    /// Whose they are; those of a later time replace those of the same name.
    #[serde(default)]
    pub(crate) driver: String,
    pub(crate) made: u64,
    #[serde(default)]
    pub(crate) accepted: u64,
    #[serde(default)]
    pub(crate) written: u64,
    #[serde(default)]
    pub(crate) held: u64,
    /// By reason.
    #[serde(default, deserialize_with = "reasons")]
    pub(crate) dropped: BTreeMap<String, u64>,
}

/// Reasons that are kept with books.
pub(crate) const MAX_REASONS: usize = 50;

/// Reads the reasons, of which no more are ever held than are kept: those that come first by their names.
fn reasons<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, u64>, D::Error> {
    struct Reasons;

    impl<'de> Visitor<'de> for Reasons {
        type Value = BTreeMap<String, u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number for each reason")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
            let mut reasons = BTreeMap::new();
            while let Some((reason, number)) = members.next_entry()? {
                reasons.insert(reason, number);
                if reasons.len() > MAX_REASONS {
                    reasons.pop_last();
                }
            }
            Ok(reasons)
        }
    }

    from.deserialize_map(Reasons)
}

impl Books {
    /// `made = accepted + written + dropped + held`; a sum beyond what a number holds balances with nothing.
    pub(crate) fn balance(&self) -> bool {
        let parts =
            [self.accepted, self.written, self.held].into_iter().chain(self.dropped.values().copied());
        parts.into_iter().try_fold(0_u64, u64::checked_add) == Some(self.made)
    }
}

/// What a line of a file is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Request(Arrival),
    Books(Books),
    /// Neither.
    Unreadable,
}

/// A line as a dry run writes it, as a dump of bodies does, or with a driver's books.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    host: String,
    #[serde(default)]
    path: String,
    authenticated: Option<bool>,
    body: Option<String>,
    #[serde(rename = "protoLogs")]
    records: Option<serde::de::IgnoredAny>,
    books: Option<Books>,
}

impl Line {
    pub(crate) fn read(line: &[u8]) -> Line {
        let Ok(written) = serde_json::from_slice::<Written>(line) else { return Line::Unreadable };
        let (body, path) = match written {
            Written { books: Some(books), .. } => return Line::Books(books),
            Written { body: Some(body), path, .. } => (body.into_bytes(), path),
            // The body itself.
            Written { records: Some(_), .. } => (line.to_vec(), String::new()),
            _ => return Line::Unreadable,
        };
        Line::Request(Arrival {
            at: None,
            method: "POST".to_owned(),
            host: written.host,
            path,
            authenticated: written.authenticated,
            body,
            answer: Answer::Written,
        })
    }
}

/// Milliseconds since the epoch, now.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_runs_line_is_a_request_with_its_exact_body() {
        let line = br#"{"host":"h","path":"/telemetry-ext","authenticated":true,"body":"{\"a\": \"\u00fc\"}","new":1}"#;
        let Line::Request(request) = Line::read(line) else { panic!() };
        assert_eq!(request.body, "{\"a\": \"ü\"}".as_bytes());
        assert_eq!((request.host.as_str(), request.path.as_str()), ("h", "/telemetry-ext"));
        assert_eq!(request.authenticated, Some(true));
    }

    #[test]
    fn a_line_of_a_dump_is_a_body() {
        let line = br#"{"uploadTime":1,"items":[],"protoLogs":["{}"]}"#;
        let Line::Request(request) = Line::read(line) else { panic!() };
        assert_eq!((request.body.as_slice(), request.authenticated), (line.as_slice(), None));
    }

    #[test]
    fn books_are_read_and_checked() {
        let line = br#"{"books":{"driver":"d","made":6,"accepted":1,"written":2,"held":0,"dropped":{"overflow":3}}}"#;
        let Line::Books(mut books) = Line::read(line) else { panic!() };
        assert!(books.balance());
        books.held = 1;
        assert!(!books.balance());
        books.held = u64::MAX;
        assert!(!books.balance());
    }

    #[test]
    fn of_more_reasons_than_are_kept_no_more_are_held() {
        let many: BTreeMap<_, _> = (0..1000).rev().map(|number| (format!("r{number:04}"), 1)).collect();
        let line = serde_json::json!({"books": {"made": 1000, "dropped": many}}).to_string();
        let Line::Books(books) = Line::read(line.as_bytes()) else { panic!() };
        let first: Vec<_> = books.dropped.keys().collect();
        assert_eq!((first.len(), first[0].as_str(), first[49].as_str()), (MAX_REASONS, "r0000", "r0049"));
        assert!(!books.balance(), "a part of the books is none");
    }

    #[test]
    fn anything_else_is_unreadable() {
        for line in ["", "{", "[]", "{}", "null", r#"{"body":7}"#, r#"{"books":[]}"#, "\u{0}"] {
            assert_eq!(Line::read(line.as_bytes()), Line::Unreadable, "{line}");
        }
        assert_eq!(Line::read(&[0xff, 0xfe]), Line::Unreadable);
    }
}
