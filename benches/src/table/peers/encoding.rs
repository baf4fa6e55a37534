//! The same records by libraries for JSON: each a string in the body, from structs that stand ready, into
//! buffers that are kept from one batch to the next.

use benches::batch;
use telemetry_export_http::wire::{Frontend, Upload};

use crate::table::measure::Row;
use crate::table::ours::in_batches;
use crate::table::ours::subject::WIRE;

/// Writes what the library itself has written.
struct Again {
    records: Vec<Frontend>,
    upload: Upload,
    body: Vec<u8>,
}

impl Again {
    fn of(body: &[u8]) -> Self {
        Again { records: records(body), upload: Upload::read(body).expect("it is a body"), body: Vec::new() }
    }

    /// How long the body is that a library writes.
    fn write<E: std::fmt::Debug>(
        &mut self,
        record: impl Fn(&mut Vec<u8>, &Frontend) -> Result<(), E>,
        body: impl Fn(&mut Vec<u8>, &Upload) -> Result<(), E>,
    ) -> usize {
        for (of, text) in self.records.iter().zip(&mut self.upload.proto_logs) {
            let mut bytes = std::mem::take(text).into_bytes();
            bytes.clear();
            record(&mut bytes, of).expect("it can be written");
            *text = String::from_utf8(bytes).expect("JSON is text");
        }
        self.body.clear();
        body(&mut self.body, &self.upload).expect("it can be written");
        self.body.len()
    }
}

fn records(body: &[u8]) -> Vec<Frontend> {
    let upload = Upload::read(body).expect("it is a body");
    upload.records().collect::<Result<_, _>>().expect("they are records")
}

pub fn rows() -> Vec<Row> {
    let row = |package, write: fn(&mut Again) -> usize| {
        let body = batch()();
        let mut again = Again::of(&body);
        // What is constant in a connection comes first in the library's; all else is the same.
        assert!(write(&mut again) == body.len() && records(&again.body) == again.records);
        Row::peer(WIRE, package, "from structs", move |meter| in_batches(meter, || write(&mut again)))
    };
    vec![
        row("serde_json", |again| {
            again.write(|to, of| serde_json::to_writer(to, of), |to, of| serde_json::to_writer(to, of))
        }),
        row("sonic-rs", |again| {
            again.write(|to, of| sonic_rs::to_writer(to, of), |to, of| sonic_rs::to_writer(to, of))
        }),
    ]
}
