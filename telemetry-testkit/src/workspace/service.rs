//! From a request to what is done with it: no socket in here.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::answer::{Answer, Received};
use super::behaviour::Behaviour;
use super::envelope;
use super::state::State;
use crate::workspace::watched::Watched;

pub(crate) type Route = Arc<dyn Fn(&Received) -> Option<Answer> + Send + Sync>;
pub(crate) type Routes = Vec<Route>;
pub(crate) type PassOn = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

/// Which part of the workspace a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Flags,
    Telemetry { authenticated: bool },
    Other,
}

impl Path {
    pub(crate) fn of(path: &str) -> Path {
        let path = path.split('?').next().unwrap_or_default();
        match path.strip_prefix("/api/2.0/sql").unwrap_or(path) {
            "/telemetry-ext" => return Path::Telemetry { authenticated: true },
            "/telemetry-unauth" => return Path::Telemetry { authenticated: false },
            _ => {}
        }
        let flags = path.strip_prefix("/api/2.0/connector-service/feature-flags/");
        match flags.and_then(|rest| rest.split_once('/')) {
            Some((client, version))
                if !client.is_empty() && !version.is_empty() && !version.contains('/') =>
            {
                Path::Flags
            }
            _ => Path::Other,
        }
    }
}

/// What is done with a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    Hang,
    /// The connection is taken out of the protocol's hands.
    Raw(Raw),
}

impl Reply {
    /// The status of an answer; `None` where there is none, or none that is HTTP.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Reply::Answer(answer) => Some(answer.status),
            // Slow, but an answer all the same.
            Reply::Raw(Raw::Slow(answer, _)) => std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok(),
            Reply::Hang | Reply::Raw(_) => None,
        }
    }
}

/// What is done with a connection that keeps to no protocol.
#[derive(Debug)]
pub(crate) enum Raw {
    /// Closed by RST.
    Reset,
    /// These bytes, then closed by FIN.
    Bytes(Vec<u8>),
    /// The first bytes, then the others again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes one at a time, with a pause before each, then closed by FIN.
    Slow(Vec<u8>, Duration),
}

/// What is done with a request for flags or with telemetry. It waits only where its behaviour says so.
pub(crate) async fn reply(
    state: &Watched<State>,
    path: Path,
    request: &Received,
    pass_on: Option<&PassOn>,
) -> Reply {
    let behaviour = state.change(|state| match path {
        Path::Flags => state.on_flags.next(),
        Path::Telemetry { .. } | Path::Other => state.on_telemetry.next(),
    });
    // Before anything fails, as what an attempt that failed has sent counts.
    let refused = match path {
        Path::Telemetry { authenticated } if request.method == "POST" => {
            state.change(|state| state.judge(authenticated, &request.body))
        }
        _ => None,
    };
    let serve = |most| serve(state, path, request, refused.as_deref(), most);
    let served = |most| Reply::Answer(serve(most));
    match behaviour {
        Behaviour::Normal => match pass_on {
            Some(pass_on) if refused.is_none() => Reply::Answer(passed_on(pass_on, request).await),
            _ => served(usize::MAX),
        },
        Behaviour::PartiallyAccept(most) => served(most),
        Behaviour::MaxBody(most) if request.body.len() > most => Reply::Answer(Answer::new(413, "")),
        Behaviour::MaxBody(_) => served(usize::MAX),
        Behaviour::Errors if path == Path::Flags => served(usize::MAX),
        Behaviour::Errors => Reply::Answer(Answer::json(
            200,
            &json!({"errors": ["not now"], "numSuccess": 0, "numProtoSuccess": 0, "numRealtimeSuccess": 0}),
        )),
        Behaviour::Status(status) => Reply::Answer(Answer::new(status, "")),
        Behaviour::StatusWith { status, headers, body } => Reply::Answer(Answer { status, headers, body }),
        Behaviour::RetryAfter { status, value } => {
            Reply::Answer(Answer::new(status, "").with_header("retry-after", &value))
        }
        Behaviour::Html => Reply::Answer(
            Answer::new(200, "<!doctype html><title>Sign in</title><p>Sign in to use this network.")
                .with_header("content-type", "text/html"),
        ),
        Behaviour::Redirect(to) => Reply::Answer(Answer::new(307, "").with_header("location", &to)),
        Behaviour::Hang => Reply::Hang,
        Behaviour::Reset => Reply::Raw(Raw::Reset),
        Behaviour::Close => Reply::Raw(Raw::Bytes(Vec::new())),
        Behaviour::Garbage => {
            Reply::Raw(Raw::Bytes(b"\x00\x01garbage, and no line of HTTP\r\n\r\n".to_vec()))
        }
        Behaviour::Truncated => {
            let whole = Answer::json(200, &json!({"errors": [], "numProtoSuccess": 1})).to_bytes();
            Reply::Raw(Raw::Bytes(whole[..whole.len() - 5].to_vec()))
        }
        Behaviour::Endless => {
            let head =
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = [b"2000\r\n".as_slice(), &[b' '; 0x2000], b"\r\n"].concat();
            Reply::Raw(Raw::Endless(head.to_vec(), chunk))
        }
        Behaviour::Slow(pause) => Reply::Raw(Raw::Slow(serve(usize::MAX).to_bytes(), pause)),
    }
}

/// What another answers, on a thread on which it may block.
async fn passed_on(pass_on: &PassOn, request: &Received) -> Answer {
    let (pass_on, request) = (Arc::clone(pass_on), request.clone());
    let answered = tokio::task::spawn_blocking(move || pass_on(&request)).await;
    answered.unwrap_or_else(|_| Answer::new(500, "passing it on panicked"))
}

/// Serves a request as a service that works, accepting at most `most` records, and none for what a strict one
/// refuses.
fn serve(
    state: &Watched<State>,
    path: Path,
    request: &Received,
    refused: Option<&str>,
    most: usize,
) -> Answer {
    let refuse = |status, message: &str| Answer::json(status, &json!({"error": message}));
    let method = if path == Path::Flags { "GET" } else { "POST" };
    if request.method != method {
        return refuse(405, "another method is wanted");
    }
    if path != (Path::Telemetry { authenticated: false }) && !state.read(|state| state.authorises(request)) {
        return refuse(401, "no valid credential");
    }
    if path == Path::Flags {
        return Answer::json(200, &state.read(|state| state.flags_answer(request)));
    }
    if let Some(reason) = refused {
        return refuse(400, reason);
    }
    let mut records = match envelope::open(&request.body) {
        Ok(records) => records,
        Err(message) => return refuse(400, &message),
    };
    records.truncate(most);
    let accepted = records.len();
    state.change(|state| state.accept(&records));
    Answer::json(
        200,
        &json!({"errors": [], "numSuccess": 0, "numProtoSuccess": accepted, "numRealtimeSuccess": 0}),
    )
}

/// What the routes answer to a request that is neither flags nor telemetry.
pub(crate) fn route(routes: &Routes, request: &Received) -> Answer {
    let answer = routes.iter().find_map(|route| route(request));
    answer.unwrap_or_else(|| Answer::json(404, &json!({"error": "no such path"})))
}
