//! The transport and the exporter keep what the traits oblige them to.

use telemetry_export_http::DryRunExporter;
use telemetry_testkit::{FakeWorkspace, conformance};

/// What needs a transport.
#[cfg(feature = "reqwest")]
mod over_a_socket {
    use std::sync::Arc;
    use std::time::Duration;

    use telemetry_export_http::{HttpExporter, ReqwestTransport};
    use telemetry_testkit::conformance;

    use crate::common::transport;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_transport_on_reqwest_conforms() {
        conformance::transport(|| ReqwestTransport::new().unwrap()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_http_exporter_conforms() {
        let exporter = || HttpExporter::new(Arc::new(transport())).timeout(Duration::from_secs(2));
        conformance::http_exporter(exporter).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dry_run_conforms() {
    let workspace = FakeWorkspace::start();
    conformance::exporter(&DryRunExporter::writer(std::io::sink()), &workspace.host()).await;
    assert!(workspace.received().is_empty());
}
