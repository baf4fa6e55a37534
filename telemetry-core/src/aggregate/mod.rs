//! From events to records: how a statement adds up, and which statements are open.

mod aggregator;
mod chunks;
mod statement;

pub(crate) use aggregator::{Aggregator, Draft};
pub(crate) use chunks::ChunkTotals;
#[cfg(test)]
pub(crate) use statement::tests;
pub(crate) use statement::{Applied, Errors, StatementAggregate};
