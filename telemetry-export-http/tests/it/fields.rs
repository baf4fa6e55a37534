//! The table of fields: it has all that is sent and nothing else, says truly whether a field travels without
//! credentials and how it is cleaned, and is what `docs/TELEMETRY.md` shows.
//!
//! `UPDATE_DOCS=1 cargo test -p telemetry-export-http --test it fields` writes it there anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::common::arbitrary::record as whole_or_empty;
use crate::common::{SAFETY_NET, credentials, public_host, wall};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use telemetry_core::plugin::{AlwaysClosed, Attempt};
use telemetry_core::record::{HostDetails, Record, VolumeOperationType};
use telemetry_core::text::TEXT_LEVEL_VARIABLE;
use telemetry_core::{
    ClientProvider, ConnectionInfo, ConnectionParams, DriverIdentity, ErrorDetails, Mode, OPT_OUT_VARIABLES,
    Operation, StaticToken, SystemInfo, Target, TelemetryConfig,
};
use telemetry_export_http::fields::{self, Cleaning, Field, Kind, Privacy};
use telemetry_export_http::{DRY_RUN_VARIABLE, HttpExporter};
use telemetry_testkit::{RecordingExporter, Schema, ScriptedFlags, ScriptedTransport, strategies};

const LOG: &str = "entry.sql_driver_log";

/// What stands around the inner record.
const ENVELOPE: [&str; 7] = [
    "uploadTime",
    "items",
    "protoLogs",
    "workspace_id",
    "frontend_log_event_id",
    "context.client_context.timestamp_millis",
    "context.client_context.user_agent",
];

/// The body that goes out for these.
fn body(records: &[Arc<Record>], authenticated: bool) -> Value {
    let transport = ScriptedTransport::answering(500, "");
    let exporter = HttpExporter::new(Arc::new(transport)).max_body_bytes(usize::MAX);
    let (host, credentials) = (public_host(), credentials());
    let attempt = Attempt::new(&host, records, wall());
    let attempt = attempt.with_credentials(Some(&credentials).filter(|_| authenticated));
    serde_json::from_slice(&exporter.request(&attempt).unwrap().body).unwrap()
}

/// The records of a body.
fn records(body: &Value) -> Vec<Value> {
    let logs = body["protoLogs"].as_array().unwrap();
    logs.iter().map(|log| serde_json::from_str(log.as_str().unwrap()).unwrap()).collect()
}

/// All that isn't an object, by its dotted path.
fn leaves(at: &str, value: &Value) -> BTreeMap<String, Value> {
    let Value::Object(fields) = value else { return BTreeMap::from([(at.to_owned(), value.clone())]) };
    let path = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    fields.iter().flat_map(|(name, value)| leaves(&path(name), value)).collect()
}

/// The paths of a body and of its records.
fn paths(body: &Value) -> BTreeSet<String> {
    let records = records(body).into_iter().flat_map(|record| leaves("", &record));
    leaves("", body).into_iter().chain(records).map(|(path, _)| path).collect()
}

fn paths_of(fields: impl IntoIterator<Item = Field>) -> BTreeSet<String> {
    fields.into_iter().map(|field| field.path).collect()
}

fn without_credentials() -> BTreeSet<String> {
    paths_of(fields::all().into_iter().filter(|field| field.when.without_credentials()))
}

#[test]
fn the_fields_are_those_of_the_schema_and_of_the_envelope() {
    let found = fields::all();
    let schema = leaves(LOG, &Schema::new().whole_record()["entry"]["sql_driver_log"]).into_keys();
    let expected: BTreeSet<String> = schema.chain(ENVELOPE.map(str::to_owned)).collect();
    assert_eq!(found.len(), expected.len(), "a field is there twice");
    assert_eq!(paths_of(found), expected);
}

#[test]
fn what_is_never_sent_is_what_is_read_beside_the_schema() {
    assert_eq!(paths_of(fields::never_sent()), BTreeSet::from(["context.timestamp_millis".to_owned()]));
}

proptest! {
    #[test]
    fn whatever_is_sent_is_in_the_table(records in strategies::batch(0..=4)) {
        let (all, without) = (paths_of(fields::all()), without_credentials());
        prop_assert!(paths(&body(&records, true)).is_subset(&all));
        prop_assert!(paths(&body(&records, false)).is_subset(&without));
    }
}

