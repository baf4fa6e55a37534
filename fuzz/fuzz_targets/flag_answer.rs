//! The answer to the question for flags: any bytes are read or refused, and the time to live is within its
//! bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemetry_flags::{MAX_TTL, MIN_TTL, parse};

fuzz_target!(|body: &[u8]| {
    if let Some(answer) = parse(body) {
        assert!((MIN_TTL..=MAX_TTL).contains(&answer.ttl), "{:?}", answer.ttl);
    }
});
