//! One process of a fleet: the real thing as a driver composes it, with a clock of its own that is moved by
//! hand.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use telemetry_core::plugin::Tick;
use telemetry_core::record::{AuthFlow, AuthMech, DriverMode, HostDetails};
use telemetry_core::status::RecordLedger;
use telemetry_core::{
    BuildError, Chunk, ClientProvider, Clock, ConnectionInfo, ConnectionParams, DriverIdentity, Lease,
    ResultFormat, Runtime, Session, StatementType, StaticToken, SystemInfo, Target,
};
use telemetry_databricks::Composition;
use telemetry_testkit::FakeClock;

use super::service::{Counted, Link, Service};

const HOUR: Duration = Duration::from_secs(3600);

/// When a process runs statements.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Load {
    /// So many a second, with gaps as chance has them.
    Random(f64),
    /// One at every full hour, within a second of it.
    FullHour,
}

impl Load {
    /// The next one after `now`, which is so long after the begin.
    fn next(self, now: Duration, random: &mut Rng) -> Duration {
        match self {
            Load::Random(rate) => now + Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate),
            Load::FullHour => {
                let hours = u32::try_from(now.as_secs() / HOUR.as_secs()).unwrap_or(u32::MAX);
                HOUR * (hours + 1) + Duration::from_secs_f64(random.f64())
            }
        }
    }
}

/// One process with one connection.
#[derive(Debug)]
pub(super) struct Process {
    origin: Tick,
    clock: FakeClock,
    provider: ClientProvider,
    lease: Lease,
    session: Session,
    load: Load,
    random: Rng,
    statement_at: Tick,
    pub(super) statements: u64,
}

impl Process {
    /// A process that starts so long after the begin, and opens its connection at once.
    pub(super) fn start(
        number: u64,
        after: Duration,
        load: Load,
        service: &Arc<Service>,
    ) -> Result<Self, BuildError> {
        let (clock, mut random) = (FakeClock::new(), Rng::with_seed(number));
        let origin = clock.now();
        clock.advance(after);
        let identity =
            DriverIdentity::builder().name("Fleet Driver").version("1.0.0").client("FLEET").flag("enabled");
        let link = Link { service: Arc::clone(service), clock: clock.clone() };
        let (counted, given) = (link.clone(), clock.clone());
        let provider = Composition::new(identity.build()?)
            .transport(move || Ok(link.clone()))
            .exporter(move |http| Counted(http, counted.clone()))
            .provider(move |builder| builder.clock(given.clone()).runtime(Runtime::Manual).system(system()))
            .environment(|_| None)
            .build()?;
        let target = Target::new("dbc-a1b2c3d4-e5f6.cloud.databricks.com");
        let lease = provider.acquire(target.credentials(StaticToken::new(&format!("dapi{number:032x}"))));
        let session = lease.opening(connection()).opened(&format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012x}"));
        let statement_at = origin + load.next(after, &mut random);
        provider.step();
        Ok(Process { origin, clock, provider, lease, session, load, random, statement_at, statements: 0 })
    }

    /// When it has something to do next.
    pub(super) fn next(&self) -> Tick {
        self.clock.next_wake().map_or(self.statement_at, |at| at.min(self.statement_at))
    }

    /// Does what there is to do then.
    pub(super) fn go_to(&mut self, at: Tick) {
        self.clock.advance(at - self.clock.now());
        if self.statement_at <= at {
            self.statement();
            self.statement_at = self.origin + self.load.next(at - self.origin, &mut self.random);
        }
        self.provider.step();
    }

    fn statement(&mut self) {
        const MS: Duration = Duration::from_millis(1);
        self.statements += 1;
        let mut statement = self.session.statement();
        statement.kind(StatementType::Query);
        statement.id(&format!("01f0a1b2-c3d4-1e5f-8a9b-{:012x}", self.statements));
        statement.format(ResultFormat::ExternalLinks);
        statement.poll(60 * MS);
        statement.result_ready_after(140 * MS);
        statement.chunk(Chunk::new(0, 12 * MS).bytes(65_536));
        statement.result_consumed_after(410 * MS);
        statement.complete_after(420 * MS);
    }

    /// What became of its records.
    pub(super) fn records(&self) -> RecordLedger {
        self.lease.status().records
    }
}

/// The same on every machine, so that bodies are.
fn system() -> SystemInfo {
    let text = |text: &str| Some(text.to_owned());
    SystemInfo {
        runtime_name: text("rust"),
        runtime_version: text("1.89.0"),
        os_name: text("linux"),
        os_version: text("6.8.0"),
        os_arch: text("x86_64"),
        locale_name: text("en_US"),
        char_set_encoding: text("UTF-8"),
        process_name: text("a-report"),
        ..SystemInfo::default()
    }
}

fn connection() -> ConnectionInfo {
    let params = ConnectionParams {
        http_path: Some("/sql/1.0/warehouses/0a1b2c3d4e5f6789".to_owned()),
        mode: Some(DriverMode::Sea),
        host_info: Some(HostDetails::new("dbc-a1b2c3d4-e5f6.cloud.databricks.com", 443)),
        auth_mech: Some(AuthMech::Pat),
        auth_flow: Some(AuthFlow::TokenPassthrough),
        enable_arrow: Some(true),
        ..ConnectionParams::default()
    };
    ConnectionInfo::new().params(params).auth_type("pat").user_agent("FleetDriver/1.0.0")
}
