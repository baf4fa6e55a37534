//! The table of speed: what the library costs, beside what others cost and what nothing could do faster.
//!
//! `cargo run --release` in this folder prints it, and writes `results/speed.json` and `results/speed.svg`.
//! `-- --rounds 50` measures for longer or shorter, `-- --only breaker` only rows that have the word in their
//! name, and `-- --chart FROM.json TO.svg` draws figures again that were measured before.
//!
//! All rows are measured in one process, in rounds: in each, every row has its turn, for about a millisecond.
//! What else the machine does meanwhile hits all alike. Each row says what came of its work, and the program
//! ends where that isn't what was to come of it.

mod table;

use std::path::{Path, PathBuf};

use table::measure::{Row, Summary};
use table::{allocations, chart, machine, ours, peers, report, server};

#[global_allocator]
static ALLOCATIONS: allocations::Counting = allocations::Counting;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let said: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match said[..] {
        [server::ARGUMENT] => return server::serve(),
        ["--chart", from, to] => return chart::draw(&report::read(Path::new(from)), Path::new(to)),
        _ => {}
    }
    let value = |name: &str| said.iter().position(|said| *said == name).and_then(|at| said.get(at + 1));
    let rounds = value("--rounds").map_or(300, |rounds| rounds.parse().expect("a number of rounds"));
    let only = value("--only").map(|word| word.to_lowercase()).unwrap_or_default();

    let mut rows: Vec<Row> = ours::rows().into_iter().chain(peers::rows()).collect();
    rows.retain(|row| row.is_about(&only));
    let before = machine::load();
    for round in 0..rounds {
        for row in &mut rows {
            row.turn(round);
        }
        if round % 10 == 9 {
            eprintln!("{} of {rounds} rounds", round + 1);
        }
    }
    let rows: Vec<Summary> = rows.into_iter().filter_map(Row::summary).collect();
    let sizes = if only.is_empty() { ours::sizes() } else { Vec::new() };
    let results = report::json(&rows, &sizes, rounds, &[before, machine::load()]);
    print!("{}", report::text(&results));
    if only.is_empty() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("results");
        std::fs::create_dir_all(&folder).expect("a folder for the results");
        report::write(&results, &folder.join("speed.json"));
        chart::draw(&results, &folder.join("speed.svg"));
        eprintln!("speed.json and speed.svg are in {}", folder.display());
    }
}
