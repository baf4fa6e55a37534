//! A copy of what came, in SQLite: one's own, within an age and a size.

pub(crate) mod export;
pub(crate) mod file;
#[cfg(feature = "parquet")]
mod parquet;
pub(crate) mod query;

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use telemetry_export_http::wire::Frontend;

use crate::arrival::{Answer, now};
use crate::intake::Kept;
use crate::reading::{Record, name};

/// Marks a database as one of this program's.
const APPLICATION: i32 = 0x7465_6c76;

/// The version of its tables.
const VERSION: i32 = 1;

/// Bytes of bodies that are written at once.
const AT_ONCE: usize = 4 * 1024 * 1024;

/// How often what is too old, or too much, is looked for, in milliseconds.
const TRIM_EVERY: i64 = 2_000;

/// Tables: a request is a row, and each of its records that could be read.
const TABLES: &str = "
    CREATE TABLE requests (
        id INTEGER PRIMARY KEY,
        arrived INTEGER NOT NULL,
        method TEXT NOT NULL,
        host TEXT NOT NULL,
        path TEXT NOT NULL,
        authenticated INTEGER,
        answer TEXT NOT NULL,
        body NOT NULL
    );
    CREATE INDEX requests_by_time ON requests (arrived);
    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        request INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
        event TEXT,
        at INTEGER,
        workspace INTEGER,
        session TEXT,
        statement TEXT,
        driver TEXT,
        operation TEXT,
        statement_type TEXT,
        result TEXT,
        latency_ms INTEGER,
        polls INTEGER,
        queue_ms INTEGER,
        ready_ms INTEGER,
        consumed_ms INTEGER,
        chunks_present INTEGER,
        chunks_read INTEGER,
        first_chunk_ms INTEGER,
        slowest_chunk_ms INTEGER,
        chunks_ms INTEGER,
        retries INTEGER,
        error_name TEXT,
        error_text TEXT,
        record TEXT NOT NULL
    );
    CREATE INDEX records_by_request ON records (request);
";

const INSERT_REQUEST: &str = "INSERT INTO requests (arrived, method, host, path, authenticated, answer, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const INSERT_RECORD: &str = "INSERT INTO records (request, event, at, workspace, session, statement, driver,
    operation, statement_type, result, latency_ms, polls, queue_ms, ready_ms, consumed_ms, chunks_present,
    chunks_read, first_chunk_ms, slowest_chunk_ms, chunks_ms, retries, error_name, error_text, record)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
    ?22, ?23, ?24)";

/// A request of a file that is read a second time: one of so many that came in the same millisecond. In a
/// file that was made for it, all of them did.
const KNOWN: &str = "SELECT 1 FROM (SELECT host, path, body FROM requests WHERE arrived = ?1 LIMIT 100)
    WHERE host = ?2 AND path = ?3 AND body = ?4";

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How long a copy is kept, and how large it may get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    pub(crate) days: u32,
    /// What the database's pages in use take.
    pub(crate) bytes: u64,
}

/// So many requests couldn't be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotKept(pub(crate) u64);

/// Writes the copy.
pub(crate) struct Keeper {
    database: Connection,
    retention: Retention,
    /// Requests that are written, and not committed, and bytes of their bodies.
    pending: u64,
    pending_bytes: usize,
    trimmed: i64,
}

