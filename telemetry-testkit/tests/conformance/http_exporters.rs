use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use serde_json::{Value, json};
use telemetry_core::plugin::{Attempt, AuthHeaders, HttpRequest, Method, PluginError, Receipt, Transport};
use telemetry_core::record::Record;
use telemetry_core::{Exporter, Fault};
use telemetry_testkit::conformance;

use crate::http::{self, ByHand};
use crate::{Refused, run};

#[test]
fn an_exporter_by_hand_conforms() {
    run(conformance::http_exporter(|| Posts::new(None, ByHand::default())));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    SendsNothing,
    LeavesRecordsOut,
    KeepsCredentials,
    SendsWorkspace,
    SendsSession,
    SendsStatement,
    SendsSystem,
    SendsParameters,
    SendsStack,
    SaysAllWasAccepted,
    StatusIsSuccess,
    StatusIsARetry,
    ForgetsRetryAfter,
    WaitsOutRetryAfter,
    Retries,
    BadAnswerIsSuccess,
    BadAnswerIsARetry,
    CountsWhatNobodyVouchesFor,
    RedirectIsAStatus,
    NeverGivesUp,
    TimeoutIsSuccess,
    ResetIsSuccess,
    ShowsCredentials,
}

#[derive(Debug)]
struct Posts {
    flaw: Option<Flaw>,
    transport: ByHand,
    kept: Mutex<Option<AuthHeaders>>,
    shown: Mutex<Option<String>>,
}

impl Posts {
    fn new(flaw: Option<Flaw>, transport: ByHand) -> Self {
        Posts { flaw, transport, kept: Mutex::default(), shown: Mutex::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn encode(&self, record: &Record, authenticated: bool) -> Value {
        let session = &record.session;
        let sends = |flaw| authenticated || self.has(flaw);
        let mut value = json!({"frontend_log_event_id": record.id.to_string()});
        if sends(Flaw::SendsWorkspace) {
            value["workspace_id"] = json!(session.workspace_id);
        }
        if sends(Flaw::SendsSession) {
            value["session_id"] = json!(session.session_id.map(|id| id.to_string()));
        }
        if sends(Flaw::SendsStatement) {
            value["statement_id"] = json!(record.body.statement_id.map(|id| id.to_string()));
        }
        if sends(Flaw::SendsSystem) {
            value["os_name"] = json!(session.driver.system.os_name);
        }
        if sends(Flaw::SendsParameters) {
            value["http_path"] = json!(session.params.http_path);
        }
        if sends(Flaw::SendsStack) {
            value["stack"] = json!(record.body.error.as_ref().and_then(|error| error.text.as_deref()));
        }
        value
    }

    fn request(&self, attempt: &Attempt<'_>, credentials: Option<&AuthHeaders>) -> HttpRequest {
        let authenticated = attempt.credentials.is_some();
        let skipped = usize::from(self.has(Flaw::LeavesRecordsOut));
        let logs: Vec<_> = attempt.records.iter().skip(skipped).collect();
        let logs: Vec<_> =
            logs.into_iter().map(|record| self.encode(record, authenticated).to_string()).collect();
        let wall = attempt.wall.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let path = if authenticated { "/telemetry-ext" } else { "/telemetry-unauth" };
        let mut request = HttpRequest::new(Method::Post, attempt.host.clone(), path);
        request.headers = credentials.cloned().unwrap_or_default();
        request.body = json!({"uploadTime": wall, "items": [], "protoLogs": logs}).to_string().into();
        let endless = self.has(Flaw::NeverGivesUp);
        request.timeout = if endless { Duration::MAX } else { Duration::from_millis(500) };
        request
    }
}

#[async_trait]
impl Exporter for Posts {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let all = Ok(Receipt::new(attempt.records.len()));
        let mut credentials = attempt.credentials.cloned();
        match self.flaw {
            Some(Flaw::SendsNothing) => return all,
            Some(Flaw::KeepsCredentials) => {
                let mut kept = self.kept.lock().unwrap();
                credentials = credentials.or_else(|| kept.clone());
                kept.clone_from(&credentials);
            }
            Some(Flaw::ShowsCredentials) => {
                let token = attempt.credentials.and_then(|headers| headers.get("authorization"));
                *self.shown.lock().unwrap() = token.map(str::to_owned);
            }
            _ => {}
        }
        let request = self.request(attempt, credentials.as_ref());
        let mut sent = self.transport.send(request.clone()).await;
        let wait = sent.as_ref().ok().and_then(|response| response.retry_after(attempt.wall));
        if self.has(Flaw::WaitsOutRetryAfter)
            && let Some(wait) = wait
        {
            tokio::time::sleep(wait).await;
        }
        let failed = sent.as_ref().is_ok_and(|response| response.status == 503);
        if self.has(Flaw::Retries) && failed {
            sent = self.transport.send(request).await;
        }
        if self.has(Flaw::TimeoutIsSuccess) && sent.as_ref().is_err_and(|error| error.fault == Fault::Timeout)
        {
            return all;
        }
        if self.has(Flaw::ResetIsSuccess) && sent.as_ref().is_err_and(|error| error.fault == Fault::Reset) {
            return all;
        }
        let body = match sent?.into_success(attempt.wall) {
            Ok(body) => body,
            Err(failure) => match (self.flaw, failure.fault) {
                (Some(Flaw::StatusIsSuccess), _) => return all,
                (Some(Flaw::StatusIsARetry), Fault::Status(_)) => return Err(Fault::Reset.into()),
                (Some(Flaw::RedirectIsAStatus), Fault::Redirect) => return Err(Fault::Status(500).into()),
                (Some(Flaw::ForgetsRetryAfter), fault) => return Err(fault.into()),
                _ => return Err(failure),
            },
        };
        let accepted = serde_json::from_slice::<Value>(&body).ok();
        let errors = accepted.as_ref().is_some_and(|answer| !answer["errors"][0].is_null());
        match (self.flaw, accepted.and_then(|answer| answer["numProtoSuccess"].as_u64())) {
            (Some(Flaw::SaysAllWasAccepted), Some(_)) => all,
            (Some(Flaw::CountsWhatNobodyVouchesFor), Some(0)) if errors => all,
            (_, Some(accepted)) => Ok(Receipt::new(accepted as usize)),
            (Some(Flaw::BadAnswerIsSuccess), None) => all,
            (Some(Flaw::BadAnswerIsARetry), None) => Err(Fault::Reset.into()),
            (_, None) => Err(Fault::BadAnswer.into()),
        }
    }
}

fn broken(flaw: Flaw) -> impl FnOnce() + Send + 'static {
    move || run(conformance::http_exporter(|| Posts::new(Some(flaw), ByHand::default())))
}

