//! The one thing a driver builds and owns: everything else is reached through it.

use std::fmt;
use std::sync::Arc;

use crate::breaker::BreakerSource;
use crate::client::Client;
use crate::clock::{Clock, SystemClock};
use crate::config::{Setting, TelemetryConfig, opt_out};
use crate::contain::{SafeClock, contained};
use crate::error::BuildError;
use crate::exporter::Exporter;
use crate::flags::FeatureFlagSource;
use crate::headers::CredentialProvider;
use crate::host::Host;
use crate::lease::{Hold, Lease};
use crate::model::{DriverIdentity, SystemInfo};
use crate::plugins::{LastHold, Plugins, Stuck};
use crate::process::Process;
use crate::record::DriverContext;
use crate::registry::{Key, Leased, Registry};
use crate::status::OffReason;
use crate::worker::{Runner, Worker, work};

/// What the handles and workers of one provider share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) registry: Registry,
    pub(crate) runner: Runner,
    opted_out: Option<&'static str>,
}

/// Gives connections their telemetry: one client for each host and principal, shared by as many connections as there are.
///
/// A driver builds one and keeps it, usually one per process. Cloning it is cheap and gives the same provider.
#[derive(Clone, Debug)]
pub struct ClientProvider {
    shared: Arc<Shared>,
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
            clock: None,
            worker: Worker::default(),
            system: None,
            opted_out: opt_out(|name| std::env::var(name).ok()),
        }
    }

    /// A connection's share of telemetry. It never fails, waits or does I/O: where telemetry can't be had, the lease is off
    /// and says [why](Lease::status).
    ///
    /// What decides, in this order: an opt-out in the environment; [`Target::setting`];
    /// [`TelemetryConfig::setting`]; the service's feature flag, unless one of the settings is [`Setting::Forced`].
    pub fn acquire(&self, target: Target) -> Lease {
        match self.try_acquire(target) {
            Ok(hold) => Lease::on(hold),
            Err(reason) => Lease::off(reason),
        }
    }

    fn try_acquire(&self, target: Target) -> Result<Hold, OffReason> {
        let Target { host, credentials, setting } = target;
        let shared = &self.shared;
        if !shared.plugins.is_home() {
            return Err(OffReason::ForkedChild);
        }
        if let Some(variable) = shared.opted_out {
            return Err(OffReason::OptOut(variable));
        }
        let setting = setting.unwrap_or(shared.plugins.config.setting);
        if setting == Setting::Off {
            return Err(OffReason::Setting);
        }
        let host = Host::parse(&host, shared.plugins.config.host_policy).map_err(OffReason::InvalidHost)?;
        let scope = match &credentials {
            Some(provider) => Some(contained(|| provider.scope()).ok_or(OffReason::CredentialsPanicked)?),
            None => None,
        };
        if !shared.runner.start() {
            return Err(OffReason::NoThread);
        }
        let key = Key { host, scope, forced: setting == Setting::Forced };
        let make =
            || Client::new(Arc::clone(&shared.plugins), key.host.clone(), credentials.clone(), key.forced);
        let client = match shared.registry.acquire(&key, make) {
            Leased::Shared(client) => {
                client.renew_credentials(credentials);
                client
            }
            Leased::New(client) => {
                shared.runner.spawn(work(Arc::clone(&client), Arc::clone(shared)));
                client
            }
            Leased::Full => return Err(OffReason::TooManyClients),
        };
        Ok(Hold::new(Arc::clone(shared), key, client))
    }

    /// Moves every worker for as long as it can, when the provider was built with [`Worker::Manual`]; else it does nothing.
    ///
    /// What was recorded is taken in, what is due is sent, and answers are settled, as far as no worker has to wait for the
    /// clock or a plug-in.
    pub fn step(&self) {
        self.shared.step();
    }
}

impl Shared {
    pub(crate) fn step(&self) {
        if self.runner.is_manual() {
            self.registry.clients().iter().for_each(|client| client.wake_up());
            self.runner.step();
        }
    }
}

