//! From events to records: how a statement adds up, and which statements are open.

mod aggregator;
mod chunks;
mod statement;

pub(crate) use aggregator::{Absorbed, Aggregator, Draft};
pub(crate) use chunks::ChunkTotals;
pub(crate) use statement::{Errors, StatementAggregate};
