//! Questions to the copy, which can change nothing.

use std::io::Write;
use std::path::Path;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::{Failed, check};
use crate::text::{of_bytes, plain};

/// Characters of a cell in a table for people.
const WIDTH: usize = 80;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// For people: cut, and nothing in it that a terminal obeys.
    Table,
    Csv,
    /// An object a line.
    JsonLines,
}

/// Opens a copy to read alone: no other file, no change, no setting.
pub(crate) fn open(path: &Path) -> Result<Connection, Failed> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut database = Connection::open_with_flags(Path::new(".").join(path), flags)?;
    database.busy_timeout(std::time::Duration::from_secs(5))?;
    check(&database, false)?;
    database.pragma_update(None, "query_only", true)?;
    database.pragma_update(None, "trusted_schema", false)?;
    database.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    database.authorizer(Some(|context: AuthContext<'_>| match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }))?;
    Ok(database)
}

/// Answers one question.
pub(crate) fn run(path: &Path, sql: &str, form: Form, out: &mut impl Write) -> Result<(), Failed> {
    let database = open(path)?;
    write_rows(&database, sql, form, out)
}

/// Writes the rows of a question.
pub(super) fn write_rows(
    database: &Connection,
    sql: &str,
    form: Form,
    out: &mut impl Write,
) -> Result<(), Failed> {
    let mut statement = database.prepare(sql)?;
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
    while let Some(row) = rows.next()? {
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

    #[test]
    fn a_cell_is_quoted_where_it_must_be() {
        let mut out = Vec::new();
        let cells = ["a", "b,c", "d\"e", "", "f\ng"].map(|cell| Some(cell.to_owned()));
        write_csv_row(&mut out, cells.into_iter().chain([None])).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a,\"b,c\",\"d\"\"e\",\"\",\"f\ng\",\r\n");
    }
}
