//! Whose credentials a client uses: those of a living connection that has opened, while there is one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::guard::panic::DropGuarded;
use crate::plugin::credentials::CredentialProvider;

/// How often in a row a call tries other credentials when some are refused.
pub(crate) const TRIES: usize = 3;

/// The connections of a client, by their lease's number, and the credentials that they brought.
#[derive(Default)]
pub(crate) struct Logins(BTreeMap<u64, Login>);

#[derive(Default)]
struct Login {
    /// `None` as long as they are to come.
    provider: DropGuarded<Arc<dyn CredentialProvider>>,
    /// Whether the connection has opened, so that the credentials are known to be good.
    opened: bool,
    /// Whether it has ended. One that has is kept while there is nobody else to deliver what is left.
    ended: bool,
    /// Whether the service refused the credentials, or the provider had none, when they were last used.
    refused: bool,
}

/// What is no longer needed: foreign code, to be dropped without a lock in hand.
pub(crate) type Leftover = Vec<DropGuarded<Arc<dyn CredentialProvider>>>;

impl Logins {
    /// A connection begins.
    pub(crate) fn join(&mut self, lease: u64) {
        self.0.insert(lease, Login::default());
    }

    /// A connection has credentials, or others than before.
    pub(crate) fn provide(&mut self, lease: u64, provider: Arc<dyn CredentialProvider>) -> Leftover {
        let Some(login) = self.0.get_mut(&lease) else { return vec![DropGuarded(Some(provider))] };
        login.refused = false;
        vec![std::mem::replace(&mut login.provider, DropGuarded(Some(provider)))]
    }

    /// A connection has opened.
    pub(crate) fn opened(&mut self, lease: u64) -> Leftover {
        if let Some(login) = self.0.get_mut(&lease) {
            login.opened = true;
            login.refused = false;
        }
        self.remove(|_, login| login.ended)
    }

    /// A connection has ended.
    pub(crate) fn ended(&mut self, lease: u64) -> Leftover {
        let is_last = self.0.iter().all(|(other, login)| *other == lease || login.ended);
        match self.0.get_mut(&lease) {
            Some(login) if is_last && login.provider.0.is_some() => {
                login.ended = true;
                // Of several that have ended one is enough.
                let better = login.opened || self.0.values().all(|login| !login.opened);
                let keep = if better {
                    lease
                } else {
                    self.0.keys().copied().find(|l| *l != lease).unwrap_or(lease)
                };
                self.remove(|other, _| other != keep)
            }
            _ => self.0.remove(&lease).map(|login| login.provider).into_iter().collect(),
        }
    }

    fn remove(&mut self, which: impl Fn(u64, &Login) -> bool) -> Leftover {
        let (gone, kept): (BTreeMap<_, _>, _) =
            std::mem::take(&mut self.0).into_iter().partition(|(lease, login)| which(*lease, login));
        self.0 = kept;
        gone.into_values().map(|login| login.provider).collect()
    }

    /// The credentials to use now, and whose they are.
    pub(crate) fn best(&self) -> Option<(u64, Arc<dyn CredentialProvider>)> {
        let rank = |login: &Login| (!login.refused, !login.ended, login.opened);
        let having = self
            .0
            .iter()
            .filter_map(|(lease, login)| Some((rank(login), *lease, login.provider.0.as_ref()?)));
        let best = having.max_by_key(|(rank, lease, _)| (*rank, *lease));
        best.map(|(_, lease, provider)| (lease, Arc::clone(provider)))
    }

    /// The service took these credentials, or refused them; whether others are to be tried now.
    pub(crate) fn tried(&mut self, lease: u64, refused: bool) -> bool {
        if let Some(login) = self.0.get_mut(&lease) {
            login.refused = refused;
        }
        refused && self.0.values().any(|login| !login.refused && login.provider.0.is_some())
    }

    /// Whether there may be credentials later that work: nobody has opened yet.
    pub(crate) fn are_pending(&self) -> bool {
        self.0.values().any(|login| !login.ended) && self.0.values().all(|login| !login.opened)
    }

    /// All credentials.
    pub(crate) fn all(&self) -> Vec<Arc<dyn CredentialProvider>> {
        self.0.values().filter_map(|login| login.provider.0.clone()).collect()
    }

