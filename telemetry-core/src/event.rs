//! What happened, on its way from a driver's thread to the aggregator.

use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::StatementAggregate;
use crate::clock::Tick;
use crate::fault::ErrorClass;
use crate::id::StatementId;
use crate::model::{OperationType, ResultFormat, StatementType};
use crate::record::{ErrorInfo, OperationDetail, RecordKind, SessionContext, SqlExecution, VolumeOperation};

/// One thing that happened, in one session.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) at: Tick,
    pub(crate) session: Arc<SessionContext>,
    pub(crate) kind: EventKind,
}

#[derive(Debug)]
pub(crate) enum EventKind {
    /// Something that is a record by itself.
    Single(Box<Body>),
    /// A statement began, which will be spoken of by its id.
    Started { id: StatementId, what: StatementEvent },
    /// Something happened to the statement with this id.
    Happened { id: StatementId, what: StatementEvent },
    /// The statement with this id ended.
    Completed { id: StatementId, latency: Option<Duration> },
    /// A statement whose handle gathered it ended.
    Finished(Box<StatementAggregate>),
}

/// What can happen to a statement between its start and its end.
#[derive(Debug)]
pub(crate) enum StatementEvent {
    Kind(StatementType),
    Operation(OperationType),
    Internal(bool),
    Polled(Duration),
    Retried(u32),
    Format(ResultFormat),
    Compressed(bool),
    ResultReady(Duration),
    ResultConsumed(Duration),
    ChunksPresent(u32),
    Chunk(Chunk),
    Failed(ErrorInfo, Option<i64>),
    PatchedArrow(bool),
}

/// A record without what the worker adds: its id and its date.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) kind: RecordKind,
    pub(crate) statement_id: Option<StatementId>,
    pub(crate) latency: Option<Duration>,
    pub(crate) sql: Option<SqlExecution>,
    pub(crate) volume: Option<VolumeOperation>,
    pub(crate) error: Option<ErrorInfo>,
}

impl Body {
    pub(crate) fn new(kind: RecordKind) -> Self {
        Body { kind, statement_id: None, latency: None, sql: None, volume: None, error: None }
    }

    /// A call of the driver.
    pub(crate) fn call(kind: RecordKind, operation: OperationType, latency: Option<Duration>) -> Self {
        let operation = OperationDetail { operation_type: Some(operation), ..OperationDetail::default() };
        let sql = SqlExecution { operation: Some(operation), ..SqlExecution::default() };
        Body { latency, sql: Some(sql), ..Body::new(kind) }
    }

    /// An error, of a statement or of none.
    pub(crate) fn error(statement_id: Option<StatementId>, error: ErrorInfo, chunk: Option<i64>) -> Self {
        let sql = chunk.map(|index| SqlExecution { chunk_id: Some(index), ..SqlExecution::default() });
        Body { statement_id, sql, error: Some(error), ..Body::new(RecordKind::Error) }
    }

    /// Whether it is to go out at once: an error that is final.
    pub(crate) fn is_urgent(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.class == ErrorClass::Terminal)
    }
}

/// One chunk of a result, downloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// Its place in the result, from 0.
    pub index: u32,
    /// How long its download took.
    pub latency: Duration,
    /// Its size as downloaded, in bytes.
    pub bytes: u64,
    /// Whether it came compressed, where that is known.
    pub compressed: Option<bool>,
}

impl Chunk {
    /// A chunk, of whose size nothing is said.
    pub const fn new(index: u32, latency: Duration) -> Self {
        Chunk { index, latency, bytes: 0, compressed: None }
    }

    /// The same with its size as downloaded, in bytes.
    #[must_use]
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// The same with whether it came compressed.
    #[must_use]
    pub const fn compressed(mut self, compressed: bool) -> Self {
        self.compressed = Some(compressed);
        self
    }
}

impl Event {
    /// How many recorded events this one stands for.
    pub(crate) fn weight(&self) -> u64 {
        match &self.kind {
            EventKind::Finished(aggregate) => aggregate.events(),
            EventKind::Single(_)
            | EventKind::Started { .. }
            | EventKind::Happened { .. }
            | EventKind::Completed { .. } => 1,
        }
    }

    /// Whether the worker is to be woken for it: a terminal error.
    pub(crate) fn is_urgent(&self) -> bool {
        match &self.kind {
            EventKind::Single(body) => body.is_urgent(),
            EventKind::Happened { what: StatementEvent::Failed(error, _), .. } => {
                error.class == ErrorClass::Terminal
            }
            EventKind::Started { .. }
            | EventKind::Happened { .. }
            | EventKind::Completed { .. }
            | EventKind::Finished(_) => false,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::{ConnectionParams, DriverIdentity, SystemInfo};
    use crate::record::{DriverContext, Encoded};

    pub(crate) fn session() -> Arc<SessionContext> {
        let identity = DriverIdentity::new("test", "1.0.0", "TEST", "flag").unwrap();
        Arc::new(SessionContext {
            driver: Arc::new(DriverContext { identity, system: SystemInfo::default() }),
            session_id: None,
            workspace_id: None,
            user_agent: None,
            auth_type: None,
            params: ConnectionParams::default(),
            encoded: Encoded::default(),
        })
    }

    /// An event that carries a number.
    pub(crate) fn event(number: u64) -> Event {
        let body = Body { latency: Some(Duration::from_nanos(number)), ..Body::new(RecordKind::Operation) };
        Event { at: Tick::ZERO, session: session(), kind: EventKind::Single(Box::new(body)) }
    }

    pub(crate) fn number_of(event: &Event) -> u64 {
        match &event.kind {
            EventKind::Single(body) => body.latency.unwrap().as_nanos() as u64,
            other => panic!("{other:?}"),
        }
    }
}
