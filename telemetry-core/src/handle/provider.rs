//! The one thing a driver builds and owns: everything else is reached through it.

use std::fmt;
use std::sync::Arc;

use crate::client::Client;
use crate::client::key::{Key, Terms};
use crate::client::last_opened::LastOpened;
use crate::client::lease_guard::LeaseGuard;
use crate::client::outlet_worker;
use crate::client::plugins::{DropThread, Plugins, SharedSink};
use crate::client::registry::{Leased, Registry};
use crate::client::roll::Roll;
use crate::client::runtime::{Runner, Runtime};
use crate::client::safe_clock::SafeClock;
use crate::client::shared::Shared;
use crate::client::status::{OffReason, ProviderStatus};
use crate::client::worker::work;
use crate::config::{Mode, TEXT_LEVEL_VARIABLE, TelemetryConfig, opt_out};
use crate::error::BuildError;
use crate::guard::fork::{InChild, Process};
use crate::guard::memory::MemoryPool;
use crate::guard::own_work::{log, own_work};
use crate::guard::panic::{DropGuarded, catch_panic};
use crate::guard::sync::Mutex;
use crate::handle::lease::Lease;
use crate::handle::target::{Later, Target};
use crate::plugin::breaker::BreakerSource;
use crate::plugin::clock::Clock;
use crate::plugin::exporter::Exporter;
use crate::plugin::flags::FeatureFlagSource;
use crate::plugin::observer::Observer;
use crate::plugin::sink::Sink;
use crate::record::DriverContext;
use crate::record::id::ScopeId;
use crate::record::{DriverIdentity, SystemInfo};
use crate::text::rules::TextRules;

/// Gives connections their telemetry: one client for each host and principal, shared by as many connections
/// as there are.
///
/// A driver builds one and keeps it, usually one per process. Cloning it is cheap and gives the same
/// provider.
#[derive(Clone, Debug)]
pub struct ClientProvider {
    pub(super) shared: Arc<Shared>,
    /// What a forked child uses instead.
    child: Option<Arc<Rebuild>>,
}

impl ClientProvider {
    /// Starts to compose a provider for this driver.
    pub fn builder(identity: DriverIdentity) -> ClientProviderBuilder {
        ClientProviderBuilder {
            identity,
            config: TelemetryConfig::default(),
            exporter: None,
            flags: None,
            breakers: None,
            sinks: Vec::new(),
            observer: None,
            clock: None,
            runtime: Runtime::default(),
            system: None,
            environment: None,
        }
    }

    /// Builds a provider by this recipe, and another in a forked child: by itself, with the first lease that
    /// the child acquires. For servers that fork workers (prefork) after they have built their provider.
    ///
    /// A provider that was built without a recipe is off in a forked child, for good: a lock may be held for
    /// ever there, a connection belongs to the parent, and the worker's thread doesn't exist. A recipe makes
    /// every part anew, so that a child begins with empty books and connections of its own. A recipe must
    /// hand out no part that exists already. Leases that the parent acquired stay off in the child. The
    /// recipe runs on the thread that acquires, once in each child; if it fails or panics, the child is off.
    ///
    /// ```
    /// use telemetry_core::plugin::AlwaysClosed;
    /// use telemetry_core::{BuildError, ClientProvider, DriverIdentity, Exporter, FeatureFlagSource};
    ///
    /// # fn build<E: Exporter, F: FeatureFlagSource>(
    /// #     identity: DriverIdentity,
    /// #     exporter: fn() -> E,
    /// #     flags: fn() -> F,
    /// # ) -> Result<ClientProvider, BuildError> {
    /// ClientProvider::rebuilt_after_fork(move || {
    ///     ClientProvider::builder(identity.clone())
    ///         .exporter(exporter())
    ///         .flags(flags())
    ///         .breakers(AlwaysClosed)
    ///         .build()
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the recipe returns when it builds the first one.
    pub fn rebuilt_after_fork(
        recipe: impl Fn() -> Result<ClientProvider, BuildError> + Send + Sync + 'static,
    ) -> Result<Self, BuildError> {
        let provider = recipe()?;
        Ok(provider.with_recipe(Arc::new(recipe)))
    }

    fn with_recipe(mut self, recipe: Recipe) -> Self {
        self.child = Some(Arc::new(Rebuild { recipe, provider: InChild::default() }));
        self
    }

    /// The provider of this process: itself, or, in a forked child, the one that is built there.
    pub(super) fn here(&self) -> Option<&ClientProvider> {
        if self.shared.plugins.in_parent_process() {
            return Some(self);
        }
        let Rebuild { recipe, provider } = &**self.child.as_ref()?;
        let build = || {
            let built = catch_panic(|| recipe())?;
            own_work(|| match built {
                Ok(provider) => Some(provider.with_recipe(Arc::clone(recipe))),
                Err(error) => {
                    log!(%error, "telemetry could not be rebuilt in a forked child");
                    None
                }
            })
        };
        provider.get_or_make(build)?.here()
    }

