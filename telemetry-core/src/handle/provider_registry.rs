//! Providers that outlive what uses them: for drivers whose database objects come and go.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::BuildError;
use crate::guard::fork::InChild;
use crate::guard::lock::lock;
use crate::guard::sync::Mutex;
use crate::handle::provider::ClientProvider;

/// How many providers a registry keeps.
const LIMIT: usize = 16;

/// Providers by what they are built of, for a driver that has no place of its own for one: an ADBC driver's
/// database object, say, lives for one connection, and a provider of its own would forget the flag and the
/// breaker with each and start a thread for each.
///
/// The key is whatever makes one provider differ from another: a proxy, a certificate, a configuration file.
/// What differs between connections alone is said with [`Target::settings`](crate::Target::settings). Up to
/// 16 providers are kept; past that the one that was asked for longest ago is let go, and ends with the last
/// of its leases. A forked child has a registry of its own, which begins empty.
///
/// ```
/// use telemetry_core::{BuildError, ClientProvider, ProviderRegistry};
///
/// #[derive(PartialEq)]
/// struct Network {
///     proxy: Option<String>,
/// }
///
/// static TELEMETRY: ProviderRegistry<Network> = ProviderRegistry::new();
///
/// # fn build(network: &Network) -> Result<ClientProvider, BuildError> { Err(BuildError::Missing("all")) }
/// # fn database(network: Network) -> Option<ClientProvider> {
/// // In each database object; without a provider, connections take `Lease::disabled()`.
/// TELEMETRY.get_or_build(network, build).ok()
/// # }
/// ```
pub struct ProviderRegistry<K> {
    /// Those kept, the one asked for last at the end.
    kept: Mutex<Vec<(K, ClientProvider)>>,
    /// The process that they belong to; 0 before the first is asked for.
    process: AtomicU32,
    child: InChild<Box<ProviderRegistry<K>>>,
}

impl<K: PartialEq> ProviderRegistry<K> {
    /// An empty one.
    pub const fn new() -> Self {
        ProviderRegistry { kept: Mutex::new(Vec::new()), process: AtomicU32::new(0), child: InChild::new() }
    }

    /// The provider of this key, which `build` makes if there is none. Two threads that ask for the same at
    /// once may both build; both are given the one that was ready first.
    ///
    /// # Errors
    ///
    /// What `build` says. It is asked again the next time.
    pub fn get_or_build(
        &self,
        key: K,
        build: impl FnOnce(&K) -> Result<ClientProvider, BuildError>,
    ) -> Result<ClientProvider, BuildError> {
        let Some(registry) = self.here() else { return build(&key) };
        if let Some(provider) = registry.get(&key) {
            return Ok(provider);
        }
        // Not under the lock: it reads certificates, and other keys needn't wait for that.
        let built = build(&key)?;
        Ok(registry.keep(key, built))
    }

    fn get(&self, key: &K) -> Option<ClientProvider> {
        let mut kept = lock(&self.kept);
        let place = kept.iter().position(|(of, _)| of == key)?;
        let entry = kept.remove(place);
        let provider = entry.1.clone();
        kept.push(entry);
        Some(provider)
    }

    fn keep(&self, key: K, built: ClientProvider) -> ClientProvider {
        let mut kept = lock(&self.kept);
        if let Some((_, provider)) = kept.iter().find(|(of, _)| *of == key) {
            return provider.clone();
        }
        let gone = if kept.len() < LIMIT { None } else { Some(kept.remove(0)) };
        kept.push((key, built.clone()));
        drop(kept);
        drop(gone);
        built
    }

    /// The registry of this process: a forked child must not wait for a lock that its parent may have held.
    fn here(&self) -> Option<&Self> {
        let this = std::process::id();
        match self.process.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Some(self),
            Err(process) if process == this => Some(self),
            Err(_) => self.child.get_or_make(|| Some(Box::default()))?.here(),
        }
    }
}

impl<K: PartialEq> Default for ProviderRegistry<K> {
    fn default() -> Self {
        ProviderRegistry::new()
    }
}

impl<K> fmt::Debug for ProviderRegistry<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderRegistry").finish_non_exhaustive()
    }
}
