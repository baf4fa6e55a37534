//! May this host be told?

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::fault::PluginError;
use crate::host::Host;
use crate::plugin::clock::Tick;
use crate::plugin::headers::AuthHeaders;
use crate::record::identity::DriverIdentity;

/// A question for the feature flags that a host has for a driver.
#[non_exhaustive]
pub struct FlagQuery<'a> {
    /// The host.
    pub host: &'a Host,
    /// The driver, which a service knows by its [client name](DriverIdentity::client) and version.
    pub driver: &'a DriverIdentity,
    /// What authorises the question. Without it a source answers from what it knows, or fails with
    /// [`Fault::Authentication`](crate::Fault::Authentication).
    pub credentials: Option<&'a AuthHeaders>,
    /// Which of the host's workspaces, where it has several and the driver knows: their flags differ.
    pub workspace: Option<i64>,
    /// When it is asked, on the provider's clock.
    pub now: Tick,
    /// The date at that time.
    pub wall: SystemTime,
}

impl<'a> FlagQuery<'a> {
    /// A question that is asked now, without credentials.
    pub fn new(host: &'a Host, driver: &'a DriverIdentity, now: Tick, wall: SystemTime) -> Self {
        FlagQuery { host, driver, credentials: None, workspace: None, now, wall }
    }

    /// The same with credentials.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<&'a AuthHeaders>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The same of one of the host's workspaces.
    #[must_use]
    pub fn of_workspace(mut self, workspace: Option<i64>) -> Self {
        self.workspace = workspace;
        self
    }
}

impl fmt::Debug for FlagQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlagQuery { host, driver, credentials, workspace, now, wall: _ } = self;
        f.debug_struct("FlagQuery")
            .field("host", host)
            .field("driver", driver)
            .field("authenticated", &credentials.is_some())
            .field("workspace", workspace)
            .field("now", now)
            .finish_non_exhaustive()
    }
}

/// Where flags came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagOrigin {
    /// The service, just now.
    Fetched,
    /// A cache, within its time.
    Cached,
    /// A cache, past its time, because asking again failed or is under way.
    Stale,
    /// A setting in the program.
    Fixed,
}

impl fmt::Display for FlagOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FlagOrigin::Fetched => "fetched",
            FlagOrigin::Cached => "cached",
            FlagOrigin::Stale => "stale",
            FlagOrigin::Fixed => "fixed",
        })
    }
}

/// What a set of flags says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagValue {
    /// Its value is `true`, in any case and with any white space around it.
    On,
    /// It has another value.
    Off,
    /// The service has no such flag.
    Absent,
}

/// All flags of one client at one host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlagSet {
    /// Name and value of each flag, as the service wrote them.
    pub values: Arc<BTreeMap<String, String>>,
    /// Where they came from.
    pub origin: FlagOrigin,
    /// For how long from [`FlagQuery::now`] they need not be asked for again.
    pub fresh_for: Duration,
}

impl FlagSet {
    /// A set of flags.
    pub fn new(values: BTreeMap<String, String>, origin: FlagOrigin, fresh_for: Duration) -> Self {
        FlagSet { values: Arc::new(values), origin, fresh_for }
    }

    /// The same flags from elsewhere, and fresh for another time.
    #[must_use]
    pub fn given_out_as(&self, origin: FlagOrigin, fresh_for: Duration) -> Self {
        FlagSet { values: Arc::clone(&self.values), origin, fresh_for }
    }

    /// What it says of the flag of this name.
    pub fn value(&self, name: &str) -> FlagValue {
        match self.values.get(name) {
            None => FlagValue::Absent,
            Some(value) if value.trim().eq_ignore_ascii_case("true") => FlagValue::On,
            Some(_) => FlagValue::Off,
        }
    }

    /// Whether the flag is there and [on](FlagValue::On).
    pub fn is_on(&self, name: &str) -> bool {
        self.value(name) == FlagValue::On
    }
}

/// Knows the feature flags of hosts.
///
/// Obligations of an implementation:
///
/// - An answer is what the service said, now or earlier. A failure to ask is an error, never an empty or a
///   false answer; a source that has an older answer gives that, as [`FlagOrigin::Stale`].
/// - It reads no clock: the question says [when](FlagQuery::now) it is asked, and the answer for how long
///   from then it is fresh.
/// - It is safe to cancel, and ends by itself. It is cancelled after the request timeout. Where it runs, and
///   whether it may block, is said [here](crate::plugin#where-they-run).
/// - Credentials go to `host` alone. A refusal of one caller's credentials (401, 403) is that caller's
///   failure and settles nothing for others.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::time::Duration;
///
/// use telemetry_core::plugin::{FlagOrigin, FlagQuery, FlagSet, PluginError};
/// use telemetry_core::{FeatureFlagSource, async_trait};
///
/// /// On for the versions that a team has tried.
/// #[derive(Debug)]
/// struct FromVersionTwo;
///
/// #[async_trait]
/// impl FeatureFlagSource for FromVersionTwo {
///     async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
///         let on = !query.driver.version().starts_with("1.");
///         let values = BTreeMap::from([(query.driver.flag().to_owned(), on.to_string())]);
///         Ok(FlagSet::new(values, FlagOrigin::Fixed, Duration::MAX))
///     }
/// }
/// ```
#[async_trait]
pub trait FeatureFlagSource: fmt::Debug + Send + Sync + 'static {
    /// The flags of one client at one host.
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError>;

    /// Whether a call may hold up its thread; `true` by default. See
    /// [`Exporter::may_block`](crate::Exporter::may_block).
    fn may_block(&self) -> bool {
        true
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: FeatureFlagSource + ?Sized> FeatureFlagSource for Arc<T> {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        (**self).flags(query).await
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_in_any_case_is_on() {
        let values = [("a", "true"), ("b", " TRUE"), ("c", "1"), ("d", "false"), ("e", "")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let flags = FlagSet::new(values, FlagOrigin::Fixed, Duration::MAX);
        let on: Vec<_> =
            ["a", "b", "c", "d", "e", "f"].into_iter().filter(|name| flags.is_on(name)).collect();
        assert_eq!(on, ["a", "b"]);
        assert_eq!((flags.value("c"), flags.value("f")), (FlagValue::Off, FlagValue::Absent));
    }
}
