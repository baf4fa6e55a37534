//! Whether telemetry is on, why, and the books: what a lease says when it is asked.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::client::outlet::OutletSnapshot;
use crate::client::plugins::SharedSink;
use crate::client::shared::Shared;
use crate::client::{Client, Snapshot};
use crate::fault::PluginError;
use crate::guard::memory::Part;
use crate::host::{Host, InvalidHost};
use crate::ledger::{EventLedger, RecordLedger};
use crate::pipeline::gate::FlagState;
use crate::plugin::breaker::BreakerState;
use crate::plugin::flags::FlagOrigin;

/// What holds for one connection, and why, at one moment. The books are those of its client, which it may
/// share.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Whether telemetry is on, and why.
    pub state: TelemetryState,
    /// Whether the client was closed. [`state`](Self::state) says what had held until then, unless it had
    /// been on.
    pub closed: bool,
    /// What became of the events. All zero for a connection that was off from the start.
    pub events: EventLedger,
    /// What became of the records.
    pub records: RecordLedger,
    /// What the host's breaker did when it was last asked.
    pub breaker: Option<BreakerState>,
    /// The file that records are written to instead of being sent: the exporter is a dry run's. Why it can't
    /// be written is the [`last_failure`](Self::last_failure).
    pub dry_run: Option<PathBuf>,
    /// The last failure of an attempt, of the credentials or of the flag.
    pub last_failure: Option<PluginError>,
    /// What the provider's [sinks](crate::Sink) are at, in the order they were given.
    pub sinks: Vec<SinkStatus>,
    /// Statements open by id.
    pub open_statements: usize,
    /// Bytes held, of which [`max_bytes`](crate::TelemetryConfig::max_bytes) is the bound: events, open
    /// statements, records, error text, errors that open handles keep, and connections' texts.
    pub held_bytes: u64,
    /// Bytes of error text held.
    pub text_bytes: u64,
    /// Error texts that were left out because as much was held as may be.
    pub texts_left_out: u64,
    /// Names, SQLSTATEs and trace parents of errors that have not the form of one: such a name travels as
    /// `unnamed`, the others not at all.
    pub malformed_names: u64,
}

/// What a sink is at, of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStatus {
    /// Its name.
    pub name: Arc<str>,
    /// What became of the records that it was offered, which are what its books count as made.
    pub records: RecordLedger,
    /// What its breaker did when it was last asked.
    pub breaker: Option<BreakerState>,
    /// The file that it writes to instead of sending, where its exporter does.
    pub file: Option<PathBuf>,
    /// The last failure of an attempt.
    pub last_failure: Option<PluginError>,
}

/// What a provider is at, taken client by client.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProviderStatus {
    /// Its clients, while they live: until their last lease is closed and the last handle of theirs is
    /// dropped.
    pub clients: Vec<ClientStatus>,
    /// What became of all events.
    pub events: EventLedger,
    /// What became of all records on their way to the vendor's service.
    pub records: RecordLedger,
    /// What became of those that each sink was offered, by the sink's name.
    pub sinks: Vec<(Arc<str>, RecordLedger)>,
}

/// One client of a provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientStatus {
    /// Whose it is.
    pub host: Host,
    /// Which of the host's workspaces, where the driver says.
    pub workspace: Option<i64>,
    /// How it is.
    pub status: Status,
}

impl ProviderStatus {
    pub(crate) fn of(shared: &Shared) -> Self {
        let (clients, mut totals) = shared.plugins.roll.all::<Client>();
        let of = |client: Arc<Client>| ClientStatus {
            host: client.host.clone(),
            workspace: client.workspace,
            status: Status::of(&client),
        };
        let clients: Vec<_> = clients.into_iter().map(of).collect();
        for ClientStatus { status, .. } in &clients {
            totals.add(&status.events, &status.records, status.sinks.iter().map(|sink| sink.records));
        }
        totals.sinks.resize(shared.plugins.sinks.len(), RecordLedger::default());
        let names = shared.plugins.sinks.iter().map(|shared| Arc::clone(&shared.sink.name));
        ProviderStatus {
            clients,
            events: totals.events,
            records: totals.records,
            sinks: names.zip(totals.sinks).collect(),
        }
    }

    /// Whether all books balance.
    pub fn balances(&self) -> bool {
        self.events.balances()
            && self.records.balances()
            && self.sinks.iter().all(|(_, records)| records.balances())
    }
}

/// Whether telemetry is on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TelemetryState {
    /// It isn't known yet: events are recorded, nothing is sent.
    Undecided,
    /// The service's flag is on.
    On(FlagOrigin),
    /// It was forced on, whatever the flag says.
    Forced,
    /// It is off.
    Off(OffReason),
}

