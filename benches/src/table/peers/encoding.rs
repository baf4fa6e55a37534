//! The same records by libraries for JSON: each a string in the body, from structs that stand ready.

use telemetry_export_http::wire::{Frontend, Upload};

use crate::table::measure::Row;
use crate::table::ours::subject::WIRE;
use crate::table::ours::{batch, in_batches};

/// The records that the library itself has written.
struct Written {
    body: Vec<u8>,
    upload: Upload,
    records: Vec<Frontend>,
}

fn written() -> Written {
    let body = batch()();
    let upload = Upload::read(&body).expect("it is a body");
    Written { records: records(&body), upload: Upload { proto_logs: Vec::new(), ..upload }, body }
}

fn records(body: &[u8]) -> Vec<Frontend> {
    let upload = Upload::read(body).expect("it is a body");
    upload.records().collect::<Result<_, _>>().expect("they are records")
}

impl Written {
    /// Its bytes again, by a library.
    fn again<E: std::fmt::Debug>(
        &self,
        record: impl Fn(&Frontend) -> Result<String, E>,
        body: impl Fn(&Upload) -> Result<Vec<u8>, E>,
    ) -> Vec<u8> {
        let records = self.records.iter().map(|of| record(of).expect("it can be written"));
        body(&Upload { proto_logs: records.collect(), ..self.upload.clone() }).expect("it can be written")
    }
}

pub fn rows() -> Vec<Row> {
    let row = |package, encode: fn(&Written) -> Vec<u8>| {
        let written = written();
        // The library has what is a connection's first: in other places, the same.
        let again = encode(&written);
        assert!(again.len() == written.body.len() && records(&again) == written.records);
        Row::peer(WIRE, package, "from structs", move |meter| in_batches(meter, || encode(&written)))
    };
    vec![
        row("serde_json", |written| written.again(serde_json::to_string, serde_json::to_vec)),
        row("sonic-rs", |written| written.again(sonic_rs::to_string, sonic_rs::to_vec)),
    ]
}
