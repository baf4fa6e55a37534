//! What a record says.

use std::time::Duration;

use crate::fault::ErrorClass;
use crate::record::audience::viewed;
use crate::record::enums::OperationType;
use crate::record::error_info::ErrorInfo;
use crate::record::execution::{OperationDetail, SqlExecution, VolumeOperation};
use crate::record::id::StatementId;
use crate::record::kind::RecordKind;
use crate::record::message::Heap;
use crate::record::trace_parent::TraceParent;

viewed! {
    /// What a record says. What isn't known is `None`; a zero or a `false` in it was measured.
    #[derive(Clone, Debug)]
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct Body {
        /// What it is about.
        [everybody] pub kind: RecordKind,
        /// The statement it belongs to.
        [vendor customer] pub statement_id: Option<StatementId>,
        /// The caller's span that it belongs under, where the driver named one.
        [customer] pub trace_parent: Option<Box<TraceParent>>,
        /// How long the operation took.
        [everybody] pub latency: Option<Duration>,
        /// Of a statement, how long before the record's [`stamp`](crate::record::Record::stamp) it began: by
        /// the driver's word, or else when it was first spoken of. Unlike its latency it is known of every
        /// statement, and has in it how long the driver took to record the end.
        [everybody] pub since_start: Option<Duration>,
        /// How the statement or call ran.
        [everybody] pub sql: Option<SqlExecution>,
        /// What was done to a volume.
        [everybody] pub volume: Option<Box<VolumeOperation>>,
        /// What went wrong.
        [everybody] pub error: Option<ErrorInfo>,
    }
}

impl Body {
    /// Of this kind, with nothing known.
    pub fn new(kind: RecordKind) -> Self {
        Body {
            kind,
            statement_id: None,
            trace_parent: None,
            latency: None,
            since_start: None,
            sql: None,
            volume: None,
            error: None,
        }
    }

    /// A call of the driver.
    pub(crate) fn call(kind: RecordKind, operation: OperationType, latency: Option<Duration>) -> Self {
        let operation = OperationDetail { operation_type: Some(operation), ..OperationDetail::default() };
        let sql = SqlExecution { operation: Some(operation), ..SqlExecution::default() };
        Body { latency, sql: Some(sql), ..Body::new(kind) }
    }

    /// The opening of a connection.
    pub(crate) fn opening(retries: Option<u64>) -> Self {
        let mut body = Body::call(RecordKind::Connection, OperationType::CreateSession, None);
        if let Some(sql) = &mut body.sql {
            sql.retry_count = retries;
        }
        body
    }

    /// An error, of a statement or of none.
    pub(crate) fn error(statement_id: Option<StatementId>, error: ErrorInfo) -> Self {
        Body { statement_id, error: Some(error), ..Body::new(RecordKind::Error) }
    }

    /// How many bytes it takes, without its error's text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        let name = self.error.as_ref().map_or(0, |error| error.name.capacity());
        let volume = self.volume.as_ref().map_or(0, |volume| size_of_val(&**volume) + volume.heap_bytes());
        let trace_parent = self.trace_parent.as_ref().map_or(0, |parent| size_of_val(&**parent));
        (size_of::<Body>() + name + volume + trace_parent) as u64
    }

    /// Whether it is to go out at once: an error that is final.
    pub(crate) fn is_urgent(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.class == ErrorClass::Terminal)
    }
}
