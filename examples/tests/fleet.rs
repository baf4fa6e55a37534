//! What the guide on sizing says of fleets, held to by a part of a fleet that a test has time for; the
//! program `fleet` plays all of it.
#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::fs;
use std::time::Duration;

use examples::fleet::tables::{DAYS, DAYS_HEAD, Day, OUTAGES, OUTAGES_HEAD, Through};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../telemetry-databricks/src/guide/sizing.rs");

/// How many processes the guide's table of outages is of.
const DOCUMENTED: f64 = 10_000.0;
const PROCESSES: u64 = 100;

/// The rows below this head, each as its cells.
fn rows(head: &str) -> Vec<Vec<String>> {
    let guide = fs::read_to_string(GUIDE).unwrap();
    let text: String = guide.lines().map(|line| format!("{}\n", line.trim_start_matches("//! "))).collect();
    let (_, below) = text.split_once(head).unwrap();
    below.lines().skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

fn cells(row: &str) -> Vec<String> {
    row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
}

fn number(cell: &str) -> f64 {
    cell.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_fleet_goes_through_an_outage_as_the_guide_has_it_and_does_not_come_back_all_at_once() {
    let documented = rows(OUTAGES_HEAD);
    assert_eq!(documented.len(), OUTAGES.len());
    // The first of all, the one that names a date, and one that takes no more than twice the usual.
    for place in [1, 5, 7] {
        let played = Through::play(PROCESSES, OUTAGES[place]).unwrap();
        let (measured, documented) = (cells(&played.to_string()), &documented[place]);
        let said = format!("{measured:?}, and the guide has {documented:?}");
        assert_eq!(measured[..2], documented[..2]);
        let (before, back) = (number(&measured[2]), number(&measured[5]));
        let scaled = number(&documented[2]) * PROCESSES as f64 / DOCUMENTED;
        assert!((before - scaled).abs() < scaled / 4.0, "{said}");
        assert!((number(&measured[8]) - number(&documented[8])).abs() < 1.5, "{said}");
        assert!((number(&measured[7]) - number(&documented[7])).abs() < 20.0, "{said}");
        // It was six times as much when all came back within a second.
        assert!(back < 3.0 * before, "{said}");
    }
}

#[test]
fn processes_that_start_together_or_work_at_the_full_hour_do_not_keep_step() {
    assert_eq!(rows(DAYS_HEAD).len(), DAYS.len());
    const SAMPLE: u64 = 300;
    for place in [2, 3] {
        let day = Day::play(SAMPLE, Duration::from_secs(2 * 3600 + 60), DAYS[place]).unwrap();
        let most = |of: fn(&examples::fleet::Second) -> u64| day.course.seconds.iter().map(of).max().unwrap();
        assert!(most(|second| second.posts) < SAMPLE * 6 / 10, "{day}");
        // All ask at the start, and then each in its own time.
        let later = day.course.seconds.iter().skip(60).map(|second| second.flags).max().unwrap();
        assert!(later < SAMPLE / 10, "{later}: {day}");
    }
}
