//! Guides, for whoever puts this into a driver.
//!
//! | page | what it is for |
//! | --- | --- |
//! | [`wiring`] | putting it into a driver, step by step |
//! | [`exporter`] | sending records somewhere else |
//! | [`collectors`] | into your own observability: OpenTelemetry collectors, and files |
//! | [`transport`] | sending over the HTTP client that a driver has |
//! | [`testing`] | a driver's tests: time, failures and flags by script, and books that must balance |
//! | [`shutting_down`] | closing, flushing, and what is lost without: exits, freezes, forks |
//! | [`sizing`] | how long an outage may be before records are lost, and what that costs in memory |
//! | [`operating`] | what it says of itself, and how to turn it off |
//!
//! Every block of code on these pages compiles and runs as a test.

pub mod collectors;
pub mod exporter;
pub mod operating;
pub mod shutting_down;
pub mod sizing;
pub mod testing;
pub mod transport;
pub mod wiring;
