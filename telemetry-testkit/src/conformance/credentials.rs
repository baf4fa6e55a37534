//! Credential providers.

use std::sync::Arc;

use telemetry_core::CredentialProvider;
use telemetry_core::plugin::{AuthHeaders, ScopeId};

use super::{aside, poll_once, within};

/// Checks a [`CredentialProvider`]. `make` makes a new one of the principal that it is given a name of: equal
/// names are the same principal. For a token that doesn't change, the name is the token.
///
/// Checked:
///
/// - `scope` is equal for all providers of one principal, stays the same after headers were asked for, and
///   differs between principals;
/// - it is asked on a driver's thread: it needs no runtime, and comes back;
/// - `headers` ends, also when it is asked again, twice at a time, or after a call that was dropped;
/// - what it gives are headers that can be sent, at least one, and others for another principal.
///
/// An error of `headers` is accepted: a test may have no credential to give.
///
/// Not checked: that a scope outlasts a real rotation, that nothing is interactive, and that no credential is
/// in a log. Errors carry no text, so there is none in them.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use telemetry_core::StaticToken;
/// use telemetry_testkit::conformance;
///
/// conformance::credentials(StaticToken::new).await;
/// # }
/// ```
///
/// # Panics
///
/// With the obligation that it violates.
pub async fn credentials<P: CredentialProvider>(make: impl Fn(&str) -> P) {
    let [one, same, other] =
        ["principal-one", "principal-one", "principal-two"].map(|name| Arc::new(make(name)));
    let scope = scope_of(&one);
    assert_eq!(
        scope_of(&same),
        scope,
        "CredentialProvider::scope is equal for all connections of one principal, but two differ"
    );
    assert_ne!(
        scope_of(&other),
        scope,
        "CredentialProvider::scope differs between principals, but two have the same"
    );
    let mine = ends_however_it_is_asked(&*one).await;
    let others = ends_however_it_is_asked(&*other).await;
    if let (Some(mine), Some(others)) = (mine, others) {
        assert!(
            mine != others,
            "CredentialProvider::headers are the principal's own, but two principals have the same"
        );
    }
    for _ in 0..10 {
        assert_eq!(
            scope_of(&one),
            scope,
            "CredentialProvider::scope stays the same when headers are asked for, but it changed"
        );
    }
}

/// Asked as a driver asks: on a thread that knows no runtime.
fn scope_of<P: CredentialProvider>(provider: &Arc<P>) -> ScopeId {
    let provider = Arc::clone(provider);
    aside("CredentialProvider::scope neither waits nor does I/O", move || provider.scope())
}

async fn ends_however_it_is_asked(provider: &dyn CredentialProvider) -> Option<AuthHeaders> {
    const ENDS: &str = "CredentialProvider::headers ends";
    const AGAIN: &str =
        "CredentialProvider::headers's future may be dropped at any time, and the next call ends";
    const BESIDE: &str = "CredentialProvider::headers is asked by many at a time, and all calls end";
    drop(provider.headers());
    let mut dropped = provider.headers();
    let ended = poll_once(dropped.as_mut()).await.is_ready();
    drop(dropped);
    let first = within(if ended { ENDS } else { AGAIN }, provider.headers()).await;
    let both = async { tokio::join!(provider.headers(), provider.headers()) };
    let (second, third) = within(BESIDE, both).await;
    for headers in [&first, &second, &third].into_iter().flatten() {
        assert_sendable(headers);
    }
    first.ok()
}

fn assert_sendable(headers: &AuthHeaders) {
    assert!(
        !headers.is_empty(),
        "CredentialProvider::headers gives what authorises a request, or an error, but it gave nothing"
    );
    for (name, value) in headers.iter() {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let sendable = !name.is_empty()
            && name.bytes().all(token)
            && value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        // The value isn't shown.
        assert!(sendable, "CredentialProvider::headers gives headers that can be sent, but {name:?} can't");
    }
}
