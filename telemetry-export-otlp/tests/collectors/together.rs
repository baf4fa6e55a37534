//! The vendor's service and two collectors beside each other: a driver's telemetry goes to all three, to each
//! what is for it, and what becomes of one is nothing to the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::Value;
use telemetry_breaker::BreakerRegistry;
use telemetry_core::plugin::{Attempt, HttpRequest, HttpResponse, PluginError, Transport};
use telemetry_core::record::{ConnectionParams, Record, TraceParent};
use telemetry_core::status::{ProviderStatus, RecordLedger};
use telemetry_core::{
    Chunk, ClientProvider, ConnectionInfo, DriverIdentity, ErrorDetails, Exporter, Fault, HostPolicy, Lease,
    Mode, Operation, OperationType, Session, Sink, StatementType, StaticToken, Target, TelemetryConfig,
    async_trait,
};
use telemetry_export_http::{HttpExporter, ReqwestTransport};
use telemetry_export_otlp::{Compression, OtlpConfig, OtlpExporter};
use telemetry_flags::{FlagCache, HttpFlagSource};
use telemetry_testkit::{Behaviour, FakeWorkspace, RecordingExporter};

use crate::collector::{Oteltap, PATIENCE, Rotel};
use crate::common::{Sent, accepting, exporter, shown};

const FLAG: &str = "a.b.enableTelemetry";
/// What no collector may see: how the connection logs in.
const TOKEN: &str = "canary-of-the-token";
const VENDORS: [&str; 2] = ["canary-tenant", "canary-scope"];
/// What the vendor may not see: the caller's span, the way its ids are written.
const CUSTOMERS: [&str; 2] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
/// What everybody may.
const SESSION: &str = "01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b";
/// A port that refuses, as no process of a user may have it.
const NOBODYS: u16 = 1;
/// How long a flush or a close waits for a place that doesn't work.
const SHORT: Duration = Duration::from_secs(1);

/// In each half of the workload.
const STATEMENTS: usize = 20;
/// Its records in all, each half's: statements, calls, a call's error and a connection's, and, in the first,
/// two openings, in the second a closing.
const RECORDS: [usize; 2] = [STATEMENTS + 4 + 1 + 2, STATEMENTS + 4 + 1 + 1];

/// What is wrong, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Nothing,
    VendorUnavailable,
    VendorHangs,
    RotelKilled,
    RotelNeverThere,
    OteltapKilled,
    OteltapNeverThere,
}

/// Remembers all that goes to collectors.
#[derive(Debug)]
struct Watching {
    inner: ReqwestTransport,
    seen: Mutex<Vec<HttpRequest>>,
}

#[async_trait]
impl Transport for Watching {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        self.seen.lock().unwrap().push(request.clone());
        self.inner.send(request).await
    }

    fn may_block(&self) -> bool {
        self.inner.may_block()
    }
}

fn transport() -> ReqwestTransport {
    ReqwestTransport::builder().configure(|client| client.no_proxy()).build().unwrap()
}

fn config(port: u16) -> OtlpConfig {
    OtlpConfig::default().all(|all| all.endpoint(format!("http://127.0.0.1:{port}")))
}

type Sorted = Vec<Vec<u8>>;
/// Sums and buckets, by name and attributes.
type Measured = BTreeMap<String, Vec<u64>>;

/// What is in a collector's hands.
#[derive(Clone, Debug, Default)]
struct Arrived {
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
}

impl Arrived {
    fn of(sent: &Sent) -> Self {
        Arrived {
            spans: sent.spans().into_iter().cloned().collect(),
            logs: sent.log_records().into_iter().cloned().collect(),
            metrics: sent.metrics().into_iter().cloned().collect(),
        }
    }

    fn take(&mut self, kind: &str, bytes: &[u8]) {
        match kind {
            "span" => self.spans.push(Message::decode(bytes).unwrap()),
            "log" => self.logs.push(Message::decode(bytes).unwrap()),
            "metric" => self.metrics.push(Message::decode(bytes).unwrap()),
            other => panic!("{other}"),
        }
    }

    /// Everything in an order of its own, metrics added up over batches.
    fn ordered(&self) -> (Sorted, Sorted, Measured) {
        let mut spans: Vec<_> = self.spans.iter().map(Message::encode_to_vec).collect();
        let mut logs: Vec<_> = self.logs.iter().map(Message::encode_to_vec).collect();
        spans.sort();
        logs.sort();
        (spans, logs, self.measured())
    }

