//! One attempt: where it goes, what stands above it, and what its answers mean.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use telemetry_core::plugin::{Attempt, AuthHeaders, HttpResponse, PluginError, Receipt, Transport};
use telemetry_core::{Exporter, Fault, Host, HostPolicy, async_trait};
use telemetry_export_otlp::{Compression, OtlpConfig, OtlpExporter, Signal};
use telemetry_testkit::{Do, Script, ScriptedTransport};

use crate::common::{accepting, answering, as_json, batch, date, export, exporter, host};

const CANARY: &str = "canary";

#[tokio::test]
async fn a_batch_is_its_spans_then_its_log_records_then_its_metrics() {
    let transport = accepting();
    let config = OtlpConfig::default().all(|all| all.endpoint("http://collector:4318/base"));
    let receipt = export(&exporter(&transport, config), &batch(4), None).await;
    assert_eq!(receipt, Ok(Receipt::new(4)));
    let requests = transport.requests();
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/base/v1/traces", "/base/v1/logs", "/base/v1/metrics"]);
    for request in &requests {
        assert_eq!(request.host.origin(), "http://collector:4318");
        assert_eq!(request.timeout, Duration::from_secs(10));
        assert!(request.max_response_bytes <= 64 * 1024);
        let agent = concat!("telemetry-export-otlp/", env!("CARGO_PKG_VERSION"));
        let expected = [
            ("content-type", "application/x-protobuf"),
            ("accept", "application/x-protobuf"),
            ("user-agent", agent),
        ];
        assert_eq!(request.headers.iter().collect::<Vec<_>>(), expected);
    }
}

/// The collector is the operator's: nothing that authorises at the workspace goes there, nor does anything
/// depend on it.
#[tokio::test]
async fn no_credential_of_the_workspace_goes_to_a_collector() {
    let transport = accepting();
    let config = OtlpConfig::default().all(|all| all.header("x-own", "the-collectors-key"));
    let exporter = exporter(&transport, config);
    let credentials = AuthHeaders::bearer("canary-token")
        .with("x-databricks-org-id", "canary-org")
        .with("cookie", "canary=1")
        .with("x-canary", "1");
    let (host, records) = (host(), batch(3));
    for (credentials, workspace) in [(None, None), (Some(&credentials), Some(99_887_766))] {
        let attempt =
            Attempt::new(&host, &records, date()).with_credentials(credentials).of_workspace(workspace);
        assert_eq!(exporter.export(&attempt).await, Ok(Receipt::new(3)));
    }
    let requests = transport.requests();
    for (without, with) in requests[..3].iter().zip(&requests[3..]) {
        assert_eq!((&without.path, &without.headers), (&with.path, &with.headers));
        assert!(without.body == with.body);
        assert_eq!(with.headers.get("x-own"), Some("the-collectors-key"), "a plain neighbour");
        let headers: String = with.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let sent = format!("{} {headers} {}", with.path, String::from_utf8_lossy(&with.body));
        assert!(!sent.contains(CANARY) && !sent.contains("99887766"), "{sent}");
    }
}

#[tokio::test]
async fn bodies_are_compressed_where_that_is_said_and_say_so() {
    let plain = accepting();
    export(&exporter(&plain, OtlpConfig::default()), &batch(200), None).await.unwrap();
    let zipped = accepting();
    let config = OtlpConfig::default()
        .all(|all| all.compression(Compression::Gzip))
        .signal(Signal::Logs, |logs| logs.compression(Compression::None));
    export(&exporter(&zipped, config), &batch(200), None).await.unwrap();
    for (number, (plain, zipped)) in plain.requests().into_iter().zip(zipped.requests()).enumerate() {
        if number == 1 {
            assert_eq!(zipped.headers.get("content-encoding"), None);
            assert!(plain.body == zipped.body);
            continue;
        }
        assert_eq!(zipped.headers.get("content-encoding"), Some("gzip"));
        let mut body = Vec::new();
        flate2::read::GzDecoder::new(zipped.body.as_slice()).read_to_end(&mut body).unwrap();
        assert!(body == plain.body && zipped.body.len() < body.len());
    }
    assert!(plain.requests()[0].body.len() > 128 * 1024, "more than one turn");
}

#[tokio::test]
async fn each_signal_goes_where_it_is_sent_and_none_that_is_off() {
    let transport = accepting();
    let config = OtlpConfig::default()
        .signal(Signal::Traces, |traces| traces.endpoint("https://a.example.com/otlp?key=1"))
        .signal(Signal::Logs, |logs| logs.off())
        .signal(Signal::Metrics, |metrics| metrics.endpoint("http://10.0.0.1"));
    assert_eq!(export(&exporter(&transport, config), &batch(2), None).await, Ok(Receipt::new(2)));
    let urls: Vec<_> = transport
        .requests()
        .into_iter()
        .map(|request| format!("{}{}", request.host.origin(), request.path))
        .collect();
    assert_eq!(urls, ["https://a.example.com/otlp?key=1", "http://10.0.0.1/"]);
}

async fn answered(response: HttpResponse) -> PluginError {
    let transport = answering([response]);
    let result = export(&exporter(&transport, OtlpConfig::default()), &batch(2), None).await;
    assert_eq!(transport.requests().len(), 1, "one attempt, which ends with its first failure");
    result.unwrap_err()
}

