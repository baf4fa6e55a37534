//! An error on its way to its record.

use crate::plugin::clock::Tick;
use crate::record::body::Body;
use crate::record::error_info::ErrorInfo;
use crate::record::id::StatementId;
use crate::record::trace_parent::TraceParent;

/// An error as its driver told it, with what is its record's and not its own.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// When it happened.
    pub(crate) at: Tick,
    /// The span that it belongs under, if the driver named one with it.
    pub(crate) trace_parent: Option<Box<TraceParent>>,
    pub(crate) error: ErrorInfo,
}

impl Failure {
    /// How many bytes it takes, without its text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        let trace_parent = self.trace_parent.as_ref().map_or(0, |parent| size_of_val(&**parent));
        (size_of::<Failure>() - size_of::<ErrorInfo>() + trace_parent) as u64 + self.error.bytes()
    }

    /// Says of a call that it failed of this; when that was.
    pub(crate) fn add_to(self, call: &mut Body) -> Tick {
        let Failure { at, trace_parent, error } = self;
        call.trace_parent = call.trace_parent.take().or(trace_parent);
        call.error = Some(error);
        at
    }

    /// When it happened, and its record: of a statement, or of none.
    pub(crate) fn into_body(self, statement: Option<StatementId>) -> (Tick, Body) {
        let Failure { at, trace_parent, error } = self;
        (at, Body { trace_parent, ..Body::error(statement, error) })
    }
}
