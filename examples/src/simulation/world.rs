//! The other side: services that fail, flags that turn, credentials that expire; and what must never be seen
//! from there.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use telemetry_breaker::{BreakerRegistry, Transition};
use telemetry_core::plugin::{
    Attempt, AuthHeaders, Breaker, BreakerState, FlagOrigin, FlagQuery, FlagSet, PluginError, Receipt,
    ScopeId, Tick,
};
use telemetry_core::record::EventId;
use telemetry_core::{Clock, CredentialProvider, Exporter, Fault, FeatureFlagSource, Host, HostPolicy};
use telemetry_testkit::FakeClock;

use super::Coverage;

/// The flag that the driver asks for.
pub(super) const FLAG: &str = "flag";

/// How long an answer about the flag is fresh.
const FRESH: Duration = Duration::from_secs(30);

/// How long a client may go on after the flag turned off: its answer's freshness, an asking's timeout, and
/// one that is lost in the cache.
const OFF_WITHIN: Duration = Duration::from_secs(30 + 11 + 30);

macro_rules! modes {
    ($(#[$doc:meta])* $visible:vis $name:ident { $($(#[$mode_doc:meta])* $mode:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        $visible enum $name { $($(#[$mode_doc])* $mode,)* }

        impl $name {
            /// All of them.
            $visible const ALL: &'static [$name] = &[$($name::$mode),*];
        }
    };
}

modes! {
    /// What a service does with telemetry.
    pub ServiceMode {
        /// Takes all.
        Accepts,
        /// Takes half of each batch.
        AcceptsHalf,
        /// Says that it took more than was sent.
        Lies,
        /// Answers 503.
        Fails,
        /// Takes one and fails the next.
        Flaps,
        /// Answers 429, and asks for 7 s.
        Throttles,
        /// Never answers.
        Hangs,
        /// Takes all, and never answers.
        TakesAndHangs,
        /// Answers with a redirect.
        Redirects,
        /// Answers 200 with what is no answer.
        Babbles,
        /// Answers 401.
        Refuses,
        /// Answers 413 to more than one record.
        TakesOneByOne,
        /// Panics: the exporter does.
        Panics,
    }
}

modes! {
    /// What a service says of the flag.
    pub FlagMode {
        /// On.
        On,
        /// Off.
        Off,
        /// It has no such flag.
        Absent,
        /// It answers 503.
        Fails,
        /// It never answers.
        Hangs,
        /// The source panics.
        Panics,
    }
}

modes! {
    /// What a log-in does.
    pub(super) LoginMode {
        /// Gives its token.
        Works,
        /// Has none.
        Fails,
        /// Never answers.
        Hangs,
        /// Panics.
        Panics,
    }
}

/// What one host does and has seen.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) mode: ServiceMode,
    pub(super) flag: FlagMode,
    /// Since when nothing but `off` was said of the flag, unless it has been on or unreachable since.
    off_since: Option<Tick>,
    /// Whether the flag was ever on.
    was_on: bool,
    calls: u64,
    /// What the breaker's observer was told last.
    breaker: Option<BreakerState>,
    /// Records that are under way.
    under_way: BTreeSet<EventId>,
    accepted: BTreeSet<EventId>,
    maybe: BTreeSet<EventId>,
}

/// All that a run shares.
#[derive(Debug)]
pub(super) struct World {
    pub(super) services: Vec<Service>,
    pub(super) logins: Vec<LoginMode>,
    pub(super) rotations: u64,
    pub(super) coverage: Coverage,
    pub(super) attempts: u64,
    pub(super) violations: Vec<String>,
    /// Records of each statement id that were accepted.
    statements: BTreeMap<String, u32>,
}

/// The shared world; cloning it is cheap.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    world: Arc<Mutex<World>>,
    pub(super) clock: FakeClock,
    pub(super) breakers: BreakerRegistry,
    hosts: Arc<[Host]>,
}

pub(super) fn host_name(number: usize) -> String {
    format!("host-{number}.example.com")
}

