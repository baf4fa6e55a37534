//! A histogram of the metrics crate, recorded by Prometheus's recorder, the handle kept.

use std::hint::black_box;

use metrics_exporter_prometheus::PrometheusBuilder;

use crate::table::measure::{Meter, Row};
use crate::table::ours::subject::EVENT;

pub fn rows() -> Vec<Row> {
    vec![Row::peer(EVENT, "metrics", "a histogram, its handle kept", histogram()).most(100_000)]
}

fn histogram() -> impl FnMut(&mut Meter) {
    let builder = PrometheusBuilder::new().set_buckets(&[0.001, 0.01, 0.1, 1.0]).expect("there are buckets");
    let recorder = builder.build_recorder();
    let histogram = metrics::with_local_recorder(&recorder, || metrics::histogram!("chunk_seconds"));
    let handle = recorder.handle();
    let mut all = 0;
    move |meter| {
        meter.each(|_| histogram.record(black_box(0.012)));
        handle.run_upkeep();
        all += meter.times;
        assert!(handle.render().contains(&format!("chunk_seconds_count {all}\n")));
    }
}
