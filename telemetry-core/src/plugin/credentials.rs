//! Who a connection is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::fault::{Fault, PluginError};
use crate::plugin::headers::{AuthHeaders, Headers};
use crate::record::id::ScopeId;

/// Who a connection is, and the headers that prove it. The driver implements it over what it already has.
///
/// Obligations of an implementation:
///
/// - [`scope`](CredentialProvider::scope) is equal for all connections of one principal, stays the same when
///   its token rotates, and differs between principals: records of one scope never travel under another's
///   headers. It is asked once per connection, on the driver's own thread, so it neither waits nor does I/O.
/// - [`headers`](CredentialProvider::headers) is asked once per request and answers with what is valid now.
///   It is **never interactive**: no browser, no prompt; if only a login would help, it fails with
///   [`Fault::Authentication`](crate::Fault::Authentication).
/// - Its future may be dropped at any time. It is given the request timeout, after which the request is given
///   up; telemetry then waits and asks again, and nobody else notices.
/// - Neither method shows a credential in an error or a log.
///
/// Where the methods run, and whether they may block, is said [here](crate::plugin#where-they-run).
///
/// ```
/// use telemetry_core::plugin::{AuthHeaders, PluginError, ScopeId};
/// use telemetry_core::{CredentialProvider, async_trait};
///
/// /// The connection's own login, which keeps its token fresh.
/// struct Login;
///
/// #[async_trait]
/// impl CredentialProvider for Login {
///     fn scope(&self) -> ScopeId {
///         ScopeId::derived_from("service-principal-7")
///     }
///
///     async fn headers(&self) -> Result<AuthHeaders, PluginError> {
///         Ok(AuthHeaders::bearer("the token that is valid now"))
///     }
/// }
/// ```
#[async_trait]
pub trait CredentialProvider: Send + Sync + 'static {
    /// Who this is. See the trait's obligations.
    fn scope(&self) -> ScopeId;
    /// What authorises a request now.
    async fn headers(&self) -> Result<AuthHeaders, PluginError>;

    /// Whether a call may hold up its thread, or its own drop may; `true` by default. Where it is `false`, it
    /// is dropped on whatever thread lets go of it last, which may be the driver's. See
    /// [`Exporter::may_block`](crate::Exporter::may_block).
    fn may_block(&self) -> bool {
        true
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: CredentialProvider + ?Sized> CredentialProvider for Arc<T> {
    fn scope(&self) -> ScopeId {
        (**self).scope()
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        (**self).headers().await
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}

/// A personal access token, or any other bearer token that doesn't change.
#[derive(Clone)]
pub struct StaticToken {
    scope: ScopeId,
    headers: Result<AuthHeaders, PluginError>,
}

impl StaticToken {
    /// A provider that always gives `authorization: Bearer TOKEN`, with a scope derived from the token by a
    /// keyed hash that can't be turned back.
    ///
    /// A blank token is none: asked for headers, the provider fails with [`Fault::Authentication`]. One with
    /// white space or a control character inside is no bearer token (RFC 6750), and fails with
    /// [`Fault::Unsendable`].
    pub fn new(token: &str) -> Self {
        let headers = if token.trim().is_empty() {
            Err(PluginError::new(Fault::Authentication))
        } else if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Err(PluginError::new(Fault::Unsendable))
        } else {
            Ok(Headers::bearer(token))
        };
        StaticToken { scope: ScopeId::derived_from(token), headers }
    }

    /// The same as a principal that is known by more than its token, which may be another after the next
    /// log-in.
    #[must_use]
    pub fn of(mut self, principal: ScopeId) -> Self {
        self.scope = principal;
        self
    }
}

impl fmt::Debug for StaticToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StaticToken { scope, headers: _ } = self;
        f.debug_struct("StaticToken").field("scope", scope).finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for StaticToken {
    fn scope(&self) -> ScopeId {
        self.scope
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        self.headers.clone()
    }

    fn may_block(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn headers(token: &str) -> Result<AuthHeaders, PluginError> {
        let provider = StaticToken::new(token);
        match pin!(provider.headers()).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(headers) => headers,
            Poll::Pending => panic!("nothing to wait for"),
        }
    }

    #[test]
    fn what_is_no_bearer_token_gives_no_header() {
        for blank in ["", " ", "\t\n"] {
            assert_eq!(headers(blank), Err(PluginError::new(Fault::Authentication)), "{blank:?}");
        }
        for broken in ["a b", "token\n", "a\u{0}b"] {
            assert_eq!(headers(broken), Err(PluginError::new(Fault::Unsendable)), "{broken:?}");
        }
        assert_eq!(headers("t"), Ok(Headers::bearer("t")));
    }

    #[test]
    fn a_token_at_hand_blocks_nobody_and_of_anything_else_nothing_is_promised() {
        struct Login;
        #[async_trait]
        impl CredentialProvider for Login {
            fn scope(&self) -> ScopeId {
                ScopeId::new(7)
            }

            async fn headers(&self) -> Result<AuthHeaders, PluginError> {
                Ok(Headers::bearer("t"))
            }
        }
        let shared: [(Arc<dyn CredentialProvider>, bool); 2] =
            [(Arc::new(StaticToken::new("t")), false), (Arc::new(Login), true)];
        for (provider, may_block) in shared {
            assert_eq!(CredentialProvider::may_block(&provider), may_block);
        }
    }
}
