//! Exporters that speak HTTP.

use std::sync::Arc;
use std::time::Duration;

use telemetry_core::plugin::{Attempt, AuthHeaders, PluginError, Receipt};
use telemetry_core::record::Record;
use telemetry_core::{Exporter, Fault, classify};

use super::samples::{CORRELATING, records, wall};
use super::{SECRET, assert_hidden, blocks_no_thread, exporter, until, within};
use crate::workspace::{Behaviour, FakeWorkspace};

/// How many records an attempt has.
const RECORDS: usize = 4;

/// Checks an [`Exporter`] that posts to a workspace, against [`FakeWorkspace`]s; `make` makes a new one each
/// time. Give it a timeout of its own that is well under ten seconds.
///
/// Checked, besides what [`exporter`](super::exporter()) checks:
///
/// - one call is one request, whatever comes of it, and a `Retry-After` is reported, not waited out;
/// - each status has its class, and a redirect is [`Fault::Redirect`], which is not followed;
/// - the receipt says what the service said was accepted, and an answer that says nothing of it is
///   [`Fault::BadAnswer`];
/// - credentials are sent to the host; without them nothing is sent that correlates, nor any that an earlier
///   attempt had;
/// - it ends by itself when the service doesn't answer;
/// - it is safe to cancel: the socket of an attempt that was dropped is closed, and the next one is
///   delivered;
/// - it doesn't block its thread;
/// - its `Debug` shows no credential.
///
/// Not checked: that a batch larger than it can send is [`Fault::TooLarge`], and that it calls nothing that
/// records.
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn http_exporter<E: Exporter>(make: impl Fn() -> E) {
    // First, because what blocks ends no test by itself.
    lets_others_run(make());
    let workspace = FakeWorkspace::start();
    exporter(&make(), &workspace.host()).await;
    delivers_under_credentials_or_without_what_correlates(&make()).await;
    says_what_was_accepted(&make()).await;
    tries_once(&make()).await;
    follows_no_redirect(&make()).await;
    is_safe_to_cancel(&make()).await;
    ends_by_itself(&make()).await;
}

async fn export(
    exporter: &dyn Exporter,
    workspace: &FakeWorkspace,
    credentials: Option<&AuthHeaders>,
) -> Result<Receipt, PluginError> {
    let (host, records) = (workspace.host(), records(RECORDS));
    let attempt = Attempt::new(&host, &records, wall()).with_credentials(credentials);
    within("Exporter::export ends by itself", exporter.export(&attempt)).await
}

fn secret() -> AuthHeaders {
    AuthHeaders::bearer(SECRET)
}

async fn delivers_under_credentials_or_without_what_correlates(exporter: &dyn Exporter) {
    let workspace = FakeWorkspace::builder().require_tokens([SECRET]).start();
    for credentials in [None, Some(secret()), None] {
        let before = workspace.records().len();
        let receipt = export(exporter, &workspace, credentials.as_ref()).await;
        let how = if credentials.is_some() { "under credentials" } else { "without credentials" };
        assert_eq!(
            workspace.records().len(),
            before + RECORDS,
            "Exporter::export delivers the batch {how}, but the service didn't take it: {receipt:?}"
        );
        assert_eq!(
            receipt,
            Ok(Receipt::new(RECORDS)),
            "Exporter::export says what the service said, but all was accepted {how}"
        );
    }
    let requests = workspace.received();
    for request in [&requests[0], &requests[2]] {
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let sent = format!("{} {} {}", request.path, headers.join(" "), request.text());
        assert!(
            !sent.contains(SECRET),
            "Exporter::export sends no credentials without credentials, but it did"
        );
        for (text, what) in CORRELATING {
            assert!(
                !sent.contains(text),
                "Exporter::export sends nothing that correlates without credentials, but it sent {what}"
            );
        }
    }
    assert_hidden("Exporter", &exporter);
}

async fn says_what_was_accepted(exporter: &dyn Exporter) {
    let workspace = FakeWorkspace::start();
    for accepted in [0, 1, RECORDS] {
        workspace.on_telemetry(Behaviour::PartiallyAccept(accepted));
        let receipt = export(exporter, &workspace, Some(&secret())).await;
        assert_eq!(
            receipt,
            Ok(Receipt::new(accepted)),
            "Exporter::export says what the service said, but of {accepted} accepted it said otherwise"
        );
    }
    let ok = |body: &str| Behaviour::StatusWith { status: 200, headers: Vec::new(), body: body.into() };
    for (behaviour, what) in
        [(Behaviour::Html, "a page"), (ok(""), "nothing"), (ok("{"), "half an object"), (ok("[]"), "a list")]
    {
        workspace.on_telemetry(behaviour);
        let fault = export(exporter, &workspace, Some(&secret())).await.map_err(|failure| failure.fault);
        assert_eq!(
            fault,
            Err(Fault::BadAnswer),
            "Exporter::export fails with Fault::BadAnswer when it can't understand the answer, but of {what} it \
             said otherwise"
        );
    }
    for (behaviour, what) in [
        (ok("{}"), "an object without a number"),
        (Behaviour::Errors, "errors"),
        (Behaviour::Truncated, "a body that broke off"),
        (Behaviour::Garbage, "what isn't HTTP"),
    ] {
        workspace.on_telemetry(behaviour);
        let receipt = export(exporter, &workspace, Some(&secret())).await;
        assert!(
            receipt.is_err() || receipt == Ok(Receipt::new(0)),
            "Exporter::export counts nothing as accepted that the service doesn't vouch for, but of {what} it \
             said {receipt:?}"
        );
    }
}

