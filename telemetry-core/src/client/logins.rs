//! Whose credentials a client uses: those of a living connection that has opened, while there is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::guard::panic::{DropGuarded, catch_panic};
use crate::plugin::credentials::CredentialProvider;

/// How often in a row a call tries other credentials when some are refused.
pub(crate) const TRIES: usize = 3;

/// The connections of a client, by their lease's number, and the credentials that they brought. No method
/// looks at all of them.
#[derive(Default)]
pub(crate) struct Logins {
    by_lease: BTreeMap<u64, Login>,
    /// Those that have credentials, the best last.
    ranked: BTreeSet<(Rank, u64)>,
    living: usize,
    /// Of all that are here.
    opened: usize,
    /// Of all that are here, those whose credentials may hold up a thread.
    blocking: usize,
    /// One that has ended, and is kept while there is nobody else to deliver what is left.
    kept: Option<u64>,
}

/// Not refused before refused; living before ended; opened before one that is logging in. Of equals, the
/// latest lease is best. A bit for each, as ranks are compared often.
type Rank = u8;

/// The bit of those that were not refused.
const UNREFUSED: Rank = 4;

#[derive(Default)]
struct Login {
    /// `None` as long as they are to come.
    provider: DropGuarded<Arc<dyn CredentialProvider>>,
    /// Whether they may hold up the thread that asks them.
    may_block: bool,
    /// Whether the connection has opened, so that the credentials are known to be good.
    opened: bool,
    ended: bool,
    /// Whether the service refused the credentials, or the provider had none, when they were last used.
    refused: bool,
}

impl Login {
    fn rank(&self) -> Option<Rank> {
        let rank =
            || if self.refused { 0 } else { UNREFUSED } | u8::from(!self.ended) << 1 | u8::from(self.opened);
        self.provider.0.as_ref().map(|_| rank())
    }
}

/// What panics when it is asked is not to be trusted.
pub(crate) fn may_block(ask: impl FnOnce() -> bool) -> bool {
    catch_panic(ask).unwrap_or(true)
}

/// What is no longer needed: foreign code, to be dropped without a lock in hand.
pub(crate) type Leftover = Option<Arc<dyn CredentialProvider>>;

impl Logins {
    /// A connection begins.
    pub(crate) fn join(&mut self, lease: u64) {
        self.by_lease.insert(lease, Login::default());
        self.living += 1;
    }

    /// A connection has credentials, or others than before; and whether they may hold up a thread.
    pub(crate) fn provide(
        &mut self,
        lease: u64,
        provider: Arc<dyn CredentialProvider>,
        may_block: bool,
    ) -> Leftover {
        let mut provider = Some(provider);
        self.change(lease, |login| {
            std::mem::swap(&mut login.provider.0, &mut provider);
            login.may_block = may_block;
            login.refused = false;
        });
        provider
    }

    /// A connection has opened.
    pub(crate) fn opened(&mut self, lease: u64) -> Leftover {
        self.change(lease, |login| {
            login.opened = true;
            login.refused = false;
        });
        let kept = self.kept.take()?;
        self.remove(kept)
    }

    /// A connection has ended.
    pub(crate) fn ended(&mut self, lease: u64) -> Leftover {
        let login = self.by_lease.get(&lease).filter(|login| !login.ended)?;
        let (opened, has_some) = (login.opened, login.provider.0.is_some());
        self.living -= 1;
        if self.living > 0 || !has_some {
            return self.remove(lease);
        }
        // Of several that have ended one is enough, and one that has opened is best.
        let before = self.kept.and_then(|kept| self.by_lease.get(&kept)).is_some_and(|kept| kept.opened);
        if before && !opened {
            return self.remove(lease);
        }
        self.change(lease, |login| login.ended = true);
        self.kept.replace(lease).and_then(|kept| self.remove(kept))
    }

    /// Changes one, and its place.
    fn change(&mut self, lease: u64, change: impl FnOnce(&mut Login)) {
        let Some(login) = self.by_lease.get_mut(&lease) else { return };
        let (rank, opened, blocking) = (login.rank(), login.opened, login.may_block);
        change(login);
        let (now, opens, blocks) = (login.rank(), login.opened, login.may_block);
        self.opened += usize::from(opens) - usize::from(opened && opens);
        self.blocking = self.blocking + usize::from(blocks) - usize::from(blocking);
        if rank == now {
            return;
        }
        if let Some(rank) = rank {
            self.ranked.remove(&(rank, lease));
        }
        if let Some(rank) = now {
            self.ranked.insert((rank, lease));
        }
    }

    fn remove(&mut self, lease: u64) -> Leftover {
        let mut login = self.by_lease.remove(&lease)?;
        self.opened -= usize::from(login.opened);
        self.blocking -= usize::from(login.may_block);
        if let Some(rank) = login.rank() {
            self.ranked.remove(&(rank, lease));
        }
        login.provider.0.take()
    }

