//! What delivers records.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::fault::PluginError;
use crate::host::Host;
use crate::plugin::headers::AuthHeaders;
use crate::record::Record;

/// One attempt to deliver one batch: everything an exporter needs, and nothing of any other tenant.
#[non_exhaustive]
pub struct Attempt<'a> {
    /// Where to.
    pub host: &'a Host,
    /// What: at least one record, in the order they were made.
    pub records: &'a [Arc<Record>],
    /// What authorises it; `None` asks for the unauthenticated path, on which nothing that correlates may
    /// travel.
    pub credentials: Option<&'a AuthHeaders>,
    /// Which of the host's workspaces, where it has several and the driver knows; it may not travel without
    /// credentials.
    pub workspace: Option<i64>,
    /// The date of the upload.
    pub wall: SystemTime,
}

impl<'a> Attempt<'a> {
    /// An attempt without credentials.
    pub fn new(host: &'a Host, records: &'a [Arc<Record>], wall: SystemTime) -> Self {
        Attempt { host, records, credentials: None, workspace: None, wall }
    }

    /// The same with credentials.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Option<&'a AuthHeaders>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The same of one of the host's workspaces.
    #[must_use]
    pub fn of_workspace(mut self, workspace: Option<i64>) -> Self {
        self.workspace = workspace;
        self
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attempt { host, records, credentials, workspace, wall: _ } = self;
        f.debug_struct("Attempt")
            .field("host", host)
            .field("records", &records.len())
            .field("authenticated", &credentials.is_some())
            .field("workspace", workspace)
            .finish_non_exhaustive()
    }
}

/// What the service said of a batch it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// How many of the batch's records were accepted. More than were sent counts as all; the others are
    /// counted as dropped by the service, and never sent again.
    pub accepted: usize,
    /// Whether they were written down on this machine, and sent to nobody. The books then count them as
    /// [`written`](crate::status::RecordLedger::written).
    pub written: bool,
}

impl Receipt {
    /// A receipt for this many records.
    pub const fn new(accepted: usize) -> Self {
        Receipt { accepted, written: false }
    }

    /// A receipt of a dry run, for this many records.
    pub const fn written(count: usize) -> Self {
        Receipt { accepted: count, written: true }
    }
}

/// Delivers batches: over HTTP, to a file, into another system. One implementation serves all hosts and
/// tenants.
///
/// Obligations of an implementation:
///
/// - **One call, one attempt.** It doesn't retry, wait out a `Retry-After` or keep a breaker: delivery does
///   all three, and needs to see each failure to do them right.
/// - `Ok` means that the service said so. Records it doesn't vouch for are not in [`Receipt::accepted`]; an
///   answer that can't be understood is [`Fault::BadAnswer`](crate::Fault::BadAnswer), a redirect is
///   [`Fault::Redirect`](crate::Fault::Redirect), and neither is success.
/// - A batch larger than it can send is [`Fault::TooLarge`](crate::Fault::TooLarge); it is asked again with
///   half.
/// - It ends by itself: it has a timeout of its own, and is cancelled after
///   [`TelemetryConfig::request_timeout`]. It is safe to cancel: dropping its future leaves nothing behind
///   and nothing running.
/// - It sends `credentials` to `host` and to nobody else. One that sends to the vendor sends nothing that
///   correlates without them: no workspace, session or statement id, no system configuration, no connection
///   parameters, no stack. One of a [sink](crate::Sink) is never given any, and may send all that it is
///   shown: a record holds no more than the sink's audience sees.
/// - It calls nothing of this workspace that records. Where it runs, and whether it may block, is said
///   [here](crate::plugin#where-they-run).
///
/// A panic or a hang in it is contained and counted, and costs the driver nothing, but the batch may be lost.
///
/// ```
/// use telemetry_core::plugin::{Attempt, PluginError, Receipt};
/// use telemetry_core::{Exporter, async_trait};
///
/// /// Prints what happened, and sends nothing.
/// #[derive(Debug)]
/// struct Printing;
///
/// #[async_trait]
/// impl Exporter for Printing {
///     async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
///         for record in attempt.records {
///             println!("{:?} took {:?}", record.body.kind, record.body.latency);
///         }
///         Ok(Receipt::new(attempt.records.len()))
///     }
/// }
/// ```
///
/// [`TelemetryConfig::request_timeout`]: crate::TelemetryConfig::request_timeout
#[async_trait]
pub trait Exporter: fmt::Debug + Send + Sync + 'static {
    /// Delivers one batch once.
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError>;

    /// The file that it writes to instead of sending; none by default. For
    /// [`Status::dry_run`](crate::status::Status::dry_run), and asked once, when the provider is built. An
    /// exporter around another says what that one says.
    fn dry_run(&self) -> Option<PathBuf> {
        None
    }

    /// Whether a call may hold up the thread that runs it, as one does that waits for a lock, a disk or a
    /// name's look-up, or computes for longer than some milliseconds. Such calls run on a few threads that
    /// all hosts share; others run on the provider's own thread, which costs less. Say `false` only of what
    /// keeps to it under any circumstances: what blocks there holds up telemetry for every host.
    fn may_block(&self) -> bool {
        true
    }
}

/// Lets the others on this thread go on first, on any executor: for an exporter that never blocks, and
/// computes for longer than some microseconds.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Exporter + ?Sized> Exporter for Arc<T> {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        (**self).export(attempt).await
    }

    fn dry_run(&self) -> Option<PathBuf> {
        (**self).dry_run()
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: Exporter + ?Sized> Exporter for Box<T> {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        (**self).export(attempt).await
    }

    fn dry_run(&self) -> Option<PathBuf> {
        (**self).dry_run()
    }

    fn may_block(&self) -> bool {
        (**self).may_block()
    }
}
