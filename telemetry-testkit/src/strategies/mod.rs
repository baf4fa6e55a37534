//! Strategies for proptest: arbitrary records, times, breaker calls, and what a driver may do to a session.
//!
//! Values are what a driver or a service could come up with, likely or not: texts hold quotes, control
//! characters and any script, durations may be endless, dates before 1970, lists empty. What an exporter gets
//! has been redacted before; these texts haven't, and are no test of redaction.
//!
//! ```
//! use proptest::prelude::*;
//! use telemetry_testkit::strategies;
//!
//! proptest! {
//!     fn every_record_has_an_id(record in strategies::record()) {
//!         prop_assert_eq!(record.id.to_string().len(), 36);
//!     }
//! }
//! # every_record_has_an_id();
//! ```

mod breaker;
mod driver;
mod record;
mod session;
mod time;

use proptest::option;
use proptest::prelude::*;
use telemetry_core::{ErrorClass, Host, HostPolicy};

pub use self::breaker::{BreakerCall, breaker_calls, outcome};
pub use self::driver::{DriverError, DriverEvent, StatementEvent, driver_events, play, play_by_id};
pub use self::record::{batch, chunk, record};
pub use self::session::session;
pub use self::time::{date, duration, tick};

/// A public host.
pub fn host() -> impl Strategy<Value = Host> {
    let name = "[a-z]([a-z0-9-]{0,20}[a-z0-9])?\\.[a-z]{2,8}";
    (name, prop_oneof![4 => Just(443), 1 => 1u16..])
        .prop_map(|(name, port)| Host::parse(&format!("{name}:{port}"), HostPolicy::Public).unwrap())
}

/// Up to 40 characters, line breaks and control characters among them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![8 => "(?s).{0,40}", 2 => "[ -~]{0,40}", 1 => Just(String::new())]
}

fn error_class() -> impl Strategy<Value = ErrorClass> {
    prop_oneof![Just(ErrorClass::Terminal), Just(ErrorClass::Retryable), Just(ErrorClass::Unknown)]
}

/// Small numbers and the ends.
fn count() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0..100u32, 1 => Just(u32::MAX), 1 => any::<u32>()]
}

/// As often there as not.
fn maybe<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    option::of(strategy)
}
