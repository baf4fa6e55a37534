//! The events.

use std::collections::BTreeMap;

use telemetry_core::record::VolumeOperationType;
use telemetry_core::{
    Chunk, ConnectionInfo, ErrorDetails, Host, HostPolicy, Operation, OperationType, ResultFormat,
    StatementType,
};
use telemetry_export_tracing::TracingExporter;
use telemetry_testkit::conformance;
use tracing::Level;

use crate::common::*;

fn map<const N: usize>(fields: [(&str, &str); N]) -> BTreeMap<String, String> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What every event of the bench has, taken out; the date and the record's id are held to what is known.
fn own(bench: &Bench, place: usize, heard: &Heard) -> (Level, BTreeMap<String, String>) {
    let (level, mut fields) = heard.clone();
    let record = &bench.vendor.accepted()[place];
    let mut take = |name: &str| fields.remove(name).unwrap_or_else(|| panic!("{name} is missing"));
    assert_eq!(take("server.address"), "\"dbc-1.cloud.databricks.com\"");
    assert_eq!(take("server.port"), "443");
    assert_eq!(take("telemetry.driver.name"), "\"Test Driver\"");
    assert_eq!(take("telemetry.workspace.id"), "7");
    assert_eq!(take("telemetry.record.id"), record.id.to_string());
    let date = record.stamp.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(take("telemetry.time_unix_nano"), date.as_nanos().to_string());
    (level, fields)
}

#[test]
fn each_record_is_an_event_with_what_is_known_and_nothing_else() {
    let (bench, listener) = (Bench::new(), Listener::new(Level::TRACE));
    listener.hear(|| {
        let session = bench.open();
        let mut statement = session.statement();
        statement.kind(StatementType::Query);
        statement.id("statement-1");
        statement.operation(OperationType::ExecuteStatement);
        statement.format(ResultFormat::ExternalLinks);
        statement.retried(1);
        statement.rows(12);
        statement.bytes(345);
        statement.trace_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        statement.poll(SECOND);
        statement.chunk(Chunk::new(0, SECOND).bytes(4096));
        bench.clock.advance(SECOND * 3 / 2);
        statement.failed(|| {
            let details =
                ErrorDetails::new("DIVIDE_BY_ZERO").sqlstate("22012").fault(403).http_status(502).chunk(4);
            details.message("division by zero")
        });
        session.error(|| ErrorDetails::new("BUSY").fault(503).vendor_code(1064));
        session.operation(Operation::volume(VolumeOperationType::Put, SECOND));
        bench.pass(6 * SECOND);
        bench.lease.opening(ConnectionInfo::new()).failed(|| ErrorDetails::new("REFUSED").fault(403));
        bench.pass(6 * SECOND);
    });
    let heard = listener.heard();
    let session = ("telemetry.session.id", "\"session-1\"");
    let expected = [
        (
            Level::INFO,
            map([
                ("message", "connection"),
                ("db.operation.name", "\"CREATE_SESSION\""),
                ("db.client.operation.duration", "0.0"),
                session,
            ]),
        ),
        (
            Level::ERROR,
            map([
                ("message", "statement"),
                ("db.operation.name", "\"EXECUTE_STATEMENT\""),
                ("db.client.operation.duration", "1.5"),
                ("db.response.status_code", "\"22012\""),
                ("http.response.status_code", "502"),
                ("error.type", "\"DIVIDE_BY_ZERO\""),
                ("error.message", "\"division by zero\""),
                ("telemetry.error.class", "\"terminal\""),
                ("telemetry.error.chunk", "4"),
                session,
                ("telemetry.statement.id", "\"statement-1\""),
                ("telemetry.statement.type", "\"QUERY\""),
                ("telemetry.result.format", "\"EXTERNAL_LINKS\""),
                ("telemetry.retry.count", "1"),
                ("telemetry.poll.count", "1"),
                ("telemetry.chunk.count", "1"),
                ("telemetry.chunk.bytes", "4096"),
                ("telemetry.result.bytes", "345"),
                ("db.response.returned_rows", "12"),
                ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ]),
        ),
        (
            Level::WARN,
            map([
                ("message", "error"),
                ("db.response.status_code", "\"1064\""),
                ("error.type", "\"BUSY\""),
                ("telemetry.error.class", "\"retryable\""),
                session,
            ]),
        ),
        (
            Level::DEBUG,
            map([
                ("message", "operation"),
                ("db.operation.name", "\"EXECUTE_STATEMENT\""),
                ("db.client.operation.duration", "1.0"),
                session,
                ("telemetry.volume.operation", "\"PUT\""),
            ]),
        ),
        (
            // Fatal, which `tracing` has not.
            Level::ERROR,
            map([
                ("message", "connection"),
                ("db.operation.name", "\"CREATE_SESSION\""),
                ("db.client.operation.duration", "0.0"),
                ("error.type", "\"REFUSED\""),
                ("telemetry.error.class", "\"terminal\""),
            ]),
        ),
    ];
    assert_eq!(heard.len(), expected.len(), "{heard:#?}");
    for (place, expected) in expected.into_iter().enumerate() {
        assert_eq!(own(&bench, place, &heard[place]), expected);
    }
}

#[test]
fn the_head_of_the_crate_has_every_field() {
    let (bench, listener) = (Bench::new(), Listener::new(Level::TRACE));
    listener.hear(|| {
        drop(bench.open());
        bench.pass(6 * SECOND);
    });
    let head = include_str!("../../src/lib.rs");
    let rows =
        head.lines().filter(|line| line.starts_with("//! | `")).map(|row| row.split('|').nth(1).unwrap());
    let mut told: Vec<_> = rows.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
    let mut names = listener.names();
    names.retain(|name| *name != "message");
    names.sort();
    told.sort();
    assert_eq!(told, names);
}

#[tokio::test]
async fn the_exporter_conforms() {
    let host = Host::parse("a.example", HostPolicy::Public).unwrap();
    conformance::exporter(&TracingExporter::new(), &host).await;
}
