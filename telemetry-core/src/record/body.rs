//! What a record says, without what the worker adds to it.

use std::time::Duration;

use crate::fault::ErrorClass;
use crate::record::enums::OperationType;
use crate::record::error_info::ErrorInfo;
use crate::record::execution::{OperationDetail, SqlExecution, VolumeOperation};
use crate::record::id::StatementId;
use crate::record::kind::RecordKind;

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