    fn measured(&self) -> Measured {
        let mut all = Measured::new();
        let mut add = |key: String, counts: Vec<u64>| {
            let sums = all.entry(key).or_insert_with(|| vec![0; counts.len()]);
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        };
        for metric in &self.metrics {
            match metric.data.as_ref().unwrap() {
                Data::Sum(sum) => sum.data_points.iter().for_each(|point| {
                    let Some(Number::AsInt(value)) = point.value else { panic!("{point:?}") };
                    add(format!("{} {:?}", metric.name, shown(&point.attributes)), vec![value as u64]);
                }),
                Data::Histogram(histogram) => histogram.data_points.iter().for_each(|point| {
                    let key = format!("{} {:?}", metric.name, shown(&point.attributes));
                    add(key, point.bucket_counts.clone());
                }),
                other => panic!("{other:?}"),
            }
        }
        all
    }

    /// Whether there is as much as in this, of metrics too, which are sent last.
    fn has(&self, expected: &Arrived) -> bool {
        let total = |arrived: &Arrived| arrived.measured().values().flatten().sum::<u64>();
        self.spans.len() >= expected.spans.len()
            && self.logs.len() >= expected.logs.len()
            && total(self) >= total(expected)
    }
}

/// A driver, and the three places that it tells.
struct World {
    workspace: FakeWorkspace,
    rotel: Option<Rotel>,
    oteltap: Option<Oteltap>,
    tapped: Arrived,
    watching: Arc<Watching>,
    recorded: RecordingExporter,
    provider: ClientProvider,
}

impl World {
    async fn new(trouble: Trouble) -> Self {
        let workspace = FakeWorkspace::builder().strict().require_tokens([TOKEN]).start();
        workspace.set_flag(FLAG, true);
        let rotel = match trouble {
            Trouble::RotelNeverThere => None,
            _ => Some(Rotel::start().await),
        };
        let oteltap = (trouble != Trouble::OteltapNeverThere).then(Oteltap::start);
        let watching = Arc::new(Watching { inner: transport(), seen: Mutex::default() });
        let ports = [
            rotel.as_ref().map_or(NOBODYS, |rotel| rotel.port),
            oteltap.as_ref().map_or(NOBODYS, |oteltap| oteltap.port),
        ];
        let to_rotel = config(ports[0]).all(|all| all.compression(Compression::Gzip));
        let sink = |name, config| {
            let exporter = OtlpExporter::new(Arc::<Watching>::clone(&watching), config).unwrap();
            Sink::new(name, exporter).breakers(BreakerRegistry::default())
        };
        let recorded = RecordingExporter::new();
        let service: Arc<dyn Transport> = Arc::new(transport());
        let identity =
            DriverIdentity::builder().name("Test Driver").version("1.2.3").client("TEST").flag(FLAG);
        let provider = ClientProvider::builder(identity.build().unwrap())
            .config(TelemetryConfig::default().mode(Mode::On).host_policy(HostPolicy::AllowLoopback))
            .exporter(HttpExporter::new(Arc::clone(&service)))
            .flags(FlagCache::new(HttpFlagSource::new(service)))
            .breakers(BreakerRegistry::default())
            .environment(|_| None)
            .sink(sink("rotel", to_rotel))
            .sink(sink("oteltap", config(ports[1])))
            .sink(Sink::new("recorded", recorded.clone()))
            .build()
            .unwrap();
        World { workspace, rotel, oteltap, tapped: Arrived::default(), watching, recorded, provider }
    }

    /// What was recorded so far, as whoever runs the driver may see it, and as it is sent to a collector.
    async fn expected(&self) -> Arrived {
        let records = self.recorded.accepted();
        let transport = accepting();
        let host = self.workspace.host();
        let attempt = Attempt::new(&host, &records, std::time::SystemTime::UNIX_EPOCH);
        exporter(&transport, OtlpConfig::default()).export(&attempt).await.unwrap();
        Arrived::of(&Sent::of(&transport.requests()))
    }

