//! The figures, as JSON and as text.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::machine;
use super::measure::{Spread, Summary};
use super::ours::Size;

/// All that was found.
pub fn json(rows: &[Summary], sizes: &[Size], rounds: u32, load: &[f64]) -> Value {
    let spread = |of: Spread| json!({ "min": round(of.min), "median": round(of.median) });
    let row = |row: &Summary| {
        json!({
            "subject": row.subject,
            "by": row.by,
            "kind": row.kind.name(),
            "turns": row.turns,
            "wall_ns": spread(row.wall),
            "allocations": round(row.allocations),
            "cpu_ns": row.cpu.map(spread),
            "sent_bytes": row.sent.map(f64::round),
        })
    };
    let size = |size: &Size| json!({ "of": size.of, "counted": size.counted.map(f64::round), "heap": size.heap.round() });
    let mut rows: Vec<&Summary> = rows.iter().collect();
    let subjects: Vec<&str> = rows.iter().map(|row| row.subject).collect();
    // Those of one subject together, ours before others.
    rows.sort_by_key(|row| (subjects.iter().position(|subject| *subject == row.subject), row.kind as u8));
    json!({
        "machine": machine::describe(),
        "load": load,
        "rounds": rounds,
        "rows": rows.into_iter().map(row).collect::<Vec<_>>(),
        "bytes": sizes.iter().map(size).collect::<Vec<_>>(),
    })
}

/// As many digits as say something.
fn round(value: f64) -> f64 {
    let digits = if value < 10.0 { 100.0 } else { 10.0 };
    (value * digits).round() / digits
}

pub fn write(results: &Value, to: &Path) {
    let text = serde_json::to_string_pretty(results).expect("it is JSON");
    fs::write(to, text + "\n").expect("the results can be written");
}

pub fn read(from: &Path) -> Value {
    let text = fs::read_to_string(from).expect("there are results");
    serde_json::from_str(&text).expect("they are JSON")
}

/// The table, as Markdown has it.
pub fn text(results: &Value) -> String {
    let mut text = String::new();
    let machine = &results["machine"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let load: Vec<_> =
        results["load"].as_array().into_iter().flatten().map(|load| load.to_string()).collect();
    let (processor, cores) = (word(&machine["processor"]), &machine["cores"]);
    let (system, compiler) = (word(&machine["system"]), word(&machine["compiler"]));
    let _ = writeln!(text, "{processor}, {cores} cores, {system}, {compiler}.");
    let _ = writeln!(text, "{} rounds; load before and after: {}.\n", results["rounds"], load.join(", "));
    let _ =
        writeln!(text, "| | min | median | ratio | allocations | processors, min | median | bytes sent |");
    let _ = writeln!(text, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let (mut subject, mut first) = (String::new(), 0.0);
    for row in results["rows"].as_array().into_iter().flatten() {
        let min = row["wall_ns"]["min"].as_f64().unwrap_or_default();
        if word(&row["subject"]) != subject {
            (subject, first) = (word(&row["subject"]), min);
            let _ = writeln!(text, "| **{subject}** | | | | | | | |");
        }
        let by = match &*word(&row["kind"]) {
            "floor" => format!("*floor: {}*", word(&row["by"])),
            _ => word(&row["by"]),
        };
        let ratio = if first > 0.0 { format!("{:.2}", min / first) } else { String::new() };
        let [cpu, cpu_median] =
            ["min", "median"].map(|of| row["cpu_ns"][of].as_f64().map(nanos).unwrap_or_default());
        let median = nanos(row["wall_ns"]["median"].as_f64().unwrap_or_default());
        let allocations = row["allocations"].as_f64().unwrap_or_default();
        let sent = row["sent_bytes"].as_f64().map(|bytes| bytes.to_string()).unwrap_or_default();
        let min = nanos(min);
        let _ = writeln!(
            text,
            "| {by} | {min} | {median} | {ratio} | {allocations} | {cpu} | {cpu_median} | {sent} |"
        );
    }
    let sizes = results["bytes"].as_array().filter(|sizes| !sizes.is_empty());
    if let Some(sizes) = sizes {
        let _ = writeln!(text, "\n| Bytes of | as counted | of the heap |\n| --- | ---: | ---: |");
        for size in sizes {
            let counted = size["counted"].as_f64().map(|bytes| bytes.to_string()).unwrap_or_default();
            let heap = size["heap"].as_f64().unwrap_or_default();
            let _ = writeln!(text, "| {} | {counted} | {heap} |", word(&size["of"]));
        }
    }
    text
}

/// A time that is given in nanoseconds, for people.
pub fn nanos(nanos: f64) -> String {
    match nanos {
        0.0..10.0 => format!("{nanos:.2} ns"),
        10.0..1e3 => format!("{nanos:.0} ns"),
        1e3..1e4 => format!("{:.2} µs", nanos / 1e3),
        1e4..1e6 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.2} ms", nanos / 1e6),
    }
}
