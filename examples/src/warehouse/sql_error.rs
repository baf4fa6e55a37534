//! SQLite's errors, told as a warehouse tells its own.

/// An error of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SqlError {
    pub(crate) class: &'static str,
    pub(crate) sql_state: &'static str,
    pub(crate) message: String,
}

pub(crate) fn is_interrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
}

/// Some of what is denied says so by its code alone, as `VACUUM INTO` does, and some by its text alone.
fn is_denied(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::AuthorizationForStatementDenied)
}

impl SqlError {
    pub(crate) fn new(error: &rusqlite::Error, sql: &str) -> Self {
        let text = error.to_string();
        let quoted = |start: &str| {
            let rest = text.split_once(start)?.1;
            Some(rest.split([' ', '"', '\n']).next().unwrap_or(rest).to_owned())
        };
        let (class, sql_state, what) = if let Some(table) = quoted("no such table: ") {
            (
                "TABLE_OR_VIEW_NOT_FOUND",
                "42P01",
                format!(
                    "The table or view `{table}` cannot be found. Verify the spelling and correctness of the schema and catalog."
                ),
            )
        } else if let Some(column) = quoted("no such column: ") {
            ("UNRESOLVED_COLUMN", "42703", format!("A column with name `{column}` cannot be resolved."))
        } else if text.contains("syntax error") {
            let near = quoted("near \"").unwrap_or_default();
            ("PARSE_SYNTAX_ERROR", "42601", format!("Syntax error at or near '{near}'."))
        } else if text.contains("not authorized") || is_denied(error) {
            ("INSUFFICIENT_PERMISSIONS", "42501", "Insufficient privileges.".to_owned())
        } else {
            ("INTERNAL_ERROR", "XX000", "The statement could not be executed.".to_owned())
        };
        // As the real ones do: with the statement in the message, which is what makes it dangerous to pass
        // on.
        let message = format!("[{class}] {what} SQLSTATE: {sql_state}\n\n== SQL ==\n{sql}\n");
        SqlError { class, sql_state, message }
    }
}
