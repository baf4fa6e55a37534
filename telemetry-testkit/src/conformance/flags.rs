//! Sources of flags of any kind.

use std::time::Duration;

use telemetry_core::plugin::{AuthHeaders, FlagOrigin, FlagQuery, FlagSet, PluginError, Tick};
use telemetry_core::{Fault, FeatureFlagSource, Host, HostPolicy};

use super::samples::{driver, wall};
use super::{SECRET, assert_hidden, poll_once, within};

/// When the questions are asked. Not zero, so that a time on another clock is seen to be one.
const NOW: Tick = Tick::from_nanos(3_600_000_000_000);
/// No service says longer.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// Checks a [`FeatureFlagSource`] of any kind: a setting, a cache, one that asks a service. One that asks a
/// service over a [`Transport`](telemetry_core::plugin::Transport) is checked by
/// [`flags_over_transport`](super::flags_over_transport()) besides. It asks for flags of
/// `flags.conformance.example`.
///
/// Checked:
///
/// - a question ends, with an answer or a failure; without credentials that failure is
///   [`Fault::Authentication`];
/// - it is safe to cancel: after questions were dropped before and after their first poll, the next one ends,
///   and so does one that was waiting beside;
/// - what is fresh is so for a year at the most, or for [`Duration::MAX`];
/// - its `Debug` shows no credential.
///
/// Not checked, because they can't be seen from outside: what it asks and whom, and that it doesn't block its
/// thread.
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn flags(source: &dyn FeatureFlagSource) {
    const ENDS: &str = "FeatureFlagSource::flags ends by itself";
    const CANCEL: &str = "FeatureFlagSource::flags is safe to cancel, and the next question ends";
    const BESIDE: &str = "FeatureFlagSource::flags is safe to cancel, and a question that waits beside ends";
    let (host, credentials) = (host("flags"), AuthHeaders::bearer(SECRET));
    let driver = driver();
    let open = FlagQuery::new(&host, &driver, NOW, wall());
    let query = FlagQuery::new(&host, &driver, NOW, wall()).with_credentials(Some(&credentials));

    if let Err(failure) = within(ENDS, source.flags(&open)).await {
        assert_eq!(
            failure.fault,
            Fault::Authentication,
            "FeatureFlagSource::flags fails with Fault::Authentication when it needs credentials and has none, but \
             it failed otherwise"
        );
    }
    drop(source.flags(&query));
    let (mut first, mut beside) = (source.flags(&query), source.flags(&query));
    let waited = poll_once(first.as_mut()).await.is_pending();
    let waits = poll_once(beside.as_mut()).await.is_pending();
    drop(first);
    if waits {
        assert_sensible(&within(BESIDE, beside).await);
    } else {
        drop(beside);
    }
    assert_sensible(&within(if waited { CANCEL } else { ENDS }, source.flags(&query)).await);
    let both = async { tokio::join!(source.flags(&query), source.flags(&query)) };
    let (one, other) = within(ENDS, both).await;
    assert_sensible(&one);
    assert_sensible(&other);
    assert_hidden("FeatureFlagSource", &source);
}

pub(super) fn host(name: &str) -> Host {
    Host::parse(&format!("{name}.conformance.example"), HostPolicy::Public).unwrap()
}

fn assert_sensible(answer: &Result<FlagSet, PluginError>) {
    let Ok(FlagSet { origin: origin @ (FlagOrigin::Fetched | FlagOrigin::Cached), fresh_for, .. }) = answer
    else {
        return;
    };
    assert!(
        *fresh_for <= YEAR || *fresh_for > 100 * YEAR,
        "FeatureFlagSource::flags says for how long from the question an answer is fresh, but what was {origin} was \
         fresh for {fresh_for:?}"
    );
}