    /// A connection's share of telemetry. It never fails, waits or does I/O: where telemetry can't be had,
    /// the lease is off and says [why](Lease::status).
    ///
    /// What decides, in this order: an opt-out in the environment; [`Target::mode`] (or its
    /// [`settings`](Target::settings));
    /// [`TelemetryConfig::mode`]; the service's feature flag, unless one of the settings is [`Mode::Forced`].
    pub fn acquire(&self, target: Target) -> Lease {
        let hold = match self.here() {
            Some(provider) => provider.try_acquire(target),
            None => Err(OffReason::ForkedChild),
        };
        match hold {
            Ok(hold) => Lease::on(hold),
            Err(reason) => Lease::off(reason),
        }
    }

    fn try_acquire(&self, target: Target) -> Result<LeaseGuard, OffReason> {
        let Target { host, workspace, later, credentials, settings } = target;
        // Foreign, and dropped here when there is no lease.
        let mut credentials = DropGuarded(credentials);
        let shared = &self.shared;
        if let Some(variable) = shared.opted_out {
            return Err(OffReason::OptOut(variable));
        }
        let config = settings.within(&shared.plugins.config);
        if config.mode == Mode::Off && shared.plugins.sinks.is_empty() {
            return Err(OffReason::Setting);
        }
        let host = shared.plugins.last_opened.host(&host, config.host_policy);
        let host = host.map_err(OffReason::InvalidHost)?;
        let scope = match &credentials.0 {
            Some(provider) => Some(catch_panic(|| provider.scope()).ok_or(OffReason::CredentialsPanicked)?),
            None => later.map(|later| match later {
                Later::Of(principal) => principal,
                Later::Anybody => ScopeId::unique(),
            }),
        };
        shared.runner.start().map_err(|error| OffReason::NotStarted(error.kind()))?;
        let key = Key { host, workspace, scope, terms: Terms::new(&config, &settings) };
        let close_timeout = config.close_timeout;
        let make = || Client::new(Arc::clone(&shared.plugins), &key, config.into_owned());
        let (client, is_new) = match shared.registry.acquire(&key, make) {
            Leased::Shared(client) => (client, false),
            Leased::New(client) => (client, true),
            Leased::Full => return Err(OffReason::TooManyClients),
        };
        let anybody = matches!(later, Some(Later::Anybody)) && credentials.0.is_none();
        let number = client.join(credentials.0.take());
        let (leased, of) = (Arc::clone(&client), key.clone());
        let hold = LeaseGuard::new(Arc::clone(shared), of, leased, number, anybody, close_timeout);
        if is_new {
            for outlet in client.outlets() {
                shared.runner.spawn(outlet_worker::work(Arc::clone(&client), Arc::clone(outlet), shared));
            }
            shared.runner.spawn(work(client, key, Arc::clone(shared)));
        }
        Ok(hold)
    }

    /// All clients of this provider, and what all books came to since it was built, those of clients that are
    /// gone included. For operators: it locks one client after another for a moment. In a forked child it is
    /// the status of the child's own provider.
    pub fn status(&self) -> ProviderStatus {
        self.here().map_or_else(ProviderStatus::default, |provider| ProviderStatus::of(&provider.shared))
    }

    /// Moves every worker for as long as it can, when the provider was built with [`Runtime::Manual`]; else
    /// it does nothing.
    ///
    /// What was recorded is taken in, what is due is sent, and answers are settled, as far as no worker has
    /// to wait for the clock or a plug-in.
    pub fn step(&self) {
        if let Some(provider) = self.here() {
            provider.shared.step();
        }
    }
}

type Recipe = Arc<dyn Fn() -> Result<ClientProvider, BuildError> + Send + Sync>;

/// How a forked child makes a provider of its own.
struct Rebuild {
    recipe: Recipe,
    provider: InChild<ClientProvider>,
}

impl fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rebuild")
    }
}

/// Composes a [`ClientProvider`]. [`exporter`](Self::exporter), [`flags`](Self::flags) and
/// [`breakers`](Self::breakers) must be given; all else has a default.
#[derive(Debug)]
#[must_use]
pub struct ClientProviderBuilder {
    identity: DriverIdentity,
    config: TelemetryConfig,
    exporter: Option<Arc<dyn Exporter>>,
    flags: Option<Arc<dyn FeatureFlagSource>>,
    breakers: Option<Arc<dyn BreakerSource>>,
    sinks: Vec<Sink>,
    observer: Option<Arc<dyn Observer>>,
    clock: Option<Arc<dyn Clock>>,
    runtime: Runtime,
    system: Option<SystemInfo>,
    environment: Option<Environment>,
}

/// What the user's variables say.
#[derive(Debug)]
struct Environment {
    opted_out: Option<&'static str>,
    error_text: Option<String>,
}

impl Environment {
    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        Environment { opted_out: opt_out(&variable), error_text: variable(TEXT_LEVEL_VARIABLE) }
    }

    fn of_process() -> Self {
        Environment::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }
}

