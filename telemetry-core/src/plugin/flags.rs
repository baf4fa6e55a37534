//! May this host be told?

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::fault::PluginError;
use crate::host::Host;
use crate::plugin::clock::Tick;
use crate::plugin::headers::AuthHeaders;

/// A question for a host's feature flags.
#[non_exhaustive]
pub struct FlagQuery<'a> {
    /// The host.
    pub host: &'a Host,
    /// The client name that the driver is registered under, such as `NODEJS`.
    pub client: &'a str,
    /// The driver's version.
    pub version: &'a str,
    /// What authorises the question. Without it a source answers from what it knows, or fails with
    /// [`Fault::Authentication`](crate::Fault::Authentication).
    pub credentials: Option<&'a AuthHeaders>,
}

impl<'a> FlagQuery<'a> {
    /// A question without credentials.
    pub fn new(host: &'a Host, client: &'a str, version: &'a str) -> Self {
        FlagQuery { host, client, version, credentials: None }
    }

    /// The same with credentials.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<&'a AuthHeaders>) -> Self {
        self.credentials = credentials;
        self
    }
}

impl fmt::Debug for FlagQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlagQuery { host, client, version, credentials } = self;
        f.debug_struct("FlagQuery")
            .field("host", host)
            .field("client", client)
            .field("version", version)
            .field("authenticated", &credentials.is_some())
            .finish()
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

/// All flags of one client at one host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlagSet {
    /// Name and value of each flag, as the service wrote them.
    pub values: Arc<BTreeMap<String, String>>,
    /// Where they came from.
    pub origin: FlagOrigin,
    /// Until when they need not be asked for again.
    pub fresh_until: Tick,
}

impl FlagSet {
    /// A set of flags.
    pub fn new(values: BTreeMap<String, String>, origin: FlagOrigin, fresh_until: Tick) -> Self {
        FlagSet { values: Arc::new(values), origin, fresh_until }
    }

    /// The same flags from elsewhere, and fresh for another time.
    #[must_use]
    pub fn given_out_as(&self, origin: FlagOrigin, fresh_until: Tick) -> Self {
        FlagSet { values: Arc::clone(&self.values), origin, fresh_until }
    }

    /// Whether the flag is there and its value is `true`, in any case and with any white space around it.
    pub fn is_on(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }
}

/// Knows the feature flags of hosts.
///
/// Obligations of an implementation:
///
/// - An answer is what the service said, now or earlier. A failure to ask is an error, never an empty or a false
///   answer; a source that has an older answer gives that, as [`FlagOrigin::Stale`].
/// - `fresh_until` is on the clock that the provider was built with.
/// - It is safe to cancel, ends by itself, and doesn't block its thread. It is cancelled after the request timeout.
/// - Credentials go to `host` alone. A refusal of one caller's credentials (401, 403) is that caller's failure and
///   settles nothing for others.
#[async_trait]
pub trait FeatureFlagSource: fmt::Debug + Send + Sync + 'static {
    /// The flags of one client at one host.
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: FeatureFlagSource + ?Sized> FeatureFlagSource for Arc<T> {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        (**self).flags(query).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_in_any_case_is_on() {
        let values = [("a", "true"), ("b", " TRUE"), ("c", "1"), ("d", "false"), ("e", "")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let flags = FlagSet::new(values, FlagOrigin::Fixed, Tick::MAX);
        let on: Vec<_> =
            ["a", "b", "c", "d", "e", "f"].into_iter().filter(|name| flags.is_on(name)).collect();
        assert_eq!(on, ["a", "b"]);
    }
}
