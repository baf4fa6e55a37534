//! A strict reader of bodies: it takes what the schema has, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The schema of the inner record, as it is given.
#[derive(Deserialize)]
pub(crate) struct Schema {
    root: String,
    messages: BTreeMap<String, Vec<Field>>,
    enums: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    r#type: String,
}

type Checked<T = ()> = Result<T, String>;

fn wrong<T>(at: &str, why: &str) -> Checked<T> {
    Err(format!("{at}: {why}"))
}

/// JSON of one object, written without white space and with no field twice.
fn strictly_parsed(at: &str, text: &str) -> Checked<Map<String, Value>> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("{at}: {error}"))?;
    // What was read is written as short as can be; a field that was there twice would make it shorter than it
    // came.
    if value.to_string().len() != text.len() {
        return wrong(at, "a field is there twice, or there is white space");
    }
    match value {
        Value::Object(object) => Ok(object),
        _ => wrong(at, "no object"),
    }
}

fn exactly(at: &str, object: &Map<String, Value>, required: &[&str], optional: &[&str]) -> Checked {
    let keys: Vec<_> = object.keys().map(String::as_str).collect();
    match (
        keys.iter().find(|key| !required.contains(key) && !optional.contains(key)),
        required.iter().find(|key| !keys.contains(key)),
    ) {
        (Some(unknown), _) => wrong(at, &format!("unknown {unknown}")),
        (_, Some(missing)) => wrong(at, &format!("no {missing}")),
        _ => Ok(()),
    }
}

/// The object in a field, which holds these fields and no others.
fn object<'a>(of: &'a Map<String, Value>, name: &str, required: &[&str]) -> Checked<&'a Map<String, Value>> {
    let Some(object) = of.get(name).and_then(Value::as_object) else { return wrong(name, "no object") };
    exactly(name, object, required, &[]).map(|()| object)
}

impl Schema {
    pub(crate) fn read() -> Self {
        serde_json::from_str(include_str!("../../../fixtures/schema.json")).unwrap()
    }

    /// The records of a body, or the first thing that is wrong with it.
    pub(crate) fn check(&self, body: &[u8]) -> Checked<Vec<Value>> {
        let body = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        let body = strictly_parsed("the body", body)?;
        exactly("the body", &body, &["uploadTime", "items", "protoLogs"], &[])?;
        self.check_value("uploadTime", "int64", &body["uploadTime"])?;
        if body["items"] != json!([]) {
            return wrong("items", "no empty array");
        }
        let Some(logs) = body["protoLogs"].as_array() else { return wrong("protoLogs", "no array") };
        logs.iter().map(|log| self.check_record(log.as_str().unwrap_or_default())).collect()
    }

    /// One record, as text.
    pub(crate) fn check_record(&self, text: &str) -> Checked<Value> {
        let record = strictly_parsed("a record", text)?;
        exactly("a record", &record, &["frontend_log_event_id", "context", "entry"], &["workspace_id"])?;
        if let Some(id) = record.get("workspace_id") {
            self.check_value("workspace_id", "int64", id)?;
        }
        let id = record["frontend_log_event_id"].as_str().unwrap_or_default();
        let is_uuid = |(place, byte): (usize, u8)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        };
        if id.len() != 36 || !id.bytes().enumerate().all(is_uuid) {
            return wrong("frontend_log_event_id", "no UUID");
        }
        let context = object(&record, "context", &["client_context"])?;
        let client = object(context, "client_context", &["timestamp_millis", "user_agent"])?;
        self.check_value("timestamp_millis", "int64", &client["timestamp_millis"])?;
        self.check_value("user_agent", "string", &client["user_agent"])?;
        let entry = object(&record, "entry", &["sql_driver_log"])?;
        self.check_log(&entry["sql_driver_log"])?;
        Ok(Value::Object(record))
    }

    /// One inner record.
    pub(crate) fn check_log(&self, log: &Value) -> Checked {
        self.check_value("sql_driver_log", &self.root, log)
    }

    fn check_value(&self, at: &str, r#type: &str, value: &Value) -> Checked {
        let fits = match r#type {
            "string" => value.is_string(),
            "bool" => value.is_boolean(),
            "int64" => value.is_i64(),
            "int32" => value.as_i64().is_some_and(|value| i32::try_from(value).is_ok()),
            "[]string" => value.as_array().is_some_and(|values| values.iter().all(Value::is_string)),
            other => match (self.messages.get(other), self.enums.get(other)) {
                (Some(fields), _) => return self.check_message(at, fields, value),
                (_, Some(names)) => value.as_str().is_some_and(|name| names.contains(name)),
                _ => panic!("the schema has no {other}"),
            },
        };
        if fits { Ok(()) } else { wrong(at, &format!("no {type}", type = r#type)) }
    }

    fn check_message(&self, at: &str, fields: &[Field], value: &Value) -> Checked {
        let Some(object) = value.as_object() else { return wrong(at, "no object") };
        for (name, value) in object {
            let Some(field) = fields.iter().find(|field| field.name == *name) else {
                return wrong(at, &format!("unknown {name}"));
            };
            self.check_value(name, &field.r#type, value)?;
        }
        Ok(())
    }

    /// An inner record in which every field of the schema is.
    pub(crate) fn whole_log(&self) -> Value {
        self.example(&self.root)
    }

    fn example(&self, r#type: &str) -> Value {
        match r#type {
            "string" => json!("text"),
            "bool" => json!(false),
            "int64" | "int32" => json!(0),
            "[]string" => json!(["text"]),
            other => match self.messages.get(other) {
                Some(fields) => {
                    fields.iter().map(|field| (field.name.clone(), self.example(&field.r#type))).collect()
                }
                None => self.enums[other].last().unwrap().as_str().into(),
            },
        }
    }
}

/// Paths to all values in this one, itself included, as JSON pointers.
pub(crate) fn pointers(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::from([String::new()]);
    if let Some(object) = value.as_object() {
        for (name, value) in object {
            found.extend(pointers(value).into_iter().map(|rest| format!("/{name}{rest}")));
        }
    }
    found
}
