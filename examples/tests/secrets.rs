//! No secret leaves: not in a payload, a dry run, a log line, a `Debug` or a `Display`; and what is no secret
//! does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::fmt::{self, Debug, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use examples::driver::Options;
use proptest::prelude::*;
use telemetry_breaker::BreakerRegistry;
use telemetry_core::plugin::*;
use telemetry_core::record::*;
use telemetry_core::*;
use telemetry_export_http::wire::{Frontend, Upload};
use telemetry_export_http::{DryRunExporter, Endpoints, HttpExporter, ReqwestTransport, TeeExporter};
use telemetry_flags::{FlagCache, HttpFlagSource, StaticFlags};
use telemetry_testkit::{Answer, FakeClock, FakeWorkspace, Received, RecordingExporter, ScriptedCredentials};
use tracing::field::{Field, Visit};

/// A token that must be nowhere.
const CANARY: &str = "dapi0123456789abcdef0123456789abcdef";
/// What stands beside it, and must stay.
const NEIGHBOUR: &str = "SQLSTATE: 42P01";

/// Everything that is written, or logged.
#[derive(Clone, Debug, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl Collected {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes down every event's fields, and nothing else.
struct Log(Collected);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("telemetry")
    }

    fn new_span(&self, _span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _span: &tracing::span::Id, _values: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _span: &tracing::span::Id, _follows: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                let _ = writeln!(self.0, "{field}={value:?}");
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        let _ = self.0.clone().write_all(fields.0.as_bytes());
    }

    fn enter(&self, _span: &tracing::span::Id) {}

    fn exit(&self, _span: &tracing::span::Id) {}
}

/// Every string of a connection's parameters, each holding this.
fn params(text: &str) -> ConnectionParams {
    let text = || Some(text.to_owned());
    let host = || Some(HostDetails { host_url: text(), port: Some(1), proxy_auth_type: None });
    ConnectionParams {
        http_path: text(),
        host_info: host(),
        auth_scope: text(),
        non_proxy_hosts: Some(vec![text().unwrap()]),
        proxy_host_info: host(),
        cf_proxy_host_info: host(),
        discovery_url: text(),
        ssl_trust_store_type: text(),
        google_service_account: text(),
        google_credential_file_path: text(),
        azure_workspace_resource_id: text(),
        azure_tenant_id: text(),
        token_endpoint: text(),
        auth_endpoint: text(),
        jwt_key_file: text(),
        jwt_algorithm: text(),
        allowed_volume_ingestion_paths: text(),
        query_tags: text(),
        ..ConnectionParams::default()
    }
}

fn system(text: &str) -> SystemInfo {
    let text = || Some(text.to_owned());
    SystemInfo {
        runtime_name: text(),
        runtime_version: text(),
        runtime_vendor: text(),
        os_name: text(),
        os_version: text(),
        os_arch: text(),
        client_app_name: text(),
        locale_name: text(),
        char_set_encoding: text(),
        process_name: text(),
    }
}

fn identity() -> DriverIdentity {
    DriverIdentity::builder().name("Driver").version("1.0.0").client("DRIVER").flag("flag").build().unwrap()
}

/// All that leaves the process, or is shown, when a driver puts this text wherever a driver can put one.
fn everything_about(text: &str) -> String {
    let (payload, log) = (Collected::default(), Collected::default());
    let exporter = RecordingExporter::new();
    let mut shown = String::new();
    tracing::subscriber::with_default(Log(log.clone()), || {
        for exporter in [
            Arc::new(DryRunExporter::writer(payload.clone())) as Arc<dyn Exporter>,
            Arc::new(exporter.clone()),
        ] {
            let clock = FakeClock::new();
            let provider = ClientProvider::builder(identity())
                .config(TelemetryConfig::default().mode(Mode::Forced))
                .exporter(exporter)
                .flags(StaticFlags::new([("flag", true)]))
                .breakers(AlwaysClosed)
                .clock(clock.clone())
                .runtime(Runtime::Manual)
                .system(system(text))
                .environment(|_| None)
                .build()
                .unwrap();
            let lease =
                provider.acquire(Target::new("host.example.com").credentials(StaticToken::new(CANARY)));
            let info = || ConnectionInfo::new().params(params(text)).auth_type(text).user_agent(text);
            lease.opening(info()).failed(|| ErrorDetails::new(text).message(text).stack(text));
            let session = lease.opening(info()).opened(text);
            session.error(|| ErrorDetails::new("E").message(text).stack(text));
            let (call, latency) = (OperationType::CancelStatement, Duration::from_millis(1));
            session.operation(Operation::new(call, latency).statement(text));
            session.operation(
                Operation::volume(VolumeOperationType::Put, latency).volume_path(text).local_file(text),
            );
            let mut statement = session.statement();
            statement.id(text);
            statement.error(|| ErrorDetails::new(text).message(text));
            let _ = write!(shown, "{statement:?} {session:?} {:?}", info());
            statement.complete();
            session.emitter().started(text, StatementType::Query);
            session.emitter().error(text, || ErrorDetails::new(text).message(text));
            session.emitter().completed(text, latency);
            let _ = write!(shown, "{lease:?} {provider:?} {:?}", lease.status());
            drop((session, lease));
            // The final flush, step by step; the time moves for what waits for it.
            for _ in 0..20 {
                provider.step();
                clock.advance(Duration::from_millis(200));
            }
        }
    });
    let records = exporter.accepted();
    assert!(!records.is_empty() && !payload.text().is_empty());
    format!("{}\n{}\n{shown}\n{records:?}", payload.text(), log.text())
}

