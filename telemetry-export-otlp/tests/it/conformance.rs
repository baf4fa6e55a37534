//! The exporters keep what the trait obliges them to, those of HTTP over real sockets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use telemetry_core::Fault;
use telemetry_core::plugin::{PluginError, Receipt};
use telemetry_export_http::ReqwestTransport;
use telemetry_export_otlp::{OtlpConfig, OtlpExporter, OtlpFileExporter};
use telemetry_testkit::conformance;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::common::{Sent, batch, export, host};

/// The real transport, which leaves the proxies of whoever runs the tests alone.
fn transport() -> Arc<ReqwestTransport> {
    Arc::new(ReqwestTransport::builder().configure(|client| client.no_proxy()).build().unwrap())
}

fn to(server: &MockServer) -> OtlpExporter {
    let config = OtlpConfig::default().all(|all| all.endpoint(server.uri()).timeout(Duration::from_secs(2)));
    OtlpExporter::new(transport(), config).unwrap()
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_to_a_collector_conforms() {
    let server = answering(ResponseTemplate::new(200)).await;
    conformance::exporter(&to(&server), &host()).await;
    let received = server.received_requests().await.unwrap();
    assert!(received.len() > 9);
    assert!(received.iter().all(|request| request.headers.get("authorization").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_conforms_while_the_collector_refuses_redirects_or_hangs() {
    for answer in [
        ResponseTemplate::new(503),
        ResponseTemplate::new(400),
        ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"),
        ResponseTemplate::new(200).set_body_string("<html>log in first</html>"),
        ResponseTemplate::new(200).set_delay(Duration::from_secs(600)),
    ] {
        let server = answering(answer).await;
        let config =
            OtlpConfig::default().all(|all| all.endpoint(server.uri()).timeout(Duration::from_millis(200)));
        let exporter = OtlpExporter::new(transport(), config).unwrap();
        conformance::exporter(&exporter, &host()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_to_a_file_conforms() {
    let directory = crate::file::Directory::new();
    let exporter = OtlpFileExporter::new(directory.file(), OtlpConfig::default()).unwrap();
    conformance::exporter(&exporter, &host()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_on_this_machine_is_reached_in_the_clear() {
    let server = answering(ResponseTemplate::new(200)).await;
    let records = batch(4);
    assert_eq!(export(&to(&server), &records, None).await, Ok(Receipt::new(4)));
    let received = server.received_requests().await.unwrap();
    let by_script = telemetry_testkit::ScriptedTransport::answering(200, "");
    export(&crate::common::exporter(&by_script, OtlpConfig::default()), &records, None).await.unwrap();
    for (received, sent) in received.iter().zip(by_script.requests()) {
        assert_eq!(received.url.path(), sent.path);
        assert!(received.body == sent.body);
    }
    assert_eq!(Sent::of(&by_script.requests()).spans().len(), 4);
}

/// A name may resolve to anything: the transport holds it to the policy.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_resolves_elsewhere_than_to_a_private_address_is_refused_in_the_clear() {
    use telemetry_core::HostPolicy;
    use telemetry_core::plugin::Resolver;
    let found = Resolver::default().resolve("localhost", HostPolicy::Private).await;
    assert!(found.unwrap().iter().all(|address| address.ip().is_loopback()));
    let elsewhere = [[10, 0, 0, 1], [8, 8, 8, 8]].map(IpAddr::from);
    let refused = HostPolicy::Private.check_addresses(elsewhere);
    assert_eq!(refused, Err(PluginError::from(Fault::RefusedHost)));
}
