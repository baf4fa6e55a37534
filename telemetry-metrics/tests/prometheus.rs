//! The example is scraped over loopback, and what a Prometheus reads there is what the books say. A program
//! of its own, as it installs the process's recorder.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use telemetry_core::status::{DropReason, ProviderStatus, Reason, RecordLedger, Refusal};
use telemetry_metrics::ProviderMetrics;

#[path = "../examples/prometheus.rs"]
#[allow(dead_code, reason = "its `main` is run by hand")]
mod example;

fn scrape(address: SocketAddr) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    body.to_owned()
}

/// The samples of a scrape: each series, with its labels in order, and its value.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut labels: Vec<_> =
            labels.strip_suffix('}').unwrap().split(',').filter(|label| !label.is_empty()).collect();
        labels.sort();
        (format!("{name}{{{}}}", labels.join(",")), value.parse().unwrap())
    });
    samples.collect()
}

/// What of the books' numbers a scrape should have.
fn expected(status: &ProviderStatus) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let mut is = |series: String, value: u64| assert!(all.insert(series, value as f64).is_none());
    is("telemetry_clients{}".to_owned(), status.clients.len() as u64);
    let events = &status.events;
    for (name, value) in [
        ("seen_total", events.seen),
        ("folded_total", events.folded),
        ("made_total", events.made),
        ("waiting", events.waiting),
    ] {
        is(format!("telemetry_events_{name}{{}}"), value);
    }
    for reason in Refusal::ALL {
        let series = format!("telemetry_events_refused_total{{reason=\"{}\"}}", reason.as_str());
        is(series, events.refused.get(*reason));
    }
    let mut way = |sink: &str, records: &RecordLedger| {
        for (name, value) in [
            ("made_total", records.made),
            ("accepted_total", records.accepted),
            ("written_total", records.written),
            ("held", records.held),
        ] {
            is(format!("telemetry_records_{name}{{sink=\"{sink}\"}}"), value);
        }
        for reason in DropReason::ALL {
            let reason_is = reason.as_str();
            let series = format!("telemetry_records_dropped_total{{reason=\"{reason_is}\",sink=\"{sink}\"}}");
            is(series, records.dropped.get(*reason));
        }
        for state in ["closed", "half_open", "open"] {
            // All clients are closed.
            is(format!("telemetry_breakers{{sink=\"{sink}\",state=\"{state}\"}}"), 0);
        }
    };
    way("vendor", &status.records);
    way("errors", &status.sinks[0].1);
    all
}

#[test]
fn a_scrape_has_every_series_and_its_numbers_are_the_books() {
    let recorder = example::recorder().unwrap();
    let prometheus = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();
    let metrics = ProviderMetrics::new();
    let provider = example::provider(&metrics).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let scraped = provider.clone();
    thread::spawn(move || {
        example::serve(&listener, || {
            metrics.collect(&scraped);
            prometheus.render()
        });
    });
    assert_eq!(samples(&scrape(address))["telemetry_records_made_total{sink=\"vendor\"}"], 0.0);

    // The driver runs on while it is scraped, until both ways had all their fates.
    let start = Instant::now();
    let sinks = ["vendor", "errors"];
    let attempts = |all: &BTreeMap<String, f64>, sink: &str, outcome: &str| {
        all[&format!("telemetry_attempts_total{{outcome=\"{outcome}\",sink=\"{sink}\"}}")]
    };
    loop {
        example::work(&provider);
        let all = samples(&scrape(address));
        let had = |sink| ["retryable", "terminal"].iter().all(|outcome| attempts(&all, sink, outcome) > 0.0);
        if sinks.into_iter().all(had) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{all:?}");
    }
    // The last client goes when its work is done.
    while !provider.status().clients.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", provider.status());
        thread::yield_now();
    }

    let text = scrape(address);
    let all = samples(&text);
    let status = provider.status();
    assert!(status.balances() && status.records.dropped.total() > 0, "{status:?}");
    let is_of_an_attempt = |series: &str| series.starts_with("telemetry_attempt");
    let books: BTreeMap<_, _> = all
        .iter()
        .filter(|(series, _)| !is_of_an_attempt(series))
        .map(|(name, is)| (name.clone(), *is))
        .collect();
    assert_eq!(books, expected(&status));

    // Every attempt was timed, and what was timed is in its buckets.
    for sink in sinks {
        for outcome in ["accepted", "written", "retryable", "terminal", "unknown"] {
            let labels = format!("outcome=\"{outcome}\",sink=\"{sink}\"");
            let counted = attempts(&all, sink, outcome);
            let timed = |part: &str| {
                all.get(&format!("telemetry_attempt_duration_seconds_{part}}}")).copied().unwrap_or(0.0)
            };
            assert_eq!(timed(&format!("count{{{labels}")), counted, "{labels}");
            assert_eq!(timed(&format!("bucket{{le=\"+Inf\",{labels}")), counted, "{labels}");
        }
    }
    for line in [
        "# TYPE telemetry_records_dropped_total counter",
        "# TYPE telemetry_records_held gauge",
        "# TYPE telemetry_attempt_duration_seconds histogram",
        "# HELP telemetry_attempt_duration_seconds How long attempts took.",
    ] {
        assert!(text.lines().any(|has| has == line), "{line} in {text}");
    }
}
