//! This side: drivers that acquire, record, flush, close and forget; and what must hold after each step.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use telemetry_core::plugin::Tick;
use telemetry_core::{
    BuildError, Chunk, ClientProvider, Clock, CloseOutcome, ConnectionInfo, DriverIdentity, ErrorClass,
    ErrorDetails, Lease, Mode, Operation, OperationType, Runtime, Session, Statement, StatementType,
    SystemInfo, Target, TelemetryConfig,
};
use telemetry_flags::FlagCache;
use telemetry_testkit::FakeClock;

use super::world::{
    FLAG, FlagMode, Login, LoginMode, ServiceMode, Shared, any, host_name, planted, scope, session_id,
};
use super::{Outcome, Violation};

const HOSTS: usize = 3;
const PRINCIPALS: usize = 2;
const MAX_EVENTS: usize = 64;
/// As few as come before the bound in bytes does, and as many as come after it: by turns, by seed.
const MAX_RECORDS: [usize; 2] = [10, 40];
const MAX_OPEN: usize = 3;
const MAX_BYTES: usize = 16 * 1024;
const MAX_TOTAL_BYTES: usize = 40 * 1024;
const SECOND: Duration = Duration::from_secs(1);

fn max_records(seed: u64) -> usize {
    MAX_RECORDS[seed as usize % 2]
}

/// A connection of the simulated driver.
struct Connection {
    lease: Arc<Lease>,
    host: usize,
    principal: Option<usize>,
    forced: bool,
    /// Whether its credentials are still to come.
    logs_in_later: bool,
    session: Option<Session>,
    statements: Vec<Statement>,
    by_id: Vec<String>,
}

/// A close that is waited for.
struct Closing {
    future: Pin<Box<dyn Future<Output = CloseOutcome>>>,
    deadline: Tick,
}

struct Driver {
    seed: u64,
    step: usize,
    random: Rng,
    shared: Shared,
    clock: FakeClock,
    provider: ClientProvider,
    connections: Vec<Connection>,
    closing: Vec<Closing>,
    /// Leases that were closed: their books must go on to balance.
    past: Vec<Arc<Lease>>,
    next: u64,
    closes: u64,
}

/// Plays one seed for so many steps.
///
/// # Errors
///
/// The first promise that was broken.
pub fn run(seed: u64, steps: usize) -> Result<Outcome, Violation> {
    let failed = |error: BuildError| Violation { seed, step: 0, what: error.to_string() };
    let mut driver = Driver::new(seed).map_err(failed)?;
    for step in 1..=steps {
        driver.step = step;
        driver.act();
        driver.poll_closes()?;
        driver.check()?;
    }
    driver.end()?;
    let world = driver.shared.world();
    let (coverage, attempts) = (world.coverage.clone(), world.attempts);
    drop(world);
    Ok(Outcome { coverage, attempts, accepted: driver.shared.accepted(), closes: driver.closes })
}

