//! Settings out of a configuration file, in any format of serde's: a map of names, with what
//! [`TelemetryConfig::set`] reads as text, numbers or booleans.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use crate::config::{ConnectionSettings, Mode, TelemetryConfig};
use crate::error::BuildError;

trait Settings: Default {
    fn set(&mut self, name: &str, text: &str) -> Result<(), BuildError>;
}

impl Settings for TelemetryConfig {
    fn set(&mut self, name: &str, text: &str) -> Result<(), BuildError> {
        TelemetryConfig::set(self, name, text)
    }
}

impl Settings for ConnectionSettings {
    fn set(&mut self, name: &str, text: &str) -> Result<(), BuildError> {
        ConnectionSettings::set(self, name, text)
    }
}

impl<'de> Deserialize<'de> for TelemetryConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ByName(PhantomData))
    }
}

impl<'de> Deserialize<'de> for ConnectionSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ByName(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Scalar::deserialize(from)?.0.parse().map_err(D::Error::custom)
    }
}

struct ByName<S>(PhantomData<S>);

impl<'de, S: Settings> Visitor<'de> for ByName<S> {
    type Value = S;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S, A::Error> {
        let mut settings = S::default();
        while let Some((name, value)) = map.next_entry::<String, Scalar>()? {
            settings.set(&name, &value.0).map_err(A::Error::custom)?;
        }
        Ok(settings)
    }
}

/// A value, as text has it.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AsText)
    }
}

struct AsText;

impl Visitor<'_> for AsText {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a whole number or a boolean")
    }

    fn visit_str<E>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar(value.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }
}
