//! A call of the driver that is no statement.

use std::time::Duration;

use crate::handle::error_details::ErrorDetails;
use crate::record::body::Body;
use crate::record::enums::{OperationType, VolumeOperationType};
use crate::record::id::StatementId;
use crate::record::trace_parent::TraceParent;
use crate::record::{RecordKind, VolumeOperation};

/// A call of a driver's that is no statement: what was called, and how long it took.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{Operation, OperationType};
///
/// let tables = Operation::new(OperationType::ListTables, Duration::from_millis(31)).internal(true);
/// # drop(tables);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Operation {
    operation: OperationType,
    latency: Duration,
    statement_id: Option<StatementId>,
    invalid_statement: bool,
    trace_parent: Option<TraceParent>,
    invalid_trace_parent: bool,
    pub(super) ago: Option<Duration>,
    internal: Option<bool>,
    retries: Option<u32>,
    volume: Option<VolumeOperation>,
    pub(super) failure: Option<Box<ErrorDetails>>,
}

impl Operation {
    /// A call and how long it took.
    pub fn new(operation: OperationType, latency: Duration) -> Self {
        Operation {
            operation,
            latency,
            statement_id: None,
            invalid_statement: false,
            trace_parent: None,
            invalid_trace_parent: false,
            ago: None,
            internal: None,
            retries: None,
            volume: None,
            failure: None,
        }
    }

    /// The transfer or listing of files in a volume.
    ///
    /// ```
    /// use std::time::Duration;
    /// use telemetry_core::Operation;
    /// use telemetry_core::record::VolumeOperationType;
    ///
    /// let put = Operation::volume(VolumeOperationType::Put, Duration::from_millis(310))
    ///     .volume_path("/Volumes/main/default/in/orders.csv")
    ///     .local_file("/home/ann/orders.csv");
    /// # drop(put);
    /// ```
    pub fn volume(what: VolumeOperationType, latency: Duration) -> Self {
        let volume = VolumeOperation { operation: Some(what), ..VolumeOperation::default() };
        Operation { volume: Some(volume), ..Operation::new(OperationType::ExecuteStatement, latency) }
    }

    /// The path in the volume, which is sanitized. For a [volume operation](Operation::volume); otherwise it
    /// is left out.
    pub fn volume_path(mut self, path: &str) -> Self {
        if let Some(volume) = &mut self.volume {
            volume.volume_path = Some(path.to_owned());
        }
        self
    }

    /// The local file, of which the base name alone is kept. For a [volume operation](Operation::volume);
    /// otherwise it is left out.
    pub fn local_file(mut self, path: &str) -> Self {
        if let Some(volume) = &mut self.volume {
            volume.local_file = Some(path.to_owned());
        }
        self
    }

    /// The statement that it belongs to, by its id.
    pub fn statement(mut self, id: &str) -> Self {
        self.statement_id = StatementId::new(id);
        self.invalid_statement = self.statement_id.is_none();
        self
    }

    /// The caller's span that it belongs under: the text of a `traceparent` header, a [`TraceParent`], or its
    /// ids and flags. What is none is left out and counted.
    pub fn trace_parent(mut self, parent: impl TryInto<TraceParent>) -> Self {
        self.trace_parent = parent.try_into().ok();
        self.invalid_trace_parent = self.trace_parent.is_none();
        self
    }

    /// How long ago it ended, for a driver that records it later; a day at the most. When it is recorded,
    /// unless said otherwise.
    pub fn ago(mut self, time: Duration) -> Self {
        self.ago = Some(time);
        self
    }

    /// Whether the driver made the call on its own account, not for its caller.
    pub fn internal(mut self, internal: bool) -> Self {
        self.internal = Some(internal);
        self
    }

    /// How often its requests were retried.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    /// What it failed of: its own record says so.
    ///
    /// ```
    /// use std::time::Duration;
    /// use telemetry_core::{ErrorDetails, Fault, Operation, OperationType};
    ///
    /// let cancel = Operation::new(OperationType::CancelStatement, Duration::from_secs(5))
    ///     .failed(ErrorDetails::new("CANCEL_TIMEOUT").fault(Fault::Timeout));
    /// # drop(cancel);
    /// ```
    pub fn failed(mut self, details: ErrorDetails) -> Self {
        self.failure = Some(Box::new(details));
        self
    }

    /// How many ids that were none were given.
    pub(super) fn invalid_ids(&self) -> u64 {
        u64::from(self.invalid_statement) + u64::from(self.invalid_trace_parent)
    }

    /// Its record, without its failure.
    pub(super) fn into_body(self) -> Body {
        let Operation {
            operation,
            latency,
            statement_id,
            invalid_statement: _,
            trace_parent,
            invalid_trace_parent: _,
            ago: _,
            internal,
            retries,
            volume,
            failure: _,
        } = self;
        let mut body = Body::call(RecordKind::Operation, operation, Some(latency));
        if let Some(sql) = &mut body.sql {
            sql.retry_count = retries.map(u64::from);
            if let Some(operation) = &mut sql.operation {
                operation.is_internal_call = internal;
            }
        }
        let volume = volume.map(|volume| Box::new(volume.sanitized()));
        Body { statement_id, trace_parent: trace_parent.map(Box::new), volume, ..body }
    }
}
