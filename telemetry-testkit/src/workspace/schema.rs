//! The schema of what is sent, and the strict reader of bodies that goes by it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// The schema of telemetry: a strict reader, which takes what the schema has and nothing else.
///
/// It refuses an unknown member in any object, one that is there twice, one that is missing around the inner
/// record (within it all are optional), and a value of another type than the schema's, `null` among them. A
/// [`FakeWorkspace`](crate::FakeWorkspace) that is [strict](crate::FakeWorkspaceBuilder::strict) goes by it;
/// tests of an encoder can without one.
///
/// ```
/// let schema = telemetry_testkit::Schema::new();
/// let refused = schema.check(br#"{"uploadTime":1,"items":[],"protoLogs":["{}"]}"#);
/// assert_eq!(refused, Err(vec!["protoLogs[0]: no frontend_log_event_id".to_owned()]));
/// ```
#[derive(Clone, Debug)]
pub struct Schema(Value);

type Checked<T = ()> = Result<T, String>;

fn wrong<T>(at: &str, why: &str) -> Checked<T> {
    Err(format!("{at}: {why}"))
}

/// JSON of one object in which nothing is there twice.
fn parsed(at: &str, text: &[u8]) -> Checked<Map<String, Value>> {
    match serde_json::from_slice(text) {
        Ok(Unrepeated(Value::Object(object))) => Ok(object),
        Ok(_) => wrong(at, "no object"),
        Err(error) => wrong(at, &error.to_string()),
    }
}

fn exactly(at: &str, object: &Map<String, Value>, required: &[&str], optional: &[&str]) -> Checked {
    let is_known = |name: &str| required.contains(&name) || optional.contains(&name);
    match (
        object.keys().find(|name| !is_known(name)),
        required.iter().find(|name| !object.contains_key(**name)),
    ) {
        (Some(unknown), _) => wrong(at, &format!("unknown {unknown}")),
        (_, Some(missing)) => wrong(at, &format!("no {missing}")),
        _ => Ok(()),
    }
}

/// The object in a member, which holds these members and no others.
fn object<'a>(at: &str, value: &'a Value, required: &[&str]) -> Checked<&'a Map<String, Value>> {
    let Some(object) = value.as_object() else { return wrong(at, "no object") };
    exactly(at, object, required, &[]).map(|()| object)
}

fn is_uuid(id: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
    };
    id.len() == 36 && id.bytes().enumerate().all(fits)
}

impl Schema {
    /// The one that all drivers share.
    pub fn new() -> Self {
        Schema(serde_json::from_str(include_str!("schema.json")).unwrap())
    }

    /// The records of a body.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with its envelope, and the first with each record.
    pub fn check(&self, body: &[u8]) -> Result<Vec<Value>, Vec<String>> {
        let (records, wrong) = self.read(body);
        if wrong.is_empty() { Ok(records) } else { Err(wrong) }
    }

