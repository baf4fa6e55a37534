//! A client for each policy of hosts.

use std::fmt;

use crate::host::{Host, HostPolicy};

/// One HTTP client for each [`HostPolicy`], so that addresses are checked by the policy of the host that is
/// called, and a connection that was opened under one policy is never used under another.
///
/// Its `Debug` shows nothing of the clients, as those may show headers and proxies with a password.
///
/// ```
/// use telemetry_core::plugin::PerPolicy;
/// use telemetry_core::{Host, HostPolicy};
///
/// let clients = PerPolicy::new(|policy| format!("a client for {policy:?}"));
/// let host = Host::parse("workspace.example.com", HostPolicy::Public).unwrap();
/// assert_eq!(clients.of(&host), "a client for Public");
/// ```
#[derive(Clone)]
pub struct PerPolicy<T> {
    public: T,
    loopback: T,
    private: T,
}

impl<T> PerPolicy<T> {
    /// Makes one for each.
    pub fn new(make: impl Fn(HostPolicy) -> T) -> Self {
        PerPolicy {
            public: make(HostPolicy::Public),
            loopback: make(HostPolicy::AllowLoopback),
            private: make(HostPolicy::Private),
        }
    }

    /// Makes one for each.
    ///
    /// # Errors
    ///
    /// The first that `make` has.
    pub fn try_new<E>(make: impl Fn(HostPolicy) -> Result<T, E>) -> Result<Self, E> {
        Ok(PerPolicy {
            public: make(HostPolicy::Public)?,
            loopback: make(HostPolicy::AllowLoopback)?,
            private: make(HostPolicy::Private)?,
        })
    }

    /// That of this host's policy.
    pub fn of(&self, host: &Host) -> &T {
        match host.policy() {
            HostPolicy::Public => &self.public,
            HostPolicy::AllowLoopback => &self.loopback,
            HostPolicy::Private => &self.private,
        }
    }
}

impl<T> fmt::Debug for PerPolicy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerPolicy").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_the_client_of_its_policy_and_none_is_shown() {
        let clients = PerPolicy::new(|policy| (policy, "canary"));
        let tried = PerPolicy::try_new(|policy| Ok::<_, ()>((policy, "canary"))).unwrap();
        for policy in [HostPolicy::Public, HostPolicy::AllowLoopback, HostPolicy::Private] {
            let host = Host::parse("workspace.example.com", policy).unwrap();
            assert_eq!((clients.of(&host).0, tried.of(&host).0), (policy, policy));
        }
        assert!(!format!("{clients:?}").contains("canary"));
    }

    #[test]
    fn one_that_can_not_be_made_is_an_error() {
        for bad in [HostPolicy::Public, HostPolicy::AllowLoopback, HostPolicy::Private] {
            let made = PerPolicy::try_new(|policy| if policy == bad { Err(policy) } else { Ok(()) });
            assert_eq!(made.unwrap_err(), bad);
        }
    }
}