/// Over a transport that is broken, with time enough to see that a request goes on.
fn over(flaw: http::Flaw) -> impl FnOnce() + Send + 'static {
    let patient = Some(Flaw::NeverGivesUp);
    move || run(conformance::http_exporter(|| Posts::new(patient, ByHand::with(flaw))))
}

#[test]
fn broken_http_exporters_are_refused() {
    Refused::new()
        .with("delivers the batch", broken(Flaw::SendsNothing))
        .with("delivers the batch", broken(Flaw::LeavesRecordsOut))
        .with("no credentials without credentials", broken(Flaw::KeepsCredentials))
        .with("it sent the workspace's id", broken(Flaw::SendsWorkspace))
        .with("it sent the session's id", broken(Flaw::SendsSession))
        .with("it sent a statement's id", broken(Flaw::SendsStatement))
        .with("it sent the system's configuration", broken(Flaw::SendsSystem))
        .with("it sent a connection parameter", broken(Flaw::SendsParameters))
        .with("it sent a stack", broken(Flaw::SendsStack))
        .with("says what the service said", broken(Flaw::SaysAllWasAccepted))
        .with("fails as its status is classed", broken(Flaw::StatusIsARetry))
        .with("reports a Retry-After", broken(Flaw::ForgetsRetryAfter))
        .with("makes one attempt a call", broken(Flaw::Retries))
        .with("fails with Fault::BadAnswer", broken(Flaw::BadAnswerIsSuccess))
        .with("fails with Fault::BadAnswer", broken(Flaw::BadAnswerIsARetry))
        .with("the service doesn't vouch for", broken(Flaw::CountsWhatNobodyVouchesFor))
        .with("the service doesn't vouch for", broken(Flaw::StatusIsSuccess))
        .with("fails with Fault::Redirect", broken(Flaw::RedirectIsAStatus))
        .with("fails when there is no answer", broken(Flaw::ResetIsSuccess))
        .with("fails when the service doesn't answer", broken(Flaw::TimeoutIsSuccess))
        .with("shows no credential", broken(Flaw::ShowsCredentials))
        .with("to the host and to nobody else", over(http::Flaw::FollowsRedirects))
        .with("the attempt after one that was dropped", over(http::Flaw::StaysBusyWhenCancelled))
        .with("doesn't block its thread", over(http::Flaw::BlocksItsThread))
        .check();
}

/// What it takes the safety net to refuse.
pub(crate) fn endless(refused: Refused) -> Refused {
    refused
        .with("ends by itself", broken(Flaw::WaitsOutRetryAfter))
        .with("ends by itself", broken(Flaw::NeverGivesUp))
        .with("closes the socket of an attempt that was dropped", over(http::Flaw::GoesOnWhenCancelled))
}
