//! Statements: polling, chunks in parallel, errors, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use telemetry_core::{
    Chunk, ChunkRecorder, Operation, OperationType, ResultFormat, Session, Statement, StatementType,
};

use super::api::{self, Row, State};
use super::error::Error;
use super::http::{Answered, Endpoint};

/// How many chunks are downloaded at a time.
const PARALLEL: u32 = 4;

/// How a result is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetch {
    /// With the answer itself, chunk by chunk.
    Inline,
    /// By links to its chunks, several at a time.
    Links,
    /// Without waiting for the first answer, so that the driver polls.
    Poll,
    /// As metadata: inline, on the driver's own account.
    Metadata,
}

impl Fetch {
    pub(super) fn disposition(self) -> &'static str {
        if self == Fetch::Links { "EXTERNAL_LINKS" } else { "INLINE" }
    }

    pub(super) fn wait_timeout(self) -> &'static str {
        if self == Fetch::Poll { "0s" } else { "10s" }
    }

    pub(super) fn kind_of(self, sql: &str) -> StatementType {
        let word = sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            _ if self == Fetch::Metadata => StatementType::Metadata,
            "SELECT" | "WITH" | "VALUES" => StatementType::Query,
            "INSERT" | "UPDATE" | "DELETE" | "MERGE" => StatementType::Update,
            _ => StatementType::Sql,
        }
    }
}

/// All rows of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows; every value as text, `None` for NULL.
    pub rows: Vec<Row>,
    /// In how many chunks they came.
    pub chunks: u32,
}

/// A statement that runs.
#[derive(Debug)]
pub struct Running {
    endpoint: Arc<Endpoint>,
    session: Session,
    telemetry: Statement,
    statement: api::Statement,
    /// How long the latest answer about it took.
    latency: Duration,
}

impl Running {
    pub(super) fn new(
        endpoint: Arc<Endpoint>,
        session: Session,
        mut telemetry: Statement,
        answered: Answered<api::Statement>,
    ) -> Self {
        telemetry.id(&answered.value.statement_id);
        if answered.retries > 0 {
            telemetry.retried(answered.retries);
        }
        Running { endpoint, session, telemetry, statement: answered.value, latency: answered.latency }
    }

    /// The id that the service gave it.
    pub fn id(&self) -> &str {
        &self.statement.statement_id
    }

    pub(super) fn is_operation(&mut self, operation: OperationType) {
        self.telemetry.operation(operation);
        self.telemetry.internal(true);
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/2.0/sql/statements/{}{rest}", self.statement.statement_id)
    }

    fn is_going(&self) -> bool {
        matches!(self.statement.status.state, State::Pending | State::Running)
    }

    /// Asks the service to cancel it. That it was is said by [`rows`](Running::rows).
    ///
    /// # Errors
    ///
    /// [`Error`] when the service can't be told.
    pub async fn cancel(&mut self) -> Result<(), Error> {
        let answered: Answered<Value> = self.endpoint.post(&self.path("/cancel"), &json!({})).await?;
        let cancel = Operation::new(OperationType::CancelStatement, answered.latency);
        self.session.operation(cancel.statement(self.id()));
        Ok(())
    }

    /// Waits for it, and reads all its rows.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`] when it fails, [`Error::Cancelled`] when it was cancelled, others as the network
    /// has it.
    pub async fn rows(mut self) -> Result<Rows, Error> {
        let read = self.read().await;
        match &read {
            Ok(_) => self.telemetry.complete(),
            Err(error) => self.telemetry.failed(|| error.details()),
        }
        read
    }

    async fn read(&mut self) -> Result<Rows, Error> {
        self.wait().await?;
        let columns = match self.statement.manifest.take() {
            Some(manifest) => {
                self.telemetry.chunks_present(manifest.total_chunk_count);
                Some((
                    manifest.schema.columns.into_iter().map(|column| column.name).collect(),
                    manifest.total_chunk_count,
                ))
            }
            None => None,
        };
        let Some((columns, chunks)) = columns else { return Ok(Rows::default()) };
        let first = self.statement.result.take().unwrap_or_default();
        let rows = if first.external_links.is_some() {
            self.telemetry.format(ResultFormat::ExternalLinks);
            self.telemetry.compressed(false);
            self.download(chunks).await?
        } else {
            self.telemetry.format(ResultFormat::InlineJson);
            self.page(first, chunks).await?
        };
        self.telemetry.result_consumed();
        // Not awaited for its result: a statement that can't be closed is closed with its session.
        if let Ok(latency) = self.endpoint.delete(&self.path("")).await {
            let close = Operation::new(OperationType::CloseStatement, latency).internal(true);
            self.session.operation(close.statement(self.id()));
        }
        Ok(Rows { columns, rows, chunks })
    }

