//! Questions to the copy, which can change nothing and take only so long.

use std::ffi::c_int;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Failed, check};
use crate::text::{of_bytes, plain};

/// Characters of a cell in a table for people.
const WIDTH: usize = 80;

/// Bytes of a text or a blob, whatever it is made of: more than a body has.
const MAX_VALUE: c_int = 64 * 1024 * 1024;

/// Instructions of SQLite between two looks at the clock: well below a millisecond.
const LOOK: c_int = 1000;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// For people: cut, and nothing in it that a terminal obeys.
    Table,
    Csv,
    /// An object a line.
    JsonLines,
}

/// How long SQLite may work, all steps together; the time in which an answer is written out doesn't count.
pub(super) struct Budget {
    whole: Duration,
    left: Duration,
    /// When the step ends that it works on.
    end: Arc<Mutex<Instant>>,
}

impl Budget {
    /// Holds this connection to it, from its next step on.
    pub(super) fn of(database: &mut Connection, whole: Duration) -> Result<Budget, Failed> {
        let end = Arc::new(Mutex::new(Instant::now() + whole));
        let seen = Arc::clone(&end);
        let is_over = move || Instant::now() >= *seen.lock().unwrap_or_else(PoisonError::into_inner);
        database.progress_handler(LOOK, Some(is_over))?;
        Ok(Budget { whole, left: whole, end })
    }

    /// Takes one step.
    pub(super) fn step<T>(&mut self, step: impl FnOnce() -> rusqlite::Result<T>) -> Result<T, Failed> {
        let begun = Instant::now();
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = begun + self.left;
        let done = step();
        self.left = self.left.saturating_sub(begun.elapsed());
        done.map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => format!(
                "stopped after {} s of work, so that the answer isn't whole: --timeout SECONDS gives it more",
                self.whole.as_secs()
            )
            .into(),
            _ => error.into(),
        })
    }
}

/// Opens a copy to read alone: no other file, no change, no setting, and no more work than so long.
pub(super) fn open(path: &Path, timeout: Duration) -> Result<(Connection, Budget), Failed> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut database = Connection::open_with_flags(Path::new(".").join(path), flags)?;
    database.busy_timeout(Duration::from_secs(5))?;
    let budget = Budget::of(&mut database, timeout)?;
    check(&database, false)?;
    database.pragma_update(None, "query_only", true)?;
    database.pragma_update(None, "trusted_schema", false)?;
    database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    database.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE)?;
    database.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }))?;
    Ok((database, budget))
}

/// Answers one question.
pub(crate) fn run(
    path: &Path,
    sql: &str,
    timeout: Duration,
    form: Form,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let (database, mut budget) = open(path, timeout)?;
    write_rows(&database, &mut budget, sql, form, out)
}

/// Writes the rows of a question.
pub(super) fn write_rows(
    database: &Connection,
    budget: &mut Budget,
    sql: &str,
    form: Form,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let mut statement = budget.step(|| database.prepare(sql))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    match form {
        Form::Csv => write_csv_row(out, names.iter().map(|name| Some(name.clone())))?,
        Form::Table => {
            let heads: Vec<String> = names.iter().map(|name| plain(name, WIDTH)).collect();
            writeln!(out, "{}", heads.join(" | "))?;
        }
        Form::JsonLines => {}
    }
    let mut rows = statement.query([])?;
    while let Some(row) = budget.step(|| rows.next())? {
        let cells = (0..names.len()).map(|place| row.get_ref(place));
        match form {
            Form::Csv => {
                let cells: Vec<_> = cells.map(|cell| cell.map(text)).collect::<Result<_, _>>()?;
                write_csv_row(out, cells.into_iter())?;
            }
            Form::Table => {
                let cell = |cell| plain(&text(cell).unwrap_or_default(), WIDTH);
                let cells: Vec<_> = cells.map(|found| found.map(cell)).collect::<Result<_, _>>()?;
                writeln!(out, "{}", cells.join(" | "))?;
            }
            Form::JsonLines => {
                let mut object = serde_json::Map::new();
                for (name, cell) in names.iter().zip(cells) {
                    object.insert(name.clone(), json(cell?));
                }
                writeln!(out, "{}", serde_json::Value::Object(object))?;
            }
        }
    }
    Ok(())
}

fn text(cell: ValueRef<'_>) -> Option<String> {
    match cell {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(of_bytes(text)),
    }
}

fn json(cell: ValueRef<'_>) -> serde_json::Value {
    match cell {
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        other => text(other).into(),
    }
}

/// A row as RFC 4180 has it; nothing is an empty cell, and an empty text is `""`.
fn write_csv_row(out: &mut impl Write, cells: impl Iterator<Item = Option<String>>) -> std::io::Result<()> {
    let cells: Vec<String> = cells
        .map(|cell| match cell {
            None => String::new(),
            Some(text) if text.is_empty() || text.contains(['"', ',', '\n', '\r']) => {
                format!("\"{}\"", text.replace('"', "\"\""))
            }
            Some(text) => text,
        })
        .collect();
    write!(out, "{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes.
    struct Room(usize);

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_steps_together_have_so_long_however_short_each_is() {
        let mut database = Connection::open_in_memory().unwrap();
        let mut budget = Budget::of(&mut database, Duration::from_millis(100)).unwrap();
        let sql = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r)
            SELECT n FROM r WHERE n % 1000 = 0";
        let stopped = write_rows(&database, &mut budget, sql, Form::Csv, &mut Room(1024 * 1024));
        assert!(stopped.unwrap_err().to_string().starts_with("stopped after 0 s"));
    }

    #[test]
    fn a_cell_is_quoted_where_it_must_be() {
        let mut out = Vec::new();
        let cells = ["a", "b,c", "d\"e", "", "f\ng"].map(|cell| Some(cell.to_owned()));
        write_csv_row(&mut out, cells.into_iter().chain([None])).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,\"b,c\",\"d\"\"e\",\"\",\"f\ng\",\r\n");
    }
}
