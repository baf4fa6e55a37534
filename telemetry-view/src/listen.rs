//! A workspace's endpoints for telemetry and flags, on this machine, and what can be tried with them.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use telemetry_testkit::{Behaviour, FakeWorkspace, FakeWorkspaceBuilder, Received};

use crate::arrival::{Answer, Arrival, Books, now};
use crate::intake::{Item, Queue};
use crate::tee::Tee;
use crate::text::name_of_host;

/// Bytes of a body. What shipped drivers send is a fraction of that.
pub(crate) const MAX_BODY: usize = 4 * 1024 * 1024;

/// Connections at a time; others wait.
const MAX_CONNECTIONS: usize = 64;

/// How long a client may take for a request's head, and for its body.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a request may take until its client has the answer, also one that hangs: longer than drivers
/// wait for an answer, and than a tee does.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Flags that are offered at first: those of shipped drivers whose names are known, and the example's.
pub(crate) const FLAGS: [&str; 3] = [
    "databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForNodeJs",
    "databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForPythonDriver",
    "databricks.partnerplatform.clientConfigsFeatureFlags.enableTelemetryForExampleDriver",
];

/// Flags that there may be, and letters of a name.
const MAX_FLAGS: usize = 50;
const MAX_FLAG_NAME: usize = 200;

/// The path at which a driver may leave its books.
const BOOKS: &str = "/books";

/// How it listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) port: u16,
    /// Speaks HTTPS, and writes the certificate that clients are to trust there.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) flags: Vec<String>,
    /// Names of this machine, beside its loopback addresses and `localhost`.
    pub(crate) hosts: Vec<String>,
}

/// The endpoints.
pub(crate) struct Listener {
    workspace: FakeWorkspace,
    switches: Mutex<Switches>,
}

/// What telemetry is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Telemetry {
    #[default]
    Works,
    Unavailable,
    TooMany,
    Hangs,
    /// Only the first records of each request are accepted.
    Partial,
    /// The connection is reset.
    Resets,
}

/// What a question for flags is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FlagAnswer {
    #[default]
    Works,
    Unavailable,
    Hangs,
}

/// All that can be switched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Switches {
    pub(crate) telemetry: Telemetry,
    /// Seconds, of the `Retry-After` of [`Telemetry::TooMany`].
    pub(crate) retry_after: u32,
    /// Records of each request, with [`Telemetry::Partial`].
    pub(crate) accepted: u32,
    pub(crate) flag_answer: FlagAnswer,
    /// Seconds, of how long an answer about flags holds.
    pub(crate) flag_ttl: u32,
    pub(crate) flags: BTreeMap<String, bool>,
}

/// A change of some of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    telemetry: Option<Telemetry>,
    retry_after: Option<u32>,
    accepted: Option<u32>,
    flag_answer: Option<FlagAnswer>,
    flag_ttl: Option<u32>,
    flags: BTreeMap<String, bool>,
}

impl Switches {
    /// Changes it, or says why it can't be.
    fn apply(&mut self, change: Change) -> Result<(), &'static str> {
        let Change { telemetry, retry_after, accepted, flag_answer, flag_ttl, flags } = change;
        let is_name = |name: &String| {
            let visible = name.bytes().all(|byte| byte.is_ascii_graphic());
            !name.is_empty() && name.len() <= MAX_FLAG_NAME && visible
        };
        if !flags.keys().all(is_name) {
            return Err("a flag's name is 1 to 200 visible letters of ASCII");
        }
        let more = flags.keys().filter(|name| !self.flags.contains_key(*name)).count();
        if self.flags.len() + more > MAX_FLAGS {
            return Err("there are as many flags as may be");
        }
        self.flags.extend(flags);
        self.telemetry = telemetry.unwrap_or(self.telemetry);
        self.retry_after = retry_after.unwrap_or(self.retry_after);
        self.accepted = accepted.unwrap_or(self.accepted);
        self.flag_answer = flag_answer.unwrap_or(self.flag_answer);
        self.flag_ttl = flag_ttl.unwrap_or(self.flag_ttl);
        Ok(())
    }

    fn on_telemetry(&self) -> Behaviour {
        match self.telemetry {
            Telemetry::Works => Behaviour::Normal,
            Telemetry::Unavailable => Behaviour::Status(503),
            Telemetry::TooMany => Behaviour::RetryAfter { status: 429, value: self.retry_after.to_string() },
            Telemetry::Hangs => Behaviour::Hang,
            Telemetry::Partial => {
                Behaviour::PartiallyAccept(usize::try_from(self.accepted).unwrap_or(usize::MAX))
            }
            Telemetry::Resets => Behaviour::Reset,
        }
    }

    fn on_flags(&self) -> Behaviour {
        match self.flag_answer {
            FlagAnswer::Works => Behaviour::Normal,
            FlagAnswer::Unavailable => Behaviour::Status(503),
            FlagAnswer::Hangs => Behaviour::Hang,
        }
    }
}

