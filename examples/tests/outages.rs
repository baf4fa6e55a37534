//! The table of outages in the guide on sizing is the one that is measured, and its formula holds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::fs;
use std::time::Duration;

use examples::outages::{self, Markdown, OUTAGES, RATES};
use telemetry_core::TelemetryConfig;
use telemetry_core::status::DropReason;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../telemetry-databricks/src/guide/sizing.rs");
const BEGIN: &str = "//! <!-- outages -->\n";
const END: &str = "//! <!-- end of outages -->\n";

#[test]
fn the_guide_has_the_table_that_is_measured_and_its_formula_holds() {
    let costs = outages::all().unwrap();
    for cost in &costs {
        let (lost, estimate) = (cost.records.dropped.total(), cost.estimate());
        let waiting = (5 * u64::from(cost.rate)).min(100);
        assert!((estimate..=estimate + waiting).contains(&lost), "{cost:?}");
        let bound = (u64::from(cost.rate) * (cost.outage.as_secs() + 80)).saturating_sub(500);
        assert!(lost <= bound, "{cost:?}");
        assert_eq!(cost.records.dropped.get(DropReason::Overflow), lost, "{cost:?}");
        assert!(cost.records.balances() && cost.records.held == 0, "{cost:?}");
    }
    let measured: String = Markdown(&costs).to_string().lines().map(|row| format!("//! {row}\n")).collect();
    let guide = fs::read_to_string(GUIDE).unwrap();
    let (before, rest) = guide.split_once(BEGIN).unwrap();
    let (documented, after) = rest.split_once(END).unwrap();
    if documented == measured {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some_and(|update| update == "1") {
        fs::write(GUIDE, [before, BEGIN, &measured, END, after].concat()).unwrap();
        return;
    }
    panic!("{GUIDE} is to have, or UPDATE_DOCS=1 writes it:\n{measured}");
}

#[test]
fn sized_by_the_formula_an_outage_loses_nothing() {
    // The longest wait for a probe is that of an outage which ends just after one.
    let ends = (62..=80).step_by(3).map(Duration::from_secs);
    for outage in OUTAGES.into_iter().chain(ends) {
        for rate in RATES {
            let until = outage + Duration::from_secs(80);
            let records = usize::try_from(until.as_secs() * u64::from(rate)).unwrap();
            let config = TelemetryConfig::default()
                .max_records(records.max(500))
                .max_bytes((1024 * records).max(2 * 1024 * 1024))
                .max_age(until.max(Duration::from_secs(600)));
            let (records, _) = outages::through(config, outage, rate).unwrap();
            assert_eq!(
                (records.accepted, records.held),
                (records.made, 0),
                "{outage:?} at {rate}: {records}"
            );
        }
    }
}
