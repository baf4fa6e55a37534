//! How much a record matters, in the words of the field.

use crate::fault::ErrorClass;
use crate::record::body::Body;
use crate::record::kind::RecordKind;

/// How much a record matters, or what became a part of one; a sink takes what is at its threshold and above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// A poll for a statement's status, as a part of the statement's record.
    Trace,
    /// A chunk of a result, as a part of its statement's record; a call of the driver beside statements and
    /// connections, such as a metadata call.
    Debug,
    /// A statement, or a connection that was opened or closed.
    Info,
    /// An error that may pass when it is tried again, or of which that isn't known.
    Warn,
    /// An error that will not pass by itself.
    Error,
    /// A connection that failed to open.
    Fatal,
}

impl Level {
    /// How much a record with this body matters.
    pub fn of(body: &Body) -> Self {
        match (&body.error, body.kind) {
            (Some(_), RecordKind::Connection) => Level::Fatal,
            (Some(error), _) if error.class == ErrorClass::Terminal => Level::Error,
            (Some(_), _) | (None, RecordKind::Error) => Level::Warn,
            (None, RecordKind::Operation) => Level::Debug,
            (None, RecordKind::Connection | RecordKind::Statement) => Level::Info,
        }
    }

    /// Leaves out of a statement what is below this threshold.
    pub(crate) fn leave_out(self, body: &mut Body) {
        let Some(sql) = &mut body.sql else { return };
        if self > Level::Debug {
            sql.chunks = None;
        }
        if self > Level::Trace
            && let Some(operation) = &mut sql.operation
        {
            (operation.status_calls, operation.status_latency) = (None, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::error_info::ErrorInfo;

    #[test]
    fn an_error_matters_more_than_what_it_happened_to_and_the_longer_it_lasts() {
        let level = |kind, class: Option<ErrorClass>| {
            Level::of(&Body { error: class.map(|class| ErrorInfo::new("E", class)), ..Body::new(kind) })
        };
        use RecordKind::*;
        assert_eq!(
            [Operation, Statement, Connection, Error].map(|kind| level(kind, None)),
            [Level::Debug, Level::Info, Level::Info, Level::Warn]
        );
        for kind in [Operation, Statement, Error] {
            for class in [ErrorClass::Retryable, ErrorClass::Unknown] {
                assert_eq!(level(kind, Some(class)), Level::Warn);
            }
            assert_eq!(level(kind, Some(ErrorClass::Terminal)), Level::Error);
        }
        assert_eq!(level(Connection, Some(ErrorClass::Retryable)), Level::Fatal);
        let all = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Fatal];
        assert!(all.is_sorted());
    }
}
