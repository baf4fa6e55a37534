//! Every field that was ever seen.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;
use telemetry_export_http::fields::{self, Field};

use crate::text::cut_to_bytes;

/// Paths that the table of fields doesn't have, of which more are counted together.
const MAX_UNKNOWN: usize = 500;

/// Distinct values that are kept of a field; more are counted.
const MAX_VALUES: usize = 40;

/// Bytes of a value, and of a path, that are kept.
const MAX_TEXT: usize = 160;

/// Parts of a record that are looked at.
const MAX_LEAVES: usize = 10_000;

/// What was seen of the fields, by their paths.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    seen: HashMap<String, Seen>,
    /// Fields that came when there were as many as may be.
    beyond: u64,
}

#[derive(Debug, Default)]
struct Seen {
    count: u64,
    /// How often each value was seen.
    values: HashMap<String, u64>,
    /// How often one was that isn't kept.
    others: u64,
}

/// A row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) path: String,
    pub(crate) count: u64,
    /// The values and how often each was seen, the most frequent first.
    pub(crate) values: Vec<(String, u64)>,
    /// How often a value was seen that isn't among them.
    pub(crate) others: u64,
    pub(crate) meaning: String,
    pub(crate) privacy: String,
    pub(crate) when: String,
    pub(crate) cleaned: String,
    pub(crate) rule: String,
    /// Whether the table of fields has it.
    pub(crate) known: bool,
}

impl Fields {
    /// Takes in all that a record has in it.
    pub(crate) fn add(&mut self, record: &Value) {
        let mut path = String::new();
        let mut left = MAX_LEAVES;
        self.walk(&mut path, record, &mut left);
    }

    /// The envelope's own.
    pub(crate) fn add_envelope(&mut self, uploaded: Option<i64>, records: usize) {
        if let Some(uploaded) = uploaded {
            self.count("uploadTime", &uploaded.to_string());
        }
        self.count("items", "[]");
        self.count("protoLogs", &format!("{records} records"));
    }

    fn walk(&mut self, path: &mut String, value: &Value, left: &mut usize) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        match value {
            Value::Object(members) => {
                let before = path.len();
                for (name, value) in members {
                    if before > 0 {
                        path.push('.');
                    }
                    path.push_str(cut_to_bytes(name, MAX_TEXT));
                    self.walk(path, value, left);
                    path.truncate(before);
                }
            }
            Value::String(text) => self.count(path, text),
            other => self.count(path, &other.to_string()),
        }
    }

    fn count(&mut self, path: &str, value: &str) {
        let path = cut_to_bytes(path, MAX_TEXT);
        if !self.seen.contains_key(path) {
            if self.seen.len() >= MAX_UNKNOWN {
                self.beyond += 1;
                return;
            }
            self.seen.insert(path.to_owned(), Seen::default());
        }
        let Some(seen) = self.seen.get_mut(path) else { return };
        seen.count += 1;
        let value = cut_to_bytes(value, MAX_TEXT);
        if let Some(count) = seen.values.get_mut(value) {
            *count += 1;
        } else if seen.values.len() < MAX_VALUES {
            seen.values.insert(value.to_owned(), 1);
        } else {
            seen.others += 1;
        }
    }

    /// How many fields were seen when there were as many as may be.
    pub(crate) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The table: the fields that can be sent, in its order, those that other drivers write, and those that
    /// nobody knows.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let known: Vec<Field> = fields::all().into_iter().chain(fields::never_sent()).collect();
        let mut unknown: BTreeMap<&str, &Seen> =
            self.seen.iter().map(|(path, seen)| (path.as_str(), seen)).collect();
        let mut rows: Vec<Row> = known
            .into_iter()
            .map(|field| Row {
                meaning: field.meaning,
                privacy: field.privacy.to_string(),
                when: field.when.to_string(),
                cleaned: field.cleaning.to_string(),
                rule: field.cleaning.rule().to_owned(),
                known: true,
                ..row(&field.path, unknown.remove(field.path.as_str()))
            })
            .collect();
        rows.extend(unknown.into_iter().map(|(path, seen)| row(path, Some(seen))));
        rows
    }
}

/// A row of a field that nobody knows.
fn row(path: &str, seen: Option<&Seen>) -> Row {
    let mut values: Vec<(String, u64)> = seen
        .into_iter()
        .flat_map(|seen| &seen.values)
        .map(|(value, count)| (value.clone(), *count))
        .collect();
    values.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    Row {
        path: path.to_owned(),
        count: seen.map_or(0, |seen| seen.count),
        values,
        others: seen.map_or(0, |seen| seen.others),
        meaning: "The library doesn't know this field.".to_owned(),
        privacy: "unknown".to_owned(),
        when: String::new(),
        cleaned: String::new(),
        rule: String::new(),
        known: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn find(fields: &Fields, path: &str) -> Option<Row> {
        fields.rows().into_iter().find(|row| row.path == path)
    }

    #[test]
    fn the_table_has_every_field_of_the_library_and_what_was_seen_of_it() {
        let mut fields = Fields::default();
        let record =
            |id: &str| json!({"entry": {"sql_driver_log": {"session_id": id, "operation_latency_ms": 3}}});
        for id in ["a", "b", "b"] {
            fields.add(&record(id));
        }
        let all = fields::all();
        assert!(all.iter().zip(fields.rows()).all(|(field, row)| field.path == row.path && row.known));
        let row = find(&fields, "entry.sql_driver_log.session_id").unwrap();
        assert_eq!((row.count, row.others, row.privacy.as_str()), (3, 0, "pseudonymous"));
        assert_eq!(row.values, [("b".to_owned(), 2), ("a".to_owned(), 1)]);
        assert_eq!(find(&fields, "workspace_id").unwrap().count, 0);
    }

    #[test]
    fn what_nobody_knows_is_listed_too() {
        let mut fields = Fields::default();
        fields.add(&json!({"entry": {"warm": [1, {"b": null}], "<b>": true}, "empty": {}}));
        let row = find(&fields, "entry.warm").unwrap();
        assert!(!row.known && row.privacy == "unknown");
        assert_eq!(row.values[0].0, r#"[1,{"b":null}]"#);
        assert!(find(&fields, "entry.<b>").is_some());
    }

    #[test]
    fn neither_values_nor_paths_grow_without_end() {
        let mut fields = Fields::default();
        for number in 0..2000 {
            fields.add(
                &json!({"workspace_id": number, format!("f{number}{}", "x".repeat(500)): "ü".repeat(500)}),
            );
        }
        let row = find(&fields, "workspace_id").unwrap();
        assert_eq!((row.count, row.values.len(), row.others), (2000, MAX_VALUES, 2000 - MAX_VALUES as u64));
        assert_eq!(fields.seen.len(), MAX_UNKNOWN);
        assert_eq!(fields.beyond(), 2001 - MAX_UNKNOWN as u64);
        let kept = |text: &String| text.len() <= MAX_TEXT;
        assert!(fields.seen.iter().all(|(path, seen)| kept(path) && seen.values.keys().all(kept)));
    }
}
