//! Exporters of any kind.

use telemetry_core::plugin::{Attempt, AuthHeaders};
use telemetry_core::{Exporter, Host};

use super::samples::{records, wall};
use super::{SECRET, assert_hidden, poll_once, within};

/// Checks an [`Exporter`] of any kind, with records for this host. One that speaks HTTP is checked by
/// [`http_exporter`](super::http_exporter()) besides, which sees what it sends.
///
/// Checked:
///
/// - an attempt ends by itself, with a receipt or a failure: of one record and of many, with credentials and
///   without;
/// - it serves many tenants: two attempts that are made at a time both end;
/// - it is safe to cancel: after attempts were dropped before and after their first poll, the next one ends;
/// - its `Debug` shows no credential.
///
/// Not checked, because they can't be seen from outside: what it sends and where, how often it tries, whether
/// it blocks its thread, and that it calls nothing that records.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use telemetry_core::{Host, HostPolicy};
/// use telemetry_testkit::{RecordingExporter, conformance};
///
/// let host = Host::parse("a.example", HostPolicy::Public).unwrap();
/// conformance::exporter(&RecordingExporter::new(), &host).await;
/// # }
/// ```
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn exporter(exporter: &dyn Exporter, host: &Host) {
    const ENDS: &str = "Exporter::export ends by itself";
    const CANCEL: &str = "Exporter::export is safe to cancel, and the next attempt ends";
    const BESIDE: &str = "Exporter::export serves many tenants, and ends when two ask at a time";
    let credentials = AuthHeaders::bearer(SECRET);
    let (one, many) = (records(1), records(100));
    let attempts = [
        Attempt::new(host, &one, wall()),
        Attempt::new(host, &one, wall()).with_credentials(Some(&credentials)),
        Attempt::new(host, &many, wall()).with_credentials(Some(&credentials)),
    ];
    for attempt in &attempts {
        let _either_way = within(ENDS, exporter.export(attempt)).await;
    }
    for attempt in &attempts {
        let both = async { tokio::join!(exporter.export(attempt), exporter.export(attempt)) };
        let _either_way = within(BESIDE, both).await;
        drop(exporter.export(attempt));
        let mut dropped = exporter.export(attempt);
        let _ended_at_once = poll_once(dropped.as_mut()).await;
        drop(dropped);
        let _either_way = within(CANCEL, exporter.export(attempt)).await;
    }
    assert_hidden("Exporter", &exporter);
}
