//! The paths that telemetry is posted to.

use telemetry_core::BuildError;
use telemetry_core::text::sanitize;

/// A pair of paths: one for requests with the connection's authorization, one for requests without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    authenticated: std::borrow::Cow<'static, str>,
    unauthenticated: std::borrow::Cow<'static, str>,
}

impl Endpoints {
    /// The paths that the service's plan names. A workspace that doesn't have them answers 404.
    pub const PLAN: Endpoints = Endpoints {
        authenticated: std::borrow::Cow::Borrowed("/api/2.0/sql/telemetry-ext"),
        unauthenticated: std::borrow::Cow::Borrowed("/api/2.0/sql/telemetry-unauth"),
    };

    /// The paths that shipped drivers post to: the default.
    pub const SHIPPED: Endpoints = Endpoints {
        authenticated: std::borrow::Cow::Borrowed("/telemetry-ext"),
        unauthenticated: std::borrow::Cow::Borrowed("/telemetry-unauth"),
    };

    /// A pair of one's own.
    ///
    /// # Errors
    ///
    /// [`BuildError::InvalidName`] for a path that doesn't start with one `/`, or holds anything but what a
    /// path may hold.
    pub fn new(authenticated: &str, unauthenticated: &str) -> Result<Self, BuildError> {
        Ok(Endpoints {
            authenticated: path(authenticated)?.into(),
            unauthenticated: path(unauthenticated)?.into(),
        })
    }

    /// The path for requests with the connection's authorization.
    pub fn authenticated(&self) -> &str {
        &self.authenticated
    }

    /// The path for requests without.
    pub fn unauthenticated(&self) -> &str {
        &self.unauthenticated
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Endpoints::SHIPPED
    }
}

fn path(path: &str) -> Result<String, BuildError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte);
    if path.len() > 1
        && path.len() <= 256
        && path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(allowed)
    {
        Ok(path.to_owned())
    } else {
        Err(BuildError::InvalidName {
            name: "endpoint path",
            value: sanitize(path).chars().take(256).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_not_lead_elsewhere() {
        assert!(Endpoints::new("/a/b-c", "/d").is_ok());
        for bad in ["", "/", "a", "//evil.com/x", "/a?b", "/a#b", "/a b", "http://x/", "/a\r\nb"] {
            assert!(Endpoints::new(bad, "/d").is_err() && Endpoints::new("/d", bad).is_err(), "{bad}");
        }
    }
}