#[test]
fn every_field_is_sent_and_those_without_credentials_also_then() {
    let mut runner = TestRunner::deterministic();
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for _ in 0..100 {
        let records = strategies::batch(1..=4).new_tree(&mut runner).unwrap().current();
        for (authenticated, found) in [true, false].into_iter().zip(&mut found) {
            found.extend(paths(&body(&records, authenticated)));
        }
    }
    assert_eq!(found, [paths_of(fields::all()), without_credentials()]);
    // A record that has everything has every field in itself.
    let whole = whole_or_empty(1.0).new_tree(&mut runner).unwrap().current();
    let sent = [true, false].map(|authenticated| paths(&body(&[Arc::clone(&whole)], authenticated)));
    assert_eq!(sent, found);
}

#[test]
fn without_credentials_the_user_agent_alone_is_about_anybody() {
    let without = fields::all().into_iter().filter(|field| field.when.without_credentials());
    let about = paths_of(without.filter(|field| field.privacy != Privacy::Neither));
    assert_eq!(about, BTreeSet::from(["context.client_context.user_agent".to_owned()]));
}

#[test]
fn every_column_is_filled() {
    for field in fields::all().into_iter().chain(fields::never_sent()) {
        for cell in cells(&field).iter().map(String::as_str).chain([field.cleaning.rule()]) {
            let inside = cell.trim_matches(['`', ' ']);
            assert!(!inside.is_empty() && !cell.starts_with([';', ':', ',']), "{}: {cell:?}", field.path);
            assert!(!cell.contains(['|', '\n']) && cell == cell.trim(), "{}: {cell:?}", field.path);
        }
        let holds_text = match &field.kind {
            Kind::Text => true,
            Kind::OneOf(names) => {
                assert!(names.contains(&field.example), "{}: {}", field.path, field.example);
                false
            }
            Kind::List => field.path != "items",
            _ => false,
        };
        assert_eq!(holds_text, field.cleaning != Cleaning::NoText, "the cleaning of {}", field.path);
    }
}

/// A field's example as in the JSON.
fn example(field: &Field) -> Value {
    match field.kind {
        Kind::Text | Kind::OneOf(_) => field.example.into(),
        _ => serde_json::from_str(field.example).unwrap(),
    }
}

fn put(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        Some((first, rest)) => {
            let inner = into.entry(first).or_insert_with(|| json!({}));
            put(inner.as_object_mut().unwrap(), rest, value);
        }
        None => _ = into.insert(path.to_owned(), value),
    }
}

#[test]
fn the_examples_make_a_record_of_the_schema() {
    let mut record = Map::new();
    for field in fields::all() {
        if !ENVELOPE[..3].contains(&field.path.as_str()) {
            put(&mut record, &field.path, example(&field));
        }
    }
    let text = Value::Object(record).to_string();
    assert!(Schema::new().check_record(&text).is_ok(), "{text}");
}

