//! HTTPS, under an authority of its own.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use telemetry_testkit::{Behaviour, FakeWorkspace};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{FLAGS, NET, PATHS, connect, envelope, request, status};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Speaks to a workspace under a name, trusting one certificate alone, and sends one request.
fn send(workspace: &FakeWorkspace, name: &'static str, ca: &str, request: &[u8]) -> io::Result<Stream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, connect(workspace));
    stream.write_all(request)?;
    stream.flush()?;
    Ok(stream)
}

fn telemetry() -> Vec<u8> {
    request("POST", PATHS[0], &[("authorization", "Bearer t")], &envelope(1))
}

fn flags() -> Vec<u8> {
    request("GET", FLAGS, &[("authorization", "Bearer t")], b"")
}

/// What a workspace answers to a client that trusts its authority.
fn answer(workspace: &FakeWorkspace, request: &[u8]) -> io::Result<String> {
    let mut answer = String::new();
    send(workspace, "127.0.0.1", workspace.ca_pem().unwrap(), request)?.read_to_string(&mut answer)?;
    Ok(answer)
}

fn secure() -> FakeWorkspace {
    FakeWorkspace::builder().tls(&[]).start()
}

#[test]
fn whoever_trusts_its_authority_is_served_as_over_plain_http() {
    let workspace = secure();
    assert_eq!(workspace.url(), format!("https://127.0.0.1:{}", workspace.port()));
    assert!(workspace.host().is_secure());
    assert_eq!(status(&answer(&workspace, &flags()).unwrap()), 200);
    assert!(answer(&workspace, &telemetry()).unwrap().contains(r#""numProtoSuccess":1"#));
    assert_eq!((workspace.records().len(), workspace.received().len()), (1, 2));
    assert!(workspace.wait_for_connections(0, NET));
}

#[test]
fn each_has_an_authority_of_its_own_and_whoever_trusts_another_is_not_served() {
    let (workspace, other) = (secure(), secure());
    let refused = send(&workspace, "127.0.0.1", other.ca_pem().unwrap(), &flags());
    assert!(refused.unwrap_err().to_string().contains("invalid peer certificate"));
    assert!(workspace.received().is_empty());
    assert_eq!(FakeWorkspace::start().ca_pem(), None);
}

#[test]
fn its_certificate_is_for_this_machine_and_the_names_that_it_was_given() {
    let workspace = FakeWorkspace::builder().tls(&["dbc-a1.example.com"]).start();
    let ca = workspace.ca_pem().unwrap();
    for name in ["127.0.0.1", "localhost", "dbc-a1.example.com"] {
        let mut answer = String::new();
        send(&workspace, name, ca, &flags()).unwrap().read_to_string(&mut answer).unwrap();
        assert_eq!(status(&answer), 200, "{name}");
    }
    assert!(send(&workspace, "dbc-b2.example.com", ca, &flags()).is_err());
}

#[test]
fn a_name_that_no_certificate_can_have_is_an_error() {
    assert!(FakeWorkspace::builder().tls(&["nö"]).try_start().is_err());
}

#[test]
fn whoever_speaks_plain_http_is_hung_up_on() {
    let workspace = secure();
    let mut stream = connect(&workspace);
    stream.write_all(&flags()).unwrap();
    let mut answer = Vec::new();
    // An alert, or a reset.
    drop(stream.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"));
    assert!(workspace.wait_for_connections(0, NET));
    assert!(workspace.received().is_empty());
}

#[test]
fn it_misbehaves_as_over_plain_http() {
    let workspace = secure();
    workspace.script_telemetry([
        Behaviour::Reset,
        Behaviour::Close,
        Behaviour::Truncated,
        Behaviour::Slow(std::time::Duration::from_micros(1)),
        Behaviour::Endless,
    ]);
    assert_eq!(answer(&workspace, &telemetry()).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(answer(&workspace, &telemetry()).unwrap(), "");
    assert!(answer(&workspace, &telemetry()).unwrap().starts_with("HTTP/1.1 200"));
    assert!(answer(&workspace, &telemetry()).unwrap().contains(r#""numProtoSuccess":1"#));
    let mut endless = send(&workspace, "127.0.0.1", workspace.ca_pem().unwrap(), &telemetry()).unwrap();
    endless.read_exact(&mut vec![0; 1 << 20]).unwrap();
    drop(endless);
    assert!(workspace.wait_for_connections(0, NET));
    assert_eq!(workspace.records().len(), 1);
}

/// A place for a file, which is removed with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("fake-workspace-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        Place(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn the_certificate_of_its_authority_is_in_the_file_that_was_asked_for() {
    let place = Place::new("ca");
    let file = place.0.join("ca.pem");
    std::fs::write(&file, "an older one").unwrap();
    let workspace = FakeWorkspace::builder().ca_file(&file).start();
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(Some(written.as_str()), workspace.ca_pem());
    assert!(written.starts_with("-----BEGIN CERTIFICATE-----") && !written.contains("PRIVATE"));
    assert_eq!(status(&answer(&workspace, &flags()).unwrap()), 200);
}

#[test]
fn a_file_that_can_not_be_written_is_an_error() {
    let place = Place::new("none");
    let started = FakeWorkspace::builder().ca_file(place.0.join("none/ca.pem")).try_start();
    assert_eq!(started.unwrap_err().kind(), ErrorKind::NotFound);
}
