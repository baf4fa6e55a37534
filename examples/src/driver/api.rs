//! The messages of the Statement Execution API, as far as this driver reads them.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Session {
    pub(crate) session_id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Statement {
    pub(crate) statement_id: String,
    pub(crate) status: Status,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) result: Option<ResultData>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) state: State,
    pub(crate) error: Option<ServiceError>,
    pub(crate) sql_state: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    Pending,
    Running,
    Succeeded,
    Failed,
    Canceled,
    Closed,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServiceError {
    pub(crate) error_code: String,
    pub(crate) message: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) schema: Schema,
    #[serde(default)]
    pub(crate) total_chunk_count: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Schema {
    #[serde(default)]
    pub(crate) columns: Vec<Column>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
}

/// One chunk of a result: its rows, or links to them.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ResultData {
    pub(crate) data_array: Option<Vec<Row>>,
    pub(crate) external_links: Option<Vec<ExternalLink>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ExternalLink {
    pub(crate) external_link: String,
}

pub(crate) type Row = Vec<Option<String>>;
