//! A workspace on this machine, with a warehouse behind it, and ways for its telemetry to fail.

use std::str::FromStr;

use telemetry_core::{HostPolicy, Mode, TelemetryConfig};
use telemetry_testkit::{Behaviour, FakeWorkspace};

use crate::compose::FLAG;
use crate::driver::Options;
use crate::tpch;
use crate::warehouse::{WAREHOUSE_ID, Warehouse};

/// The first tenant's token.
pub const ALICE: &str = "token-of-alice";
/// The second tenant's.
pub const BOB: &str = "token-of-bob";

/// Rows in a chunk of a result.
const ROWS_PER_CHUNK: usize = 200;

/// A way in which the service of telemetry misbehaves. The warehouse works all the while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// Telemetry is answered 503.
    Unavailable,
    /// Telemetry is answered 429, with a `Retry-After` of an hour.
    TooMany,
    /// Telemetry is never answered.
    Hang,
    /// The feature flag is off.
    FlagOff,
    /// The question for the feature flag is never answered.
    FlagHang,
    /// Telemetry is answered with bytes that aren't HTTP.
    Garbage,
    /// The connection of every telemetry request is reset.
    Reset,
}

impl Misbehaviour {
    /// All of them, with the names that a command line has for them.
    pub const ALL: [(&'static str, Misbehaviour); 7] = [
        ("503", Misbehaviour::Unavailable),
        ("429", Misbehaviour::TooMany),
        ("hang", Misbehaviour::Hang),
        ("flag-off", Misbehaviour::FlagOff),
        ("flag-hang", Misbehaviour::FlagHang),
        ("garbage", Misbehaviour::Garbage),
        ("reset", Misbehaviour::Reset),
    ];
}

impl FromStr for Misbehaviour {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Misbehaviour::ALL.into_iter().find(|(known, _)| *known == name);
        let known = || Misbehaviour::ALL.map(|(known, _)| known).join("|");
        found.map(|(_, fault)| fault).ok_or_else(|| format!("no such fault: {name}; there are {}", known()))
    }
}

/// The workspace and its warehouse.
#[derive(Debug)]
#[non_exhaustive]
pub struct Embedded {
    /// What answers over HTTP.
    pub workspace: FakeWorkspace,
    /// What executes.
    pub warehouse: Warehouse,
}

impl Embedded {
    /// Starts them, with the data in place and two tenants.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn start(misbehaviour: Option<Misbehaviour>) -> rusqlite::Result<Self> {
        let warehouse = Warehouse::new(&[ALICE, BOB], ROWS_PER_CHUNK, tpch::create)?;
        let routed = warehouse.clone();
        let workspace = FakeWorkspace::builder()
            .strict()
            .require_tokens([ALICE, BOB])
            .route(move |request| routed.route(request))
            .start();
        workspace.set_flag(FLAG, misbehaviour != Some(Misbehaviour::FlagOff));
        let telemetry = match misbehaviour {
            None | Some(Misbehaviour::FlagOff) => Behaviour::Normal,
            Some(Misbehaviour::Unavailable) => Behaviour::Status(503),
            Some(Misbehaviour::TooMany) => Behaviour::RetryAfter { status: 429, value: "3600".to_owned() },
            Some(Misbehaviour::Hang) => Behaviour::Hang,
            Some(Misbehaviour::Garbage) => Behaviour::Garbage,
            Some(Misbehaviour::Reset) => Behaviour::Reset,
            Some(Misbehaviour::FlagHang) => {
                workspace.on_flags(Behaviour::Hang);
                Behaviour::Normal
            }
        };
        workspace.on_telemetry(telemetry);
        Ok(Embedded { workspace, warehouse })
    }

    /// How to connect to it with a token.
    pub fn options(&self, token: &str) -> Options {
        Options::new(self.workspace.url(), token, WAREHOUSE_ID)
    }

    /// The settings of telemetry for it: on, and allowed to talk to this machine.
    pub fn config() -> TelemetryConfig {
        TelemetryConfig::default().mode(Mode::On).host_policy(HostPolicy::AllowLoopback)
    }
}
