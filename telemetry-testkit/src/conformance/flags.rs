//! Sources of flags of any kind.

use std::time::Duration;

use telemetry_core::plugin::{AuthHeaders, FlagOrigin, FlagQuery, FlagSet, PluginError, Tick};
use telemetry_core::{Clock, Fault, FeatureFlagSource, Host, HostPolicy};

use super::{SECRET, assert_hidden, poll_once, within};

/// No service says longer.
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

/// Checks a [`FeatureFlagSource`] of any kind: a setting, a cache, one that asks a service. `clock` is the one that the source was built
/// with; for a source without one, any. One that asks a service over a [`Transport`](telemetry_core::plugin::Transport) is checked by
/// [`flags_over_transport`](super::flags_over_transport()) besides. It asks for flags of `flags.conformance.example`.
///
/// Checked:
///
/// - a question ends, with an answer or a failure; without credentials that failure is [`Fault::Authentication`];
/// - it is safe to cancel: after questions were dropped before and after their first poll, the next one ends, and so does one that was
///   waiting beside;
/// - `fresh_until` of a fresh answer is on the clock: not before now, and within a year, or [`Tick::MAX`];
/// - its `Debug` shows no credential.
///
/// Not checked, because they can't be seen from outside: what it asks and whom, and that it doesn't block its thread.
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn flags(source: &dyn FeatureFlagSource, clock: &dyn Clock) {
    const ENDS: &str = "FeatureFlagSource::flags ends by itself";
    const CANCEL: &str = "FeatureFlagSource::flags is safe to cancel, and the next question ends";
    const BESIDE: &str = "FeatureFlagSource::flags is safe to cancel, and a question that waits beside ends";
    let (host, credentials) = (host("flags"), AuthHeaders::bearer(SECRET));
    let open = FlagQuery::new(&host, "CONFORMANCE", "1.2.3");
    let query = FlagQuery::new(&host, "CONFORMANCE", "1.2.3").with_credentials(Some(&credentials));

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
        assert_on_clock(&within(BESIDE, beside).await, clock);
    } else {
        drop(beside);
    }
    assert_on_clock(&within(if waited { CANCEL } else { ENDS }, source.flags(&query)).await, clock);
    let both = async { tokio::join!(source.flags(&query), source.flags(&query)) };
    let (one, other) = within(ENDS, both).await;
    assert_on_clock(&one, clock);
    assert_on_clock(&other, clock);
    assert_hidden("FeatureFlagSource", &source);
}

pub(super) fn host(name: &str) -> Host {
    Host::parse(&format!("{name}.conformance.example"), HostPolicy::Public).unwrap()
}

fn assert_on_clock(answer: &Result<FlagSet, PluginError>, clock: &dyn Clock) {
    let Ok(FlagSet { origin: origin @ (FlagOrigin::Fetched | FlagOrigin::Cached), fresh_until, .. }) = answer
    else {
        return;
    };
    let now = clock.now();
    assert!(
        *fresh_until == Tick::MAX || (now..=now + YEAR).contains(fresh_until),
        "FeatureFlagSource::flags gives fresh_until on the provider's clock, but at {now:?} what was {origin} was \
         fresh until {fresh_until:?}"
    );
}
