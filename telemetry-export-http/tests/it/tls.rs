//! HTTPS for real, with a certificate that nobody vouches for, and one that the driver's company does.
#![cfg(feature = "reqwest")]

use std::net::SocketAddr;
use std::sync::Arc;

use crate::common::{SAFETY_NET, credentials, export, records};
use rustls::pki_types::PrivatePkcs8KeyDer;
use telemetry_core::plugin::Receipt;
use telemetry_core::{Fault, Host, HostPolicy};
use telemetry_export_http::{HttpExporter, ReqwestTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server on this machine under a certificate of its own making, which answers whatever comes as a
/// workspace does; and the certificate.
async fn server() -> (Host, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that trusts nobody hangs up here.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut request = vec![0; 64 * 1024];
                if stream.read(&mut request).await.is_err() {
                    return;
                }
                let body = r#"{"errors":[],"numProtoSuccess":1}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                drop(stream.write_all(answer.as_bytes()).await);
                drop(stream.shutdown().await);
            });
        }
    });
    let host = Host::parse(&format!("https://127.0.0.1:{port}"), HostPolicy::AllowLoopback).unwrap();
    (host, made.cert.pem())
}

fn exporter(transport: ReqwestTransport) -> HttpExporter {
    HttpExporter::new(Arc::new(transport)).timeout(SAFETY_NET)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (host, _) = server().await;
    assert!(host.is_secure());
    let exporter = exporter(ReqwestTransport::new().unwrap());
    let refused = export(&exporter, &host, &records(1), Some(&credentials())).await;
    assert_eq!(refused.unwrap_err().fault, Fault::Tls);
}

#[tokio::test]
async fn a_root_that_the_driver_adds_is_trusted() {
    let (host, certificate) = server().await;
    let transport =
        ReqwestTransport::builder().root_certificate(certificate.as_bytes()).unwrap().build().unwrap();
    assert_eq!(
        export(&exporter(transport), &host, &records(1), Some(&credentials())).await,
        Ok(Receipt::new(1))
    );
}

#[tokio::test]
async fn whatever_the_driver_configures_certificates_are_verified() {
    let (host, _) = server().await;
    let careless =
        ReqwestTransport::builder().configure(|client| client.tls_danger_accept_invalid_certs(true));
    let refused =
        export(&exporter(careless.build().unwrap()), &host, &records(1), Some(&credentials())).await;
    assert_eq!(refused.unwrap_err().fault, Fault::Tls);
}

#[tokio::test]
async fn an_address_that_a_name_is_pinned_to_is_not_checked_but_its_certificate_is() {
    let (here, certificate) = server().await;
    let address: SocketAddr = here.origin().trim_start_matches("https://").parse().unwrap();
    let host = format!("workspace.example.com:{}", address.port());
    let host = Host::parse(&host, HostPolicy::Public).unwrap();
    let pinned = ReqwestTransport::builder()
        .configure(move |client| client.no_proxy().resolve("workspace.example.com", address))
        .root_certificate(certificate.as_bytes())
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