async fn tries_once(exporter: &dyn Exporter) {
    let statuses = [400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504];
    let others = [Behaviour::Reset, Behaviour::Close, Behaviour::Html, Behaviour::Errors];
    for behaviour in statuses.into_iter().map(Behaviour::Status).chain(others) {
        // One each, so that no connection is left on which a request could have been lost.
        let workspace = FakeWorkspace::start();
        workspace.on_telemetry(behaviour.clone());
        let receipt = export(exporter, &workspace, Some(&secret())).await;
        assert_one_request(&workspace, &behaviour);
        match behaviour {
            Behaviour::Status(status) => {
                let class = receipt.map_err(|failure| failure.class());
                assert_eq!(
                    class,
                    Err(classify(status)),
                    "Exporter::export fails as its status is classed, but with {status} it did otherwise"
                );
            }
            Behaviour::Reset | Behaviour::Close => {
                assert!(receipt.is_err(), "Exporter::export fails when there is no answer, but it didn't");
            }
            _ => {}
        }
    }
    for status in [429, 503] {
        let workspace = FakeWorkspace::start();
        let behaviour = Behaviour::RetryAfter { status, value: "120".to_owned() };
        workspace.on_telemetry(behaviour.clone());
        let receipt = export(exporter, &workspace, Some(&secret())).await;
        assert_one_request(&workspace, &behaviour);
        let wait = receipt.err().and_then(|failure| failure.retry_after);
        assert_eq!(
            wait,
            Some(Duration::from_secs(120)),
            "Exporter::export reports a Retry-After, but of a {status} it reported another"
        );
    }
}

fn assert_one_request(workspace: &FakeWorkspace, behaviour: &Behaviour) {
    let requests = workspace.received().len();
    assert_eq!(
        requests, 1,
        "Exporter::export makes one attempt a call, but on {behaviour:?} it made {requests} requests"
    );
}

async fn follows_no_redirect(exporter: &dyn Exporter) {
    let (workspace, other) = (FakeWorkspace::start(), FakeWorkspace::start());
    workspace.on_telemetry(Behaviour::Redirect(format!("{}/telemetry-ext", other.url())));
    let receipt = export(exporter, &workspace, Some(&secret())).await;
    assert!(
        other.received().is_empty(),
        "Exporter::export sends records and credentials to the host and to nobody else, but it followed a redirect"
    );
    assert_one_request(&workspace, &Behaviour::Redirect("another host".to_owned()));
    let fault = receipt.map_err(|failure| failure.fault);
    assert_eq!(
        fault,
        Err(Fault::Redirect),
        "Exporter::export fails with Fault::Redirect when it is redirected, but it said otherwise"
    );
}

async fn is_safe_to_cancel(exporter: &dyn Exporter) {
    const CLOSED: &str =
        "Exporter::export is safe to cancel, and closes the socket of an attempt that was dropped";
    const SENT: &str = "Exporter::export sends its request when it is polled";
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Hang);
    let credentials = secret();
    tokio::select! {
        _ = export(exporter, &workspace, Some(&credentials)) => {}
        () = within(SENT, workspace.until_requests(1)) => {}
    }
    until(CLOSED, || workspace.connections() == 0).await;
    workspace.on_telemetry(Behaviour::Normal);
    let receipt = export(exporter, &workspace, Some(&secret())).await;
    assert_eq!(
        receipt,
        Ok(Receipt::new(RECORDS)),
        "Exporter::export is safe to cancel, but the attempt after one that was dropped failed"
    );
    assert_eq!(
        workspace.received().len(),
        2,
        "Exporter::export leaves nothing running when it is cancelled, but more was sent"
    );
}

fn lets_others_run<E: Exporter>(exporter: E) {
    let workspace = Arc::new(FakeWorkspace::start());
    workspace.on_telemetry(Behaviour::Hang);
    let (waits, host, records): (_, _, Vec<Arc<Record>>) =
        (Arc::clone(&workspace), workspace.host(), records(RECORDS));
    blocks_no_thread(
        "Exporter::export doesn't block its thread",
        async move {
            let credentials = secret();
            let attempt = Attempt::new(&host, &records, wall()).with_credentials(Some(&credentials));
            exporter.export(&attempt).await
        },
        async move { waits.until_requests(1).await },
    );
}

async fn ends_by_itself(exporter: &dyn Exporter) {
    let workspace = FakeWorkspace::start();
    workspace.on_telemetry(Behaviour::Hang);
    let receipt = export(exporter, &workspace, Some(&secret())).await;
    assert!(receipt.is_err(), "Exporter::export fails when the service doesn't answer, but it didn't");
}
