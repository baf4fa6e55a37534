//! A dry run writes the very bytes, within its bound, and nothing secret beside them; it needs no network and
//! harms no sending.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{CANARY, credentials, export, public_host, record, records, session, wall};
use serde::Deserialize;
use telemetry_core::plugin::{AlwaysClosed, Attempt, AuthHeaders, Receipt};
use telemetry_core::record::Record;
use telemetry_core::status::{DropReason, Status};
use telemetry_core::{
    ClientProvider, CloseOutcome, ConnectionInfo, DriverIdentity, ErrorClass, Fault, Host, Mode, Target,
    TelemetryConfig,
};
use telemetry_export_http::{DryRunExporter, Endpoints, HttpExporter, TeeExporter};
use telemetry_testkit::{ScriptedFlags, ScriptedTransport};

/// A line, with these fields and no others.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    host: String,
    path: String,
    authenticated: bool,
    body: String,
}

fn lines(text: &str) -> Vec<Line> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A directory of a test's own, which goes with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("telemetry-dry-run-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("requests.jsonl")
    }

    fn names(&self) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(&self.0).unwrap().map(name).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn bytes(&self) -> u64 {
        self.names().iter().map(|name| fs::metadata(self.0.join(name)).unwrap().len()).sum()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A writer that a test can look into.
#[derive(Clone, Default)]
struct Page {
    written: Arc<Mutex<Vec<u8>>>,
    flushed: Arc<AtomicUsize>,
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed.store(self.written.lock().unwrap().len(), Ordering::SeqCst);
        Ok(())
    }
}

