//! The figures as a chart: a bar for each row of some subjects, on a logarithmic scale.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::ours::subject::{BREAKER, DELIVERED, ERROR_500, EVENT, OFF, STATEMENT, WIRE};
use super::report::nanos;

/// What is shown, of all that others have rows of.
const SHOWN: [&str; 7] = [OFF, EVENT, STATEMENT, WIRE, ERROR_500, BREAKER, DELIVERED];

const WIDTH: f64 = 880.0;
/// Where bars begin, and how long a factor of ten is.
const LEFT: f64 = 400.0;
const DECADE: f64 = 78.0;
/// What a bar of no length stands for, in nanoseconds.
const LEAST: f64 = 0.1;
const LINE: f64 = 18.0;

/// Colours that can be read on white and on black, beside those of text.
const STYLE: &str = "\
    text { font: 12px system-ui, Helvetica, Arial, sans-serif; fill: #24292f }\n\
    .subject { font-weight: 600 }\n\
    .value, .note { fill: #57606a; font-size: 11px }\n\
    .ours { fill: #2f81f7 } .peer { fill: #d29922 } .floor { fill: #8b949e }\n\
    .grid { stroke: #8b949e; stroke-opacity: .25 }\n\
    @media (prefers-color-scheme: dark) {\n\
    text { fill: #e6edf3 } .value, .note { fill: #9198a1 }\n\
    }";

/// Draws the figures.
pub fn draw(results: &Value, to: &Path) {
    fs::write(to, svg(results)).expect("the chart can be written");
}

fn svg(results: &Value) -> String {
    let rows: Vec<&Value> = results["rows"].as_array().into_iter().flatten().collect();
    let shown = SHOWN.iter().flat_map(|shown| rows.iter().filter(move |row| row["subject"] == *shown));
    let (mut bars, mut y, mut subject) = (String::new(), 46.0, "");
    for row in shown {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        if text("subject") != subject {
            subject = text("subject");
            y += 10.0;
            let _ =
                writeln!(bars, r#"<text class="subject" x="8" y="{}">{}</text>"#, y + 12.0, escaped(subject));
            y += LINE;
        }
        let min = row["wall_ns"]["min"].as_f64().unwrap_or_default();
        let length = ((min / LEAST).log10() * DECADE).max(1.0);
        let (base, kind, by) = (y + 12.0, text("kind"), escaped(text("by")));
        let _ = writeln!(bars, r#"<text x="20" y="{base}">{by}</text>"#);
        let _ = writeln!(
            bars,
            r#"<rect class="{kind}" x="{LEFT}" y="{}" width="{length:.1}" height="12"/>"#,
            y + 2.0
        );
        let _ = writeln!(
            bars,
            r#"<text class="value" x="{:.1}" y="{base}">{}</text>"#,
            LEFT + length + 6.0,
            nanos(min)
        );
        y += LINE;
    }
    let height = y + 16.0;
    let mut grid = String::new();
    for decade in 0..=5 {
        let x = LEFT + f64::from(decade) * DECADE;
        let value = nanos(LEAST * 10_f64.powi(decade));
        let _ = writeln!(grid, r#"<line class="grid" x1="{x}" x2="{x}" y1="46" y2="{y}"/>"#);
        let _ = writeln!(grid, r#"<text class="note" text-anchor="middle" x="{x}" y="40">{value}</text>"#);
    }
    let legend = [("ours", "this library"), ("peer", "others"), ("floor", "floors")];
    for (place, (kind, name)) in legend.into_iter().enumerate() {
        let x = 8.0 + 110.0 * place as f64;
        let _ = writeln!(grid, r#"<rect class="{kind}" x="{x}" y="8" width="12" height="12"/>"#);
        let _ = writeln!(grid, r#"<text x="{}" y="18">{name}</text>"#, x + 18.0);
    }
    let machine = escaped(&format!(
        "time of one, the fastest of interleaved turns; logarithmic; {}, {} cores",
        results["machine"]["processor"].as_str().unwrap_or_default(),
        results["machine"]["cores"]
    ));
    let _ = writeln!(grid, r#"<text class="note" x="{LEFT}" y="18">{machine}</text>"#);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"What the library costs, beside others\">\n\
         <style>\n{STYLE}\n</style>\n{grid}{bars}</svg>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