impl Keeper {
    /// Opens the file, or makes it, for its owner alone.
    ///
    /// # Errors
    ///
    /// When it can't be opened, is another program's, or can be read or written by others.
    pub(crate) fn open(path: &Path, retention: Retention) -> Result<Keeper, Failed> {
        file::create(path)?;
        // Not as it is: a path is a path, also where SQLite would take it for a URI.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(Path::new(".").join(path), flags)?;
        database.busy_timeout(std::time::Duration::from_secs(5))?;
        // Before there is a table: so that what is deleted is given back.
        database.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        check(&database, true)?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "NORMAL")?;
        database.pragma_update(None, "foreign_keys", true)?;
        // What was in a page that is free again is not to be found there.
        database.pragma_update(None, "secure_delete", true)?;
        database.pragma_update(None, "journal_size_limit", 4 * AT_ONCE as i64)?;
        Ok(Keeper { database, retention, pending: 0, pending_bytes: 0, trimmed: 0 })
    }

    /// Adds a request with its records.
    ///
    /// # Errors
    ///
    /// When SQLite can't: how many requests are lost by that, as those that weren't committed are gone, too.
    pub(crate) fn keep(&mut self, kept: &Kept<'_>) -> Result<(), NotKept> {
        if self.add(kept).is_err() {
            return Err(NotKept(self.roll_back() + 1));
        }
        if self.pending_bytes > AT_ONCE { self.commit() } else { Ok(()) }
    }

    /// Lets go of what wasn't committed, and says how many requests that were.
    fn roll_back(&mut self) -> u64 {
        // What can't be rolled back is by itself.
        _ = self.database.execute_batch("ROLLBACK");
        self.pending_bytes = 0;
        std::mem::take(&mut self.pending)
    }

    fn add(&mut self, kept: &Kept<'_>) -> Result<(), Failed> {
        if self.database.is_autocommit() {
            self.database.execute_batch("BEGIN IMMEDIATE")?;
        }
        let arrival = kept.arrival;
        // As text where it is some, so that it can be searched.
        let body: &dyn rusqlite::ToSql = match str::from_utf8(&arrival.body) {
            Ok(text) => &text.to_owned(),
            Err(_) => &arrival.body,
        };
        if arrival.answer == Answer::Written {
            let mut known = self.database.prepare_cached(KNOWN)?;
            if known
                .query_row(params![kept.at, arrival.host, arrival.path, body], |_| Ok(()))
                .optional()?
                .is_some()
            {
                return Ok(());
            }
        }
        self.database.prepare_cached(INSERT_REQUEST)?.execute(params![
            kept.at,
            arrival.method,
            arrival.host,
            arrival.path,
            arrival.authenticated,
            arrival.answer.words(),
            body
        ])?;
        let request = self.database.last_insert_rowid();
        let mut insert = self.database.prepare_cached(INSERT_RECORD)?;
        for text in kept.records {
            if let Some(record) = Record::read(text) {
                insert_record(&mut insert, request, &record.frontend, text)?;
            }
        }
        drop(insert);
        self.pending += 1;
        self.pending_bytes += arrival.body.len();
        Ok(())
    }

    /// Writes what was added, and lets go of what is too old or too much.
    ///
    /// # Errors
    ///
    /// When SQLite can't write: how many requests are lost by that.
    pub(crate) fn commit(&mut self) -> Result<(), NotKept> {
        if !self.database.is_autocommit() && self.database.execute_batch("COMMIT").is_err() {
            return Err(NotKept(self.roll_back()));
        }
        (self.pending, self.pending_bytes) = (0, 0);
        let now = now();
        if now - self.trimmed >= TRIM_EVERY || now < self.trimmed {
            self.trimmed = now;
            // What couldn't go is tried again.
            _ = self.trim(now);
        }
        Ok(())
    }

    fn trim(&mut self, now: i64) -> Result<(), Failed> {
        let oldest = now.saturating_sub(i64::from(self.retention.days) * 24 * 60 * 60 * 1000);
        let mut deleted = self.database.execute("DELETE FROM requests WHERE arrived < ?1", [oldest])?;
        while self.used()? > self.retention.bytes {
            // A twentieth at a time, of those that came first.
            let some = "DELETE FROM requests WHERE id IN (SELECT id FROM requests ORDER BY arrived, id LIMIT
                (SELECT count(*) / 20 + 1 FROM requests))";
            match self.database.execute(some, [])? {
                0 => break,
                more => deleted += more,
            }
        }
        if deleted > 0 {
            // One step for each page that is given back.
            let mut give_back = self.database.prepare("PRAGMA incremental_vacuum")?;
            let mut steps = give_back.query([])?;
            while steps.next()?.is_some() {}
        }
        Ok(())
    }

    /// Bytes of the pages that are in use.
    fn used(&self) -> Result<u64, Failed> {
        let of = |pragma: &str| self.database.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        Ok(u64::try_from((of("page_count")? - of("freelist_count")?) * of("page_size")?)?)
    }
}

