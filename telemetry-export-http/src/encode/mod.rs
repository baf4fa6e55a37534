//! From records to the body of a request, written in place: one buffer for all of it, and what is constant in
//! a connection is encoded once.

mod object;
mod record;
mod session;

use std::slice::Iter;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use telemetry_core::Fault;
use telemetry_core::plugin::{Attempt, PluginError};
use telemetry_core::record::Record;

use crate::exporter::MAX_BODY_BYTES;

/// How much is written in one turn, in bytes.
const TURN: usize = 65_536;

/// How much longer than the first another record of its connection is taken to be.
const VARIES: usize = 1024;

const END: &[u8] = b"]}";

/// The body of a request, while it is written.
pub(crate) struct BodyWriter<'a> {
    out: Vec<u8>,
    limit: usize,
    authenticated: bool,
    records: Iter<'a, Arc<Record>>,
    /// The connections' own user agent, as long as all have the same.
    user_agent: Option<&'a str>,
}

impl<'a> BodyWriter<'a> {
    /// A body of at most `limit` bytes.
    pub(crate) fn new(attempt: &Attempt<'a>, limit: usize) -> Self {
        let mut out = Vec::with_capacity(4096);
        out.extend_from_slice(br#"{"uploadTime":"#);
        object::integer(&mut out, millis_since_epoch(attempt.wall));
        out.extend_from_slice(br#","items":[],"protoLogs":["#);
        let first = attempt.records.first();
        BodyWriter {
            out,
            limit,
            authenticated: attempt.credentials.is_some(),
            records: attempt.records.iter(),
            user_agent: first.and_then(|record| record.session.user_agent.as_deref()),
        }
    }

    /// Writes as much as may be written without a pause; whether there may be more.
    ///
    /// # Errors
    ///
    /// [`Fault::TooLarge`] as soon as it is.
    pub(crate) fn turn(&mut self) -> Result<bool, PluginError> {
        let until = self.out.len() + TURN;
        while self.out.len() < until {
            let Some(record) = self.records.next() else {
                return Ok(false);
            };
            self.write(record)?;
        }
        Ok(true)
    }

    fn write(&mut self, record: &Record) -> Result<(), PluginError> {
        let before = self.out.len();
        let is_first = self.out.ends_with(b"[");
        if !is_first {
            self.out.push(b',');
        }
        record::write(&mut self.out, record, self.authenticated)?;
        if self.out.len() + END.len() > self.limit {
            return Err(Fault::TooLarge.into());
        }
        if self.user_agent != record.session.user_agent.as_deref() {
            self.user_agent = None;
        }
        if is_first {
            let others = (self.out.len() - before + VARIES).saturating_mul(self.records.len());
            self.out.reserve(others.min(self.limit).min(MAX_BODY_BYTES));
        }
        Ok(())
    }

    /// The body, and the user agent that all of its connections have of their own.
    pub(crate) fn finish(mut self) -> (Vec<u8>, Option<&'a str>) {
        self.out.extend_from_slice(END);
        (self.out, self.user_agent)
    }
}

fn millis_since_epoch(wall: SystemTime) -> i64 {
    wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn int64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use telemetry_core::Host;
    use telemetry_core::plugin::AuthHeaders;
    use telemetry_testkit::strategies;

    use super::*;

    fn attempt<'a>(host: &'a Host, records: &'a [Arc<Record>], with: Option<&'a AuthHeaders>) -> Attempt<'a> {
        Attempt::new(host, records, SystemTime::UNIX_EPOCH).with_credentials(with)
    }

    fn length(record: &Record, authenticated: bool) -> usize {
        let mut out = Vec::new();
        record::write(&mut out, record, authenticated).unwrap();
        out.len()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_turn_ends_with_the_record_that_fills_it(
            host in strategies::host(), some in strategies::batch(1..=4), times in 1usize..200, authenticated: bool,
        ) {
            let records: Vec<_> = some.iter().cycle().take(times).cloned().collect();
            let longest = records.iter().map(|record| length(record, authenticated) + 1).max().unwrap();
            let credentials = AuthHeaders::bearer("token");
            let attempt = attempt(&host, &records, Some(&credentials).filter(|_| authenticated));
            let mut body = BodyWriter::new(&attempt, usize::MAX);
            loop {
                let before = body.out.len();
                let more = body.turn().unwrap();
                let written = body.out.len() - before;
                prop_assert!(written < TURN + longest);
                if !more {
                    break;
                }
                prop_assert!(written >= TURN);
            }
            let json: serde_json::Value = serde_json::from_slice(&body.finish().0).unwrap();
            prop_assert_eq!(json["protoLogs"].as_array().unwrap().len(), times);
        }

        #[test]
        fn for_records_that_are_alike_memory_is_asked_for_once(
            host in strategies::host(), some in strategies::batch(1..=1), authenticated: bool,
        ) {
            let records: Vec<_> = some.iter().cycle().take(100).cloned().collect();
            let credentials = AuthHeaders::bearer("token");
            let attempt = attempt(&host, &records, Some(&credentials).filter(|_| authenticated));
            let mut body = BodyWriter::new(&attempt, usize::MAX);
            body.write(&records[0]).unwrap();
            body.records.next();
            let capacity = body.out.capacity();
            while body.turn().unwrap() {}
            let body = body.finish().0;
            prop_assert_eq!(body.capacity(), capacity);
            prop_assert!(capacity - body.len() <= 4096 + 100 * (VARIES + 1), "and not for much more than it takes");
        }
    }
}