    /// Lets go of everything.
    pub(crate) fn take(&mut self) -> Leftover {
        std::mem::take(&mut self.0).into_values().map(|login| login.provider).collect()
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("connections", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::credentials::StaticToken;

    fn token() -> Arc<dyn CredentialProvider> {
        Arc::new(StaticToken::new("t"))
    }

    fn logins(leases: impl IntoIterator<Item = u64>) -> Logins {
        let mut logins = Logins::default();
        for lease in leases {
            logins.join(lease);
            logins.provide(lease, token());
        }
        logins
    }

    fn best(logins: &Logins) -> Option<u64> {
        logins.best().map(|(lease, _)| lease)
    }

    #[test]
    fn a_connection_that_has_opened_goes_before_one_that_is_logging_in() {
        let mut logins = logins([1]);
        assert_eq!(best(&logins), Some(1), "there is nobody else");
        logins.opened(1);
        logins.join(2);
        logins.provide(2, token());
        assert_eq!(best(&logins), Some(1));
        logins.opened(2);
        assert_eq!(best(&logins), Some(2), "the latest log-in is the one that is most likely to live");
    }

    #[test]
    fn one_that_has_ended_is_used_only_while_there_is_no_other() {
        let mut logins = logins([1, 2]);
        logins.opened(1);
        logins.opened(2);
        assert_eq!(logins.ended(2).len(), 1);
        assert_eq!(best(&logins), Some(1));
        assert!(logins.ended(1).is_empty());
        assert_eq!(best(&logins), Some(1), "what is left is delivered with them");
        logins.join(3);
        assert_eq!(best(&logins), Some(1), "there are none of the living yet");
        logins.provide(3, token());
        assert_eq!(best(&logins), Some(3));
        assert_eq!(logins.opened(3).len(), 1);
        assert!(logins.ended(3).is_empty());
        assert_eq!(best(&logins), Some(3));
    }

    #[test]
    fn a_failed_log_in_does_not_displace_one_that_worked() {
        let mut logins = logins([1]);
        logins.opened(1);
        logins.ended(1);
        logins.join(2);
        logins.provide(2, token());
        logins.ended(2);
        assert_eq!((best(&logins), logins.all().len()), (Some(1), 1));
    }

    #[test]
    fn refused_ones_come_last_until_they_are_renewed() {
        let mut logins = logins([1, 2]);
        logins.opened(1);
        logins.opened(2);
        assert!(logins.tried(2, true), "there is another to try");
        assert_eq!(best(&logins), Some(1));
        assert!(!logins.tried(1, true), "all were refused");
        assert_eq!(best(&logins), Some(2));
        logins.provide(1, token());
        assert_eq!(best(&logins), Some(1));
        assert!(!logins.tried(1, false));
    }

    #[test]
    fn one_that_was_refused_is_good_again_once_it_works_or_opens() {
        let good: [fn(&mut Logins); 3] = [
            |logins| _ = logins.tried(2, false),
            |logins| _ = logins.opened(2),
            |logins| _ = logins.provide(2, token()),
        ];
        for good in good {
            let mut logins = logins([1, 2]);
            logins.opened(1);
            logins.opened(2);
            assert!(logins.tried(2, true));
            assert_eq!(best(&logins), Some(1));
            good(&mut logins);
            assert_eq!(best(&logins), Some(2));
        }
    }

    #[test]
    fn others_are_tried_only_where_there_are_some_that_have_credentials_and_were_not_refused() {
        let mut one = logins([1]);
        one.join(2);
        assert!(!one.tried(1, true), "the other has none yet");
        one.provide(2, token());
        assert!(one.tried(1, true));
        assert!(!one.tried(1, false), "those that work are enough");
    }

    #[test]
    fn one_that_is_refused_comes_behind_one_that_has_ended_and_one_that_opened_before_one_that_did_not() {
        let mut logins = logins([1, 2, 3]);
        logins.opened(1);
        assert_eq!(best(&logins), Some(1));
        logins.tried(1, true);
        assert_eq!(best(&logins), Some(3), "the latest of those that may work");
        logins.ended(2);
        logins.ended(3);
        assert_eq!(best(&logins), Some(1), "what has ended beside a living one is forgotten");
    }

    #[test]
    fn log_ins_are_pending_until_one_opens() {
        let mut logins = logins([1]);
        assert!(logins.are_pending());
        logins.join(2);
        logins.opened(2);
        assert!(!logins.are_pending());
        logins.ended(2);
        assert!(logins.are_pending(), "another is on its way");
        logins.ended(1);
        assert!(!logins.are_pending());
        assert!(!Logins::default().are_pending());
    }
}