fn insert_record(
    insert: &mut rusqlite::CachedStatement<'_>,
    request: i64,
    frontend: &Frontend,
    text: &str,
) -> rusqlite::Result<usize> {
    let log = frontend.log();
    let sql = log.and_then(|log| log.sql_operation.as_ref());
    let call = sql.and_then(|sql| sql.operation_detail.as_ref());
    let result = sql.and_then(|sql| sql.result_latency.as_ref());
    let chunks = sql.and_then(|sql| sql.chunk_details.as_ref());
    let error = log.and_then(|log| log.error_info.as_ref());
    insert.execute(params![
        request,
        frontend.frontend_log_event_id,
        frontend.timestamp_millis(),
        frontend.workspace_id,
        log.and_then(|log| log.session_id.as_deref()),
        log.and_then(|log| log.sql_statement_id.as_deref()),
        Record::driver_of(frontend),
        call.and_then(|call| name(call.operation_type.as_ref())),
        sql.and_then(|sql| name(sql.statement_type.as_ref())),
        sql.and_then(|sql| name(sql.execution_result.as_ref())),
        log.and_then(|log| log.operation_latency_ms),
        call.and_then(|call| call.n_operation_status_calls),
        call.and_then(|call| call.operation_status_latency_millis),
        result.and_then(|result| result.result_set_ready_latency_millis),
        result.and_then(|result| result.result_set_consumption_latency_millis),
        chunks.and_then(|chunks| chunks.total_chunks_present),
        chunks.and_then(|chunks| chunks.total_chunks_iterated),
        chunks.and_then(|chunks| chunks.initial_chunk_latency_millis),
        chunks.and_then(|chunks| chunks.slowest_chunk_latency_millis),
        chunks.and_then(|chunks| chunks.sum_chunks_download_time_millis),
        sql.and_then(|sql| sql.retry_count),
        error.map(|error| error.error_name.as_deref().unwrap_or("unnamed")),
        error.and_then(|error| error.stack_trace.as_deref()),
        text,
    ])
}

