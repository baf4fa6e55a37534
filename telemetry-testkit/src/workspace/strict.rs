//! What a strict workspace refuses: bodies that the schema doesn't have, and events whose ids don't hold.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::schema::Schema;

/// What it knows of the events so far.
#[derive(Debug, Default)]
pub(crate) struct Strict {
    schema: Schema,
    events: HashMap<String, Event>,
    /// By what they say, the ids of the events that can be told from one another by it.
    ids: HashMap<Said, String>,
}

/// What a record says but for its id, and whether under an authorization: without one it says less.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Said {
    authenticated: bool,
    content: String,
}

#[derive(Debug)]
struct Event {
    said: Said,
    is_accepted: bool,
}

impl Strict {
    /// What is wrong with a body; nothing, if nothing is. Its events have been sent then, whatever comes of
    /// them.
    pub(crate) fn judge(&mut self, authenticated: bool, body: &[u8]) -> Vec<String> {
        let (records, mut wrong) = self.schema.read(body);
        let ids: HashSet<_> = records.iter().map(id).collect();
        if ids.len() < records.len() {
            wrong.push("an event id is there twice".to_owned());
        }
        for record in &records {
            let (id, said) = (id(record), Said::of(record, authenticated));
            if let Some(why) = self.refuses(id, &said, &ids) {
                wrong.push(why);
            }
            if is_one_of_a_kind(record) {
                self.ids.insert(said.clone(), id.to_owned());
            }
            if let Entry::Vacant(event) = self.events.entry(id.to_owned()) {
                event.insert(Event { said, is_accepted: false });
            }
        }
        wrong
    }

    fn refuses(&self, id: &str, said: &Said, beside: &HashSet<&str>) -> Option<String> {
        match self.events.get(id) {
            Some(event) if event.is_accepted => Some(format!("event {id} has been accepted before")),
            Some(event) if event.said.authenticated == said.authenticated && event.said != *said => {
                Some(format!("event {id} said something else before"))
            }
            Some(_) => None,
            None => {
                let before = self.ids.get(said).filter(|before| !beside.contains(before.as_str()))?;
                let is_open = self.events.get(before).is_some_and(|event| !event.is_accepted);
                is_open.then(|| format!("event {id} had the id {before} in an attempt that failed"))
            }
        }
    }

    /// These have been accepted.
    pub(crate) fn accept(&mut self, records: &[Value]) {
        for record in records {
            if let Some(event) = self.events.get_mut(id(record)) {
                event.is_accepted = true;
            }
        }
    }
}

impl Said {
    fn of(record: &Value, authenticated: bool) -> Self {
        let mut content = record.clone();
        content["frontend_log_event_id"] = Value::Null;
        Said { authenticated, content: content.to_string() }
    }
}

fn id(record: &Value) -> &str {
    record["frontend_log_event_id"].as_str().unwrap_or_default()
}

/// Whether no other event says the same: one of a statement or a session. Of others, two in one millisecond
/// may.
fn is_one_of_a_kind(record: &Value) -> bool {
    let log = &record["entry"]["sql_driver_log"];
    log.get("sql_statement_id").or(log.get("session_id")).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const IDS: [&str; 3] = [
        "00000000-0000-4000-8000-000000000001",
        "00000000-0000-4000-8000-000000000002",
        "00000000-0000-4000-8000-000000000003",
    ];

    /// An event of a statement.
    fn event(id: &str, statement: &str) -> Value {
        let mut event = Schema::new().whole_record();
        event["frontend_log_event_id"] = json!(id);
        event["entry"]["sql_driver_log"]["sql_statement_id"] = json!(statement);
        event
    }

    fn body(records: &[Value]) -> Vec<u8> {
        let logs: Vec<_> = records.iter().map(Value::to_string).collect();
        json!({"uploadTime": 1, "items": [], "protoLogs": logs}).to_string().into_bytes()
    }

    fn fine() -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn an_event_may_come_again_until_it_is_accepted() {
        let (mut strict, events) = (Strict::default(), [event(IDS[0], "a"), event(IDS[1], "b")]);
        assert_eq!(strict.judge(true, &body(&events)), fine());
        assert_eq!(strict.judge(true, &body(&events)), fine());
        strict.accept(&events[..1]);
        let wrong = strict.judge(true, &body(&events));
        assert_eq!(wrong, [format!("event {} has been accepted before", IDS[0])]);
        assert_eq!(strict.judge(true, &body(&events[1..])), fine());
    }

    #[test]
    fn an_id_is_of_one_event_in_a_body_too() {
        let mut strict = Strict::default();
        let wrong = strict.judge(true, &body(&[event(IDS[0], "a"), event(IDS[0], "a")]));
        assert_eq!(wrong, ["an event id is there twice"]);
    }

    #[test]
    fn an_event_says_the_same_in_every_attempt() {
        let mut strict = Strict::default();
        assert_eq!(strict.judge(true, &body(&[event(IDS[0], "a")])), fine());
        let wrong = strict.judge(true, &body(&[event(IDS[0], "b")]));
        assert_eq!(wrong, [format!("event {} said something else before", IDS[0])]);
        // Without an authorization it says less.
        assert_eq!(strict.judge(false, &body(&[event(IDS[0], "b")])), fine());
    }

    #[test]
    fn an_event_keeps_its_id_in_every_attempt() {
        let mut strict = Strict::default();
        assert_eq!(strict.judge(true, &body(&[event(IDS[0], "a")])), fine());
        let wrong = strict.judge(true, &body(&[event(IDS[1], "a")]));
        assert_eq!(wrong, [format!("event {} had the id {} in an attempt that failed", IDS[1], IDS[0])]);
    }

    #[test]
    fn an_event_of_a_session_alone_does_too() {
        let mut strict = Strict::default();
        let of_session = |id| {
            let mut event = event(id, "a");
            event["entry"]["sql_driver_log"] = json!({"session_id": "s"});
            event
        };
        assert_eq!(strict.judge(true, &body(&[of_session(IDS[0])])), fine());
        assert_eq!(strict.judge(true, &body(&[of_session(IDS[1])])).len(), 1);
    }

    #[test]
    fn two_events_that_say_the_same_are_two_where_they_are_side_by_side_or_the_first_was_accepted() {
        let (mut strict, twins) = (Strict::default(), [event(IDS[0], "a"), event(IDS[1], "a")]);
        assert_eq!(strict.judge(true, &body(&twins)), fine());
        let (mut strict, third) = (Strict::default(), event(IDS[2], "a"));
        assert_eq!(strict.judge(true, &body(&twins[..1])), fine());
        strict.accept(&twins[..1]);
        assert_eq!(strict.judge(true, &body(&[third])), fine());
    }

    #[test]
    fn events_of_no_statement_and_no_session_are_not_told_apart() {
        let mut strict = Strict::default();
        let of_nothing = |id| {
            let mut event = event(id, "a");
            event["entry"]["sql_driver_log"] = json!({"operation_latency_ms": 0});
            event
        };
        assert_eq!(strict.judge(false, &body(&[of_nothing(IDS[0])])), fine());
        assert_eq!(strict.judge(false, &body(&[of_nothing(IDS[1])])), fine());
    }
}
