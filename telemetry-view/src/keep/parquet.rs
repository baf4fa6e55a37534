//! The copy as Parquet: every column may be empty, numbers are 64 bits, texts are UTF-8; not compressed.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Failed;
use super::query::Budget;
use crate::text::of_bytes;

/// Rows, and bytes of them, that are held and written together.
const ROWS: usize = 5_000;
const BYTES: usize = 16 * 1024 * 1024;

/// Columns of numbers; all others are of text.
const NUMBERS: [&str; 17] = [
    "request",
    "arrived",
    "authenticated",
    "at",
    "workspace",
    "latency_ms",
    "polls",
    "queue_ms",
    "ready_ms",
    "consumed_ms",
    "chunks_present",
    "chunks_read",
    "first_chunk_ms",
    "slowest_chunk_ms",
    "chunks_ms",
    "retries",
    "id",
];

/// The values of a column, of so many rows.
enum Column {
    Numbers(Vec<i64>),
    Texts(Vec<ByteArray>),
}

struct Filled {
    column: Column,
    /// For each row, 1 where there is a value.
    levels: Vec<i16>,
}

/// Writes the rows of a question.
pub(super) fn write(
    database: &Connection,
    budget: &mut Budget,
    sql: &str,
    out: &mut (impl Write + Send),
) -> Result<(), Failed> {
    let mut statement = budget.step(|| database.prepare(sql))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let fields = names.iter().map(|name| {
        let builder = if NUMBERS.contains(&name.as_str()) {
            Type::primitive_type_builder(name, Physical::INT64)
        } else {
            let builder = Type::primitive_type_builder(name, Physical::BYTE_ARRAY);
            builder.with_logical_type(Some(LogicalType::String))
        };
        builder.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<_, _>>()?;
    let schema = Arc::new(Type::group_type_builder("records").with_fields(fields).build()?);
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(WriterProperties::new()))?;
    let mut rows = statement.query([])?;
    loop {
        let mut columns: Vec<Filled> = names.iter().map(|name| Filled::new(name)).collect();
        let (mut filled, mut bytes) = (0, 0);
        while filled < ROWS
            && bytes < BYTES
            && let Some(row) = budget.step(|| rows.next())?
        {
            for (place, column) in columns.iter_mut().enumerate() {
                bytes += column.push(row.get_ref(place)?);
            }
            filled += 1;
        }
        if filled == 0 {
            break;
        }
        let mut group = writer.next_row_group()?;
        for Filled { column, levels } in &columns {
            let Some(mut to) = group.next_column()? else { break };
            match column {
                Column::Numbers(values) => to.typed::<Int64Type>().write_batch(values, Some(levels), None)?,
                Column::Texts(values) => {
                    to.typed::<ByteArrayType>().write_batch(values, Some(levels), None)?
                }
            };
            to.close()?;
        }
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

impl Filled {
    fn new(name: &str) -> Filled {
        let column =
            if NUMBERS.contains(&name) { Column::Numbers(Vec::new()) } else { Column::Texts(Vec::new()) };
        Filled { column, levels: Vec::new() }
    }

    /// Adds a value, and says how many bytes it has; one that isn't of the column's kind is none.
    fn push(&mut self, value: ValueRef<'_>) -> usize {
        let bytes = match (&mut self.column, value) {
            (Column::Numbers(numbers), ValueRef::Integer(number)) => {
                numbers.push(number);
                Some(size_of::<i64>())
            }
            (Column::Texts(texts), ValueRef::Text(text) | ValueRef::Blob(text)) => {
                let text = of_bytes(text).into_bytes();
                let bytes = text.len();
                texts.push(text.into());
                Some(bytes)
            }
            _ => None,
        };
        self.levels.push(i16::from(bytes.is_some()));
        bytes.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut database = Connection::open_in_memory().unwrap();
        let mut budget = Budget::of(&mut database, std::time::Duration::from_secs(60)).unwrap();
        let rows = ROWS as i64 + 1;
        let sql = format!(
            "WITH RECURSIVE n(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < {rows})
             SELECT at, CASE WHEN at % 2 THEN 'tä' || at END AS event FROM n"
        );
        let mut file = Vec::new();
        write(&database, &mut budget, &sql, &mut file).unwrap();
        let path = std::env::temp_dir().join(format!("telemetry-view-{}.parquet", std::process::id()));
        std::fs::write(&path, file).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let read: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read.len() as i64, rows);
        assert_eq!(read[0], "{at: 1, event: \"tä1\"}");
        assert_eq!(read[1], "{at: 2, event: null}");
        assert_eq!(read[ROWS], format!("{{at: {rows}, event: \"tä{rows}\"}}"));
    }

    #[test]
    fn no_more_is_held_at_a_time_than_so_many_bytes() {
        let mut database = Connection::open_in_memory().unwrap();
        let mut budget = Budget::of(&mut database, std::time::Duration::from_secs(60)).unwrap();
        let sql = format!(
            "WITH RECURSIVE n(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < 5)
             SELECT hex(zeroblob({})) AS event FROM n",
            BYTES / 4
        );
        let mut file = Vec::new();
        write(&database, &mut budget, &sql, &mut file).unwrap();
        let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
        let rows: Vec<_> = reader.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
        assert_eq!(rows, [2, 2, 1]);
    }
}
