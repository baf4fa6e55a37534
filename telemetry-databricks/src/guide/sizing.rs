//! Sizing: how long an outage may be, and what that costs in memory.
//!
//! Records that can't be sent now wait in memory. How many may wait is [`max_records`], 500 by default. While
//! the service is out they pile up; past the bound the oldest goes, and errors go last.
//!
//! # How it goes
//!
//! A batch goes when 100 records wait ([`batch_size`]), or after 5 s ([`flush_interval`]); after a calm, as
//! at the start, after half of that to all of it, at random. One that fails is tried three times more within
//! a second, and then waits for the next interval. The fifth failure in a row opens the breaker. From then on
//! the service is asked once a minute, or up to a quarter later, at random. So an outage costs more than its
//! own length: records pile up until the first question that is answered well. That is some seconds for a
//! short outage that the breaker doesn't notice, and up to 75 s more for one that it does.
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
//! max_records ≥ rate × (outage + 60 s + 15 s + 5 s)
//! max_age     ≥          outage + 60 s + 15 s + 5 s
//! max_bytes   ≥ 1 KiB × max_records
//! ```
//!
//! The 60 s is how long the breaker stays open. Within a quarter of that, 15 s, clients come back at random,
//! not all at once. The 5 s is `flush_interval`. [`max_age`] is 10 min by default, so it matters from an
//! outage of about 8 min on. It also matters where little happens: below one
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
//!     let longest = outage + Duration::from_secs(80);
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
//! | 1 s | 1 | 901 | 901 | 0 | 5.3 s | 0 | 5 |
//! | 1 s | 10 | 9001 | 9001 | 0 | 4.1 s | 0 | 0 |
//! | 1 s | 100 | 90001 | 90001 | 0 | 1.0 s | 0 | 0 |
//! | 10 s | 1 | 901 | 901 | 0 | 77.4 s | 0 | 65 |
//! | 10 s | 10 | 9001 | 8677 | 324 overflow | 81.5 s | 315 | 650 |
//! | 10 s | 100 | 90001 | 82663 | 7338 overflow | 78.4 s | 7337 | 6100 |
//! | 1 min | 1 | 901 | 901 | 0 | 77.4 s | 0 | 65 |
//! | 1 min | 10 | 9001 | 8677 | 324 overflow | 81.5 s | 315 | 650 |
//! | 1 min | 100 | 90001 | 82663 | 7338 overflow | 78.4 s | 7337 | 6100 |
//! | 5 min | 1 | 901 | 901 | 0 | 345.4 s | 0 | 305 |
//! | 5 min | 10 | 9001 | 5996 | 3005 overflow | 349.5 s | 2995 | 3050 |
//! | 5 min | 100 | 90001 | 55861 | 34140 overflow | 346.4 s | 34139 | 30100 |
//! | 10 min | 1 | 901 | 780 | 121 overflow | 615.7 s | 116 | 605 |
//! | 10 min | 10 | 9001 | 3293 | 5708 overflow | 619.8 s | 5698 | 6050 |
//! | 10 min | 100 | 90001 | 28827 | 61174 overflow | 616.7 s | 61173 | 60100 |
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
//! # Fleets
//!
//! What many processes do to the service together. Each is the real thing as a driver composes it, encoding
//! included, with the default settings, one connection, and a clock that is moved by hand; the service takes
//! 50 ms for an answer. 10,000 processes start within a minute and run statements at random moments; the
//! service is out for ten minutes. Posts by the second: on average before the outage, the median and the
//! peak of it, and the peak after it, with the peak of records in a second. It has recovered when the fleet
//! holds no more than before. Lost are records of the whole course of 23 min.
//!
//! | the service | statements/s | before | out: median | peak | back: peak | records/s | recovered after | lost |
//! | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
//! | 503 | 0.1 | 701 | 124 | 3189 | 772 | 16993 | 74 s | 2.2 % |
//! | 503 | 1 | 1670 | 63 | 6743 | 2266 | 167247 | 75 s | 9.4 % |
//! | hangs | 0.1 | 701 | 104 | 1239 | 786 | 16811 | 84 s | 3.4 % |
//! | hangs | 1 | 1670 | 28 | 1709 | 2803 | 177477 | 84 s | 11.5 % |
//! | 429, `Retry-After: 120` | 1 | 1670 | 2 | 1695 | 2138 | 118120 | 143 s | 13.4 % |
//! | 429, `Retry-After:` its end | 1 | 1670 | 0 | 1695 | 2208 | 93739 | 75 s | 10.0 % |
//! | refuses connections | 1 | 1670 | 65 | 6758 | 2275 | 177023 | 75 s | 9.4 % |
//! | 503, then takes 2 × the usual | 1 | 1670 | 63 | 6743 | 2266 | 167247 | 75 s | 9.4 % |
//! | 429, `Retry-After: 120`, then takes 2 × the usual | 1 | 1670 | 2 | 1695 | 2138 | 118120 | 143 s | 13.4 % |
//!
//! - An outage begins with four times the usual posts for some seconds: the quick retries. Then breakers
//!   open, and what is left is a probe a minute from each process.
//! - Breakers that opened within some seconds would go on to probe within some seconds, and all backlogs
//!   would come at once. So each wait is longer by up to a quarter, at random, also one that a `Retry-After`
//!   asks for, and after a few of them the fleet is spread over the minute. It comes back with 1.4 times the
//!   usual posts. Of waits that were longer by a second at the most it was 4.9 times (2,000 processes), and a
//!   service that took no more than twice the usual recovered after 196 s instead of 72 s (200 processes).
//! - The posts that bring the backlog are full, 100 records each. The peak of records is 17 times the usual,
//!   which is one for each process; of the shorter waits it was 82 times.
//!
//! A million processes for a day, at the defaults; 2,000 real ones stand for them, each for 500. Of 20
//! processes 14 run a statement in ten minutes, 5 one a minute, and one one a second. The last row is of
//! processes that do nothing but run one statement at the full hour, within a second of it. A peak is that of
//! one second, and of a sample: by chance it is up to twice what it is of a million. The bytes are those of
//! heads and bodies, before TLS.
//!
//! | the fleet | posts/s | peak | flag requests/s | peak | MB/s | peak | records in a post | bytes of a post |
//! | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
//! | mixed, started within an hour | 13155 | 24000 | 1151 | 5500 | 81.1 | 177.1 | 4.1 | 6152 |
//! | mixed, started within a minute | 13432 | 38000 | 1175 | 17000 | 82.8 | 160.6 | 4.1 | 6152 |
//! | mixed, started within a second | 13438 | 395000 | 1175 | 1000000 | 82.9 | 612.9 | 4.1 | 6151 |
//! | a statement each at the full hour | 278 | 424000 | 1151 | 5500 | 0.6 | 703.0 | 1.0 | 1637 |
//!
//! - What all processes do in the same second, start or run a statement, they report over half a
//!   `flush_interval`, 2.5 s: the first batch after a calm goes after half of the interval to all of it. Each
//!   asks for the flag as it starts, so a million that start within a second ask a million times in it.
//! - They ask again after 13.5 to 15 min, each in its own time. In lock-step, as of a time that is the same
//!   for all, it would be a million in one second, each 15 min.
//! - `flush_interval` decides how many posts there are: a busy process sends one in it. `batch_size` matters
//!   from 20 statements a second on. Both defaults fit. A fleet whose processes run a statement a second or
//!   more sends some half as many posts with 10 s.
//!
//! `cargo run --release -p examples --bin fleet` plays both, in 3 GB of memory; `--help` says how to play
//! less. A test holds the page to a part of it.
//!
//! # Scale
//!
//! Measured on a shared core of a server (AMD EPYC, Linux), where times differ by half from run to run;
//! memory and threads are the same everywhere. `cargo bench --bench scale` in `benches/` prints all of it.
//!
//! | | |
//! | --- | ---: |
//! | a client with one connection, of 100 to 10,000 | 9.4 KB |
//! | one connection more of the same client, of 10,000 | 2.2 KB |
//! | threads, of 1 to 10,000 clients | 1 |
//! | processor for a statement's record, from the call to the encoded body, of 1 to 10,000 clients | 0.9 to 1.2 µs |
//! | to acquire a lease and record the opening: 8 threads, one client, whatever the flag says | 0.9 to 1.1 µs |
//! | to acquire the first lease of a client, of 10,000 | 8 µs |
//! | to close 1,000 clients, and 10,000 | 6 ms, 0.08 s |
//! | 100,000 open statements by handle, each | 0.2 KB |
//! | 100,000 open statements by id, each | 0.3 KB |
//! | to start and to end one, by handle or by id | 0.1 µs |
//!
//! For as many open statements `max_open_statements`, `max_events` and `max_bytes` were raised. A test holds
//! the memory of a client among 1,000 to that among 100, and the number of threads.
//!
//! A program that has tokio and reqwest already grows by 1.5 MB, stripped, and by 19 crates, 5 of them of
//! this workspace. Its clean build takes 25 s of processor time more, from 99 s to 124 s (released; 49 s to
//! 66 s for development).
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