impl ClientProviderBuilder {
    /// The settings; [`TelemetryConfig::default`] by default, which is off.
    pub fn config(mut self, config: TelemetryConfig) -> Self {
        self.config = config;
        self
    }

    /// What delivers records.
    pub fn exporter(mut self, exporter: impl Exporter) -> Self {
        self.exporter = Some(Arc::new(exporter));
        self
    }

    /// What knows the service's feature flags.
    pub fn flags(mut self, flags: impl FeatureFlagSource) -> Self {
        self.flags = Some(Arc::new(flags));
        self
    }

    /// Where hosts have their breakers from. [`AlwaysClosed`](crate::plugin::AlwaysClosed) for an exporter
    /// that calls no service.
    pub fn breakers(mut self, breakers: impl BreakerSource) -> Self {
        self.breakers = Some(Arc::new(breakers));
        self
    }

    /// Who is told, as it happens, of deliveries, losses and breakers. Nobody by default.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// A further place that records go to, beside the vendor's service; any number of them.
    pub fn sink(mut self, sink: Sink) -> Self {
        self.sinks.push(sink);
        self
    }

    /// The time; the machine's by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// What the workers run on; a thread of the provider's own by default.
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = runtime;
        self
    }

    /// What the program runs on; detected by default.
    pub fn system(mut self, system: SystemInfo) -> Self {
        self.system = Some(system);
        self
    }

    /// How environment variables are read that opt out or narrow what leaves. They are read here, once; the
    /// process's own are read by [`build`](Self::build) unless this is called. For bindings whose host
    /// language keeps an environment of its own, and for tests.
    pub fn environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        self.environment = Some(Environment::read(variable));
        self
    }

    /// # Errors
    ///
    /// When a setting or a name is out of bounds, a part is missing, or two sinks are called alike or one
    /// like the way to the vendor's service.
    fn check(&self) -> Result<(), BuildError> {
        self.config.validate()?;
        for (place, sink) in self.sinks.iter().enumerate() {
            sink.validate()?;
            if &*sink.name == "vendor" || self.sinks.iter().take(place).any(|other| other.name == sink.name) {
                return Err(BuildError::SameName(sink.name.to_string()));
            }
        }
        let missing = [
            (self.exporter.is_none(), "an exporter"),
            (self.flags.is_none(), "a source of feature flags"),
            (self.breakers.is_none(), "a source of breakers"),
        ];
        missing
            .into_iter()
            .find(|(missing, _)| *missing)
            .map_or(Ok(()), |(_, what)| Err(BuildError::Missing(what)))
    }

    /// Builds the provider. It starts no thread and does no I/O beyond asking the system what it is.
    ///
    /// # Errors
    ///
    /// [`BuildError::Missing`] without an exporter, flags or breakers; [`BuildError::OutOfBounds`] for a
    /// setting that makes no sense.
    pub fn build(self) -> Result<ClientProvider, BuildError> {
        if let Err(error) = self.check() {
            // Foreign parts may panic also when they are dropped.
            catch_panic(move || drop(self));
            return Err(error);
        }
        let ClientProviderBuilder {
            identity,
            config,
            exporter,
            flags,
            breakers,
            sinks,
            observer,
            clock,
            runtime,
            system,
            environment,
        } = self;
        let Environment { opted_out, error_text } = environment.unwrap_or_else(Environment::of_process);
        let level = config.error_text.narrowed(error_text.as_deref());
        let text = TextRules::new(level, config.own_words, config.own_packages)?;
        let system = system.unwrap_or_else(SystemInfo::detect).sanitized();
        let timers = !matches!(runtime, Runtime::Manual);
        let exporter = exporter.ok_or(BuildError::Missing("an exporter"))?;
        let plugins = Arc::new(Plugins {
            driver: Arc::new(DriverContext { identity, system }),
            dry_run: catch_panic(|| exporter.dry_run()).flatten(),
            exporter,
            flags: flags.ok_or(BuildError::Missing("a source of feature flags"))?,
            breakers: breakers.ok_or(BuildError::Missing("a source of breakers"))?,
            sinks: sinks.into_iter().map(|sink| Arc::new(SharedSink::new(sink))).collect(),
            clock: match clock {
                Some(clock) => SafeClock::new(clock, timers),
                None => SafeClock::machine(timers),
            },
            parent: Process::this(),
            memory: Arc::new(MemoryPool::new(config.max_total_bytes as u64)),
            ended_early: Arc::default(),
            observer,
            roll: Roll::default(),
            config,
            text,
            last_opened: LastOpened::default(),
            last: DropThread::default(),
        });
        let shared = Shared {
            registry: Registry::new(plugins.config.max_clients, Arc::clone(&plugins.ended_early)),
            runner: Runner::new(runtime),
            plugins,
            opted_out,
            waiting: Mutex::default(),
        };
        Ok(ClientProvider { shared: Arc::new(shared), child: None })
    }
}
