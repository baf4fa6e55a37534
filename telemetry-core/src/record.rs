//! What is delivered: one record of one thing that happened, whole and final.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use crate::contain::contained;
use crate::fault::ErrorClass;
use crate::id::{EventId, SessionId, StatementId};
use crate::model::{
    ConnectionParams, DriverIdentity, OperationType, ResultFormat, StatementType, SystemInfo,
    VolumeOperationType,
};
use crate::shown::{Shown, debug_redacted};
use crate::text::ErrorText;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// A connection was opened, failed to open, or was closed.
    Connection,
    /// A statement, from its start to its end.
    Statement,
    /// An error.
    Error,
    /// Any other call of the driver, such as a metadata call or a volume operation.
    Operation,
}

/// One record. What isn't known is `None`; a zero or a `false` in it was measured.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct Record {
    /// Its id, the same in every attempt.
    pub id: EventId,
    /// The date of what it is about.
    pub stamp: SystemTime,
    /// What it is about.
    pub kind: RecordKind,
    /// The connection it comes from.
    pub session: Arc<SessionContext>,
    /// The statement it belongs to.
    pub statement_id: Option<StatementId>,
    /// How long the operation took.
    pub latency: Option<Duration>,
    /// How the statement or call ran.
    pub sql: Option<SqlExecution>,
    /// What was done to a volume.
    pub volume: Option<VolumeOperation>,
    /// What went wrong.
    pub error: Option<ErrorInfo>,
}

/// The constant part of every record of one connection.
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct SessionContext {
    /// The driver and the system it runs on, one for all connections of a provider.
    pub driver: Arc<DriverContext>,
    /// The session's id; `None` for a connection that failed to open.
    pub session_id: Option<SessionId>,
    /// The workspace's id.
    pub workspace_id: Option<i64>,
    /// The user agent of this connection; [`DriverContext::user_agent`] where it has none of its own.
    pub user_agent: Option<String>,
    /// The authentication type, as the driver's configuration names it, such as `pat`.
    pub auth_type: Option<String>,
    /// How the connection was configured.
    pub params: ConnectionParams,
    /// What an exporter made of all this, so that it is made once per connection.
    pub encoded: Encoded,
}

impl fmt::Debug for SessionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SessionContext { driver, session_id, workspace_id, user_agent, auth_type, params, encoded } =
            self;
        f.debug_struct("SessionContext")
            .field("driver", driver)
            .field("session_id", session_id)
            .field("workspace_id", workspace_id)
            .field("user_agent", &user_agent.shown())
            .field("auth_type", &auth_type.shown())
            .field("params", params)
            .field("encoded", encoded)
            .finish()
    }
}

/// The driver and the system it runs on.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct DriverContext {
    /// Which driver this is.
    pub identity: DriverIdentity,
    /// What the program runs on.
    pub system: SystemInfo,
}

impl DriverContext {
    /// The driver's own user agent, `Name/version`, with what a header's product name can't hold left out.
    pub fn user_agent(&self) -> String {
        let name: String = self.identity.name().chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}/{}", if name.is_empty() { "driver" } else { &name }, self.identity.version())
    }
}

/// A place where an exporter keeps what it made of a [`SessionContext`], for as long as that lives.
///
/// The first type kept in it has it; another exporter's type is made anew each time.
#[derive(Default)]
pub struct Encoded(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Encoded {
    /// What was kept, or what `make` makes.
    pub fn get_or_make<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        if let Some(kept) = self.0.get() {
            return Arc::clone(kept).downcast().unwrap_or_else(|_| Arc::new(make()));
        }
        let made = Arc::new(make());
        // Losing a race costs one object, no more.
        drop(self.0.set(Arc::clone(&made) as Arc<dyn Any + Send + Sync>));
        made
    }
}

impl Drop for Encoded {
    fn drop(&mut self) {
        // What an exporter made is foreign code, and a driver's thread may be the last that holds it.
        let kept = self.0.take();
        contained(move || drop(kept));
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded").field("kept", &self.0.get().is_some()).finish()
    }
}

/// How a statement or a call ran.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct SqlExecution {
    /// What the statement is for.
    pub statement_type: Option<StatementType>,
    /// Whether its result came compressed.
    pub is_compressed: Option<bool>,
    /// How its result came.
    pub execution_result: Option<ResultFormat>,
    /// The chunk that an error is about, counted from 0.
    pub chunk_id: Option<i64>,
    /// How often its requests were retried.
    pub retry_count: Option<u64>,
    /// How its chunks came down.
    pub chunks: Option<ChunkDetails>,
    /// From the start until the first row could be read.
    pub result_ready: Option<Duration>,
    /// From the start until the last row had been read.
    pub result_consumed: Option<Duration>,
    /// The driver's call.
    pub operation: Option<OperationDetail>,
    /// Whether a patched Arrow library is in use, for bindings to Java.
    pub java_uses_patched_arrow: Option<bool>,
}

/// How the chunks of a result came down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct ChunkDetails {
    /// How many chunks the result has, where the service said.
    pub present: Option<u32>,
    /// How many were read.
    pub iterated: u32,
    /// Their size as downloaded, in bytes. Not on the wire.
    pub bytes: u64,
    /// The download of the first chunk: the one with the lowest index.
    pub first: Option<Duration>,
    /// The slowest download.
    pub slowest: Option<Duration>,
    /// All downloads, added up; parallel ones count in full.
    pub sum: Duration,
}

/// The driver's call that a record is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct OperationDetail {
    /// How often the service was asked whether the operation is done.
    pub status_calls: Option<u32>,
    /// How long those questions took, added up.
    pub status_latency: Option<Duration>,
    /// The call.
    pub operation_type: Option<OperationType>,
    /// Whether the driver made it on its own account, not for its caller.
    pub is_internal_call: Option<bool>,
}

/// What was done to a volume.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct VolumeOperation {
    /// What was done.
    pub operation: Option<VolumeOperationType>,
    /// The path in the volume. Redacted.
    pub volume_path: Option<String>,
    /// The local file: its base name alone is kept.
    pub local_file: Option<String>,
}

debug_redacted!(VolumeOperation { operation, volume_path, local_file });

/// What went wrong.
#[derive(Clone)]
#[expect(
    clippy::exhaustive_structs,
    reason = "mirrors the wire's message, and is matched whole where it is mapped"
)]
pub struct ErrorInfo {
    /// The error's name or class, such as `TABLE_OR_VIEW_NOT_FOUND`.
    pub name: String,
    /// Its class.
    pub class: ErrorClass,
    /// Its message and stack, redacted and cut. `None` when there is none, or when as much text is held as may be.
    pub text: Option<ErrorText>,
}

debug_redacted!(ErrorInfo { name, class, text });
