//! Who a connection is.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::fault::{Fault, PluginError};
use crate::guard::fork::{InChild, Process};
use crate::guard::lock::{lock, lock_if, try_lock};
use crate::guard::sync::{Mutex, MutexGuard};
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

fn bearer(token: &str) -> Result<AuthHeaders, PluginError> {
    if token.trim().is_empty() {
        Err(Fault::Authentication.into())
    } else if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Err(Fault::Unsendable.into())
    } else {
        Ok(Headers::bearer(token))
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
        StaticToken { scope: ScopeId::derived_from(token), headers: bearer(token) }
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

/// A bearer token that changes: the driver says what it is now, when it has logged in and whenever it has
/// renewed it. Clones are the same token.
///
/// It asks nobody, begins no log-in, and is renewed as the driver renews its own. Until it is
/// [set](CurrentToken::set) there is none, and what is recorded waits as for any log-in: telemetry looks for
/// it again when the connection has opened. Set it before you say so: for a connection that has opened
/// without one, telemetry is off until the flag is asked for again, a minute later by default.
///
/// A forked child begins with what it was before the fork, or with none where a thread was just at it, and
/// sets it for itself.
///
/// ```
/// use telemetry_core::plugin::ScopeId;
/// use telemetry_core::{CurrentToken, Target};
///
/// let token = CurrentToken::of(ScopeId::derived_from("service-principal-7"));
/// let target = Target::new("dbc-a1b2.cloud.databricks.com").credentials(token.clone());
/// // Where the driver gets a new one:
/// token.set("the token that is valid now");
/// # drop(target);
/// ```
#[derive(Clone)]
pub struct CurrentToken {
    scope: ScopeId,
    place: Arc<Place>,
    in_child: Arc<InChild<Place>>,
}

/// Where a process has the token. A forked child has a place of its own: who held its parent's when it forked
/// doesn't exist there, and nobody is to wait for them.
struct Place {
    headers: Mutex<Result<AuthHeaders, PluginError>>,
    process: Process,
}

impl Place {
    fn new(headers: Result<AuthHeaders, PluginError>) -> Self {
        Place { headers: Mutex::new(headers), process: Process::this() }
    }
}

impl CurrentToken {
    /// No token yet, of a principal whose tokens they will be.
    pub fn of(principal: ScopeId) -> Self {
        let place = Arc::new(Place::new(Err(Fault::Authentication.into())));
        CurrentToken { scope: principal, place, in_child: Arc::default() }
    }

    /// From now on it is this one; what is no token fails as with [`StaticToken::new`]. After a refusal,
    /// telemetry pauses for a minute or more: to have this one tried at once, hand it to
    /// [`Lease::credentials`](crate::Lease::credentials) again.
    pub fn set(&self, token: &str) {
        let headers = bearer(token);
        if let Some(mut current) = self.current() {
            *current = headers;
        }
    }

    /// `None` in a child of a child that was forked while somebody held it.
    fn current(&self) -> Option<MutexGuard<'_, Result<AuthHeaders, PluginError>>> {
        if self.place.process.is_this() {
            return Some(lock(&self.place.headers));
        }
        let place = self.in_child.get_or_make(|| {
            let before = try_lock(&self.place.headers).map(|headers| headers.clone());
            Some(Place::new(before.unwrap_or(Err(Fault::Authentication.into()))))
        })?;
        lock_if(&place.headers, || place.process.is_this())
    }
}

impl fmt::Debug for CurrentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CurrentToken { scope, place: _, in_child: _ } = self;
        f.debug_struct("CurrentToken").field("scope", scope).finish_non_exhaustive()
    }
}

#[async_trait]
impl CredentialProvider for CurrentToken {
    fn scope(&self) -> ScopeId {
        self.scope
    }

    async fn headers(&self) -> Result<AuthHeaders, PluginError> {
        self.current().map_or(Err(Fault::Authentication.into()), |headers| headers.clone())
    }

    fn may_block(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn headers(token: &str) -> Result<AuthHeaders, PluginError> {
        now(&StaticToken::new(token))
    }

    fn now(provider: &impl CredentialProvider) -> Result<AuthHeaders, PluginError> {
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

    /// A token as a forked child has it.
    fn in_child(of: &CurrentToken) -> CurrentToken {
        let place = Place { process: Process::another(), ..Place::new(now(of)) };
        CurrentToken { scope: of.scope, place: Arc::new(place), in_child: Arc::default() }
    }

    fn current() -> CurrentToken {
        CurrentToken::of(ScopeId::new(7))
    }

    #[test]
    fn a_token_that_changes_is_what_was_said_last_and_none_before() {
        let token = current();
        let other = token.clone();
        assert_eq!(now(&token), Err(PluginError::new(Fault::Authentication)));
        for (said, expected) in [("a", Ok(Headers::bearer("a"))), ("b c", Err(Fault::Unsendable.into()))] {
            token.set(said);
            assert_eq!(now(&other), expected);
        }
        assert_eq!(other.scope(), ScopeId::new(7));
        other.set("canary");
        assert!(!format!("{token:?}").contains("canary"));
    }

    #[test]
    fn in_a_forked_child_a_token_that_its_parent_held_is_none_until_it_is_set_there() {
        let token = in_child(&current());
        let held = token.place.headers.lock();
        assert_eq!(now(&token), Err(PluginError::new(Fault::Authentication)));
        token.set("t");
        assert_eq!(now(&token), Ok(Headers::bearer("t")));
        drop(held);
        assert_eq!(now(&token), Ok(Headers::bearer("t")));
    }

    #[test]
    fn in_a_forked_child_a_token_is_what_was_said_last_before_the_fork_or_there() {
        let token = current();
        token.set("parent");
        let token = in_child(&token);
        assert_eq!(now(&token), Ok(Headers::bearer("parent")));
        // Also while a thread of the child's asks for it.
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    _ = now(&token);
                }
            });
            let is_lost = |said: &String| {
                token.set(said);
                now(&token) != Ok(Headers::bearer(said))
            };
            let lost = (0..10_000).map(|number| number.to_string()).filter(is_lost).count();
            done.store(true, Ordering::Relaxed);
            assert_eq!(lost, 0);
        });
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
        let shared: [(Arc<dyn CredentialProvider>, bool); 3] =
            [(Arc::new(StaticToken::new("t")), false), (Arc::new(Login), true), (Arc::new(current()), false)];
        for (provider, may_block) in shared {
            assert_eq!(CredentialProvider::may_block(&provider), may_block);
        }
    }
}