/// A writer that always fails.
struct Broken(ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

fn scripted(transport: &ScriptedTransport) -> HttpExporter {
    HttpExporter::new(Arc::new(transport.clone()))
}

fn accepting() -> ScriptedTransport {
    ScriptedTransport::answering(200, r#"{"numProtoSuccess":9}"#)
}

/// The line of what this exporter would send.
fn line_of(
    exporter: &HttpExporter,
    host: &Host,
    records: &[Arc<Record>],
    credentials: Option<&AuthHeaders>,
) -> Line {
    let attempt = Attempt::new(host, records, wall()).with_credentials(credentials);
    let request = exporter.request(&attempt).unwrap();
    Line {
        host: host.name().to_owned(),
        path: request.path,
        authenticated: credentials.is_some(),
        body: String::from_utf8(request.body).unwrap(),
    }
}

#[tokio::test]
async fn each_attempt_is_a_line_with_the_very_body_and_is_accepted_whole() {
    let (page, host, credentials) = (Page::default(), public_host(), credentials());
    let exporter = DryRunExporter::writer(page.clone());
    let mut expected = Vec::new();
    for (count, credentials) in [(1, Some(&credentials)), (3, None), (2, Some(&credentials))] {
        let records = records(count);
        let receipt = export(&exporter, &host, &records, credentials).await;
        assert_eq!(receipt, Ok(Receipt::written(count.into())));
        expected.push(line_of(&scripted(&accepting()), &host, &records, credentials));
        assert_eq!(page.flushed.load(Ordering::SeqCst), page.text().len(), "nothing waits in a buffer");
    }
    assert_eq!(lines(&page.text()), expected);
}

#[tokio::test]
async fn a_text_of_many_lines_stays_in_its_own() {
    let page = Page::default();
    let mut session = Arc::into_inner(session()).unwrap();
    session.auth_type = Some("a\nb\r\n\u{2028}\"\\\u{0}".to_owned());
    let records = [record(&Arc::new(session), 0)];
    let exporter = DryRunExporter::writer(page.clone());
    export(&exporter, &public_host(), &records, Some(&credentials())).await.unwrap();
    assert_eq!(page.text().bytes().filter(|byte| *byte == b'\n').count(), 1);
    let expected = line_of(&scripted(&accepting()), &public_host(), &records, Some(&credentials()));
    assert_eq!(lines(&page.text()), [expected]);
}

#[tokio::test]
async fn it_writes_what_a_given_exporter_would_send_and_sends_nothing() {
    let (transport, page, host, records) = (accepting(), Page::default(), public_host(), records(2));
    let sender = scripted(&transport).endpoints(Endpoints::SHIPPED);
    let exporter = DryRunExporter::writer(page.clone()).as_sent_by(&sender);
    export(&exporter, &host, &records, None).await.unwrap();
    let found = lines(&page.text());
    assert_eq!(found, [line_of(&sender, &host, &records, None)]);
    assert_eq!(found[0].path, "/telemetry-unauth");
    let small = DryRunExporter::writer(page.clone()).as_sent_by(&sender.max_body_bytes(100));
    assert_eq!(export(&small, &host, &records, None).await, Err(Fault::TooLarge.into()));
    assert_eq!(lines(&page.text()).len(), 1);
    assert!(transport.requests().is_empty());
}

#[tokio::test]
async fn no_credential_is_written_and_without_credentials_nothing_that_correlates() {
    let directory = Directory::new();
    let exporter = DryRunExporter::file(directory.file());
    let host = public_host();
    export(&exporter, &host, &records(2), Some(&credentials())).await.unwrap();
    let written = directory.read("requests.jsonl");
    for secret in ["canary-token", "canary-org", "Bearer", "authorization"] {
        assert!(!written.contains(secret), "{secret}");
    }
    export(&exporter, &host, &records(2), None).await.unwrap();
    let last = directory.read("requests.jsonl").split_off(written.len());
    assert!(!last.is_empty() && !last.contains(CANARY));
    assert!(!format!("{exporter:?}").contains("requests.jsonl"), "a path may name its user");
}

#[tokio::test]
async fn a_file_is_made_by_the_first_batch_for_its_owner_alone_and_added_to_by_the_next_run() {
    let directory = Directory::new();
    let exporter = DryRunExporter::file(directory.file());
    assert!(directory.names().is_empty());
    export(&exporter, &public_host(), &records(1), None).await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(directory.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }
    drop(exporter);
    export(&DryRunExporter::file(directory.file()), &public_host(), &records(1), None).await.unwrap();
    assert_eq!(directory.names(), ["requests.jsonl"]);
    assert_eq!(lines(&directory.read("requests.jsonl")).len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_could_read_becomes_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    fs::write(directory.file(), "").unwrap();
    fs::set_permissions(directory.file(), fs::Permissions::from_mode(0o644)).unwrap();
    export(&DryRunExporter::file(directory.file()), &public_host(), &records(1), None).await.unwrap();
    assert_eq!(fs::metadata(directory.file()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(lines(&directory.read("requests.jsonl")).len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_and_a_device_are_refused() {
    let directory = Directory::new();
    fs::write(directory.0.join("kept"), "kept").unwrap();
    for target in ["kept", "missing"] {
        std::os::unix::fs::symlink(directory.0.join(target), directory.file()).unwrap();
        let exporter = DryRunExporter::file(directory.file());
        let result = export(&exporter, &public_host(), &records(1), None).await;
        assert_eq!(result, Err(Fault::Write(ErrorKind::InvalidInput).into()), "{target}");
        assert_eq!(directory.names(), ["kept", "requests.jsonl"]);
        fs::remove_file(directory.file()).unwrap();
    }
    assert_eq!(directory.read("kept"), "kept");
    let exporter = DryRunExporter::file("/dev/null");
    let refused = Err(Fault::Write(ErrorKind::InvalidInput).into());
    assert_eq!(export(&exporter, &public_host(), &records(1), None).await, refused);
}

/// The length of the line of this batch.
async fn length(records: &[Arc<Record>]) -> u64 {
    let page = Page::default();
    export(&DryRunExporter::writer(page.clone()), &public_host(), records, None).await.unwrap();
    page.text().len() as u64
}

#[tokio::test]
async fn a_full_file_is_set_aside_and_both_stay_within_twice_the_bound() {
    let (directory, records) = (Directory::new(), records(1));
    let length = length(&records).await;
    let bound = 3 * length + length / 2;
    let mut exporter = DryRunExporter::bounded_file(directory.file(), bound);
    for written in 1..=20_usize {
        if written % 5 == 0 {
            // A run that goes on where the last one was counts what is there.
            exporter = DryRunExporter::bounded_file(directory.file(), bound);
        }
        export(&exporter, &public_host(), &records, None).await.unwrap();
        let current = directory.read("requests.jsonl");
        assert_eq!(
            lines(&current).len(),
            (written - 1) % 3 + 1,
            "the last line is always in the file itself"
        );
        if written <= 3 {
            assert_eq!(directory.names(), ["requests.jsonl"]);
        } else {
            assert_eq!(directory.names(), ["requests.jsonl", "requests.jsonl.1"]);
            assert_eq!(lines(&directory.read("requests.jsonl.1")).len(), 3);
        }
        assert!(current.len() as u64 <= bound && directory.bytes() <= 2 * bound);
    }
}

#[tokio::test]
async fn several_that_write_to_one_file_keep_its_bound_together() {
    let (directory, records) = (Directory::new(), records(1));
    let length = length(&records).await;
    let bound = 3 * length + length / 2;
    let exporters = [(); 4].map(|()| DryRunExporter::bounded_file(directory.file(), bound));
    for written in 0..20_usize {
        export(&exporters[written % 4], &public_host(), &records, None).await.unwrap();
        assert_eq!(lines(&directory.read("requests.jsonl")).len(), written % 3 + 1);
        assert!(directory.bytes() <= 2 * bound);
    }
    assert_eq!(directory.names(), ["requests.jsonl", "requests.jsonl.1"]);
}

#[tokio::test]
async fn a_line_that_just_fits_its_file_is_written_and_one_that_never_will_is_too_large() {
    let (directory, host) = (Directory::new(), public_host());
    let (one, two) = (records(1), records(2));
    let bound = length(&one).await;
    let exporter = DryRunExporter::bounded_file(directory.file(), bound);
    for _ in 0..3 {
        assert_eq!(export(&exporter, &host, &one, None).await, Ok(Receipt::written(1)));
        // It is asked again with half, which fits.
        assert_eq!(export(&exporter, &host, &two, None).await, Err(Fault::TooLarge.into()));
        assert!(directory.bytes() <= 2 * bound);
    }
    assert_eq!(lines(&directory.read("requests.jsonl")).len(), 1);
}

#[tokio::test]
async fn what_can_not_be_written_fails_classified_and_is_written_once_it_can_be() {
    let directory = Directory::new();
    let (missing, host, records) = (directory.0.join("later"), public_host(), records(1));
    let exporter = DryRunExporter::file(missing.join("requests.jsonl"));
    for _ in 0..2 {
        let failure = export(&exporter, &host, &records, None).await.unwrap_err();
        assert_eq!(
            (failure.fault, failure.class()),
            (Fault::Write(ErrorKind::NotFound), ErrorClass::Unknown)
        );
    }
    fs::create_dir(&missing).unwrap();
    assert_eq!(export(&exporter, &host, &records, None).await, Ok(Receipt::written(1)));
    assert_eq!(lines(&fs::read_to_string(missing.join("requests.jsonl")).unwrap()).len(), 1);
    // A directory is no file.
    let exporter = DryRunExporter::file(&directory.0);
    assert!(export(&exporter, &host, &records, None).await.is_err());
}

#[tokio::test]
async fn a_file_that_can_not_be_set_aside_grows_no_further() {
    let (directory, host, records) = (Directory::new(), public_host(), records(1));
    let length = length(&records).await;
    let exporter = DryRunExporter::bounded_file(directory.file(), length);
    fs::create_dir_all(directory.0.join("requests.jsonl.1/in-the-way")).unwrap();
    export(&exporter, &host, &records, None).await.unwrap();
    for _ in 0..2 {
        assert!(export(&exporter, &host, &records, None).await.is_err());
        assert_eq!(fs::metadata(directory.file()).unwrap().len(), length);
    }
    fs::remove_dir_all(directory.0.join("requests.jsonl.1")).unwrap();
    export(&exporter, &host, &records, None).await.unwrap();
    assert_eq!(directory.names(), ["requests.jsonl", "requests.jsonl.1"]);
}

#[tokio::test]
async fn a_writer_that_fails_says_how_and_only_what_may_end_is_tried_again() {
    for (kind, class) in [
        (ErrorKind::StorageFull, ErrorClass::Retryable),
        (ErrorKind::QuotaExceeded, ErrorClass::Retryable),
        (ErrorKind::TimedOut, ErrorClass::Retryable),
        (ErrorKind::BrokenPipe, ErrorClass::Unknown),
        (ErrorKind::PermissionDenied, ErrorClass::Unknown),
    ] {
        let exporter = DryRunExporter::writer(Broken(kind));
        let failure = export(&exporter, &public_host(), &records(1), None).await.unwrap_err();
        assert_eq!((failure.fault, failure.class()), (Fault::Write(kind), class), "{kind}");
    }
}

fn provider(exporter: DryRunExporter) -> ClientProvider {
    let identity = DriverIdentity::builder().name("Driver").version("1").client("D").flag("on");
    ClientProvider::builder(identity.build().unwrap())
        .config(TelemetryConfig::default().mode(Mode::Forced))
        .exporter(exporter)
        .flags(ScriptedFlags::fixed("on", true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap()
}

async fn closed(provider: &ClientProvider) -> (CloseOutcome, Status) {
    let lease = provider.acquire(Target::new("workspace.example.com"));
    lease
        .opening(ConnectionInfo::new())
        .opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b")
        .statement()
        .complete();
    let outcome = lease.close(Duration::from_secs(60)).await;
    (outcome, lease.status())
}

#[tokio::test]
async fn a_dry_run_is_never_a_delivery() {
    let directory = Directory::new();
    let (outcome, status) = closed(&provider(DryRunExporter::file(directory.file()))).await;
    assert_eq!(outcome, CloseOutcome::Written { written: 2 });
    assert!(!outcome.is_delivered());
    assert_eq!(outcome.to_string(), "wrote all 2 records to a file, and sent none");
    assert_eq!((status.records.accepted, status.records.written), (0, 2));
    assert!(status.balances());
    assert_eq!(
        status.records.to_string(),
        "2 made = 0 accepted + 2 written to a file + 0 dropped (none) + 0 held"
    );
    assert_eq!(status.dry_run, Some(directory.file()));
}

#[tokio::test]
async fn a_dry_run_that_can_not_write_says_which_file_and_why() {
    let directory = Directory::new();
    let file = directory.0.join("missing/requests.jsonl");
    let (outcome, status) = closed(&provider(DryRunExporter::file(&file))).await;
    let CloseOutcome::Lost { accepted: 0, dropped } = outcome else { panic!("{outcome}") };
    assert_eq!((dropped.get(DropReason::NotWritten), dropped.total()), (2, 2));
    assert!(status.balances());
    assert_eq!(status.dry_run, Some(file));
    let failure = status.last_failure.unwrap();
    assert_eq!(failure.to_string(), "file not written: entity not found");
}

#[tokio::test]
async fn a_tee_that_can_not_write_sends_all_the_same() {
    let directory = Directory::new();
    let host = public_host();
    for copy in [
        DryRunExporter::file(directory.0.join("no/such/directory/requests.jsonl")),
        DryRunExporter::bounded_file(directory.file(), 1),
        DryRunExporter::writer(Broken(ErrorKind::PermissionDenied)),
    ] {
        let transport = accepting();
        let tee = TeeExporter::new(copy, scripted(&transport));
        assert_eq!(export(&tee, &host, &records(2), Some(&credentials())).await, Ok(Receipt::new(2)));
        assert_eq!(transport.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_is_too_large_to_send_a_tee_neither_writes_nor_sends() {
    let (transport, page) = (accepting(), Page::default());
    let sender = scripted(&transport).max_body_bytes(100);
    let tee = TeeExporter::new(DryRunExporter::writer(page.clone()), sender);
    assert_eq!(export(&tee, &public_host(), &records(1), None).await, Err(Fault::TooLarge.into()));
    assert!(transport.requests().is_empty() && page.text().is_empty());
    assert!(!format!("{tee:?}").contains(CANARY));
}

/// What needs a transport.
#[cfg(feature = "reqwest")]
mod over_a_socket {
    use telemetry_core::plugin::PluginError;
    use telemetry_testkit::{Behaviour, FakeWorkspace};

    use super::*;
    use crate::common::transport;

    #[tokio::test]
    async fn a_tee_writes_the_bytes_that_it_sends() {
        let (workspace, page, credentials) = (FakeWorkspace::start(), Page::default(), credentials());
        let sender = HttpExporter::new(Arc::new(transport())).endpoints(Endpoints::SHIPPED);
        let tee = TeeExporter::new(DryRunExporter::writer(page.clone()), sender);
        for credentials in [Some(&credentials), None] {
            let receipt = export(&tee, &workspace.host(), &records(3), credentials).await;
            assert_eq!(receipt, Ok(Receipt::new(3)));
        }
        let (received, found) = (workspace.received(), lines(&page.text()));
        assert_eq!((received.len(), found.len()), (2, 2));
        for (received, line) in received.iter().zip(&found) {
            assert_eq!(received.body, line.body.as_bytes());
            assert_eq!(received.path, line.path);
            assert_eq!(line.host, "127.0.0.1");
            assert_eq!(received.headers.get("authorization").is_some(), line.authenticated);
        }
        assert!(!page.text().contains("canary-token"));
    }

    #[tokio::test]
    async fn a_tee_says_what_the_service_said_and_writes_each_attempt() {
        let (workspace, page) = (FakeWorkspace::start(), Page::default());
        workspace.script_telemetry([Behaviour::Status(503), Behaviour::PartiallyAccept(1)]);
        let sender = HttpExporter::new(Arc::new(transport()));
        let tee = TeeExporter::new(DryRunExporter::writer(page.clone()), sender);
        let (host, records) = (workspace.host(), records(2));
        assert_eq!(export(&tee, &host, &records, None).await, Err(PluginError::new(503)));
        assert_eq!(export(&tee, &host, &records, None).await, Ok(Receipt::new(1)));
        let found = lines(&page.text());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], found[1]);
    }
}

/// The part of the test below that runs under its limit.
const LIMITED: &str = "TELEMETRY_TEST_LIMITED_FILE";

/// Writes until the system lets it write no more.
fn fill(path: PathBuf) {
    let identity = DriverIdentity::builder().name("D").version("1.0.0").client("D").flag("on");
    let provider = ClientProvider::builder(identity.build().unwrap())
        .config(TelemetryConfig::default().mode(Mode::On))
        .exporter(DryRunExporter::file(path))
        .flags(ScriptedFlags::fixed("on", true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new("host.example.com"));
    let session = lease.opening(ConnectionInfo::new()).opened("01f0");
    for _ in 0..40 {
        session.statement().complete();
        let _ = lease.flush_blocking(Duration::from_secs(60));
    }
    let status = lease.status();
    let books = status.records;
    assert!(
        status.balances() && books.written > 5 && books.dropped.get(DropReason::NotWritten) > 5,
        "{books}"
    );
    assert_eq!(status.last_failure.unwrap().fault, Fault::Write(ErrorKind::FileTooLarge));
}

/// The system's limit of a file's size sends a signal that ends a process, unless it is blocked; and lets
/// half a line be written before.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_ends_no_process_and_keeps_whole_lines() {
    if let Some(path) = std::env::var_os(LIMITED) {
        return fill(path.into());
    }
    let directory = Directory::new();
    let name = "dry_run::a_file_that_may_not_grow_ends_no_process_and_keeps_whole_lines";
    let output = std::process::Command::new("sh")
        .args(["-c", r#"ulimit -f 8 && exec "$0" --exact --nocapture "$1""#])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(LIMITED, directory.file())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{:?}: {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let written = lines(&directory.read("requests.jsonl")).len();
    assert!(written > 5, "{written} lines, {said}");
}