fn number_of(host: &Host) -> usize {
    let name = host.name().trim_start_matches("host-");
    name.split('.').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

impl Shared {
    pub(super) fn new(clock: &FakeClock, hosts: usize, principals: usize) -> Self {
        let service = |_| Service {
            mode: ServiceMode::Accepts,
            flag: FlagMode::On,
            off_since: None,
            was_on: false,
            calls: 0,
            breaker: None,
            under_way: BTreeSet::new(),
            accepted: BTreeSet::new(),
            maybe: BTreeSet::new(),
        };
        let world = Arc::new(Mutex::new(World {
            services: (0..hosts).map(service).collect(),
            logins: vec![LoginMode::Works; principals],
            rotations: 0,
            coverage: Coverage::new(),
            attempts: 0,
            violations: Vec::new(),
            statements: BTreeMap::new(),
        }));
        let seen = Arc::clone(&world);
        let observer =
            move |host: &Host, transition: &Transition| observe(&mut lock(&seen), host, transition);
        let breakers = BreakerRegistry::builder().observer(observer).build().unwrap_or_default();
        let hosts =
            (0..hosts).filter_map(|host| Host::parse(&host_name(host), HostPolicy::Public).ok()).collect();
        Shared { world, clock: clock.clone(), breakers, hosts }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// What is wrong, if anything is; and notes what all services go through.
    pub(super) fn noted(&self) -> Option<String> {
        let now = self.clock.now();
        let mut world = self.world();
        let World { services, coverage, violations, .. } = &mut *world;
        for (number, service) in services.iter().enumerate() {
            let state = word(self.breakers.get(&self.hosts[number]).state(now));
            *coverage.entry((service.mode, state, service.flag)).or_default() += 1;
        }
        violations.first().cloned()
    }

    pub(super) fn accepted(&self) -> u64 {
        self.world().services.iter().map(|service| service.accepted.len() as u64).sum()
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A breaker moves only as one may.
fn observe(world: &mut World, host: &Host, transition: &Transition) {
    use BreakerState::{Closed, HalfOpen, Open};
    let service = &mut world.services[number_of(host)];
    let legal = matches!(
        (transition.from, transition.to),
        (Closed, Open { .. }) | (Open { .. }, HalfOpen) | (HalfOpen, Open { .. } | Closed)
    );
    let follows = service
        .breaker
        .is_none_or(|before| std::mem::discriminant(&before) == std::mem::discriminant(&transition.from));
    service.breaker = Some(transition.to);
    if !legal || !follows {
        world
            .violations
            .push(format!("the breaker of {host} went from {:?} to {:?}", transition.from, transition.to));
    }
}

/// The words for a breaker's state.
fn word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        BreakerState::HalfOpen => "half-open",
        _ => "other",
    }
}

/// What a session says of whose it is, in its id: host, principal, whether it is forced.
pub(super) fn session_id(host: usize, principal: Option<usize>, forced: bool, number: u64) -> String {
    let principal = principal.map_or("none".to_owned(), |principal| principal.to_string());
    format!("s-{host}-{principal}-{forced}-{number}")
}

impl Shared {
    /// What must hold of each call of the exporter, and what the service does with it.
    fn attempted(&self, attempt: &Attempt<'_>) -> ServiceMode {
        let now = self.clock.now();
        let state = self.breakers.get(attempt.host).state(now);
        let mut world = self.world();
        let world = &mut *world;
        world.attempts += 1;
        let number = number_of(attempt.host);
        let service = &mut world.services[number];
        service.calls += 1;
        let mut wrong = Vec::new();
        let authorization = attempt.credentials.and_then(|headers| headers.get("authorization"));
        let token =
            authorization.map(|token| token.trim_start_matches("Bearer p").split('-').next().unwrap_or(""));
        for record in attempt.records {
            // A connection that failed has none, and so says not whose it is.
            let Some(id) = record.session.session_id else { continue };
            let id = id.as_str();
            let parts: Vec<_> = id.split('-').collect();
            let [_, host, principal, forced, _] = parts[..] else {
                wrong.push(format!("a session of nobody's: {id}"));
                continue;
            };
            if host != number.to_string() || principal != token.unwrap_or("none") {
                wrong.push(format!("a record of {id} went to {number} as {token:?}"));
            }
            let off = service.off_since.is_some_and(|since| now - since > OFF_WITHIN);
            if forced == "false" && (off || !service.was_on) {
                wrong.push(format!("{id} was sent while the flag was off"));
            }
            if service.accepted.contains(&record.id) {
                wrong.push(format!("{:?} was sent again after it was accepted", record.id));
            }
        }
        let ids: BTreeSet<_> = attempt.records.iter().map(|record| record.id).collect();
        if ids.len() != attempt.records.len() || attempt.records.is_empty() {
            wrong.push("a batch is empty, or has a record twice".to_owned());
        }
        if matches!(state, BreakerState::Open { .. }) {
            wrong.push(format!("host {number} was called while its breaker was open"));
        }
        for id in &ids {
            if !service.under_way.insert(*id) {
                wrong.push(format!("{id:?} is under way twice"));
            }
        }
        world.violations.extend(wrong);
        match service.mode {
            ServiceMode::Flaps if service.calls.is_multiple_of(2) => ServiceMode::Fails,
            ServiceMode::Flaps => ServiceMode::Accepts,
            ServiceMode::TakesOneByOne if attempt.records.len() == 1 => ServiceMode::Accepts,
            mode => mode,
        }
    }

    fn accepts(&self, attempt: &Attempt<'_>, count: usize) {
        let mut world = self.world();
        for record in attempt.records.iter().take(count) {
            let number = number_of(attempt.host);
            world.services[number].accepted.insert(record.id);
            let is_statement = record.body.kind == telemetry_core::record::RecordKind::Statement;
            if let (true, Some(id)) = (is_statement, record.body.statement_id) {
                let times = world.statements.entry(id.as_str().to_owned()).or_default();
                *times += 1;
                if *times > 1 {
                    world.violations.push(format!("statement {id:?} has two records"));
                }
            }
        }
    }
}

/// Ends when a call does, also one that is given up.
struct UnderWay<'a>(&'a Shared, &'a Attempt<'a>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let UnderWay(shared, attempt) = self;
        let mut world = shared.world();
        let under_way = &mut world.services[number_of(attempt.host)].under_way;
        attempt.records.iter().for_each(|record| _ = under_way.remove(&record.id));
    }
}