    /// Its good records, and what is wrong with the others and with the envelope.
    pub(crate) fn read(&self, body: &[u8]) -> (Vec<Value>, Vec<String>) {
        let body = match parsed("the body", body) {
            Ok(body) => body,
            Err(wrong) => return (Vec::new(), vec![wrong]),
        };
        let (mut records, mut wrong) = (Vec::new(), Vec::from_iter(self.check_envelope(&body).err()));
        for (index, log) in body.get("protoLogs").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let at = format!("protoLogs[{index}]");
            // What isn't text isn't a record either.
            match self.check_record_at(&at, log.as_str().unwrap_or_default()) {
                Ok(record) => records.push(record),
                Err(why) => wrong.push(why),
            }
        }
        (records, wrong)
    }

    fn check_envelope(&self, body: &Map<String, Value>) -> Checked {
        exactly("the body", body, &["uploadTime", "items", "protoLogs"], &[])?;
        self.check_value("uploadTime", "int64", &body["uploadTime"])?;
        if body["items"] != json!([]) {
            return wrong("items", "no empty array");
        }
        if body["protoLogs"].is_array() { Ok(()) } else { wrong("protoLogs", "no array") }
    }

    /// One record, as text.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn check_record(&self, text: &str) -> Result<Value, String> {
        self.check_record_at("the record", text)
    }

    fn check_record_at(&self, at: &str, text: &str) -> Checked<Value> {
        let record = parsed(at, text.as_bytes())?;
        exactly(at, &record, &["frontend_log_event_id", "context", "entry"], &["workspace_id"])?;
        let at = |name: &str| format!("{at}.{name}");
        if let Some(id) = record.get("workspace_id") {
            self.check_value(&at("workspace_id"), "int64", id)?;
        }
        if !record["frontend_log_event_id"].as_str().is_some_and(is_uuid) {
            return wrong(&at("frontend_log_event_id"), "no UUID in lower case");
        }
        let context = object(&at("context"), &record["context"], &["client_context"])?;
        let inside = at("context.client_context");
        let client = object(&inside, &context["client_context"], &["timestamp_millis", "user_agent"])?;
        self.check_value(&format!("{inside}.timestamp_millis"), "int64", &client["timestamp_millis"])?;
        self.check_value(&format!("{inside}.user_agent"), "string", &client["user_agent"])?;
        let entry = object(&at("entry"), &record["entry"], &["sql_driver_log"])?;
        self.check_value(&at("entry.sql_driver_log"), self.root(), &entry["sql_driver_log"])?;
        Ok(Value::Object(record))
    }

    /// One inner record, `entry.sql_driver_log`.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn check_log(&self, log: &Value) -> Result<(), String> {
        self.check_value("sql_driver_log", self.root(), log)
    }

    fn check_value(&self, at: &str, r#type: &str, value: &Value) -> Checked {
        let fits = match r#type {
            "string" => value.is_string(),
            "bool" => value.is_boolean(),
            "int64" => value.is_i64(),
            "int32" => value.as_i64().is_some_and(|value| i32::try_from(value).is_ok()),
            "[]string" => value.as_array().is_some_and(|values| values.iter().all(Value::is_string)),
            other => match (self.fields(other), self.0["enums"][other].as_array()) {
                (Some(fields), _) => return self.check_message(at, fields, value),
                (_, Some(names)) => value.is_string() && names.contains(value),
                _ => panic!("the schema has no {other}"),
            },
        };
        if fits { Ok(()) } else { wrong(at, &format!("no {type}", type = r#type)) }
    }

    fn check_message(&self, at: &str, fields: &[Value], value: &Value) -> Checked {
        let Some(object) = value.as_object() else { return wrong(at, "no object") };
        for (name, value) in object {
            let Some(field) = fields.iter().find(|field| field["name"] == name.as_str()) else {
                return wrong(at, &format!("unknown {name}"));
            };
            self.check_value(&format!("{at}.{name}"), type_of(field), value)?;
        }
        Ok(())
    }

    /// A record in which every field of the schema is, with a value that says nothing.
    pub fn whole_record(&self) -> Value {
        json!({
            "workspace_id": 1,
            "frontend_log_event_id": "01234567-89ab-cdef-0123-456789abcdef",
            "context": {"client_context": {"timestamp_millis": 0, "user_agent": ""}},
            "entry": {"sql_driver_log": self.example(self.root())},
        })
    }

    fn example(&self, r#type: &str) -> Value {
        match r#type {
            "string" => json!("text"),
            "bool" => json!(false),
            "int64" | "int32" => json!(0),
            "[]string" => json!(["text"]),
            other => match self.fields(other) {
                Some(fields) => fields
                    .iter()
                    .map(|field| (name_of(field).to_owned(), self.example(type_of(field))))
                    .collect(),
                None => self.0["enums"][other].as_array().and_then(|names| names.last()).unwrap().clone(),
            },
        }
    }

    fn root(&self) -> &str {
        self.0["root"].as_str().unwrap()
    }

    fn fields(&self, message: &str) -> Option<&Vec<Value>> {
        self.0["messages"][message].as_array()
    }
}

impl Default for Schema {
    fn default() -> Self {
        Schema::new()
    }
}

fn name_of(field: &Value) -> &str {
    field["name"].as_str().unwrap()
}

fn type_of(field: &Value) -> &str {
    field["type"].as_str().unwrap()
}

/// Any JSON in which no member of an object is there twice.
struct Unrepeated(Value);

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue).map(Unrepeated)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        while let Some(Unrepeated(value)) = values.next_element()? {
            found.push(value);
        }
        Ok(found.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some((name, Unrepeated(value))) = members.next_entry::<String, _>()? {
            if found.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{name} is there twice")));
            }
            found.insert(name, value);
        }
        Ok(found.into())
    }
}
