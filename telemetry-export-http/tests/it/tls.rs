//! HTTPS for real, with a certificate that nobody vouches for, and one that the driver's company does.
#![cfg(feature = "reqwest")]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::common::{SAFETY_NET, credentials, export, records};
use telemetry_core::plugin::Receipt;
use telemetry_core::{Fault, Host, HostPolicy};
use telemetry_export_http::{HttpExporter, ReqwestTransport};
use telemetry_testkit::FakeWorkspace;

/// A workspace under a certificate of its own authority.
fn workspace() -> FakeWorkspace {
    FakeWorkspace::builder().tls(&[]).start()
}

fn certificate(workspace: &FakeWorkspace) -> &[u8] {
    workspace.ca_pem().unwrap().as_bytes()
}

fn exporter(transport: ReqwestTransport) -> HttpExporter {
    HttpExporter::new(Arc::new(transport)).timeout(SAFETY_NET)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let workspace = workspace();
    assert!(workspace.host().is_secure());
    let exporter = exporter(ReqwestTransport::new().unwrap());
    let refused = export(&exporter, &workspace.host(), &records(1), Some(&credentials())).await;
    assert_eq!(refused.unwrap_err().fault, Fault::Tls);
}

#[tokio::test]
async fn a_root_that_the_driver_adds_is_trusted() {
    let workspace = workspace();
    let transport =
        ReqwestTransport::builder().root_certificate(certificate(&workspace)).unwrap().build().unwrap();
    assert_eq!(
        export(&exporter(transport), &workspace.host(), &records(1), Some(&credentials())).await,
        Ok(Receipt::new(1))
    );
}

#[tokio::test]
async fn whatever_the_driver_configures_certificates_are_verified() {
    let workspace = workspace();
    let careless =
        ReqwestTransport::builder().configure(|client| client.tls_danger_accept_invalid_certs(true));
    let refused =
        export(&exporter(careless.build().unwrap()), &workspace.host(), &records(1), Some(&credentials()))
            .await;
    assert_eq!(refused.unwrap_err().fault, Fault::Tls);
}

#[tokio::test]
async fn an_address_that_a_name_is_pinned_to_is_not_checked_but_its_certificate_is() {
    let workspace = workspace();
    let address = SocketAddr::from(([127, 0, 0, 1], workspace.port()));
    let host = format!("workspace.example.com:{}", address.port());
    let host = Host::parse(&host, HostPolicy::Public).unwrap();
    let pinned = ReqwestTransport::builder()
        .configure(move |client| client.no_proxy().resolve("workspace.example.com", address))
        .root_certificate(certificate(&workspace))
        .unwrap();
    let failure = export(&exporter(pinned.build().unwrap()), &host, &records(1), Some(&credentials()))
        .await
        .unwrap_err();
    // It was called: were it resolved, it would be refused or not there.
    assert_eq!(failure.fault, Fault::Tls);
}

#[test]
fn what_is_no_certificate_is_an_error_when_building() {
    for no_certificate in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        assert!(
            ReqwestTransport::builder().root_certificate(no_certificate.as_bytes()).is_err(),
            "{no_certificate:?}"
        );
    }
}
