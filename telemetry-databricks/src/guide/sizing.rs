//! Sizing: how long an outage may be, and what that costs in memory.
//!
//! Records that can't be sent now wait in memory. How many may wait is [`max_records`], 500 by default. While
//! the service is out they pile up; past the bound the oldest goes, and errors go last.
//!
//! # How it goes
//!
//! A batch goes when 100 records wait ([`batch_size`]), or after 5 s ([`flush_interval`]). One that fails is
//! tried three times more within a second, and then waits for the next interval. The fifth failure in a row
//! opens the breaker. From then on the service is asked once a minute. So an outage costs more than its own
//! length: records pile up until the first question that is answered well. That is some seconds for a short
//! outage that the breaker doesn't notice, and up to a minute more for one that it does.
//!
//! # The formula
//!
//! ```text
//! lost ≈ max(0, rate × (outage + until the breaker's next probe) − max_records)
//! ```
//!
//! It leaves one thing out: what was already waiting when the outage began. That is at most a batch, and at
//! most what comes in one flush interval. At 10 statements a second it is 50 records, and by that much the
//! table and the formula differ.
//!
//! To lose nothing, take the worst case: the outage ends just after a probe.
//!
//! ```text
//! max_records ≥ rate × (outage + 60 s + 5 s + 1 s)
//! max_age     ≥          outage + 60 s + 5 s + 1 s
//! max_bytes   ≥ 1 KiB × max_records
//! ```
//!
//! The 60 s is how long the breaker stays open. The 5 s is `flush_interval`, and within the
//! last second the clients of a host come back at random, not all at once. [`max_age`] is 10 min by
//! default, so it matters from an outage of about 9 min on. It also matters where little happens: below one
//! record in 1.2 s, ten minutes hold fewer than 500 records, and age is the bound that is met first. `rate`
//! counts records: one for each statement, and one more for each error, operation, and connection opened or
//! closed. A record takes half a KiB, and all records together have three quarters of [`max_bytes`].
//!
//! ```
//! use std::time::Duration;
//! use telemetry_databricks::{Mode, TelemetryConfig};
//!
//! /// Settings that lose nothing in an outage of this length.
//! fn sized(records_a_second: usize, outage: Duration) -> TelemetryConfig {
//!     let longest = outage + Duration::from_secs(66);
//!     let records = records_a_second * usize::try_from(longest.as_secs()).unwrap_or(usize::MAX);
//!     TelemetryConfig::default()
//!         .mode(Mode::On)
//!         .max_records(records.max(500))
//!         .max_bytes((1024 * records).max(2 * 1024 * 1024))
//!         .max_age(longest.max(Duration::from_secs(600)))
//! }
//!
//! assert!(sized(10, Duration::from_secs(300)).validate().is_ok());
//! // 100,000 records is the most that one client may hold.
//! assert!(sized(1000, Duration::from_secs(300)).validate().is_err());
//! ```
//!
//! # The table
//!
//! The real pipeline with default settings, and a clock that is moved by hand: one connection, statements at
//! an even rate for 15 min, an outage after the first minute. The service answers at once, and 503 while it
//! is out. `made` has one record more than there were statements: the opening. `back after` is when the first
//! batch was accepted again, counted from the begin of the outage. `formula` is the one above with that time.
//!
//! The last column is a design that keeps nothing back. It has the same breaker, batches and retries. It
//! drops what it would send while its breaker is open, and a batch whose retries are used up.
//!
//! <!-- outages -->
//! | outage | statements/s | made | delivered | lost | back after | formula | lost by a design that drops |
//! | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
//! | 1 s | 1 | 901 | 901 | 0 | 1.0 s | 0 | 0 |
//! | 1 s | 10 | 9001 | 9001 | 0 | 5.3 s | 0 | 50 |
//! | 1 s | 100 | 90001 | 90001 | 0 | 1.0 s | 0 | 0 |
//! | 10 s | 1 | 901 | 901 | 0 | 66.5 s | 0 | 65 |
//! | 10 s | 10 | 9001 | 8795 | 206 overflow | 65.6 s | 156 | 650 |
//! | 10 s | 100 | 90001 | 83851 | 6150 overflow | 66.5 s | 6149 | 6100 |
//! | 1 min | 1 | 901 | 901 | 0 | 66.5 s | 0 | 65 |
//! | 1 min | 10 | 9001 | 8795 | 206 overflow | 65.6 s | 156 | 650 |
//! | 1 min | 100 | 90001 | 83851 | 6150 overflow | 66.5 s | 6149 | 6100 |
//! | 5 min | 1 | 901 | 901 | 0 | 308.3 s | 0 | 305 |
//! | 5 min | 10 | 9001 | 6377 | 2624 overflow | 307.4 s | 2574 | 3050 |
//! | 5 min | 100 | 90001 | 59667 | 30334 overflow | 308.3 s | 30333 | 30100 |
//! | 10 min | 1 | 901 | 785 | 116 overflow | 611.6 s | 112 | 605 |
//! | 10 min | 10 | 9001 | 3344 | 5657 overflow | 610.7 s | 5607 | 6050 |
//! | 10 min | 100 | 90001 | 29341 | 60660 overflow | 611.6 s | 60660 | 60100 |
//! <!-- end of outages -->
//!
//! What to read from it:
//!
//! - An outage of ten seconds costs as much as one of a minute. Both are over before the first probe.
//! - An outage of one second is noticed only if a batch goes within it. Then the batch waits 5 s, and nothing
//!   is lost.
//! - At one statement a second, the defaults carry an outage of five minutes.
//! - At 100 statements a second 500 records are 5 s, and the buffer saves nothing. This design even loses
//!   some records more than the other. After three quick retries it leaves the service alone for 5 s, so its
//!   breaker opens later, and asks later. For such a rate, set `max_records`.
//!
//! `cargo run -p examples --bin outages` prints this table. A test holds the page to it, the formula to the
//! table, and the two lines with `≥` to outages up to ten minutes. The waits between retries are random;
//! here they are drawn the same each time. A service that hangs, instead of answering 503, takes up to
//! [`request_timeout`] for each attempt, so its breaker opens later.
//!
//! # Which settings matter
//!
//! | setting | raise it | lower it |
//! | --- | --- | --- |
//! | [`max_records`] | for longer outages; memory grows with it | where memory is short |
//! | [`max_age`] | for outages of more than 9 min | where old records are of no use |
//! | [`batch_size`] | for fewer, larger requests | where a proxy limits a body; a 413 halves a batch anyway |
//! | [`flush_interval`] | for fewer requests at low rates | to lose less when a process is killed |
//! | [`max_events`] | where events are refused as `buffer full` | where memory is short |
//!
//! `max_events` bounds what lies between the driver's threads and the worker, and has nothing to do with
//! outages: the worker empties it all the while. It fills when events come faster than the worker takes them,
//! in a burst. A statement by handle takes one place at its end, however many chunks it had; by id each call
//! takes one.
//!
//! # Memory
//!
//! All bounds are per client, that is for each host and principal. Measured on 64-bit Linux, by what the
//! allocator was asked for:
//!
//! | what | each | at the default bound |
//! | --- | ---: | ---: |
//! | a statement's record, with chunks and times | 0.5 KB | 500: 0.25 MB |
//! | a statement's event, before the worker takes it | 0.6 KB | 4096: 2.5 MB |
//! | text of errors | up to 2 KB | half of [`max_bytes`]: 1 MiB |
//!
//! The process grew by less than 1 KB for a record without text. All of it together is bounded in bytes:
//! [`max_bytes`] for a client, 2 MiB, and [`max_total_bytes`] for all of a provider, 64 MiB.
//! [`Status::held_bytes`] says how much it is now. Past the bound new events are refused as `memory full`,
//! the oldest records are dropped, and errors travel by name, which [`Status::texts_left_out`] counts.
//!
//! [`batch_size`]: TelemetryConfig::batch_size
//! [`flush_interval`]: TelemetryConfig::flush_interval
//! [`max_age`]: TelemetryConfig::max_age
//! [`max_bytes`]: TelemetryConfig::max_bytes
//! [`max_events`]: TelemetryConfig::max_events
//! [`max_records`]: TelemetryConfig::max_records
//! [`max_total_bytes`]: TelemetryConfig::max_total_bytes
//! [`request_timeout`]: TelemetryConfig::request_timeout

#[cfg(doc)]
use crate::{TelemetryConfig, status::Status};
