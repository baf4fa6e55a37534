//! What is delivered: one record of one thing that happened, whole and final.

pub(crate) mod audience;
pub(crate) mod body;
pub(crate) mod chunk;
pub(crate) mod context;
pub(crate) mod enums;
pub(crate) mod error_info;
pub(crate) mod execution;
pub(crate) mod id;
pub(crate) mod identity;
pub(crate) mod kind;
pub(crate) mod level;
pub(crate) mod message;
pub(crate) mod params;
pub(crate) mod system;
pub(crate) mod trace_parent;

use std::sync::Arc;
use std::time::SystemTime;

pub use audience::Audience;
pub use body::Body;
pub use chunk::Chunk;
pub use context::{DriverContext, Encoded, SessionContext};
pub use enums::{
    AuthFlow, AuthMech, DriverMode, OperationType, ProxyAuth, ResultFormat, StatementType,
    VolumeOperationType,
};
pub use error_info::ErrorInfo;
pub use execution::{ChunkDetails, OperationDetail, SqlExecution, VolumeOperation};
pub use id::{EventId, InvalidId, MAX_ID_BYTES, SessionId, StatementId};
pub use identity::{DriverIdentity, DriverIdentityBuilder};
pub use kind::RecordKind;
pub use level::Level;
pub use params::{ConnectionParams, HostDetails};
pub use system::SystemInfo;
pub use trace_parent::{InvalidTraceParent, TraceParent};

pub use crate::text::error_text::{ErrorText, MAX_TEXT_CHARS};

use crate::record::audience::{View, viewed};

viewed! {
    /// One record: what happened, when, in which connection.
    #[derive(Clone, Debug)]
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct Record {
        /// Its id, the same in every attempt.
        [everybody] pub id: EventId,
        /// The date of what it is about.
        [everybody] pub stamp: SystemTime,
        /// The connection it comes from.
        [everybody] pub session: Arc<SessionContext>,
        /// What it says.
        [everybody] pub body: Body,
    }
}

impl Record {
    /// What an audience sees of it: of its connection too. The text of an error is a copy.
    pub fn seen_by(&self, audience: Audience) -> Record {
        self.view(audience)
    }

    /// How many bytes its error's text takes.
    pub(crate) fn text_bytes(&self) -> u64 {
        let text = self.body.error.as_ref().and_then(|error| error.text.as_deref());
        text.map_or(0, |text| text.len() as u64)
    }

    /// How many bytes it takes, without error text, which counts by itself.
    pub(crate) fn bytes(&self) -> u64 {
        // Behind an `Arc` with two counters.
        (size_of::<Record>() - size_of::<Body>() + 2 * size_of::<usize>()) as u64 + self.body.bytes()
    }
}