impl Listener {
    /// Listens, and offers what comes to `queue`.
    ///
    /// # Errors
    ///
    /// When the port can't be bound, or the certificate's file not be written.
    pub(crate) fn start(settings: &Settings, tee: Option<Tee>, queue: Arc<Queue>) -> io::Result<Listener> {
        let other_hosts = Arc::clone(&queue);
        let observer = move |request: &Received, status: Option<u16>| queue.offer(item(request, status));
        let mut builder = FakeWorkspace::builder()
            .port(settings.port)
            .max_body(MAX_BODY)
            .max_connections(MAX_CONNECTIONS)
            .patience(PATIENCE)
            .request_timeout(REQUEST_TIMEOUT)
            .refuse_pages()
            .on_other_host(move |host| {
                other_hosts.offer(Item::OtherHost(name_of_host(host).map(str::to_owned)));
            })
            .observer(observer);
        builder = match tee.map(Arc::new) {
            Some(tee) => {
                let all_else = Arc::clone(&tee);
                builder.pass_on(move |request| tee.answer(request)).route(move |request| {
                    let is_books = request.path == BOOKS;
                    (!is_books).then(|| all_else.answer(request))
                })
            }
            None => builder,
        };
        builder = builder.route(|request| (request.path == BOOKS).then(|| books_answer(request)));
        builder = settings.hosts.iter().fold(builder, FakeWorkspaceBuilder::allow_host);
        if let Some(file) = &settings.ca_file {
            let names: Vec<_> = settings.hosts.iter().map(String::as_str).collect();
            builder = builder.tls(&names).ca_file(file);
        }
        let names = FLAGS.iter().map(|name| (*name).to_owned()).chain(settings.flags.iter().cloned());
        let switches = Switches {
            retry_after: 60,
            accepted: 1,
            flag_ttl: 900,
            flags: names.map(|name| (name, true)).collect(),
            ..Switches::default()
        };
        let listener = Listener { workspace: builder.try_start()?, switches: Mutex::new(switches) };
        listener.set(&listener.lock());
        Ok(listener)
    }

    pub(crate) fn url(&self) -> String {
        self.workspace.url()
    }

    pub(crate) fn port(&self) -> u16 {
        self.workspace.port()
    }

    pub(crate) fn switches(&self) -> Switches {
        self.lock().clone()
    }

    /// Changes what is answered, from now on.
    ///
    /// # Errors
    ///
    /// Why it can't be changed so; nothing is then.
    pub(crate) fn change(&self, change: Change) -> Result<Switches, &'static str> {
        let mut switches = self.lock();
        switches.apply(change)?;
        self.set(&switches);
        Ok(switches.clone())
    }

    fn set(&self, switches: &Switches) {
        self.workspace.on_telemetry(switches.on_telemetry());
        self.workspace.on_flags(switches.on_flags());
        self.workspace.set_ttl(Some(switches.flag_ttl.into()));
        let flags = switches.flags.iter().map(|(name, on)| (name.clone(), on.to_string()));
        self.workspace.set_flags(flags.collect());
    }

    fn lock(&self) -> MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn books_of(request: &Received) -> Option<Books> {
    serde_json::from_slice(&request.body).ok().filter(|_| request.method == "POST")
}

fn books_answer(request: &Received) -> telemetry_testkit::Answer {
    telemetry_testkit::Answer::new(if books_of(request).is_some() { 204 } else { 400 }, "")
}

/// What a request is shown as. Of those that are neither telemetry nor for flags nothing is kept, as they may
/// hold anything.
fn item(request: &Received, status: Option<u16>) -> Item {
    if request.path == BOOKS {
        return books_of(request).map_or(Item::Other, Item::Books);
    }
    if !request.is_telemetry() && !request.is_for_flags() {
        return Item::Other;
    }
    Item::Request(Arrival {
        at: Some(now()),
        method: request.method.clone(),
        host: request.headers.get("host").unwrap_or_default().to_owned(),
        path: request.path.clone(),
        authenticated: Some(request.headers.get("authorization").is_some()),
        body: request.body.clone(),
        answer: status.map_or(Answer::Nothing, Answer::Status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_changed_one_by_one_and_nonsense_changes_nothing() {
        let mut switches = Switches::default();
        let change = |text: &str| serde_json::from_str::<Change>(text);
        switches.apply(change(r#"{"telemetry":"too-many","retry_after":7}"#).unwrap()).unwrap();
        switches.apply(change(r#"{"flags":{"a.b":true}}"#).unwrap()).unwrap();
        assert!(
            matches!(switches.on_telemetry(), Behaviour::RetryAfter { status: 429, value } if value == "7")
        );
        let before = switches.clone();
        for wrong in [
            r#"{"flags":{"":true}}"#,
            r#"{"flags":{"a b":true}}"#,
            r#"{"telemetry":"hangs","flags":{"ü":true}}"#,
        ] {
            assert!(switches.apply(change(wrong).unwrap()).is_err());
        }
        let many = (0..MAX_FLAGS).map(|number| (format!("f{number}"), true)).collect();
        assert!(switches.apply(Change { flags: many, ..Change::default() }).is_err());
        assert_eq!(switches, before);
        for wrong in [r#"{"telemetry":"x"}"#, r#"{"retry_after":-1}"#, r#"{"else":1}"#, "[]x"] {
            assert!(change(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_certificate_is_for_the_names_allowed_too() {
        let file = std::env::temp_dir().join(format!("telemetry-view-{}-ca.pem", std::process::id()));
        let start = |host: &str| {
            let settings =
                Settings { ca_file: Some(file.clone()), hosts: vec![host.to_owned()], ..Settings::default() };
            Listener::start(&settings, None, Arc::default()).map(drop)
        };
        assert!(start("workspace.test").is_ok());
        // None that a certificate could have.
        assert!(start("ü").is_err());
        _ = std::fs::remove_file(&file);
    }

    #[test]
    fn of_other_requests_nothing_is_kept() {
        let headers = telemetry_core::plugin::Headers::bearer("secret");
        let sql = Received::new("POST", "/api/2.0/sql/statements", headers.clone(), "SELECT 1");
        assert!(matches!(item(&sql, Some(200)), Item::Other));
        let sent = Received::new("POST", "/telemetry-ext", headers, "{}");
        let Item::Request(arrival) = item(&sent, None) else { panic!() };
        assert_eq!((arrival.authenticated, arrival.answer), (Some(true), Answer::Nothing));
        assert!(!format!("{arrival:?}").contains("secret"));
    }
}