#[tokio::test]
async fn a_status_is_a_fault_with_what_the_collector_asks_to_wait() {
    for status in [400, 401, 403, 404, 405, 408, 413, 429, 500, 501, 502, 503, 504] {
        assert_eq!(answered(HttpResponse::new(status, "")).await, PluginError::new(status));
    }
    for status in [429, 502, 503, 504] {
        let mut response = HttpResponse::new(status, "");
        response.headers.push("retry-after", "17");
        let expected = PluginError::new(status).with_retry_after(Some(Duration::from_secs(17)));
        assert_eq!(answered(response).await, expected);
    }
    let mut response = HttpResponse::new(503, "");
    // Half a minute after the attempt's own date.
    response.headers.push("retry-after", "Thu, 01 Jan 2026 00:00:30 GMT");
    assert_eq!(answered(response).await.retry_after, Some(Duration::from_secs(30)));
    for status in [301, 302, 307] {
        assert_eq!(answered(HttpResponse::new(status, "")).await, Fault::Redirect.into());
    }
}

#[tokio::test]
async fn an_answer_that_is_none_vouches_for_nothing() {
    for (content_type, body) in [
        (Some("text/html"), "<html>log in first</html>"),
        (None, "<html>log in first</html>"),
        (Some("application/json"), "[]"),
        (Some("text/plain"), "ok"),
    ] {
        let mut response = HttpResponse::new(200, body);
        if let Some(content_type) = content_type {
            response.headers.push("content-type", content_type);
        }
        assert_eq!(answered(response).await, Fault::BadAnswer.into(), "{body}");
    }
    let mut broken = HttpResponse::new(200, "");
    broken.complete = false;
    assert_eq!(answered(broken).await, Fault::BadAnswer.into());
    // JSON is answered by JSON, where nothing else is said.
    let transport = accepting();
    let result = export(&exporter(&transport, as_json(OtlpConfig::default())), &batch(2), None).await;
    assert_eq!(result, Err(Fault::BadAnswer.into()));
}

#[tokio::test]
async fn a_transports_failure_is_handed_on_as_it_is() {
    for fault in [Fault::Timeout, Fault::Connect, Fault::Tls, Fault::RefusedHost, Fault::NoSuchHost] {
        let failure = PluginError::new(fault).with_retry_after(Some(Duration::from_secs(1)));
        let transport = ScriptedTransport::new(Script::always(Do::Fail(failure)));
        let result = export(&exporter(&transport, OtlpConfig::default()), &batch(2), None).await;
        assert_eq!(result, Err(failure));
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_too_large_and_nothing_is_requested() {
    let records = batch(8);
    for config in [OtlpConfig::default(), as_json(OtlpConfig::default())] {
        let transport = ScriptedTransport::answering(200, "{}");
        _ = export(&exporter(&transport, config.clone()), &records, None).await;
        let longest = transport.requests()[0].body.len();
        let fits = exporter(&transport, config.clone().max_body_bytes(longest));
        let before = transport.requests().len();
        _ = export(&fits, &records, None).await;
        assert!(transport.requests().len() > before, "what just fits is sent");
        let small = exporter(&transport, config.max_body_bytes(longest - 1));
        let before = transport.requests().len();
        assert_eq!(export(&small, &records, None).await, Err(Fault::TooLarge.into()));
        assert_eq!(transport.requests().len(), before);
    }
    // One that is far beyond it isn't made first.
    let many = batch(255);
    let transport = accepting();
    let small = exporter(&transport, OtlpConfig::default().max_body_bytes(1024));
    assert_eq!(export(&small, &many, None).await, Err(Fault::TooLarge.into()));
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn others_on_the_thread_have_their_turn_while_a_large_batch_is_made() {
    let transport = accepting();
    let turns = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let config = OtlpConfig::default().all(|all| all.compression(Compression::Gzip));
    export(&exporter(&transport, config), &batch(255), None).await.unwrap();
    other.abort();
    // Three while it is mapped, one for each body, and one for each 64 KiB that are compressed.
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= 14, "{turns}");
}

/// A transport that says whether it may block.
#[derive(Debug)]
struct Blocking(bool);

#[async_trait]
impl Transport for Blocking {
    async fn send(&self, _: telemetry_core::plugin::HttpRequest) -> Result<HttpResponse, PluginError> {
        Err(Fault::Connect.into())
    }

    fn may_block(&self) -> bool {
        self.0
    }
}

#[test]
fn it_may_block_where_its_transport_may() {
    for may in [false, true] {
        let exporter = OtlpExporter::new(Arc::new(Blocking(may)), OtlpConfig::default()).unwrap();
        assert_eq!(exporter.may_block(), may);
    }
}

#[test]
fn its_debug_shows_no_key() {
    let config = OtlpConfig::default()
        .all(|all| all.header("x-key", "canary-1").endpoint("https://a.example.com/canary-2/otlp"));
    let shown = format!("{config:?} {:?}", exporter(&accepting(), config.clone()));
    assert!(shown.contains("x-key") && shown.contains("a.example.com"), "{shown}");
    assert!(!shown.contains(CANARY), "{shown}");
}

#[tokio::test]
async fn the_workspace_is_the_server_also_by_its_address() {
    let transport = accepting();
    let host = Host::parse("[2606:4700::1]:8443", HostPolicy::Public).unwrap();
    let records = batch(1);
    let attempt = Attempt::new(&host, &records, SystemTime::UNIX_EPOCH);
    exporter(&transport, OtlpConfig::default()).export(&attempt).await.unwrap();
    let sent = crate::common::Sent::of(&transport.requests());
    let span = sent.spans().remove(0);
    assert_eq!(span.name, "EXECUTE_STATEMENT 2606:4700::1:8443");
    let attributes = crate::common::shown(&span.attributes);
    assert!(attributes.contains(&"server.address=2606:4700::1".to_owned()));
    assert!(attributes.contains(&"server.port=8443".to_owned()));
}
