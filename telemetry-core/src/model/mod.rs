//! What a driver tells: enums and messages that mirror the wire's schema, typed and in the program's units.

mod enums;
mod identity;
mod params;
mod system;

pub use enums::{
    AuthFlow, AuthMech, DriverMode, OperationType, ProxyAuth, ResultFormat, StatementType,
    VolumeOperationType,
};
pub use identity::DriverIdentity;
pub use params::{ConnectionParams, HostDetails};
pub use system::SystemInfo;