/// What is sent of a connection on which a driver says these texts, each under the path of its field.
async fn sent_of(said: impl Fn(&str) -> String) -> BTreeMap<String, Value> {
    let text = |path: &str| Some(said(&format!("{LOG}.{path}")));
    let system = |name: &str| text(&format!("system_configuration.{name}"));
    let param = |name: &str| text(&format!("driver_connection_params.{name}"));
    let host = |name: &str| {
        let host_url = param(&format!("{name}.host_url"));
        Some(HostDetails { host_url, ..HostDetails::default() })
    };
    let system = SystemInfo {
        runtime_name: system("runtime_name"),
        runtime_version: system("runtime_version"),
        runtime_vendor: system("runtime_vendor"),
        os_name: system("os_name"),
        os_version: system("os_version"),
        os_arch: system("os_arch"),
        client_app_name: system("client_app_name"),
        locale_name: system("locale_name"),
        char_set_encoding: system("char_set_encoding"),
        process_name: system("process_name"),
    };
    let params = ConnectionParams {
        http_path: param("http_path"),
        host_info: host("host_info"),
        auth_scope: param("auth_scope"),
        non_proxy_hosts: param("non_proxy_hosts").map(|host| vec![host]),
        proxy_host_info: host("proxy_host_info"),
        cf_proxy_host_info: host("cf_proxy_host_info"),
        discovery_url: param("discovery_url"),
        ssl_trust_store_type: param("ssl_trust_store_type"),
        google_service_account: param("google_service_account"),
        google_credential_file_path: param("google_credential_file_path"),
        azure_workspace_resource_id: param("azure_workspace_resource_id"),
        azure_tenant_id: param("azure_tenant_id"),
        token_endpoint: param("token_endpoint"),
        auth_endpoint: param("auth_endpoint"),
        jwt_key_file: param("jwt_key_file"),
        jwt_algorithm: param("jwt_algorithm"),
        allowed_volume_ingestion_paths: param("allowed_volume_ingestion_paths"),
        query_tags: param("query_tags"),
        ..ConnectionParams::default()
    };
    let identity = DriverIdentity::builder()
        .name("Example Driver")
        .version("1.0.0")
        .client("EXAMPLE")
        .flag("flag")
        .build()
        .unwrap();
    let exporter = RecordingExporter::new();
    let provider = ClientProvider::builder(identity)
        .config(TelemetryConfig::default().mode(Mode::Forced))
        .exporter(exporter.clone())
        .flags(ScriptedFlags::fixed("flag", true))
        .breakers(AlwaysClosed)
        .environment(|_| None)
        .system(system)
        .build()
        .unwrap();
    let lease = provider.acquire(Target::new(public_host().name()).credentials(StaticToken::new("token")));
    let info = ConnectionInfo::new()
        .params(params)
        .auth_type(text("auth_type").unwrap())
        .user_agent(said("context.client_context.user_agent"));
    let session = lease.opening(info).opened(&text("session_id").unwrap());
    let put = Operation::volume(VolumeOperationType::Put, Duration::ZERO)
        .volume_path(&text("vol_operation.volume_path").unwrap())
        .local_file(&text("vol_operation.local_file").unwrap())
        .statement(&text("sql_statement_id").unwrap());
    session.operation(put);
    session.error(|| {
        let error = ErrorDetails::new(text("error_info.error_name").unwrap());
        error.message(text("error_info.stack_trace").unwrap())
    });
    assert!(lease.close(SAFETY_NET).await.is_delivered());
    let sent = body(&exporter.accepted(), true);
    records(&sent).iter().flat_map(|record| leaves("", record)).collect()
}

/// The fields that foreign text can get into: not those that a driver's author says of the driver.
fn cleaned() -> Vec<Field> {
    let made = [Cleaning::NoText, Cleaning::MadeHere, Cleaning::ItsParts, Cleaning::Author];
    fields::all().into_iter().filter(|field| !made.contains(&field.cleaning)).collect()
}

#[tokio::test]
async fn each_field_is_cleaned_as_the_table_says() {
    let dirty = sent_of(|_| "https://ann@h.example.com/dir/file.txt?q=1".to_owned()).await;
    let strange = sent_of(|_| "Xyzzyfrob".to_owned()).await;
    for field in cleaned() {
        let left = |sent: &BTreeMap<String, Value>| sent.get(&field.path).cloned();
        let (of_dirty, of_strange) = match field.cleaning {
            Cleaning::Line | Cleaning::AuthorOrLine => (Some(json!("***")), json!("Xyzzyfrob")),
            Cleaning::BaseName => (Some(json!("file.txt?q=1")), json!("Xyzzyfrob")),
            Cleaning::Url => (Some(json!("https://h.example.com/dir/file.txt")), json!("Xyzzyfrob")),
            Cleaning::Host => (Some(json!("h.example.com")), json!("xyzzyfrob")),
            Cleaning::Hosts => (Some(json!(["h.example.com"])), json!(["xyzzyfrob"])),
            Cleaning::Id => (None, json!("Xyzzyfrob")),
            Cleaning::ErrorName => (Some(json!("unnamed")), json!("Xyzzyfrob")),
            Cleaning::ErrorText => (Some(json!("***")), json!("***")),
            other => panic!("{other:?}"),
        };
        assert_eq!(left(&dirty), of_dirty, "{}", field.path);
        assert_eq!(left(&strange), Some(of_strange), "{}", field.path);
    }
    let name = |name: &str| {
        let identity = DriverIdentity::builder().name(name).version("1").client("X").flag("flag");
        identity.build().is_ok()
    };
    assert_eq!((name(&"x".repeat(128)), name(&"x".repeat(129)), name("é")), (true, false, false));
}

