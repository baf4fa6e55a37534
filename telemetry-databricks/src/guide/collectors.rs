//! Into your own observability: OpenTelemetry collectors, and files.
//!
//! Beside the vendor's service a provider tells any number of [sinks](Sink), each by an exporter of its own.
//! The crate `telemetry-export-otlp` has two such exporters, one to an OpenTelemetry collector and one to a
//! file. With the feature `otlp`, which is off by default, it is here as `telemetry_databricks::otlp`.
//!
//! ```
//! # #[cfg(all(feature = "otlp", feature = "reqwest"))] {
//! use std::sync::Arc;
//! use telemetry_databricks::export::ReqwestTransport;
//! use telemetry_databricks::otlp::{OtlpConfig, OtlpExporter};
//! use telemetry_databricks::record::Level;
//! use telemetry_databricks::{Composition, Sink};
//!
//! /// Tells the collector that the variables name, unless they forbid it.
//! fn with_collector(composition: Composition) -> Composition {
//!     let Some(config) = OtlpConfig::from_env() else { return composition };
//!     composition.sink(move || {
//!         // A transport of its own: the driver's may have headers that are for the workspace alone.
//!         let transport = Arc::new(ReqwestTransport::new()?);
//!         let exporter = OtlpExporter::new(transport, config.clone())?;
//!         Ok(Sink::new("collector", exporter).level(Level::Info))
//!     })
//! }
//! # use telemetry_databricks::DriverIdentity;
//! # let of = DriverIdentity::builder().name("D").version("1").client("D").flag("f");
//! # assert!(with_collector(Composition::new(of.build().unwrap())).build().is_ok());
//! # }
//! ```
//!
//! Only do so where whoever runs the driver has asked for it, by a setting of yours or by setting
//! `OTEL_EXPORTER_OTLP_ENDPOINT`: without any variable the collector is taken to be at
//! `http://localhost:4318`.
//!
//! # Who sees what
//!
//! A sink's [audience](Sink::audience) is the customer, if nothing else is said: it sees ids, the texts of
//! errors and the caller's trace, and not how a connection logs in. The vendor never sees the caller's trace.
//! The exporter of a sink is never given credentials. Each field of [`record`](crate::record) says whom it is
//! for where it is defined.
//!
//! Its [level](Sink::level) is the least that a record has to be; all are sent, if nothing else is said.
//!
//! The service's flag and the mode of a connection are the vendor's matter: a sink gets records also while
//! these are off. `DATABRICKS_TELEMETRY_DISABLED` and `DO_NOT_TRACK` silence sinks too.
//!
//! # Variables
//!
//! `OtlpConfig::from_env` reads those of the specification, and code wins over them:
//!
//! | variable | default |
//! | --- | --- |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT`: `/v1/traces` and the like are put behind it | `http://localhost:4318` |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL`: `http/protobuf`, `http/json` | `http/protobuf` |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION`: `gzip`, `none` | `none` |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT`: in milliseconds | 10000 |
//! | `OTEL_EXPORTER_OTLP_HEADERS`: `key=value,key=value` | none |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the program, as far as it is known |
//! | `OTEL_TRACES_EXPORTER`, `OTEL_LOGS_EXPORTER`, `OTEL_METRICS_EXPORTER`: `none` leaves a signal out | all are sent |
//! | `OTEL_SDK_DISABLED`: `true` leaves all of it out | `false` |
//!
//! The five of the exporter are there for one signal too, as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, which is
//! taken as it stands. Plain HTTP goes to this machine and to private addresses alone.
//!
//! # What arrives
//!
//! A statement that failed, as a span with its log record, and what its batch adds to metrics:
//!
//! ```text
//! span    EXECUTE_STATEMENT dbc-a1b2.cloud.databricks.com:443   CLIENT, 1.5 s, ERROR
//!   trace 4bf92f3577b34da6a3ce929d0e0e4736, under 00f067aa0ba902b7: the caller's, where the driver names it
//!   db.system.name = databricks              server.address = dbc-a1b2.cloud.databricks.com
//!   db.operation.name = EXECUTE_STATEMENT    server.port = 443
//!   db.response.status_code = 42P01          error.type = TABLE_OR_VIEW_NOT_FOUND
//!   db.response.returned_rows = 1000         databricks.chunk.count = 2   …
//!   events: databricks.result.ready, databricks.result.consumed, databricks.polls, databricks.chunks
//! log     db.client.operation.exception   ERROR, of the same trace and span
//!   body = the error's scrubbed text
//! metrics db.client.operation.duration, in seconds, a histogram
//!         databricks.client.rows, .bytes, .chunks and .retries, sums
//! ```
//!
//! A driver names the caller's span with [`Statement::trace_parent`]. No trace is made up for it: without
//! one, a span is a trace by itself. There is no SQL in any of it. Metrics are deltas: for a store that wants
//! totals, as Prometheus does, the collector needs its `deltatocumulative` processor.
//!
//! # What it costs
//!
//! The driver's thread does nothing more, however many sinks there are. Each holds what waits for it within
//! its own `max_records`, `max_bytes` and `max_total_bytes`, beside those of the vendor's: up to 500 records
//! and 2 MiB for a client by default. Requests run on the provider's own thread, and the file is written on
//! one of those for calls that may block. The feature links six crates more: prost and what gzip needs.
//!
//! A close and a flush wait for all sinks, until their deadline: a collector that hangs makes them as long as
//! they may be, and loses nothing of the others.
//!
//! # Its books
//!
//! A sink has a book of its own, on which the vendor's has no influence. [`ClientProvider::status`] has them
//! added up over all clients, also those that have ended:
//!
//! ```
//! use telemetry_databricks::ClientProvider;
//!
//! fn books(provider: &ClientProvider) -> String {
//!     let status = provider.status();
//!     assert!(status.balances());
//!     let sinks = status.sinks.iter().map(|(name, book)| format!("\n{name}: {book}"));
//!     format!("vendor: {}{}", status.records, sinks.collect::<String>())
//! }
//! # use telemetry_databricks::*;
//! # use telemetry_testkit::RecordingExporter;
//! # let of = DriverIdentity::builder().name("D").version("1").client("D").flag("f").build().unwrap();
//! # let make = || Ok(Sink::new("collector", RecordingExporter::new()));
//! # let provider = Composition::new(of).sink(make).build().unwrap();
//! # let none = "0 made = 0 accepted + 0 dropped (none) + 0 held";
//! # assert_eq!(books(&provider), format!("vendor: {none}\ncollector: {none}"));
//! ```
//!
//! ```text
//! vendor: 38 made = 38 accepted + 0 dropped (none) + 0 held
//! collector: 46 made = 46 accepted + 0 dropped (none) + 0 held
//! ```
//!
//! [`Status::sinks`] of a lease has, for its client, the breaker and the last failure as well. How a close
//! ended says what became of the vendor's records; what became of a sink's, its book does.
//!
//! # On to ClickHouse, or Kafka
//!
//! For the collector's `contrib` distribution, which has both:
//!
//! ```yaml
//! receivers:
//!   otlp:
//!     protocols:
//!       http:
//!         endpoint: localhost:4318
//! processors:
//!   # ClickHouse wants few large inserts.
//!   batch:
//!     send_batch_size: 10000
//!     timeout: 5s
//! exporters:
//!   clickhouse:
//!     endpoint: tcp://clickhouse.example.com:9000
//!     database: otel
//!     username: writer
//!     password: ${env:CLICKHOUSE_PASSWORD}
//!     ttl: 720h
//!   kafka:
//!     brokers: [kafka.example.com:9092]
//!     traces:
//!       topic: otlp_spans
//!     logs:
//!       topic: otlp_logs
//!     metrics:
//!       topic: otlp_metrics
//! service:
//!   pipelines:
//!     traces: &both
//!       receivers: [otlp]
//!       processors: [batch]
//!       exporters: [clickhouse, kafka]
//!     logs: *both
//!     metrics: *both
//! ```
//!
//! ClickHouse then has the tables `otel_traces`, `otel_logs`, `otel_metrics_sum` and
//! `otel_metrics_histogram`, which the exporter creates.
//!
//! # To a file that DuckDB reads
//!
//! The collector writes one with its file exporter:
//!
//! ```yaml
//! receivers:
//!   otlp:
//!     protocols:
//!       http:
//!         endpoint: localhost:4318
//! exporters:
//!   file:
//!     path: telemetry.jsonl
//!     append: true
//! service:
//!   pipelines:
//!     traces: &to_file
//!       receivers: [otlp]
//!       exporters: [file]
//!     logs: *to_file
//!     metrics: *to_file
//! ```
//!
//! Without any collector the driver does: `OtlpFileExporter` writes the same lines, and sets a file aside as
//! `telemetry.jsonl.1` once it has 10 MiB.
//!
//! ```
//! # #[cfg(feature = "otlp")] {
//! use telemetry_databricks::otlp::{OtlpConfig, OtlpFileExporter};
//! use telemetry_databricks::{BuildError, Sink};
//!
//! fn file(path: &str) -> Result<Sink, BuildError> {
//!     Ok(Sink::new("file", OtlpFileExporter::new(path, OtlpConfig::default())?))
//! }
//! # assert!(file("telemetry.jsonl").is_ok());
//! # }
//! ```
//!
//! The spans of both files as a view, and statements by how they ended:
//!
//! ```sql
//! CREATE VIEW spans AS
//! WITH lines AS (
//!     FROM read_json('telemetry.jsonl*', format = 'newline_delimited', columns = {resourceSpans: 'STRUCT(
//!         scopeSpans STRUCT(spans STRUCT(
//!             traceId VARCHAR, spanId VARCHAR, parentSpanId VARCHAR, name VARCHAR,
//!             startTimeUnixNano BIGINT, endTimeUnixNano BIGINT,
//!             attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR, intValue VARCHAR))[]
//!         )[])[])[]'})
//! ), resources AS (SELECT unnest(resourceSpans) AS resource FROM lines
//! ), scopes AS (SELECT unnest(resource.scopeSpans) AS scope FROM resources
//! ), spans AS (SELECT unnest(scope.spans, max_depth := 2) FROM scopes)
//! SELECT traceId AS trace_id, spanId AS span_id, parentSpanId AS parent_id, name,
//!     make_timestamp_ns(startTimeUnixNano) AS began,
//!     (endTimeUnixNano - startTimeUnixNano) / 1e9 AS seconds,
//!     map_from_entries([
//!         (a.key, coalesce(a.value.stringValue, a.value.intValue)) FOR a IN attributes
//!     ]) AS said
//! FROM spans;
//!
//! SELECT said['db.operation.name'] AS operation, said['db.response.status_code'] AS status,
//!     count(*) AS calls, quantile_cont(seconds, 0.95) AS p95,
//!     sum(said['db.response.returned_rows']::BIGINT)::BIGINT AS row_count
//! FROM spans GROUP BY ALL ORDER BY ALL;
//! ```
//!
//! What went wrong last, with the span that it went wrong in:
//!
//! ```sql
//! WITH lines AS (
//!     FROM read_json('telemetry.jsonl*', format = 'newline_delimited', columns = {resourceLogs: 'STRUCT(
//!         scopeLogs STRUCT(logRecords STRUCT(
//!             timeUnixNano BIGINT, severityText VARCHAR, body STRUCT(stringValue VARCHAR),
//!             traceId VARCHAR, spanId VARCHAR)[])[])[]'})
//! ), resources AS (SELECT unnest(resourceLogs) AS resource FROM lines
//! ), scopes AS (SELECT unnest(resource.scopeLogs) AS scope FROM resources
//! ), logs AS (SELECT unnest(scope.logRecords, max_depth := 2) FROM scopes)
//! SELECT make_timestamp_ns(timeUnixNano) AS happened, severityText AS severity, body.stringValue AS text,
//!     spans.name AS operation
//! FROM logs LEFT JOIN spans ON trace_id = traceId AND span_id = spanId
//! ORDER BY happened DESC LIMIT 20;
//! ```
//!
//! # What of this was tried
//!
//! Each run of this workspace's CI sends one workload to the vendor's service, to the collector rotel and to
//! a receiver named oteltap at once, compares what all three got, and lets each of them fail in turn; it also
//! runs the SQL above with DuckDB 2.0 on a file of `OtlpFileExporter`. The two configurations of the
//! OpenTelemetry Collector were not run: they are valid YAML, and the names in them are those in the schemas
//! that its components publish. Neither ClickHouse nor Kafka was there to receive.

#[cfg(doc)]
use crate::{ClientProvider, Sink, Statement, status::Status};
