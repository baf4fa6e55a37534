//! The URL of a collector.

use telemetry_core::{BuildError, Host, HostPolicy};

/// The host, and the path of a URL as it stands; `/` where it has none.
pub(super) fn as_it_is(url: &str) -> Result<(Host, String), BuildError> {
    let (host, path) = split(url)?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((host, path))
}

/// The host, and this path behind that of the URL, whose query is left out.
pub(super) fn behind(base: &str, path: &str) -> Result<(Host, String), BuildError> {
    let (host, before) = split(base)?;
    let before = before.split('?').next().unwrap_or_default();
    let slash = if before.ends_with('/') { "" } else { "/" };
    Ok((host, format!("{before}{slash}{path}")))
}

/// The host, and what is behind it up to a fragment.
fn split(url: &str) -> Result<(Host, &str), BuildError> {
    let url = url.trim();
    let url = url.split('#').next().unwrap_or_default();
    let invalid = |reason: &str| BuildError::Setup { what: "OTLP endpoint", reason: reason.to_owned() };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("it has no scheme, http or https"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("its path holds something other than visible ASCII"));
    }
    // A colon without a port is the scheme's own port.
    let origin = format!("{scheme}://{}", authority.strip_suffix(':').unwrap_or(authority));
    let host = if scheme.eq_ignore_ascii_case("http") {
        Host::parse(&origin, HostPolicy::Private)
    } else {
        // In the clear or not, a collector may be on this machine.
        Host::parse(&origin, HostPolicy::Public)
            .or_else(|refused| Host::parse(&origin, HostPolicy::Private).map_err(|_| refused))
    };
    // What is wrong is said without the text, which may hold a password.
    host.map(|host| (host, path)).map_err(|error| invalid(error.reason))
}
