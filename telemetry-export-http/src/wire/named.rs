//! Enum values, which travel by name.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use telemetry_core::record::{AuthFlow, AuthMech, DriverMode, ProxyAuth, VolumeOperationType};
use telemetry_core::{OperationType, ResultFormat, StatementType};

/// A value of one of the wire's enums, or a name that this version doesn't know.
///
/// An unknown name is kept as it came, so that what is read and written again means the same.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a name is known or it is not")]
pub enum EnumOrUnknown<E> {
    /// A value that the schema has.
    Known(E),
    /// Any other name.
    Unknown(Box<str>),
}

impl<E: WireEnum> EnumOrUnknown<E> {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            EnumOrUnknown::Known(value) => value.wire_name(),
            EnumOrUnknown::Unknown(name) => name,
        }
    }

    /// The value, if it is a known one.
    pub fn known(&self) -> Option<E> {
        match self {
            EnumOrUnknown::Known(value) => Some(*value),
            EnumOrUnknown::Unknown(_) => None,
        }
    }
}

impl<E> From<E> for EnumOrUnknown<E> {
    fn from(value: E) -> Self {
        EnumOrUnknown::Known(value)
    }
}

impl<E: WireEnum> fmt::Debug for EnumOrUnknown<E> {
    /// A known value's name; an unknown one isn't shown, as it may be anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.known().map_or("***", WireEnum::wire_name))
    }
}

impl<E: WireEnum> Serialize for EnumOrUnknown<E> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de, E: WireEnum> Deserialize<'de> for EnumOrUnknown<E> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = Box::<str>::deserialize(from)?;
        Ok(E::of_wire_name(&name).map_or(EnumOrUnknown::Unknown(name), EnumOrUnknown::Known))
    }
}

/// The eight enums of the schema, all of which `telemetry-core` defines. Sealed.
pub trait WireEnum: Copy + sealed::Sealed {
    /// The value's name on the wire.
    fn wire_name(self) -> &'static str;
    /// The value with that name.
    fn of_wire_name(name: &str) -> Option<Self>;
    /// All names, in the schema's order.
    fn wire_names() -> Vec<&'static str>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! wire_enums {
    ($($name:ident),*) => {$(
        impl sealed::Sealed for $name {}
        impl WireEnum for $name {
            fn wire_name(self) -> &'static str {
                self.as_str()
            }

            fn of_wire_name(name: &str) -> Option<Self> {
                $name::from_wire(name)
            }

            fn wire_names() -> Vec<&'static str> {
                $name::ALL.iter().map(|value| value.as_str()).collect()
            }
        }
    )*};
}

wire_enums!(
    AuthFlow,
    AuthMech,
    DriverMode,
    OperationType,
    ProxyAuth,
    ResultFormat,
    StatementType,
    VolumeOperationType
);