#[tokio::test]
async fn the_examples_are_what_cleaning_leaves() {
    let examples: BTreeMap<_, _> = cleaned().into_iter().map(|field| (field.path.clone(), field)).collect();
    let said = |path: &str| match example(&examples[path]) {
        Value::Array(texts) => texts[0].as_str().unwrap().to_owned(),
        text => text.as_str().unwrap().to_owned(),
    };
    let sent = sent_of(said).await;
    let meant: BTreeMap<_, _> = examples.iter().map(|(path, field)| (path.clone(), example(field))).collect();
    let left: BTreeMap<_, _> = sent.into_iter().filter(|(path, _)| meant.contains_key(path)).collect();
    assert_eq!(left, meant);
}

/// A field's row.
fn cells(field: &Field) -> [String; 6] {
    let Field { path, kind: _, meaning, example, when, cleaning, privacy, .. } = field;
    // Backticks stand in some texts of errors.
    let example = if example.contains('`') { format!("`` {example} ``") } else { format!("`{example}`") };
    [
        format!("`{path}`"),
        meaning.trim_end_matches('.').to_owned(),
        example,
        when.to_string(),
        cleaning.to_string(),
        privacy.to_string(),
    ]
}

/// The tables as the document has them.
fn tables() -> String {
    let table = |fields: Vec<Field>| {
        let mut table = "| field | meaning | example | sent in | cleaned | personal? |\n".to_owned();
        table += "| --- | --- | --- | --- | --- | --- |\n";
        for field in &fields {
            writeln!(table, "| {} |", cells(field).join(" | ")).unwrap();
        }
        table
    };
    let (sent, never) = (table(fields::all()), table(fields::never_sent()));
    let mut rules = "| cleaned | what it is held to |\n| --- | --- |\n".to_owned();
    let mut named = BTreeSet::new();
    for cleaning in fields::all().into_iter().map(|field| field.cleaning) {
        if named.insert(cleaning.to_string()) {
            writeln!(rules, "| {cleaning} | {} |", cleaning.rule()).unwrap();
        }
    }
    format!(
        "\n{sent}\nHow they are cleaned:\n\n{rules}\n\
         Never sent, but read where another driver has written it:\n\n{never}\n"
    )
}

/// The fields that say something of a person, by their shortest paths.
fn lists() -> String {
    let list = |privacy: Privacy| {
        let fields = fields::all().into_iter().filter(|field| field.privacy == privacy);
        let mut lines = vec![format!("- {privacy}:")];
        for field in fields {
            let path = field.path.strip_prefix(&format!("{LOG}.")).unwrap_or(&field.path).to_owned();
            let line = lines.last_mut().unwrap();
            if line.len() + path.len() > 100 {
                lines.push(format!("  `{path}`,"));
            } else {
                *line += &format!(" `{path}`,");
            }
        }
        lines.join("\n").trim_end_matches(',').to_owned() + "\n"
    };
    format!("\n{}{}\n", list(Privacy::Personal), list(Privacy::Pseudonymous))
}

fn document() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/TELEMETRY.md");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn the_document_has_what_the_code_says() {
    let (path, document) = document();
    let mut updated = document.clone();
    for (name, wanted) in [("fields", tables()), ("personal", lists())] {
        let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
        let (before, rest) = updated.split_once(&begin).unwrap();
        let (_, behind) = rest.split_once(&end).unwrap();
        updated = [before, &begin, &wanted, &end, behind].concat();
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &updated).unwrap();
    } else {
        assert!(
            updated == document,
            "docs/TELEMETRY.md is to be written anew: UPDATE_DOCS=1 cargo test -p telemetry-export-http --test it fields"
        );
    }
}

#[test]
fn the_document_has_every_variable_of_ours() {
    let (_, document) = document();
    let (_, section) = document.split_once("\n## All variables\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).collect();
    for variable in OPT_OUT_VARIABLES.into_iter().chain([TEXT_LEVEL_VARIABLE, DRY_RUN_VARIABLE]) {
        let found = rows.iter().filter(|row| row.contains(&format!("`{variable}`")));
        assert_eq!(found.count(), 1, "{variable}");
    }
}
