//! Rows, and what measures and shows them.

pub mod allocations;
pub mod chart;
pub mod machine;
pub mod measure;
pub mod ours;
pub mod peers;
pub mod report;
pub mod server;
