//! What a workspace remembers, and how it is set.

use serde_json::{Value, json};

use super::answer::Received;
use super::behaviour::Plan;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) flags: Vec<(String, String)>,
    pub(crate) ttl: Option<u64>,
    /// The tokens that authorise; any, where there is no list.
    pub(crate) tokens: Option<Vec<String>>,
    pub(crate) on_flags: Plan,
    pub(crate) on_telemetry: Plan,
    pub(crate) received: Vec<Received>,
    pub(crate) records: Vec<Value>,
    pub(crate) connections: usize,
}

impl Default for State {
    fn default() -> Self {
        State {
            flags: Vec::new(),
            ttl: Some(900),
            tokens: None,
            on_flags: Plan::default(),
            on_telemetry: Plan::default(),
            received: Vec::new(),
            records: Vec::new(),
            connections: 0,
        }
    }
}

impl State {
    pub(crate) fn set_flag(&mut self, name: &str, on: bool) {
        self.flags.retain(|(known, _)| known != name);
        self.flags.push((name.to_owned(), on.to_string()));
    }

    pub(crate) fn authorises(&self, request: &Received) -> bool {
        let Some(header) = request.headers.get("authorization") else { return false };
        self.tokens.as_ref().is_none_or(|tokens| {
            header.strip_prefix("Bearer ").is_some_and(|token| tokens.iter().any(|t| t == token))
        })
    }

    pub(crate) fn flags_answer(&self) -> Value {
        let flags: Vec<Value> =
            self.flags.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        match self.ttl {
            Some(ttl) => json!({"flags": flags, "ttl_seconds": ttl}),
            None => json!({"flags": flags}),
        }
    }
}
