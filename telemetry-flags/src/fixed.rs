//! Flags from a setting.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use telemetry_core::FeatureFlagSource;
use telemetry_core::plugin::{FlagOrigin, FlagQuery, FlagSet, PluginError};

/// Flags that don't change: for tests, for services without flags, and for a driver that decides by itself.
/// It asks nobody.
///
/// To turn telemetry on for one support case whatever the service says, use
/// [`Mode::Forced`](telemetry_core::Mode::Forced) instead, which needs no change of what the provider is
/// composed of.
///
/// ```
/// use telemetry_flags::StaticFlags;
///
/// let flags = StaticFlags::new([("enableTelemetryForMyDriver", true)]);
/// # drop(flags);
/// ```
#[derive(Clone, Debug, Default)]
pub struct StaticFlags(BTreeMap<String, String>);

impl StaticFlags {
    /// These flags; any other is off.
    pub fn new<N: Into<String>>(flags: impl IntoIterator<Item = (N, bool)>) -> Self {
        StaticFlags(flags.into_iter().map(|(name, on)| (name.into(), on.to_string())).collect())
    }
}

#[async_trait]
impl FeatureFlagSource for StaticFlags {
    async fn flags(&self, _query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        Ok(FlagSet::new(self.0.clone(), FlagOrigin::Fixed, Duration::MAX))
    }

    fn may_block(&self) -> bool {
        false
    }
}
