//! One expression delivers where shipped drivers deliver; every part can be replaced, and a bad one is an
//! error of building.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::path::PathBuf;
use std::time::Duration;

use telemetry_databricks::flags::StaticFlags;
use telemetry_databricks::plugin::{Attempt, PluginError, Receipt};
use telemetry_databricks::status::{OffReason, TelemetryState};
use telemetry_databricks::*;
use telemetry_testkit::{Behaviour, FakeWorkspace, RecordingExporter, ScriptedTransport};

const FLAG: &str = "enableTelemetryForMyDriver";
const PATIENCE: Duration = Duration::from_secs(60);

fn composition() -> Composition {
    let identity = DriverIdentity::builder()
        .name("My Driver")
        .version("1.2.3")
        .client("MYDRIVER")
        .flag(FLAG)
        .user_agent("MyDriver/1.2.3 (test)")
        .build()
        .unwrap();
    Composition::new(identity)
        .config(|config| config.host_policy(HostPolicy::AllowLoopback))
        .environment(|_| None)
}

fn workspace() -> FakeWorkspace {
    let workspace = FakeWorkspace::start();
    workspace.set_flag(FLAG, true);
    workspace
}

/// What one connection with one statement comes to.
async fn run(provider: &ClientProvider, host: impl Into<String>) -> (CloseOutcome, Lease) {
    let lease = provider.acquire(Target::new(host).credentials(StaticToken::new("t")));
    let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    session.statement().complete();
    (lease.close(PATIENCE).await, lease)
}

#[tokio::test]
async fn one_expression_delivers_where_shipped_drivers_do_under_the_drivers_name() {
    let workspace = workspace();
    let (outcome, _) = run(&composition().build().unwrap(), workspace.url()).await;
    assert_eq!(outcome, CloseOutcome::Delivered { accepted: 2 });
    let received = workspace.received();
    let paths: Vec<_> = received.iter().map(|request| &*request.path).collect();
    let flags = "/api/2.0/connector-service/feature-flags/MYDRIVER/1.2.3";
    assert_eq!(paths, [flags, "/telemetry-ext"]);
    for request in &received {
        assert_eq!(request.headers.get("user-agent"), Some("MyDriver/1.2.3 (test)"));
        assert_eq!(request.headers.get("authorization"), Some("Bearer t"));
    }
}

#[tokio::test]
async fn the_default_asks_the_service_and_is_on_where_its_flag_is() {
    // No settings: this machine may not be called then, so a transport without a network stands in.
    let transport = ScriptedTransport::answering(503, "");
    let parts = transport.clone();
    let identity = DriverIdentity::builder().name("D").version("1").client("D").flag(FLAG).build().unwrap();
    let provider = Composition::new(identity)
        .environment(|_| None)
        .transport(move || Ok(parts.clone()))
        .build()
        .unwrap();
    let (outcome, _) = run(&provider, "workspace.example.com").await;
    assert!(matches!(outcome, CloseOutcome::Off(OffReason::FlagUnreachable(_))), "{outcome}");
    assert_eq!(transport.requests().len(), 1);
}

#[tokio::test]
async fn a_sink_gets_what_the_service_gets_and_its_error_is_one_of_building() {
    let workspace = workspace();
    let exporter = RecordingExporter::new();
    let own = exporter.clone();
    let provider = composition().sink(move || Ok(Sink::new("own", own.clone()))).build().unwrap();
    let (outcome, lease) = run(&provider, workspace.url()).await;
    assert_eq!(outcome, CloseOutcome::Delivered { accepted: 2 });
    assert_eq!((exporter.accepted().len(), workspace.records().len()), (2, 2));
    assert_eq!(&*lease.status().sinks[0].name, "own");
    let error = composition().sink(|| Err(BuildError::Missing("a place"))).build().unwrap_err();
    assert_eq!(error, BuildError::Missing("a place"));
}

