//! The connection that a provider opened last, beside which the next is read and cleaned.

use std::sync::{Arc, Weak};

use crate::guard::lock::try_lock;
use crate::guard::sync::Mutex;
use crate::host::{Host, HostPolicy, InvalidHost};
use crate::record::SessionContext;
use crate::record::message::Held;

/// What the connection was like that was opened last: most are configured alike, and what is equal is read
/// and cleaned once. Nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct LastOpened {
    host: Mutex<Option<Host>>,
    /// As it was cleaned, for as long as anything else holds it, and what is known of its texts.
    context: Mutex<Option<(Weak<SessionContext>, Held)>>,
}

impl LastOpened {
    /// Reads a host, as [`Host::parse`] does.
    pub(crate) fn host(&self, text: &str, policy: HostPolicy) -> Result<Host, InvalidHost> {
        if let Some(last) = try_lock(&self.host)
            && let Some(host) = last.as_ref().filter(|host| host.is_spelled(text, policy))
        {
            return Ok(host.clone());
        }
        let host = Host::parse(text, policy)?;
        if let Some(mut last) = try_lock(&self.host) {
            *last = Some(host.clone());
        }
        Ok(host)
    }

    pub(crate) fn context(&self) -> Option<(Arc<SessionContext>, Held)> {
        let last = try_lock(&self.context)?;
        let (context, held) = last.as_ref()?;
        Some((context.upgrade()?, *held))
    }

    pub(crate) fn set_context(&self, context: &Arc<SessionContext>, held: Held) {
        if let Some(mut last) = try_lock(&self.context) {
            *last = Some((Arc::downgrade(context), held));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::event::tests::session;

    #[test]
    fn a_host_is_the_last_one_where_it_is_spelled_so_and_else_it_is_read() {
        let last = LastOpened::default();
        let read = |text, policy| last.host(text, policy);
        let name = |host: &Host| host.name().as_ptr();
        let first = read("a.example.com", HostPolicy::Public).unwrap();
        let again = read("a.example.com", HostPolicy::Public).unwrap();
        assert!(name(&again) == name(&first) && again == first);
        for (text, policy) in [
            ("b.example.com", HostPolicy::Public),
            ("http://b.example.com:443", HostPolicy::AllowLoopback),
            ("b.example.com", HostPolicy::AllowLoopback),
            ("b.example.com:8443", HostPolicy::AllowLoopback),
            ("b.example.com", HostPolicy::Public),
        ] {
            assert_eq!(read(text, policy), Host::parse(text, policy), "{text}");
        }
        assert!(read("127.0.0.1", HostPolicy::AllowLoopback).is_ok());
        assert!(read("127.0.0.1", HostPolicy::Public).is_err());
    }

    #[test]
    fn a_connection_that_nothing_else_holds_is_gone() {
        let last = LastOpened::default();
        assert!(last.context().is_none());
        let context = session();
        last.set_context(&context, Held::default());
        assert!(last.context().is_some_and(|(known, _)| Arc::ptr_eq(&known, &context)));
        assert_eq!(Arc::strong_count(&context), 1);
        drop(context);
        assert!(last.context().is_none());
    }

    #[test]
    fn nobody_waits_for_what_another_thread_has_in_hand() {
        let last = LastOpened::default();
        last.set_context(&session(), Held::default());
        let _in_hand = (try_lock(&last.host), try_lock(&last.context));
        assert!(last.host("a.example.com", HostPolicy::Public).is_ok());
        last.set_context(&session(), Held::default());
        assert!(last.context().is_none());
    }
}
