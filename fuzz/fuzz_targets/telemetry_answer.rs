//! The answer to telemetry, and the wire's reader: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use telemetry_export_http::parse_answer;
use telemetry_export_http::wire::{Frontend, Upload};

fuzz_target!(|body: &[u8]| {
    let _ = parse_answer(body);
    if let Ok(record) = serde_json::from_slice::<Frontend>(body) {
        // What was read is written as the schema has it, and reads the same.
        let written = serde_json::to_string(&record).unwrap();
        let again: Frontend = serde_json::from_str(&written).unwrap();
        assert_eq!(again.log(), record.log());
    }
    if let Ok(upload) = Upload::read(body) {
        let _ = upload.records().count();
    }
});
