//! A file of lines, read by DuckDB as the guide has it.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use telemetry_core::plugin::Receipt;
use telemetry_export_otlp::{OtlpConfig, OtlpFileExporter};

use crate::collector::{python, script};
use crate::common::{batch, error_alone, export, record, session, under_parent};

/// The SQL of the guide to collectors.
fn guides() -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../telemetry-databricks/src/guide/collectors.rs");
    let guide = std::fs::read_to_string(path).unwrap();
    let mut sql = String::new();
    let mut is_sql = false;
    for line in guide.lines().filter_map(|line| line.strip_prefix("//!")) {
        match line.trim() {
            "```sql" => is_sql = true,
            "```" => is_sql = false,
            _ if is_sql => sql.extend([line, "\n"]),
            _ => {}
        }
    }
    sql
}

#[tokio::test]
#[ignore = "needs Python; .ci/collectors runs it"]
async fn duckdb_reads_both_files_by_the_guides_sql() {
    let directory = std::env::temp_dir().join(format!("telemetry-duckdb-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    // The second batch doesn't fit into the first file.
    let file = directory.join("telemetry.jsonl");
    let exporter = OtlpFileExporter::bounded(&file, 200_000, OtlpConfig::default()).unwrap();
    for _ in 0..2 {
        assert_eq!(export(&exporter, &batch(40), None).await, Ok(Receipt::written(40)));
    }
    let alone = record(&session(), 200, Duration::from_secs(99), under_parent(error_alone()));
    assert_eq!(export(&exporter, &[alone], None).await, Ok(Receipt::written(1)));
    assert!(file.with_extension("jsonl.1").exists());
    let mut child = python()
        .arg(script("query.py"))
        .current_dir(&directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(guides().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(output.status.success());
    let queries: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [operations, errors] = &queries[..] else { panic!("{queries:?}") };
    let of = |status: Value| json!(["EXECUTE_STATEMENT", status, 40, 1.5, 40_000]);
    assert_eq!(operations, &json!([of("42P01".into()), of(Value::Null)]));
    let errors = errors.as_array().unwrap();
    assert_eq!(errors.len(), 20);
    let text = "no such table\nat parser";
    let first = json!(["2026-01-01 00:01:39", "WARN", text, null]);
    assert_eq!(errors[0], first, "an error that is none of a span");
    let failed = "EXECUTE_STATEMENT dbc-a1.cloud.databricks.com:443";
    assert_eq!(errors[1], json!(["2026-01-01 00:00:39", "ERROR", text, failed]));
}