    /// Polls until it is done, more and more slowly.
    async fn wait(&mut self) -> Result<(), Error> {
        let mut pause = Duration::from_millis(5);
        while self.is_going() {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
            let answered = self.endpoint.get(&self.path("")).await?;
            self.telemetry.poll(answered.latency);
            if answered.retries > 0 {
                self.telemetry.retried(answered.retries);
            }
            (self.statement, self.latency) = (answered.value, answered.latency);
        }
        let status = &mut self.statement.status;
        match status.state {
            State::Succeeded => Ok(()),
            State::Canceled => Err(Error::Cancelled),
            _ => {
                let (class, message) = match status.error.take() {
                    Some(error) => (error.error_code, error.message),
                    None => ("UNKNOWN".to_owned(), "the statement failed".to_owned()),
                };
                Err(Error::Statement { class, sql_state: status.sql_state.take(), message })
            }
        }
    }

    /// The rows that came with the answer, and then those of the other chunks, one after the other.
    async fn page(&mut self, first: api::ResultData, chunks: u32) -> Result<Vec<Row>, Error> {
        let mut rows = first.data_array.unwrap_or_default();
        self.telemetry.result_ready();
        if chunks > 0 {
            self.telemetry.chunk(Chunk::new(0, self.latency));
        }
        for index in 1..chunks {
            let chunk: Answered<api::ResultData> =
                self.endpoint.get(&self.path(&format!("/result/chunks/{index}"))).await?;
            let data = chunk.value.data_array.ok_or(Error::Protocol("a chunk without rows"))?;
            self.telemetry.chunk(Chunk::new(index, chunk.latency));
            rows.extend(data);
        }
        Ok(rows)
    }

    /// The rows that links point to, several chunks at a time, in their order.
    async fn download(&mut self, chunks: u32) -> Result<Vec<Row>, Error> {
        let next = Arc::new(AtomicU32::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..PARALLEL.min(chunks) {
            let recorder = self.telemetry.chunk_recorder();
            let (endpoint, path) = (Arc::clone(&self.endpoint), self.path("/result/chunks/"));
            tasks.spawn(download_some(endpoint, path, Arc::clone(&next), chunks, recorder));
        }
        let mut parts = Vec::new();
        while let Some(done) = tasks.join_next().await {
            if parts.is_empty() {
                self.telemetry.result_ready();
            }
            parts.extend(done.map_err(|_| Error::Protocol("a download was lost"))??);
        }
        parts.sort_by_key(|(index, _)| *index);
        Ok(parts.into_iter().flat_map(|(_, rows)| rows).collect())
    }
}

/// One of several parallel downloads: takes chunk after chunk until there is none left.
async fn download_some(
    endpoint: Arc<Endpoint>,
    path: String,
    next: Arc<AtomicU32>,
    chunks: u32,
    recorder: ChunkRecorder,
) -> Result<Vec<(u32, Vec<Row>)>, Error> {
    let mut parts = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= chunks {
            return Ok(parts);
        }
        let start = Instant::now();
        let links: Answered<api::ResultData> = endpoint.get(&format!("{path}{index}")).await?;
        let links = links.value.external_links.unwrap_or_default();
        let link = links.first().ok_or(Error::Protocol("a chunk without a link"))?;
        let body = endpoint.download(&link.external_link).await?;
        recorder.chunk(Chunk::new(index, start.elapsed()).bytes(body.len() as u64).compressed(false));
        let rows = serde_json::from_slice(&body).map_err(|_| Error::Protocol("a chunk that isn't JSON"))?;
        parts.push((index, rows));
    }
}