/// Why telemetry is off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffReason {
    /// The user opted out by this environment variable.
    OptOut(&'static str),
    /// The setting of the connection, or of the provider, is off.
    Setting,
    /// The host is none that telemetry may be sent to.
    InvalidHost(InvalidHost),
    /// The service's flag has another value than `true`.
    FlagOff {
        /// Its name.
        flag: String,
        /// Where its value came from.
        origin: FlagOrigin,
    },
    /// The service has no flag of this name.
    FlagAbsent {
        /// The name.
        flag: String,
        /// Where the flags came from among which it wasn't.
        origin: FlagOrigin,
    },
    /// The service's flag could not be had. It is asked for again.
    FlagUnreachable(PluginError),
    /// The credential provider panicked when it was asked for its scope.
    CredentialsPanicked,
    /// There are as many clients as there may be.
    TooManyClients,
    /// The thread that telemetry runs on could not be started: the system has no thread or file descriptor to
    /// give.
    NotStarted(io::ErrorKind),
    /// This is a forked child of the process that built the provider.
    ForkedChild,
    /// The client was closed.
    Closed,
}

impl Status {
    pub(crate) fn off(reason: OffReason) -> Self {
        Status {
            state: TelemetryState::Off(reason),
            closed: false,
            events: EventLedger::default(),
            records: RecordLedger::default(),
            breaker: None,
            dry_run: None,
            last_failure: None,
            sinks: Vec::new(),
            open_statements: 0,
            held_bytes: 0,
            text_bytes: 0,
            texts_left_out: 0,
            malformed_names: 0,
        }
    }

    pub(crate) fn of(client: &Client) -> Self {
        let Snapshot { known, finished, events, records, breaker, last_failure, open_statements, sinks } =
            client.snapshot();
        let sinks = sinks.into_iter().zip(&client.plugins.sinks);
        let flag = || client.plugins.driver.identity.flag().to_owned();
        let state = match known {
            FlagState::Unknown | FlagState::Enabled(_) if finished => TelemetryState::Off(OffReason::Closed),
            _ if client.forced => TelemetryState::Forced,
            FlagState::Unasked => TelemetryState::Off(OffReason::Setting),
            FlagState::Unknown => TelemetryState::Undecided,
            FlagState::Enabled(origin) => TelemetryState::On(origin),
            FlagState::Disabled(origin) => TelemetryState::Off(OffReason::FlagOff { flag: flag(), origin }),
            FlagState::Absent(origin) => TelemetryState::Off(OffReason::FlagAbsent { flag: flag(), origin }),
            FlagState::Unreachable(failure) => TelemetryState::Off(OffReason::FlagUnreachable(failure)),
        };
        Status {
            state,
            closed: finished,
            events,
            records,
            breaker,
            dry_run: client.plugins.dry_run.clone(),
            last_failure,
            sinks: sinks.map(|(outlet, shared)| SinkStatus::of(outlet, shared)).collect(),
            open_statements,
            held_bytes: client.memory.held(),
            text_bytes: client.memory.of(Part::Text),
            texts_left_out: client.memory.texts_left_out(),
            malformed_names: client.malformed(),
        }
    }

    /// Whether all books balance, those of the sinks too.
    pub fn balances(&self) -> bool {
        self.events.balances()
            && self.records.balances()
            && self.sinks.iter().all(|sink| sink.records.balances())
    }
}

impl SinkStatus {
    fn of(outlet: OutletSnapshot, shared: &SharedSink) -> Self {
        let OutletSnapshot { records, breaker, last_failure } = outlet;
        let (name, file) = (Arc::clone(&shared.sink.name), shared.file.clone());
        SinkStatus { name, records, breaker, file, last_failure }
    }
}

impl fmt::Display for TelemetryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TelemetryState::Undecided => f.write_str("undecided, as the service's flag isn't known yet"),
            TelemetryState::On(origin) => write!(f, "on, by the service's flag ({origin})"),
            TelemetryState::Forced => f.write_str("on, forced by a setting"),
            TelemetryState::Off(reason) => write!(f, "off: {reason}"),
        }
    }
}

impl fmt::Display for OffReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OffReason::OptOut(variable) => write!(f, "{variable} is set"),
            OffReason::Setting => f.write_str("the setting"),
            OffReason::InvalidHost(error) => write!(f, "{error}"),
            OffReason::FlagOff { flag, origin } => write!(f, "the service's flag {flag} is off ({origin})"),
            OffReason::FlagAbsent { flag, origin } => write!(f, "the service has no flag {flag} ({origin})"),
            OffReason::FlagUnreachable(failure) => {
                write!(f, "the service's flag could not be had ({failure})")
            }
            OffReason::CredentialsPanicked => f.write_str("the credential provider panicked"),
            OffReason::TooManyClients => f.write_str("too many clients"),
            OffReason::NotStarted(kind) => write!(f, "its thread could not be started ({kind})"),
            OffReason::ForkedChild => f.write_str("a forked child keeps silent"),
            OffReason::Closed => f.write_str("closed"),
        }
    }
}
