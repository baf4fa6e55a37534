//! What a record is about.

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// A connection was opened, failed to open, or was closed.
    Connection,
    /// A statement, from its start to its end.
    Statement,
    /// An error.
    Error,
    /// Any other call of the driver, such as a metadata call or a volume operation.
    Operation,
}
