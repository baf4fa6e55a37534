//! What a workspace remembers, and how it is set.

use serde_json::{Value, json};

use super::answer::Received;
use super::behaviour::Plan;
use super::strict::Strict;

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
    /// What a strict one goes by.
    pub(crate) strict: Option<Strict>,
    pub(crate) violations: Vec<String>,
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
            strict: None,
            violations: Vec::new(),
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

    /// What a strict workspace refuses a request with telemetry for, which it then remembers.
    pub(crate) fn judge(&mut self, authenticated: bool, body: &[u8]) -> Option<String> {
        let wrong = self.strict.as_mut()?.judge(authenticated, body);
        let reason = (!wrong.is_empty()).then(|| wrong.join("; "));
        self.violations.extend(wrong);
        reason
    }

    pub(crate) fn accept(&mut self, mut records: Vec<Value>) {
        if let Some(strict) = &mut self.strict {
            strict.accept(&records);
        }
        self.records.append(&mut records);
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