#[test]
fn a_secret_is_nowhere_and_its_neighbour_is_there() {
    let all = everything_about(&format!(
        "{NEIGHBOUR} password={CANARY} Authorization: Bearer {CANARY} https://u:{CANARY}@h/"
    ));
    assert!(!all.contains(CANARY), "{all}");
    assert!(all.contains(NEIGHBOUR));
}

/// Ways to give a secret away, with the secret at `@`.
const FRAMES: [&str; 12] = [
    "password=@",
    "{\"password\": \"@\"}",
    "{\\\"client_secret\\\":\\\"@\\\"}",
    "Authorization: Bearer @",
    "AUTHORIZATION:\r\n  basic @",
    "https://user:@@host.example.com/x",
    "jdbc:databricks://h:443;UID=token;PWD=@",
    "--token @",
    "Cookie: session=@; a=b",
    "SELECT * FROM t WHERE a = '@'",
    "near '@'",
    "password%3D@",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_planted_secret_leaves(
        before in "[ -~]{0,40}", frame in proptest::sample::select(&FRAMES[..]), secret in "[A-Za-z][A-Za-z0-9]{6,20}[0-9]", after in "\\PC{0,40}",
    ) {
        let text = format!("{before}\n{}\n{after}", frame.replacen('@', &secret, 1));
        let all = everything_about(&text);
        prop_assert!(!all.contains(&secret), "{text:?} gave {all}");
    }
}

