//! A connection that is being opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::client::lease_guard::LeaseGuard;
use crate::fault::ErrorClass;
use crate::handle::connection_info::ConnectionInfo;
use crate::handle::error_details::{ErrorDetails, describe};
use crate::handle::session::Session;
use crate::handle::session_scope::SessionScope;
use crate::ledger::Refusal;
use crate::pipeline::event::EventKind;
use crate::pipeline::failure::Failure;
use crate::plugin::clock::Tick;
use crate::record::ErrorInfo;
use crate::record::body::Body;
use crate::record::id::SessionId;
use crate::record::trace_parent::TraceParent;

/// A connection that is being opened: say [`opened`](Opening::opened) or [`failed`](Opening::failed). Dropped
/// before, it counts as failed for an unknown reason.
///
/// ```
/// use telemetry_core::{ConnectionInfo, ErrorDetails, Lease};
///
/// # let lease = Lease::disabled();
/// # let answer: Result<&str, std::io::Error> = Ok("01f0a1b2-c3d4");
/// let opening = lease.opening(ConnectionInfo::new().auth_type("pat"));
/// match answer {
///     Ok(id) => drop(opening.opened(id)),
///     Err(error) => opening.failed(|| ErrorDetails::new("CONNECT").fault(&error)),
/// }
/// ```
#[must_use]
pub struct Opening {
    open: Option<Open>,
}

struct Open {
    hold: Arc<LeaseGuard>,
    started: Tick,
    retries: Option<u64>,
    trace_parent: Option<Box<TraceParent>>,
    info: ConnectionInfo,
}

impl Opening {
    pub(crate) fn new(hold: Option<Arc<LeaseGuard>>, info: ConnectionInfo) -> Self {
        let open = hold.filter(|hold| hold.client.plugins.in_parent_process()).map(|hold| {
            let started = hold.client.plugins.clock.now();
            Open { hold, started, retries: None, trace_parent: None, info }
        });
        Opening { open }
    }

    /// Says that it began so long ago, as when the driver had to log in before it could have a lease. The
    /// time counts as the opening's.
    pub fn began(mut self, ago: Duration) -> Self {
        if let Some(open) = &mut self.open {
            open.started = open.started.before(ago);
        }
        self
    }

    /// Records retries of its requests; they add up.
    pub fn retried(&mut self, times: u32) {
        if let Some(open) = &mut self.open {
            open.retries = Some(open.retries.unwrap_or(0).saturating_add(u64::from(times)));
        }
    }

    /// Records what the driver has learned of it meanwhile. What is said anew counts, the rest stays.
    ///
    /// A workspace's id is what records say from then on: the flag that is asked for stays that of the
    /// [`Target`](crate::Target::workspace), by which the connection has its client.
    pub fn learned(&mut self, more: ConnectionInfo) {
        if let Some(open) = &mut self.open {
            open.info = more.or(std::mem::take(&mut open.info));
        }
    }

    /// Records the caller's span that it belongs under: the text of a `traceparent` header, a
    /// [`TraceParent`], or its ids and flags. What is none is left out and counted.
    pub fn trace_parent(&mut self, parent: impl TryInto<TraceParent>) {
        let Some(open) = &mut self.open else { return };
        match parent.try_into() {
            Ok(parent) => open.trace_parent = Some(Box::new(parent)),
            Err(_) if open.hold.client.is_recording() => open.hold.client.refuse(Refusal::InvalidId, 1),
            Err(_) => {}
        }
    }

    /// Records that the connection is open, under this id of the service's. What isn't an id is left out and
    /// counted; where the service gives none, say [`opened_without_id`](Opening::opened_without_id).
    pub fn opened(mut self, session_id: &str) -> Session {
        let id = SessionId::new(session_id);
        if let Some(Open { hold, .. }) = &self.open
            && id.is_none()
            && hold.client.is_recording()
        {
            hold.client.refuse(Refusal::InvalidId, 1);
        }
        self.session(id)
    }

    /// Records that the connection is open, and that the service gave it no id.
    pub fn opened_without_id(mut self) -> Session {
        self.session(None)
    }

    fn session(&mut self, id: Option<SessionId>) -> Session {
        let Some(Open { hold, started, retries, trace_parent, info }) = self.open.take() else {
            return Session::disabled();
        };
        hold.opened();
        let context = info.context(&hold, id);
        let session = Session::new(Arc::new(SessionScope::new(hold, context)));
        session.opened(started, Body { trace_parent, ..Body::opening(retries) });
        session
    }

    /// Records that the connection could not be opened.
    pub fn failed(mut self, details: impl FnOnce() -> ErrorDetails) {
        if let Some(open) = self.open.take() {
            fail(open, |client| describe(client, details));
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            fail(open, |client| {
                let error = ErrorInfo::new("abandoned", ErrorClass::Unknown);
                Some(Box::new(Failure { at: client.plugins.clock.now(), trace_parent: None, error }))
            });
        }
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("on", &self.open.is_some()).finish()
    }
}

fn fail(open: Open, failure: impl FnOnce(&Client) -> Option<Box<Failure>>) {
    let Open { hold, started, retries, trace_parent, info } = open;
    let client = &hold.client;
    if client.is_recording() {
        let mut body = Body { trace_parent, ..Body::opening(retries) };
        let failed = failure(client).map(|failure| failure.add_to(&mut body));
        let at = failed.unwrap_or_else(|| client.plugins.clock.now());
        body.latency = Some(at.since(started));
        let context = info.context(&hold, None);
        SessionScope::new(Arc::clone(&hold), context).record_at(|| at, EventKind::Single(Box::new(body)));
    }
}
