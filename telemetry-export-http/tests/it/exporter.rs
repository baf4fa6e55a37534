//! One attempt: where it goes, what stands above it, and what its answer means.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{CANARY, credentials, export, public_host, record, records, session, wall};
use telemetry_core::plugin::{Attempt, HttpRequest, HttpResponse, Method, PluginError, Receipt};
use telemetry_core::{ErrorClass, Exporter, Fault};
use telemetry_export_http::{Endpoints, HttpExporter, MAX_BODY_BYTES, parse_answer};
use telemetry_testkit::{Do, Script, ScriptedTransport};

const ALL_FOUR: &str = r#"{"errors":[],"numSuccess":0,"numProtoSuccess":4,"numRealtimeSuccess":0}"#;

fn exporter(transport: &ScriptedTransport) -> HttpExporter {
    HttpExporter::new(Arc::new(transport.clone()))
}

/// The one request that this exporter makes of one record.
async fn requested(endpoints: Endpoints, authenticated: bool) -> HttpRequest {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let credentials = credentials();
    let sent = exporter(&transport).endpoints(endpoints);
    export(&sent, &public_host(), &records(1), Some(&credentials).filter(|_| authenticated)).await.unwrap();
    let mut requests = transport.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// What becomes of a batch of four that is answered so.
async fn answered(response: HttpResponse) -> Result<Receipt, PluginError> {
    let transport = ScriptedTransport::new(Script::always(Do::Give(response)));
    let result = export(&exporter(&transport), &public_host(), &records(4), Some(&credentials())).await;
    assert_eq!(transport.requests().len(), 1, "one call is one attempt");
    result
}

async fn status(status: u16) -> PluginError {
    answered(HttpResponse::new(status, ALL_FOUR)).await.unwrap_err()
}

async fn asked_to_wait(status: u16, value: &str) -> Option<Duration> {
    let mut response = HttpResponse::new(status, "");
    response.headers.push("Retry-After", value);
    answered(response).await.unwrap_err().retry_after
}

#[tokio::test]
async fn each_pair_of_endpoints_is_posted_to_exactly() {
    let own = Endpoints::new("/gateway/ext", "/gateway/unauth").unwrap();
    for (endpoints, authenticated, unauthenticated) in [
        (Endpoints::default(), "/telemetry-ext", "/telemetry-unauth"),
        (Endpoints::PLAN, "/api/2.0/sql/telemetry-ext", "/api/2.0/sql/telemetry-unauth"),
        (Endpoints::SHIPPED, "/telemetry-ext", "/telemetry-unauth"),
        (own, "/gateway/ext", "/gateway/unauth"),
    ] {
        for (has_credentials, expected) in [(true, authenticated), (false, unauthenticated)] {
            let request = requested(endpoints.clone(), has_credentials).await;
            assert_eq!(request.path, expected);
            assert_eq!(request.method, Method::Post);
            assert_eq!(request.host, public_host());
        }
    }
}

#[tokio::test]
async fn with_credentials_the_connections_headers_and_user_agent_are_sent_and_no_others() {
    let request = requested(Endpoints::PLAN, true).await;
    let headers: Vec<_> = request.headers.iter().collect();
    let expected = [
        ("authorization", "Bearer canary-token"),
        ("x-databricks-org-id", "canary-org"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("user-agent", "canary-agent/9"),
    ];
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn credentials_that_come_with_headers_of_another_request_break_and_double_none() {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let credentials = credentials().with("Content-Type", "text/plain").with("User-Agent", "other/1");
    let credentials = credentials.with("accept", "text/html").with("accept-encoding", "gzip");
    let credentials = credentials.with("Content-Length", "77").with("content-encoding", "gzip");
    let credentials = credentials.with("host", "other.example.com").with("if-none-match", "x");
    export(&exporter(&transport), &public_host(), &records(1), Some(&credentials)).await.unwrap();
    let request = transport.requests().remove(0);
    for (name, expected) in [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("user-agent", "canary-agent/9"),
    ] {
        let values: Vec<_> = request.headers.iter().filter(|(key, _)| *key == name).collect();
        assert_eq!(values, [(name, expected)]);
    }
    assert_eq!(request.headers.len(), 5);
}

#[tokio::test]
async fn without_credentials_no_header_of_the_connection_is_sent() {
    let request = requested(Endpoints::PLAN, false).await;
    let headers: Vec<_> = request.headers.iter().collect();
    let expected = [
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("user-agent", "TestDriver/1.2.3"),
    ];
    assert_eq!(headers, expected);
    assert!(!String::from_utf8(request.body).unwrap().contains(CANARY));
}

#[tokio::test]
async fn the_workspace_is_told_to_the_service_with_credentials_alone() {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let (host, records, bearer) =
        (public_host(), [record(&session(), 0)], telemetry_core::plugin::AuthHeaders::bearer("t"));
    let own = credentials();
    for credentials in [Some(&bearer), None, Some(&own)] {
        let attempt = Attempt::new(&host, &records, std::time::SystemTime::UNIX_EPOCH)
            .with_credentials(credentials)
            .of_workspace(Some(42));
        exporter(&transport).export(&attempt).await.unwrap();
    }
    let told =
        |number: usize| transport.requests()[number].headers.get("x-databricks-org-id").map(str::to_owned);
    assert_eq!((told(0), told(1)), (Some("42".to_owned()), None));
    assert_eq!(told(2), own.get("x-databricks-org-id").map(str::to_owned), "the driver's own header wins");
}

#[tokio::test]
async fn a_batch_of_connections_with_several_user_agents_goes_by_the_drivers() {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let mut other = Arc::into_inner(session()).unwrap();
    other.user_agent = Some("another/1".to_owned());
    let records = [record(&session(), 0), record(&Arc::new(other), 1)];
    export(&exporter(&transport), &public_host(), &records, Some(&credentials())).await.unwrap();
    assert_eq!(transport.requests()[0].headers.get("user-agent"), Some("TestDriver/1.2.3"));
}

#[tokio::test]
async fn a_session_without_a_user_agent_goes_by_the_drivers() {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let mut session = Arc::into_inner(session()).unwrap();
    session.user_agent = None;
    let records = [record(&Arc::new(session), 0)];
    export(&exporter(&transport), &public_host(), &records, Some(&credentials())).await.unwrap();
    assert_eq!(transport.requests()[0].headers.get("user-agent"), Some("TestDriver/1.2.3"));
}

#[tokio::test]
async fn requests_and_their_answers_are_bounded() {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let sent = exporter(&transport).timeout(Duration::from_secs(3));
    export(&sent, &public_host(), &records(1), None).await.unwrap();
    let request = transport.requests().remove(0);
    assert_eq!(request.timeout, Duration::from_secs(3));
    assert!(request.max_response_bytes <= 64 * 1024);
}

#[tokio::test]
async fn a_receipt_counts_what_the_service_vouches_for() {
    for (count, accepted) in [("4", 4), ("3", 3), ("0", 0), (r#""2""#, 2)] {
        let body = format!(r#"{{"errors":["some"],"numProtoSuccess":{count}}}"#);
        assert_eq!(answered(HttpResponse::new(200, body)).await, Ok(Receipt::new(accepted)), "{count}");
    }
    assert_eq!(answered(HttpResponse::new(202, ALL_FOUR)).await, Ok(Receipt::new(4)));
}

#[tokio::test]
async fn a_receipt_is_never_for_more_than_was_sent() {
    for count in ["5", "1000000", "18446744073709551615"] {
        let body = format!(r#"{{"numProtoSuccess":{count}}}"#);
        assert_eq!(answered(HttpResponse::new(200, body)).await, Ok(Receipt::new(4)), "{count}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_vouches_for_nothing() {
    for body in [
        "",
        " ",
        "<!doctype html><title>Sign in</title>",
        "\u{0}\u{1}garbage",
        "null",
        "4",
        "[4]",
        "{}",
        r#"{"numSuccess":4}"#,
        r#"{"numProtoSuccess":null}"#,
        r#"{"numProtoSuccess":true}"#,
        r#"{"numProtoSuccess":-1}"#,
        r#"{"numProtoSuccess":1.5}"#,
        r#"{"numProtoSuccess":"many"}"#,
        r#"{"numProtoSuccess":18446744073709551616}"#,
        r#"{"numProtoSuccess":4"#,
        r#"{"numProtoSuccess":4} {"#,
        r#"{"numprotosuccess":4}"#,
    ] {
        assert_eq!(parse_answer(body.as_bytes()), None, "{body:?}");
        assert_eq!(answered(HttpResponse::new(200, body)).await, Err(Fault::BadAnswer.into()), "{body:?}");
    }
    assert_eq!(answered(HttpResponse::new(204, "")).await, Err(Fault::BadAnswer.into()));
    assert_eq!(answered(HttpResponse::new(200, b"\xff\xfe".as_slice())).await, Err(Fault::BadAnswer.into()));
}

#[tokio::test]
async fn an_answer_that_broke_off_vouches_for_nothing_even_if_it_reads_well() {
    let mut response = HttpResponse::new(200, ALL_FOUR);
    response.complete = false;
    assert_eq!(answered(response).await, Err(Fault::BadAnswer.into()));
}

#[tokio::test]
async fn refusals_are_terminal() {
    for code in [400, 401, 403, 404] {
        assert_eq!(status(code).await, PluginError::new(code));
        assert_eq!(status(code).await.class(), ErrorClass::Terminal, "{code}");
    }
}

#[tokio::test]
async fn overload_and_outages_are_retryable() {
    for code in [408, 425, 429, 500, 502, 503, 504] {
        assert_eq!(status(code).await, PluginError::new(code));
        assert_eq!(status(code).await.class(), ErrorClass::Retryable, "{code}");
    }
}

#[tokio::test]
async fn a_redirect_is_refused_and_terminal() {
    for code in [300, 301, 302, 303, 304, 307, 308] {
        let failure = status(code).await;
        assert_eq!((failure.fault, failure.class()), (Fault::Redirect, ErrorClass::Terminal), "{code}");
    }
}

#[tokio::test]
async fn too_large_and_all_other_statuses_are_told_apart_and_of_no_known_class() {
    for code in [100, 199, 402, 405, 413, 418, 499, 501, 505, 599, 999] {
        let failure = status(code).await;
        assert_eq!((failure.fault, failure.class()), (Fault::Status(code), ErrorClass::Unknown), "{code}");
    }
}

#[tokio::test]
async fn retry_after_is_handed_on_in_seconds_and_as_a_date() {
    for code in [429, 503] {
        assert_eq!(asked_to_wait(code, "17").await, Some(Duration::from_secs(17)));
        // The attempt's own date is what it is compared with.
        assert_eq!(asked_to_wait(code, "Sun, 06 Nov 1994 08:49:37 GMT").await, Some(Duration::from_secs(30)));
        assert_eq!(asked_to_wait(code, "Sun, 06 Nov 1994 08:49:00 GMT").await, Some(Duration::ZERO));
        for senseless in ["", "soon", "-1", "1.5"] {
            assert_eq!(asked_to_wait(code, senseless).await, None, "{senseless:?}");
        }
    }
}

#[tokio::test]
async fn a_transports_failure_is_handed_on_as_it_is() {
    for fault in [Fault::Timeout, Fault::Connect, Fault::Tls, Fault::RefusedHost, Fault::NoSuchHost] {
        let failure = PluginError::new(fault).with_retry_after(Some(Duration::from_secs(1)));
        let transport = ScriptedTransport::new(Script::always(Do::Fail(failure)));
        let result = export(&exporter(&transport), &public_host(), &records(1), None).await;
        assert_eq!(result, Err(failure));
        assert_eq!(transport.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_too_large_and_nothing_is_requested() {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let (host, records) = (public_host(), records(4));
    for credentials in [None, Some(&credentials())] {
        let attempt = Attempt::new(&host, &records, wall()).with_credentials(credentials);
        let length = exporter(&transport).request(&attempt).unwrap().body.len();
        let small = exporter(&transport).max_body_bytes(length - 1);
        assert_eq!(small.request(&attempt).unwrap_err(), Fault::TooLarge.into());
        assert_eq!(small.export(&attempt).await, Err(Fault::TooLarge.into()));
        assert!(transport.requests().is_empty());
        // What just fits is sent, and half of what doesn't fit does.
        let half = Attempt::new(&host, &records[..2], wall()).with_credentials(credentials);
        assert!(small.request(&half).is_ok());
        assert!(exporter(&transport).max_body_bytes(length).request(&attempt).is_ok());
    }
}

#[tokio::test]
async fn the_limit_of_a_body_is_one_mebibyte_unless_said_otherwise() {
    assert_eq!(MAX_BODY_BYTES, 1024 * 1024);
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let record = records(1).remove(0);
    let many = vec![record; 4096];
    let result = export(&exporter(&transport), &public_host(), &many, Some(&credentials())).await;
    assert_eq!(result, Err(Fault::TooLarge.into()));
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn others_on_the_thread_have_their_turn_while_a_large_batch_is_encoded() {
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let many = vec![records(1).remove(0); 500];
    let turns = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    export(&exporter(&transport), &public_host(), &many, Some(&credentials())).await.unwrap();
    other.abort();
    let bytes = transport.requests()[0].body.len();
    assert!(bytes > 512 * 1024, "{bytes}");
    let turns = turns.load(Ordering::Relaxed);
    assert!(turns >= bytes / (128 * 1024), "{turns} turns for {bytes} bytes");
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_credential() {
    // The transport remembers the request, and shows it.
    let transport = ScriptedTransport::answering(200, ALL_FOUR);
    let (exporter, host, records, credentials) =
        (exporter(&transport), public_host(), records(1), credentials());
    let attempt = Attempt::new(&host, &records, wall()).with_credentials(Some(&credentials));
    exporter.export(&attempt).await.unwrap();
    let request = exporter.request(&attempt).unwrap();
    for shown in [format!("{exporter:?}"), format!("{attempt:?}"), format!("{request:?} {request:#?}")] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
    assert!(format!("{exporter:?}").contains("authorization"), "the names of headers may show");
}

/// What needs a transport.
#[cfg(feature = "reqwest")]
mod over_a_socket {
    use telemetry_core::HostPolicy;
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::common::transport;

    #[tokio::test]
    async fn the_same_request_arrives_byte_for_byte() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/telemetry-ext"))
            .and(header("authorization", "Bearer canary-token"))
            .and(header("content-type", "application/json"))
            .and(header("user-agent", "canary-agent/9"))
            .respond_with(ResponseTemplate::new(200).set_body_string(ALL_FOUR))
            .expect(1)
            .mount(&server)
            .await;
        let host = telemetry_core::Host::parse(&server.uri(), HostPolicy::AllowLoopback).unwrap();
        let exporter = HttpExporter::new(Arc::new(transport())).endpoints(Endpoints::SHIPPED);
        let (records, credentials) = (records(4), credentials());
        assert_eq!(export(&exporter, &host, &records, Some(&credentials)).await, Ok(Receipt::new(4)));
        let attempt = Attempt::new(&host, &records, wall()).with_credentials(Some(&credentials));
        let received = server.received_requests().await.unwrap();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].body, exporter.request(&attempt).unwrap().body);
        for forbidden in ["cookie", "referer"] {
            assert!(!received[0].headers.contains_key(forbidden));
        }
    }
}
