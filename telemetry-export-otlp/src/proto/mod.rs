//! The messages of OTLP, as far as they are used here, written by hand: each serves protobuf by its tags and
//! JSON by its names. Fields that are never set are left out.

pub(crate) mod answer;
pub(crate) mod json;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod trace;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value of an attribute, or the body of a log record.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4")]
    pub(crate) value: Option<Value>,
}

/// What an [`AnyValue`] can be.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(int64, tag = "3")]
    Integer(i64),
    #[prost(double, tag = "4")]
    Number(f64),
}

impl Serialize for AnyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.value {
            None => {}
            Some(Value::Text(text)) => map.serialize_entry("stringValue", text)?,
            Some(Value::Flag(flag)) => map.serialize_entry("boolValue", flag)?,
            // Integers of 64 bits are strings, as JavaScript has none.
            Some(Value::Integer(integer)) => map.serialize_entry("intValue", &json::Text(integer))?,
            Some(Value::Number(number)) => map.serialize_entry("doubleValue", number)?,
        }
        map.end()
    }
}

impl From<Value> for AnyValue {
    fn from(value: Value) -> Self {
        AnyValue { value: Some(value) }
    }
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<AnyValue>,
}

/// Who speaks: the program that links the driver.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub(crate) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(crate) attributes: Vec<KeyValue>,
}

/// What measured: the driver.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub(crate) struct InstrumentationScope {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
}
