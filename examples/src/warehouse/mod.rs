//! A warehouse that executes for real, on SQLite, behind the Statement Execution API of a workspace.
//!
//! Each statement runs on a thread and a database connection of its own, and is cancelled by interrupting it.

mod execution;
mod routes;
mod sql_error;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, OpenFlags};

use execution::{Execution, value_as_text};

/// The id that clients name it by.
pub const WAREHOUSE_ID: &str = "0123456789abcdef";

/// A warehouse. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Warehouse {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Names the database in memory, and keeps it alive through `_keeper`.
    uri: String,
    _keeper: Mutex<Connection>,
    /// Readers share it; a statement that writes has it alone.
    writing: RwLock<()>,
    tokens: Vec<String>,
    rows_per_chunk: usize,
    next_id: AtomicU64,
    sessions: Mutex<HashMap<String, ()>>,
    statements: Mutex<HashMap<String, Arc<Execution>>>,
}

impl Warehouse {
    /// A warehouse that opens to these tokens, cuts results into chunks of this many rows, and holds what
    /// `fill` puts there.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn new(
        tokens: &[&str],
        rows_per_chunk: usize,
        fill: impl FnOnce(&mut Connection) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<Self> {
        static DATABASES: AtomicU64 = AtomicU64::new(0);
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let uri = format!("file:warehouse-{number}?mode=memory&cache=shared");
        let mut keeper = open(&uri)?;
        fill(&mut keeper)?;
        let inner = Inner {
            uri,
            _keeper: Mutex::new(keeper),
            writing: RwLock::new(()),
            tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
            rows_per_chunk: rows_per_chunk.max(1),
            next_id: AtomicU64::new(1),
            sessions: Mutex::default(),
            statements: Mutex::default(),
        };
        Ok(Warehouse { inner: Arc::new(inner) })
    }

    fn database(&self) -> rusqlite::Result<Connection> {
        open(&self.inner.uri)
    }

    /// What SQLite gives for a statement, asked directly: every value as text; of one that changes
    /// rows, how many.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn ask(&self, sql: &str) -> rusqlite::Result<Vec<Vec<Option<String>>>> {
        let database = self.database()?;
        let mut statement = database.prepare(sql)?;
        let width = statement.column_count();
        if width == 0 {
            return Ok(vec![vec![Some(statement.execute([])?.to_string())]]);
        }
        let values =
            |row: &rusqlite::Row<'_>| (0..width).map(|i| Ok(value_as_text(row.get_ref(i)?))).collect();
        statement.query_map([], values)?.collect()
    }

    /// How many sessions and statements it holds.
    pub fn held(&self) -> (usize, usize) {
        (lock(&self.inner.sessions).len(), lock(&self.inner.statements).len())
    }

    fn new_id(&self) -> String {
        let number = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        format!("01f0c0de-5a1e-1000-8000-{number:012x}")
    }
}

fn open(uri: &str) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_URI;
    let mut connection = Connection::open_with_flags(uri, flags)?;
    connection.authorizer(Some(authorize))?;
    Ok(connection)
}

/// Statements come from anybody, and have the database in memory alone: no files, which `VACUUM INTO`
/// attaches as well, no settings, and no code from outside.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Pragma { .. }
        | AuthAction::Function { function_name: "load_extension" }
        // To attach what an expression names is one of these.
        | AuthAction::Unknown { .. } => Authorization::Deny,
        _ => Authorization::Allow,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