impl Driver {
    fn new(seed: u64) -> Result<Self, BuildError> {
        // The pipelines draw their jitter from this thread's.
        fastrand::seed(seed);
        let clock = FakeClock::new();
        let shared = Shared::new(&clock, HOSTS, PRINCIPALS);
        let identity =
            DriverIdentity::builder().name("Simulated").version("1.0.0").client("SIM").flag(FLAG).build()?;
        let config = TelemetryConfig::default()
            .mode(Mode::On)
            .max_records(max_records(seed))
            .batch_size(5)
            .max_events(MAX_EVENTS)
            .max_open_statements(MAX_OPEN)
            .max_bytes(MAX_BYTES)
            .max_total_bytes(MAX_TOTAL_BYTES)
            .abandoned_after(120 * SECOND)
            .pause_base(5 * SECOND)
            .flag_retry(10 * SECOND)
            .max_clients(6);
        let provider = ClientProvider::builder(identity)
            .config(config)
            .exporter(shared.clone())
            .flags(FlagCache::builder(shared.clone()).retry_after(5 * SECOND).capacity(2).build())
            .breakers(shared.breakers.clone())
            .clock(clock.clone())
            .runtime(Runtime::Manual)
            .system(SystemInfo::default())
            .environment(|_| None)
            .build()?;
        Ok(Driver {
            seed,
            step: 0,
            random: Rng::with_seed(seed),
            shared,
            clock,
            provider,
            connections: Vec::new(),
            closing: Vec::new(),
            past: Vec::new(),
            next: 0,
            closes: 0,
        })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn act(&mut self) {
        match self.random.u32(0..100) {
            0..=9 => self.connect(),
            10..=17 => self.open(),
            18..=47 => self.speak(),
            48..=52 => self.leave(),
            53..=55 => self.flush(),
            56..=62 => self.turn(),
            63..=65 => self.wall(),
            66..=85 => self.pass(SECOND),
            86..=95 => self.pass(10 * SECOND),
            _ => self.pass(100 * SECOND),
        }
        if self.random.u32(0..3) > 0 {
            self.provider.step();
        }
    }

    fn connect(&mut self) {
        if self.connections.len() >= 8 {
            return self.leave();
        }
        let host = self.random.usize(..HOSTS);
        let principal = Some(self.random.usize(..=PRINCIPALS)).filter(|principal| *principal < PRINCIPALS);
        let forced = self.random.u32(0..6) == 0;
        let logs_in_later = principal.is_some() && self.random.u32(0..4) == 0;
        let mut target = Target::new(host_name(host));
        if let Some(principal) = principal {
            target = if logs_in_later {
                target.credentials_later(Some(scope(principal)))
            } else {
                target.credentials(Login { shared: self.shared.clone(), principal })
            };
        }
        if forced {
            target = target.mode(Mode::Forced);
        }
        let lease = Arc::new(self.provider.acquire(target));
        self.connections.push(Connection {
            lease,
            host,
            principal,
            forced,
            logs_in_later,
            session: None,
            statements: Vec::new(),
            by_id: Vec::new(),
        });
    }

    fn open(&mut self) {
        let number = self.number();
        let fails = self.random.u32(0..8) == 0;
        let Some(at) = self.any_connection() else { return };
        let shared = self.shared.clone();
        let connection = &mut self.connections[at];
        if connection.session.is_some() {
            return;
        }
        if let (true, Some(principal)) = (connection.logs_in_later, connection.principal) {
            connection.lease.credentials(Login { shared, principal });
            connection.logs_in_later = false;
        }
        let opening = connection.lease.opening(ConnectionInfo::new());
        let id = session_id(connection.host, connection.principal, connection.forced, number);
        if fails {
            opening.failed(|| ErrorDetails::new("UNAUTHENTICATED"));
        } else {
            connection.session = Some(opening.opened(&id));
        }
    }

    fn any_connection(&mut self) -> Option<usize> {
        (!self.connections.is_empty()).then(|| self.random.usize(..self.connections.len()))
    }

    fn speak(&mut self) {
        let Some(at) = self.any_connection() else { return };
        let (what, class) = (self.random.u32(0..12), self.random.u32(0..3));
        let id = format!("q-{}", self.number());
        let connection = &mut self.connections[at];
        let Some(session) = &connection.session else { return };
        let class = [ErrorClass::Terminal, ErrorClass::Retryable, ErrorClass::Unknown][class as usize];
        let details = || ErrorDetails::new("E").class(class).message("a timeout of the server");
        match what {
            0 | 1 => {
                let mut statement = session.statement();
                statement.id(&id);
                statement.kind(StatementType::Query);
                connection.statements.push(statement);
            }
            2 | 3 => {
                if let Some(statement) = connection.statements.last_mut() {
                    statement.chunk(Chunk::new(0, SECOND));
                    statement.error(details);
                }
            }
            4 | 5 => {
                if let Some(statement) = connection.statements.pop() {
                    statement.complete();
                }
            }
            6 => {
                session.emitter().started(&id, StatementType::Update);
                connection.by_id.push(id);
            }
            7 => {
                if let Some(id) = connection.by_id.last() {
                    session.emitter().chunk(id, Chunk::new(1, SECOND));
                    session.emitter().error(id, details);
                }
            }
            8 => {
                if let Some(id) = connection.by_id.pop() {
                    session.emitter().completed(&id, SECOND);
                    // Twice, as a driver with a fault would.
                    session.emitter().completed(&id, SECOND);
                }
            }
            9 => session.error(details),
            10 => session.error(|| planted()),
            _ => session.operation(Operation::new(OperationType::ListTables, SECOND)),
        }
    }

    /// A connection ends: dropped, or closed and waited for.
    fn leave(&mut self) {
        let Some(at) = self.any_connection() else { return };
        let Connection { lease, session, statements, .. } = self.connections.swap_remove(at);
        let within = [Duration::ZERO, SECOND / 2, 2 * SECOND, 5 * SECOND][self.random.usize(..4)];
        if self.random.bool() {
            drop((session, statements));
        }
        self.past.push(Arc::clone(&lease));
        if self.random.u32(0..3) > 0 {
            let deadline = self.clock.now() + within;
            let future = Box::pin(async move { lease.close(within).await });
            self.closing.push(Closing { future, deadline });
            self.closes += 1;
        }
        if self.past.len() > 12 {
            self.past.remove(0);
        }
    }

    fn flush(&mut self) {
        let Some(at) = self.any_connection() else { return };
        let lease = Arc::clone(&self.connections[at].lease);
        // Asked for, and not waited for.
        let mut flush = Box::pin(async move { lease.flush(SECOND).await });
        let _ = flush.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Something turns on the other side.
    fn turn(&mut self) {
        let (what, host) = (self.random.u32(0..8), self.random.usize(..HOSTS));
        let service = any(&mut self.random, ServiceMode::ALL);
        let flag = any(&mut self.random, FlagMode::ALL);
        let login = any(&mut self.random, LoginMode::ALL);
        let principal = self.random.usize(..PRINCIPALS);
        let mut world = self.shared.world();
        match what {
            0..=3 => world.services[host].mode = service,
            4 => world.services[host].flag = flag,
            5 => world.services[host].flag = FlagMode::On,
            6 => {
                world.logins[principal] = login;
                world.rotations += 1;
            }
            _ => {
                world.logins.fill(LoginMode::Works);
                world.services[host].mode = ServiceMode::Accepts;
            }
        }
    }

    /// The date jumps, as dates do.
    fn wall(&mut self) {
        let seconds = self.random.u64(0..4_000_000_000);
        self.clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    }

    /// Time passes: mostly from wake to wake, and sometimes with a leap over all of them.
    fn pass(&mut self, most: Duration) {
        let time =
            Duration::from_nanos(self.random.u64(0..=u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)));
        if self.random.u32(0..5) == 0 {
            self.clock.advance(time);
            return;
        }
        let end = self.clock.now() + time;
        while let Some(at) = self.clock.next_wake().filter(|at| *at <= end) {
            self.clock.advance(at - self.clock.now());
            self.provider.step();
            self.poll_closing();
        }
        self.clock.advance(end - self.clock.now());
    }

    /// Lets closes go on; those that are over go.
    fn poll_closing(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        self.closing.retain_mut(|closing| closing.future.as_mut().poll(&mut cx).is_pending());
    }

    fn poll_closes(&mut self) -> Result<(), Violation> {
        self.poll_closing();
        let now = self.clock.now();
        match self.closing.iter().find(|closing| closing.deadline < now) {
            Some(closing) => Err(self.violation(format!("a close is {:?} late", now - closing.deadline))),
            None => Ok(()),
        }
    }

    fn violation(&self, what: String) -> Violation {
        Violation { seed: self.seed, step: self.step, what }
    }

    fn check(&self) -> Result<(), Violation> {
        if let Some(what) = self.shared.noted() {
            return Err(self.violation(what));
        }
        let living = self.connections.iter().map(|connection| &connection.lease);
        for lease in living.chain(&self.past) {
            let status = lease.status();
            if !status.balances() {
                return Err(self.violation(format!("the books: {} / {}", status.events, status.records)));
            }
            let bounds = [
                (status.records.held, max_records(self.seed)),
                (status.open_statements as u64, MAX_OPEN),
                (status.held_bytes, MAX_BYTES),
            ];
            if bounds.iter().any(|(held, most)| *held > *most as u64) {
                return Err(self.violation(format!("a bound: {bounds:?}")));
            }
        }
        Ok(())
    }

    /// Everything ends well: services work again, all connections close, and nothing is held.
    fn end(&mut self) -> Result<(), Violation> {
        {
            let mut world = self.shared.world();
            world.logins.fill(LoginMode::Works);
            for service in &mut world.services {
                service.mode = ServiceMode::Accepts;
                service.flag = FlagMode::On;
            }
        }
        for Connection { lease, .. } in self.connections.drain(..) {
            self.past.push(lease);
        }
        for lease in &self.past {
            let (lease, deadline) = (Arc::clone(lease), self.clock.now() + 2 * SECOND);
            let future = Box::pin(async move { lease.close(2 * SECOND).await });
            self.closing.push(Closing { future, deadline });
        }
        for _ in 0..200 {
            self.poll_closes()?;
            self.provider.step();
            self.check()?;
            if (self.closing.is_empty() && self.held() == 0) || !self.clock.advance_to_next() {
                break;
            }
        }
        if !self.closing.is_empty() {
            return Err(self.violation("a close never ended".to_owned()));
        }
        match self.past.iter().map(|lease| lease.status().held_bytes).sum::<u64>() + self.held() {
            0 => Ok(()),
            held => Err(self.violation(format!("{held} records and bytes are held after the end"))),
        }
    }

    fn held(&self) -> u64 {
        self.past.iter().map(|lease| lease.status().records.held).sum()
    }
}