    /// Waits until the places that work have all that was recorded.
    async fn until_there(&mut self, records: usize, vendor: bool, rotel: bool, oteltap: bool) {
        let end = Instant::now() + PATIENCE;
        while self.recorded.accepted().len() < records {
            assert!(Instant::now() < end, "{}", self.provider.status().records);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let expected = self.expected().await;
        if vendor {
            assert!(self.workspace.wait_for_records(records, PATIENCE), "the vendor");
        }
        if let Some(there) = self.rotel.as_ref().filter(|_| rotel) {
            there.until(|sent| Arrived::of(sent).has(&expected)).await;
        }
        if let Some(there) = self.oteltap.as_ref().filter(|_| oteltap) {
            while !self.tapped.has(&expected) {
                let (kind, bytes) = there.next();
                self.tapped.take(&kind, &bytes);
            }
        }
        // Where all has come, the answer may still be on its way.
        let working = [Some("rotel").filter(|_| rotel), Some("oteltap").filter(|_| oteltap)];
        loop {
            let status = self.provider.status();
            let is_accepted = |ledger: &RecordLedger| ledger.accepted as usize == records;
            let is_there = working.iter().flatten().all(|name| is_accepted(book(&status, name)));
            if is_there && (!vendor || is_accepted(&status.records)) {
                return;
            }
            assert!(Instant::now() < end, "{status:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn book<'a>(status: &'a ProviderStatus, name: &str) -> &'a RecordLedger {
    status.sinks.iter().find(|(known, _)| &**known == name).map(|(_, book)| book).unwrap()
}

fn connection() -> ConnectionInfo {
    ConnectionInfo::new().auth_type("pat").user_agent("app/1").workspace_id(7).params(ConnectionParams {
        azure_tenant_id: Some(VENDORS[0].to_owned()),
        auth_scope: Some(VENDORS[1].to_owned()),
        ..ConnectionParams::default()
    })
}

fn first_half(lease: &Lease) -> Session {
    lease.opening(connection()).failed(|| ErrorDetails::new("CONNECT").fault(Fault::Timeout));
    let session = lease.opening(connection()).opened(SESSION);
    work(&session, 0);
    session
}

fn second_half(session: &Session) {
    work(session, 1);
    session.closed(Duration::from_millis(3));
}

/// What both halves have: statements, of which each has two chunks, and every fourth fails.
fn work(session: &Session, half: usize) {
    let caller = format!("00-{}-{}-01", CUSTOMERS[0], CUSTOMERS[1]);
    for number in 0..STATEMENTS {
        let mut statement = session.statement();
        statement.kind(StatementType::Query);
        statement.id(&format!("statement-{half}-{number}"));
        statement.poll(Duration::from_millis(8));
        statement.retried(1);
        statement.rows(10);
        statement.trace_parent(TraceParent::new(&caller).unwrap());
        statement.chunk(Chunk::new(0, Duration::from_millis(12)).bytes(65_536));
        statement.chunk(Chunk::new(1, Duration::from_millis(9)).bytes(1024));
        if number % 4 == 3 {
            statement.failed(|| ErrorDetails::new("TABLE_OR_VIEW_NOT_FOUND").message("no such table"));
        } else {
            statement.complete();
        }
    }
    for operation in [OperationType::ListTables, OperationType::ListSchemas, OperationType::ListColumns] {
        session.operation(Operation::new(operation, Duration::from_millis(31)));
    }
    let cancelled = Operation::new(OperationType::CancelStatement, Duration::from_secs(5));
    session.operation(cancelled.failed(ErrorDetails::new("CANCEL_TIMEOUT").fault(Fault::Timeout)));
    session.error(|| ErrorDetails::new("HEARTBEAT").fault(Fault::Timeout));
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ids of records, in order, as text.
fn ids(records: &[Arc<Record>]) -> Vec<String> {
    let mut ids: Vec<_> = records.iter().map(|record| record.id.to_string()).collect();
    ids.sort();
    ids
}

/// A workload in two halves, between which the trouble begins, unless it is there from the start.
async fn run(trouble: Trouble) {
    use Trouble::*;
    let mut world = World::new(trouble).await;
    let lease =
        world.provider.acquire(Target::new(world.workspace.url()).credentials(StaticToken::new(TOKEN)));
    let (rotel_starts, oteltap_starts) = (trouble != RotelNeverThere, trouble != OteltapNeverThere);
    let session = first_half(&lease);
    drop(lease.flush(SHORT).await);
    world.until_there(RECORDS[0], true, rotel_starts, oteltap_starts).await;
    let before = world.expected().await;
    let first: Vec<_> = world.recorded.accepted();

    match trouble {
        VendorUnavailable => world.workspace.on_telemetry(Behaviour::Status(503)),
        VendorHangs => world.workspace.on_telemetry(Behaviour::Hang),
        RotelKilled => world.rotel.as_mut().unwrap().kill(),
        OteltapKilled => world.oteltap.as_mut().unwrap().kill(),
        Nothing | RotelNeverThere | OteltapNeverThere => {}
    }
    second_half(&session);
    drop(lease.flush(SHORT).await);
    let vendor_works = !matches!(trouble, VendorUnavailable | VendorHangs);
    let rotel_works = !matches!(trouble, RotelKilled | RotelNeverThere);
    let oteltap_works = !matches!(trouble, OteltapKilled | OteltapNeverThere);
    let all = RECORDS[0] + RECORDS[1];
    world.until_there(all, vendor_works, rotel_works, oteltap_works).await;
    let closed = lease.close(SHORT).await;
    assert_eq!(closed.is_delivered(), vendor_works, "{trouble:?}: {closed}");

    // The books: where it works, all is there; where it doesn't, what came before.
    let status = world.provider.status();
    assert!(status.balances(), "{trouble:?}: {status:?}");
    let expected = world.expected().await;
    for (name, book, works, had) in [
        ("vendor", &status.records, vendor_works, true),
        ("rotel", book(&status, "rotel"), rotel_works, rotel_starts),
        ("oteltap", book(&status, "oteltap"), oteltap_works, oteltap_starts),
        ("recorded", book(&status, "recorded"), true, true),
    ] {
        let accepted = if works { all } else { RECORDS[0] * usize::from(had) };
        assert_eq!(
            (book.made, book.accepted, book.dropped.total(), book.held),
            (all as u64, accepted as u64, (all - accepted) as u64, 0),
            "{trouble:?}, {name}: {book}"
        );
    }

    let callers = expected.spans.iter().filter(|span| hex(&span.trace_id) == CUSTOMERS[0]);
    assert_eq!(callers.filter(|span| hex(&span.parent_span_id) == CUSTOMERS[1]).count(), 2 * STATEMENTS);

    // What came: each record once, whole.
    let recorded = world.recorded.accepted();
    assert_eq!(recorded.len(), all);
    let [spans, logs] = [expected.spans.len(), expected.logs.len()];
    // What is only an error is no span; in each half a call and a quarter of the statements fail as well.
    assert_eq!((spans, logs), (all - 2, 1 + 2 * (STATEMENTS / 4 + 2)), "the mapping");
    let mut at_vendor: Vec<_> = world.workspace.records().iter().map(event_id).collect();
    at_vendor.sort();
    assert_eq!(at_vendor, ids(if vendor_works { &recorded } else { &first }), "{trouble:?}");
    let came = |works| if works { &expected } else { &before };
    if let Some(rotel) = &world.rotel {
        let arrived = Arrived::of(&rotel.until(|_| true).await);
        assert!(arrived.ordered() == came(rotel_works).ordered(), "{trouble:?}: rotel");
        assert_scope(&format!("{arrived:?}"));
    }
    if oteltap_starts {
        assert!(world.tapped.ordered() == came(oteltap_works).ordered(), "{trouble:?}: oteltap");
        assert_scope(&format!("{:?}", world.tapped));
    }

    // Whose is whose.
    assert_eq!(world.workspace.violations(), [""; 0]);
    let bodies = String::from_utf8(world.workspace.bodies().concat()).unwrap();
    assert!(VENDORS.iter().all(|canary| bodies.contains(canary)) && bodies.contains(SESSION));
    assert!(!bodies.contains(TOKEN) && !CUSTOMERS.iter().any(|canary| bodies.contains(canary)));
    for HttpRequest { headers, body, path, .. } in &*world.watching.seen.lock().unwrap() {
        let names: Vec<_> =
            headers.iter().map(|(name, _)| name).filter(|name| *name != "content-encoding").collect();
        assert_eq!(names, ["content-type", "accept", "user-agent"], "{path}");
        let text =
            format!("{path} {:?} {}", headers.iter().collect::<Vec<_>>(), String::from_utf8_lossy(body));
        assert!(!text.contains(TOKEN) && !VENDORS.iter().any(|canary| text.contains(canary)));
    }
}

/// Of what a collector has: nothing of how the connection logs in, and what is not secret.
fn assert_scope(arrived: &str) {
    for secret in VENDORS.into_iter().chain([TOKEN]) {
        assert!(!arrived.contains(secret), "{secret}");
    }
    assert!(arrived.contains(SESSION) && arrived.contains("no such table"));
}

fn event_id(record: &Value) -> String {
    record["frontend_log_event_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs collectors; .ci/collectors runs it"]
async fn the_vendor_and_two_collectors_each_receive_every_record_once_and_see_what_is_theirs() {
    run(Trouble::Nothing).await;
}

#[tokio::test]
#[ignore = "needs collectors; .ci/collectors runs it"]
async fn a_vendor_that_is_out_or_hangs_is_nothing_to_the_collectors() {
    run(Trouble::VendorUnavailable).await;
    run(Trouble::VendorHangs).await;
}

#[tokio::test]
#[ignore = "needs collectors; .ci/collectors runs it"]
async fn a_collector_that_is_killed_or_was_never_there_is_nothing_to_the_vendor_and_the_other() {
    for trouble in
        [Trouble::RotelKilled, Trouble::RotelNeverThere, Trouble::OteltapKilled, Trouble::OteltapNeverThere]
    {
        run(trouble).await;
    }
}
