//! A span of what took time: a statement, the opening or closing of a connection, any other call.

use std::time::Duration;

use telemetry_core::Host;
use telemetry_core::record::{
    ChunkDetails, OperationDetail, Record, RecordKind, SessionContext, TraceParent,
};

use super::attributes::{Attributes, Operation, address};
use super::{Mapping, time};
use crate::proto::trace::{CLIENT, ERROR, Event, Span, Status};

/// The ids of a span, the same in every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    /// The caller's span.
    pub(super) parent: Option<[u8; 8]>,
    pub(super) flags: u32,
}

impl Ids {
    /// The second half of the record's own id is the span's. Without a caller's, the whole of it is the
    /// trace's, of which the span is the only one then.
    pub(super) fn of(record: &Record) -> Self {
        let mut trace = record.id.to_bytes();
        // Zero alone is no id, of either. A random id is never that.
        let [.., last] = &mut trace;
        if *last == 0 {
            *last = 1;
        }
        let [_, _, _, _, _, _, _, _, span @ ..] = trace;
        match record.body.trace_parent.as_deref() {
            Some(parent) => Ids { span, parent: Some(parent.parent_id()), ..Ids::of_parent(parent) },
            None => Ids { trace, span, parent: None, flags: 0 },
        }
    }

    /// The caller's span itself, where something happened that has none of its own.
    pub(super) fn of_parent(parent: &TraceParent) -> Self {
        let (trace, span, flags) = (parent.trace_id(), parent.parent_id(), parent.flags().into());
        Ids { trace, span, parent: None, flags }
    }
}

impl Mapping {
    pub(super) fn span(&self, record: &Record, ids: Ids, operation: &Operation<'_>, host: &Host) -> Span {
        let Record { id: _, stamp, session, body } = record;
        let Ids { trace, span, parent, flags } = ids;
        let target = format!("{}:{}", address(host), host.port());
        let mut attributes = self.operation(operation, host);
        self.session(&mut attributes, session, body.kind == RecordKind::Connection);
        self.body(&mut attributes, body);
        // A record is made when what it is about has ended, or some time after: then its start is known, and
        // its length from there.
        let made = time::nanos(*stamp);
        let (latency, ago) = (body.latency.map(time::length), body.since_start.map(time::length));
        let start = made.saturating_sub(latency.max(ago).unwrap_or(0));
        let end = latency.map_or(made, |length| start.saturating_add(length).min(made));
        let failed = body.error.as_ref().map(|error| {
            // The rest of it is in the log record.
            let text = error.text.as_ref().and_then(|text| text.as_str().lines().next());
            Status { message: text.unwrap_or_default().to_owned(), code: ERROR }
        });
        Span {
            trace_id: trace.to_vec(),
            span_id: span.to_vec(),
            parent_span_id: parent.map_or(Vec::new(), Vec::from),
            name: operation.name.map_or(target.clone(), |name| format!("{name} {target}")),
            kind: CLIENT,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes: attributes.0,
            events: self.events(record, start, end),
            status: failed,
            flags,
        }
    }

    /// What is constant in a connection; how it was opened is said of that alone.
    pub(super) fn session(&self, attributes: &mut Attributes, session: &SessionContext, opening: bool) {
        // What the driver is stands in the resource and the scope; how the connection was configured is known
        // to whoever operates the program.
        let SessionContext {
            driver: _,
            session_id,
            workspace_id,
            user_agent,
            auth_type,
            params: _,
            encoded: _,
        } = session;
        attributes.text(&self.names.session_id, session_id.as_ref().map(|id| id.as_str()));
        attributes.integer(&self.names.workspace_id, *workspace_id);
        attributes.text("user_agent.original", user_agent.as_deref().filter(|_| opening));
        attributes.text(&self.names.auth_type, auth_type.as_deref().filter(|_| opening));
    }

    /// What happened in it, four at the most: of polls and of chunks a record has totals alone, so each is
    /// one event, at the end.
    fn events(&self, record: &Record, start: u64, end: u64) -> Vec<Event> {
        let Some(sql) = &record.body.sql else { return Vec::new() };
        let names = &self.names;
        let mut events = Vec::new();
        let mut event = |name: &str, time_unix_nano, attributes: Attributes| {
            let (name, attributes) = (name.to_owned(), attributes.0);
            events.push(Event { time_unix_nano, name, attributes });
        };
        for (name, after) in
            [(&names.result_ready, sql.result_ready), (&names.result_consumed, sql.result_consumed)]
        {
            let Some(after) = after else { continue };
            let mut attributes = Attributes::default();
            attributes.seconds(&names.duration, Some(after));
            // Without its length, when it started may be unknown.
            let length = record.body.latency.or(record.body.since_start);
            let known = length.map(|_| start.saturating_add(time::length(after)));
            event(name, known.unwrap_or(end), attributes);
        }
        if let Some(OperationDetail { status_calls: Some(calls), status_latency, .. }) = sql.operation {
            let mut attributes = Attributes::default();
            attributes.integer(&names.poll_count, Some(i64::from(calls)));
            attributes.seconds(&names.duration, status_latency);
            event(&names.polls, end, attributes);
        }
        if let Some(ChunkDetails { present: _, iterated, bytes: _, first, slowest, sum }) = sql.chunks {
            let mut attributes = Attributes::default();
            attributes.integer(&names.chunk_count, Some(i64::from(iterated)));
            attributes.seconds(&names.duration, Some(sum).filter(|_| iterated > 0 || sum > Duration::ZERO));
            attributes.seconds(&names.first_duration, first);
            attributes.seconds(&names.slowest_duration, slowest);
            event(&names.chunks, end, attributes);
        }
        events
    }
}