/// Whether a database is one of ours; an empty one becomes it, where that is wanted.
fn check(database: &Connection, make: bool) -> Result<(), Failed> {
    let of = |pragma: &str| database.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    if (of("application_id")?, of("user_version")?) == (APPLICATION, VERSION) {
        return Ok(());
    }
    let tables: i64 = database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 || !make {
        return Err("the file is no copy that this version of telemetry-view has written".into());
    }
    database.execute_batch(&format!(
        "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::Arrival;

    const WIDE: Retention = Retention { days: 3650, bytes: 1 << 30 };

    struct File(std::path::PathBuf);

    impl File {
        fn new(name: &str) -> File {
            let path =
                std::env::temp_dir().join(format!("telemetry-view-keep-{}-{name}", std::process::id()));
            let file = File(path);
            file.remove();
            file
        }

        fn remove(&self) {
            for end in ["", "-wal", "-shm", "-journal"] {
                _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
            }
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            self.remove();
        }
    }

    fn keep(keeper: &mut Keeper, at: i64, answer: Answer, padding: usize) {
        try_keep(keeper, at, answer, padding).unwrap();
    }

    fn try_keep(keeper: &mut Keeper, at: i64, answer: Answer, padding: usize) -> Result<(), NotKept> {
        let text = format!(r#"{{"frontend_log_event_id":"e{at}","padding":"{}"}}"#, "x".repeat(padding));
        let arrival = Arrival {
            at: Some(at),
            method: "POST".to_owned(),
            host: "h".to_owned(),
            path: "/p".to_owned(),
            authenticated: None,
            body: text.clone().into_bytes(),
            answer,
        };
        // What can't be read makes no row.
        keeper.keep(&Kept { at, arrival: &arrival, records: &[text, "no record".to_owned()] })
    }

    fn count(keeper: &Keeper, table: &str) -> i64 {
        keeper.database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_is_too_old_goes_and_its_records_with_it() {
        let file = File::new("age");
        let mut keeper = Keeper::open(&file.0, Retention { days: 2, ..WIDE }).unwrap();
        let day = 24 * 60 * 60 * 1000;
        for age in [5, 3, 1, 0] {
            keep(&mut keeper, now() - age * day, Answer::Status(200), 1);
        }
        keeper.commit().unwrap();
        assert_eq!((count(&keeper, "requests"), count(&keeper, "records")), (2, 2));
    }

    #[test]
    fn what_is_too_much_goes_the_oldest_first_and_the_disk_gets_it_back() {
        let file = File::new("size");
        let most = 1024 * 1024;
        let mut keeper = Keeper::open(&file.0, Retention { days: 2, bytes: most }).unwrap();
        let begin = now();
        for number in 0..300 {
            keep(&mut keeper, begin + number, Answer::Status(200), 10_000);
        }
        keeper.trimmed = 0;
        keeper.commit().unwrap();
        assert!(keeper.used().unwrap() <= most);
        let (first, last): (i64, i64) = keeper
            .database
            .query_row("SELECT min(arrived), max(arrived) FROM requests", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert!(first > begin && last == begin + 299);
        assert_eq!(count(&keeper, "requests"), count(&keeper, "records"));
        keeper.database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        assert!(std::fs::metadata(&file.0).unwrap().len() <= most + 64 * 1024);
    }

    #[test]
    fn a_file_that_is_read_twice_is_kept_once() {
        let file = File::new("twice");
        let mut keeper = Keeper::open(&file.0, WIDE).unwrap();
        let at = now();
        for _ in 0..2 {
            keep(&mut keeper, at, Answer::Written, 1);
            keep(&mut keeper, at, Answer::Status(503), 1);
        }
        keeper.commit().unwrap();
        assert_eq!(count(&keeper, "requests"), 3, "what was sent twice came twice");
    }

    #[test]
    fn a_request_is_looked_for_among_so_many_of_its_millisecond() {
        let file = File::new("millisecond");
        let mut keeper = Keeper::open(&file.0, WIDE).unwrap();
        let at = now();
        for _ in 0..2 {
            (1..=110).for_each(|padding| keep(&mut keeper, at, Answer::Written, padding));
        }
        keeper.commit().unwrap();
        assert_eq!(count(&keeper, "requests"), 120);
    }

    #[test]
    fn what_has_no_room_is_counted_with_all_that_went_with_it() {
        let file = File::new("full");
        let mut keeper = Keeper::open(&file.0, WIDE).unwrap();
        keep(&mut keeper, now(), Answer::Status(200), 1);
        keeper.commit().unwrap();
        // As a disk that is full by then.
        keeper.database.pragma_update(None, "max_page_count", 30).unwrap();
        let mut lost = 0;
        for _ in 0..50 {
            if let Err(NotKept(more)) = try_keep(&mut keeper, now(), Answer::Status(200), 2_000) {
                assert!(more > 1);
                lost += more;
            }
        }
        keeper.commit().unwrap();
        assert_eq!(count(&keeper, "requests") as u64 + lost, 51);
        keeper.database.pragma_update(None, "max_page_count", 1000).unwrap();
        keep(&mut keeper, now(), Answer::Status(200), 2_000);
        assert_eq!(keeper.commit(), Ok(()));
        assert_eq!(count(&keeper, "requests") as u64 + lost, 52);
    }

    #[test]
    fn what_can_not_be_deleted_costs_nothing_that_is_kept() {
        let file = File::new("undeleted");
        let mut keeper = Keeper::open(&file.0, Retention { days: 2, ..WIDE }).unwrap();
        keeper
            .database
            .execute_batch("CREATE TRIGGER no BEFORE DELETE ON requests BEGIN SELECT raise(ABORT, 'no'); END")
            .unwrap();
        keep(&mut keeper, 0, Answer::Status(200), 1);
        assert_eq!(keeper.commit(), Ok(()));
        assert_eq!(count(&keeper, "requests"), 1);
    }

    #[test]
    fn only_files_of_its_own_are_written() {
        let file = File::new("other");
        file::create(&file.0).unwrap();
        Connection::open(&file.0).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
        assert!(Keeper::open(&file.0, WIDE).is_err());
        std::fs::write(&file.0, "no database at all, but long enough to be looked at as one").unwrap();
        assert!(Keeper::open(&file.0, WIDE).is_err());
        assert!(Keeper::open(Path::new("/nowhere/at/all"), WIDE).is_err());
    }

    #[test]
    fn a_path_that_looks_like_a_uri_is_a_path() {
        // As a URI it would be another file, beside it in the working directory.
        let name = format!("telemetry-view-keep-{}-uri", std::process::id());
        let (file, other) = (File(format!("file:{name}").into()), File(name.into()));
        assert!(Keeper::open(&file.0, WIDE).is_ok());
        assert!(file.0.exists() && !other.0.exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_copy_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let file = File::new("mode");
        let mut keeper = Keeper::open(&file.0, WIDE).unwrap();
        keep(&mut keeper, now(), Answer::Written, 1);
        keeper.commit().unwrap();
        for end in ["", "-wal", "-shm"] {
            let mode = std::fs::metadata(format!("{}{end}", file.0.display())).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{end}");
        }
    }
}