/// What every public type shows of a secret that it was given, or could be.
fn shown() -> Vec<(&'static str, String)> {
    fn both(value: &(impl Debug + fmt::Display)) -> String {
        format!("{value:?} {value:#?} {value}")
    }
    fn debug(value: &impl Debug) -> String {
        format!("{value:?} {value:#?}")
    }
    let url = format!("https://user:{CANARY}@host.example.com/?token={CANARY}");
    let host = Host::parse("host.example.com", HostPolicy::Public).unwrap();
    let headers = Headers::bearer(CANARY).with("x-canary", CANARY);
    let mut request = HttpRequest::new(Method::Post, host.clone(), "/path");
    (request.headers, request.body) = (headers.clone(), CANARY.into());
    let mut response = HttpResponse::new(200, CANARY.as_bytes().to_vec());
    response.headers.push("set-cookie", CANARY);
    let volume = || {
        Some(VolumeOperation {
            operation: None,
            volume_path: Some(url.clone()),
            local_file: Some(url.clone()),
        })
    };
    let error =
        || ErrorInfo { text: Some(ErrorText::detached(&url)), ..ErrorInfo::new(&url, ErrorClass::Unknown) };
    let session = SessionContext {
        driver: Arc::new(DriverContext { identity: identity(), system: system(&url) }),
        session_id: SessionId::new(CANARY),
        workspace_id: None,
        user_agent: Some(url.clone()),
        auth_type: Some(url.clone()),
        params: params(&url),
        encoded: Encoded::default(),
    };
    let record = Record {
        id: EventId::random(),
        stamp: SystemTime::UNIX_EPOCH,
        session: Arc::new(session),
        body: Body {
            statement_id: StatementId::new(CANARY),
            volume: volume().map(Box::new),
            error: Some(error()),
            ..Body::new(RecordKind::Error)
        },
    };
    let records = [Arc::new(record)];
    let attempt = Attempt::new(&host, &records, SystemTime::UNIX_EPOCH).with_credentials(Some(&headers));
    let driver = identity();
    let query =
        FlagQuery::new(&host, &driver, Tick::ZERO, SystemTime::UNIX_EPOCH).with_credentials(Some(&headers));
    let transport = || {
        Arc::new(ReqwestTransport::builder().configure(|client| client.user_agent(CANARY)).build().unwrap())
    };
    let http = || HttpExporter::new(transport());
    let upload = Upload {
        upload_time: 1,
        items: vec![CANARY.into()],
        proto_logs: vec![CANARY.into()],
        ..Upload::default()
    };
    let wire = format!(
        r#"{{"frontend_log_event_id":"{CANARY}","entry":{{"sql_driver_log":{{"session_id":"{CANARY}"}}}}}}"#
    );
    let wire: Frontend = serde_json::from_str(&wire).unwrap();
    let info = ConnectionInfo::new().params(params(&url)).auth_type(&url).user_agent(&url);
    let builder = || {
        ClientProvider::builder(identity())
            .exporter(http())
            .flags(FlagCache::new(HttpFlagSource::new(transport())))
            .breakers(BreakerRegistry::default())
            .system(system(&url))
    };
    let provider = builder().config(TelemetryConfig::default().mode(Mode::Forced)).build().unwrap();
    let lease = provider.acquire(Target::new("host.example.com").credentials(StaticToken::new(CANARY)));
    let opening = lease.opening(info.clone());
    let open = lease.opening(info.clone()).opened(CANARY);
    let mut statement = open.statement();
    vec![
        ("StaticToken", debug(&StaticToken::new(CANARY))),
        ("Headers", debug(&headers)),
        ("HttpRequest", debug(&request)),
        ("HttpResponse", debug(&response)),
        ("Record", debug(&records[0])),
        ("Attempt", debug(&attempt)),
        ("FlagQuery", debug(&query)),
        ("Target", debug(&Target::new(&url).credentials(StaticToken::new(CANARY)))),
        ("ConnectionParams", debug(&params(&url))),
        ("ConnectionInfo", debug(&info)),
        ("SystemInfo", debug(&system(&url))),
        ("ErrorDetails", debug(&ErrorDetails::new(&url).message(&url).stack(&url))),
        ("ErrorText", debug(&ErrorText::detached(&url))),
        (
            "Operation",
            debug(
                &Operation::volume(VolumeOperationType::Put, Duration::ZERO)
                    .volume_path(&url)
                    .local_file(&url)
                    .statement(CANARY),
            ),
        ),
        (
            "a refused host",
            both(&Host::parse(&format!("https://user:{CANARY}@"), HostPolicy::Public).unwrap_err()),
        ),
        ("a refused id", both(&CANARY.parse::<SessionId>().unwrap_err())),
        (
            "a refused name",
            both(
                &DriverIdentity::builder()
                    .name(format!("\n{CANARY}"))
                    .version("1")
                    .client("X")
                    .flag("f")
                    .build()
                    .unwrap_err(),
            ),
        ),
        ("a refused path", both(&Endpoints::new(&format!("/a?token={CANARY}"), "/b").unwrap_err())),
        ("ScopeId", debug(&ScopeId::derived_from(CANARY))),
        ("HttpExporter", debug(&http())),
        ("DryRunExporter", debug(&DryRunExporter::file(CANARY))),
        ("TeeExporter", debug(&TeeExporter::new(DryRunExporter::file(CANARY), http()))),
        ("Upload", debug(&upload)),
        ("Frontend", debug(&wire)),
        ("ClientProviderBuilder", debug(&builder())),
        ("ClientProvider", debug(&provider)),
        ("Lease", debug(&lease)),
        ("Status", debug(&lease.status())),
        ("State", both(&lease.status().state)),
        (
            "the status of a refused host",
            both(&provider.acquire(Target::new(format!("https://{CANARY}:{CANARY}@"))).status().state),
        ),
        ("Opening", debug(&opening)),
        ("Session", debug(&open)),
        ("Emitter", debug(&open.emitter())),
        ("ChunkRecorder", debug(&statement.chunk_recorder())),
        ("Statement", debug(&statement)),
        ("Options", debug(&Options::new(url.clone(), CANARY, "warehouse"))),
        ("Received", debug(&Received::new("POST", "/x", headers.clone(), CANARY))),
        ("Answer", debug(&Answer::new(200, CANARY))),
        ("ScriptedCredentials", debug(&ScriptedCredentials::token(CANARY))),
        ("FakeWorkspace", debug(&FakeWorkspace::builder().require_tokens([CANARY]))),
    ]
}

#[test]
fn no_public_type_shows_a_secret() {
    for (what, shown) in shown() {
        assert!(!shown.contains(CANARY), "{what}: {shown}");
        assert!(!shown.is_empty(), "{what} shows nothing");
    }
}
