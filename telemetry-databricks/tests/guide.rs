//! The guide on operating explains every reason by which something can be refused or dropped.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use telemetry_databricks::status::{DropReason, Reason, Refusal};

const OPERATING: &str = include_str!("../src/guide/operating.rs");

fn explained(heading: &str) -> Vec<&'static str> {
    let (_, table) = OPERATING.split_once(heading).unwrap();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("//! |"));
    rows.map(|row| row.split('`').nth(1).unwrap()).collect()
}

fn all<R: Reason>() -> Vec<&'static str> {
    R::ALL.iter().map(|reason| reason.as_str()).collect()
}

#[test]
fn every_reason_is_explained_in_its_order() {
    assert_eq!(explained("//! | refused | means | do |\n"), all::<Refusal>());
    assert_eq!(explained("//! | dropped | means | do |\n"), all::<DropReason>());
}