    /// The credentials to use now, and whose they are.
    pub(crate) fn best(&self) -> Option<(u64, Arc<dyn CredentialProvider>)> {
        let (_, lease) = self.ranked.last()?;
        let provider = self.by_lease.get(lease)?.provider.0.as_ref()?;
        Some((*lease, Arc::clone(provider)))
    }

    /// The service took these credentials, or refused them; whether others are to be tried now.
    pub(crate) fn tried(&mut self, lease: u64, refused: bool) -> bool {
        self.change(lease, |login| login.refused = refused);
        refused && self.ranked.last().is_some_and(|(rank, _)| rank & UNREFUSED != 0)
    }

    /// Whether there may be credentials later that work: nobody has opened yet.
    pub(crate) fn are_pending(&self) -> bool {
        self.living > 0 && self.opened == 0
    }

    /// Whether any credentials may hold up the thread that asks them.
    pub(crate) fn may_block(&self) -> bool {
        self.blocking > 0
    }

    /// Lets go of everything.
    pub(crate) fn take(&mut self) -> Vec<Arc<dyn CredentialProvider>> {
        let all = std::mem::take(self).by_lease;
        all.into_values().filter_map(|mut login| login.provider.0.take()).collect()
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("connections", &self.by_lease.len()).finish_non_exhaustive()
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
            logins.provide(lease, token(), false);
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
        logins.provide(2, token(), false);
        assert_eq!(best(&logins), Some(1));
        logins.opened(2);
        assert_eq!(best(&logins), Some(2), "the latest log-in is the one that is most likely to live");
    }

    #[test]
    fn one_that_has_ended_is_used_only_while_there_is_no_other() {
        let mut logins = logins([1, 2]);
        logins.opened(1);
        logins.opened(2);
        assert!(logins.ended(2).is_some());
        assert_eq!(best(&logins), Some(1));
        assert!(logins.ended(1).is_none());
        assert_eq!(best(&logins), Some(1), "what is left is delivered with them");
        logins.join(3);
        assert_eq!(best(&logins), Some(1), "there are none of the living yet");
        logins.provide(3, token(), false);
        assert_eq!(best(&logins), Some(3));
        assert!(logins.opened(3).is_some());
        assert!(logins.ended(3).is_none());
        assert_eq!(best(&logins), Some(3));
    }

    #[test]
    fn a_failed_log_in_does_not_displace_one_that_worked() {
        let mut logins = logins([1]);
        logins.opened(1);
        logins.ended(1);
        logins.join(2);
        logins.provide(2, token(), false);
        logins.ended(2);
        assert_eq!((best(&logins), logins.by_lease.len()), (Some(1), 1));
    }

    #[test]
    fn the_last_to_end_is_kept_though_it_never_opened_if_nobody_did() {
        let mut logins = logins([1, 2]);
        assert!(logins.ended(1).is_some());
        assert!(logins.ended(2).is_none());
        assert_eq!(best(&logins), Some(2), "what is left is delivered with them");
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
        logins.provide(1, token(), false);
        assert_eq!(best(&logins), Some(1));
        assert!(!logins.tried(1, false));
    }

    #[test]
    fn one_that_was_refused_is_good_again_once_it_works_or_opens() {
        let good: [fn(&mut Logins); 3] = [
            |logins| _ = logins.tried(2, false),
            |logins| _ = logins.opened(2),
            |logins| _ = logins.provide(2, token(), false),
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
        one.provide(2, token(), false);
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

    proptest::proptest! {
        #[test]
        fn the_order_and_the_counts_are_those_of_what_is_there(
            actions in proptest::collection::vec((0u8..6, 0u64..5, proptest::prelude::any::<bool>()), 0..60),
        ) {
            let mut logins = Logins::default();
            let mut joined = [false; 5];
            for (action, lease, flag) in actions {
                match action {
                    0 if !joined[lease as usize] => {
                        logins.join(lease);
                        joined[lease as usize] = true;
                    }
                    1 => _ = logins.provide(lease, token(), flag),
                    2 => _ = logins.opened(lease),
                    3 | 4 => _ = logins.tried(lease, flag),
                    5 => _ = logins.ended(lease),
                    _ => {}
                }
                let all = || logins.by_lease.iter();
                let best_of_all = all().filter_map(|(lease, login)| Some((login.rank()?, *lease))).max();
                proptest::prop_assert_eq!(best(&logins), best_of_all.map(|(_, lease)| lease));
                proptest::prop_assert_eq!(logins.living, all().filter(|(_, login)| !login.ended).count());
                proptest::prop_assert_eq!(logins.opened, all().filter(|(_, login)| login.opened).count());
                proptest::prop_assert_eq!(logins.may_block(), all().any(|(_, login)| login.may_block));
                proptest::prop_assert!(all().filter(|(_, login)| login.ended).count() <= 1, "one is kept");
            }
        }
    }
}
