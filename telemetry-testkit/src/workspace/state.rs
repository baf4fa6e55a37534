//! What a workspace remembers, and how it is set.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::answer::Received;
use super::behaviour::Plan;
use super::envelope;
use super::form;
use super::oauth::Issuer;
use super::strict::Strict;

/// Flags, by name.
#[derive(Debug, Default)]
pub(crate) struct Flags(pub(crate) Vec<(String, String)>);

impl Flags {
    pub(crate) fn set(&mut self, name: &str, on: bool) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), on.to_string()));
    }
}

pub(crate) struct State {
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    pub(crate) flags: Flags,
    /// Of workspaces that have flags of their own.
    pub(crate) workspace_flags: HashMap<i64, Flags>,
    pub(crate) ttl: Option<u64>,
    /// The tokens that authorise, beside those that are issued; any, where there is neither.
    pub(crate) tokens: Option<Vec<String>>,
    pub(crate) issuer: Option<Issuer>,
    pub(crate) on_flags: Plan,
    pub(crate) on_telemetry: Plan,
    pub(crate) received: Vec<Received>,
    pub(crate) records: Vec<Value>,
    /// What a strict one goes by.
    pub(crate) strict: Option<Strict>,
    pub(crate) violations: Vec<String>,
    pub(crate) connections: usize,
    /// Whether nothing is remembered of what was received.
    pub(crate) forgets: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            scheme: "http",
            flags: Flags::default(),
            workspace_flags: HashMap::new(),
            ttl: Some(900),
            tokens: None,
            issuer: None,
            on_flags: Plan::default(),
            on_telemetry: Plan::default(),
            received: Vec::new(),
            records: Vec::new(),
            strict: None,
            violations: Vec::new(),
            connections: 0,
            forgets: false,
        }
    }
}

impl State {
    pub(crate) fn authorises(&self, request: &Received) -> bool {
        let Some(header) = request.headers.get("authorization") else { return false };
        if self.tokens.is_none() && self.issuer.is_none() {
            return true;
        }
        let issued = self.issuer.iter().flat_map(Issuer::tokens);
        let mut known = self.tokens.iter().flatten().chain(issued);
        header.strip_prefix("Bearer ").is_some_and(|token| known.any(|known| known == token))
    }

    pub(crate) fn expire_tokens(&mut self) {
        if let Some(issuer) = &mut self.issuer {
            issuer.expire();
        }
    }

    /// What a strict workspace refuses a request with telemetry for, which it then remembers.
    pub(crate) fn judge(&mut self, authenticated: bool, body: &[u8]) -> Option<String> {
        let wrong = self.strict.as_mut()?.judge(authenticated, body);
        let reason = (!wrong.is_empty()).then(|| wrong.join("; "));
        if !self.forgets {
            self.violations.extend(wrong);
        }
        reason
    }

    /// Takes in records, which can be read.
    pub(crate) fn accept(&mut self, records: &[String]) {
        if self.forgets && self.strict.is_none() {
            return;
        }
        let mut records: Vec<_> = records.iter().filter_map(|text| envelope::record(text).ok()).collect();
        if let Some(strict) = &mut self.strict {
            strict.accept(&records);
        }
        if !self.forgets {
            self.records.append(&mut records);
        }
    }

    pub(crate) fn remember(&mut self, request: &Received) {
        if !self.forgets {
            self.received.push(request.clone());
        }
    }

    pub(crate) fn flags_answer(&self, request: &Received) -> Value {
        let workspace = request
            .headers
            .get("x-databricks-org-id")
            .map(str::to_owned)
            .or_else(|| form::member(request.path.split_once('?')?.1, "o"));
        let own = workspace.and_then(|id| self.workspace_flags.get(&id.parse().ok()?));
        let Flags(flags) = own.unwrap_or(&self.flags);
        let flags: Vec<Value> =
            flags.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        match self.ttl {
            Some(ttl) => json!({"flags": flags, "ttl_seconds": ttl}),
            None => json!({"flags": flags}),
        }
    }
}
