//! Host validation: what is taken is a bare host, is the same when read again, and is never this machine.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use telemetry_core::{Host, HostPolicy};

fuzz_target!(|text: &str| {
    let Ok(host) = Host::parse(text, HostPolicy::Public) else { return };
    assert!(host.is_secure() && host.origin().starts_with("https://"));
    assert!(!host.name().contains(['@', '/', '?', '#', ' ', '%', '\\']), "{text:?} gave {:?}", host.name());
    assert_eq!(Host::parse(&host.origin(), HostPolicy::Public).as_ref(), Ok(&host), "{text:?}");
    if let Ok(address) = host.name().trim_matches(['[', ']']).parse::<IpAddr>() {
        assert!(host.may_connect(address) && !address.is_loopback() && !address.is_unspecified(), "{text:?}");
    }
    assert!(!host.name().eq_ignore_ascii_case("localhost"));
});
