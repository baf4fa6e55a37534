//! What others do, as their documentation has it, at their best: with room for all that is recorded, and
//! nothing behind them where nothing has to be.

mod breakers;
mod encoding;
mod fastrace;
mod metrics;
mod opentelemetry;
mod patterns;
mod sentry;
mod tracing;

use super::measure::Row;

pub fn rows() -> Vec<Row> {
    [
        opentelemetry::rows(),
        fastrace::rows(),
        sentry::rows(),
        tracing::rows(),
        metrics::rows(),
        breakers::rows(),
        encoding::rows(),
        patterns::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
