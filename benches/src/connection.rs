//! A connection to measure with.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use telemetry_core::plugin::{AlwaysClosed, Attempt, PluginError, Receipt};
use telemetry_core::status::{Refusal, Status};
use telemetry_core::{
    Chunk, ClientProvider, ClientProviderBuilder, ConnectionInfo, Exporter, FlushOutcome, Lease, Mode,
    Runtime, Session, StatementType, StaticToken, Target, TelemetryConfig, async_trait,
};
use telemetry_flags::StaticFlags;

use crate::{FLAG, identity};

pub const MS: Duration = Duration::from_millis(1);
pub const ID: &str = "01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b";
pub const HOST: &str = "bench.cloud.databricks.com";

/// Room for whatever a turn records.
pub fn config() -> TelemetryConfig {
    TelemetryConfig::default()
        .mode(Mode::On)
        .max_events(1_000_000)
        .max_records(100_000)
        .max_bytes(1 << 30)
        .max_total_bytes(1 << 30)
}

/// A provider whose records go nowhere, and whose flag is known at once.
pub fn provider(config: TelemetryConfig) -> ClientProviderBuilder {
    ClientProvider::builder(identity())
        .config(config)
        .exporter(Discard { may_block: false })
        .flags(StaticFlags::new([(FLAG, true)]))
        .breakers(AlwaysClosed)
        .environment(|_| None)
}

/// Accepts everything, and keeps nothing.
#[derive(Debug)]
pub struct Discard {
    pub may_block: bool,
}

#[async_trait]
impl Exporter for Discard {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        Ok(Receipt::new(attempt.records.len()))
    }

    fn may_block(&self) -> bool {
        self.may_block
    }
}

/// A connection that is open.
pub struct Connection {
    pub provider: ClientProvider,
    pub lease: Lease,
    pub session: Session,
    before: RefCell<Status>,
}

/// What a turn has added to the books.
#[derive(Debug, PartialEq, Eq)]
pub struct Gained {
    pub folded: u64,
    pub accepted: u64,
    pub full: u64,
}

impl Connection {
    /// One with these settings.
    pub fn new(config: TelemetryConfig) -> Self {
        Connection::of(provider(config), Target::new(HOST).credentials(StaticToken::new("a-token")))
    }

    /// One that records into a buffer that nobody empties.
    pub fn unattended(config: TelemetryConfig) -> Self {
        let target = Target::new(HOST).credentials(StaticToken::new("a-token"));
        Connection::of(provider(config).runtime(Runtime::Manual), target)
    }

    pub fn of(provider: ClientProviderBuilder, target: Target) -> Self {
        Connection::with(provider, target, ConnectionInfo::new())
    }

    pub fn with(provider: ClientProviderBuilder, target: Target, info: ConnectionInfo) -> Self {
        let provider = provider.build().expect("its settings are within their bounds");
        let lease = provider.acquire(target);
        // The record of the opening is gained, however soon it is delivered.
        let before = RefCell::new(lease.status());
        let session = lease.opening(info).opened("01f0a1b2-0000-1e5f-8a9b-0c1d2e3f4a5b");
        Connection { provider, lease, session, before }
    }

    /// Waits until everything is taken in and delivered.
    pub fn flush(&self) {
        let outcome = self.lease.flush_blocking(Duration::from_secs(60));
        assert!(!matches!(outcome, FlushOutcome::TimedOut { .. } | FlushOutcome::Lost { .. }), "{outcome}");
    }

    /// What was added since it was last asked, of a connection whose books balance.
    pub fn gained(&self) -> Gained {
        let status = self.lease.status();
        assert!(status.balances() && status.texts_left_out == 0, "{status:?}");
        assert_eq!(status.records.dropped.total(), 0, "{status:?}");
        let full = status.events.refused.get(Refusal::BufferFull);
        assert_eq!(status.events.refused.total(), full, "{status:?}");
        let before = self.before.replace(status.clone());
        Gained {
            folded: status.events.folded - before.events.folded,
            accepted: status.records.accepted - before.records.accepted,
            full: full - before.events.refused.get(Refusal::BufferFull),
        }
    }

    /// Whether as many records were delivered, and nothing was refused.
    pub fn delivered(&self, records: u64) {
        let gained = self.gained();
        assert_eq!((gained.accepted, gained.full), (records, 0), "{gained:?}");
    }

    /// After the record of its opening was delivered.
    pub fn settled(self) -> Rc<Self> {
        self.flush();
        self.delivered(1);
        Rc::new(self)
    }
}

/// What a driver says of a statement, by its handle.
pub fn by_handle(session: &Session) {
    let mut statement = session.statement();
    statement.kind(StatementType::Query);
    statement.id(ID);
    for index in 0..10 {
        statement.chunk(chunk(index));
    }
    statement.complete();
}

pub fn chunk(index: u32) -> Chunk {
    Chunk::new(index, 12 * MS).bytes(65_536)
}
