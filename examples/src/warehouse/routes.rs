//! The warehouse's part of the workspace's API.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use telemetry_testkit::{Answer, Received};

use super::execution::{Execution, Outcome, Phase};
use super::{Warehouse, lock};

/// The longest wait for a statement that a request may ask for.
const MAX_WAIT: Duration = Duration::from_secs(50);

#[derive(Deserialize)]
struct Submit {
    statement: String,
    session_id: Option<String>,
    disposition: Option<String>,
    wait_timeout: Option<String>,
}

impl Warehouse {
    /// Answers a request; `None` where the request is not for it.
    pub fn route(&self, request: &Received) -> Option<Answer> {
        let path = request.path.split('?').next().unwrap_or_default();
        if let Some(rest) = path.strip_prefix("/results/") {
            // A link authorises itself.
            return Some(self.linked(rest, &request.path));
        }
        let rest = path.strip_prefix("/api/2.0/sql/")?;
        let parts: Vec<&str> = rest.split('/').collect();
        if !matches!(parts[0], "sessions" | "statements") {
            return None;
        }
        let token = request.headers.get("authorization").and_then(|header| header.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.inner.tokens.iter().any(|known| known == token)) {
            return Some(refuse(401, "UNAUTHENTICATED", "Credential was not sent or is invalid"));
        }
        Some(match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["sessions"]) => {
                let id = self.new_id();
                lock(&self.inner.sessions).insert(id.clone(), ());
                Answer::json(200, &json!({ "session_id": id }))
            }
            ("DELETE", ["sessions", id]) => match lock(&self.inner.sessions).remove(*id) {
                Some(()) => Answer::json(200, &json!({})),
                None => refuse(404, "NOT_FOUND", "no such session"),
            },
            ("POST", ["statements"]) => self.submit(request),
            (method, ["statements", id, rest @ ..]) => {
                let execution = lock(&self.inner.statements).get(*id).cloned();
                match execution {
                    Some(execution) => self.statement(method, id, rest, &execution, request),
                    None => refuse(404, "NOT_FOUND", "no such statement"),
                }
            }
            _ => refuse(404, "ENDPOINT_NOT_FOUND", "no such endpoint"),
        })
    }

    fn submit(&self, request: &Received) -> Answer {
        let Ok(submit) = serde_json::from_slice::<Submit>(&request.body) else {
            return refuse(400, "MALFORMED_REQUEST", "not a statement");
        };
        if submit.session_id.is_some_and(|id| !lock(&self.inner.sessions).contains_key(&id)) {
            return refuse(404, "NOT_FOUND", "no such session");
        }
        let wait = submit
            .wait_timeout
            .as_deref()
            .and_then(|wait| wait.strip_suffix('s')?.parse().ok())
            .unwrap_or(10);
        let by_links = submit.disposition.as_deref() == Some("EXTERNAL_LINKS");
        let execution = Execution::start(&self.inner, submit.statement, by_links);
        let id = self.new_id();
        lock(&self.inner.statements).insert(id.clone(), Arc::clone(&execution));
        execution.wait(Duration::from_secs(wait).min(MAX_WAIT));
        Answer::json(200, &describe(&id, &execution, request))
    }

    fn statement(
        &self,
        method: &str,
        id: &str,
        rest: &[&str],
        execution: &Execution,
        request: &Received,
    ) -> Answer {
        match (method, rest) {
            ("GET", []) => Answer::json(200, &describe(id, execution, request)),
            ("POST", ["cancel"]) => {
                execution.cancel();
                Answer::json(200, &json!({}))
            }
            ("DELETE", []) => {
                execution.cancel();
                lock(&self.inner.statements).remove(id);
                Answer::json(200, &json!({}))
            }
            ("GET", ["result", "chunks", index]) => {
                let outcome = execution.outcome();
                let chunk = index.parse().ok().zip(outcome);
                match chunk.and_then(|(index, outcome)| data(id, execution, &outcome, index, request)) {
                    Some(data) => Answer::json(200, &data),
                    None => refuse(404, "NOT_FOUND", "no such chunk"),
                }
            }
            _ => refuse(404, "ENDPOINT_NOT_FOUND", "no such endpoint"),
        }
    }

    fn linked(&self, rest: &str, path: &str) -> Answer {
        let Some((id, index)) = rest.split_once('/') else { return Answer::new(404, "") };
        let execution = lock(&self.inner.statements).get(id).cloned();
        let (Some(execution), Ok(index)) = (execution, index.parse()) else { return Answer::new(404, "") };
        if !path.ends_with(&signature(id, index)) {
            return Answer::new(403, "");
        }
        let Some(outcome) = execution.outcome() else { return Answer::new(404, "") };
        match execution.chunk(&outcome, index) {
            Some((_, rows)) => Answer::json(200, &json!(rows)),
            None => Answer::new(404, ""),
        }
    }
}

fn refuse(status: u16, error_code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error_code": error_code, "message": message }))
}

/// What stands for the signature of a presigned link.
fn signature(id: &str, index: usize) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in id.bytes().chain(index.to_string().bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    format!("sig={hash:016x}")
}

fn describe(id: &str, execution: &Execution, request: &Received) -> Value {
    let mut answer = json!({ "statement_id": id });
    answer["status"] = execution.read(|phase| match phase {
        Phase::Failed(error) => json!({
            "state": phase.name(),
            "sql_state": error.sql_state,
            "error": { "error_code": error.class, "message": error.message },
        }),
        phase => json!({ "state": phase.name() }),
    });
    if let Some(outcome) = execution.outcome() {
        let columns: Vec<_> = (0..)
            .zip(&outcome.columns)
            .map(|(position, name)| json!({ "name": name, "position": position, "type_name": "STRING" }))
            .collect();
        answer["manifest"] = json!({
            "format": "JSON_ARRAY",
            "schema": { "column_count": columns.len(), "columns": columns },
            "total_chunk_count": execution.chunks(&outcome),
            "total_row_count": outcome.rows.len(),
        });
        answer["result"] =
            data(id, execution, &outcome, 0, request).unwrap_or_else(|| json!({ "data_array": [] }));
    }
    answer
}

/// One chunk: its rows, or a link to them.
fn data(
    id: &str,
    execution: &Execution,
    outcome: &Outcome,
    index: usize,
    request: &Received,
) -> Option<Value> {
    let (offset, rows) = execution.chunk(outcome, index)?;
    let mut data = json!({ "chunk_index": index, "row_offset": offset, "row_count": rows.len() });
    if execution.by_links {
        let host = request.headers.get("host")?;
        let link = format!("http://{host}/results/{id}/{index}?{}", signature(id, index));
        data["external_links"] = json!([{ "chunk_index": index, "external_link": link }]);
    } else {
        data["data_array"] = json!(rows);
    }
    Some(data)
}
