//! The sources keep what their trait's documentation obliges them to.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::sync::Arc;
use std::time::Duration;

use telemetry_core::{Fault, FeatureFlagSource};
use telemetry_flags::*;
use telemetry_testkit::{Do, Script, ScriptedFlags, conformance, flag};

/// Runs a suite whose safety net needs a timer.
fn run(suite: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(suite);
}

#[test]
fn static_flags_conform() {
    run(conformance::flags(&StaticFlags::new([("a.flag", true)])));
}

#[test]
fn a_cache_conforms_whatever_is_behind_it() {
    let soon = Duration::from_secs(900);
    for script in [
        Script::always(Do::Give(flag("a.flag", true, Duration::MAX))),
        Script::always(Do::Give(flag("a.flag", true, soon))),
        // Stale at once, so that each question is asked again.
        Script::always(Do::Give(flag("a.flag", false, Duration::ZERO))),
        Script::always(Do::Fail(Fault::Reset.into())).first(Do::Give(flag("a.flag", true, soon))),
        Script::always(Do::Fail(Fault::Authentication.into())),
        // The first who asks has no credentials, and the next goes away.
        Script::always(Do::Give(flag("a.flag", true, soon)))
            .first(Do::Fail(Fault::Authentication.into()))
            .first(Do::Hang),
    ] {
        let cache = FlagCache::new(ScriptedFlags::new(script));
        run(conformance::flags(&cache));
    }
}

#[test]
fn a_source_over_http_conforms_with_and_without_a_cache() {
    run(conformance::flags_over_transport(HttpFlagSource::new));
    run(conformance::flags_over_transport(|transport| FlagCache::new(HttpFlagSource::new(transport))));
    run(conformance::flags_over_transport(|transport| -> Arc<dyn FeatureFlagSource> {
        Arc::new(FlagCache::builder(HttpFlagSource::new(transport)).capacity(1).build())
    }));
}