#[tokio::test]
async fn a_breaker_and_a_cache_are_in_it() {
    let workspace = workspace();
    workspace.on_telemetry(Behaviour::Status(503));
    let config = TelemetryConfig::default().mode(Mode::On).host_policy(HostPolicy::AllowLoopback);
    let quick = config.max_retries(0).flush_interval(Duration::from_millis(10));
    let provider = composition().config(|_| quick).build().unwrap();
    let lease = provider.acquire(Target::new(workspace.url()).credentials(StaticToken::new("t")));
    let other = provider.acquire(Target::new(workspace.url()).credentials(StaticToken::new("u")));
    let session = lease.opening(ConnectionInfo::new()).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
    let begun = std::time::Instant::now();
    while lease.status().breaker.is_none_or(|breaker| breaker == plugin::BreakerState::Closed) {
        assert!(begun.elapsed() < PATIENCE, "the breaker never opened");
        session.statement().complete();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(other.status().state, TelemetryState::On(_)));
    assert_eq!(workspace.flag_requests().len(), 1, "two tenants of a host, and it was asked once");
}

#[tokio::test]
async fn every_part_can_be_replaced() {
    let workspace = workspace();
    // The client of the transport, and the paths.
    let endpoints = export::Endpoints::PLAN;
    let composed = composition().endpoints(endpoints).configure_client(|client| {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("x-my-proxy", reqwest::header::HeaderValue::from_static("1"));
        client.default_headers(headers)
    });
    let (outcome, _) = run(&composed.build().unwrap(), workspace.url()).await;
    assert!(outcome.is_delivered(), "{outcome}");
    let received = workspace.telemetry_requests().remove(0);
    assert_eq!(received.path, export::Endpoints::PLAN.authenticated());
    assert_eq!(received.headers.get("x-my-proxy"), Some("1"));

    // An exporter around the one that posts.
    let around = composition().exporter(Around);
    let (outcome, _) = run(&around.build().unwrap(), workspace.url()).await;
    assert_eq!(outcome, CloseOutcome::Delivered { accepted: 2 }, "what it vouches for");
    assert_eq!(workspace.telemetry_requests().len(), 2);

    // Another one, and other flags.
    let exporter = RecordingExporter::new();
    let given = exporter.clone();
    let own = composition()
        .exporter(move |_| given.clone())
        .provider(|builder| builder.flags(StaticFlags::new([(FLAG, true)])));
    let (outcome, _) = run(&own.build().unwrap(), "workspace.example.com").await;
    assert!(outcome.is_delivered());
    assert_eq!((exporter.accepted().len(), workspace.flag_requests().len()), (2, 2));
}

#[derive(Debug)]
struct Around(export::HttpExporter);

#[async_trait]
impl Exporter for Around {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        self.0.export(attempt).await
    }
}

#[tokio::test]
async fn a_users_variables_hold() {
    let workspace = workspace();
    let file: PathBuf = std::env::temp_dir().join(format!("telemetry-composition-{}", std::process::id()));
    let path = file.to_str().unwrap().to_owned();
    let dry = composition().environment(move |name| (name == export::DRY_RUN_VARIABLE).then(|| path.clone()));
    let (outcome, lease) = run(&dry.build().unwrap(), workspace.url()).await;
    assert_eq!(outcome, CloseOutcome::Written { written: 2 });
    assert_eq!(lease.status().dry_run, Some(file.clone()));
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(written.contains("/telemetry-ext"));
    assert!(workspace.telemetry_requests().is_empty());

    for variable in OPT_OUT_VARIABLES {
        let out = composition().environment(move |name| (name == variable).then(|| "1".to_owned()));
        let (_, lease) = run(&out.build().unwrap(), workspace.url()).await;
        assert_eq!(lease.status().state, TelemetryState::Off(OffReason::OptOut(variable)));
    }
}

#[test]
fn what_makes_no_sense_is_an_error_of_building() {
    let bad = composition().root_certificate("not a certificate").build().unwrap_err();
    assert_eq!(bad.to_string(), "root certificate could not be set up: no certificate in it");
    let bad = composition().config(|config| config.batch_size(0)).build().unwrap_err();
    assert!(matches!(bad, BuildError::OutOfBounds { name: "batch_size", .. }));
}