#[async_trait]
impl Exporter for Shared {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let count = attempt.records.len();
        let mode = self.attempted(attempt);
        let _under_way = UnderWay(self, attempt);
        let accepted = match mode {
            ServiceMode::Accepts | ServiceMode::Lies => count,
            ServiceMode::AcceptsHalf => count / 2,
            _ => 0,
        };
        self.accepts(attempt, accepted);
        match mode {
            ServiceMode::Accepts | ServiceMode::AcceptsHalf => Ok(Receipt::new(accepted)),
            ServiceMode::Lies => Ok(Receipt::new(count + 50)),
            ServiceMode::Fails | ServiceMode::Flaps => Err(PluginError::new(503)),
            ServiceMode::Throttles => {
                Err(PluginError::new(429).with_retry_after(Some(Duration::from_secs(7))))
            }
            ServiceMode::Hangs => pending().await,
            ServiceMode::TakesAndHangs => {
                let ids: Vec<_> = attempt.records.iter().map(|record| record.id).collect();
                self.world().services[number_of(attempt.host)].maybe.extend(ids);
                pending().await
            }
            ServiceMode::Redirects => Err(Fault::Redirect.into()),
            ServiceMode::Babbles => Err(Fault::BadAnswer.into()),
            ServiceMode::Refuses => Err(PluginError::new(401)),
            ServiceMode::TakesOneByOne => Err(PluginError::new(413)),
            ServiceMode::Panics => planted(),
        }
    }
}

#[async_trait]
impl FeatureFlagSource for Shared {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        let now = self.clock.now();
        let mode = {
            let mut world = self.world();
            let service = &mut world.services[number_of(query.host)];
            match service.flag {
                FlagMode::On => (service.off_since, service.was_on) = (None, true),
                FlagMode::Off | FlagMode::Absent => _ = service.off_since.get_or_insert(now),
                FlagMode::Fails | FlagMode::Hangs | FlagMode::Panics => service.off_since = None,
            }
            service.flag
        };
        let flags = |values: &[(&str, &str)]| {
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            FlagSet::new(values.collect(), FlagOrigin::Fetched, FRESH)
        };
        match mode {
            FlagMode::On => Ok(flags(&[(FLAG, "true")])),
            FlagMode::Off => Ok(flags(&[(FLAG, "false")])),
            FlagMode::Absent => Ok(flags(&[("another", "true")])),
            FlagMode::Fails => Err(PluginError::new(503)),
            FlagMode::Hangs => pending().await,
            FlagMode::Panics => planted(),
        }
    }
}

/// The credentials of one connection.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) shared: Shared,
    pub(super) principal: usize,
}

#[async_trait]
impl CredentialProvider for Login {
    fn scope(&self) -> ScopeId {
        scope(self.principal)
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        let (mode, rotation) = {
            let mut world = self.shared.world();
            let mode = world.logins[self.principal];
            if mode != LoginMode::Works {
                // Who can't ask goes by what was known.
                world.services.iter_mut().for_each(|service| service.off_since = None);
            }
            (mode, world.rotations)
        };
        match mode {
            LoginMode::Works => Ok(AuthHeaders::bearer(&format!("p{}-{rotation}", self.principal))),
            LoginMode::Fails => Err(Fault::Authentication.into()),
            LoginMode::Hangs => pending().await,
            LoginMode::Panics => planted(),
        }
    }
}

pub(super) fn scope(principal: usize) -> ScopeId {
    ScopeId::new(principal as u64 + 1)
}

/// A panic of a plug-in's.
#[expect(clippy::panic, reason = "that it is contained is what is shown")]
pub(super) fn planted() -> ! {
    panic!("planted")
}

/// One of all modes.
pub(super) fn any<T: Copy>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())]
}
