//! One statement, from its submission until it is closed.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::InterruptHandle;
use rusqlite::types::ValueRef;

use super::sql_error::{self, SqlError};
use super::{Inner, lock};

/// The longest result, in rows.
const MAX_ROWS: usize = 100_000;

/// A row; every value as text.
pub(crate) type Row = Vec<Option<String>>;

#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) by_links: bool,
    rows_per_chunk: usize,
    phase: Mutex<Phase>,
    changed: Condvar,
}

pub(crate) enum Phase {
    Pending,
    Running(InterruptHandle),
    /// Cancelled before it could be interrupted.
    Cancelled,
    Failed(SqlError),
    Succeeded(Arc<Outcome>),
}

/// A result.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Phase {
    /// The state's name in the API.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Phase::Pending => "PENDING",
            Phase::Running(_) => "RUNNING",
            Phase::Cancelled => "CANCELED",
            Phase::Failed(_) => "FAILED",
            Phase::Succeeded(_) => "SUCCEEDED",
        }
    }

    fn is_going(&self) -> bool {
        matches!(self, Phase::Pending | Phase::Running(_))
    }
}

impl Execution {
    /// Runs a statement on a thread of its own.
    pub(crate) fn start(warehouse: &Arc<Inner>, sql: String, by_links: bool) -> Arc<Self> {
        let execution = Arc::new(Execution {
            by_links,
            rows_per_chunk: warehouse.rows_per_chunk,
            phase: Mutex::new(Phase::Pending),
            changed: Condvar::new(),
        });
        let (running, warehouse) = (Arc::clone(&execution), Arc::clone(warehouse));
        std::thread::spawn(move || {
            let done = running.run(&warehouse, &sql);
            let mut phase = lock(&running.phase);
            if phase.is_going() {
                *phase = match done {
                    Ok(outcome) => Phase::Succeeded(Arc::new(outcome)),
                    Err(error) if sql_error::is_interrupt(&error) => Phase::Cancelled,
                    Err(error) => Phase::Failed(SqlError::new(&error, &sql)),
                };
            }
            drop(phase);
            running.changed.notify_all();
        });
        execution
    }

    fn run(&self, warehouse: &Inner, sql: &str) -> rusqlite::Result<Outcome> {
        let connection = super::open(&warehouse.uri)?;
        {
            let mut phase = lock(&self.phase);
            if !phase.is_going() {
                return Ok(Outcome::default());
            }
            *phase = Phase::Running(connection.get_interrupt_handle());
        }
        let mut statement = connection.prepare(sql)?;
        if statement.readonly() {
            let _reading = warehouse.writing.read().unwrap_or_else(PoisonError::into_inner);
            return read(&mut statement);
        }
        let _writing = warehouse.writing.write().unwrap_or_else(PoisonError::into_inner);
        let changed = statement.execute([])?;
        let columns = vec!["num_affected_rows".to_owned()];
        Ok(Outcome { columns, rows: vec![vec![Some(changed.to_string())]] })
    }

    /// Waits until it is done, for `within` at the longest.
    pub(crate) fn wait(&self, within: Duration) {
        let phase = lock(&self.phase);
        drop(self.changed.wait_timeout_while(phase, within, |phase| phase.is_going()));
    }

    /// Cancels it, and returns when it has ended.
    pub(crate) fn cancel(&self) {
        /// Until the next try: an interrupt of a connection that executes nothing yet is lost.
        const PAUSE: Duration = Duration::from_millis(5);
        let mut phase = lock(&self.phase);
        loop {
            match &*phase {
                Phase::Running(handle) => handle.interrupt(),
                Phase::Pending => *phase = Phase::Cancelled,
                Phase::Cancelled | Phase::Failed(_) | Phase::Succeeded(_) => return,
            }
            phase = self.changed.wait_timeout(phase, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Phase) -> T) -> T {
        read(&lock(&self.phase))
    }

    pub(crate) fn outcome(&self) -> Option<Arc<Outcome>> {
        self.read(|phase| match phase {
            Phase::Succeeded(outcome) => Some(Arc::clone(outcome)),
            _ => None,
        })
    }

    pub(crate) fn chunks(&self, outcome: &Outcome) -> usize {
        outcome.rows.len().div_ceil(self.rows_per_chunk)
    }

    /// The rows of one chunk, and the place of the first of them.
    pub(crate) fn chunk<'a>(&self, outcome: &'a Outcome, index: usize) -> Option<(usize, &'a [Row])> {
        let offset = index * self.rows_per_chunk;
        outcome.rows.chunks(self.rows_per_chunk).nth(index).map(|rows| (offset, rows))
    }
}

fn read(statement: &mut rusqlite::Statement<'_>) -> rusqlite::Result<Outcome> {
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut outcome = Outcome { columns, rows: Vec::new() };
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if outcome.rows.len() == MAX_ROWS {
            break;
        }
        let values = (0..width)
            .map(|column| Ok(value_as_text(row.get_ref(column)?)))
            .collect::<rusqlite::Result<_>>()?;
        outcome.rows.push(values);
    }
    Ok(outcome)
}

/// A value of SQLite's as the API gives it: as text.
pub(crate) fn value_as_text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}
