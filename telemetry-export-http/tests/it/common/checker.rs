//! Reads bodies as strictly as the testkit does, and as short as they can be.

use std::collections::BTreeSet;

use serde_json::Value;
use telemetry_testkit::Schema;

/// The records of a body that follows the schema and holds no white space, or what is wrong with it.
pub(crate) fn checked(body: &[u8]) -> Result<Vec<Value>, String> {
    let records = Schema::new().check(body).map_err(|wrong| wrong.join("\n"))?;
    let is_short = |text: &[u8]| {
        serde_json::from_slice::<Value>(text).is_ok_and(|value| value.to_string().len() == text.len())
    };
    let envelope: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let mut logs = envelope["protoLogs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if is_short(body) && logs.all(|log| is_short(log.as_bytes())) {
        Ok(records)
    } else {
        Err("there is white space".to_owned())
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
