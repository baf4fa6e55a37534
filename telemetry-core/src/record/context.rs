//! The constant part of records: the driver, the system, the connection.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::guard::memory::{Memory, Part};
use crate::guard::sync::atomic::{AtomicU64, Ordering};

use crate::record::audience::{Audience, View, viewed};
use crate::record::id::SessionId;
use crate::record::identity::DriverIdentity;
use crate::record::message::Heap;
use crate::record::params::ConnectionParams;
use crate::record::system::SystemInfo;
use crate::text::fields::field;

viewed! {
    /// The constant part of every record of one connection.
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct SessionContext {
        /// The driver and the system it runs on, one for all connections of a provider.
        [everybody] pub driver: Arc<DriverContext>,
        /// The session's id; `None` for a connection that failed to open.
        [vendor customer] pub session_id: Option<SessionId>,
        /// The workspace's id.
        [vendor customer] pub workspace_id: Option<i64>,
        /// The user agent of this connection; [`DriverIdentity::user_agent`] where it has none of its own.
        [vendor customer] pub user_agent: Option<String>,
        /// The authentication type, as the driver's configuration names it, such as `pat`.
        [vendor] pub auth_type: Option<String>,
        /// How the connection was configured.
        [vendor customer] pub params: ConnectionParams,
        /// What an exporter made of all this, so that it is made once per connection.
        [everybody] pub encoded: Encoded,
    }
}

impl fmt::Debug for SessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SessionContext { driver, session_id, workspace_id, user_agent, auth_type, params, encoded } =
            self;
        f.debug_struct("SessionContext")
            .field("driver", driver)
            .field("session_id", session_id)
            .field("workspace_id", workspace_id)
            .field("user_agent", &user_agent.as_deref().and_then(field))
            .field("auth_type", &auth_type.as_deref().and_then(field))
            .field("params", params)
            .field("encoded", encoded)
            .finish()
    }
}

/// How many bytes the texts of a connection take, with what an exporter keeps of them, which is about as much
/// again.
pub(crate) fn text_bytes(params: &ConnectionParams, texts: [&Option<String>; 2]) -> u64 {
    let texts = texts.into_iter().flatten().map(String::capacity).sum::<usize>();
    2 * (params.heap_bytes() + texts) as u64
}

impl SessionContext {
    /// How many bytes it takes besides its texts, with the names of all fields, as an exporter keeps them.
    const OWN_BYTES: u64 = size_of::<SessionContext>() as u64 + 1024;

    /// How many bytes it takes, and what an exporter keeps of it.
    pub(crate) fn bytes(&self) -> u64 {
        SessionContext::OWN_BYTES + text_bytes(&self.params, [&self.user_agent, &self.auth_type])
    }

    /// No handle speaks of the connection any more: now it counts towards what its client holds.
    pub(crate) fn left(&self) {
        if let Some(counted) = &self.encoded.counted {
            counted.grow(SessionContext::OWN_BYTES);
        }
    }
}

viewed! {
    /// The driver and the system it runs on.
    #[derive(Clone, Debug)]
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct DriverContext {
        /// Which driver this is.
        [everybody] pub identity: DriverIdentity,
        /// What the program runs on.
        [vendor customer] pub system: SystemInfo,
    }
}

/// A place where an exporter keeps the text that it made of a [`SessionContext`], for as long as that lives,
/// so that what is constant in a connection is encoded once.
#[derive(Default)]
pub struct Encoded {
    /// What each audience sees of the connection.
    views: [OnceLock<Arc<SessionContext>>; 3],
    kept: OnceLock<(&'static str, Box<str>)>,
    counted: Option<Counted>,
}

/// What a connection counts with, for as long as anything holds its context.
pub(crate) struct Counted {
    memory: Arc<Memory>,
    bytes: AtomicU64,
}

impl Counted {
    /// So many bytes, which were taken.
    pub(crate) fn taken(memory: Arc<Memory>, bytes: u64) -> Self {
        Counted { memory, bytes: AtomicU64::new(bytes) }
    }

    fn grow(&self, bytes: u64) {
        self.memory.count(Part::Contexts, bytes);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.memory.give_back(Part::Contexts, self.bytes.load(Ordering::Relaxed));
    }
}

impl Encoded {
    /// A place that counts the connection.
    pub(crate) fn counted(counted: Counted) -> Self {
        Encoded { counted: Some(counted), ..Encoded::default() }
    }

    /// What an audience sees of the connection, made where there is none yet.
    pub(crate) fn view(
        &self,
        audience: Audience,
        make: impl FnOnce() -> SessionContext,
    ) -> Arc<SessionContext> {
        let view = self.views[audience as usize].get_or_init(|| Arc::new(make()));
        Arc::clone(view)
    }

    /// The text that was kept in this format, or the one that `make` makes.
    ///
    /// The first format that is asked for is kept; for any other, the text is made each time. Name a format
    /// after the crate that it belongs to, such as `my-exporter/1`.
    ///
    /// # Errors
    ///
    /// What `make` says. Then nothing is kept.
    pub fn get_or_try_make<E>(
        &self,
        format: &'static str,
        make: impl FnOnce() -> Result<String, E>,
    ) -> Result<Cow<'_, str>, E> {
        if let Some((kept, text)) = self.kept.get()
            && *kept == format
        {
            return Ok(Cow::Borrowed(text));
        }
        let made = make()?;
        Ok(match self.kept.set((format, made.into_boxed_str())) {
            Ok(()) => self.kept.get().map_or(Cow::Borrowed(""), |(_, text)| Cow::Borrowed(&**text)),
            Err((_, made)) => Cow::Owned(made.into_string()),
        })
    }
}

impl View for Arc<DriverContext> {
    fn view(&self, audience: Audience) -> Self {
        Arc::new((**self).view(audience))
    }
}

impl View for Arc<SessionContext> {
    /// Made once for a connection, and shared by its records.
    fn view(&self, audience: Audience) -> Self {
        self.encoded.view(audience, || (**self).view(audience))
    }
}

impl View for Encoded {
    /// What was made of more than the audience sees isn't for it.
    fn view(&self, _audience: Audience) -> Self {
        Encoded::default()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded").field("kept", &self.kept.get().is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(encoded: &Encoded, format: &'static str, text: &str) -> Result<String, ()> {
        encoded.get_or_try_make(format, || Ok(text.to_owned())).map(Cow::into_owned)
    }

    #[test]
    fn the_first_format_is_kept_and_another_is_made_each_time() {
        let encoded = Encoded::default();
        assert_eq!(encoded.get_or_try_make("a", || Err(7)), Err(7));
        assert_eq!(ask(&encoded, "a", "first").as_deref(), Ok("first"));
        assert_eq!(ask(&encoded, "a", "second").as_deref(), Ok("first"));
        assert_eq!(ask(&encoded, "b", "third").as_deref(), Ok("third"));
        assert_eq!(ask(&encoded, "b", "fourth").as_deref(), Ok("fourth"));
        assert_eq!(ask(&encoded, "a", "fifth").as_deref(), Ok("first"));
    }
}