/// What a connection wants telemetry for.
#[derive(Clone)]
pub struct Target {
    host: String,
    credentials: Option<Arc<dyn CredentialProvider>>,
    setting: Option<Setting>,
}

impl Target {
    /// A host, in any spelling that [`Host::parse`] takes. Without credentials: only what doesn't correlate is sent,
    /// and only where the flag is known of another connection to the host, or with [`Setting::Forced`].
    pub fn new(host: impl Into<String>) -> Self {
        Target { host: host.into(), credentials: None, setting: None }
    }

    /// The same with the connection's credentials.
    #[must_use]
    pub fn credentials(mut self, credentials: impl CredentialProvider) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// The same with the user's setting for this connection, which wins over the provider's.
    #[must_use]
    pub fn setting(mut self, setting: Setting) -> Self {
        self.setting = Some(setting);
        self
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A host that wasn't checked yet may hold a password.
        let Target { host: _, credentials, setting } = self;
        f.debug_struct("Target")
            .field("authenticated", &credentials.is_some())
            .field("setting", setting)
            .finish_non_exhaustive()
    }
}

/// Composes a [`ClientProvider`]. [`exporter`](Self::exporter), [`flags`](Self::flags) and [`breakers`](Self::breakers) must
/// be given; all else has a default.
#[derive(Debug)]
#[must_use]
pub struct ClientProviderBuilder {
    identity: DriverIdentity,
    config: TelemetryConfig,
    exporter: Option<Arc<dyn Exporter>>,
    flags: Option<Arc<dyn FeatureFlagSource>>,
    breakers: Option<Arc<dyn BreakerSource>>,
    clock: Option<Arc<dyn Clock>>,
    worker: Worker,
    system: Option<SystemInfo>,
    opted_out: Option<&'static str>,
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

    /// Where hosts have their breakers from. [`AlwaysClosed`](crate::AlwaysClosed) for an exporter that calls no service.
    pub fn breakers(mut self, breakers: impl BreakerSource) -> Self {
        self.breakers = Some(Arc::new(breakers));
        self
    }

    /// The time; the machine's by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// What the workers run on; a thread of the provider's own by default.
    pub fn worker(mut self, worker: Worker) -> Self {
        self.worker = worker;
        self
    }

    /// What the program runs on; detected by default.
    pub fn system(mut self, system: SystemInfo) -> Self {
        self.system = Some(system);
        self
    }

    /// How environment variables are read for an opt-out; the process's own by default. For bindings whose host language
    /// keeps an environment of its own, and for tests.
    pub fn environment(mut self, variable: impl Fn(&str) -> Option<String>) -> Self {
        self.opted_out = opt_out(variable);
        self
    }

    /// Builds the provider. It starts no thread and does no I/O beyond asking the system what it is.
    ///
    /// # Errors
    ///
    /// [`BuildError::Missing`] without an exporter, flags or breakers; [`BuildError::OutOfBounds`] for a setting that makes no
    /// sense.
    pub fn build(self) -> Result<ClientProvider, BuildError> {
        let ClientProviderBuilder {
            identity,
            config,
            exporter,
            flags,
            breakers,
            clock,
            worker,
            system,
            opted_out,
        } = self;
        config.validate()?;
        let system = system.unwrap_or_else(SystemInfo::detect).cleaned();
        let plugins = Arc::new(Plugins {
            driver: Arc::new(DriverContext { identity, system }),
            exporter: exporter.ok_or(BuildError::Missing("an exporter"))?,
            flags: flags.ok_or(BuildError::Missing("a source of feature flags"))?,
            breakers: breakers.ok_or(BuildError::Missing("a source of breakers"))?,
            clock: SafeClock::new(
                clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
                !matches!(worker, Worker::Manual),
            ),
            home: Process::this(),
            config,
            stuck: Stuck::default(),
            last: LastHold::default(),
        });
        let shared = Shared {
            registry: Registry::new(plugins.config.max_clients),
            runner: Runner::new(worker),
            plugins,
            opted_out,
        };
        Ok(ClientProvider { shared: Arc::new(shared) })
    }
}
